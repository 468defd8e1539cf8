"""The EfficientNets (Tan and Le, 2019), which rescale the images themselves."""

from tkeras.applications import _imagenet
from tkeras.applications._efficientnet import EfficientNetB0 as EfficientNetB0
from tkeras.applications._efficientnet import EfficientNetB1 as EfficientNetB1
from tkeras.applications._efficientnet import EfficientNetB2 as EfficientNetB2
from tkeras.applications._efficientnet import EfficientNetB3 as EfficientNetB3
from tkeras.applications._efficientnet import EfficientNetB4 as EfficientNetB4
from tkeras.applications._efficientnet import EfficientNetB5 as EfficientNetB5
from tkeras.applications._efficientnet import EfficientNetB6 as EfficientNetB6
from tkeras.applications._efficientnet import EfficientNetB7 as EfficientNetB7
from tkeras.applications._imagenet import decode_predictions as decode_predictions

preprocess_input = _imagenet.unchanged
