"""`FeatureLayer`: takes lists, arrays of numbers or strings, and tensors, as they come."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import numpy as np
import torch

from tkeras.config import default_device
from tkeras.graph._tree import is_nested, leaves
from tkeras.layers._layer import Layer

Shape = tuple[int | None, ...]


def is_text(value: Any) -> bool:
    """Whether an array holds strings or bytes."""
    return isinstance(value, np.ndarray) and (
        value.dtype.kind in "US" or (value.dtype.kind == "O" and all(map(_is_string, value.flat)))
    )


def _is_string(value: Any) -> bool:
    return isinstance(value, (str, bytes))


def as_data(value: Any) -> Any:
    """A number, a string or a nested list of them as one array; numbers as a tensor."""
    if isinstance(value, torch.Tensor):
        return value
    if hasattr(value, "to_numpy"):  # pandas
        value = value.to_numpy()
    elif hasattr(value, "numpy"):
        value = value.numpy()
    array = np.asarray(value)
    if array.dtype.kind in "US" or is_text(array):
        return array
    if array.dtype.kind == "O":
        raise ValueError(f"Expected numbers or strings in lists of equal lengths. Received: {value!r:.100}")
    return torch.as_tensor(array, device=default_device())


def decoded(array: np.ndarray, encoding: str = "utf-8") -> np.ndarray:
    """Strings (bytes decoded) as an array of Python objects."""
    flat = [item.decode(encoding) if isinstance(item, bytes) else str(item) for item in array.ravel()]
    made = np.empty(len(flat), dtype=object)
    made[:] = flat
    return made.reshape(array.shape)


def batches(data: Any, steps: int | None = None) -> Iterator[Any]:
    """The batches to learn from: one of an array, a tensor or a list, else those that are yielded.

    Args:
        steps: how many at most.
    """
    array_like = (
        hasattr(data, "shape") or hasattr(data, "to_numpy") or isinstance(data, (str, bytes, list, tuple))
    )
    if array_like or not isinstance(data, Iterable):
        found: Iterable[Any] = [data]
    elif hasattr(data, "as_numpy_iterator"):
        found = data.as_numpy_iterator()  # pyright: ignore[reportAttributeAccessIssue]
    else:
        found = data
    for batch in islice(found, steps):
        yield as_data(batch)


class FeatureLayer(Layer):
    """Base of layers that turn features, among them strings, into numbers."""

    def _convert(
        self, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        if args and _plain(args[0]):
            args = (as_data(args[0]), *args[1:])
        return super()._convert(args, kwargs)


def _plain(value: Any) -> bool:
    """Whether a value is made of Python's numbers and strings."""
    if not is_nested(value):
        return isinstance(value, (str, bytes))
    return not isinstance(value, dict) and all(
        isinstance(leaf, (str, bytes, int, float, np.generic)) for leaf in leaves(value)
    )
