"""`Dataset`: elements made one after the other, anew in each iteration."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import numpy as np
import torch

from tkeras.graph._tree import map_structure

_END = object()


class Dataset:
    """Samples or batches for `fit`; each method gives a new data set.

    Args:
        start: begins an iteration.
        length: number of elements.

    Attributes:
        class_names: names of the classes, where it was made from folders.
        file_paths: the files, where it was made from files.
    """

    class_names: list[str] | None = None
    file_paths: list[str] | None = None

    def __init__(self, start: Callable[[], Iterator[Any]], length: int):
        self._start, self._length = start, length

    def __iter__(self) -> Iterator[Any]:
        return self._start()

    def __len__(self) -> int:
        return self._length

    def _derived(self, start: Callable[[], Iterator[Any]], length: int | None = None) -> Dataset:
        made = Dataset(start, self._length if length is None else length)
        made.class_names, made.file_paths = self.class_names, self.file_paths
        return made

    def cardinality(self) -> int:
        """The number of elements."""
        return self._length

    def as_numpy_iterator(self) -> Iterator[Any]:
        """The elements with arrays instead of tensors."""
        return (map_structure(_array, element) for element in self)

    def map(self, function: Callable[..., Any], num_parallel_calls: int | None = None) -> Dataset:
        """``function(*element)`` for elements that are tuples, ``function(element)`` for others.

        Args:
            num_parallel_calls: threads that apply it, in order; none and -1: it runs where the elements are
                asked for.
        """

        def apply(element: Any) -> Any:
            return function(*element) if isinstance(element, tuple) else function(element)

        if num_parallel_calls is not None and num_parallel_calls > 1:
            workers = num_parallel_calls
            return self._derived(lambda: in_threads(apply, iter(self), workers, 2 * workers))
        return self._derived(lambda: map(apply, iter(self)))

    def batch(self, batch_size: int, drop_remainder: bool = False) -> Dataset:
        """Stacks ``batch_size`` elements at a time."""

        def start() -> Iterator[Any]:
            elements = iter(self)
            while group := list(islice(elements, batch_size)):
                if len(group) == batch_size or not drop_remainder:
                    yield stack(group)

        whole, rest = divmod(self._length, batch_size)
        return self._derived(start, whole + (rest > 0 and not drop_remainder))

    def take(self, count: int) -> Dataset:
        """The first elements."""
        return self._derived(lambda: islice(iter(self), count), min(count, self._length))

    def skip(self, count: int) -> Dataset:
        """What follows the first elements."""
        return self._derived(lambda: islice(iter(self), count, None), max(0, self._length - count))

    def repeat(self, count: int) -> Dataset:
        """The elements ``count`` times; for an endless source pass ``steps_per_epoch`` to `fit` instead."""
        return self._derived(lambda: (x for _ in range(count) for x in self), count * self._length)

    def shuffle(self, buffer_size: int, seed: int | None = None) -> Dataset:
        """Draws each element from the next ``buffer_size``; in another order in each iteration."""
        rng = np.random.RandomState(seed)

        def start() -> Iterator[Any]:
            held: list[Any] = []
            for element in self:
                held.append(element)
                if len(held) >= buffer_size:
                    yield held.pop(rng.randint(len(held)))
            while held:
                yield held.pop(rng.randint(len(held)))

        return self._derived(start)

    def cache(self) -> Dataset:
        """Keeps the elements of the first whole iteration in memory."""
        kept: list[Any] = []

        def start() -> Iterator[Any]:
            if kept:
                yield from kept
                return
            elements = []
            for element in self:
                elements.append(element)
                yield element
            kept[:] = elements

        return self._derived(start)

    def prefetch(self, buffer_size: int = 2) -> Dataset:
        """Makes up to ``buffer_size`` elements ahead, in a thread; -1 stands for 2."""
        size = 2 if buffer_size < 1 else buffer_size
        return self._derived(lambda: ahead(iter(self), size))


def _array(leaf: Any) -> Any:
    return leaf.detach().cpu().numpy() if isinstance(leaf, torch.Tensor) else leaf


def stack(elements: list[Any]) -> Any:
    """Elements of the same structure as one, stacked leaf by leaf."""
    first = elements[0]
    if isinstance(first, tuple | list):
        return type(first)(stack(list(column)) for column in zip(*elements, strict=True))
    if isinstance(first, dict):
        return {key: stack([element[key] for element in elements]) for key in first}
    return torch.stack(elements) if isinstance(first, torch.Tensor) else np.stack(elements)


def in_threads(
    function: Callable[[Any], Any], items: Iterator[Any], workers: int, most: int
) -> Iterator[Any]:
    """``map(function, items)`` by several threads, in order, with at most ``most`` results waiting."""
    from collections import deque
    from concurrent.futures import Future, ThreadPoolExecutor

    waiting: deque[Future[Any]] = deque()
    pool = ThreadPoolExecutor(workers)
    try:
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) >= max(most, 1):
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def ahead(items: Iterator[Any], size: int) -> Iterator[Any]:
    """The items, made up to ``size`` ahead in a thread."""
    made: queue.Queue[Any] = queue.Queue(size)
    stop = threading.Event()

    def put(item: Any) -> bool:
        while not stop.is_set():
            try:
                made.put(item, timeout=0.1)
            except queue.Full:
                continue
            return True
        return False

    def produce() -> None:
        try:
            for item in items:
                if not put((item, None)):
                    return
            put((_END, None))
        except BaseException as error:  # noqa: BLE001 - raised where the items are taken
            put((_END, error))

    thread = threading.Thread(target=produce, daemon=True)
    thread.start()
    try:
        while True:
            item, error = made.get()
            if error is not None:
                raise error
            if item is _END:
                return
            yield item
    finally:
        stop.set()
        thread.join()
