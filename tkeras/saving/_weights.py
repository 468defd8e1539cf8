"""``.weights.h5`` files, in the layout of Keras 3."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tkeras.graph import Variable
from tkeras.graph._naming import to_snake_case
from tkeras.layers._layer import Layer
from tkeras.saving._h5 import SafeGroup, atomic_path


def save_weights(model: Any, filepath: Any, overwrite: bool = True) -> None:
    """Write the weights of a model, whole or not at all.

    Raises:
        ValueError: the name does not end in ``.weights.h5``, the model is not built, or the file exists and
            ``overwrite`` is False.
    """
    import h5py

    path = Path(os.fspath(filepath))
    if not path.name.endswith(".weights.h5"):
        raise ValueError(f"The filename must end in `.weights.h5`. Received: filepath={path}")
    if not model.built:
        raise ValueError(
            f"Model '{model.name}' has no weights to save yet: build it or call it on data first."
        )
    if path.exists() and not overwrite:
        raise ValueError(f"The file {path} exists and `overwrite` is False.")
    with atomic_path(path) as temporary, h5py.File(temporary, "w") as file:
        _write(model, file)


def load_weights(model: Any, filepath: Any, skip_mismatch: bool = False) -> None:
    """Read the weights of a model; nothing is changed unless everything fits.

    Args:
        skip_mismatch: leave layers alone whose weights are absent or of other shapes, with a warning.

    Raises:
        ValueError: not such a file, the model is not built, or its weights are not in it.
    """
    import h5py

    path = Path(os.fspath(filepath))
    if not path.name.endswith(".weights.h5"):
        raise ValueError(f"The filename must end in `.weights.h5`. Received: filepath={path}")
    if not path.exists():
        raise ValueError(f"File not found: filepath={path}")
    if not model.built:
        raise ValueError(
            f"Unable to load weights saved in HDF5 format into a subclassed Model which has not created its variables yet. "
            f"Call the Model '{model.name}' first, then load the weights."
        )
    found: list[tuple[Variable, np.ndarray]] = []
    with h5py.File(path, "r") as file:
        _read(model, SafeGroup(file), found, skip_mismatch)
    for variable, value in found:
        variable.assign(torch.from_numpy(np.ascontiguousarray(value)).to(variable.dtype))


def saved_parts(layer: Any) -> dict[str, Any]:
    """What is stored below a layer: group names with layers, or with dictionaries of them for containers."""
    own = getattr(layer, "_saved_parts", None)
    if own is not None:
        return own()
    parts: dict[str, Any] = {}
    if hasattr(layer, "_plan") and (layer._plan is not None or hasattr(layer, "_chain")):
        parts["layers"] = numbered([op for op in _operations(layer) if isinstance(op, Layer)])
    for name in sorted({*vars(layer), *layer._modules}):
        if name.startswith("_"):
            continue
        value = layer._modules.get(name) if name in layer._modules else vars(layer).get(name)
        if isinstance(value, Layer) and not _listed(value, parts):
            parts[name] = value
        elif isinstance(value, (list, tuple, dict)):
            members = [
                item
                for item in (value.values() if isinstance(value, dict) else value)
                if isinstance(item, Layer)
            ]
            if members and not all(_listed(member, parts) for member in members):
                parts[name] = numbered(members)
    return parts


def _operations(model: Any) -> list[Any]:
    return model.layers if hasattr(model, "_chain") else model._plan.operations


def _listed(value: Any, parts: dict[str, Any]) -> bool:
    return any(item is value for part in parts.values() if isinstance(part, dict) for item in part.values())


def numbered(layers: list[Any]) -> dict[str, Any]:
    """Layers under the snake-case names of their classes: ``dense``, ``dense_1``, …"""
    named: dict[str, Any] = {}
    counts: dict[str, int] = {}
    for layer in layers:
        base = to_snake_case(type(layer).__name__)
        count = counts.get(base, 0)
        named[f"{base}_{count}" if count else base] = layer
        counts[base] = count + 1
    return named


def _write(layer: Any, group: Any, seen: set[int] | None = None) -> None:
    seen = set() if seen is None else seen
    if id(layer) in seen:
        return
    seen.add(id(layer))
    store = group.create_group("vars")
    store.attrs["name"] = layer.name
    for index, variable in enumerate(saved_variables(layer)):
        store[str(index)] = variable.numpy()
    for name, part in saved_parts(layer).items():
        child = group.create_group(name)
        for key, item in part.items() if isinstance(part, dict) else [("", part)]:
            _write(item, child.create_group(key) if key else child, seen)


def saved_variables(layer: Any) -> list[Variable]:
    """The variables stored in a layer's own group, in order."""
    own = getattr(layer, "_saved_variables", None)
    if own is not None:
        return own()
    return sorted(layer._variables, key=lambda v: not v._declared_trainable)


def _read(layer: Any, group: SafeGroup, found: list[Any], skip: bool, seen: set[int] | None = None) -> None:
    seen = set() if seen is None else seen
    if id(layer) in seen:
        return
    seen.add(id(layer))
    variables = saved_variables(layer)
    if variables:
        try:
            found += _values(layer, variables, group)
        except ValueError as error:
            if not skip:
                raise
            import warnings

            warnings.warn(f"A layer could not be loaded and is left as it is: {error}", stacklevel=4)
    for name, part in saved_parts(layer).items():
        for key, item in part.items() if isinstance(part, dict) else [("", part)]:
            if not item.weights:
                continue
            child = group.group(name)
            _read(item, child.group(key) if key else child, found, skip, seen)


def _values(layer: Any, variables: list[Variable], group: SafeGroup) -> list[tuple[Variable, np.ndarray]]:
    try:
        store = group.group("vars")
        count = len(store.keys())
        if count != len(variables):
            raise ValueError(f"the file has {count} variables, the layer {len(variables)}")
        return [(v, store.read(str(index), tuple(v.shape))) for index, v in enumerate(variables)]
    except ValueError as error:
        raise ValueError(f"Layer '{layer.name}' cannot take its weights from the file: {error}") from error
