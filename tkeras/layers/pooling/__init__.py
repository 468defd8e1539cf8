"""Pooling layers."""

from tkeras.layers.pooling._adaptive import AdaptiveAveragePooling1D as AdaptiveAveragePooling1D
from tkeras.layers.pooling._adaptive import AdaptiveAveragePooling2D as AdaptiveAveragePooling2D
from tkeras.layers.pooling._adaptive import AdaptiveAveragePooling3D as AdaptiveAveragePooling3D
from tkeras.layers.pooling._adaptive import AdaptiveMaxPooling1D as AdaptiveMaxPooling1D
from tkeras.layers.pooling._adaptive import AdaptiveMaxPooling2D as AdaptiveMaxPooling2D
from tkeras.layers.pooling._adaptive import AdaptiveMaxPooling3D as AdaptiveMaxPooling3D
from tkeras.layers.pooling._pool import AveragePooling1D as AveragePooling1D
from tkeras.layers.pooling._pool import AveragePooling2D as AveragePooling2D
from tkeras.layers.pooling._pool import AveragePooling3D as AveragePooling3D
from tkeras.layers.pooling._pool import GlobalAveragePooling1D as GlobalAveragePooling1D
from tkeras.layers.pooling._pool import GlobalAveragePooling2D as GlobalAveragePooling2D
from tkeras.layers.pooling._pool import GlobalAveragePooling3D as GlobalAveragePooling3D
from tkeras.layers.pooling._pool import GlobalMaxPooling1D as GlobalMaxPooling1D
from tkeras.layers.pooling._pool import GlobalMaxPooling2D as GlobalMaxPooling2D
from tkeras.layers.pooling._pool import GlobalMaxPooling3D as GlobalMaxPooling3D
from tkeras.layers.pooling._pool import MaxPooling1D as MaxPooling1D
from tkeras.layers.pooling._pool import MaxPooling2D as MaxPooling2D
from tkeras.layers.pooling._pool import MaxPooling3D as MaxPooling3D

AvgPool1D = AveragePooling1D
AvgPool2D = AveragePooling2D
AvgPool3D = AveragePooling3D
GlobalAvgPool1D = GlobalAveragePooling1D
GlobalAvgPool2D = GlobalAveragePooling2D
GlobalAvgPool3D = GlobalAveragePooling3D
GlobalMaxPool1D = GlobalMaxPooling1D
GlobalMaxPool2D = GlobalMaxPooling2D
GlobalMaxPool3D = GlobalMaxPooling3D
MaxPool1D = MaxPooling1D
MaxPool2D = MaxPooling2D
MaxPool3D = MaxPooling3D
