"""MNIST: 28×28 grey images of digits."""

from __future__ import annotations

import numpy as np

from tkeras.datasets._sources import fetch

Split = tuple[np.ndarray, np.ndarray]


def load_data(path: str = "mnist.npz") -> tuple[Split, Split]:
    """The images and labels.

    Args:
        path: name of the file in the cache.

    Returns:
        ``(x_train, y_train), (x_test, y_test)``, uint8: 60,000 and 10,000 images of 28×28 and their digits.
    """
    with np.load(fetch("mnist.npz", path), allow_pickle=False) as file:
        return (file["x_train"], file["y_train"]), (file["x_test"], file["y_test"])
