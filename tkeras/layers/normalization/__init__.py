"""Normalization layers."""

from tkeras.layers.normalization._batch import BatchNormalization as BatchNormalization
from tkeras.layers.normalization._group_norm import GroupNormalization as GroupNormalization
from tkeras.layers.normalization._layer_norm import LayerNormalization as LayerNormalization
from tkeras.layers.normalization._rms_norm import RMSNormalization as RMSNormalization
from tkeras.layers.normalization._spectral_norm import SpectralNormalization as SpectralNormalization
from tkeras.layers.normalization._unit_norm import UnitNormalization as UnitNormalization
