"""Configurations of layers as Keras 1 and 2 wrote them, brought to the arguments of today."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

CLASSES = {
    "Model": "Functional",
    "Network": "Functional",
    "BatchNormalizationV1": "BatchNormalization",
    "BatchNormalizationV2": "BatchNormalization",
    "LayerNormalizationV2": "LayerNormalization",
    "LSTMV2": "LSTM",
    "GRUV2": "GRU",
    "MultiHeadAttentionV2": "MultiHeadAttention",
}
REFUSED = {
    "TFOpLambda": "a call of a TensorFlow function",
    "SlicingOpLambda": "a slice of a TensorFlow tensor",
    "TensorFlowOpLayer": "a call of a TensorFlow function",
    "CuDNNLSTM": "weights in cuDNN's own order; save the model with `LSTM` instead",
    "CuDNNGRU": "weights in cuDNN's own order; save the model with `GRU` instead",
}
_RECURRENT = ("LSTM", "GRU", "SimpleRNN", "RNN", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D")
_LAMBDA_ONLY = ("module", "function_type", "output_shape_type", "output_shape_module")
_DEPTHWISE = ("DepthwiseConv1D", "DepthwiseConv2D", "SeparableConv1D", "SeparableConv2D")
_KERNEL = ("kernel_initializer", "kernel_regularizer", "kernel_constraint")
_ACTIVATIONS = {"softmax_v2": "softmax", "relu_v2": "relu", "elu_v2": "elu", "gelu_v2": "gelu"}


def upgraded(class_name: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration of a layer with arguments that its constructor takes today; a current one as it is.

    Raises:
        ValueError: an option that exists no more and was in use.
    """
    config = dict(config)
    _input_shape(class_name, config)
    axis = config.get("axis")
    if class_name == "BatchNormalization" and isinstance(axis, (list, tuple)) and len(axis) == 1:
        config["axis"] = axis[0]
    if class_name in _RECURRENT or class_name.endswith("Cell"):
        config.pop("implementation", None)
        _drop_unused(class_name, config, "time_major", False)
        if "input_dim" in config and config.get("input_dim") is None:
            config.pop("input_dim")
    if class_name == "Lambda":
        _lambda(config)
    if class_name == "LeakyReLU" and "alpha" in config:
        config["negative_slope"] = float(config.pop("alpha"))
    if class_name in _DEPTHWISE:
        for key in (*_KERNEL, "filters") if class_name.startswith("Depthwise") else _KERNEL:
            config.pop(key, None)
        _drop_unused(class_name, config, "groups", 1)
    if class_name.startswith("Conv") and class_name.endswith("Transpose"):
        _drop_unused(class_name, config, "groups", 1)
    for key, value in config.items():
        if key.endswith("activation") and isinstance(value, str):
            config[key] = _ACTIVATIONS.get(value, value)
        elif key.endswith("initializer") and isinstance(value, dict):
            config[key] = _initializer(value)
    return config


def _input_shape(class_name: str, config: dict[str, Any]) -> None:
    shape = config.pop("batch_input_shape", None)
    if class_name == "InputLayer":
        for key in ("sparse", "ragged"):
            _drop_unused(class_name, config, key, False)
        if shape is not None:
            config["batch_shape"] = shape
    elif shape is not None:
        config["batch_input_shape"] = tuple(shape)


def _drop_unused(class_name: str, config: dict[str, Any], key: str, unused: Any) -> None:
    value = config.pop(key, unused)
    if value not in (unused, None):
        raise ValueError(f"{class_name}: `{key}={value}` is not supported.")


def _lambda(config: dict[str, Any]) -> None:
    """Keras 2 writes ``[code, defaults, closure]`` for a lambda, a name for a function."""
    for key in _LAMBDA_ONLY:
        config.pop(key, None)
    for key in ("function", "output_shape"):
        value = config.get(key)
        if isinstance(value, list) and len(value) == 3 and isinstance(value[0], str):
            config[key] = {"class_name": "__lambda__", "config": {"value": None}}
        elif key == "function" and isinstance(value, str):
            config[key] = {"class_name": "function", "config": value, "module": "builtins"}


def _initializer(value: dict[str, Any]) -> dict[str, Any]:
    """TensorFlow 1 wrote a dtype into initializers."""
    inner = value.get("config")
    if "module" in value or not isinstance(inner, dict) or "dtype" not in inner:
        return value
    return {**value, "config": {key: item for key, item in inner.items() if key != "dtype"}}
