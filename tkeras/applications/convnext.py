"""The ConvNeXts (Liu et al., 2022), which standardize the images themselves."""

from tkeras.applications import _imagenet
from tkeras.applications._convnext import ConvNeXtBase as ConvNeXtBase
from tkeras.applications._convnext import ConvNeXtLarge as ConvNeXtLarge
from tkeras.applications._convnext import ConvNeXtSmall as ConvNeXtSmall
from tkeras.applications._convnext import ConvNeXtTiny as ConvNeXtTiny
from tkeras.applications._convnext import ConvNeXtXLarge as ConvNeXtXLarge
from tkeras.applications._convnext import LayerScale as LayerScale
from tkeras.applications._imagenet import decode_predictions as decode_predictions

preprocess_input = _imagenet.unchanged
