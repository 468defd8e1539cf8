"""Residual networks (He et al., 2015)."""

from tkeras.applications import _imagenet
from tkeras.applications._imagenet import decode_predictions as decode_predictions
from tkeras.applications._resnet import ResNet50 as ResNet50
from tkeras.applications._resnet import ResNet101 as ResNet101
from tkeras.applications._resnet import ResNet152 as ResNet152

preprocess_input = _imagenet.caffe
