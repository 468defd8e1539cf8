"""Weights in the legacy HDF5 layout of Keras 1 to 3: a group for each layer, names in attributes."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from tkeras.saving._h5 import SafeGroup
from tkeras.saving._state import Assignment, as_array, assign

_MAX_ATTRIBUTE = 64512  # bytes that fit into the header of an HDF5 object
_TOP = "top_level_model_weights"


def save_legacy_weights(model: Any, group: Any) -> None:
    """Write the weights of a model's layers into an HDF5 group."""
    from tkeras.saving._keras_file import KERAS_VERSION

    layers = model.layers
    write_names(group, "layer_names", [layer.name for layer in layers])
    group.attrs["backend"] = b"torch"
    group.attrs["keras_version"] = KERAS_VERSION.encode()
    for layer in sorted(layers, key=lambda layer: layer.name):
        write_arrays(group.create_group(layer.name), _trainable_now(layer))
    write_arrays(group.create_group(_TOP), model._own_variables())


def _trainable_now(layer: Any) -> list[Any]:
    """Keras' order at writing and reading: weights that train now, then the others."""
    return [*layer.trainable_weights, *layer.non_trainable_weights]


def write_arrays(group: Any, variables: Sequence[Any]) -> None:
    """Arrays under the paths of their variables, a second one of the same path with a number."""
    names: list[str] = []
    for variable in variables:
        count = 0
        while (name := f"{variable.path}_{count}" if count else variable.path) in names:
            count += 1
        names.append(name)
        group.create_dataset(name, data=as_array(variable))
    write_names(group, "weight_names", names)


def write_names(group: Any, name: str, values: Sequence[str]) -> None:
    """A list of strings as an attribute, in several where one cannot hold them."""
    data = np.asarray([value.encode() for value in values])
    if data.nbytes <= _MAX_ATTRIBUTE:
        group.attrs[name] = data if len(data) else np.zeros(0, "S1")
        return
    width = max(1, _MAX_ATTRIBUTE // data.dtype.itemsize)
    for index, start in enumerate(range(0, len(data), width)):
        group.attrs[f"{name}{index}"] = data[start : start + width]


def read_names(group: SafeGroup, name: str) -> list[str]:
    """A list of strings that :func:`write_names` or Keras wrote."""
    found = group.attribute(name)
    parts = [found] if found is not None else []
    while found is None and (part := group.attribute(f"{name}{len(parts)}")) is not None:
        parts.append(part)
    values = [value for part in parts for value in np.asarray(part).ravel().tolist()]
    return [value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value) for value in values]


def load_legacy_weights(
    model: Any, root: SafeGroup, skip_mismatch: bool = False, by_name: bool = False
) -> None:
    """Read weights by the order of the layers, or by their names; nothing is changed unless everything fits.

    Raises:
        ValueError: another number of layers or weights, or other shapes.
    """
    if (
        "model_weights" in root
        and root.attribute("layer_names") is None
        and root.attribute("layer_names0") is None
    ):
        root = root.group("model_weights")
    stored = [(name, group_at(root, name.split("/"))) for name in read_names(root, "layer_names")]
    pairs = _by_name(model, stored) if by_name else _by_order(model, stored, root.file)
    assignments: list[Assignment] = []
    for layer, group in pairs:
        assignments += _matched(f"layer '{layer.name}'", _trainable_now(layer), group, skip_mismatch)
    if _TOP in root:
        assignments += _matched("the model itself", model._own_variables(), root.group(_TOP), skip_mismatch)
    assign(assignments)


def group_at(group: SafeGroup, folders: Sequence[str]) -> SafeGroup:
    """The group inside a group, one name after the other."""
    for name in folders:
        group = group.group(name)
    return group


def _by_order(model: Any, stored: list[tuple[str, SafeGroup]], file: str) -> list[tuple[Any, SafeGroup]]:
    layers = [layer for layer in model.layers if layer.weights]
    groups = [group for _, group in stored if read_names(group, "weight_names")]
    if len(layers) != len(groups):
        raise ValueError(
            f"{file}: layer count mismatch when loading weights. Model expected {len(layers)} layers, found "
            f"{len(groups)} saved layers."
        )
    return list(zip(layers, groups, strict=True))


def _by_name(model: Any, stored: list[tuple[str, SafeGroup]]) -> list[tuple[Any, SafeGroup]]:
    groups = dict(stored)
    return [(layer, groups[layer.name]) for layer in model.layers if layer.name in groups]


def _matched(what: str, variables: list[Any], group: SafeGroup, skip: bool) -> list[Assignment]:
    names = read_names(group, "weight_names")
    try:
        if len(names) != len(variables):
            raise ValueError(
                f"Weight count mismatch: it expects {len(variables)} weight(s). Received: {len(names)} saved "
                "weight(s)"
            )
        return [
            (variable, _array(group, name, variable)) for name, variable in zip(names, variables, strict=True)
        ]
    except ValueError as error:
        if not skip:
            raise ValueError(f"{group.file}: {what} cannot take its weights: {error}") from error
        warnings.warn(f"{what} could not be loaded and is left as it is: {error}", stacklevel=5)
        return []


def _array(group: SafeGroup, path: str, variable: Any) -> np.ndarray:
    *folders, name = path.split("/")
    return group_at(group, folders).read(name, tuple(variable.shape))
