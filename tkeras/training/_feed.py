"""A data set on a GPU whose batches are drawn by the program itself."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from itertools import count
from typing import Any

import torch

from tkeras.config import default_device
from tkeras.graph._tree import leaves, map_structure
from tkeras.training._data import ArrayDataset, trimmed

_SERIAL = count()


class Feed:
    """Arrays on a device, the order of their rows, and the place in that order where the next batch begins.

    A program reads all three, and moves the place on: in an epoch the host sends nothing.

    Args:
        data: whose arrays are copied.

    Attributes:
        arrays: ``(x, y, sample_weight)`` on the device.
        order: rows in the order of this epoch.
        place: one number, on the device.
    """

    def __init__(self, data: ArrayDataset):
        self.serial = next(_SERIAL)
        self.arrays = map_structure(_copy, data.arrays)
        device = self.tensors[0].device
        self.order = torch.arange(data.size, device=device)
        self.place = torch.zeros(1, dtype=torch.int64, device=device)
        self._position: int | None = 0
        self.users = 0
        self._data = weakref.ref(data)

    @property
    def tensors(self) -> list[torch.Tensor]:
        """The arrays in order."""
        return [leaf for leaf in leaves(self.arrays) if leaf is not None]

    def of(self, data: Any) -> bool:
        """Whether these are the arrays of a data set."""
        return self._data() is data

    def takes(self, data: ArrayDataset) -> bool:
        """Whether the arrays of a data set have the shapes and types of these."""
        given = [leaf for leaf in leaves(data.arrays) if leaf is not None]
        found, own = ([(leaf.shape, leaf.dtype) for leaf in kept] for kept in (given, self.tensors))
        return found == own

    def fill(self, data: ArrayDataset) -> None:
        """Copy the arrays of another data set."""
        given = (leaf for leaf in leaves(data.arrays) if leaf is not None)
        for own, tensor in zip(self.tensors, given, strict=True):
            own.copy_(tensor)
        self._data = weakref.ref(data)

    def epoch(self, data: ArrayDataset) -> Iterator[Drawn]:
        """The batches of an epoch, not yet drawn."""
        order, sizes = data.order()
        self.order.copy_(order, non_blocking=True)
        start = 0
        for size in sizes:
            yield Drawn(self, start, size)
            start += size

    def seek(self, start: int) -> None:
        """Let the next batch begin there."""
        if self._position != start:
            self.place.fill_(start)
        self._position = start

    def moved(self, rows: int | None) -> None:
        """A program has gone on by so many rows; None: how many is not known."""
        self._position = None if rows is None or self._position is None else self._position + rows


class Drawn:
    """Some rows of a feed, as a batch that nobody has gathered yet."""

    def __init__(self, feed: Feed, start: int, size: int):
        self.feed, self.start, self.size = feed, start, size

    def batch(self) -> Any:
        """The rows themselves, for steps that are no program."""
        rows = self.feed.order[self.start : self.start + self.size]

        def take(leaf: Any) -> Any:
            return None if leaf is None else leaf.index_select(0, rows)

        return trimmed(tuple(map_structure(take, part) for part in self.feed.arrays))


def _copy(leaf: Any) -> Any:
    if not isinstance(leaf, torch.Tensor):
        return leaf
    return torch.empty(leaf.shape, dtype=leaf.dtype, device=default_device()).copy_(leaf)


class Feeds:
    """The feeds of a runner: those that no loop uses are taken again for data of the same shapes."""

    def __init__(self) -> None:
        self.all: list[Feed] = []

    def acquire(self, data: ArrayDataset) -> Feed | None:
        """A feed that holds a data set; None where that does not fit on the device."""
        found = next((feed for feed in self.all if feed.of(data)), None)
        if found is None:
            found = next((feed for feed in self.all if not feed.users and feed.takes(data)), None)
            if found is not None:
                found.fill(data)
        if found is None:
            self.all = [feed for feed in self.all if feed.users]
            if not data.fits(default_device()):
                return None
            found = Feed(data)
            self.all.append(found)
        found.users += 1
        return found
