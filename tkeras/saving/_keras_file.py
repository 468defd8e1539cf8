"""``.keras`` files: a zip archive with ``metadata.json``, ``config.json``, ``model.weights.h5`` and
assets."""

from __future__ import annotations

import datetime
import json
import os
import tempfile
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tkeras.saving._archive import Archive, open_archive
from tkeras.saving._atomic import atomic_path
from tkeras.saving._budget import AllocationBudget
from tkeras.saving._h5 import open_h5
from tkeras.saving._integrity import COMMENT, check_zip, seal_zip
from tkeras.saving._saveables import saveables
from tkeras.saving._serialization import (
    deserialize_keras_object,
    object_sharing_scope,
    serialize_keras_object,
)
from tkeras.saving._state import read_state, write_state

KERAS_VERSION = "3.15.1"  # whose format is written
_CONFIG, _METADATA, _WEIGHTS, _ASSETS = "config.json", "metadata.json", "model.weights.h5", "assets"
_WRITER = "tkeras"


def save_keras(model: Any, target: Any) -> None:
    """Write a whole model to a path, or to an open file that can be read and written."""
    if not model.built:
        warnings.warn(
            "You are saving a model that has not yet been built. It might not contain any weights yet. "
            "Consider building the model first by calling it on some data.",
            stacklevel=4,
        )
    with object_sharing_scope():
        config = json.dumps(serialize_keras_object(model))
    now = datetime.datetime.now().strftime("%Y-%m-%d@%H:%M:%S")
    metadata = json.dumps({"keras_version": KERAS_VERSION, "date_saved": now, "writer": _WRITER})
    if hasattr(target, "write"):
        with tempfile.TemporaryFile() as file:
            _write(model, file, config, metadata)
            file.seek(0)
            target.write(file.read())
        return
    with atomic_path(target) as temporary, open(temporary, "w+b") as file:
        _write(model, file, config, metadata)


def _write(model: Any, file: Any, config: str, metadata: str) -> None:
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(_METADATA, metadata)
        archive.writestr(_CONFIG, config)
        archive.writestr(_WEIGHTS, _weights_image(model))
        for name, content in _assets(model):
            archive.writestr(f"{_ASSETS}/{name}", content)
        archive.comment = COMMENT
    seal_zip(file)


def _weights_image(model: Any) -> bytes:
    """The bytes of the HDF5 file of the weights."""
    import h5py

    with h5py.File("weights", "w", driver="core", backing_store=False) as file:
        write_state(model, file, random_state=True)
        file.flush()
        return file.id.get_file_image()


def _assets(model: Any) -> Iterator[tuple[str, bytes]]:
    """What the layers' ``save_assets(folder)`` write: names below ``assets`` and contents."""
    writers = {path: part for path, part in saveables(model).items() if hasattr(part, "save_assets")}
    if not writers:
        return
    with tempfile.TemporaryDirectory() as folder:
        for path, part in writers.items():
            below = Path(folder, path)
            below.mkdir(parents=True, exist_ok=True)
            part.save_assets(str(below))
        for found in sorted(Path(folder).rglob("*")):
            if found.is_file():
                yield found.relative_to(folder).as_posix(), found.read_bytes()


def load_keras(source: Any, name: str, custom_objects: Any, compile: bool, safe_mode: bool | None) -> Any:
    """The model of a ``.keras`` file.

    Args:
        source: a path or an open file.
        name: of the file, for messages.

    Raises:
        ValueError: the file is damaged, holds what is refused, or weights that do not fit its configuration.
    """
    with open_archive(source, name) as archive:
        _check_seal(archive)
        config = archive.json(_CONFIG)
        weights = archive.read(_WEIGHTS)
        if not compile:
            config["compile_config"] = None
        where = f"{name}: member {_CONFIG!r}"
        with AllocationBudget(len(weights), where), object_sharing_scope():
            model = model_from(config, where, custom_objects, safe_mode)
        with open_h5(weights, f"{name}: member {_WEIGHTS!r}") as root:
            del weights
            read_state(model, root)
        _load_assets(model, archive)
    return model


def _check_seal(archive: Archive) -> None:
    sealed = check_zip(archive.file, archive.name)
    if not sealed and archive.json(_METADATA).get("writer") == _WRITER:
        raise ValueError(f"{archive.name} is damaged: its checksum is missing.")


def model_from(config: Any, where: str, custom_objects: Any, safe_mode: bool | None) -> Any:
    """The model of a configuration from a file.

    Raises:
        ValueError: whatever goes wrong, with the reason.
    """
    from tkeras.layers import Layer

    try:
        model = deserialize_keras_object(config, custom_objects, safe_mode)
    except Exception as error:
        raise ValueError(f"{where}: the model cannot be made from its configuration: {error}") from error
    if not isinstance(model, Layer):
        raise ValueError(
            f"{where}: expected the configuration of a model. Received that of a {type(model).__name__}."
        )
    return model


def _load_assets(model: Any, archive: Archive) -> None:
    """Give the layers' ``load_assets(folder)`` their files, in a folder that lasts as long as the call."""
    readers = {path: part for path, part in saveables(model).items() if hasattr(part, "load_assets")}
    if not readers:
        return
    with tempfile.TemporaryDirectory() as folder:
        for path, part in readers.items():
            prefix = f"{_ASSETS}/{path}/" if path else f"{_ASSETS}/"
            for member in archive.names():
                if member.startswith(prefix) and not member.endswith("/"):
                    copy = Path(folder, member)
                    copy.parent.mkdir(parents=True, exist_ok=True)
                    copy.write_bytes(archive.read(member))
            below = os.path.join(folder, prefix)
            part.load_assets(below if os.path.isdir(below) else None)
