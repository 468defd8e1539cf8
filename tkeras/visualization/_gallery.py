"""A batch of images side by side."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tkeras.config import standardize_data_format
from tkeras.ops import convert_to_numpy


def batch_of(images: Any, data_format: str | None) -> np.ndarray:
    """Images as an array (batch, height, width, channels).

    Raises:
        ValueError: not of rank 4.
    """
    array = convert_to_numpy(images)
    if array.ndim != 4:
        raise ValueError(
            "`plot_images_gallery()` requires you to batch your `np.array` samples together. "
            f"Received: images.shape={array.shape}"
        )
    return array if standardize_data_format(data_format) == "channels_last" else array.transpose(0, 2, 3, 1)


def plot_image_gallery(
    images: Any,
    y_true: Any = None,
    y_pred: Any = None,
    label_map: Mapping[int, str] | None = None,
    rows: int | None = None,
    cols: int | None = None,
    value_range: tuple[float, float] = (0, 255),
    scale: float = 2,
    path: str | None = None,
    show: bool | None = None,
    transparent: bool = True,
    dpi: float = 60,
    legend_handles: Sequence[Any] | None = None,
    data_format: str | None = None,
) -> None:
    """Plot images in a grid with matplotlib.

    Args:
        images: (batch, height, width, channels), channels first with such a ``data_format``.
        y_true, y_pred: class numbers, written above each image by the names in ``label_map``.
        rows, cols: of the grid; default: one column, or as many rows as are needed.
        value_range: of the images.
        scale: inches of an image.
        path: a file to save to.
        show: whether to show the figure; default: unless there is a ``path``.
        transparent, dpi: of the file.
        legend_handles: entries of a legend.
        data_format: default: ``image_data_format()``.

    Raises:
        ValueError: images that are no batch, labels without a ``label_map``, both ``path`` and ``show``.
        ImportError: matplotlib is missing.
    """
    if path is not None and show:
        raise ValueError("plot_gallery() expects either `path` to be set, or `show` to be true.")
    if (y_true is not None or y_pred is not None) and label_map is None:
        raise ValueError("If `y_true` or `y_pred` are provided, a `label_map` must also be provided.")
    array = batch_of(images, data_format)
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise ImportError("plot_image_gallery needs matplotlib: pip install matplotlib") from error
    cols = cols or (1 if rows is None else math.ceil(len(array) / rows))
    rows = rows or math.ceil(len(array) / cols)
    low, high = value_range
    pixels = np.clip((array.astype("float64") - low) / (high - low), 0, 1)
    figure, places = pyplot.subplots(rows, cols, figsize=(cols * scale, rows * scale), squeeze=False)
    for index, place in enumerate(places.flat):
        place.axis("off")
        if index < len(pixels):
            place.imshow(pixels[index].squeeze(-1) if array.shape[-1] == 1 else pixels[index])
            place.set_title(_title(index, y_true, y_pred, label_map or {}))
    if legend_handles is not None:
        figure.legend(handles=legend_handles, loc="lower center")
    figure.tight_layout()
    if path is not None:
        figure.savefig(path, transparent=transparent, dpi=dpi)
        pyplot.close(figure)
    elif show is None or show:
        pyplot.show()
        pyplot.close(figure)


def _title(index: int, y_true: Any, y_pred: Any, names: Mapping[int, str]) -> str:
    words = []
    for word, labels in (("Label", y_true), ("Pred", y_pred)):
        if labels is not None:
            words.append(f"{word}: {names[int(convert_to_numpy(labels)[index])]}")
    return "  ".join(words)
