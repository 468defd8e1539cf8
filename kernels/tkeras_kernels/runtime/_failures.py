"""Kernels that failed here: torch runs in their place, one warning is given, the report keeps the reason."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch

from ..pointwise import Pointwise
from ._report import Decision, counts, failures

if TYPE_CHECKING:
    from ..operators import Operator

_failed: dict[tuple[Any, ...], str] = {}


class KernelWarning(RuntimeWarning):
    """A fused kernel failed and torch ran in its place."""


def _key(operator: Operator, dtype: torch.dtype, attributes: Mapping[str, Any]) -> tuple[Any, ...]:
    """What one compiled kernel serves: operator, dtype, functions and flags, whatever the sizes and seeds."""
    kept, _ = operator.split(dict(attributes))
    return (
        operator.name,
        dtype,
        *(value for value in kept.values() if isinstance(value, Pointwise | str | bool)),
    )


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines() or [""]
    return f"{type(error).__name__}: {lines[0]}"[:200]


def failure_reason(operator: Operator, dtype: torch.dtype, attributes: Mapping[str, Any]) -> str | None:
    """Why the kernel for such a call is switched off, or None when it is not."""
    return _failed.get(_key(operator, dtype, attributes)) if _failed else None


def record_failure(
    operator: Operator, dtype: torch.dtype, attributes: Mapping[str, Any], error: BaseException
) -> str:
    """Switch a kernel off after ``error``, report it, warn the first time, and return the reason."""
    key = _key(operator, dtype, attributes)
    first = key not in _failed
    reason = _failed.setdefault(key, f"kernel failed: {_first_line(error)}")
    failures[operator.name, Decision("torch", reason)] += 1
    if first:
        text = f"{operator.name}: {reason}. torch runs in its place from now on."
        warnings.warn(text, KernelWarning, stacklevel=4)
    return reason


def recount(operator: Operator, counted: Decision, reason: str) -> None:
    """Move a call that was counted as ``counted`` to torch, which served it in the end."""
    counts[operator.name, counted] -= 1
    if not counts[operator.name, counted]:
        del counts[operator.name, counted]
    counts[operator.name, Decision("torch", reason)] += 1


def forget_failures() -> None:
    """Give every failed kernel another chance."""
    _failed.clear()
