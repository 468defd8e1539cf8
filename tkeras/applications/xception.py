"""Xception (Chollet, 2017)."""

from tkeras.applications import _imagenet
from tkeras.applications._imagenet import decode_predictions as decode_predictions
from tkeras.applications._xception import Xception as Xception

preprocess_input = _imagenet.tf
