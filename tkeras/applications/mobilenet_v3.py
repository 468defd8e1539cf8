"""The MobileNets of 2019 (Howard et al.), which rescale the images themselves."""

from tkeras.applications import _imagenet
from tkeras.applications._imagenet import decode_predictions as decode_predictions

preprocess_input = _imagenet.unchanged
