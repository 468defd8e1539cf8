"""``python -m tkeras``: sub-commands, and what the doctor finds."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from tkeras.cli import _doctor, main
from tkeras_kernels import runtime


@pytest.mark.parametrize("arguments", [["operate"], []], ids=["unknown", "none"])
def test_wrong_usage_is_explained(arguments: list[str]) -> None:
    finished = subprocess.run(
        [sys.executable, "-m", "tkeras", *arguments], capture_output=True, text=True, check=False
    )
    assert finished.returncode == 2
    assert finished.stdout == ""
    assert finished.stderr.startswith("usage: python -m tkeras")


def test_help_names_the_sub_commands(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    assert "doctor" in capsys.readouterr().out


@pytest.mark.compile
def test_doctor_checks_a_real_kernel() -> None:
    finished = subprocess.run(
        [sys.executable, "-m", "tkeras", "doctor"], capture_output=True, text=True, check=False
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    facts = dict(line.split(maxsplit=1) for line in finished.stdout.splitlines() if line.strip())
    assert facts["torch"] == torch.__version__
    assert "kernel check" in finished.stdout
    assert finished.stdout.endswith("doctor: all is well\n")


@pytest.fixture
def healthy(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without a GPU where the kernel check passes at once."""
    monkeypatch.setattr(_doctor.inspect, "check_kernel", lambda: (True, "not tried"))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(_doctor, "default_device", lambda: torch.device("cpu"))


@pytest.mark.usefixtures("healthy")
def test_doctor_says_why_a_backend_runs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("TKERAS_BACKEND", raising=False)
    with runtime.backend_scope("auto"):
        assert main(["doctor"]) == 0
    assert "auto (the default) runs torch: no GPU: tensors on cpu" in capsys.readouterr().out
    monkeypatch.setenv("TKERAS_BACKEND", "torch")
    with runtime.backend_scope("torch"):
        assert main(["doctor"]) == 0
    assert "torch (set by TKERAS_BACKEND) runs torch: backend 'torch' was chosen" in capsys.readouterr().out


@pytest.mark.usefixtures("healthy")
def test_doctor_says_what_to_do_about_a_broken_kernel(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(_doctor.inspect, "check_kernel", lambda: (False, "dense is wrong on this"))
    monkeypatch.setenv("TRITON_CACHE_DIR", __file__)
    assert main(["doctor"]) == 1
    output = capsys.readouterr().out
    assert "failed: dense is wrong on this" in output
    assert "to do: the kernel check failed; until it passes, TKERAS_BACKEND=torch" in output
    assert "to do: Triton cannot write its cache" in output
    assert output.endswith("doctor: 2 to do\n")


@pytest.mark.usefixtures("healthy")
def test_doctor_sees_what_is_not_installed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(_doctor.sys, "platform", "linux")
    monkeypatch.setattr(_doctor.runtime, "triton_missing", lambda: "Triton is not installed")
    monkeypatch.setattr(_doctor, "PACKAGES", ("torch", "a_package_that_is_missing"))
    assert main(["doctor"]) == 1
    output = capsys.readouterr().out
    assert "to do: a_package_that_is_missing is not installed" in output
    assert "to do: Triton is missing: pip install triton" in output
