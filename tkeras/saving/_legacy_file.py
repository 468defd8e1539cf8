"""Whole models in the legacy HDF5 layout: configurations in attributes, weights in ``model_weights``."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from tkeras.graph._tree import flatten
from tkeras.saving._archive import parse_json
from tkeras.saving._atomic import atomic_path
from tkeras.saving._budget import AllocationBudget
from tkeras.saving._h5 import SafeGroup, open_h5_file
from tkeras.saving._keras_file import KERAS_VERSION, model_from
from tkeras.saving._legacy_weights import (
    group_at,
    load_legacy_weights,
    read_names,
    save_legacy_weights,
    write_arrays,
)
from tkeras.saving._registry import CustomObjectScope
from tkeras.saving._serialization import object_sharing_scope, safe_mode_scope, serialize_keras_object
from tkeras.saving._state import Assignment, assign
from tkeras.saving._weights import write_h5

_BY_SHAPE = ("accuracy", "acc", "crossentropy", "ce")  # names whose meaning the shapes decide
_UNUSED = ("jit_compile", "is_legacy_optimizer")  # options of Keras 2's optimizers


def save_legacy(model: Any, path: Path, include_optimizer: bool = True) -> None:
    """Write a whole model to an ``.h5`` file."""
    with object_sharing_scope():
        config = serialize_keras_object(model)
    architecture = {"class_name": config["class_name"], "config": config["config"]}
    training = _training_config(config.get("compile_config") or {}) if include_optimizer else None

    def fill(file: Any) -> None:
        file.attrs["keras_version"], file.attrs["backend"] = KERAS_VERSION, "torch"
        file.attrs["model_config"] = json.dumps(architecture).encode()
        if training:
            file.attrs["training_config"] = json.dumps(training).encode()
        save_legacy_weights(model, file.create_group("model_weights"))
        if training and model.optimizer is not None:
            write_arrays(file.create_group("optimizer_weights"), model.optimizer.variables)

    with atomic_path(path) as temporary:
        write_h5(temporary, fill)


def _training_config(compile_config: dict[str, Any]) -> dict[str, Any] | None:
    """The arguments of `compile`, with the whole names of functions: Keras cannot read short ones in this
    layout."""
    from tkeras import losses, metrics

    if not compile_config:
        return None
    config = dict(compile_config)
    optimizer = config.pop("optimizer")
    config["optimizer_config"] = {"class_name": optimizer["class_name"], "config": optimizer["config"]}
    config["loss"] = _objects(config.get("loss"), lambda value: _whole_name(value, losses.get))
    for key in ("metrics", "weighted_metrics"):
        config[key] = _objects(config.get(key), lambda value: _whole_name(value, metrics.get))
    return config


def _whole_name(value: Any, get: Any) -> Any:
    return (
        getattr(get(value), "__name__", value) if isinstance(value, str) and value not in _BY_SHAPE else value
    )


def load_legacy(path: Path, custom_objects: Any, compile: bool, safe_mode: bool | None) -> Any:
    """The model of an ``.h5`` file that Keras 2 or 3 wrote.

    Raises:
        ValueError: the file is damaged, holds weights alone, or what is refused.
    """
    name = str(path)
    with open_h5_file(path) as root:
        config = _json_attribute(root, "model_config")
        if config is None:
            raise ValueError(
                f"{name}: no model config found. A file of weights alone is loaded into a model with "
                "`load_weights`."
            )
        where = f"{name}: attribute 'model_config'"
        with AllocationBudget(path.stat().st_size, where), object_sharing_scope():
            model = model_from(config, where, custom_objects, safe_mode)
        load_legacy_weights(model, root.group("model_weights"))
        training = _json_attribute(root, "training_config") if compile else None
        if training is not None:
            with CustomObjectScope(custom_objects), safe_mode_scope(safe_mode):
                _compile(model, training, f"{name}: attribute 'training_config'")
            _load_optimizer(model, root)
    return model


def _json_attribute(root: SafeGroup, name: str) -> dict[str, Any] | None:
    text = root.attribute(name)
    if text is None:
        return None
    if not isinstance(text, str):
        raise ValueError(f"{root.file}: attribute {name!r} is no text.")
    return _without_marks(parse_json(text, f"{root.file}: attribute {name!r}"))


def _without_marks(value: Any) -> Any:
    """Keras 2 writes tuples as ``{"class_name": "__tuple__", "items": […]}``."""
    if isinstance(value, list):
        return [_without_marks(item) for item in value]
    if not isinstance(value, dict):
        return value
    if value.get("class_name") in ("__tuple__", "TensorShape") and isinstance(value.get("items"), list):
        return [_without_marks(item) for item in value["items"]]
    return {key: _without_marks(item) for key, item in value.items()}


def _compile(model: Any, training: dict[str, Any], where: str) -> None:
    try:
        model.compile(**_compile_arguments(training))
    except Exception as error:
        raise ValueError(
            f"{where}: the model cannot be compiled: {error} Load it with `compile=False`."
        ) from error


def _compile_arguments(training: dict[str, Any]) -> dict[str, Any]:
    """The arguments of `compile`: objects where the configuration has dictionaries."""
    from tkeras import losses, metrics, optimizers

    optimizer = dict(training["optimizer_config"])
    optimizer["config"] = {key: value for key, value in optimizer["config"].items() if key not in _UNUSED}
    arguments = {"optimizer": optimizers.deserialize(optimizer), "loss_weights": training.get("loss_weights")}
    arguments["loss"] = _objects(training.get("loss"), _unless_name(losses.deserialize))
    for key in ("metrics", "weighted_metrics"):
        arguments[key] = _objects(training.get(key), _unless_name(metrics.deserialize))
    return {key: value for key, value in arguments.items() if value is not None}


def _objects(config: Any, make: Any) -> Any:
    """A structure with ``make`` applied to the names and objects in it."""
    if isinstance(config, str) or (isinstance(config, dict) and "class_name" in config):
        return make(config)
    if isinstance(config, dict):
        return {key: _objects(value, make) for key, value in config.items()}
    return [_objects(value, make) for value in config] if isinstance(config, list) else config


def _unless_name(deserialize: Any) -> Any:
    """Names stay for `compile`; a metric of Keras 2 may wrap a function by its bare name."""

    def make(config: Any) -> Any:
        if isinstance(config, str):
            return config
        inner = config.get("config")
        if isinstance(inner, dict) and isinstance(inner.get("fn"), str):
            function = {"class_name": "function", "module": "builtins", "config": inner["fn"]}
            config = {**config, "config": {**inner, "fn": function}}
        return deserialize(config)

    return make


def _load_optimizer(model: Any, root: SafeGroup) -> None:
    """The optimizer's state, where the file has one that fits."""
    optimizer = model.optimizer
    if optimizer is None or "optimizer_weights" not in root:
        return
    optimizer.build(model.trainable_variables)
    group = root.group("optimizer_weights")
    names = read_names(group, "weight_names")
    targets = _targets(optimizer, len(names))
    if targets is None:
        if len(names) > 2:
            warnings.warn(
                f"{root.file}: the optimizer's state has {len(names)} arrays, which do not fit "
                f"{type(optimizer).__name__}. It starts afresh.",
                stacklevel=5,
            )
        return
    values: list[Assignment] = []
    for name, variable in zip(names, targets, strict=True):
        *folders, last = name.split("/")
        values.append((variable, np.asarray(group_at(group, folders).read(last, tuple(variable.shape)))))
    assign(values)


def _targets(optimizer: Any, count: int) -> list[Any] | None:
    """The variables in the order of the file: Keras 3's own, or Keras 2's step count and then slot after
    slot."""
    if count == len(optimizer.variables):
        return optimizer.variables
    slots = [variable for slot in optimizer._slots.values() for variable in flatten(slot)]
    return [optimizer._iterations, *slots] if count == 1 + len(slots) else None
