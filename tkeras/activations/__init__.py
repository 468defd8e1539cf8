"""Activation functions."""

from typing import Any

from tkeras.activations._activations import ACTIVATIONS
from tkeras.activations._activations import celu as celu
from tkeras.activations._activations import elu as elu
from tkeras.activations._activations import exponential as exponential
from tkeras.activations._activations import gelu as gelu
from tkeras.activations._activations import glu as glu
from tkeras.activations._activations import hard_shrink as hard_shrink
from tkeras.activations._activations import hard_sigmoid as hard_sigmoid
from tkeras.activations._activations import hard_silu as hard_silu
from tkeras.activations._activations import hard_tanh as hard_tanh
from tkeras.activations._activations import leaky_relu as leaky_relu
from tkeras.activations._activations import linear as linear
from tkeras.activations._activations import log_sigmoid as log_sigmoid
from tkeras.activations._activations import log_softmax as log_softmax
from tkeras.activations._activations import mish as mish
from tkeras.activations._activations import relu as relu
from tkeras.activations._activations import relu6 as relu6
from tkeras.activations._activations import selu as selu
from tkeras.activations._activations import sigmoid as sigmoid
from tkeras.activations._activations import silu as silu
from tkeras.activations._activations import soft_shrink as soft_shrink
from tkeras.activations._activations import softmax as softmax
from tkeras.activations._activations import softplus as softplus
from tkeras.activations._activations import softsign as softsign
from tkeras.activations._activations import sparse_plus as sparse_plus
from tkeras.activations._activations import sparse_sigmoid as sparse_sigmoid
from tkeras.activations._activations import sparsemax as sparsemax
from tkeras.activations._activations import squareplus as squareplus
from tkeras.activations._activations import tanh as tanh
from tkeras.activations._activations import tanh_shrink as tanh_shrink
from tkeras.activations._activations import threshold as threshold
from tkeras.activations._pointwise import pointwise_of as pointwise_of
from tkeras.saving import get_registered_name, public_name, serialize_keras_object

swish = silu
hard_swish = hard_silu

get = ACTIVATIONS.get
deserialize = ACTIVATIONS.deserialize


def serialize(activation: Any) -> Any:
    """The name of one of Keras' functions, else the configuration that :func:`deserialize` takes."""
    if public_name(activation) is not None and not isinstance(activation, type):
        return activation.__name__
    config = serialize_keras_object(activation)
    if isinstance(config, dict) and config.get("class_name") == "function":
        config["config"] = get_registered_name(activation)
    return config
