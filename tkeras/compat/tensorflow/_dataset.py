"""``tf.data.Dataset`` over plain iterators."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch

from tkeras import ops
from tkeras.graph._tree import flatten, leaves, map_structure, pack_as

AUTOTUNE = -1
"""How many to prepare ahead; there is nothing to tune."""

Make = Callable[[], Iterator[Any]]


class Dataset:
    """Elements, structures of tensors, that are made anew for each pass.

    Give it to ``fit`` once batched. What only steers TensorFlow's scheduling (``num_parallel_calls``,
    ``prefetch``, ``deterministic``) does not change the elements.
    """

    def __init__(self, make: Make, length: int | None):
        self._make, self._length = make, length

    def __iter__(self) -> Iterator[Any]:
        return self._make()

    def __len__(self) -> int:
        if self._length is None:
            raise TypeError("The dataset length is unknown.")
        return self._length

    def cardinality(self) -> int:
        """The number of elements, -2 where only a pass tells."""
        return -2 if self._length is None else self._length

    @property
    def element_spec(self) -> Any:
        """Shape and element type of the first element's tensors."""
        from tkeras.compat.tensorflow._control import TensorSpec

        return map_structure(lambda leaf: TensorSpec(leaf.shape, leaf.dtype), next(iter(self)))

    def as_numpy_iterator(self) -> Iterator[Any]:
        """The elements as arrays."""
        return (
            map_structure(lambda leaf: leaf.numpy() if isinstance(leaf, torch.Tensor) else leaf, element)
            for element in self
        )

    @staticmethod
    def from_tensor_slices(tensors: Any, name: str | None = None) -> Dataset:
        """One element for each index of the first axis of all tensors."""
        return _Rows(map_structure(_tensor, _joined(tensors)))

    @staticmethod
    def from_tensors(tensors: Any, name: str | None = None) -> Dataset:
        """One element."""
        element = map_structure(_tensor, tensors)
        return Dataset(lambda: iter([element]), 1)

    @staticmethod
    def from_generator(
        generator: Callable[..., Any],
        output_types: Any = None,
        output_shapes: Any = None,
        args: Any = (),
        output_signature: Any = None,
        name: str | None = None,
    ) -> Dataset:
        """What a generator function yields, as tensors of the declared types."""
        types = output_signature if output_signature is not None else output_types
        kinds = [getattr(leaf, "dtype", leaf) for leaf in leaves(types)]

        def typed(element: Any) -> Any:
            flat = flatten(element)
            names = [None if kind is None else getattr(kind, "name", kind) for kind in kinds or [None]]
            names = names if len(names) == len(flat) else names * len(flat)
            return pack_as(element, [_tensor(leaf, name) for leaf, name in zip(flat, names, strict=True)])

        return Dataset(lambda: map(typed, generator(*args)), None)

    @staticmethod
    def range(*args: int, output_type: Any = "int64") -> Dataset:
        """Numbers, as Python's range."""
        numbers = range(*args)
        return Dataset(lambda: map(torch.tensor, numbers), len(numbers))

    @staticmethod
    def zip(*datasets: Any, name: str | None = None) -> Dataset:
        """Tuples of the elements of several; a structure of data sets may be given as one argument."""
        structure = datasets[0] if len(datasets) == 1 else datasets
        parts = flatten(structure)
        lengths = [part._length for part in parts]
        return Dataset(
            lambda: (pack_as(structure, list(row)) for row in zip(*parts, strict=False)),
            None if None in lengths else min(lengths),
        )

    def map(
        self,
        map_func: Callable[..., Any],
        num_parallel_calls: int | None = None,
        deterministic: bool | None = None,
        name: str | None = None,
    ) -> Dataset:
        """``map_func`` of each element; of the parts of tuples."""

        def apply(element: Any) -> Any:
            result = map_func(*element) if isinstance(element, tuple) else map_func(element)
            return map_structure(_tensor, tuple(result) if isinstance(result, list) else result)

        return Dataset(lambda: map(apply, self), self._length)

    def filter(self, predicate: Callable[..., Any], name: str | None = None) -> Dataset:
        """The elements for which the predicate holds."""

        def keeps(element: Any) -> bool:
            return bool(predicate(*element) if isinstance(element, tuple) else predicate(element))

        return Dataset(lambda: filter(keeps, self), None)

    def flat_map(self, map_func: Callable[..., Dataset], name: str | None = None) -> Dataset:
        """The elements of the data sets that ``map_func`` makes, one after the other."""
        made = Dataset(
            lambda: (
                map_func(*element) if isinstance(element, tuple) else map_func(element) for element in self
            ),
            None,
        )
        return Dataset(lambda: itertools.chain.from_iterable(made), None)

    def shuffle(
        self,
        buffer_size: int,
        seed: int | None = None,
        reshuffle_each_iteration: bool = True,
        name: str | None = None,
    ) -> Dataset:
        """Elements drawn from a buffer of ``buffer_size``."""
        draws = _Draws(seed, reshuffle_each_iteration)

        def drawn() -> Iterator[Any]:
            chance, buffer = draws.next(), []
            for element in self:
                buffer.append(element)
                if len(buffer) >= buffer_size:
                    yield buffer.pop(chance.randrange(len(buffer)))
            chance.shuffle(buffer)
            yield from buffer

        return Dataset(drawn, self._length)

    def batch(
        self,
        batch_size: int,
        drop_remainder: bool = False,
        num_parallel_calls: int | None = None,
        deterministic: bool | None = None,
        name: str | None = None,
    ) -> Dataset:
        """``batch_size`` elements stacked; the last one may be smaller."""

        def batches() -> Iterator[Any]:
            elements = iter(self)
            while rows := list(itertools.islice(elements, batch_size)):
                if len(rows) == batch_size or not drop_remainder:
                    yield _stacked(rows)

        return Dataset(batches, _batches(self._length, batch_size, drop_remainder))

    def unbatch(self, name: str | None = None) -> Dataset:
        """The rows of the elements."""
        return Dataset(lambda: (row for element in self for row in _Rows(element)), None)

    def window(
        self, size: int, shift: int | None = None, stride: int = 1, drop_remainder: bool = False
    ) -> Dataset:
        """Data sets of ``size`` elements that start ``shift`` apart."""

        def windows() -> Iterator[Dataset]:
            elements, step = list(self), shift or size
            for start in range(0, len(elements), step):
                part = elements[start : start + (size - 1) * stride + 1 : stride]
                if len(part) == size or not drop_remainder:
                    yield Dataset(lambda part=part: iter(part), len(part))

        return Dataset(windows, None)

    def repeat(self, count: int | None = None, name: str | None = None) -> Dataset:
        """``count`` passes after each other, or endless ones."""
        if count is None or count < 0:
            return Dataset(lambda: itertools.chain.from_iterable(itertools.repeat(self)), None)
        length = None if self._length is None else self._length * count
        return Dataset(lambda: itertools.chain.from_iterable(itertools.repeat(self, count)), length)

    def take(self, count: int, name: str | None = None) -> Dataset:
        """The first ``count``; all of them for -1."""
        if count < 0:
            return self
        length = None if self._length is None else min(count, self._length)
        return Dataset(lambda: itertools.islice(iter(self), count), length)

    def skip(self, count: int, name: str | None = None) -> Dataset:
        """Without the first ``count``."""
        length = None if self._length is None else max(self._length - count, 0)
        return Dataset(lambda: itertools.islice(iter(self), count, None), length)

    def concatenate(self, dataset: Dataset, name: str | None = None) -> Dataset:
        """These, then those."""
        lengths = self._length, dataset._length
        length = None if None in lengths else sum(lengths)  # type: ignore[arg-type]
        return Dataset(lambda: itertools.chain(self, dataset), length)

    def enumerate(self, start: int = 0, name: str | None = None) -> Dataset:
        """Pairs (index, element)."""
        return Dataset(lambda: enumerate(self, start), self._length)

    def shard(self, num_shards: int, index: int, name: str | None = None) -> Dataset:
        """Every ``num_shards``-th element."""
        length = None if self._length is None else len(range(index, self._length, num_shards))
        return Dataset(lambda: itertools.islice(iter(self), index, None, num_shards), length)

    def cache(self, filename: str = "", name: str | None = None) -> Dataset:
        """The elements of the first whole pass, kept in memory.

        Raises:
            ValueError: a file is named.
        """
        if filename:
            raise ValueError("Dataset.cache: a file is not supported; without one, elements stay in memory.")
        kept: list[Any] = []

        def elements() -> Iterator[Any]:
            if kept:
                yield from kept
                return
            found = []
            for element in self:
                found.append(element)
                yield element
            kept.extend(found)

        return Dataset(elements, self._length)

    def prefetch(self, buffer_size: int, name: str | None = None) -> Dataset:
        """The same elements."""
        return self

    def apply(self, transformation_func: Callable[[Dataset], Dataset]) -> Dataset:
        """``transformation_func`` of the data set."""
        return transformation_func(self)

    def reduce(
        self, initial_state: Any, reduce_func: Callable[[Any, Any], Any], name: str | None = None
    ) -> Any:
        """The state after ``reduce_func(state, element)`` of every element."""
        state = initial_state
        for element in self:
            state = reduce_func(state, element)
        return state


class _Rows(Dataset):
    """Rows of tensors in memory: shuffled and batched by index instead of one by one."""

    def __init__(self, tensors: Any, order: Callable[[], Any] | None = None):
        self._tensors = tensors
        lengths = {len(leaf) for leaf in leaves(tensors)}
        if len(lengths) != 1:
            raise ValueError(f"Expected tensors of one length. Received: lengths {sorted(lengths)}")
        self._order = order or (lambda: range(self._length or 0))
        super().__init__(self._rows, lengths.pop())

    def _rows(self) -> Iterator[Any]:
        for index in self._order():
            yield map_structure(lambda leaf, index=index: leaf[index], self._tensors)

    def shuffle(
        self,
        buffer_size: int,
        seed: int | None = None,
        reshuffle_each_iteration: bool = True,
        name: str | None = None,
    ) -> Dataset:
        if buffer_size < (self._length or 0):
            return super().shuffle(buffer_size, seed, reshuffle_each_iteration)
        draws = _Draws(seed, reshuffle_each_iteration)

        def order() -> list[int]:
            rows = list(self._order())
            draws.next().shuffle(rows)
            return rows

        return _Rows(self._tensors, order)

    def batch(
        self,
        batch_size: int,
        drop_remainder: bool = False,
        num_parallel_calls: int | None = None,
        deterministic: bool | None = None,
        name: str | None = None,
    ) -> Dataset:
        length = _batches(self._length, batch_size, drop_remainder)

        def batches() -> Iterator[Any]:
            order = np.fromiter(self._order(), np.int64)
            for start in range(0, (length or 0) * batch_size, batch_size):
                rows = order[start : start + batch_size]
                yield map_structure(lambda leaf, rows=rows: leaf[rows], self._tensors)

        return Dataset(batches, length)


class _Draws:
    """The random numbers of each pass: others each time, or the same ones again."""

    def __init__(self, seed: int | None, anew: bool):
        self._anew = anew
        self._seed = random.getrandbits(62) if seed is None else seed
        self._pass = 0

    def next(self) -> random.Random:
        chance = random.Random(self._seed + self._pass)
        self._pass += self._anew
        return chance


def _tensor(value: Any, dtype: Any = None) -> Any:
    """A tensor; strings stay an array."""
    if isinstance(value, (str, bytes, Dataset)) or dtype == "string":
        return value
    if not isinstance(value, torch.Tensor):
        array = np.asarray(value)
        if array.dtype.kind in "OUS":
            return array
    return ops.convert_to_tensor(value, dtype=dtype)


def _joined(tensors: Any) -> Any:
    """A list of numbers or of rows is one array; tuples and dictionaries are structures."""
    if isinstance(tensors, dict):
        return {key: _joined(value) for key, value in tensors.items()}
    if isinstance(tensors, tuple):
        return tuple(map(_joined, tensors))
    if isinstance(tensors, list) and any(isinstance(leaf, torch.Tensor) for leaf in tensors):
        return torch.stack(tensors)
    return np.asarray(tensors) if isinstance(tensors, list) else tensors


def _stacked(rows: list[Any]) -> Any:
    columns = zip(*map(flatten, rows), strict=True)
    return pack_as(
        rows[0],
        [
            torch.stack([torch.as_tensor(leaf) for leaf in column])
            if isinstance(column[0], (torch.Tensor, int, float))
            else np.asarray(column)
            for column in columns
        ],
    )


def _batches(length: int | None, batch_size: int, drop_remainder: bool) -> int | None:
    if length is None:
        return None
    return length // batch_size if drop_remainder else -(-length // batch_size)
