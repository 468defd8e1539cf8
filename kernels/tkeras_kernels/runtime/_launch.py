"""The one door to the device: every kernel of the package is launched here."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from threading import Lock
from typing import Any

import torch

from ._target import Target, planning_for
from ._triton import use_triton
from ._tuned import Options, launch_options

_interpreter_lock = Lock()


@dataclass(frozen=True)
class Launch:
    """One launch as it was asked for: positional arguments, then the constants by name."""

    kernel: Any
    grid: tuple[int, ...]
    arguments: tuple[Any, ...]
    constants: Mapping[str, Any]
    warps: int
    stages: int
    cooperative: bool = False


_recorded: ContextVar[list[Launch] | None] = ContextVar("tkeras_recorded", default=None)


@contextmanager
def recording(target: Target) -> Iterator[list[Launch]]:
    """Plan for ``target`` and write launches down instead of running them, so that meta tensors will do."""
    launches: list[Launch] = []
    token = _recorded.set(launches)
    try:
        with planning_for(target):
            yield launches
    finally:
        _recorded.reset(token)


@cache
def interpreted() -> bool:
    """Whether kernels of this process run in Triton's interpreter."""
    return use_triton() == "interpreter"


def launch(
    kernel: Any,
    grid: tuple[int, ...],
    on: torch.Tensor,
    arguments: tuple[Any, ...],
    constants: Mapping[str, Any],
    *,
    warps: int = 4,
    stages: int = 1,
    cooperative: bool = False,
) -> None:
    """Run ``kernel`` over ``grid`` on the device of ``on``; ``cooperative``: only if all programs fit at
    once."""
    recorded = _recorded.get()
    if recorded is not None:
        recorded.append(Launch(kernel, grid, arguments, constants, warps, stages, cooperative))
    elif interpreted():
        _interpret(kernel, grid, arguments, constants)
    else:
        warps, stages = launch_options(kernel, on, arguments, constants, Options(warps, stages))
        options = {"launch_cooperative_grid": True} if cooperative else {}
        with torch.cuda.device_of(on):
            kernel[grid](
                *arguments, **constants, num_warps=warps, num_stages=stages, enable_fp_fusion=True, **options
            )


def _interpret(
    kernel: Any, grid: tuple[int, ...], arguments: tuple[Any, ...], constants: Mapping[str, Any]
) -> None:
    """One launch at a time, since the interpreter patches global state; numpy warns of inf and NaN, a GPU
    does not."""
    import numpy

    with _interpreter_lock, numpy.errstate(all="ignore"), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "All-NaN", RuntimeWarning)
        kernel[grid](*arguments, **constants)
