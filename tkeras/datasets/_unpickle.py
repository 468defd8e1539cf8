"""Pickles of old data sets, of which only numbers, texts, containers and numpy arrays are believed."""

from __future__ import annotations

import io
import pickle
import zipfile
from typing import Any

import numpy as np
from numpy.lib import format as npy


def _latin1(text: str, encoding: str) -> bytes:
    """How Python 3 writes bytes in old protocols."""
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"encoding {encoding!r} is refused")
    return text.encode("latin1")


def _reconstruct(kind: type, shape: Any, dtype: Any) -> np.ndarray:
    """An empty array, whose state follows."""
    if kind is not np.ndarray:
        raise pickle.UnpicklingError(f"{kind} is refused")
    return np.ndarray.__new__(np.ndarray, shape, dtype)


_KNOWN: dict[tuple[str, str], Any] = {("numpy", "ndarray"): np.ndarray, ("numpy", "dtype"): np.dtype}
_KNOWN |= {(f"numpy.{core}.multiarray", "_reconstruct"): _reconstruct for core in ("core", "_core")}
_KNOWN[("_codecs", "encode")] = _latin1


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        found = _KNOWN.get((module, name))
        if found is None:
            raise pickle.UnpicklingError(f"{module}.{name} is refused")
        return found

    def persistent_load(self, pid: Any) -> Any:
        raise pickle.UnpicklingError("persistent ids are refused")


def load(file: Any, name: str, encoding: str = "bytes") -> Any:
    """What an open pickle holds.

    Raises:
        ValueError: it is damaged, or names something that is not believed.
    """
    try:
        return _Unpickler(file, encoding=encoding).load()
    except Exception as error:
        raise ValueError(f"{name} cannot be read: {error}") from error


def load_npz(path: str) -> dict[str, np.ndarray]:
    """The arrays of an ``.npz`` file, those of Python objects included.

    Raises:
        ValueError: it is damaged, or names something that is not believed.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return {
                name.removesuffix(".npy"): _array(archive.read(name), f"{path}: {name}")
                for name in archive.namelist()
            }
    except (zipfile.BadZipFile, OSError) as error:
        raise ValueError(f"{path} cannot be read: {error}") from error


def _array(content: bytes, name: str) -> np.ndarray:
    file = io.BytesIO(content)
    read = npy.read_array_header_1_0 if npy.read_magic(file) == (1, 0) else npy.read_array_header_2_0
    shape, fortran, dtype = read(file)
    if not dtype.hasobject:
        return npy.read_array(io.BytesIO(content), allow_pickle=False)
    found = load(file, name, encoding="ASCII")
    if not isinstance(found, np.ndarray) or found.size != np.prod(shape, dtype=int):
        raise ValueError(f"{name} cannot be read: expected an array of shape {shape}")
    return found.reshape(shape, order="F" if fortran else "C")
