"""Penalties on weights and activations."""

from typing import Any

from tkeras.regularizers._regularizers import L1 as L1
from tkeras.regularizers._regularizers import L1L2 as L1L2
from tkeras.regularizers._regularizers import L2 as L2
from tkeras.regularizers._regularizers import REGULARIZERS
from tkeras.regularizers._regularizers import OrthogonalRegularizer as OrthogonalRegularizer
from tkeras.regularizers._regularizers import Regularizer as Regularizer

l1 = L1
l2 = L2
l1_l2 = L1L2
orthogonal_regularizer = OrthogonalRegularizer

get = REGULARIZERS.get
deserialize = REGULARIZERS.deserialize


def serialize(regularizer: Any) -> Any:
    """The configuration that :func:`deserialize` takes."""
    return REGULARIZERS.serialize(regularizer)
