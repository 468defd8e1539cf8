"""Layers of one line: activation, identity, lambda, masking, activity regularization."""

from __future__ import annotations

import inspect
from typing import Any

import torch

from tkeras import activations, regularizers
from tkeras.bridge import call
from tkeras.layers._activation import split_activation
from tkeras.layers._layer import Layer
from tkeras.saving import (
    deserialize_keras_object,
    function_from_config,
    is_serialized_function,
    public,
    serialize_keras_object,
)
from tkeras_kernels import operators


@public("keras.layers.Activation")
class Activation(Layer):
    """Applies an activation function, given by name or as a function."""

    _config = ("activation",)

    def __init__(self, activation: Any, **kwargs: Any):
        super().__init__(**kwargs)
        self.supports_masking = True
        self.activation = activations.get(activation)
        self._fused, self._after = split_activation(self.activation)
        self.built = True

    def call(self, inputs: Any) -> Any:
        """Same shape."""
        if self._fused is not None:
            return call(operators.map, inputs, fn=self._fused)
        return inputs if self._after is None else self._after(inputs)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The input's shape."""
        return input_shape


@public("keras.layers.Identity")
class Identity(Layer):
    """Passes its inputs on."""

    def __init__(self, **kwargs: Any):
        super().__init__(**kwargs)
        self.supports_masking = True
        self.built = True

    def call(self, inputs: Any) -> Any:
        """The inputs."""
        return inputs


@public("keras.layers.ActivityRegularization")
class ActivityRegularization(Layer):
    """Adds ``l1·Σ|x| + l2·Σx²`` of its input to the loss.

    Args:
        l1, l2: factors.
    """

    _config = ("l1", "l2")

    def __init__(self, l1: float = 0.0, l2: float = 0.0, **kwargs: Any):
        super().__init__(activity_regularizer=regularizers.L1L2(l1=l1, l2=l2), **kwargs)
        self.supports_masking = True
        self.l1, self.l2 = l1, l2
        self.built = True

    def call(self, inputs: Any) -> Any:
        """The inputs."""
        return inputs

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        config = super().get_config()
        config.pop("activity_regularizer", None)
        return config


@public("keras.layers.Masking")
class Masking(Layer):
    """Marks time steps in which every feature equals ``mask_value``, so that later layers skip them.

    Input: (batch, time, features). Output: the same, with zeros in masked steps.
    """

    _config = ("mask_value",)
    _makes_masks = True

    def __init__(self, mask_value: float = 0.0, **kwargs: Any):
        super().__init__(**kwargs)
        self.supports_masking = True
        self.mask_value = mask_value
        self.built = True

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """(batch, time): True for steps that count."""
        return torch.ne(inputs, self.mask_value).any(-1)

    def call(self, inputs: Any) -> Any:
        """Zero the masked steps."""
        return inputs * torch.ne(inputs, self.mask_value).any(-1, keepdim=True).to(inputs.dtype)


@public("keras.layers.Lambda")
class Lambda(Layer):
    """Wraps a function of tensors as a layer.

    Args:
        function: takes the inputs first; may take ``mask`` and ``training``.
        output_shape: shape of an output without the batch, or a function of the input shape; inferred when
            absent.
        mask: a mask, or a function ``(inputs, mask)`` that makes one.
        arguments: further keyword arguments of the function.
    """

    def __init__(
        self,
        function: Any,
        output_shape: Any = None,
        mask: Any = None,
        arguments: dict[str, Any] | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if not callable(function):
            raise TypeError(
                f"Lambda expects a function. Received: function={function} of type {type(function)}"
            )
        self.arguments = dict(arguments or {})
        self.function = function
        self.mask = mask
        self._output_shape: Any = output_shape
        self.supports_masking = mask is not None
        parameters = inspect.signature(function).parameters if not inspect.isbuiltin(function) else {}
        self._accepts = {key for key in ("mask", "training") if key in parameters}
        self.built = True

    def call(self, inputs: Any, mask: Any = None, training: bool | None = None) -> Any:
        """What the function returns."""
        extra = {
            key: value for key, value in (("mask", mask), ("training", training)) if key in self._accepts
        }
        return self.function(inputs, **{**extra, **self.arguments})

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """The mask given to the layer."""
        return self.mask(inputs, mask) if callable(self.mask) else self.mask

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        """From ``output_shape`` where it was given, else by running the function on meta tensors."""
        if self._output_shape is None:
            return super().compute_output_spec(*args, **kwargs)
        from tkeras.layers._layer import specs

        shape = args[0].shape if hasattr(args[0], "shape") else [tensor.shape for tensor in args[0]]
        given: Any = self._output_shape
        if callable(given):
            made: Any = given(shape)
            return specs(tuple(made), self.compute_dtype)
        batch = shape[0] if not isinstance(shape, list) else shape[0][0]
        return specs((batch, *given), self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments; functions by name, which must be registered to be found again."""
        config = {**super().get_config(), "function": serialize_keras_object(self.function)}
        for key, value in (("output_shape", self._output_shape), ("mask", self.mask)):
            if value is not None:
                config[key] = serialize_keras_object(value)
        return {**config, "arguments": serialize_keras_object(self.arguments)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """A layer from :meth:`get_config`.

        Raises:
            ValueError: the configuration holds code, and ``custom_objects`` has no function for the
            layer's name.
        """
        config = dict(config)
        name = str(config.get("name"))
        for key in ("function", "output_shape", "mask"):
            if is_serialized_function(config.get(key)):
                owner = name if key == "function" else f"{name}/{key}"
                config[key] = function_from_config(config[key], owner)
        if isinstance(config.get("output_shape"), list):
            config["output_shape"] = tuple(config["output_shape"])
        config["arguments"] = deserialize_keras_object(config.get("arguments") or {})
        return cls(**config)
