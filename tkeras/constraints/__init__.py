"""Projections applied to weights after each update."""

from typing import Any

from tkeras.constraints._constraints import CONSTRAINTS
from tkeras.constraints._constraints import Constraint as Constraint
from tkeras.constraints._constraints import MaxNorm as MaxNorm
from tkeras.constraints._constraints import MinMaxNorm as MinMaxNorm
from tkeras.constraints._constraints import NonNeg as NonNeg
from tkeras.constraints._constraints import UnitNorm as UnitNorm

max_norm = maxnorm = MaxNorm
min_max_norm = MinMaxNorm
non_neg = nonneg = NonNeg
unit_norm = unitnorm = UnitNorm

get = CONSTRAINTS.get
deserialize = CONSTRAINTS.deserialize


def serialize(constraint: Any) -> Any:
    """The configuration that :func:`deserialize` takes."""
    return CONSTRAINTS.serialize(constraint)
