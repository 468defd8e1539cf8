"""Layers that change shapes."""

from tkeras.layers.reshaping._reshape import Flatten as Flatten
from tkeras.layers.reshaping._reshape import Permute as Permute
from tkeras.layers.reshaping._reshape import RepeatVector as RepeatVector
from tkeras.layers.reshaping._reshape import Reshape as Reshape
