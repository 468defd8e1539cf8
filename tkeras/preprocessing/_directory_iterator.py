"""`DirectoryIterator`: changed images of the files below a folder."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from tkeras.preprocessing._iterators import CLASS_MODES, IMAGE_ENDINGS, FileIterator


class DirectoryIterator(FileIterator):
    """Batches of changed images from one folder a class; made by `ImageDataGenerator.flow_from_directory`.

    Args:
        directory: the folder.
        image_data_generator: makes the changes.
        target_size: ``(height, width)`` of the images.
        color_mode: ``"rgb"``, ``"rgba"`` or ``"grayscale"``.
        classes: folders, in the order of the labels; default: sorted.
        class_mode: targets: ``"categorical"``: one-hot; ``"binary"``, ``"sparse"``: numbers; ``"input"``: the
            images themselves; None.
        batch_size, shuffle, seed: as in `Iterator`.
        save_to_dir, save_prefix, save_format: where to write the changed images, for a look at them.
        follow_links: also walk through links to folders.
        subset: ``"training"`` or ``"validation"``, with a ``validation_split``.
        interpolation, keep_aspect_ratio: as in `load_img`.
    """

    def __init__(
        self,
        directory: Any,
        image_data_generator: Any,
        target_size: tuple[int, int] = (256, 256),
        color_mode: str = "rgb",
        classes: Any = None,
        class_mode: str | None = "categorical",
        batch_size: int = 32,
        shuffle: bool = True,
        seed: int | None = None,
        data_format: str | None = None,
        save_to_dir: Any = None,
        save_prefix: str = "",
        save_format: str = "png",
        follow_links: bool = False,
        subset: str | None = None,
        interpolation: str = "nearest",
        keep_aspect_ratio: bool = False,
        dtype: Any = None,
    ):
        self._set_up(
            image_data_generator, target_size, color_mode, data_format,
            (save_to_dir, save_prefix, save_format), interpolation, keep_aspect_ratio, dtype,
        )  # fmt: skip
        if class_mode not in CLASS_MODES:
            raise ValueError(f"Invalid class_mode: {class_mode}; expected one of: {set(CLASS_MODES)}")
        self.directory, self.class_mode, self.subset = os.fspath(directory), class_mode, subset
        names = (
            list(classes)
            if classes
            else sorted(
                name for name in os.listdir(directory) if os.path.isdir(os.path.join(directory, name))
            )
        )
        self.num_classes = len(names)
        self.class_indices = {name: index for index, name in enumerate(names)}
        share = _share(image_data_generator, subset)
        self.filenames, numbers = [], []
        for name in names:
            found = _files_of(os.path.join(directory, name), follow_links)
            first, last = (int(bound * len(found)) for bound in share)
            chosen = found[first:last] if subset else found
            self.filenames += [os.path.join(name, path) for path in chosen]
            numbers += [self.class_indices[name]] * len(chosen)
        self.classes = self.labels = np.array(numbers, "int32")
        self.filepaths = [os.path.join(directory, name) for name in self.filenames]
        self.samples = len(self.filenames)
        print(f"Found {self.samples} images belonging to {self.num_classes} classes.")
        super().__init__(self.samples, batch_size, shuffle, seed)


def _share(generator: Any, subset: str | None) -> tuple[float, float]:
    """The fractions of the files where a subset begins and ends."""
    if subset is None:
        return 0.0, 1.0
    cut = generator._validation_split
    shares = {"validation": (0.0, cut), "training": (cut, 1.0)}
    if subset not in shares:
        raise ValueError(f'Invalid subset name: {subset};expected "training" or "validation"')
    return shares[subset]


def _files_of(folder: str, follow_links: bool) -> list[str]:
    """Images below a folder, relative to it, in the order of a sorted walk."""
    return [
        os.path.relpath(os.path.join(root, name), folder)
        for root, _, names in sorted(os.walk(folder, followlinks=follow_links), key=lambda entry: entry[0])
        for name in sorted(names)
        if name.lower().endswith(IMAGE_ENDINGS)
    ]
