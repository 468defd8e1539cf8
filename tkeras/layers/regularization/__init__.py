"""Layers that act in training only."""

from tkeras.layers.regularization._dropout import Dropout as Dropout
from tkeras.layers.regularization._dropout import SpatialDropout1D as SpatialDropout1D
from tkeras.layers.regularization._dropout import SpatialDropout2D as SpatialDropout2D
from tkeras.layers.regularization._dropout import SpatialDropout3D as SpatialDropout3D
from tkeras.layers.regularization._noise import AlphaDropout as AlphaDropout
from tkeras.layers.regularization._noise import GaussianDropout as GaussianDropout
from tkeras.layers.regularization._noise import GaussianNoise as GaussianNoise
