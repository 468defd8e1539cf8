"""`split_dataset`."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from tkeras.graph._tree import leaves, map_structure


class Part(torch.utils.data.Dataset[Any]):
    """Some samples of a data set, by index; `batch` gives what `fit` takes.

    Args:
        samples: gives the sample of a row.
        rows: of the samples.
    """

    def __init__(self, samples: Any, rows: np.ndarray):
        self._samples, self._rows = samples, rows

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> Any:
        return self._samples(int(self._rows[index]))

    def batch(self, batch_size: int) -> Any:
        """The samples in batches, as a `Dataset`."""
        from tkeras.utils._stream import Dataset

        return Dataset(lambda: (self[index] for index in range(len(self))), len(self)).batch(batch_size)


def split_dataset(
    dataset: Any,
    left_size: float | int | None = None,
    right_size: float | int | None = None,
    shuffle: bool = False,
    seed: int | None = None,
    preferred_backend: str | None = None,
) -> tuple[Part, Part]:
    """Cut a data set into two.

    Args:
        dataset: arrays or tensors of one length (a structure of them), a list of samples, or a torch data
            set; other iterables are read to their end.
        left_size, right_size: a fraction or a number of samples; one may be None for the rest.
        shuffle: draw the samples in a random order first.
        seed: of the order.
        preferred_backend: None or ``"torch"``.

    Raises:
        ValueError: sizes that are absent, out of range or too large.
        TypeError: sizes or data of another kind.
    """
    if preferred_backend not in (None, "torch"):
        raise ValueError(f"The only backend is 'torch'. Received: preferred_backend={preferred_backend}")
    sample, total = _samples(dataset)
    left, right = _sizes(left_size, right_size, total)
    order = np.arange(total)
    if shuffle:
        np.random.RandomState(seed).shuffle(order)
    return Part(sample, order[:left]), Part(sample, order[left : left + right])


def _samples(dataset: Any) -> tuple[Any, int]:
    """What gives the sample of a row, and the number of samples."""
    arrays = [leaf for leaf in leaves(dataset) if leaf is not None]
    if arrays and all(hasattr(leaf, "shape") and len(leaf.shape) for leaf in arrays):
        lengths = {len(leaf) for leaf in arrays}
        if len(lengths) > 1:
            raise ValueError(
                "Received a list of NumPy arrays with different lengths. Mismatch found at "
                f"lengths {sorted(lengths)}"
            )
        return lambda row: map_structure(lambda leaf: leaf[row], dataset), lengths.pop()
    if hasattr(dataset, "__getitem__") and hasattr(dataset, "__len__"):
        return dataset.__getitem__, len(dataset)
    if hasattr(dataset, "__iter__"):
        kept = list(dataset)
        return kept.__getitem__, len(kept)
    raise TypeError(
        f"Unsupported dataset type: {type(dataset)}. Expected arrays, a torch data set, a list or tuple, or "
        "an iterable."
    )


def _sizes(left: Any, right: Any, total: int) -> tuple[int, int]:
    if left is None and right is None:
        raise ValueError(
            "At least one of the `left_size` or `right_size` must be specified. Received: left_size=None and "
            "right_size=None"
        )
    for name, size in (("left_size", left), ("right_size", right)):
        if size is not None and (isinstance(size, bool) or not isinstance(size, int | float)):
            raise TypeError(
                f"Invalid `{name}` Type. Expected: int or float or None, Received: type({name})={type(size)}."
            )
        top = 1 if isinstance(size, float) else total
        if size is not None and not 0 < size < top:
            raise ValueError(
                f"`{name}` should be either a positive integer smaller than {total}, or a float within the "
                f"range `[0, 1]`. Received: {name}={size}"
            )
    if isinstance(left, float) and isinstance(right, float) and left + right > 1:
        raise ValueError(
            f"The sum of `left_size` and `right_size` is greater than 1. Received: {left} and {right}"
        )
    lefts = round(left * total) if isinstance(left, float) else left
    rights = round(right * total) if isinstance(right, float) else right
    lefts = total - rights if lefts is None else lefts
    rights = total - lefts if rights is None else rights
    if lefts + rights > total:
        raise ValueError(
            f"The sum of `left_size` and `right_size` should be at most the number of samples ({total}). "
            f"Received: left_size={left}, right_size={right}"
        )
    if not lefts or not rights:
        raise ValueError(
            f"With {total} samples, left_size={left} and right_size={right}, one of the parts is empty."
        )
    return lefts, rights
