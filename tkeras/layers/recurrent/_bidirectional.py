"""`Bidirectional`: a recurrent layer that reads forwards, and one that reads backwards."""

from __future__ import annotations

from typing import Any

import torch

from tkeras.bridge import mapped
from tkeras.layers._context import context
from tkeras.layers._layer import Layer
from tkeras.layers._signature import call_signature
from tkeras.layers.recurrent._both import run_both
from tkeras.layers.recurrent._rnn import split_states
from tkeras.saving import (
    CustomObjectScope,
    deserialize_keras_object,
    get_registered_name,
    public,
    public_name,
    serialize_keras_object,
)


def _average(y: Any, reverse: Any) -> Any:
    return (y + reverse) / 2


_MERGES = {
    "concat": lambda y, reverse: torch.cat([y, reverse], -1),
    "sum": torch.add,
    "ave": lambda y, reverse: mapped(_average, y, reverse),
    "mul": torch.mul,
    None: lambda y, reverse: (y, reverse),
}


@public("keras.layers.Bidirectional")
class Bidirectional(Layer):
    """Runs a recurrent layer in both directions and merges the outputs.

    Args:
        layer: a recurrent layer, or any layer over sequences with ``go_backwards``, ``return_sequences``,
            ``return_state``, ``stateful`` and a configuration. It serves as a pattern: the two layers inside
            are fresh ones, with weights of their own.
        merge_mode: ``"concat"``, ``"sum"``, ``"mul"``, ``"ave"``, or None for both outputs.
        weights: initial weights, those of the forward layer first.
        backward_layer: the layer that reads backwards; default: made from ``layer``.

    Input: (batch, time, features). Output with ``"concat"``: (batch, 2·units), or (batch, time, 2·units),
    where outputs of masked steps are zeros.
    """

    def __init__(
        self,
        layer: Layer,
        merge_mode: str | None = "concat",
        weights: Any = None,
        backward_layer: Layer | None = None,
        **kwargs: Any,
    ):
        _check_arguments(layer, merge_mode, backward_layer)
        super().__init__(**kwargs)
        self.forward_layer = _fresh(layer, "forward_")
        self.backward_layer = backward_layer or _fresh(layer, "backward_", go_backwards=True)
        self._check_directions()
        for inner in (self.forward_layer, self.backward_layer):
            if getattr(inner, "zero_output_for_mask", None) is not None:
                inner.zero_output_for_mask = inner.return_sequences
        self.merge_mode = merge_mode
        self.stateful, self.return_sequences = layer.stateful, layer.return_sequences
        self.return_state, self.supports_masking = layer.return_state, True
        self.input_spec = layer.input_spec
        self.__dict__["_initial_weights"] = weights

    forward_layer: Any
    backward_layer: Any

    def _check_directions(self) -> None:
        forward, backward = self.forward_layer, self.backward_layer
        if forward.go_backwards == backward.go_backwards:
            raise ValueError(
                "Forward layer and backward layer should have different `go_backwards` value. Received: "
                f"forward_layer.go_backwards={forward.go_backwards}, "
                f"backward_layer.go_backwards={backward.go_backwards}"
            )
        for name in ("stateful", "return_sequences", "return_state"):
            ours, theirs = getattr(forward, name), getattr(backward, name)
            if ours != theirs:
                raise ValueError(
                    "Forward layer and backward layer are expected to have the same value for attribute "
                    f'"{name}", got "{ours}" for forward layer and "{theirs}" for backward layer'
                )

    def build(self, sequences_shape: Any, initial_state_shape: Any = None) -> None:
        """Build both layers."""
        for layer in (self.forward_layer, self.backward_layer):
            if not layer.built:
                layer.build(sequences_shape)
                layer.built = True
        if self._initial_weights:
            self.set_weights(self._initial_weights)

    def __call__(self, sequences: Any, initial_state: Any = None, *args: Any, **kwargs: Any) -> Any:
        """Call the layer; ``sequences`` may be a list ``[sequences, *forward states, *backward states]``."""
        kwargs.update(zip(("mask", "training"), args, strict=False))
        sequences, initial_state = split_states(sequences, initial_state)
        if initial_state is not None:
            kwargs["initial_state"] = list(initial_state)
        return super().__call__(sequences, **kwargs)

    def call(
        self, sequences: Any, initial_state: Any = None, mask: Any = None, training: bool | None = None
    ) -> Any:
        """(batch, time, features) → merged outputs, or (outputs, *states) with ``return_state``."""
        options = {}
        if mask is not None and call_signature(type(self.forward_layer).call).masks:
            options["mask"] = mask
        starts: list[Any] = [None, None]
        if initial_state is not None:
            half = len(initial_state) // 2
            starts = [initial_state[:half], initial_state[half:]]
        layers = (self.forward_layer, self.backward_layer)
        training = bool(context.training if training is None else training)
        both = run_both(layers, sequences, starts, mask, training)
        if both is None:
            given = [{} if start is None else {"initial_state": start} for start in starts]
            both = tuple(layer(sequences, **own, **options) for layer, own in zip(layers, given, strict=True))
        y, reverse = both
        states = ()
        if self.return_state:
            states = (*y[1:], *reverse[1:])
            y, reverse = y[0], reverse[0]
        if self.return_sequences:
            reverse = reverse.flip(1)
        outputs = _MERGES[self.merge_mode](y.to(self._compute_type), reverse.to(self._compute_type))
        if not self.return_state:
            return outputs
        return (*outputs, *states) if self.merge_mode is None else (outputs, *states)

    @property
    def states(self) -> Any:
        """The states of both layers, None where there are none."""
        forward, backward = self.forward_layer.states, self.backward_layer.states
        return (*forward, *backward) if forward and backward else None

    def reset_state(self) -> None:
        """Let the next batch of a stateful layer start from zeros."""
        if not self.stateful:
            raise AttributeError("Layer must be stateful.")
        self.forward_layer.reset_state()
        self.backward_layer.reset_state()

    def reset_states(self) -> None:
        """Keras 2's name of :meth:`reset_state`."""
        self.reset_state()

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """The mask goes on with the sequences, and ends with last outputs."""
        mask = mask[0] if isinstance(mask, (list, tuple)) else mask
        outputs = mask if self.return_sequences else None
        return (outputs, outputs) if self.merge_mode is None else outputs

    def compute_output_shape(self, sequences_shape: Any, initial_state_shape: Any = None) -> Any:
        """Shapes of what :meth:`call` gives."""
        shape, states = self.forward_layer.compute_output_shape(sequences_shape), ()
        if self.return_state:
            shape, states = tuple(shape[0]), (*shape[1:], *shape[1:])
        if self.merge_mode is None:
            return shape, shape, *states
        shape = (*shape[:-1], 2 * shape[-1]) if self.merge_mode == "concat" else tuple(shape)
        return (shape, *states) if self.return_state else shape

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        layers = {"layer": self.forward_layer, "backward_layer": self.backward_layer}
        described = {key: serialize_keras_object(layer) for key, layer in layers.items()}
        return {**super().get_config(), "merge_mode": self.merge_mode, **described}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        """A layer from :meth:`get_config`."""
        config = dict(config)
        for key in ("layer", "backward_layer"):
            if config.get(key) is not None:
                config[key] = deserialize_keras_object(config[key], custom_objects=custom_objects)
        return cls(**config)


def _check_arguments(layer: Any, merge_mode: Any, backward_layer: Any) -> None:
    if not isinstance(layer, Layer):
        raise ValueError(
            "Please initialize `Bidirectional` layer with a `tkeras.layers.Layer` instance. "
            f"Received: {layer}"
        )
    if backward_layer is not None and not isinstance(backward_layer, Layer):
        raise ValueError(
            f"`backward_layer` need to be a `tkeras.layers.Layer` instance. Received: {backward_layer}"
        )
    if merge_mode not in _MERGES:
        raise ValueError(
            f"Invalid merge mode. Received: {merge_mode}. Merge mode should be one of "
            '{"sum", "mul", "ave", "concat", None}'
        )


def _fresh(layer: Layer, prefix: str, **changes: Any) -> Any:
    """A layer of the same configuration, whose classes are found even where they are not registered."""
    kinds = {type(inner) for inner in layer._flat_layers()}
    known = {get_registered_name(kind): kind for kind in kinds if public_name(kind) is None}
    config = {**layer.get_config(), **changes, "name": prefix + layer.name.removeprefix(prefix)}
    with CustomObjectScope(known):
        return type(layer).from_config(config)
