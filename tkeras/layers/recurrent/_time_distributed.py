"""`Wrapper` and `TimeDistributed`."""

from __future__ import annotations

from typing import Any

import torch

from tkeras.layers._layer import Layer
from tkeras.saving import deserialize_keras_object, public, serialize_keras_object


@public("keras.layers.Wrapper")
class Wrapper(Layer):
    """A layer around another one.

    Args:
        layer: the layer inside.
    """

    def __init__(self, layer: Layer, **kwargs: Any):
        if not isinstance(layer, Layer):
            raise ValueError(f"Layer {layer} supplied to Wrapper isn't a supported layer type. Please ensure wrapped layer is a valid tkeras layer.")
        super().__init__(**kwargs)
        self.layer = layer

    def build(self, input_shape: Any = None) -> None:
        """Build the layer inside."""
        if not self.layer.built:
            self.layer.build(input_shape)
            self.layer.built = True

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {**super().get_config(), "layer": serialize_keras_object(self.layer)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """A wrapper from :meth:`get_config`."""
        config = dict(config)
        return cls(deserialize_keras_object(config.pop("layer")), **config)


@public("keras.layers.TimeDistributed")
class TimeDistributed(Wrapper):
    """Applies a layer or model to every time step.

    The steps are folded into the batch, so that the layer runs once: (batch, time, …) → (batch, time, …).

    Args:
        layer: the layer.
    """

    def __init__(self, layer: Layer, **kwargs: Any):
        super().__init__(layer, **kwargs)
        self.supports_masking = True

    def build(self, input_shape: Any = None) -> None:
        """Build the layer for one step."""
        if len(input_shape) < 3:
            raise ValueError(
                "`TimeDistributed` Layer should be passed an `input_shape` with at least 3 dimensions, "
                f"received: {tuple(input_shape)}"
            )
        super().build((input_shape[0], *input_shape[2:]))

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Fold, call, unfold."""
        batch, steps = inputs.shape[0], inputs.shape[1]
        folded = inputs.reshape(batch * steps, *inputs.shape[2:])
        if mask is not None and mask.shape[:2] == inputs.shape[:2] and mask.dim() > 2:
            folded._keras_mask = mask.reshape(batch * steps, *mask.shape[2:])
        outputs = self.layer(folded)
        return outputs.reshape(batch, steps, *outputs.shape[1:])

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """The mask of the steps."""
        return mask if mask is None or mask.dim() == 2 else torch.any(mask.flatten(2), -1)

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, ...]:
        """(batch, time) and what the layer makes of a step."""
        inside = self.layer.compute_output_shape((input_shape[0], *tuple(input_shape)[2:]))
        return (inside[0], input_shape[1], *inside[1:])
