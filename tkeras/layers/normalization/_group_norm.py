"""`GroupNormalization`."""

from __future__ import annotations

from typing import Any

from tkeras.bridge import call
from tkeras.layers._input_spec import InputSpec
from tkeras.layers.normalization._affine import AffineNormalization, size_of
from tkeras.saving import public
from tkeras_kernels import operators


@public("keras.layers.GroupNormalization")
class GroupNormalization(AffineNormalization):
    """Normalizes each group of channels of each sample (Wu & He, 2018).

    Args:
        groups: number of groups, a divisor of the number of channels; 1 normalizes over all channels, -1
            each channel by itself.
        axis: the axis of the channels.
        epsilon: added to the variance.
        center, scale: whether beta is added, gamma multiplied, one number a channel.
        beta_initializer, gamma_initializer, beta_regularizer, gamma_regularizer, beta_constraint,
            gamma_constraint: for the two weights.
    """

    _config = ("groups",)

    def __init__(
        self,
        groups: int = 32,
        axis: int = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        **kwargs: Any,
    ):
        if not isinstance(groups, int) or (groups <= 0 and groups != -1):
            raise ValueError(
                "Received an invalid value for argument `groups`, expected a positive integer (or `-1` for "
                f"instance normalization). Received: groups={groups}"
            )
        super().__init__(
            axis, epsilon, center, scale, (beta_initializer, beta_regularizer, beta_constraint),
            (gamma_initializer, gamma_regularizer, gamma_constraint), **kwargs,
        )  # fmt: skip
        self.groups, self.autocast = groups, False

    def build(self, input_shape: Any) -> None:
        """Create ``gamma`` and ``beta``, each (channels,)."""
        channels = size_of(self, input_shape, self.axis)
        if self.groups == -1:
            self.groups = channels
        if channels % self.groups:
            raise ValueError(
                f'Layer "{self.name}": the number of channels ({channels}) must be a multiple of the '
                f"number of groups ({self.groups})."
            )
        self.input_spec = InputSpec(ndim=len(input_shape), axes={self.axis: channels})
        self._add_affine((channels,), self.scale, self.center)

    def call(self, inputs: Any) -> Any:
        """Same shape."""
        outputs = call(
            operators.group_norm, inputs, self.gamma, self.beta, groups=self.groups, axis=self.axis,
            epsilon=self.epsilon,
        )  # fmt: skip
        return outputs.to(self._compute_type)
