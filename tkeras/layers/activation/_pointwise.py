"""Activation layers with fixed parameters: ELU and the family of ReLU."""

from __future__ import annotations

from typing import Any

from tkeras.bridge import call
from tkeras.layers._layer import Layer
from tkeras.saving import public
from tkeras_kernels import library, operators
from tkeras_kernels.pointwise import pointwise


class PointwiseLayer(Layer):
    """Applies one of the library's functions, element by element."""

    def _apply(self, function: Any, **parameters: Any) -> None:
        self._function = pointwise(function, **parameters)
        self.supports_masking = True
        self.built = True

    def call(self, inputs: Any) -> Any:
        """Same shape."""
        return call(operators.map, inputs, fn=self._function)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The input's shape."""
        return input_shape


def _not_negative(layer: Layer, **values: float | None) -> None:
    for name, value in values.items():
        if value is None or value < 0:
            kind = "a negative value" if name == "max_value" else "None or a negative value"
            raise ValueError(
                f"{name} of a {type(layer).__name__} layer cannot be {kind}. Received: {name}={value}"
            )


@public("keras.layers.ELU")
class ELU(PointwiseLayer):
    """x above 0, ``alpha · (exp(x) − 1)`` below (Clevert et al., 2016)."""

    _config = ("alpha",)

    def __init__(self, alpha: float = 1.0, **kwargs: Any):
        super().__init__(**kwargs)
        self.alpha = alpha
        self._apply(library.elu, alpha=alpha)


@public("keras.layers.LeakyReLU")
class LeakyReLU(PointwiseLayer):
    """x above 0, ``negative_slope · x`` below (Maas et al., 2013); Keras 2 said ``alpha`` for the slope."""

    _config = ("negative_slope",)

    def __init__(self, negative_slope: float = 0.3, **kwargs: Any):
        negative_slope = kwargs.pop("alpha", negative_slope)
        super().__init__(**kwargs)
        _not_negative(self, negative_slope=negative_slope)
        self.negative_slope = negative_slope
        self._apply(library.leaky_relu, negative_slope=negative_slope)


@public("keras.layers.ReLU")
class ReLU(PointwiseLayer):
    """x above ``threshold``, at most ``max_value``; ``negative_slope · (x − threshold)`` below."""

    _config = ("max_value", "negative_slope", "threshold")

    def __init__(
        self,
        max_value: float | None = None,
        negative_slope: float = 0.0,
        threshold: float = 0.0,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        _not_negative(self, negative_slope=negative_slope, threshold=threshold)
        if max_value is not None:
            _not_negative(self, max_value=max_value)
        self.max_value, self.negative_slope, self.threshold = max_value, negative_slope, threshold
        self._apply(library.relu, **{key: getattr(self, key) for key in self._config})


@public("keras.layers.ThresholdedReLU")
class ThresholdedReLU(PointwiseLayer):
    """x above ``theta``, else 0 (Konda et al., 2015); a layer of Keras 2."""

    _config = ("theta",)

    def __init__(self, theta: float = 1.0, **kwargs: Any):
        super().__init__(**kwargs)
        _not_negative(self, theta=theta)
        self.theta = float(theta)
        self._apply(library.threshold, threshold=self.theta, default_value=0.0)
