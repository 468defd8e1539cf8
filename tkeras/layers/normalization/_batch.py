"""`BatchNormalization`."""

from __future__ import annotations

from typing import Any

from tkeras import initializers
from tkeras.bridge import call
from tkeras.layers._input_spec import InputSpec
from tkeras.layers.normalization._affine import AffineNormalization, size_of
from tkeras.layers.normalization._renorm import check_clipping, renormalize
from tkeras.saving import public
from tkeras_kernels import operators


@public("keras.layers.BatchNormalization")
class BatchNormalization(AffineNormalization):
    """Normalizes each channel: with the batch's statistics in training, with moving averages otherwise.

    ``gamma · (x − mean) / sqrt(variance + epsilon) + beta`` (Ioffe & Szegedy, 2015). A frozen layer
    (``trainable = False``) uses the moving averages in training too.

    Args:
        axis: the axis of the channels.
        momentum: weight of the old moving averages.
        epsilon: added to the variance.
        center, scale: whether beta is added, gamma multiplied.
        beta_initializer, gamma_initializer, moving_mean_initializer, moving_variance_initializer: initial
            values.
        beta_regularizer, gamma_regularizer, beta_constraint, gamma_constraint: for the two trained weights.
        renorm: batch renormalization (Ioffe, 2017): correct the batch's statistics towards moving ones.
        renorm_clipping: bounds of the correction: ``rmin``, ``rmax``, ``dmax``.
        renorm_momentum: weight of the old moving averages that renorm keeps for itself.
    """

    _config = (
        "momentum", "moving_mean_initializer", "moving_variance_initializer", "renorm", "renorm_clipping",
        "renorm_momentum",
    )  # fmt: skip
    _fixed = {"synchronized": False}

    def __init__(
        self,
        axis: int = -1,
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        moving_mean_initializer: Any = "zeros",
        moving_variance_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        renorm: bool = False,
        renorm_clipping: dict[str, float] | None = None,
        renorm_momentum: float = 0.99,
        **kwargs: Any,
    ):
        axis = axis[0] if isinstance(axis, (list, tuple)) and len(axis) == 1 else axis
        if not isinstance(axis, int):
            raise ValueError(f"`axis` of BatchNormalization must be an int. Received: axis={axis}")
        super().__init__(
            axis, float(epsilon), center, scale, (beta_initializer, beta_regularizer, beta_constraint),
            (gamma_initializer, gamma_regularizer, gamma_constraint), **kwargs,
        )  # fmt: skip
        self.momentum = float(momentum)
        self.moving_mean_initializer = initializers.get(moving_mean_initializer)
        self.moving_variance_initializer = initializers.get(moving_variance_initializer)
        self.renorm, self.renorm_momentum = renorm, renorm_momentum
        self.renorm_clipping = check_clipping(renorm_clipping or {}) if renorm else renorm_clipping

    def build(self, input_shape: Any) -> None:
        """Create ``gamma``, ``beta`` and the moving statistics, each (channels,)."""
        channels = size_of(self, input_shape, self.axis)
        self._add_affine((channels,), self.scale, self.center)
        mean, variance = self.moving_mean_initializer, self.moving_variance_initializer
        self.moving_mean = self._add_moving("moving_mean", channels, mean)
        self.moving_variance = self._add_moving("moving_variance", channels, variance)
        if self.renorm:

            def stddev(shape: Any, dtype: Any = None) -> Any:
                return variance(shape, dtype=dtype).sqrt()

            self.moving_stddev = self._add_moving("moving_stddev", channels, stddev)
            self.renorm_mean = self._add_moving("renorm_mean", channels, mean)
            self.renorm_stddev = self._add_moving("renorm_stddev", channels, stddev)
        self.input_spec = InputSpec(ndim=len(input_shape), axes={self.axis: channels})

    def _add_moving(self, name: str, channels: int, initializer: Any) -> Any:
        return self.add_weight((channels,), initializer, trainable=False, autocast=False, name=name)

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Same shape; positions that ``mask`` (of the inputs' rank less one) has False do not count."""
        if mask is not None and mask.dim() != inputs.dim() - 1:
            raise ValueError(
                f'Layer "{self.name}": the mask provided should be one dimension less than the inputs. '
                f"Received: mask.shape={tuple(mask.shape)}, inputs.shape={tuple(inputs.shape)}"
            )
        learn = bool(training) and self.trainable
        if learn and self.renorm:
            return renormalize(self, inputs, mask)
        outputs, mean, variance = call(
            operators.batch_norm, inputs, self.gamma, self.beta, self.moving_mean, self.moving_variance,
            mask if learn else None, axis=self.axis, epsilon=self.epsilon, momentum=self.momentum,
            training=learn,
        )  # fmt: skip
        if learn and not inputs.is_meta:
            self.moving_mean.assign(mean)
            self.moving_variance.assign(variance)
        return outputs
