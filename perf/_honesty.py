"""Whether a contender earns its time: right numbers, on every call, when the call says that it is done.

A call is a function of its inputs, which stay where they are while their values change. Outputs are looked at
as soon as the call returns, in the stream it was called on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import contextmanager
from typing import Any

import torch

from tkeras_kernels.runtime import Error, errors

Tensors = Sequence[torch.Tensor | None]
Function = Callable[..., Any]
FACTOR, UNITS = 4.0, 8.0
"""Allowed: so many times the error of torch in the same dtype, and so many units of rounding."""
_CHANGES = 3


class DishonestError(Exception):
    """A contender's numbers are wrong, or its time is not that of its work."""


def tuple_of(result: Any) -> tuple[torch.Tensor | None, ...]:
    """One result or several."""
    return tuple(result) if isinstance(result, tuple | list) else (result,)


def check(
    name: str, call: Function, reference: Function, inputs: Tensors, positive: bool = False
) -> list[Error]:
    """Errors of the outputs, beside those of ``reference`` in the same dtype.

    Args:
        call: on ``inputs``; it may have prepared itself for these very tensors.
        reference: plain torch on any tensors; in float64 it gives the truth.
        positive: draw positive numbers, as of a function that has no value at others.

    Raises:
        DishonestError: numbers are wrong; a second call gives what the first did although the inputs have
            changed, or stops working; inputs are changed; the call returns before its outputs are there.
    """
    found: list[Error] = []
    kept: list[tuple[tuple[torch.Tensor | None, ...], tuple[torch.Tensor | None, ...]]] = []
    for change in range(_CHANGES):
        if change:
            redraw(inputs, positive)
        before = [None if tensor is None else tensor.clone() for tensor in inputs]
        with _poisoned():
            outputs = tuple_of(call(*inputs))
        seen = tuple(None if tensor is None else tensor.clone() for tensor in outputs)
        _same(name, "changes its inputs", inputs, before)
        plain, exact = (tuple_of(reference(*map(kind, inputs))) for kind in (_plain, _double))
        found = errors("output", seen, plain, exact)
        wrong = [error for error in found if not error.within(FACTOR, UNITS)]
        if wrong:
            when = "" if not change else f" on call {change + 1}, with other inputs"
            worst = max(wrong, key=lambda error: error.ours)
            off = f"{worst.what} is off by {worst.ours:.2g}, torch by {worst.theirs:.2g}"
            raise DishonestError(f"{name}: wrong numbers{when}: {off}")
        kept.append((outputs, seen))
    _same(name, "changes its outputs after it has returned", *kept[-1])
    return found


def redraw(inputs: Tensors, positive: bool = False) -> None:
    """Other values in the same memory; integers, which may be indices, change places."""
    for tensor in inputs:
        if tensor is None:
            continue
        if tensor.is_floating_point():
            tensor.normal_()
            if positive:
                tensor.abs_()
        elif tensor.dtype != torch.bool:
            tensor.copy_(tensor.flatten().roll(1).view(tensor.shape))


def _plain(tensor: torch.Tensor | None) -> torch.Tensor | None:
    return tensor


def _double(tensor: torch.Tensor | None) -> torch.Tensor | None:
    return tensor if tensor is None or not tensor.is_floating_point() else tensor.double()


def _same(name: str, what: str, now: Tensors, before: Tensors) -> None:
    for a, b in zip(now, before, strict=True):
        if a is not None and b is not None and not torch.equal(a.nan_to_num(7.0), b.nan_to_num(7.0)):
            raise DishonestError(f"{name} {what}")


@contextmanager
def _poisoned() -> Any:
    """Memory that is not written is NaN, so that skipped work shows."""
    before = torch.are_deterministic_algorithms_enabled()
    warned = torch.is_deterministic_algorithms_warn_only_enabled()
    torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before, warn_only=warned)


def check_stream(name: str, call: Callable[[], Any], seconds: float, tolerance: float = 1.5) -> None:
    """On a GPU: the whole device must be done when the stream that was timed is.

    Raises:
        DishonestError: the device works so many times longer than the time that was measured.
    """
    if not torch.cuda.is_available():
        return
    import time

    torch.cuda.synchronize()
    repeats = max(1, int(0.02 / max(seconds, 1e-7)))
    start = time.perf_counter()
    for _ in range(repeats):
        call()
    torch.cuda.current_stream().synchronize()
    stream = time.perf_counter() - start
    torch.cuda.synchronize()
    whole = time.perf_counter() - start
    if whole > tolerance * stream + 1e-3:
        raise DishonestError(f"{name} works in another stream than it is called on")
