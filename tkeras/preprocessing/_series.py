"""`TimeseriesGenerator`: batches of windows over a series."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from tkeras.utils._py_dataset import PyDataset


class TimeseriesGenerator(PyDataset):
    """Batches of windows with the targets that follow them.

    Args:
        data: time first.
        targets: one for each time.
        length: steps of a window.
        sampling_rate: steps between two rows of a window.
        stride: steps between two windows.
        start_index, end_index: the part of the series to use.
        shuffle: draw the windows at random.
        reverse: each window from its last step to its first.
        batch_size: windows of a batch.

    Raises:
        ValueError: data and targets of different lengths, or no window fits.
    """

    def __init__(
        self,
        data: Any,
        targets: Any,
        length: int,
        sampling_rate: int = 1,
        stride: int = 1,
        start_index: int = 0,
        end_index: int | None = None,
        shuffle: bool = False,
        reverse: bool = False,
        batch_size: int = 128,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if len(data) != len(targets):
            raise ValueError(
                f"Data and targets have to be of same length. Data length is {len(data)} while target length"
                f" is {len(targets)}"
            )
        self.data, self.targets, self.length = data, targets, length
        self.sampling_rate, self.stride, self.batch_size = sampling_rate, stride, batch_size
        self.shuffle, self.reverse = shuffle, reverse
        self.start_index = start_index + length
        self.end_index = len(data) - 1 if end_index is None else end_index
        if self.start_index > self.end_index:
            raise ValueError(
                f"`start_index+length={self.start_index} > end_index={self.end_index}` is disallowed, as no"
                " part of the sequence would be left to be used as current step."
            )

    def __len__(self) -> int:
        per_batch = self.batch_size * self.stride
        return (self.end_index - self.start_index + per_batch) // per_batch

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        if self.shuffle:
            rows = np.random.randint(self.start_index, self.end_index + 1, size=self.batch_size)
        else:
            first = self.start_index + self.batch_size * self.stride * index
            last = min(first + self.batch_size * self.stride, self.end_index + 1)
            rows = np.arange(first, last, self.stride)
        step = self.sampling_rate
        samples = np.array([self.data[row - self.length : row : step] for row in rows])
        targets = np.array([self.targets[row] for row in rows])
        return (samples[:, ::-1, ...] if self.reverse else samples), targets

    def get_config(self) -> dict[str, Any]:
        """The arguments, data and targets as JSON."""
        data = self.data.tolist() if isinstance(self.data, np.ndarray) else self.data
        targets = self.targets.tolist() if isinstance(self.targets, np.ndarray) else self.targets
        names = (
            "length",
            "sampling_rate",
            "stride",
            "start_index",
            "end_index",
            "shuffle",
            "reverse",
            "batch_size",
        )
        return {"data": json.dumps(data), "targets": json.dumps(targets)} | {
            n: getattr(self, n) for n in names
        }

    def to_json(self, **kwargs: Any) -> str:
        """The class name and :meth:`get_config` as JSON."""
        return json.dumps({"class_name": type(self).__name__, "config": self.get_config()}, **kwargs)
