"""Nested structures of lists, tuples and dictionaries (keys in sorted order, as Keras flattens them)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch

_LEAVES = {torch.Tensor, int, float, bool, str, type(None)}  # told apart without asking abstract classes


def _sorted_keys(mapping: Mapping[Any, Any]) -> list[Any]:
    try:
        return sorted(mapping)
    except TypeError:
        return list(mapping)


def is_nested(structure: Any) -> bool:
    """True for lists, tuples and mappings."""
    return isinstance(structure, (list, tuple, Mapping))


def leaves(structure: Any) -> Iterator[Any]:
    """The leaves of a structure, left to right; None is a leaf."""
    if type(structure) in _LEAVES:
        yield structure
    elif isinstance(structure, Mapping):
        for key in _sorted_keys(structure):
            yield from leaves(structure[key])
    elif isinstance(structure, (list, tuple)):
        for item in structure:
            yield from leaves(item)
    else:
        yield structure


def flatten(structure: Any) -> list[Any]:
    """The leaves as a list."""
    return list(leaves(structure))


def map_structure(function: Callable[[Any], Any], structure: Any) -> Any:
    """The same structure with ``function`` applied to every leaf."""
    if type(structure) in _LEAVES:
        return function(structure)
    if isinstance(structure, Mapping):
        mapped = {key: map_structure(function, structure[key]) for key in _sorted_keys(structure)}
        return {key: mapped[key] for key in structure}
    if isinstance(structure, tuple) and hasattr(structure, "_fields"):
        return type(structure)(*(map_structure(function, item) for item in structure))
    if isinstance(structure, (list, tuple)):
        kind = tuple if isinstance(structure, tuple) else list
        return kind(map_structure(function, item) for item in structure)
    return function(structure)


def pack_as(structure: Any, flat: list[Any]) -> Any:
    """A structure like the given one whose leaves are ``flat``."""
    items = iter(flat)
    return map_structure(lambda _: next(items), structure)
