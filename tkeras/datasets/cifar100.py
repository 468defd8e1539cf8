"""CIFAR-100: 32×32 colour images in 100 classes of 20 kinds."""

from __future__ import annotations

from pathlib import Path

from tkeras.datasets._cifar import batch
from tkeras.datasets._sources import fetch
from tkeras.datasets.mnist import Split


def load_data(label_mode: str = "fine") -> tuple[Split, Split]:
    """The images and labels.

    Args:
        label_mode: ``"fine"`` for the 100 classes, ``"coarse"`` for the 20 kinds.

    Returns:
        ``(x_train, y_train), (x_test, y_test)``, uint8: 50,000 and 10,000 images of 32×32×3, labels of
        shape ``(n, 1)``.

    Raises:
        ValueError: another ``label_mode``.
    """
    if label_mode not in ("fine", "coarse"):
        raise ValueError(
            f"`label_mode` must be one of `'fine'`, `'coarse'`. Received: label_mode={label_mode}."
        )
    folder = Path(fetch("cifar-100-python-target", extract=True), "cifar-100-python")
    return batch(folder / "train", f"{label_mode}_labels"), batch(folder / "test", f"{label_mode}_labels")
