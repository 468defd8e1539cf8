"""Boston housing: 13 numbers of each of 506 places, and the median price of a house.

One of the columns assumes that segregation by race influences prices: use the data only to show such
problems.
"""

from __future__ import annotations

from tkeras.datasets._housing import load
from tkeras.datasets.mnist import Split


def load_data(
    path: str = "boston_housing.npz", test_split: float = 0.2, seed: int | None = 113
) -> tuple[Split, Split]:
    """The table, shuffled and split.

    Args:
        path: name of the file in the cache.
        test_split: fraction of the rows for the test.
        seed: of the order.

    Returns:
        ``(x_train, y_train), (x_test, y_test)``: floats ``(n, 13)`` and ``(n,)``, prices in 1,000 dollars.
    """
    return load("boston_housing.npz", path, test_split, seed)
