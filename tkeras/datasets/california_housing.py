"""California housing: 8 numbers of each of 20,640 blocks, and the median price of a house."""

from __future__ import annotations

from tkeras.datasets._housing import load
from tkeras.datasets.mnist import Split

_ROWS = {"small": 600, "large": None}


def load_data(
    version: str = "large",
    path: str = "california_housing.npz",
    test_split: float = 0.2,
    seed: int | None = 113,
) -> tuple[Split, Split]:
    """The table, shuffled and split.

    Args:
        version: ``"small"`` for the first 600 rows, ``"large"`` for all.
        path: name of the file in the cache.
        test_split: fraction of the rows for the test.
        seed: of the order.

    Returns:
        ``(x_train, y_train), (x_test, y_test)``: floats ``(n, 8)`` and ``(n,)``, prices in dollars.

    Raises:
        ValueError: another ``version``.
    """
    if version not in _ROWS:
        raise ValueError(f"Argument `version` must be one of 'small', 'large'. Received: version={version}")
    return load("california_housing.npz", path, test_split, seed, _ROWS[version])
