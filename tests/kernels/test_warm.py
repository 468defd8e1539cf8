"""Kernels compiled ahead by processes without a GPU are what launches find in Triton's cache."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

import tkeras
from tests.compiler.test_step import SPARSE
from tkeras import layers
from tkeras.compiler._step import step_program
from tkeras.compiler._warm import launches_of
from tkeras_kernels import library
from tkeras_kernels.inspect import _warm, warm
from tkeras_kernels.operators import dense, map
from tkeras_kernels.pointwise import pointwise
from tkeras_kernels.runtime import TARGETS, Launch, recording

HOPPER = TARGETS["sm_90"]
LAUNCHES = """
import json, sys
from tkeras_kernels.inspect import _warm_worker as worker
from tkeras_kernels.runtime import use_triton
task = json.load(sys.stdin)
use_triton("compiled")
worker.drive(task["target"])
from triton import knobs
seen = []
knobs.compilation.listener = lambda **facts: seen.append((facts["cache_hit"], facts["metadata"]["hash"]))
for request in task["requests"]:
    kernel = worker.kernel_of(request)
    arguments, constants = worker.arguments_of(request)
    try:
        kernel[(1,)](*arguments, **constants)
    except AttributeError as error:  # the driver that is none has nothing to launch with
        assert "Elsewhere" in str(error), error
print(json.dumps(seen))
"""
"""A launch, not a warm-up: it goes as far as the loading of what was compiled."""


def launches() -> list[Launch]:
    """Three kernels: with tuples, leaf functions, absent arguments, sizes of each specialisation."""
    x = torch.empty(64, 48, device="meta", dtype=torch.bfloat16)
    gated = pointwise(lambda a, b: a * b, arity=2)
    with torch.no_grad(), recording(HOPPER) as found:
        map.forward(x, fn=pointwise(library.gelu))
        map.forward(x, x[0], fn=gated)
        dense.infer(x, x.new_empty(48, 1), None)
    return found


@pytest.fixture
def caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path / "triton"))
    monkeypatch.setenv("TKERAS_CACHE_DIR", str(tmp_path / "tkeras"))
    return tmp_path / "triton"


@pytest.mark.compile
def test_launches_find_what_workers_compiled(caches: Path) -> None:
    wanted = launches()
    made = warm(wanted, HOPPER, workers=1)
    assert [result["kernel"] for result in made] == [launch.kernel.fn.__name__ for launch in wanted]
    hashes = [result["hash"] for result in made]
    assert warm(wanted, HOPPER) == []  # known to be there
    task = {
        "target": {"name": HOPPER.name, "backend": "cuda", "arch": 90},
        "requests": [_warm.request(launch) for launch in wanted],
    }
    environment = {**os.environ, "TRITON_INTERPRET": "0", "PYTHONPATH": os.pathsep.join(sys.path)}
    again = subprocess.run(
        [sys.executable, "-c", LAUNCHES], input=json.dumps(task), capture_output=True, text=True,
        env=environment, check=False,
    )  # fmt: skip
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout) == [[True, found] for found in hashes]


def test_few_kernels_start_no_process(caches: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_warm, "_start", None)
    assert warm(launches()[: _warm.FEWEST - 1], HOPPER) == []


def test_workers_see_no_gpu_and_share_the_work(caches: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each kernel goes to one worker; one that fails leaves its kernel to the launch."""
    started: list[dict[str, Any]] = []

    class Worker:
        pid, stdin = 0, None

        def __init__(self, command: Any, env: dict[str, str], **options: Any):
            self.env, self.text = env, ""
            self.stdin: Any = self
            started.append(vars(self))

        def write(self, text: str) -> None:
            self.requests = json.loads(text)["requests"]

        def close(self) -> None:
            """All is written."""

        def communicate(self, timeout: float) -> tuple[str, str]:
            lines = [{"hash": "h"} if r["name"] != "map_rows" else {"error": "no"} for r in self.requests]
            return "\n".join(json.dumps(line) for line in lines), ""

    monkeypatch.setattr(_warm.subprocess, "Popen", Worker)
    found = warm([*launches(), *launches()], HOPPER, workers=2)
    assert [len(worker["requests"]) for worker in started] == [2, 1]
    assert all(worker["env"]["CUDA_VISIBLE_DEVICES"] == "" for worker in started)
    assert sorted("hash" in result for result in found) == [False, True, True]
    assert len(list((caches.parent / "tkeras" / "warm").iterdir())) == 2


def test_a_program_says_what_it_will_launch() -> None:
    model = tkeras.Sequential([
        tkeras.Input((6, 6, 3)), layers.Conv2D(4, 3), layers.BatchNormalization(), layers.ReLU(),
        layers.Dropout(0.3), layers.Flatten(), layers.Dense(8, activation="gelu"), layers.Dense(3),
    ])  # fmt: skip
    model.compile("adam", SPARSE)
    batch = (torch.rand(4, 6, 6, 3), torch.randint(3, (4,)))
    model._learn(batch)
    program = step_program(model, batch, gpu=True)
    before = torch.get_rng_state()
    names = {launch.kernel.fn.__name__ for launch in launches_of(program, HOPPER)}
    assert torch.equal(torch.get_rng_state(), before)
    forward = {"convolve", "channel_normalize", "noisy_map", "product"}
    assert names >= forward | {"weight_gradient", "channel_backward", "kernel_gradient"}
