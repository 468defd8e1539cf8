"""`Normalization`: shift and scale to mean 0 and variance 1, by statistics learned beforehand."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch

from tkeras.bridge import mapped
from tkeras.config import epsilon
from tkeras.layers.preprocessing._feature import FeatureLayer, batches
from tkeras.saving import public
from tkeras_kernels import expr


def _standardized(x: Any, mean: Any, variance: Any, least: float) -> Any:
    return (x - mean) / expr.clip(expr.sqrt(variance), least)


def _restored(x: Any, mean: Any, variance: Any, least: float) -> Any:
    return mean + x * expr.clip(expr.sqrt(variance), least)


@public("keras.layers.Normalization")
class Normalization(FeatureLayer):
    """``(x − mean) / sqrt(variance)``, with statistics that are given or learned by :meth:`adapt`.

    Args:
        axis: the axis or axes along which elements have statistics of their own; None for one mean and
            variance of all.
        mean, variance: the statistics, broadcast over the kept axes; both or none.
        invert: whether to do the opposite: ``x · sqrt(variance) + mean``.

    Any shape, kept.
    """

    def __init__(
        self, axis: Any = -1, mean: Any = None, variance: Any = None, invert: bool = False, **kwargs: Any
    ):
        super().__init__(**kwargs)
        self.axis = () if axis is None else (axis,) if isinstance(axis, int) else tuple(axis)
        self.input_mean, self.input_variance, self.invert = mean, variance, invert
        if (mean is None) != (variance is None):
            raise ValueError(
                "When setting values directly, both `mean` and `variance` must be set. "
                f"Received: mean={mean} and variance={variance}"
            )
        if mean is not None and np.shape(mean) != np.shape(variance):
            raise ValueError(
                "When setting values directly, `mean` and `variance` must have the same shape. "
                f"Received: mean shape {np.shape(mean)} and variance shape {np.shape(variance)}"
            )
        self.supports_masking = True
        if not self.axis and mean is None:
            self.build(())

    def build(self, input_shape: Any) -> None:
        """Create the statistics, unless they were given."""
        if self.built:
            return
        rank = len(input_shape)
        if any(not -rank <= axis < rank for axis in self.axis):
            raise ValueError(
                f"All `axis` values must be in the range [-ndim, ndim). Received inputs with ndim={rank}, "
                f"while axis={self.axis}"
            )
        self._keep = sorted(axis % rank for axis in self.axis)
        for axis in self._keep:
            if input_shape[axis] is None:
                raise ValueError(
                    "All `axis` values to be kept must have a known shape. Received "
                    f"axis={self.axis}, inputs.shape={tuple(input_shape)}, with unknown axis at index {axis}"
                )
        self._broadcast = tuple(size if axis in self._keep else 1 for axis, size in enumerate(input_shape))
        shape = tuple(input_shape[axis] for axis in self._keep)
        if self.input_mean is not None:
            self._given = [self._spread(value) for value in (self.input_mean, self.input_variance)]
            return
        self.adapt_mean = self.add_weight(shape, "zeros", trainable=False, name="mean")
        self.adapt_variance = self.add_weight(shape, "ones", trainable=False, name="variance")
        self.count = self.add_weight((), "zeros", dtype="int32", trainable=False, name="count")

    def _spread(self, value: Any) -> torch.Tensor:
        found = torch.as_tensor(np.asarray(value, dtype="float64"))
        try:
            return found.broadcast_to(self._broadcast).float()
        except RuntimeError as error:
            raise ValueError(
                f"`mean` and `variance` of layer '{self.name}' must broadcast to shape {self._broadcast}. "
                f"Received: shape {tuple(found.shape)}"
            ) from error

    @property
    def mean(self) -> torch.Tensor:
        """The mean, in a shape that broadcasts with the inputs."""
        return self._given[0] if self.input_mean is not None else self.adapt_mean.reshape(self._broadcast)

    @property
    def variance(self) -> torch.Tensor:
        """The variance, in a shape that broadcasts with the inputs."""
        return self._given[1] if self.input_mean is not None else self.adapt_variance.reshape(self._broadcast)

    def adapt(self, data: Any) -> None:
        """Learn mean and variance.

        Args:
            data: an array or tensor with a batch axis, or an iterable of them.
        """
        if self.input_mean is not None:
            raise ValueError(
                f"Layer '{self.name}' was given `mean` and `variance`, so there is nothing to adapt. Make "
                "one without them."
            )
        count, mean, square = 0, np.zeros(()), np.zeros(())
        for batch in batches(data):
            values = batch.double().cpu().numpy()
            if not self.built:
                self.build((None, *values.shape[1:]) if 0 not in self.axis else values.shape)
            axes = tuple(axis for axis in range(values.ndim) if axis not in self._keep)
            size = math.prod(values.shape[axis] for axis in axes)
            here = values.mean(axes)
            shift = here - mean
            square = (
                square
                + ((values - values.mean(axes, keepdims=True)) ** 2).sum(axes)
                + shift**2 * (count * size / (count + size))
            )
            mean, count = mean + shift * size / (count + size), count + size
        if not count:
            raise ValueError(f"Layer '{self.name}' was adapted to no data.")
        self.adapt_mean.assign(mean)
        self.adapt_variance.assign(square / count)

    def call(self, inputs: Any) -> Any:
        """Same shape, floating point."""
        mean, variance = (value.to(inputs.device, self._compute_type) for value in (self.mean, self.variance))
        return mapped(
            _restored if self.invert else _standardized, inputs.to(self._compute_type), mean, variance,
            least=epsilon(),
        )  # fmt: skip

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The input's shape."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments; what was learned is in the weights."""
        given = {
            key: None if value is None else np.asarray(value).tolist()
            for key, value in (("mean", self.input_mean), ("variance", self.input_variance))
        }
        return {**super().get_config(), "axis": self.axis, "invert": self.invert, **given}
