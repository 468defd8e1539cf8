"""`timeseries_dataset_from_array`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from tkeras.training._data import to_tensor
from tkeras.utils._stream import Dataset


def timeseries_dataset_from_array(
    data: Any,
    targets: Any,
    sequence_length: int,
    sequence_stride: int = 1,
    sampling_rate: int = 1,
    batch_size: int | None = 128,
    shuffle: bool = False,
    seed: int | None = None,
    start_index: int | None = None,
    end_index: int | None = None,
    format: str = "tf",
) -> Dataset:
    """Windows over a series.

    Args:
        data: time first.
        targets: ``targets[i]`` belongs to the window that starts at time ``i``; None for windows alone.
        sequence_length: steps of a window.
        sequence_stride: steps between the starts of two windows.
        sampling_rate: steps between two rows of a window.
        batch_size: windows of a batch; None for single windows.
        shuffle: another order in each iteration.
        seed: of the order.
        start_index, end_index: the part of the series to use.
        format: only ``"tf"``, which stands for an iterable of torch tensors.

    Raises:
        ValueError: a number out of its range.
    """
    if format != "tf":
        raise ValueError(f"`format` must be 'tf' (an iterable of torch tensors). Received: format={format}")
    _check(len(data), sequence_length, sequence_stride, sampling_rate, start_index, end_index)
    start, end = start_index or 0, len(data) if end_index is None else end_index
    series, wanted = to_tensor(data), None if targets is None else to_tensor(targets)
    last = end - start - (sequence_length - 1) * sampling_rate
    if wanted is not None:
        last = min(last, len(wanted) - start)
    starts = np.arange(0, max(last, 0), sequence_stride)
    steps = torch.arange(sequence_length) * sampling_rate + start
    rng = np.random.RandomState(seed)
    size = batch_size or 1

    def element(rows: np.ndarray) -> Any:
        first = torch.from_numpy(rows)
        windows = series[first[:, None] + steps]
        labels = None if wanted is None else wanted[first + start]
        if batch_size is None:
            windows, labels = windows[0], None if labels is None else labels[0]
        return windows if labels is None else (windows, labels)

    def begin() -> Iterator[Any]:
        order = starts.copy()
        if shuffle:
            rng.shuffle(order)
        return (element(order[first : first + size]) for first in range(0, len(order), size))

    return Dataset(begin, -(-len(starts) // size))


def _check(size: int, length: int, stride: int, rate: int, start: int | None, end: int | None) -> None:
    for name, index, least in (("start_index", start, 0), ("end_index", end, 1)):
        if index is not None and index < least:
            bound = "0 or greater" if least == 0 else "higher than 0"
            raise ValueError(f"`{name}` must be {bound}. Received: {name}={index}")
    if start is not None and start >= size:
        raise ValueError(
            "`start_index` must be lower than the length of the data. Received: "
            f"start_index={start}, for data of length {size}"
        )
    if end is not None and end > size:
        raise ValueError(
            "`end_index` must be lower than or equal to the length of the data. Received: "
            f"end_index={end}, for data of length {size}"
        )
    if start is not None and end is not None and end <= start:
        raise ValueError(
            "`end_index` must be higher than `start_index`. Received: "
            f"start_index={start}, and end_index={end}"
        )
    for name, value in (("sampling_rate", rate), ("sequence_stride", stride)):
        if not 0 < value < size:
            raise ValueError(
                f"`{name}` must be higher than 0 and lower than the length of the data. Received: "
                f"{name}={value}, for data of length {size}"
            )
    if not 0 < length <= size:
        raise ValueError(
            "`sequence_length` must be higher than 0 and at most the length of the data. Received: "
            f"sequence_length={length}, for data of length {size}"
        )
