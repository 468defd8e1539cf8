"""Files below a folder with their labels, in Keras' order."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from tkeras.utils._stream import Dataset, stack

Loader = Callable[[str], Any]


def check_arguments(
    labels: Any, label_mode: Any, class_names: Any, validation_split: Any, subset: Any, shuffle: bool,
    seed: Any, format: str | None = "tf",
) -> None:  # fmt: skip
    """Refuse arguments of the ``*_from_directory`` functions that do not fit each other.

    Raises:
        ValueError: with what was expected.
    """
    if labels not in ("inferred", None) if isinstance(labels, str) or labels is None else False:
        raise ValueError(
            "`labels` argument should be a list/tuple of integer labels, of the same size as the number of"
            " files in the target directory. If you wish to infer the labels from the subdirectory names in"
            " the target directory, pass `labels='inferred'`. If you wish to get a dataset that only"
            f" contains samples (no labels), pass `labels=None`. Received: labels={labels}"
        )
    if class_names and labels != "inferred":
        raise ValueError(
            "You can only pass `class_names` if `labels='inferred'`. Received: "
            f"labels={labels}, and class_names={class_names}"
        )
    if label_mode not in ("int", "categorical", "binary", None):
        raise ValueError(
            "`label_mode` argument must be one of 'int', 'categorical', 'binary', or None. Received: "
            f"label_mode={label_mode}"
        )
    if format != "tf":
        raise ValueError(f"`format` must be 'tf' (an iterable of torch tensors). Received: format={format}")
    if validation_split is not None and not 0 < validation_split < 1:
        raise ValueError(f"`validation_split` must be between 0 and 1, received: {validation_split}")
    if (validation_split is None) != (subset is None):
        raise ValueError("If `subset` is set, `validation_split` must be set, and inversely.")
    if subset not in ("training", "validation", "both", None):
        raise ValueError(f"`subset` must be either 'training', 'validation' or 'both', received: {subset}")
    if validation_split and shuffle and seed is None:
        raise ValueError(
            "If using `validation_split` and shuffling the data, you must provide a `seed` argument, to make"
            " sure that there is no overlap between the training and validation subset."
        )


def find_files(
    directory: Any,
    labels: Any,
    class_names: Sequence[str] | None,
    endings: tuple[str, ...],
    follow_links: bool = False,
    verbose: bool = True,
) -> tuple[list[str], list[int] | None, list[str] | None]:
    """Paths, labels and names of classes; sorted by class and name.

    Args:
        labels: ``"inferred"``: a class for each folder; None; or one label for each file.
        class_names: the folders, in the order of the labels.
        endings: of the files, in lower case.

    Raises:
        ValueError: names that do not fit the folders, or labels that do not fit the files.
    """
    directory = os.fspath(directory)
    folders = sorted(
        name.rstrip("/") for name in os.listdir(directory) if os.path.isdir(os.path.join(directory, name))
    )
    classes: list[str] | None = None
    if labels == "inferred":
        classes = list(class_names) if class_names else [name for name in folders if name[0] != "."]
        if class_names and set(class_names) != set(folders):
            raise ValueError(
                "The `class_names` passed did not match the names of the subdirectories of the target"
                f" directory. Expected: {folders}, but received: class_names={class_names}"
            )
        found = [_below(os.path.join(directory, name), endings, follow_links) for name in classes]
        paths = [path for group in found for path in group]
        numbers: list[int] | None = [index for index, group in enumerate(found) for _ in group]
    else:
        paths = _below(directory, endings, follow_links)
        numbers = None if labels is None else [int(label) for label in labels]
        if numbers is not None and len(numbers) != len(paths):
            raise ValueError(
                "Expected the lengths of `labels` to match the number of files in the target directory. "
                f"len(labels) is {len(numbers)} while we found {len(paths)} files in directory {directory}."
            )
        classes = None if labels is None else [str(label) for label in sorted(set(numbers or ()))]
    if verbose:
        belonging = f" belonging to {len(classes)} classes" if classes is not None else ""
        print(f"Found {len(paths)} files{belonging}.")
    if not paths:
        raise ValueError(f"No files with the endings {endings} found in directory {directory}.")
    return paths, numbers, classes


def _below(folder: str, endings: tuple[str, ...], follow_links: bool) -> list[str]:
    """The files below a folder, in the order of a sorted walk."""
    return [
        os.path.join(root, name)
        for root, _, names in sorted(os.walk(folder, followlinks=follow_links), key=lambda entry: entry[0])
        for name in sorted(names)
        if name.lower().endswith(endings)
    ]


def make_datasets(
    found: tuple[list[str], list[int] | None, list[str] | None],
    load: Loader,
    label_mode: str | None,
    batch_size: int | None,
    shuffle: bool,
    seed: int | None,
    validation_split: float | None,
    subset: str | None,
    verbose: bool = True,
    join: Callable[[list[Any]], Any] = stack,
) -> Any:
    """The data set, or with ``subset="both"`` a pair of them, that loads these files.

    Raises:
        ValueError: ``"binary"`` labels of other than two classes, or an empty subset.
    """
    paths, numbers, classes = found
    if label_mode == "binary" and classes is not None and len(classes) != 2:
        raise ValueError(
            'When passing `label_mode="binary"`, there must be exactly 2 class_names. Received: '
            f"class_names={classes}"
        )
    seed = int(np.random.randint(1_000_000)) if seed is None and shuffle else seed
    order = np.arange(len(paths))
    if shuffle:
        np.random.RandomState(seed).shuffle(order)
    labels = None if numbers is None or label_mode is None else encode(numbers, label_mode, classes or [])
    parts = {None: order}
    if validation_split is not None:
        cut = len(order) - int(validation_split * len(order))
        parts = {"training": order[:cut], "validation": order[cut:]}
    made = []
    for name, rows in parts.items():
        if subset not in (name, "both"):
            continue
        if verbose and name is not None:
            print(f"Using {len(rows)} files for {name}.")
        if not len(rows):
            raise ValueError(f"The {name} subset has no files: change `validation_split`.")
        chosen = [paths[row] for row in rows]
        part = _files(chosen, None if labels is None else labels[rows], load, batch_size, shuffle, seed, join)
        part.class_names, part.file_paths = classes, chosen
        made.append(part)
    return made[0] if subset != "both" else tuple(made)


def encode(numbers: Sequence[int], label_mode: str, classes: Sequence[str]) -> torch.Tensor:
    """Labels as int32, as one-hot rows, or as a column of 0 and 1."""
    labels = torch.as_tensor(list(numbers))
    if label_mode == "binary":
        return labels.float()[:, None]
    if label_mode == "categorical":
        return torch.nn.functional.one_hot(labels.long(), len(classes)).float()
    return labels.int()


def _files(
    paths: list[str],
    labels: Any,
    load: Loader,
    batch_size: int | None,
    shuffle: bool,
    seed: int | None,
    join: Callable[[list[Any]], Any],
) -> Dataset:
    """Loads files batch by batch, one batch ahead; in a new order in each iteration if ``shuffle``."""
    rng = np.random.RandomState(seed)
    size = batch_size or 1

    def element(rows: Any) -> Any:
        values = [load(paths[row]) for row in rows]
        value = values[0] if batch_size is None else join(values)
        if labels is None:
            return value
        return value, labels[int(rows[0])] if batch_size is None else labels[torch.as_tensor(rows)]

    def start() -> Any:
        rows = np.arange(len(paths))
        if shuffle:
            rng.shuffle(rows)
        return (element(rows[first : first + size]) for first in range(0, len(rows), size))

    return Dataset(start, -(-len(paths) // size)).prefetch(1)
