"""Policies of element types: what layers compute in and keep their variables in."""

from tkeras.config import DTypePolicy as DTypePolicy
from tkeras.dtype_policies._convert import deserialize as deserialize
from tkeras.dtype_policies._convert import get as get
from tkeras.dtype_policies._convert import serialize as serialize

FloatDTypePolicy = DTypePolicy
