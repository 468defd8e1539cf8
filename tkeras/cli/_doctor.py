"""``doctor``: what runs here and why, and whether the kernels work."""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import torch

from tkeras.config import default_device, get_backend
from tkeras_kernels import inspect, operators, runtime

HELP = "say what runs here and why, compile a kernel and check one"
PACKAGES = ("tkeras", "torch", "numpy", "h5py")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """None."""


def run(arguments: argparse.Namespace) -> int:
    """Print facts, check a kernel, say what to do; 0 when there is nothing to do."""
    from tabulate import tabulate

    choice = _choice()
    facts = {
        "python": f"{platform.python_version()} on {platform.system()} {platform.machine()}",
        **{package: _version(package) for package in PACKAGES},
        "processor": f"{os.cpu_count()} cores, {torch.get_num_threads()} threads",
        **runtime.doctor_facts(),
        "backend": _backend(choice),
    }
    works, checked = inspect.check_kernel()  # imports Triton, so it comes after the facts
    facts["kernel check"] = f"{'ok' if works else 'failed'}: {checked}"
    print(tabulate(facts.items(), tablefmt="plain", disable_numparse=True))
    advice = [*_missing(), *_unused_gpu(choice), *_broken_kernel(works)]
    for text in advice:
        print(f"\nto do: {text}")
    print("\ndoctor: all is well" if not advice else f"\ndoctor: {len(advice)} to do")
    return 1 if advice else 0


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def _choice() -> runtime.Decision:
    """What dispatch chooses for a dense layer on the default device."""
    shapes = (4, 8), (8, 4), (4,)
    return runtime.dispatch(
        operators.dense, tuple(torch.empty(shape, device=default_device()) for shape in shapes), {}
    )


def _backend(choice: runtime.Decision) -> str:
    source = "set by TKERAS_BACKEND" if "TKERAS_BACKEND" in os.environ else "the default"
    return f"{get_backend()} ({source}) runs {choice.implementation}: {choice.reason}"


def _missing() -> Iterator[str]:
    for package in PACKAGES:
        if _version(package) == "not installed":
            yield f"{package} is not installed as a package: install tkeras with pip."
    if sys.platform == "linux" and runtime.triton_missing():
        yield "Triton is missing: pip install triton. Without it torch runs everything."


def _unused_gpu(choice: runtime.Decision) -> Iterator[str]:
    if torch.cuda.is_available():
        if get_backend() == "auto" and choice.implementation != "triton":
            yield f"the GPU does not run the fused kernels: {choice.reason}."
    elif Path("/dev/nvidiactl").exists():
        why = "its driver does not answer" if torch.version.cuda else "this torch was built without CUDA"
        yield f"there is an NVIDIA GPU that torch cannot use: {why}."


def _broken_kernel(works: bool) -> Iterator[str]:
    if works:
        return
    yield "the kernel check failed; until it passes, TKERAS_BACKEND=torch runs everything on torch."
    if torch.cuda.is_available() and not (shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")):
        yield "Triton needs a C compiler for its launchers: install gcc or clang."
    home = Path(os.environ.get("TRITON_HOME") or Path.home()) / ".triton" / "cache"
    folder = Path(os.environ.get("TRITON_CACHE_DIR") or home)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        yield f"Triton cannot write its cache ({error}): set TRITON_CACHE_DIR to another folder."
