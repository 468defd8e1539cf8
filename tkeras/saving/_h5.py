"""Reading HDF5 files that somebody else made: plain groups and datasets, of the shapes the model expects."""

from __future__ import annotations

import functools
import io
import math
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import numpy as np

from tkeras.saving._integrity import WRITER, check_h5

F = TypeVar("F", bound=Callable[..., Any])

_MAX_OBJECTS = 1_000_000
_FILTERS = {1, 2}  # gzip, shuffle
_ALWAYS_READ = 1 << 20  # bytes; a larger dataset must not declare a thousand times what it stores
_EXPANSION = 1000
_DAMAGE = (OSError, KeyError, RuntimeError, ValueError, TypeError, IndexError, AttributeError, OverflowError)


@contextmanager
def open_h5(source: Any, name: str) -> Iterator[SafeGroup]:
    """The root of an HDF5 file.

    Args:
        source: a path, or the bytes of the file.
        name: of the file, for messages.

    Raises:
        ValueError: it is no such file, or a damaged one.
    """
    import h5py

    try:
        file = h5py.File(io.BytesIO(source) if isinstance(source, bytes) else os.fspath(source), "r")
    except _DAMAGE as error:
        raise ValueError(f"{name} is no HDF5 file, or a damaged one: {error}") from error
    try:
        yield SafeGroup(file, name)
    finally:
        file.close()


@contextmanager
def open_h5_file(path: Any) -> Iterator[SafeGroup]:
    """The root of an HDF5 file on disk, its checksum checked where tkeras wrote it.

    Raises:
        ValueError: it is no such file, or a damaged one.
    """
    name = str(path)
    sealed = check_h5(path, name)
    with open_h5(path, name) as root:
        if not sealed and root.attribute(WRITER) is not None:
            raise ValueError(f"{name} is damaged: its checksum is missing.")
        yield root


def _guarded(method: F) -> F:
    """Errors of the HDF5 library name the file and the object."""

    @functools.wraps(method)
    def wrapper(self: SafeGroup, *args: Any, **kwargs: Any) -> Any:
        try:
            return method(self, *args, **kwargs)
        except RefusedError:
            raise
        except _DAMAGE as error:
            raise ValueError(
                f"{self.file}: {self.path}: cannot be read, the file is damaged: {error}"
            ) from error

    return wrapper  # type: ignore[return-value]


class RefusedError(ValueError):
    """Something in a file that is not read."""


class SafeGroup:
    """A group of an HDF5 file of which only hard-linked groups and plain datasets can be reached.

    Args:
        group: an open ``h5py.Group``.
        file: name of the file, for messages.
    """

    def __init__(self, group: Any, file: str = "the file", path: str = "/", budget: list[int] | None = None):
        self._group, self.file, self.path = group, file, path
        self._budget = budget if budget is not None else [_MAX_OBJECTS]

    @_guarded
    def __contains__(self, name: str) -> bool:
        return name in self._group

    @_guarded
    def keys(self) -> list[str]:
        """Names of the members."""
        return list(self._group.keys())

    @_guarded
    def attribute(self, name: str) -> Any:
        """An attribute: a string, a number, an array, or None where there is none."""
        if name not in self._group.attrs:
            return None
        value = self._group.attrs[name]
        return value.decode("utf-8") if isinstance(value, bytes) else value

    def _where(self, name: str) -> str:
        return f"{self.path.rstrip('/')}/{name}"

    def _member(self, name: str, kind: str) -> Any:
        import h5py

        where = self._where(name)
        self._budget[0] -= 1
        if self._budget[0] < 0:
            raise RefusedError(f"{self.file} holds more than {_MAX_OBJECTS:,} objects; it is refused.")
        if not name or "/" in name or name not in self._group:
            raise RefusedError(
                f"{self.file} has no {kind} {where!r}. Members here: {list(self._group.keys())[:20]}"
            )
        link = self._group.get(name, getlink=True)
        if type(link) is not h5py.HardLink:
            kind = type(link).__name__
            raise RefusedError(
                f"{self.file}: {where!r} is a {kind}; only objects inside the file itself are read."
            )
        return self._group[name]

    @_guarded
    def group(self, name: str) -> SafeGroup:
        """A subgroup.

        Raises:
            ValueError: absent, linked from elsewhere, or not a group.
        """
        import h5py

        found = self._member(name, "group")
        if not isinstance(found, h5py.Group):
            raise RefusedError(f"{self.file}: {self._where(name)!r} is not a group.")
        return SafeGroup(found, self.file, self._where(name), self._budget)

    def find(self, path: str) -> SafeGroup | None:
        """The group at a path below this one, None where it is absent."""
        found = self
        for name in path.split("/") if path else ():
            if name not in found:
                return None
            found = found.group(name)
        return found

    @_guarded
    def _dataset(self, name: str) -> Any:
        import h5py

        found, where = self._member(name, "dataset"), f"{self.file}: {self._where(name)!r}"
        if not isinstance(found, h5py.Dataset):
            raise RefusedError(f"{where} is not a dataset.")
        if found.is_virtual or found.external:
            raise RefusedError(f"{where} keeps its data outside the file; it is refused.")
        plist = found.id.get_create_plist()
        filters = {plist.get_filter(index)[0] for index in range(plist.get_nfilters())}
        if not filters <= _FILTERS:
            unknown = sorted(filters - _FILTERS)
            raise RefusedError(f"{where} uses the HDF5 filters {unknown}; gzip and shuffle are read.")
        if found.shape is None or found.dtype.kind not in "fiubV":
            raise RefusedError(f"{where} holds {found.dtype}, not numbers.")
        size, stored = math.prod(found.shape) * found.dtype.itemsize, found.id.get_storage_size()
        if size > _ALWAYS_READ and size > _EXPANSION * stored:
            raise RefusedError(f"{where} declares {size:,} bytes and stores {stored:,}; it is refused.")
        return found

    @_guarded
    def read(self, name: str, shape: tuple[int, ...]) -> np.ndarray:
        """A dataset of exactly this shape, checked before any of it is read.

        Raises:
            ValueError: absent, stored outside the file, filtered in an unknown way, or of another shape or
                kind.
        """
        found = self._dataset(name)
        if tuple(found.shape) != tuple(shape):
            raise RefusedError(
                f"{self.file}: {self._where(name)!r} has shape {tuple(found.shape)}. Expected: {tuple(shape)}"
            )
        return _numbers(found)

    @_guarded
    def array(self, name: str) -> np.ndarray:
        """A dataset of a shape that the caller does not know."""
        return _numbers(self._dataset(name))


def _numbers(dataset: Any) -> np.ndarray:
    """The values; bfloat16, which HDF5 does not know, as float32."""
    values = np.asarray(dataset[()])
    if values.dtype.kind != "V":
        return values
    if values.dtype.itemsize != 2 or dataset.attrs.get("dtype") != "bfloat16":
        raise RefusedError(f"{dataset.name!r} holds {values.dtype}, not numbers.")
    return (values.view(np.uint16).astype(np.uint32) << 16).view(np.float32)
