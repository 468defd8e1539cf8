"""`BatchNormalization`."""

from __future__ import annotations

from typing import Any

from tkeras import constraints, initializers, regularizers
from tkeras.bridge import call
from tkeras.layers._input_spec import InputSpec
from tkeras.layers._layer import Layer
from tkeras.saving import public
from tkeras_kernels import operators


@public("keras.layers.BatchNormalization")
class BatchNormalization(Layer):
    """Normalizes each channel: with the batch's statistics in training, with moving averages otherwise.

    ``gamma · (x − mean) / sqrt(variance + epsilon) + beta`` (Ioffe & Szegedy, 2015). A frozen layer
    (``trainable = False``) uses the moving averages in training too.

    Args:
        axis: the axis of the channels.
        momentum: weight of the old moving averages.
        epsilon: added to the variance.
        center, scale: whether beta is added, gamma multiplied.
    """

    _config = (
        "axis", "momentum", "epsilon", "center", "scale", "beta_initializer", "gamma_initializer",
        "moving_mean_initializer", "moving_variance_initializer", "beta_regularizer", "gamma_regularizer",
        "beta_constraint", "gamma_constraint",
    )  # fmt: skip
    _fixed = {"synchronized": False, "renorm": False, "renorm_clipping": None, "renorm_momentum": 0.99}

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
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        axis = axis[0] if isinstance(axis, (list, tuple)) and len(axis) == 1 else axis
        if not isinstance(axis, int):
            raise ValueError(f"`axis` of BatchNormalization must be an int. Received: axis={axis}")
        self.axis, self.momentum, self.epsilon = axis, float(momentum), float(epsilon)
        self.center, self.scale = center, scale
        self.beta_initializer = initializers.get(beta_initializer)
        self.gamma_initializer = initializers.get(gamma_initializer)
        self.moving_mean_initializer = initializers.get(moving_mean_initializer)
        self.moving_variance_initializer = initializers.get(moving_variance_initializer)
        self.beta_regularizer = regularizers.get(beta_regularizer)
        self.gamma_regularizer = regularizers.get(gamma_regularizer)
        self.beta_constraint = constraints.get(beta_constraint)
        self.gamma_constraint = constraints.get(gamma_constraint)
        self.supports_masking = True

    def build(self, input_shape: Any) -> None:
        """Create ``gamma``, ``beta``, ``moving_mean``, ``moving_variance``, each (channels,)."""
        channels = input_shape[self.axis]
        if channels is None:
            raise ValueError(f'Layer "{self.name}": axis {self.axis} must have a known size. Received: {tuple(input_shape)}')
        self.gamma = self.beta = None
        if self.scale:
            self.gamma = self.add_weight(
                (channels,), self.gamma_initializer, autocast=False, regularizer=self.gamma_regularizer,
                constraint=self.gamma_constraint, name="gamma",
            )  # fmt: skip
        if self.center:
            self.beta = self.add_weight(
                (channels,), self.beta_initializer, autocast=False, regularizer=self.beta_regularizer,
                constraint=self.beta_constraint, name="beta",
            )  # fmt: skip
        self.moving_mean = self.add_weight(
            (channels,), self.moving_mean_initializer, trainable=False, autocast=False, name="moving_mean"
        )
        self.moving_variance = self.add_weight(
            (channels,), self.moving_variance_initializer, trainable=False, autocast=False, name="moving_variance"
        )
        self.input_spec = InputSpec(ndim=len(input_shape), axes={self.axis: channels})

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Same shape."""
        learn = bool(training) and self.trainable
        outputs, mean, variance = call(
            operators.batch_norm, inputs, self.gamma, self.beta, self.moving_mean, self.moving_variance,
            mask if learn else None, axis=self.axis, epsilon=self.epsilon, momentum=self.momentum, training=learn,
        )  # fmt: skip
        if learn and not inputs.is_meta:
            self.moving_mean.assign(mean)
            self.moving_variance.assign(variance)
        return outputs

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The input's shape."""
        return input_shape
