"""Layers that act in training only."""

from tkeras.layers.regularization._dropout import Dropout as Dropout
