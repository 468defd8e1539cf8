"""How far results are from the truth, beside how far torch's own are in the same dtype."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch

from ._precision import get_matmul_precision


class Error(NamedTuple):
    """Largest absolute errors of a result against float64: ours, torch's in the same dtype, and what is
    rounding.

    ``rounding`` is one unit in the last place of the largest value, in tf32's places where products use it.
    """

    what: str
    ours: float
    theirs: float
    rounding: float

    def within(self, factor: float, units: float) -> bool:
        """Whether ours is at most ``factor`` times theirs and ``units`` of rounding."""
        return self.ours <= factor * self.theirs + units * self.rounding


def errors(
    what: str,
    found: Sequence[torch.Tensor | None],
    plain: Sequence[torch.Tensor | None],
    exact: Sequence[torch.Tensor | None],
) -> list[Error]:
    """One error a result; a result that is NaN, or of another shape, where the truth is not, is infinitely
    wrong."""
    return [
        _error(f"{what} {index}", *results)
        for index, results in enumerate(zip(found, plain, exact, strict=True))
        if results[2] is not None
    ]


def _error(
    what: str, ours: torch.Tensor | None, theirs: torch.Tensor | None, truth: torch.Tensor | None
) -> Error:
    assert theirs is not None
    assert truth is not None
    if ours is None or ours.shape != truth.shape:
        return Error(what, float("inf"), 0.0, 0.0)
    if not truth.numel():
        return Error(what, 0.0, 0.0, 0.0)
    rounding = _unit(theirs.dtype) * truth.abs().max().item()
    return Error(what, _distance(ours, truth), _distance(theirs, truth), rounding)


def _distance(result: torch.Tensor, truth: torch.Tensor) -> float:
    difference = (result.double() - truth).abs()
    agree = (result.double() == truth) | (result.isnan() & truth.isnan())
    return difference.masked_fill(agree, 0.0).nan_to_num(torch.inf).max().item()


def _unit(dtype: torch.dtype) -> float:
    if dtype == torch.float32 and get_matmul_precision() == "tf32":
        return 2.0**-10
    return torch.finfo(dtype).eps
