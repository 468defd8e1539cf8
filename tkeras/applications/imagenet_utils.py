"""What the models of ImageNet share."""

from tkeras.applications._imagenet import decode_predictions as decode_predictions
from tkeras.applications._imagenet import preprocess_input as preprocess_input
