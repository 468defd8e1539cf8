"""Endless iterators over batches of changed images, which are data sets of one epoch as well."""

from __future__ import annotations

import os
from collections.abc import Iterator as Iterable
from typing import Any

import numpy as np

from tkeras.config import floatx, standardize_data_format
from tkeras.utils._images import array_to_img, img_to_array, load_img
from tkeras.utils._py_dataset import PyDataset

IMAGE_ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".ppm", ".tif", ".tiff")
_CHANNELS = {"rgb": 3, "rgba": 4, "grayscale": 1}
CLASS_MODES = ("categorical", "binary", "sparse", "input", None)


class Iterator(PyDataset):
    """Batches of some of ``n`` samples; ``next`` gives one batch after the other without end.

    Args:
        n: number of samples.
        batch_size: samples of a batch.
        shuffle: draw a new order each epoch.
        seed: of the order and of the changes.
    """

    _endless = True  # with a number of steps an epoch may go on past the end

    def __init__(self, n: int, batch_size: int, shuffle: bool, seed: int | None, **kwargs: Any):
        super().__init__(**kwargs)
        self.n, self.batch_size, self.shuffle, self.seed = n, batch_size, shuffle, seed
        self.batch_index = self.total_batches_seen = 0
        self.index_array: Any = None
        self._rows = self._flow_rows()

    def _draw_order(self) -> None:
        self.index_array = np.random.permutation(self.n) if self.shuffle else np.arange(self.n)

    def _count(self) -> None:
        if self.seed is not None:
            np.random.seed(self.seed + self.total_batches_seen)
        self.total_batches_seen += 1

    def __len__(self) -> int:
        return -(-self.n // self.batch_size)

    def __getitem__(self, index: int) -> Any:
        if not 0 <= index < len(self):
            raise ValueError(f"Asked to retrieve element {index}, but the Sequence has length {len(self)}")
        self._count()
        if self.index_array is None:
            self._draw_order()
        assert self.index_array is not None
        return self._batch(self.index_array[self.batch_size * index : self.batch_size * (index + 1)])

    def on_epoch_end(self) -> None:
        """Draw a new order."""
        self._draw_order()

    def reset(self) -> None:
        """Let ``next`` begin a new epoch."""
        self.batch_index = 0

    def _flow_rows(self) -> Iterable[np.ndarray]:
        while True:
            self._count()
            if self.batch_index == 0:
                self._draw_order()
            first = self.batch_index * self.batch_size
            self.batch_index = 0 if first + self.batch_size >= self.n else self.batch_index + 1
            yield self.index_array[first : first + self.batch_size]

    def __iter__(self) -> Iterator:
        return self

    def __next__(self) -> Any:
        if not self.n:
            raise StopIteration
        return self._batch(next(self._rows))

    def next(self) -> Any:
        """The next batch."""
        return next(self)

    def _batch(self, rows: np.ndarray) -> Any:
        """The batch of these samples."""
        raise NotImplementedError


class _Saving:
    """Writes the images of batches into a folder.

    Args:
        folder: None for no writing.
    """

    def __init__(self, folder: Any, prefix: str, format: str, data_format: str):
        self.folder, self.prefix, self.format, self.data_format = folder, prefix, format, data_format

    def __call__(self, images: np.ndarray, rows: np.ndarray) -> None:
        for row, image in zip(rows, images, strict=True) if self.folder else ():
            name = f"{self.prefix}_{row}_{np.random.randint(10_000_000)}.{self.format}"
            array_to_img(image, self.data_format, scale=True).save(os.path.join(self.folder, name))


class NumpyArrayIterator(Iterator):
    """Batches of changed images of an array; made by `ImageDataGenerator.flow`.

    Args:
        x: images of rank 4, or a pair of them and further inputs.
        y: targets, or None.
        image_data_generator: makes the changes.
        batch_size, shuffle, seed: as in `Iterator`.
        sample_weight: one weight a sample.
        data_format: ``"channels_last"`` or ``"channels_first"``.
        save_to_dir, save_prefix, save_format: where to write the changed images, for a look at them.
        subset: ``"training"`` or ``"validation"``, with a ``validation_split``.
        ignore_class_split: allow classes that are in one subset only.
        dtype: of the images.
    """

    def __init__(
        self,
        x: Any,
        y: Any,
        image_data_generator: Any,
        batch_size: int = 32,
        shuffle: bool = False,
        sample_weight: Any = None,
        seed: int | None = None,
        data_format: str | None = None,
        save_to_dir: Any = None,
        save_prefix: str = "",
        save_format: str = "png",
        subset: str | None = None,
        ignore_class_split: bool = False,
        dtype: Any = None,
    ):
        self.dtype = dtype or floatx()
        x, more = (
            (x[0], [np.asarray(item) for item in _listed(x[1])]) if isinstance(x, tuple | list) else (x, [])
        )
        x, y = np.asarray(x), None if y is None else np.asarray(y)
        sample_weight = None if sample_weight is None else np.asarray(sample_weight)
        for name, other in (*((("x[1]", item)) for item in more), ("y", y), ("sample_weight", sample_weight)):
            if other is not None and len(other) != len(x):
                raise ValueError(
                    f"`x` (images tensor) and `{name}` should have the same length. Found: x.shape ="
                    f" {x.shape}, {name}.shape = {other.shape}"
                )
        if x.ndim != 4:
            raise ValueError(
                "Input data in `NumpyArrayIterator` should have rank 4. You passed an array with shape"
                f" {x.shape}"
            )
        if subset is not None:
            rows = self._subset(x, y, image_data_generator, subset, ignore_class_split)
            x, y, more = x[rows], None if y is None else y[rows], [item[rows] for item in more]
            sample_weight = None if sample_weight is None else sample_weight[rows]
        self.x, self.y, self.x_misc, self.sample_weight = x.astype(self.dtype), y, more, sample_weight
        self.image_data_generator = image_data_generator
        self.data_format = standardize_data_format(data_format)
        self._save = _Saving(save_to_dir, save_prefix, save_format, self.data_format)
        super().__init__(len(x), batch_size, shuffle, seed)

    @staticmethod
    def _subset(x: Any, y: Any, generator: Any, subset: str, ignore_class_split: bool) -> slice:
        if subset not in ("training", "validation"):
            raise ValueError(f'Invalid subset name:{subset}; expected "training" or "validation".')
        cut = int(len(x) * generator._validation_split)
        if y is not None and not ignore_class_split and set(np.unique(y[:cut])) != set(np.unique(y[cut:])):
            raise ValueError(
                "Training and validation subsets have different number of classes after the split. If your"
                " numpy arrays are sorted by the label, you might want to shuffle them."
            )
        return slice(0, cut) if subset == "validation" else slice(cut, None)

    def _batch(self, rows: np.ndarray) -> Any:
        generator = self.image_data_generator
        images = np.zeros((len(rows), *self.x.shape[1:]), self.dtype)
        for place, row in enumerate(rows):
            image = self.x[row]
            change = generator.get_random_transform(image.shape)
            images[place] = generator.standardize(generator.apply_transform(image, change))
        self._save(images, rows)
        batch: Any = [images, *(item[rows] for item in self.x_misc)] if self.x_misc else images
        if self.y is None:
            return batch
        if self.sample_weight is not None:
            return batch, self.y[rows], self.sample_weight[rows]
        return batch, self.y[rows]


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]


class FileIterator(Iterator):
    """Batches of changed images from files.

    Attributes:
        filepaths: the files.
        labels: what ``class_mode`` makes targets of.
        class_indices: number of each class.
        image_shape: of each image in a batch.
    """

    filepaths: list[str]
    labels: Any
    sample_weight: Any = None
    class_mode: Any
    class_indices: dict[str, int]

    def _set_up(
        self,
        generator: Any,
        target_size: tuple[int, int],
        color_mode: str,
        data_format: str | None,
        saving: tuple[Any, str, str],
        interpolation: str,
        keep_aspect_ratio: bool,
        dtype: Any,
    ) -> None:
        if color_mode not in _CHANNELS:
            raise ValueError(f'Invalid color mode:{color_mode}; expected "rgb", "rgba", or "grayscale".')
        self.image_data_generator = generator
        self.target_size = (target_size[0], target_size[1])
        self.color_mode, self.data_format = color_mode, standardize_data_format(data_format)
        channels = (_CHANNELS[color_mode],)
        last = self.data_format == "channels_last"
        self.image_shape = (*self.target_size, *channels) if last else (*channels, *self.target_size)
        self._save = _Saving(*saving, self.data_format)
        self.interpolation, self.keep_aspect_ratio = interpolation, keep_aspect_ratio
        self.dtype = dtype or floatx()

    def _batch(self, rows: np.ndarray) -> Any:
        generator = self.image_data_generator
        images = np.zeros((len(rows), *self.image_shape), self.dtype)
        for place, row in enumerate(rows):
            file = load_img(
                self.filepaths[row],
                self.color_mode,
                self.target_size,
                self.interpolation,
                self.keep_aspect_ratio,
            )
            image = img_to_array(file, self.data_format)
            change = generator.get_random_transform(image.shape)
            images[place] = generator.standardize(generator.apply_transform(image, change))
        self._save(images, rows)
        targets = self._targets(images, rows)
        if targets is None:
            return images
        if self.sample_weight is not None:
            return images, targets, np.asarray(self.sample_weight)[rows]
        return images, targets

    def _targets(self, images: np.ndarray, rows: np.ndarray) -> Any:
        if self.class_mode == "input":
            return images.copy()
        if self.class_mode is None:
            return None
        labels = np.asarray(self.labels)[rows]
        if self.class_mode in ("binary", "sparse"):
            return labels.astype(self.dtype)
        if self.class_mode == "categorical":
            return np.eye(len(self.class_indices), dtype=self.dtype)[labels]
        return labels
