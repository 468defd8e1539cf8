"""Tables of numbers: rows shuffled, then split."""

from __future__ import annotations

import numpy as np

from tkeras.datasets._sources import fetch
from tkeras.datasets.mnist import Split


def load(
    source: str, path: str, test_split: float, seed: int | None, rows: int | None = None
) -> tuple[Split, Split]:
    """The arrays ``x`` and ``y`` of a file in a random order, cut into training and test rows.

    Args:
        source: key of the table of sources.
        path: name of the file in the cache.
        test_split: fraction of the rows for the test, below 1.
        seed: of the order.
        rows: use the first ones only.

    Raises:
        ValueError: ``test_split`` is not in [0, 1).
    """
    if not 0 <= test_split < 1:
        raise ValueError(f"`test_split` must be in [0, 1). Received: test_split={test_split}")
    with np.load(fetch(source, path), allow_pickle=False) as file:
        x, y = file["x"][:rows], file["y"][:rows]
    order = np.arange(len(x))
    np.random.RandomState(seed).shuffle(order)
    x, y = x[order], y[order]
    cut = int(len(x) * (1 - test_split))
    return (x[:cut], y[:cut]), (x[cut:], y[cut:])
