"""Normalization layers."""

from tkeras.layers.normalization._batch import BatchNormalization as BatchNormalization
from tkeras.layers.normalization._layer_norm import LayerNormalization as LayerNormalization
