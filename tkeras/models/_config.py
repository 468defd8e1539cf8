"""`ConfigMixin`: what a model says about itself, and how it is made again from that."""

from __future__ import annotations

import inspect
import json
import warnings
from collections.abc import Mapping
from typing import Any

from tkeras.layers._layer import Layer, specs
from tkeras.layers._layer import _constructor_config as constructor_config
from tkeras.models._graph_config import graph_from_config, graph_to_config
from tkeras.saving import deserialize_keras_object, object_sharing_scope, serialize_keras_object
from tkeras.training import Trainer

_GRAPH_KEYS = {"name", "layers", "input_layers", "output_layers"}


class ConfigMixin:
    """Configuration, saving and export of a model."""

    name: str
    trainable: bool
    built: bool
    _plan: Any

    def get_config(self) -> dict[str, Any]:
        """The graph of layers; for a subclassed model the arguments it was made with.

        Raises:
            NotImplementedError: a subclassed model with arguments that are no plain data, and no
            `get_config`.
        """
        if self._plan is not None and takes_graph(type(self)):
            return {"name": self.name, "trainable": self.trainable, **graph_to_config(self)}
        config = Layer.get_config(self)  # type: ignore[arg-type]
        if type(self).get_config is not ConfigMixin.get_config:  # the subclass adds its own arguments
            return config
        config.pop("activity_regularizer", None)
        return constructor_config(self, config)  # type: ignore[arg-type]

    @classmethod
    def from_config(cls, config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Any:
        """A model from :meth:`get_config`, with new weights.

        Args:
            config: what `get_config` gave.
            custom_objects: classes and functions that the configuration names, beside those registered.
        """
        config = dict(config)
        if config.keys() >= _GRAPH_KEYS and takes_graph(cls):
            inputs, outputs = graph_from_config(config, custom_objects)
            rest = {
                key: value for key, value in config.items() if key not in _GRAPH_KEYS and value is not None
            }
            make: Any = cls
            return make(inputs=inputs, outputs=outputs, name=config["name"], **rest)
        try:
            return cls(**config)
        except TypeError as error:
            raise TypeError(
                "Unable to revive model from config. When overriding the `get_config()` method, make sure"
                f" that the returned config contains all items used as arguments in the constructor to {cls},"
                f" or define a `from_config(cls, config)` class method.\n\nReceived config={config}\n\nError"
                f" encountered during deserialization: {error}"
            ) from error

    def to_json(self, **kwargs: Any) -> str:
        """The configuration as JSON text; see `tkeras.models.model_from_json`.

        Args:
            kwargs: for ``json.dumps``.
        """
        with object_sharing_scope():
            return json.dumps(serialize_keras_object(self), **kwargs)

    def save(self, filepath: Any, overwrite: bool = True, **kwargs: Any) -> None:
        """Save the whole model: see `tkeras.saving.save_model`."""
        from tkeras.saving import save_model

        save_model(self, filepath, overwrite, **kwargs)

    def save_weights(self, filepath: Any, overwrite: bool = True) -> None:
        """Save the weights: see `tkeras.saving.save_weights`."""
        from tkeras.saving import save_weights

        save_weights(self, filepath, overwrite)

    def load_weights(
        self, filepath: Any, skip_mismatch: bool = False, by_name: bool = False, objects_to_skip: Any = ()
    ) -> None:
        """Load weights from a file: see `tkeras.saving.load_weights`."""
        from tkeras.saving import load_weights

        load_weights(self, filepath, skip_mismatch, by_name, objects_to_skip)

    def export(self, filepath: Any, format: str | None = None, **kwargs: Any) -> None:
        """Not supported: a tkeras model is a torch module, which torch exports.

        Raises:
            NotImplementedError: always, with the call to use.
        """
        raise NotImplementedError(
            f"`export` is not supported. Received: filepath={filepath}, format={format}. The model is a torch"
            " module: use `torch.export.save(torch.export.export(model.eval(), (example_inputs,)), path)` or"
            " `torch.onnx.export`. To save it for later use in Keras, call `model.save('model.keras')`."
        )

    def get_compile_config(self) -> dict[str, Any]:
        """The arguments of `compile`, with the optimizer as it is now; empty before `compile`."""
        arguments = getattr(self, "_compile_arguments", None) or {}
        return {key: serialize_keras_object(value) for key, value in arguments.items()}

    def compile_from_config(self, config: Mapping[str, Any]) -> None:
        """Call `compile` with the arguments of :meth:`get_compile_config`, and create the optimizer's
        state."""
        if type(self).compile is not Trainer.compile:  # type: ignore[attr-defined]
            warnings.warn(
                "`compile()` was not called as part of model loading because the model's `compile()` method"
                " is custom. Override `get_compile_config()` and `compile_from_config(config)` too, or call"
                " `compile()` after loading.",
                stacklevel=2,
            )
            return
        arguments = deserialize_keras_object(dict(config))
        self.compile(**arguments)  # type: ignore[attr-defined]
        optimizer = self.optimizer  # type: ignore[attr-defined]
        if optimizer is not None and self.built:
            optimizer.build(self.trainable_variables)  # type: ignore[attr-defined]

    def build_from_config(self, config: Mapping[str, Any]) -> None:
        """Create the variables for the shapes of :meth:`get_build_config`, where the model has none yet."""
        shape, named = config.get("input_shape"), config.get("shapes_dict")
        if self.built or not (shape or named):
            return
        if type(self).build is not _model_build() or not named:  # type: ignore[attr-defined]
            Layer.build_from_config(self, dict(config))  # type: ignore[arg-type]
        else:
            symbolic = {
                key.removesuffix("_shape"): specs(_tuples(value), "float32") for key, value in named.items()
            }
            self.compute_output_spec(**symbolic)  # type: ignore[attr-defined]
        self.__dict__["_shapes_built"] = dict(named or {"input_shape": shape})


def _model_build() -> Any:
    from tkeras.models._model import Model

    return Model.build


def _tuples(shape: Any) -> Any:
    if isinstance(shape, dict):
        return {key: _tuples(value) for key, value in shape.items()}
    if isinstance(shape, list) and any(isinstance(item, (list, tuple, dict)) for item in shape):
        return [_tuples(value) for value in shape]
    return tuple(shape)


def takes_graph(cls: type) -> bool:
    """Whether the constructor takes symbolic ``inputs`` and ``outputs``, as that of `Model` does."""
    parameters = inspect.signature(cls.__init__).parameters.values()
    kinds = {parameter.kind for parameter in parameters}
    if {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD} <= kinds:
        return True
    return [parameter.name for parameter in parameters][1:4] == ["inputs", "outputs", "name"]
