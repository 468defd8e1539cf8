"""The file of `BackupAndRestore`: the variables of a model, and beside them where training stands."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tkeras.callbacks._callback import Callback

_GROUP = "_training"
_TEXT = "progress"
_ARRAYS = "__arrays__"


@dataclass
class Progress:
    """Where training stands.

    Attributes:
        epoch: the epoch to go on with.
        step: batches of it that are done.
        random_at_epoch, random_now: the random generators at its begin (or that of the pass over the data
            which it goes on with) and after the last batch.
        metrics: variables of metrics, by who has them.
        callbacks: class name and state of each other callback.
        passed: batches of the pass that earlier epochs took.
    """

    epoch: int
    step: int
    random_at_epoch: list[np.ndarray]
    random_now: list[np.ndarray]
    metrics: dict[str, list[np.ndarray]]
    callbacks: list[list[Any]]
    passed: int = 0


def write_backup(path: Path, model: Any, progress: Progress) -> None:
    """Write the variables of a model and the progress, whole or not at all."""
    from tkeras.saving._atomic import atomic_path
    from tkeras.saving._state import write_state
    from tkeras.saving._weights import write_h5

    def fill(file: Any) -> None:
        write_state(model, file, random_state=True)
        arrays: list[np.ndarray] = []
        text = json.dumps(_without_arrays(vars(progress), arrays)).encode()
        group = file.create_group(_GROUP)
        group[_TEXT] = np.frombuffer(text, "uint8")
        for index, array in enumerate(arrays):
            group[str(index)] = array

    with atomic_path(path) as temporary:
        write_h5(temporary, fill)


def read_backup(path: Path, model: Any) -> Progress:
    """Set the variables of a model, and give the progress.

    Raises:
        ValueError: the file is damaged or belongs to another model; the model is as it was.
    """
    from tkeras.saving._archive import parse_json
    from tkeras.saving._h5 import open_h5_file
    from tkeras.saving._state import read_state

    if model.optimizer is not None:
        model.optimizer.build(model.trainable_variables)
    with open_h5_file(path) as root:
        group = root.group(_GROUP)
        where = f"{path}: {_TEXT}"
        progress = parse_json(group.array(_TEXT).astype("uint8").tobytes(), where)
        try:
            found = Progress(**_with_arrays(progress, group))
        except (TypeError, KeyError, AttributeError) as error:
            raise ValueError(f"{where} is not what was written: {error}") from error
        read_state(model, root)
    return found


def _without_arrays(value: Any, arrays: list[np.ndarray]) -> Any:
    """A structure for JSON, with lists of arrays replaced by their numbers."""
    if isinstance(value, np.ndarray | torch.Tensor):
        return _without_arrays([value], arrays) | {"single": True}
    if isinstance(value, dict):
        return {key: _without_arrays(item, arrays) for key, item in value.items()}
    if isinstance(value, list | tuple):
        if value and all(isinstance(item, np.ndarray | torch.Tensor) for item in value):
            first = len(arrays)
            arrays += [_host(item) for item in value]
            return {_ARRAYS: [first, len(arrays)]}
        return [_without_arrays(item, arrays) for item in value]
    return value.item() if isinstance(value, np.generic) else value


def _host(value: Any) -> np.ndarray:
    from tkeras.saving._state import as_array

    return as_array(value)


def _with_arrays(value: Any, group: Any) -> Any:
    """The inverse of :func:`_without_arrays`."""
    if isinstance(value, list):
        return [_with_arrays(item, group) for item in value]
    if not isinstance(value, dict):
        return value
    if _ARRAYS in value:
        first, end = value[_ARRAYS]
        arrays = [group.array(str(index)) for index in range(first, end)]
        return arrays[0] if value.get("single") else arrays
    return {key: _with_arrays(item, group) for key, item in value.items()}


def states_of(callbacks: Sequence[Callback]) -> list[list[Any]]:
    """Class name and state of each callback."""
    return [[type(callback).__name__, callback._training_state()] for callback in callbacks]


def set_states(callbacks: Sequence[Callback], states: list[list[Any]]) -> None:
    """Give each callback the state of the first one of its class that is left."""
    left = list(states)
    for callback in callbacks:
        found = next((entry for entry in left if entry[0] == type(callback).__name__), None)
        if found is not None:
            left.remove(found)
            callback._set_training_state(found[1])
