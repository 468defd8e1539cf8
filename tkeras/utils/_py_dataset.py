"""`PyDataset`: batches by index, made by threads or processes if asked for."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Iterator
from typing import Any

import torch

from tkeras.utils._stream import in_threads

_DEFAULTS = {"workers": 1, "use_multiprocessing": False, "max_queue_size": 10}


class PyDataset:
    """Batches for `fit`: define ``__getitem__(index)``, which gives a batch, and ``__len__``.

    `fit` asks for the batches in a new order each epoch, unless ``shuffle=False``, and takes them in that
    order however many workers make them.

    Args:
        workers: threads or processes that make batches ahead; up to 1: the training loop makes them itself.
        use_multiprocessing: processes instead of threads.
        max_queue_size: batches that are made ahead.
    """

    def __init__(self, workers: int = 1, use_multiprocessing: bool = False, max_queue_size: int = 10):
        self._options = {
            "workers": workers, "use_multiprocessing": use_multiprocessing, "max_queue_size": max_queue_size
        }  # fmt: skip

    def _option(self, name: str) -> Any:
        if "_options" not in self.__dict__:
            warnings.warn(
                "Your `PyDataset` class should call `super().__init__(**kwargs)` in its constructor."
                " `**kwargs` can include `workers`, `use_multiprocessing`, `max_queue_size`. Do not pass"
                " these arguments to `fit()`, as they will be ignored.",
                stacklevel=4,
            )
            self._options = dict(_DEFAULTS)
        return self._options[name]

    @property
    def workers(self) -> int:
        """Threads or processes that make batches."""
        return self._option("workers")

    @workers.setter
    def workers(self, value: int) -> None:
        self._option("workers")
        self._options["workers"] = value

    @property
    def use_multiprocessing(self) -> bool:
        """Whether the workers are processes."""
        return self._option("use_multiprocessing")

    @use_multiprocessing.setter
    def use_multiprocessing(self, value: bool) -> None:
        self._option("use_multiprocessing")
        self._options["use_multiprocessing"] = value

    @property
    def max_queue_size(self) -> int:
        """Batches that are made ahead."""
        return self._option("max_queue_size")

    @max_queue_size.setter
    def max_queue_size(self, value: int) -> None:
        self._option("max_queue_size")
        self._options["max_queue_size"] = value

    def __getitem__(self, index: int) -> Any:
        """The batch of this index: ``x``, ``(x, y)`` or ``(x, y, sample_weight)``."""
        raise NotImplementedError(f"{type(self).__name__} must define `__getitem__(index)`.")

    @property
    def num_batches(self) -> int | None:
        """``len(self)``; None where that is not defined, for an endless data set."""
        return len(self) if hasattr(self, "__len__") else None  # type: ignore[arg-type]

    def on_epoch_begin(self) -> None:
        """Called before each epoch."""

    def on_epoch_end(self) -> None:
        """Called after each epoch."""

    def _batches(self, shuffle: Any = False) -> Iterator[Any]:
        """The batches of one epoch."""
        self.on_epoch_begin()
        count = self.num_batches
        if count is None:
            order: Any = itertools.count()
        else:
            order = torch.randperm(count).tolist() if shuffle else range(count)
        workers = self.workers
        if workers <= 1 and not self.use_multiprocessing:
            return (self[index] for index in order)
        if self.use_multiprocessing:
            return self._in_processes(order, max(workers, 1))
        return in_threads(self.__getitem__, iter(order), workers, self.max_queue_size)

    def _in_processes(self, order: Any, workers: int) -> Iterator[Any]:
        if isinstance(order, itertools.count):
            raise ValueError("A PyDataset without `__len__` cannot use processes: define `__len__`.")
        ahead = max(1, self.max_queue_size // workers)
        loader = torch.utils.data.DataLoader(
            _Indexed(self), batch_size=None, sampler=order, num_workers=workers, prefetch_factor=ahead,
            collate_fn=_same,
        )  # fmt: skip
        return iter(loader)


class _Indexed(torch.utils.data.Dataset[Any]):
    """What a data loader asks for batches."""

    def __init__(self, source: PyDataset):
        self.source = source

    def __getitem__(self, index: int) -> Any:
        return self.source[index]


def _same(batch: Any) -> Any:
    return batch


Sequence = PyDataset
