"""MobileNetV2 (Sandler et al., 2018)."""

from tkeras.applications import _imagenet
from tkeras.applications._imagenet import decode_predictions as decode_predictions
from tkeras.applications._mobilenet import MobileNetV2 as MobileNetV2

preprocess_input = _imagenet.tf
