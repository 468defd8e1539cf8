"""Penalties on weights and activations."""

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
serialize = REGULARIZERS.serialize
deserialize = REGULARIZERS.deserialize
