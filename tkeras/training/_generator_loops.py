"""``fit_generator`` and its kin: Keras 2's names for loops over generators, workers included."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

from tkeras.utils._py_dataset import PyDataset
from tkeras.utils._stream import ahead


class GeneratorLoopsMixin:
    """The loops of Keras 2 over generators."""

    fit: Any
    evaluate: Any
    predict: Any

    def fit_generator(
        self,
        generator: Any,
        steps_per_epoch: int | None = None,
        epochs: int = 1,
        verbose: Any = 1,
        callbacks: Any = None,
        validation_data: Any = None,
        validation_steps: int | None = None,
        validation_freq: Any = 1,
        class_weight: Any = None,
        max_queue_size: int = 10,
        workers: int = 1,
        use_multiprocessing: bool = False,
        shuffle: Any = True,
        initial_epoch: int = 0,
    ) -> Any:
        """:meth:`fit` on a generator or `PyDataset`.

        Args:
            max_queue_size: batches that are made ahead.
            workers: threads, or processes with ``use_multiprocessing``, that make the batches of a
                `PyDataset`; a plain generator runs in one thread.
            use_multiprocessing: see ``workers``.
            generator, steps_per_epoch, epochs, verbose, callbacks, validation_data, validation_steps,
                validation_freq, class_weight, shuffle, initial_epoch: as in :meth:`fit`.
        """
        data = with_workers(generator, max_queue_size, workers, use_multiprocessing)
        return self.fit(
            data, steps_per_epoch=steps_per_epoch, epochs=epochs, verbose=verbose, callbacks=callbacks,
            validation_data=validation_data, validation_steps=validation_steps,
            validation_freq=validation_freq, class_weight=class_weight, shuffle=shuffle,
            initial_epoch=initial_epoch,
        )  # fmt: skip

    def evaluate_generator(
        self,
        generator: Any,
        steps: int | None = None,
        callbacks: Any = None,
        max_queue_size: int = 10,
        workers: int = 1,
        use_multiprocessing: bool = False,
        verbose: Any = 0,
    ) -> Any:
        """:meth:`evaluate` on a generator or `PyDataset`; for the workers see :meth:`fit_generator`."""
        data = with_workers(generator, max_queue_size, workers, use_multiprocessing)
        return self.evaluate(data, steps=steps, callbacks=callbacks, verbose=verbose)

    def predict_generator(
        self,
        generator: Any,
        steps: int | None = None,
        callbacks: Any = None,
        max_queue_size: int = 10,
        workers: int = 1,
        use_multiprocessing: bool = False,
        verbose: Any = 0,
    ) -> Any:
        """:meth:`predict` on a generator or `PyDataset`; for the workers see :meth:`fit_generator`."""
        data = with_workers(generator, max_queue_size, workers, use_multiprocessing)
        return self.predict(data, steps=steps, callbacks=callbacks, verbose=verbose)


class _Indexed(PyDataset):
    """An object with batches by index, which is no `PyDataset`."""

    def __init__(self, source: Any, **options: Any):
        super().__init__(**options)
        self.source = source

    def __len__(self) -> int:
        return len(self.source)

    def __getitem__(self, index: int) -> Any:
        return self.source[index]

    def on_epoch_end(self) -> None:
        if hasattr(self.source, "on_epoch_end"):
            self.source.on_epoch_end()


class _Batches(Iterator[Any]):
    def __init__(self, source: Iterator[Any]):
        self._source = source

    def __next__(self) -> Any:
        return next(self._source)


def with_workers(source: Any, max_queue_size: int, workers: int, use_multiprocessing: bool) -> Any:
    """What makes the batches of a source ahead.

    Raises:
        ValueError: workers for a source that has its own.
    """
    options = {
        "workers": workers, "use_multiprocessing": use_multiprocessing, "max_queue_size": max_queue_size
    }  # fmt: skip
    several = workers > 1 or use_multiprocessing
    if isinstance(source, PyDataset):
        if several:
            source.__dict__["_options"] = options
        return source
    if isinstance(source, Iterator):
        if several:
            warnings.warn(
                "A generator runs in one thread: make it a `PyDataset` to have several workers or processes.",
                stacklevel=3,
            )
        # no generator: those of Keras 2 may yield bare inputs
        return _Batches(ahead(source, max_queue_size) if workers > 0 else source)
    if not several:
        return source
    if hasattr(source, "__getitem__") and hasattr(source, "__len__"):
        return _Indexed(source, **options)
    raise ValueError(
        f"`workers` and `use_multiprocessing` are for generators and `PyDataset`s. Received: {source}, which"
        " has workers of its own"
    )
