"""InceptionV3 (Szegedy et al., 2016)."""

from tkeras.applications import _imagenet
from tkeras.applications._imagenet import decode_predictions as decode_predictions
from tkeras.applications._inception_v3 import InceptionV3 as InceptionV3

preprocess_input = _imagenet.tf
