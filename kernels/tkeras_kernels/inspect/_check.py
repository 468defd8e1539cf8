"""Running, or at least compiling, one real kernel on this machine."""

from __future__ import annotations

import os
import subprocess
import sys

import torch

from .. import library
from ..operators import Case, dense
from ..pointwise import pointwise
from ..runtime import triton_missing, triton_mode
from ._compile import cross_compile
from ._numerics import measure_errors
from ._specification import operator_kernels

_FACTOR, _UNITS = 4.0, 8.0


def check_kernel(timeout: float = 120.0) -> tuple[bool, str]:
    """Whether a dense layer's kernels work here, and what was tried.

    On a GPU they are compiled and run. Elsewhere they run in the interpreter, in another process, and are
    compiled for sm_90. A machine without Triton is in order: torch runs everything there.
    """
    missing = triton_missing()
    if missing:
        return True, f"{missing}; torch runs every operator"
    if torch.cuda.is_available() and triton_mode() != "interpreter":
        return _run("cuda")
    ran, text = _interpret(timeout)
    compiled, more = _compile(timeout)
    return ran and compiled, f"{text}; {more}"


def _run(device: str) -> tuple[bool, str]:
    """Forward and backward against float64, on ``device``."""
    generator = torch.Generator().manual_seed(0)
    shapes = ((70, 100), (100, 65), (65,))
    tensors = [torch.randn(shape, generator=generator).to(device) for shape in shapes]
    found = measure_errors(dense, tensors, {"activation": pointwise(library.gelu)})
    wrong = [error.what for error in found if not error.within(_FACTOR, _UNITS)]
    name = "the interpreter" if device == "cpu" else torch.cuda.get_device_name()
    if wrong:
        return False, f"dense is wrong on {name}: {', '.join(wrong)}"
    return True, f"dense, forward and backward, is right on {name}"


def _interpret(timeout: float) -> tuple[bool, str]:
    code = "from tkeras_kernels.inspect._check import _run; ok, text = _run('cpu'); print(text); exit(not ok)"
    environment = {
        **os.environ,
        "TRITON_INTERPRET": "1",
        "TKERAS_BACKEND": "interpret",
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
    }
    try:
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, env=environment, timeout=timeout
        )
    except subprocess.TimeoutExpired:
        return False, f"the interpreter did not finish within {timeout:g} s"
    lines = (done.stdout if done.stdout.strip() else done.stderr).strip().splitlines()
    return done.returncode == 0, lines[
        -1
    ] if lines else f"the interpreter ended with status {done.returncode}"


def _compile(timeout: float) -> tuple[bool, str]:
    case = Case("check", ((512, 512), (512, 512), (512,)), {"activation": pointwise(library.gelu)})
    results = cross_compile(operator_kernels(dense, case, torch.bfloat16, "sm_90"), "sm_90", timeout)
    wrong = [
        f"{result.kernel} ({result.error or 'too much shared memory'})"
        for result in results
        if not result.fits
    ]
    if wrong:
        return False, f"not compiled for sm_90: {', '.join(wrong)}"
    return (
        True,
        f"{len(results)} kernels compiled for sm_90 in {sum(result.seconds for result in results):.1f} s",
    )
