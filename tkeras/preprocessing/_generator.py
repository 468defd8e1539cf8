"""`ImageDataGenerator`: random changes of images, drawn anew for each batch."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from tkeras.config import floatx, standardize_data_format
from tkeras.preprocessing._affine import FILL_MODES
from tkeras.preprocessing._directory_iterator import DirectoryIterator
from tkeras.preprocessing._frame_iterator import DataFrameIterator
from tkeras.preprocessing._image_functions import (
    apply_affine_transform,
    apply_brightness_shift,
    apply_channel_shift,
    flip_axis,
)
from tkeras.preprocessing._iterators import NumpyArrayIterator


class ImageDataGenerator:
    """Batches of images with random changes, and normalization.

    Args:
        featurewise_center, featurewise_std_normalization: subtract the mean of the data, divide by their
            deviation; :meth:`fit` first.
        samplewise_center, samplewise_std_normalization: the same for each image.
        zca_whitening, zca_epsilon: decorrelate the pixels; :meth:`fit` first.
        rotation_range: degrees.
        width_shift_range, height_shift_range: a fraction below 1, whole pixels, or a list to choose from.
        brightness_range: two factors.
        shear_range: degrees.
        zoom_range: two factors, or ``z`` for ``[1 - z, 1 + z]``.
        channel_shift_range: added to all channels.
        fill_mode, cval: what lies outside: ``"constant"`` (``cval``), ``"nearest"``, ``"reflect"`` or
            ``"wrap"``.
        horizontal_flip, vertical_flip: mirror every second image, by chance.
        rescale: factor, after the changes.
        preprocessing_function: from an image to an image of the same shape, before ``rescale``.
        data_format: ``"channels_last"`` or ``"channels_first"``; default: as configured.
        validation_split: fraction for ``subset="validation"``.
        interpolation_order: 0 for the nearest pixel, 1 for linear; higher ones are refused.
        dtype: of the images; default ``floatx()``.

    Raises:
        ValueError: a range of another form.
    """

    def __init__(
        self,
        featurewise_center: bool = False,
        samplewise_center: bool = False,
        featurewise_std_normalization: bool = False,
        samplewise_std_normalization: bool = False,
        zca_whitening: bool = False,
        zca_epsilon: float = 1e-6,
        rotation_range: float = 0,
        width_shift_range: Any = 0.0,
        height_shift_range: Any = 0.0,
        brightness_range: Any = None,
        shear_range: float = 0.0,
        zoom_range: Any = 0.0,
        channel_shift_range: float = 0.0,
        fill_mode: str = "nearest",
        cval: float = 0.0,
        horizontal_flip: bool = False,
        vertical_flip: bool = False,
        rescale: float | None = None,
        preprocessing_function: Callable[[np.ndarray], np.ndarray] | None = None,
        data_format: str | None = None,
        validation_split: float = 0.0,
        interpolation_order: int = 1,
        dtype: Any = None,
    ):
        self.featurewise_center = featurewise_center or zca_whitening
        self.featurewise_std_normalization = featurewise_std_normalization and not zca_whitening
        self.samplewise_center = samplewise_center or samplewise_std_normalization
        self.samplewise_std_normalization = samplewise_std_normalization
        self.zca_whitening, self.zca_epsilon = zca_whitening, zca_epsilon
        self.rotation_range, self.shear_range = rotation_range, shear_range
        self.width_shift_range, self.height_shift_range = width_shift_range, height_shift_range
        self.channel_shift_range, self.cval = channel_shift_range, cval
        self.horizontal_flip, self.vertical_flip = horizontal_flip, vertical_flip
        self.rescale, self.preprocessing_function = rescale, preprocessing_function
        self.dtype, self.interpolation_order = dtype or floatx(), interpolation_order
        self.data_format = standardize_data_format(data_format)
        first = self.data_format == "channels_first"
        self.channel_axis, self.row_axis, self.col_axis = (1, 2, 3) if first else (3, 1, 2)
        if fill_mode not in FILL_MODES or interpolation_order not in (0, 1):
            raise ValueError(
                f"`fill_mode` must be one of {FILL_MODES} and `interpolation_order` 0 or 1. Received: "
                f"fill_mode={fill_mode}, interpolation_order={interpolation_order}"
            )
        if validation_split and not 0 < validation_split < 1:
            raise ValueError(
                f"`validation_split` must be strictly between 0 and 1. Received: {validation_split}"
            )
        if brightness_range is not None and np.size(brightness_range) != 2:
            raise ValueError(
                f"`brightness_range should be tuple or list of two floats. Received: {brightness_range}"
            )
        self.fill_mode, self._validation_split = fill_mode, validation_split
        self.brightness_range = brightness_range
        self.zoom_range = _zoom(zoom_range)
        if zca_whitening and featurewise_std_normalization:
            _say_overrides("zca_whitening", "featurewise_std_normalization")
        self.mean: Any = None
        self.std: Any = None
        self.zca_whitening_matrix: Any = None

    def flow(
        self,
        x: Any,
        y: Any = None,
        batch_size: int = 32,
        shuffle: bool = True,
        sample_weight: Any = None,
        seed: int | None = None,
        save_to_dir: Any = None,
        save_prefix: str = "",
        save_format: str = "png",
        ignore_class_split: bool = False,
        subset: str | None = None,
    ) -> NumpyArrayIterator:
        """Batches of changed images of an array; see `NumpyArrayIterator`."""
        return NumpyArrayIterator(
            x, y, self, batch_size=batch_size, shuffle=shuffle, sample_weight=sample_weight, seed=seed,
            data_format=self.data_format, save_to_dir=save_to_dir, save_prefix=save_prefix,
            save_format=save_format, ignore_class_split=ignore_class_split, subset=subset, dtype=self.dtype,
        )  # fmt: skip

    def flow_from_directory(
        self,
        directory: Any,
        target_size: tuple[int, int] = (256, 256),
        color_mode: str = "rgb",
        classes: Any = None,
        class_mode: str | None = "categorical",
        batch_size: int = 32,
        shuffle: bool = True,
        seed: int | None = None,
        save_to_dir: Any = None,
        save_prefix: str = "",
        save_format: str = "png",
        follow_links: bool = False,
        subset: str | None = None,
        interpolation: str = "nearest",
        keep_aspect_ratio: bool = False,
    ) -> DirectoryIterator:
        """Batches of changed images from one folder a class; see `DirectoryIterator`."""
        return DirectoryIterator(
            directory, self, target_size=target_size, color_mode=color_mode, classes=classes,
            class_mode=class_mode, data_format=self.data_format, batch_size=batch_size, shuffle=shuffle,
            seed=seed, save_to_dir=save_to_dir, save_prefix=save_prefix, save_format=save_format,
            follow_links=follow_links, subset=subset, interpolation=interpolation,
            keep_aspect_ratio=keep_aspect_ratio, dtype=self.dtype,
        )  # fmt: skip

    def flow_from_dataframe(
        self,
        dataframe: Any,
        directory: Any = None,
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
        save_to_dir: Any = None,
        save_prefix: str = "",
        save_format: str = "png",
        subset: str | None = None,
        interpolation: str = "nearest",
        validate_filenames: bool = True,
        keep_aspect_ratio: bool = False,
    ) -> DataFrameIterator:
        """Batches of changed images of the files that a data frame names; see `DataFrameIterator`."""
        return DataFrameIterator(
            dataframe, directory, self, x_col=x_col, y_col=y_col, weight_col=weight_col,
            target_size=target_size, color_mode=color_mode, classes=classes, class_mode=class_mode,
            data_format=self.data_format, batch_size=batch_size, shuffle=shuffle, seed=seed,
            save_to_dir=save_to_dir, save_prefix=save_prefix, save_format=save_format, subset=subset,
            interpolation=interpolation, validate_filenames=validate_filenames,
            keep_aspect_ratio=keep_aspect_ratio, dtype=self.dtype,
        )  # fmt: skip

    def standardize(self, x: np.ndarray) -> np.ndarray:
        """Normalize an image (or a batch, but for the samplewise steps)."""
        if self.preprocessing_function:
            x = self.preprocessing_function(x)
        if self.rescale:
            x = x * self.rescale
        if self.samplewise_center:
            x = x - np.mean(x, keepdims=True)
        if self.samplewise_std_normalization:
            x = x / (np.std(x, keepdims=True) + 1e-6)
        if self.featurewise_center and self._is_fitted("featurewise_center", self.mean):
            x = x - self.mean
        if self.featurewise_std_normalization and self._is_fitted("featurewise_std_normalization", self.std):
            x = x / (self.std + 1e-6)
        if self.zca_whitening and self._is_fitted("zca_whitening", self.zca_whitening_matrix):
            x = (x.reshape(-1, x.size) @ self.zca_whitening_matrix).reshape(x.shape)
        return x

    def _is_fitted(self, option: str, value: Any) -> bool:
        if value is None:
            warnings.warn(
                f"This ImageDataGenerator specifies `{option}`, but it hasn't been fit on any training data."
                " Fit it first by calling `.fit(numpy_data)`.",
                stacklevel=3,
            )
        return value is not None

    def get_random_transform(self, img_shape: tuple[int, ...], seed: int | None = None) -> dict[str, Any]:
        """Draw the numbers of one change, as :meth:`apply_transform` takes them."""
        if seed is not None:
            np.random.seed(seed)
        row, column = self.row_axis - 1, self.col_axis - 1
        degrees, shear = self.rotation_range, self.shear_range
        change: dict[str, Any] = {"theta": np.random.uniform(-degrees, degrees) if degrees else 0}
        change["tx"] = _shift(self.height_shift_range, img_shape[row])
        change["ty"] = _shift(self.width_shift_range, img_shape[column])
        change["shear"] = np.random.uniform(-shear, shear) if shear else 0
        low, high = self.zoom_range
        change["zx"], change["zy"] = (1, 1) if low == high == 1 else np.random.uniform(low, high, 2)
        change["flip_horizontal"] = bool(np.random.random() < 0.5) and self.horizontal_flip
        change["flip_vertical"] = bool(np.random.random() < 0.5) and self.vertical_flip
        shift = self.channel_shift_range
        change["channel_shift_intensity"] = np.random.uniform(-shift, shift) if shift else None
        bright = self.brightness_range
        change["brightness"] = None if bright is None else np.random.uniform(bright[0], bright[1])
        return change

    def apply_transform(self, x: np.ndarray, transform_parameters: dict[str, Any]) -> np.ndarray:
        """Change an image.

        Args:
            x: array of rank 3.
            transform_parameters: ``theta``, ``tx``, ``ty``, ``shear``, ``zx``, ``zy``, ``flip_horizontal``,
                ``flip_vertical``, ``channel_shift_intensity``, ``brightness``; absent ones change nothing.
        """
        row, column, channel = self.row_axis - 1, self.col_axis - 1, self.channel_axis - 1
        get = transform_parameters.get
        x = apply_affine_transform(
            x, get("theta", 0), get("tx", 0), get("ty", 0), get("shear", 0), get("zx", 1), get("zy", 1),
            row_axis=row, col_axis=column, channel_axis=channel, fill_mode=self.fill_mode, cval=self.cval,
            order=self.interpolation_order,
        )  # fmt: skip
        if (intensity := get("channel_shift_intensity")) is not None:
            x = apply_channel_shift(x, intensity, channel)
        if get("flip_horizontal", False):
            x = flip_axis(x, column)
        if get("flip_vertical", False):
            x = flip_axis(x, row)
        if (brightness := get("brightness")) is not None:
            x = apply_brightness_shift(x, brightness, False)
        return x

    def random_transform(self, x: np.ndarray, seed: int | None = None) -> np.ndarray:
        """Change an image by chance."""
        return self.apply_transform(x, self.get_random_transform(x.shape, seed))

    def fit(self, x: Any, augment: bool = False, rounds: int = 1, seed: int | None = None) -> None:
        """Find mean, deviation and principal components of sample data.

        Args:
            x: images of rank 4.
            augment: change the images first, ``rounds`` times.
            seed: of the changes.
        """
        x = np.asarray(x, self.dtype)
        if x.ndim != 4:
            raise ValueError(f"Input to `.fit()` should have rank 4. Got array with shape: {x.shape}")
        if seed is not None:
            np.random.seed(seed)
        x = np.copy(x)
        if augment:
            x = np.stack([self.random_transform(image) for _ in range(rounds) for image in x])
        axes = (0, self.row_axis, self.col_axis)
        if self.featurewise_center:
            self.mean = np.mean(x, axis=axes, keepdims=True)[0]
            x -= self.mean
        if self.featurewise_std_normalization:
            self.std = np.std(x, axis=axes, keepdims=True)[0]
            x /= self.std + 1e-6
        if self.zca_whitening:
            flat = x.reshape(len(x), -1)
            left, sizes, _ = np.linalg.svd(flat.T, full_matrices=False)
            self.zca_whitening_matrix = left * (np.sqrt(len(flat)) / (sizes + self.zca_epsilon)) @ left.T


def _zoom(given: Any) -> tuple[float, float]:
    if isinstance(given, int | float):
        return 1 - given, 1 + given
    if np.size(given) != 2:
        raise ValueError(
            f"`zoom_range` should be a float or a tuple or list of two floats. Received: {given}"
        )
    return given[0], given[1]


def _shift(given: Any, size: int) -> float:
    """A shift in pixels: a fraction of the size, up to whole pixels either way, or one of a list."""
    if not np.any(given):
        return 0
    if isinstance(given, float):
        shift = np.random.uniform(-given, given)
    else:
        shift = np.random.choice(given)
        shift = shift * np.random.choice([-1, 1])
    return shift * size if np.max(given) < 1 else shift


def _say_overrides(one: str, other: str) -> None:
    warnings.warn(
        f"This ImageDataGenerator specifies `{one}` which overrides setting of `{other}`.", stacklevel=3
    )
