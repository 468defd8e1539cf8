"""The files of CIFAR: dictionaries in pickles, images as rows of 3×32×32 bytes."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tkeras.config import image_data_format
from tkeras.datasets._unpickle import load
from tkeras.datasets.mnist import Split


def batch(path: Path, label_key: str) -> Split:
    """Images and labels of one file, ``(n, 32, 32, 3)`` or channels first as configured, and ``(n, 1)``."""
    with open(path, "rb") as file:
        content = load(file, str(path))
    images = np.asarray(content[b"data"]).reshape(-1, 3, 32, 32)
    if image_data_format() == "channels_last":
        images = images.transpose(0, 2, 3, 1)
    return images, np.asarray(content[label_key.encode()], "uint8").reshape(-1, 1)


def joined(parts: list[Split]) -> Split:
    """Several files as one."""
    return np.concatenate([images for images, _ in parts]), np.concatenate([labels for _, labels in parts])
