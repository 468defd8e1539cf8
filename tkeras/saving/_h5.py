"""Reading HDF5 files that somebody else made: plain groups and datasets, of the shapes the model expects."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

_MAX_OBJECTS = 1_000_000
_FILTERS = {1, 2}  # gzip, shuffle


@contextmanager
def atomic_path(path: Any) -> Iterator[Path]:
    """A temporary path beside ``path`` that takes its place, whole, when the block ends without an error."""
    target = Path(os.fspath(path))
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        with open(temporary, "rb") as file:
            os.fsync(file.fileno())
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


class SafeGroup:
    """A group of an HDF5 file of which only hard-linked groups and plain datasets can be reached.

    Args:
        group: an open ``h5py.Group``.
    """

    def __init__(self, group: Any, path: str = "/", budget: list[int] | None = None):
        self._group, self.path = group, path
        self._budget = budget if budget is not None else [_MAX_OBJECTS]

    def __contains__(self, name: str) -> bool:
        return name in self._group

    def keys(self) -> list[str]:
        """Names of the members."""
        return list(self._group.keys())

    def _member(self, name: str, kind: str) -> Any:
        import h5py

        where = f"{self.path.rstrip('/')}/{name}"
        self._budget[0] -= 1
        if self._budget[0] < 0:
            raise ValueError(f"The file holds more than {_MAX_OBJECTS:,} objects; it is refused.")
        if name not in self._group:
            raise ValueError(f"The file has no {kind} {where!r}. Members here: {self.keys()[:20]}")
        link = self._group.get(name, getlink=True)
        if type(link) is not h5py.HardLink:
            raise ValueError(
                f"{where!r} is a {type(link).__name__}; only objects inside the file itself are read."
            )
        return self._group[name]

    def group(self, name: str) -> SafeGroup:
        """A subgroup.

        Raises:
            ValueError: absent, linked from elsewhere, or not a group.
        """
        import h5py

        found = self._member(name, "group")
        if not isinstance(found, h5py.Group):
            raise ValueError(f"{self.path}/{name} is not a group.")
        return SafeGroup(found, f"{self.path.rstrip('/')}/{name}", self._budget)

    def read(self, name: str, shape: tuple[int, ...]) -> np.ndarray:
        """A dataset of exactly this shape, checked before any of it is read.

        Raises:
            ValueError: absent, stored outside the file, filtered in an unknown way, or of another shape or kind.
        """
        import h5py

        found = self._member(name, "dataset")
        where = f"{self.path.rstrip('/')}/{name}"
        if not isinstance(found, h5py.Dataset):
            raise ValueError(f"{where!r} is not a dataset.")
        if found.is_virtual or found.external:
            raise ValueError(f"{where!r} keeps its data outside the file; it is refused.")
        plist = found.id.get_create_plist()
        filters = {plist.get_filter(index)[0] for index in range(plist.get_nfilters())}
        if not filters <= _FILTERS:
            raise ValueError(
                f"{where!r} uses the HDF5 filters {sorted(filters - _FILTERS)}; gzip and shuffle are read."
            )
        if tuple(found.shape) != tuple(shape):
            raise ValueError(f"{where!r} has shape {tuple(found.shape)}. Expected: {tuple(shape)}")
        if found.dtype.kind not in "fiubV":
            raise ValueError(f"{where!r} holds {found.dtype}, not numbers.")
        return found[()]
