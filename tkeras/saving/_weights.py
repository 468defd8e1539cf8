"""Weights alone: ``.weights.h5``, weights of whole-model files, ``.safetensors``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from tkeras.saving._archive import open_archive
from tkeras.saving._atomic import atomic_path, check_target
from tkeras.saving._h5 import open_h5, open_h5_file
from tkeras.saving._integrity import USER_BLOCK, WRITER, seal_h5
from tkeras.saving._legacy_weights import load_legacy_weights, save_legacy_weights
from tkeras.saving._safetensors import load_safetensors, save_safetensors
from tkeras.saving._state import read_state, write_state

_LEGACY = (".h5", ".hdf5")


def save_weights(model: Any, filepath: Any, overwrite: bool = True) -> None:
    """Write the weights of a model, whole or not at all.

    Args:
        filepath: ends in ``.weights.h5``, in ``.safetensors``, or in ``.h5`` for Keras' legacy layout.

    Raises:
        ValueError: another ending, the model is not built, or the file exists and ``overwrite`` is False.
    """
    path = Path(os.fspath(filepath))
    if not path.name.endswith((*_LEGACY, ".safetensors")):
        raise ValueError(
            f"The filename must end in `.weights.h5`, `.safetensors` or `.h5`. Received: filepath={path}"
        )
    if not model.built:
        raise ValueError(
            "You are saving a model that has not yet been built. Try building the model first by calling it"
            " on some data or by using `build()`."
        )
    check_target(path, overwrite)
    with atomic_path(path) as temporary:
        if path.name.endswith(".safetensors"):
            save_safetensors(model, temporary)
        elif path.name.endswith(".weights.h5"):
            write_h5(temporary, lambda file: write_state(model, file, random_state=False))
        else:
            write_h5(temporary, lambda file: save_legacy_weights(model, file))


def write_h5(path: Any, fill: Any) -> None:
    """A sealed HDF5 file with what ``fill(file)`` puts into it."""
    import h5py

    with h5py.File(path, "w", userblock_size=USER_BLOCK) as file:
        file.attrs[WRITER] = True
        fill(file)
    seal_h5(path)


def load_weights(
    model: Any,
    filepath: Any,
    skip_mismatch: bool = False,
    by_name: bool = False,
    objects_to_skip: Any = (),
) -> None:
    """Read the weights of a model; nothing is changed unless everything fits.

    Args:
        filepath: a file of :func:`save_weights`, or a whole model in ``.keras`` or ``.h5``.
        skip_mismatch: leave layers alone whose weights are absent or of other shapes, with a warning.
        by_name: match layers by name instead of by order; for ``.h5`` files in the legacy layout.
        objects_to_skip: layers to leave alone; for ``.weights.h5`` and ``.keras``.

    Raises:
        ValueError: not such a file, the model is not built, or its weights are not in it.
    """
    path = Path(os.fspath(filepath))
    name = path.name
    if not name.endswith((*_LEGACY, ".keras", ".safetensors")):
        raise ValueError(
            "Expected a file ending in `.weights.h5`, `.keras`, `.h5` or `.safetensors`. "
            f"Received: filepath={path}"
        )
    legacy = name.endswith(_LEGACY) and not name.endswith(".weights.h5")
    if by_name and not legacy:
        raise ValueError(f"`by_name` only supports legacy `.h5` files. Received: filepath={path}")
    if not path.is_file():
        raise ValueError(f"File not found: filepath={path}")
    if not model.built:
        raise ValueError(
            f"Model '{model.name}' has not created its variables yet, so they cannot take weights. Build it"
            " or call it on data first."
        )
    skip = tuple(objects_to_skip or ())
    if name.endswith(".safetensors"):
        load_safetensors(model, path, skip_mismatch)
    elif name.endswith(".keras"):
        with open_archive(path, str(path)) as archive:
            weights = archive.read("model.weights.h5")
        with open_h5(weights, str(path)) as root:
            read_state(model, root, skip_mismatch, skip)
    else:
        with open_h5_file(path) as root:
            if legacy or root.attribute("layer_names") is not None:
                load_legacy_weights(model, root, skip_mismatch, by_name)
            else:
                read_state(model, root, skip_mismatch, skip)
