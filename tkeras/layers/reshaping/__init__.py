"""Layers that change shapes."""

from tkeras.layers.reshaping._margins import Cropping1D as Cropping1D
from tkeras.layers.reshaping._margins import Cropping2D as Cropping2D
from tkeras.layers.reshaping._margins import Cropping3D as Cropping3D
from tkeras.layers.reshaping._margins import ZeroPadding1D as ZeroPadding1D
from tkeras.layers.reshaping._margins import ZeroPadding2D as ZeroPadding2D
from tkeras.layers.reshaping._margins import ZeroPadding3D as ZeroPadding3D
from tkeras.layers.reshaping._reshape import Flatten as Flatten
from tkeras.layers.reshaping._reshape import Permute as Permute
from tkeras.layers.reshaping._reshape import RepeatVector as RepeatVector
from tkeras.layers.reshaping._reshape import Reshape as Reshape
from tkeras.layers.reshaping._upsampling import UpSampling1D as UpSampling1D
from tkeras.layers.reshaping._upsampling import UpSampling2D as UpSampling2D
from tkeras.layers.reshaping._upsampling import UpSampling3D as UpSampling3D
