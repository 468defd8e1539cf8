"""Convolution layers."""

from tkeras.layers.convolution._conv import Conv1D as Conv1D
from tkeras.layers.convolution._conv import Conv2D as Conv2D
from tkeras.layers.convolution._conv import Conv3D as Conv3D

Convolution1D, Convolution2D, Convolution3D = Conv1D, Conv2D, Conv3D
