"""Residual networks with normalization first (He et al., 2016)."""

from tkeras.applications import _imagenet
from tkeras.applications._imagenet import decode_predictions as decode_predictions
from tkeras.applications._resnet import ResNet50V2 as ResNet50V2
from tkeras.applications._resnet import ResNet101V2 as ResNet101V2
from tkeras.applications._resnet import ResNet152V2 as ResNet152V2

preprocess_input = _imagenet.tf
