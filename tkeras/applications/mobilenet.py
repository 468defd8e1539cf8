"""MobileNet (Howard et al., 2017)."""

from tkeras.applications import _imagenet
from tkeras.applications._imagenet import decode_predictions as decode_predictions
from tkeras.applications._mobilenet import MobileNet as MobileNet

preprocess_input = _imagenet.tf
