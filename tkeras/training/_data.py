"""Training data: whatever users hand over becomes an iterable of batches of tensors."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from types import GeneratorType
from typing import Any

import numpy as np
import torch

from tkeras.callbacks._resume import random_state
from tkeras.config import default_device, floatx, torch_dtype
from tkeras.graph._tree import flatten, is_nested, leaves, map_structure
from tkeras.utils._stream import ahead

Batch = tuple[Any, ...]


def pack_x_y_sample_weight(x: Any, y: Any = None, sample_weight: Any = None) -> Any:
    """``x``, ``(x, y)`` or ``(x, y, sample_weight)``."""
    if y is None and sample_weight is None:
        return x if not is_nested(x) else (x,)
    return (x, y) if sample_weight is None else (x, y, sample_weight)


def unpack_x_y_sample_weight(data: Any) -> tuple[Any, Any, Any]:
    """The three parts of a batch, None for absent ones.

    Raises:
        ValueError: a tuple of more than three.
    """
    if isinstance(data, list):
        data = tuple(data)
    if not isinstance(data, tuple):
        return data, None, None
    if not 1 <= len(data) <= 3:
        raise ValueError(
            "Data is expected to be in format `x`, `(x,)`, `(x, y)`, or `(x, y, sample_weight)`, "
            f"found: {data}"
        )
    return (*data, None, None)[:3]  # type: ignore[return-value]


def to_tensor(value: Any) -> Any:
    """An array, data frame or list of numbers as a tensor, floats in ``floatx()``; None and strings stay."""
    if value is None or isinstance(value, torch.Tensor):
        tensor = value
    else:
        if hasattr(value, "to_numpy"):  # pandas
            value = value.to_numpy()
        array = np.asarray(value)
        if array.dtype.kind in "OUS":
            if array.dtype.kind == "O":
                raise ValueError(
                    f"Failed to convert an array of Python objects (shape {array.shape}) to a tensor: "
                    "the rows have different lengths or hold things that are not numbers."
                )
            return array
        if not array.flags.writeable or any(stride < 0 for stride in array.strides):
            array = array.copy()
        if array.dtype == np.uint16 or not array.dtype.isnative:
            array = array.astype(array.dtype.newbyteorder("="))
        tensor = torch.from_numpy(array)
    if tensor is not None and tensor.is_floating_point() and tensor.dtype is not torch_dtype(floatx()):
        tensor = tensor.to(torch_dtype(floatx()))
    return tensor


def to_device(batch: Any) -> Any:
    """A batch on the device that computes, as tensors; a GPU copies from pinned memory, beside the host."""
    device = default_device()

    def move(leaf: Any) -> Any:
        leaf = to_tensor(leaf)
        if not isinstance(leaf, torch.Tensor):
            return leaf
        return (pinned(leaf) if device.type == "cuda" else leaf).to(device, non_blocking=True)

    return map_structure(move, batch)


def pinned(leaf: Any) -> Any:
    """A tensor of the host in memory that a GPU copies from by itself; anything else as it is."""
    on_host = isinstance(leaf, torch.Tensor) and leaf.device.type == "cpu"
    return leaf.pin_memory() if on_host and not leaf.is_pinned() else leaf


class Dataset:
    """Batches for several epochs.

    Attributes:
        num_batches: batches of a pass over the data, None when only the iteration tells.
        used: whether there has been an epoch.
        once: whether there is one pass only.
        endless: whether an epoch goes on where the last one stopped.
        bare: whether inputs without targets are no tuple.
        taken: batches of the running pass so far.
        begun: the random generators at its begin, where an epoch may end in the middle of a pass.
        again: whether a new pass begins within an epoch when the last one ends.
        start: batches of the coming epoch that a resumed training has behind it.
    """

    num_batches: int | None = None
    buffers: Sequence[torch.Tensor] = ()
    """Memory that gathered rows may be written into, for each tensor of a batch in order."""
    start = 0
    used = False
    once = False
    endless = False
    again = False
    bare = False
    taken = 0
    begun: Any = None
    _open: Iterator[Any] | None = None

    def as_given(self, batch: Batch) -> Any:
        """A batch as a model's own step gets it."""
        return batch[0] if self.bare and len(batch) == 1 else batch

    def epoch(self) -> Iterator[Batch]:
        """The batches of one epoch, ``(x, y, sample_weight)``.

        With a number of steps, an epoch goes on where the last one stopped, until the source ends; what
        belongs to Keras 2 then begins anew at once.
        """
        if not self.endless:
            for batch in self._iterate():
                yield self._batch(batch)
            return
        goes_on = self._open is not None
        if self._open is None:
            self._open, self.taken = self._iterate(), 0
        while True:
            found = 0
            for batch in self._open:
                found += 1
                self.taken += 1
                yield self._batch(batch)
            self._open = None
            if found and self.again:
                self.epoch_end()
            elif found or not goes_on or self.once:
                return
            goes_on = False  # the last epoch took the last batch: begin anew
            self._open, self.taken = self._iterate(), 0

    def position(self) -> tuple[Any, int]:
        """``begun`` and ``taken`` of the pass that the next epoch goes on with, or None, 0."""
        inside = self.begun is not None and self.taken and self.taken != self.num_batches
        return (self.begun, self.taken) if inside else (None, 0)

    def _iterate(self) -> Iterator[Any]:
        """One pass over the data."""
        raise NotImplementedError

    def _batch(self, batch: Any) -> Batch:
        """What a pass gives, as a batch."""
        return batch

    def epoch_end(self) -> None:
        """Called after each epoch."""

    def restart(self) -> None:
        """Begin the next epoch at the first batch, where the source can."""
        if not self.once:
            self._open = None


class ArrayDataset(Dataset):
    """Arrays in memory, cut into batches; rows are drawn anew each epoch when ``shuffle``."""

    def __init__(
        self,
        x: Any,
        y: Any,
        sample_weight: Any,
        batch_size: int | None,
        shuffle: Any,
        class_weight: Any = None,
        steps: int | None = None,
    ):
        if class_weight is not None:
            targets = y if is_nested(y) else to_tensor(y)
            sample_weight = class_weights_to_sample_weights(targets, class_weight, sample_weight)
        self.arrays = tuple(map_structure(to_tensor, part) for part in (x, y, sample_weight))
        for name, part in zip(("y", "sample_weight"), self.arrays[1:], strict=True):
            if any(isinstance(leaf, np.ndarray) for leaf in leaves(part)):
                raise ValueError(f"`{name}` must hold numbers. Received: an array of strings")
        self.size = _common_length(dict(zip(("x", "y", "sample_weight"), self.arrays, strict=True)))
        self.batch_size: int = 32 if batch_size is None else batch_size
        if not isinstance(batch_size, (int, np.integer, type(None))) or self.batch_size <= 0:
            raise ValueError(f"`batch_size` must be a positive integer. Received: batch_size={batch_size}")
        self.num_batches = math.ceil(self.size / self.batch_size)
        self.shuffle, self.endless, self.bare = shuffle, steps is not None, not isinstance(x, (list, tuple))

    def order(self) -> tuple[torch.Tensor, list[int]]:
        """The rows in the order of an epoch, and the sizes of its batches."""
        size, step = self.size, self.batch_size
        sizes = [min(step, size - start) for start in range(0, size, step)]
        if self.shuffle == "batch":
            places = torch.randperm(len(sizes))
            order = torch.arange(size).split(step)
            return torch.cat([order[place] for place in places]), [sizes[place] for place in places]
        return torch.randperm(size) if self.shuffle else torch.arange(size), sizes

    def _rows(self) -> Iterator[Any]:
        """Row indices (a tensor, or a slice where rows stay in order) of each batch."""
        size, step = self.size, self.batch_size
        if not self.shuffle:
            yield from (slice(start, start + step) for start in range(0, size, step))
        elif self.shuffle == "batch":
            starts = torch.randperm(math.ceil(size / step)) * step
            yield from (slice(start, start + step) for start in starts.tolist())
        else:
            yield from torch.randperm(size).split(step)

    def _iterate(self) -> Iterator[Batch]:
        """Batches of rows: those that a GPU has not got are gathered ahead, in a thread."""
        self.begun = random_state() if self.endless else None
        device = default_device()
        arrays = self._arrays_on(device)
        if device.type == "cpu":
            for rows in self._rows():
                yield trimmed(_taken(arrays, rows, self.buffers))
        elif arrays is self.arrays:
            order = list(self._rows())  # drawn here: the thread takes no random numbers
            for batch in ahead((_pinned(_taken(arrays, rows)) for rows in order), AHEAD):
                yield trimmed(to_device(batch))
        else:
            for rows in self._rows():
                on_device = rows if isinstance(rows, slice) else rows.to(device, non_blocking=True)
                yield trimmed(to_device(_taken(arrays, on_device)))

    placed: tuple[Any, ...] | None = None
    """The arrays on a GPU, or as they are where they do not fit."""

    def fits(self, device: torch.device) -> bool:
        """Whether the arrays are tensors that take at most a quarter of a GPU's free memory."""
        found = [leaf for leaf in leaves(self.arrays) if leaf is not None]
        if not all(isinstance(leaf, torch.Tensor) for leaf in found):
            return False
        free, _ = torch.cuda.mem_get_info(device)
        return 4 * sum(tensor.nbytes for tensor in found) <= free

    def _arrays_on(self, device: torch.device) -> tuple[Any, ...]:
        """The arrays, moved to a GPU once where they fit."""
        if device.type != "cuda":
            return self.arrays
        if self.placed is None:
            fits = self.fits(device)
            self.placed = _map_all(lambda leaf: leaf.to(device), self.arrays) if fits else self.arrays
        return self.placed or self.arrays


AHEAD = 2
"""Batches that a thread gathers before they are asked for."""


def _taken(arrays: tuple[Any, ...], rows: Any, buffers: Sequence[torch.Tensor] = ()) -> Batch:
    take = _slicer(rows) if isinstance(rows, slice) else _gatherer(rows, buffers)
    return tuple(_map_tensors(take, part) for part in arrays)


def _pinned(batch: Batch) -> Batch:
    return _map_all(pinned, batch)


def _map_all(function: Callable[[Any], Any], batch: Batch) -> Batch:
    return tuple(_map_tensors(function, part) for part in batch)


def trimmed(batch: Batch) -> Batch:
    """``(x, y)`` or ``(x,)`` where nothing follows, which is what custom steps unpack."""
    return batch if batch[2] is not None else batch[:2] if batch[1] is not None else batch[:1]


def _slicer(rows: slice) -> Callable[[Any], Any]:
    return lambda leaf: leaf[rows]


def _gatherer(rows: torch.Tensor, buffers: Sequence[torch.Tensor]) -> Callable[[Any], Any]:
    given = iter(buffers)

    def take(leaf: Any) -> Any:
        if not isinstance(leaf, torch.Tensor):
            return leaf[rows.cpu().numpy()]
        buffer = next(given, None)
        if buffer is None or buffer.dtype is not leaf.dtype or buffer.device != leaf.device:
            return leaf.index_select(0, rows)
        if buffer.shape != (len(rows), *leaf.shape[1:]):
            return leaf.index_select(0, rows)
        return torch.index_select(leaf, 0, rows, out=buffer)

    return take


def _map_tensors(function: Callable[[Any], Any], part: Any) -> Any:
    if isinstance(part, torch.Tensor):
        return function(part)
    return (
        None if part is None else map_structure(lambda leaf: None if leaf is None else function(leaf), part)
    )


def _common_length(parts: dict[str, Any]) -> int:
    lengths = {name: [len(leaf) for leaf in leaves(part) if leaf is not None] for name, part in parts.items()}
    found = {length for part in lengths.values() for length in part}
    if not found:
        raise ValueError("No data: `x` is None or an empty structure.")
    if len(found) > 1:
        sizes = "\n".join(
            f"'{name}' sizes: {', '.join(map(str, part))}" for name, part in lengths.items() if part
        )
        raise ValueError(
            "Data cardinality is ambiguous. Make sure all arrays contain the same number of"
            f" samples.\n{sizes}"
        )
    if 0 in found:
        raise ValueError("No data: the arrays have no rows. Expected at least one sample.")
    return found.pop()


class IterableDataset(Dataset):
    """Generators, data loaders, `PyDataset`s and anything else that yields batches."""

    def __init__(self, source: Any, steps: int | None, class_weight: Any = None, shuffle: Any = False):
        self.source, self.class_weight, self.shuffle = source, class_weight, shuffle
        self.once = isinstance(source, Iterator) and not hasattr(source, "_batches")
        self.endless = self.once or steps is not None
        self.again = self.endless and getattr(source, "_endless", False)
        length = getattr(source, "num_batches", None)
        self.num_batches = _length(source) if length is None else length

    def _iterate(self) -> Iterator[Any]:
        if self.once:
            return self.source
        if hasattr(self.source, "_batches"):  # a `PyDataset` may have workers
            return self.source._batches(self.shuffle)
        if hasattr(self.source, "as_numpy_iterator"):
            return iter(self.source.as_numpy_iterator())
        if hasattr(self.source, "__getitem__") and not isinstance(self.source, Iterable):
            return (self.source[index] for index in range(len(self.source)))
        return iter(self.source)

    def _batch(self, batch: Any) -> Batch:
        if isinstance(self.source, GeneratorType) and not isinstance(batch, tuple):
            raise ValueError(
                "When passing a Python generator to a Keras model, the generator must return a tuple, either "
                "(input,) or (inputs, targets) or (inputs, targets, sample_weights). "
                f"Received: {batch!r:.200}"
            )
        self.bare = not isinstance(batch, (list, tuple)) and not hasattr(self.source, "_batches")
        x, y, weight = unpack_x_y_sample_weight(batch)
        if self.class_weight is not None:
            weight = class_weights_to_sample_weights(to_tensor(y), self.class_weight, weight)
        return trimmed(to_device((x, y, weight)))

    def epoch_end(self) -> None:
        """Tell a `PyDataset` or `Sequence`."""
        if hasattr(self.source, "on_epoch_end"):
            self.source.on_epoch_end()


def _kind(source: Any) -> str:
    """What yields batches, in a word."""
    if hasattr(source, "_batches"):
        return "PyDataset"
    if isinstance(source, torch.utils.data.DataLoader):
        return "torch DataLoader"
    return "generator" if isinstance(source, Iterator) else type(source).__name__


def _length(source: Any) -> int | None:
    """``len(source)``, None where the source cannot tell."""
    if isinstance(source, torch.utils.data.IterableDataset):
        return None
    try:
        return len(source)
    except TypeError:
        return None


def class_weights_to_sample_weights(
    y: Any, class_weight: dict[int, float], sample_weight: Any = None
) -> torch.Tensor:
    """One weight a sample from weights of classes; integer labels or one-hot rows.

    Raises:
        ValueError: several targets, or sample weights given as well.
    """
    if is_nested(y):
        raise ValueError("`class_weight` is only supported for Models with a single output.")
    if sample_weight is not None:
        raise ValueError(
            "Arguments `sample_weight` and `class_weight` cannot be specified at the same time. Received: "
            f"sample_weight={sample_weight!r:.200}, class_weight={class_weight}"
        )
    labels = y.argmax(-1) if y.dim() > 1 and y.shape[-1] > 1 else y.reshape(len(y)) if y.dim() > 1 else y
    labels = labels.round().long()
    weights = torch.ones(
        max(int(labels.max()), *class_weight) + 1, dtype=torch_dtype(floatx()), device=labels.device
    )
    for label, weight in class_weight.items():
        weights[int(label)] = weight
    return weights[labels]


def split_validation(arrays: tuple[Any, Any, Any], validation_split: float) -> tuple[Any, Any]:
    """The first rows for training and the last fraction for validation."""
    if not 0 < validation_split < 1:
        raise ValueError(
            f"`validation_split` must be between 0 and 1. Received: validation_split={validation_split}"
        )
    strange = [type(leaf) for leaf in leaves(arrays) if leaf is not None and not is_array_like(leaf)]
    if strange:
        raise ValueError(
            "Argument `validation_split` is only supported for tensors or NumPy arrays. Found incompatible"
            f" type in the input: {strange}; pass `validation_data` instead."
        )
    arrays = tuple(map_structure(to_tensor, part) for part in arrays)  # type: ignore[assignment]
    size = _common_length(dict(zip(("x", "y", "sample_weight"), arrays, strict=True)))
    cut = math.floor(size * (1 - validation_split))
    if cut in (0, size):
        raise ValueError(
            f"Training data contains {size} samples, which is not sufficient to split it into a validation"
            f" and training set as specified by `validation_split={validation_split}`. Either provide more"
            " data, or a different value for the `validation_split` argument."
        )
    head = tuple(_map_tensors(lambda leaf: leaf[:cut], part) for part in arrays)
    tail = tuple(_map_tensors(lambda leaf: leaf[cut:], part) for part in arrays)
    return head, tail


def is_array_like(value: Any) -> bool:
    """True for tensors, arrays, data frames and numbers."""
    return isinstance(value, (torch.Tensor, np.ndarray, np.generic, int, float)) or hasattr(value, "to_numpy")


def make_dataset(
    x: Any,
    y: Any = None,
    sample_weight: Any = None,
    batch_size: int | None = None,
    steps: int | None = None,
    shuffle: Any = False,
    class_weight: Any = None,
) -> Dataset:
    """The dataset for any accepted form of data.

    Raises:
        ValueError: targets given beside a source that yields them, or data of an unknown kind.
    """
    if isinstance(x, Dataset):
        return x
    if all(is_array_like(leaf) for leaf in leaves(x)) and flatten(x):
        if isinstance(x, (list, tuple)) and not any(
            isinstance(leaf, (torch.Tensor, np.ndarray)) for leaf in leaves(x)
        ):
            x = x if any(hasattr(leaf, "to_numpy") for leaf in leaves(x)) else np.asarray(x)
        y = np.asarray(y) if isinstance(y, (list, tuple)) and _plain_numbers(y) else y
        return ArrayDataset(x, y, sample_weight, batch_size, shuffle, class_weight, steps)
    iterable = hasattr(x, "__iter__") or hasattr(x, "__next__") or hasattr(x, "__getitem__")
    if is_nested(x) or isinstance(x, (str, bytes)) or not iterable:
        raise ValueError(f"Unrecognized data type: x={str(x)[:200]} (of type {type(x)})")
    for name, value in (("y", y), ("sample_weight", sample_weight)):
        if value is not None:
            kind, what = _kind(x), "targets" if name == "y" else "sample weights"
            raise ValueError(
                f"When providing `x` as a {kind}, `{name}` should not be passed. Instead, the {what} should"
                f" be included as part of the {kind}."
            )
    return IterableDataset(x, steps, class_weight, shuffle)


def _plain_numbers(value: Any) -> bool:
    return all(isinstance(leaf, (int, float, np.generic)) for leaf in leaves(value))
