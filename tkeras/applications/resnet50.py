"""ResNet50 (He et al., 2015)."""

from tkeras.applications import _imagenet
from tkeras.applications._imagenet import decode_predictions as decode_predictions
from tkeras.applications._resnet import ResNet50 as ResNet50

preprocess_input = _imagenet.caffe
