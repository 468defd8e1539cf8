"""The DenseNets (Huang et al., 2017)."""

from tkeras.applications import _imagenet
from tkeras.applications._densenet import DenseNet121 as DenseNet121
from tkeras.applications._densenet import DenseNet169 as DenseNet169
from tkeras.applications._densenet import DenseNet201 as DenseNet201
from tkeras.applications._imagenet import decode_predictions as decode_predictions

preprocess_input = _imagenet.torch
