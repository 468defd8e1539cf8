"""The EfficientNets of 2021 (Tan and Le), which rescale the images themselves."""

from tkeras.applications import _imagenet
from tkeras.applications._efficientnet_v2 import EfficientNetV2B0 as EfficientNetV2B0
from tkeras.applications._efficientnet_v2 import EfficientNetV2B1 as EfficientNetV2B1
from tkeras.applications._efficientnet_v2 import EfficientNetV2B2 as EfficientNetV2B2
from tkeras.applications._efficientnet_v2 import EfficientNetV2B3 as EfficientNetV2B3
from tkeras.applications._efficientnet_v2 import EfficientNetV2L as EfficientNetV2L
from tkeras.applications._efficientnet_v2 import EfficientNetV2M as EfficientNetV2M
from tkeras.applications._efficientnet_v2 import EfficientNetV2S as EfficientNetV2S
from tkeras.applications._imagenet import decode_predictions as decode_predictions

preprocess_input = _imagenet.unchanged
