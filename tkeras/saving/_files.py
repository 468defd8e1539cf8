"""`save_model`, `load_model` and `model_from_json`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tkeras.saving._archive import parse_json
from tkeras.saving._atomic import check_target
from tkeras.saving._keras_file import load_keras, save_keras
from tkeras.saving._legacy_file import load_legacy, save_legacy
from tkeras.saving._serialization import deserialize_keras_object, object_sharing_scope

_LEGACY = (".h5", ".hdf5")


def save_model(
    model: Any,
    filepath: Any,
    overwrite: bool = True,
    zipped: bool | None = None,
    include_optimizer: bool = True,
    save_format: str | None = None,
) -> None:
    """Save a whole model: configuration, weights, compile arguments and the optimizer's state.

    The file is written whole or not at all: the old one stays until the new one is complete.

    Args:
        filepath: ends in ``.keras``, or in ``.h5`` for Keras' legacy layout; or an open file, for ``.keras``.
        overwrite: False refuses to replace a file.
        zipped: must not be False: folders are not written.
        include_optimizer: False leaves compile arguments and the optimizer's state out, for ``.h5`` only.
        save_format: for scripts of Keras 2; must agree with the ending of the name.

    Raises:
        ValueError: another ending, or an argument that does not fit it.
    """
    if zipped is False:
        raise ValueError("`zipped=False` is not supported: models are saved as one `.keras` file.")
    if hasattr(filepath, "write"):
        save_keras(model, filepath)
        return
    path = Path(os.fspath(filepath))
    legacy = path.name.endswith(_LEGACY)
    if not legacy and not path.name.endswith(".keras"):
        raise ValueError(
            "Invalid filepath extension for saving. Please add either a `.keras` extension for the native "
            f"Keras format (recommended) or a `.h5` extension. Received: filepath={path}"
        )
    if path.name.endswith(".weights.h5"):
        raise ValueError(
            f"`.weights.h5` is the ending of weights alone: use `save_weights`. Received: filepath={path}"
        )
    if save_format is not None and (save_format in ("h5", "hdf5")) != legacy:
        raise ValueError(f"`save_format={save_format!r}` does not fit the name. Received: filepath={path}")
    if not include_optimizer and not legacy:
        raise ValueError(
            "`include_optimizer=False` is for `.h5` files; load a `.keras` file with `compile=False`."
        )
    check_target(path, overwrite)
    if legacy:
        save_legacy(model, path, include_optimizer)
    else:
        save_keras(model, path)


def load_model(
    filepath: Any,
    custom_objects: Mapping[str, Any] | None = None,
    compile: bool = True,
    safe_mode: bool | None = True,
) -> Any:
    """The model that :meth:`Model.save` of tkeras, Keras 3 or (``.h5``) Keras 2 wrote.

    Names in the file stand for what Keras, this process' registrations or ``custom_objects`` call by them;
    nothing is imported, and no code in the file is run.

    Args:
        filepath: a ``.keras`` or ``.h5`` file, or an open ``.keras`` file.
        custom_objects: name → class or function; under the name of a `Lambda` layer its function.
        compile: whether to compile the model as it was, with the optimizer's state.
        safe_mode: accepted as in Keras; code in a file is never run, so it only changes the words of the
            refusal.

    Raises:
        ValueError: no such file, a damaged one, or one that holds what is refused or not known here.
    """
    if hasattr(filepath, "read"):
        name = getattr(filepath, "name", None)
        return load_keras(
            filepath, name if isinstance(name, str) else "the file", custom_objects, compile, safe_mode
        )
    path = Path(os.fspath(filepath))
    if not path.name.endswith((*_LEGACY, ".keras")):
        raise ValueError(f"File format not supported: filepath={path}. Expected a `.keras` or `.h5` file.")
    if not path.is_file():
        raise ValueError(
            f"File not found: filepath={path}. Please ensure the file is an accessible `.keras` zip file."
        )
    if path.name.endswith(".keras"):
        return load_keras(path, str(path), custom_objects, compile, safe_mode)
    return load_legacy(path, custom_objects, compile, safe_mode)


def model_from_json(json_string: str, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """A model, with new weights, from the text of :meth:`Model.to_json`, that of Keras 2 included.

    Args:
        json_string: the text.
        custom_objects: name → class or function.

    Raises:
        ValueError: no JSON object.
        TypeError: it names a class that is not known here.
    """
    config = parse_json(json_string, "`json_string`")
    with object_sharing_scope():
        return deserialize_keras_object(config, custom_objects)
