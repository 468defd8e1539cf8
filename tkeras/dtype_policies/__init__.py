"""Policies of element types: what layers compute in and keep their variables in."""

from tkeras.config import DTypePolicy as DTypePolicy
from tkeras.dtype_policies._convert import deserialize as deserialize
from tkeras.dtype_policies._convert import get as get
from tkeras.dtype_policies._convert import serialize as serialize
from tkeras.dtype_policies._map import DTypePolicyMap as DTypePolicyMap
from tkeras.dtype_policies._quantized import AWQDTypePolicy as AWQDTypePolicy
from tkeras.dtype_policies._quantized import GPTQDTypePolicy as GPTQDTypePolicy
from tkeras.dtype_policies._quantized import Int4DTypePolicy as Int4DTypePolicy
from tkeras.dtype_policies._quantized import QuantizedDTypePolicy as QuantizedDTypePolicy
from tkeras.dtype_policies._quantized import QuantizedFloat8DTypePolicy as QuantizedFloat8DTypePolicy

FloatDTypePolicy = DTypePolicy
