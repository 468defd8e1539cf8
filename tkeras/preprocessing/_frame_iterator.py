"""`DataFrameIterator`: changed images of the files that a data frame names."""

from __future__ import annotations

import os
import warnings
from typing import Any

import numpy as np

from tkeras.preprocessing._directory_iterator import _share
from tkeras.preprocessing._iterators import CLASS_MODES, IMAGE_ENDINGS, FileIterator

_MODES = (*CLASS_MODES, "raw", "multi_output")


class DataFrameIterator(FileIterator):
    """Batches of changed images from the rows of a data frame: `ImageDataGenerator.flow_from_dataframe`.

    Args:
        dataframe: pandas' data frame.
        directory: what the names of the files are relative to; None for whole paths.
        image_data_generator: makes the changes.
        x_col: column of file names.
        y_col: column of targets, or a list of them for ``"raw"`` and ``"multi_output"``.
        weight_col: column of sample weights.
        classes: the classes, in the order of the labels; default: sorted.
        class_mode: ``"categorical"``, ``"binary"``, ``"sparse"``, ``"input"``, ``"raw"``, ``"multi_output"``
            or None.
        validate_filenames: leave out rows whose file is absent or no image, with a warning.
        target_size, color_mode, batch_size, shuffle, seed, subset, interpolation, keep_aspect_ratio,
            save_to_dir, save_prefix, save_format: as in `DirectoryIterator`.
    """

    def __init__(
        self,
        dataframe: Any,
        directory: Any = None,
        image_data_generator: Any = None,
        x_col: str = "filename",
        y_col: Any = "class",
        weight_col: str | None = None,
        target_size: tuple[int, int] = (256, 256),
        color_mode: str = "rgb",
        classes: Any = None,
        class_mode: str | None = "categorical",
        batch_size: int = 32,
        shuffle: bool = True,
        seed: int | None = None,
        data_format: str = "channels_last",
        save_to_dir: Any = None,
        save_prefix: str = "",
        save_format: str = "png",
        subset: str | None = None,
        interpolation: str = "nearest",
        keep_aspect_ratio: bool = False,
        dtype: Any = "float32",
        validate_filenames: bool = True,
    ):
        self._set_up(
            image_data_generator, target_size, color_mode, data_format,
            (save_to_dir, save_prefix, save_format), interpolation, keep_aspect_ratio, dtype,
        )  # fmt: skip
        _check_frame(dataframe, class_mode, x_col, y_col, weight_col)
        self.directory, self.class_mode, self.subset = os.fspath(directory or ""), class_mode, subset
        rows = dataframe.copy()
        rows[x_col] = [os.path.join(self.directory, str(name)) for name in rows[x_col]]
        if validate_filenames:
            rows = _existing(rows, x_col)
        self.class_indices = {}
        if class_mode in ("categorical", "binary", "sparse"):
            rows, self.class_indices = _with_classes(rows, y_col, classes)
        first, last = (int(bound * len(rows)) for bound in _share(image_data_generator, subset))
        rows = rows.iloc[first:last] if subset else rows
        self.filepaths = list(rows[x_col])
        self.filenames = [os.path.relpath(path, self.directory or ".") for path in self.filepaths]
        self.sample_weight = None if weight_col is None else rows[weight_col].to_numpy()
        self._find_labels(rows, y_col)
        self.samples = len(self.filepaths)
        kinds = f" belonging to {len(self.class_indices)} classes" if self.class_indices else ""
        print(f"Found {self.samples} validated image filenames{kinds}.")
        super().__init__(self.samples, batch_size, shuffle, seed)

    def _find_labels(self, rows: Any, y_col: Any) -> None:
        if self.class_indices:
            self.labels = self.classes = [self.class_indices[str(name)] for name in rows[y_col]]
        elif self.class_mode == "raw":
            self.labels = rows[y_col].to_numpy()
        elif self.class_mode == "multi_output":
            self.labels = [np.array(rows[column].tolist()) for column in y_col]

    def _targets(self, images: np.ndarray, rows: np.ndarray) -> Any:
        if self.class_mode == "multi_output":
            return tuple(column[rows] for column in self.labels)
        return super()._targets(images, rows)


def _check_frame(frame: Any, class_mode: Any, x_col: str, y_col: Any, weight_col: Any) -> None:
    if class_mode not in _MODES:
        raise ValueError(f"Invalid class_mode: {class_mode}; expected one of: {set(_MODES)}")
    if class_mode == "multi_output" and not isinstance(y_col, list | tuple):
        raise TypeError(
            'If class_mode="multi_output", y_col must be a list. Received ' + type(y_col).__name__
        )
    wanted = (
        y_col if isinstance(y_col, list | tuple) else [y_col] if class_mode not in ("input", None) else []
    )
    missing = [name for name in (x_col, *wanted, *([weight_col] if weight_col else [])) if name not in frame]
    if missing:
        raise ValueError(f"The data frame has no column {missing[0]!r}. Its columns: {list(frame.columns)}")


def _existing(rows: Any, x_col: str) -> Any:
    good = [path.lower().endswith(IMAGE_ENDINGS) and os.path.isfile(path) for path in rows[x_col]]
    if not all(good):
        warnings.warn(
            f"Found {good.count(False)} invalid image filename(s) in x_col={x_col!r}. These filename(s) will"
            " be ignored.",
            stacklevel=4,
        )
    return rows[good]


def _with_classes(rows: Any, y_col: str, classes: Any) -> tuple[Any, dict[str, int]]:
    """The rows of the classes, and their numbers."""
    names = [str(name) for name in (classes or sorted({str(value) for value in rows[y_col]}))]
    if classes:
        rows = rows[[str(value) in names for value in rows[y_col]]]
    return rows, {name: index for index, name in enumerate(names)}
