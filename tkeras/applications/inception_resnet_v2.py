"""InceptionResNetV2 (Szegedy et al., 2017)."""

from tkeras.applications import _imagenet
from tkeras.applications._imagenet import decode_predictions as decode_predictions
from tkeras.applications._inception_resnet_v2 import CustomScaleLayer as CustomScaleLayer
from tkeras.applications._inception_resnet_v2 import InceptionResNetV2 as InceptionResNetV2

preprocess_input = _imagenet.tf
