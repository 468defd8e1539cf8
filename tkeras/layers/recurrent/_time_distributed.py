"""`TimeDistributed`: one layer at every time step."""

from __future__ import annotations

from typing import Any

import torch

from tkeras.layers._layer import Layer
from tkeras.layers._signature import call_signature
from tkeras.layers.recurrent._wrapper import Wrapper
from tkeras.saving import public


@public("keras.layers.TimeDistributed")
class TimeDistributed(Wrapper):
    """Applies a layer or model to every time step: (batch, time, …) → (batch, time, …).

    The steps are folded into the batch, so that the layer runs once, where every layer in it treats the rows
    of a batch by themselves. They run one by one, as in Keras, for classes from outside the library, and in
    training for layers that look at the whole batch, such as `BatchNormalization`.

    Args:
        layer: the layer.
    """

    def __init__(self, layer: Layer, **kwargs: Any):
        super().__init__(layer, **kwargs)
        self.supports_masking = True

    def build(self, input_shape: Any = None) -> None:
        """Build the layer for one step."""
        super().build(_step_shape(input_shape))

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """(batch, time, …) → (batch, time, …); a mask (batch, time, …) goes to the layer step by step."""
        if mask is not None:
            _check_mask(mask, inputs)
        if inputs.is_meta or self._view(
            f"folds {bool(training)}", lambda: _folds(self.layer, bool(training))
        ):
            return self._folded(inputs, mask)
        masks = [None] * inputs.shape[1] if mask is None else mask.unbind(1)
        outputs = [self._step(x, kept) for x, kept in zip(inputs.unbind(1), masks, strict=True)]
        result = torch.stack(outputs, 1)
        inner = [getattr(output, "_keras_mask", None) for output in outputs]
        if all(kept is not None for kept in inner):
            result._keras_mask = torch.stack(inner, 1)  # type: ignore[attr-defined]
        return result

    def _folded(self, inputs: Any, mask: Any) -> Any:
        outputs = self._step(inputs.flatten(0, 1), None if mask is None else mask.flatten(0, 1))
        result = outputs.unflatten(0, inputs.shape[:2])
        inner = getattr(outputs, "_keras_mask", None)
        if inner is not None:
            result._keras_mask = inner.unflatten(0, inputs.shape[:2])
        return result

    def _step(self, inputs: Any, mask: Any) -> Any:
        takes_mask = mask is not None and call_signature(type(self.layer).call).masks
        return self.layer(inputs, mask=mask) if takes_mask else self.layer(inputs)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """The mask of the steps, where the layer gives none of its own."""
        return mask if mask is None or mask.dim() == 2 else mask.flatten(2).any(-1)

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, ...]:
        """(batch, time) and what the layer makes of a step."""
        inside = self.layer.compute_output_shape(_step_shape(input_shape))
        return (inside[0], input_shape[1], *inside[1:])


_BY_ROW_IN_INFERENCE = {"BatchNormalization", "SpectralNormalization"}


def _folds(layer: Layer, training: bool) -> bool:
    """Whether every layer inside treats the rows of a batch by themselves."""
    for inner in layer._flat_layers():
        kind = type(inner)
        if not kind.__module__.startswith("tkeras.") or kind.__name__ in ("Lambda", "TorchModuleWrapper"):
            return False
        if getattr(inner, "stateful", False) or (training and kind.__name__ in _BY_ROW_IN_INFERENCE):
            return False
        if any(not isinstance(operation, Layer) for operation in _operations(inner)):
            return False
    return True


def _operations(layer: Any) -> list[Any]:
    plan = layer.__dict__.get("_plan")
    return [] if plan is None else plan.operations


def _step_shape(input_shape: Any) -> tuple[Any, ...]:
    if not isinstance(input_shape, (tuple, list)) or len(input_shape) < 3:
        raise ValueError(
            "`TimeDistributed` Layer should be passed an `input_shape` with at least 3 dimensions, "
            f"received: {input_shape}"
        )
    return (input_shape[0], *tuple(input_shape)[2:])


def _check_mask(mask: Any, inputs: Any) -> None:
    if mask.dim() < 2:
        raise ValueError(
            "The `mask` passed to the `TimeDistributed` layer must be at least 2D (e.g., `(batch_size, "
            f"timesteps)`), but it has {mask.dim()} dimension(s) with shape {tuple(mask.shape)}."
        )
    if mask.shape[:2] != inputs.shape[:2]:
        raise ValueError(
            f"The `mask` passed to the `TimeDistributed` layer has a shape {tuple(mask.shape)} that is "
            f"incompatible with the input shape {tuple(inputs.shape)}. The first two dimensions of the mask "
            "(batch size and timesteps) must match the input's first two dimensions. Expected mask shape "
            f"prefix: ({inputs.shape[0]}, {inputs.shape[1]})."
        )
