"""The NASNets (Zoph et al., 2018)."""

from tkeras.applications import _imagenet
from tkeras.applications._imagenet import decode_predictions as decode_predictions
from tkeras.applications._nasnet import NASNetLarge as NASNetLarge
from tkeras.applications._nasnet import NASNetMobile as NASNetMobile

preprocess_input = _imagenet.tf
