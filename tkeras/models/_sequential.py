"""`Sequential`: a chain of layers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tkeras.graph import KerasTensor, Version
from tkeras.layers._layer import Layer
from tkeras.models._model import Model
from tkeras.saving import layer_from_config, public, serialize_keras_object


@public("keras.Sequential", "keras.models.Sequential")
class Sequential(Model):
    """Layers called one after the other.

    The model is built as soon as the input shape is known: from an `Input` or a layer with ``input_shape=``
        at its
    head, from :meth:`build`, or from the first call.

    Args:
        layers: layers, or an `Input` followed by layers.
        trainable: whether training changes the weights.
        name: name of the model.
    """

    def __init__(self, layers: Any = None, trainable: bool = True, name: str | None = None):
        super().__init__(trainable=trainable, name=name)
        self.__dict__.update(_chain=[], _input_layer=None, _start=None, _calls=[])
        for layer in layers if isinstance(layers, (list, tuple)) else [layers] if layers is not None else []:
            self.add(layer, rebuild=False)
        self._rebuild()

    _checks_sizes = False  # the layers do, as in Keras: a chain of convolutions takes pictures of any size
    _chain: list[Layer]
    _start: Any  # the symbolic input of the graph made so far
    _calls: list[tuple[Layer, Any]]  # its calls: layer, symbolic output
    _input_layer: Any

    def add(self, layer: Any, rebuild: bool = True) -> None:
        """Append a layer, or give the input with an `Input`.

        Raises:
            ValueError: not a layer, a second input, or a name that is taken.
        """
        from tkeras.layers import InputLayer

        if isinstance(layer, KerasTensor) and layer._keras_history is not None:
            layer = layer._keras_history.operation
        if not isinstance(layer, Layer):
            if callable(layer) and not isinstance(layer, type):
                from tkeras.layers import Lambda

                layer = Lambda(layer)
            else:
                raise ValueError(
                    "Only instances of `tkeras.Layer` can be added to a Sequential model. "
                    f"Received: {layer} (of type {type(layer)})"
                )
        if any(other.name == layer.name for other in self._chain):
            raise ValueError(
                f"All layers added to a Sequential model should have unique names. Name '{layer.name}' is"
                " already the name of a layer in this model. Update the `name` argument to pass a unique"
                " name."
            )
        if isinstance(layer, InputLayer):
            if self._chain or self._input_layer is not None:
                raise ValueError(
                    f"Sequential model '{self.name}' has already been configured to use input shape "
                    f"{self._input_layer.batch_shape if self._input_layer else 'of its first layer'}. "
                    "You cannot add a different Input layer to it."
                )
            self.__dict__["_input_layer"] = layer
        else:
            first = layer._first_input_shape
            if not self._chain and self._input_layer is None and first is not None:
                dtype = "int32" if getattr(layer, "_integer_input", False) else None
                self.__dict__["_input_layer"] = InputLayer(batch_shape=first, dtype=dtype)
            self._chain.append(layer)
            self._track(layer)
        if rebuild:
            self._rebuild()

    def pop(self, rebuild: bool = True) -> Layer:
        """Remove the last layer and return it."""
        if not self._chain:
            raise TypeError("There are no layers in the model.")
        layer = self._chain.pop()
        self._untrack(layer)
        if rebuild:
            self._rebuild()
        return layer

    def _rebuild(self) -> None:
        """Make the graph anew after a change, as far as the input is known."""
        self.__dict__.update(built=False, _plan=None)
        Version.bump()
        if self._input_layer is not None and self._chain:
            self._connect(self._input_layer.output)
        elif self._chain and isinstance(self._chain[0], Model) and self._chain[0]._plan is not None:
            inputs = self._chain[0].inputs
            if len(inputs) == 1:
                self._connect(self._start if self._calls else _input(inputs[0].shape, inputs[0].dtype))

    def _connect(self, inputs: Any) -> None:
        from tkeras.layers._context import context

        context.stack.append(self)  # the variables made here are called sequential/dense/kernel
        try:
            if self._start is not inputs:
                self.__dict__.update(_start=inputs, _calls=[])
            calls, kept = self._calls, 0
            while kept < min(len(calls), len(self._chain)) and calls[kept][0] is self._chain[kept]:
                kept += 1
            del calls[kept:]
            for layer in self._chain[kept:]:
                calls.append((layer, layer(calls[-1][1] if calls else inputs)))
            outputs = calls[-1][1]
        finally:
            context.stack.pop()
        self._init_graph(inputs, outputs)

    def build(self, input_shape: Any = None) -> None:
        """Create the variables for inputs of this shape (batch included)."""
        if self._plan is not None or not self._chain:
            if not self._chain:
                raise ValueError(
                    f"Sequential model {self.name} cannot be built because it has no layers. Call"
                    " `model.add(layer)`."
                )
            return
        if input_shape is None:
            raise ValueError(f"Sequential model {self.name} needs an `input_shape` to be built.")
        dtype = "int32" if getattr(self._chain[0], "_integer_input", False) else None
        shape = (None, *tuple(input_shape)[1:])
        self._connect(_input(shape, dtype))

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Run the chain."""
        return self._run_graph(inputs, mask)

    def get_config(self) -> dict[str, Any]:
        """The configurations of the layers, that of the input first where it is known."""
        first = [self._input_layer] if self._input_layer is not None else []
        if not first and self._plan is not None:
            first = [self._start._keras_history.operation]
        config = Layer.get_config(self)
        config["layers"] = [serialize_keras_object(layer) for layer in (*first, *self._chain)]
        if self._plan is not None:
            config["build_input_shape"] = list(first[0].batch_shape)
        return config

    @classmethod
    def from_config(cls, config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Any:
        """A model from :meth:`get_config`, with new weights.

        Raises:
            ValueError: no ``name`` or no ``layers``.
        """
        if "name" not in config or "layers" not in config:
            raise ValueError(
                "A Sequential model configuration must be a dictionary containing the 'name' and 'layers'"
                f" keys. Received: config={config}"
            )
        model = cls(name=config["name"])
        for layer in config["layers"]:
            model.add(layer_from_config(layer, custom_objects), rebuild=False)
        model._rebuild()
        if model._plan is None and model._chain and config.get("build_input_shape"):
            model.build(tuple(config["build_input_shape"]))
        model.__dict__["_trainable"] = bool(config.get("trainable", True))
        return model

    @property
    def layers(self) -> list[Layer]:
        """The layers of the chain; the input is not among them."""
        return list(self._chain)

    @layers.setter
    def layers(self, value: Any) -> None:
        raise AttributeError("`Sequential.layers` is reserved; use `add` and `pop`.")


def _input(shape: Any, dtype: Any) -> KerasTensor:
    """A symbolic input of this shape, batch included."""
    from tkeras.layers import InputLayer

    return InputLayer(batch_shape=shape, dtype=dtype).output
