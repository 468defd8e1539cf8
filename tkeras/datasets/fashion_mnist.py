"""Fashion-MNIST: 28×28 grey images of clothes, in 10 classes."""

from __future__ import annotations

import gzip

import numpy as np

from tkeras.datasets._sources import fetch
from tkeras.datasets.mnist import Split

_LABELS_HEADER, _IMAGES_HEADER = 8, 16  # bytes: magic number and sizes


def load_data() -> tuple[Split, Split]:
    """The images and labels.

    Returns:
        ``(x_train, y_train), (x_test, y_test)``, uint8: 60,000 and 10,000 images of 28×28 and their classes.
    """
    return _split("train"), _split("t10k")


def _split(name: str) -> Split:
    labels = _bytes(f"{name}-labels-idx1-ubyte.gz", _LABELS_HEADER)
    images = _bytes(f"{name}-images-idx3-ubyte.gz", _IMAGES_HEADER)
    return images.reshape(len(labels), 28, 28), labels


def _bytes(name: str, header: int) -> np.ndarray:
    with gzip.open(fetch(name, cache_subdir="datasets/fashion-mnist")) as file:
        return np.frombuffer(file.read(), np.uint8, offset=header).copy()
