"""Data sets from folders of images, texts or sounds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from tkeras.config import standardize_data_format
from tkeras.utils._directory import check_arguments, find_files, make_datasets
from tkeras.utils._images import img_to_array, load_img
from tkeras.utils._wave import read_wave

_IMAGES = (".bmp", ".gif", ".jpeg", ".jpg", ".png")
_COLORS = ("grayscale", "rgb", "rgba")


def image_dataset_from_directory(
    directory: Any,
    labels: Any = "inferred",
    label_mode: str | None = "int",
    class_names: Any = None,
    color_mode: str = "rgb",
    batch_size: int | None = 32,
    image_size: tuple[int, int] = (256, 256),
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    interpolation: str = "bilinear",
    follow_links: bool = False,
    crop_to_aspect_ratio: bool = False,
    pad_to_aspect_ratio: bool = False,
    data_format: str | None = None,
    format: str = "tf",
    verbose: bool = True,
) -> Any:
    """Batches of the images (.bmp, .gif, .jpeg, .jpg, .png) below a folder, with one class a folder.

    Args:
        directory: the folder.
        labels: ``"inferred"``: from the folders; None; or one number for each file in sorted order.
        label_mode: ``"int"``: int32; ``"categorical"``: one-hot; ``"binary"``: a column of 0.0 and 1.0; None.
        class_names: the folders, in the order of the labels; default: sorted.
        color_mode: ``"rgb"``, ``"rgba"`` or ``"grayscale"``.
        batch_size: None for single images.
        image_size: ``(height, width)`` that each is resized to.
        shuffle: another order in each iteration; False: sorted.
        seed: of the order.
        validation_split: fraction for validation.
        subset: ``"training"``, ``"validation"``, or ``"both"`` for a pair of data sets.
        interpolation: see `tkeras.ops.image.resize`.
        follow_links: also walk through links to folders.
        crop_to_aspect_ratio: cut off what would distort an image.
        pad_to_aspect_ratio: or put black around it.
        data_format: ``"channels_last"`` or ``"channels_first"``; default: as configured.
        format: only ``"tf"``, which stands for an iterable of torch tensors.
        verbose: print how many files there are.

    Returns:
        A `Dataset` of images (float32, 0 to 255) and labels, with ``class_names`` and ``file_paths``.

    Raises:
        ValueError: arguments that do not fit each other or the folder.
    """
    from tkeras import ops

    check_arguments(labels, label_mode, class_names, validation_split, subset, shuffle, seed, format)
    if color_mode not in _COLORS:
        raise ValueError(f"`color_mode` must be one of {set(_COLORS)}. Received: color_mode={color_mode}")
    data_format = standardize_data_format(data_format)

    def load(path: str) -> torch.Tensor:
        image = torch.from_numpy(img_to_array(load_img(path, color_mode), data_format, "float32").copy())
        return ops.image.resize(
            image, image_size, interpolation=interpolation, crop_to_aspect_ratio=crop_to_aspect_ratio,
            pad_to_aspect_ratio=pad_to_aspect_ratio, data_format=data_format,
        )  # fmt: skip

    found = find_files(directory, labels, class_names, _IMAGES, follow_links, verbose)
    return make_datasets(
        found, load, label_mode, batch_size, shuffle, seed, validation_split, subset, verbose
    )


def text_dataset_from_directory(
    directory: Any,
    labels: Any = "inferred",
    label_mode: str | None = "int",
    class_names: Any = None,
    batch_size: int | None = 32,
    max_length: int | None = None,
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    follow_links: bool = False,
    format: str = "tf",
    verbose: bool = True,
) -> Any:
    """Batches of the ``.txt`` files (UTF-8) below a folder, with one class a folder.

    Args:
        max_length: texts are cut to so many characters (bytes in Keras).
        directory, labels, label_mode, class_names, batch_size, shuffle, seed, validation_split, subset,
            follow_links, format, verbose: as in `image_dataset_from_directory`.

    Returns:
        A `Dataset` of arrays of strings and labels, with ``class_names`` and ``file_paths``.
    """
    check_arguments(labels, label_mode, class_names, validation_split, subset, shuffle, seed, format)

    def load(path: str) -> np.ndarray:
        return np.array(Path(path).read_text(encoding="utf-8")[:max_length])

    found = find_files(directory, labels, class_names, (".txt",), follow_links, verbose)
    return make_datasets(
        found, load, label_mode, batch_size, shuffle, seed, validation_split, subset, verbose
    )


def audio_dataset_from_directory(
    directory: Any,
    labels: Any = "inferred",
    label_mode: str | None = "int",
    class_names: Any = None,
    batch_size: int | None = 32,
    sampling_rate: int | None = None,
    output_sequence_length: int | None = None,
    ragged: bool = False,
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    follow_links: bool = False,
    verbose: bool = True,
) -> Any:
    """Batches of the ``.wav`` files (PCM) below a folder, with one class a folder.

    Args:
        sampling_rate: that the files must have; other rates are refused.
        output_sequence_length: samples that each is cut or filled up to; default: the longest of a batch.
        ragged: not supported: batches are filled up with zeros.
        directory, labels, label_mode, class_names, batch_size, shuffle, seed, validation_split, subset,
            follow_links, verbose: as in `image_dataset_from_directory`.

    Returns:
        A `Dataset` of sounds ``(samples, channels)``, float32 from -1 to 1, and labels, with ``class_names``
        and ``file_paths``.
    """
    check_arguments(labels, label_mode, class_names, validation_split, subset, shuffle, seed)
    if ragged:
        raise ValueError("`ragged=True` is not supported: batches are filled up with zeros.")

    def load(path: str) -> torch.Tensor:
        sound = read_wave(path, sampling_rate)
        if output_sequence_length is None:
            return sound
        missing = output_sequence_length - len(sound)
        return torch.nn.functional.pad(sound[:output_sequence_length], (0, 0, 0, max(0, missing)))

    found = find_files(directory, labels, class_names, (".wav",), follow_links, verbose)
    return make_datasets(
        found, load, label_mode, batch_size, shuffle, seed, validation_split, subset, verbose, _filled_up
    )


def _filled_up(sounds: list[torch.Tensor]) -> torch.Tensor:
    """Sounds of different lengths as one tensor, with zeros behind the shorter ones."""
    return torch.nn.utils.rnn.pad_sequence(sounds, batch_first=True)
