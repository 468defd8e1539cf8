"""CIFAR-10: 32×32 colour images in 10 classes."""

from __future__ import annotations

from pathlib import Path

from tkeras.datasets._cifar import batch, joined
from tkeras.datasets._sources import fetch
from tkeras.datasets.mnist import Split


def load_data() -> tuple[Split, Split]:
    """The images and labels.

    Returns:
        ``(x_train, y_train), (x_test, y_test)``, uint8: 50,000 and 10,000 images of 32×32×3, labels of
        shape ``(n, 1)``.
    """
    folder = Path(fetch("cifar-10-batches-py-target", extract=True), "cifar-10-batches-py")
    train = joined([batch(folder / f"data_batch_{number}", "labels") for number in range(1, 6)])
    return train, batch(folder / "test_batch", "labels")
