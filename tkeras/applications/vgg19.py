"""VGG19 (Simonyan and Zisserman, 2014)."""

from tkeras.applications import _imagenet
from tkeras.applications._imagenet import decode_predictions as decode_predictions
from tkeras.applications._vgg import VGG19 as VGG19

preprocess_input = _imagenet.caffe
