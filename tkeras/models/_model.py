"""`Model`: layers grouped into one that can be trained."""

from __future__ import annotations

from typing import Any

from tkeras.layers._build import shapes_of
from tkeras.layers._layer import Layer, specs
from tkeras.models._config import ConfigMixin
from tkeras.models._functional import GraphMixin
from tkeras.saving import public
from tkeras.training import Trainer


@public("keras.Model", "keras.models.Model")
class Model(ConfigMixin, Trainer, GraphMixin, Layer):
    """A layer that trains, evaluates and predicts.

    Three ways to make one: ``Model(inputs, outputs)`` from symbolic tensors (lists and dictionaries
        allowed), a
    subclass that defines ``call``, and `Sequential`.

    Args:
        inputs: symbolic inputs, with ``outputs``.
        outputs: symbolic outputs, with ``inputs``.
        name, trainable, dtype: as in `Layer`.
    """

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        kind = Functional if cls is Model and _is_functional(args, kwargs) else cls
        return Layer.__new__(kind, *args, **kwargs)

    def __init__(self, *args: Any, **kwargs: Any):
        self._init_trainer()
        if _is_functional(args, kwargs):
            given = {**dict(zip(("inputs", "outputs", "name"), args, strict=False)), **kwargs}
            inputs, outputs = given.pop("inputs"), given.pop("outputs")
            Layer.__init__(self, **given)
            self._init_graph(inputs, outputs)
        elif args:
            raise TypeError(
                f"{type(self).__name__}: expected `inputs` and `outputs`, or keyword arguments only."
                f" Received: {args}"
            )
        else:
            Layer.__init__(self, **kwargs)

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Run the graph; subclasses without one define their own."""
        if self._plan is None:
            raise NotImplementedError(
                f"Model {type(self).__name__} does not have a `call()` method implemented: define it in the"
                " subclass, or make the model from `inputs` and `outputs`."
            )
        return self._run_graph(inputs, mask)

    def _convert(
        self, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        if self._plan is not None and len(args) == 1:  # the graph checks and converts its inputs itself
            return args, kwargs
        return super()._convert(args, kwargs)

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        """Symbolic outputs for symbolic inputs."""
        if self._plan is not None and len(args) == 1:
            return self._symbolic_outputs(args[0])
        return super().compute_output_spec(*args, **kwargs)

    @property
    def layers(self) -> list[Layer]:
        """The layers directly inside, in Keras' order."""
        if self._plan is not None:
            inside = [operation for operation in self._plan.operations if isinstance(operation, Layer)]
            ids = {id(layer) for layer in inside}
            return inside + [layer for layer in self._layers if id(layer) not in ids]
        return list(self._layers)

    @layers.setter
    def layers(self, value: Any) -> None:
        raise AttributeError(
            "`Model.layers` attribute is reserved and should not be used. Please use another name."
        )

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """The layer of this name or at this index.

        Raises:
            ValueError: none or both given, no such layer, index out of range.
        """
        if (name is None) == (index is None):
            raise ValueError(
                "Provide either a layer name or layer index at `get_layer`. "
                f"Received: index={index}, name={name}"
            )
        layers = self.layers
        if index is not None:
            if not -len(layers) <= index < len(layers):
                raise ValueError(
                    f"Was asked to retrieve layer at index {index} but model only has {len(layers)} layers."
                )
            return layers[index]
        for layer in layers:
            if layer.name == name:
                return layer
        raise ValueError(f"No such layer: {name}. Existing layers are: {[layer.name for layer in layers]}.")

    def build(self, input_shape: Any = None) -> None:
        """Create the variables for inputs of this shape (batch included; a structure for several inputs)."""
        if self._plan is None and not self.built:
            self.compute_output_spec(specs(input_shape, "float32"))

    def _build_from(self, arguments: dict[str, Any]) -> None:
        if type(self).build is Model.build:  # the layers inside build themselves when `call` reaches them
            self.__dict__.update(built=True, _shapes_built=shapes_of(arguments))
        else:
            super()._build_from(arguments)

    def kernel_report(self, batch: int = 32, x: Any = None) -> Any:
        """Measure each operator of a training step: time, rates, bound, accuracy, fallbacks; give advice.

        Weights, moving statistics, seeds and gradients stay as they were.

        Args:
            batch: size of the random batch that is made in the shapes the model was built for.
            x: a batch in its place; needed for a model that was not built yet, or takes strings.

        Returns:
            A report that prints as tables, shows in notebooks, and has ``to_html()``.
        """
        from tkeras.models._kernel_measure import kernel_report

        return kernel_report(self, batch, x)

    def summary(
        self,
        line_length: int | None = None,
        positions: Any = None,
        print_fn: Any = None,
        expand_nested: bool = False,
        show_trainable: bool = False,
        layer_range: Any = None,
        kernels: bool = False,
    ) -> None:
        """Print the layers, their output shapes and parameter counts; see `tkeras.utils.summary_text`."""
        from tkeras.models._summary import summary_text

        text = summary_text(self, line_length, positions, expand_nested, show_trainable, layer_range, kernels)
        (print_fn or print)(text)

    def explain(self, specs: Any = None, training: bool = False) -> Any:
        """The model as a program, before and after fusion, and what runs each call; see `tkeras.compiler`.

        Args:
            specs: inputs: tensors, symbolic tensors or shapes; default: what the model was built for, with a
                batch of 32.
            training: for a compiled model, the whole step with what it costs.

        Returns:
            An object with ``before`` and ``after``, programs whose ``ops`` have ``name``, ``inputs``,
            ``attributes`` and ``layer``; it prints as text, and as HTML in notebooks.
        """
        from tkeras.compiler import explain

        return explain(self, specs, training)


@public("keras.src.models.functional.Functional", "keras.models.Functional", "keras.Functional")
class Functional(Model):
    """A model that is nothing but a graph: what ``Model(inputs, outputs)`` gives."""


def _is_functional(args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    return len(args) >= 2 or ("outputs" in kwargs and (len(args) == 1 or "inputs" in kwargs))
