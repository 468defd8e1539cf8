"""Projections applied to weights after each update."""

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
serialize = CONSTRAINTS.serialize
deserialize = CONSTRAINTS.deserialize
