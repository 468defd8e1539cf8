"""What nested structures are made of. Plain dictionaries count in the order of their sorted keys."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

Path = tuple[Any, ...]


def is_nested(structure: Any) -> bool:
    """True for sequences other than strings, and for mappings."""
    return isinstance(structure, (list, tuple, deque, Mapping))


def children(structure: Any) -> list[tuple[Any, Any]]:
    """(key or index, item) of a nested structure, in the order in which they are flattened.

    Raises:
        ValueError: keys that cannot be sorted.
    """
    if not isinstance(structure, Mapping):
        return list(enumerate(structure))
    if isinstance(structure, OrderedDict):
        return list(structure.items())
    try:
        return [(key, structure[key]) for key in sorted(structure)]
    except TypeError as error:
        raise ValueError(f"Dictionaries need keys that can be sorted. Received: {list(structure)}") from error


def rebuilt(structure: Any, items: Iterable[Any]) -> Any:
    """A structure of the same kind with these items in the order of :func:`children`."""
    made = list(items)
    if isinstance(structure, Mapping):
        found = dict(zip((key for key, _ in children(structure)), made, strict=True))
        ordered = ((key, found[key]) for key in structure)
        return OrderedDict(ordered) if isinstance(structure, OrderedDict) else dict(ordered)
    if isinstance(structure, tuple) and hasattr(structure, "_fields"):
        return type(structure)(*made)
    if isinstance(structure, deque):
        return deque(made, maxlen=structure.maxlen)
    return tuple(made) if isinstance(structure, tuple) else made


def _walk(structure: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    if not is_nested(structure):
        yield path, structure
        return
    for key, item in children(structure):
        yield from _walk(item, (*path, key))


def flatten(structure: Any) -> list[Any]:
    """The leaves; None is one."""
    return [leaf for _, leaf in _walk(structure, ())]


def flatten_with_path(structure: Any) -> list[tuple[Path, Any]]:
    """(path, leaf) pairs; a path is a tuple of indices and keys."""
    return list(_walk(structure, ()))


def pack_sequence_as(structure: Any, flat_sequence: Any) -> Any:
    """The structure with its leaves replaced, in order.

    Raises:
        ValueError: another number of leaves.
    """
    flat = list(flat_sequence)
    count = len(flatten(structure))
    if len(flat) != count:
        raise ValueError(
            f"The structure has {count} leaves. Received: `flat_sequence` with {len(flat)} items"
        )
    items = iter(flat)

    def fill(node: Any) -> Any:
        if not is_nested(node):
            return next(items)
        return rebuilt(node, [fill(item) for _, item in children(node)])

    return fill(structure)


def _kind(structure: Any) -> Any:
    return dict if isinstance(structure, Mapping) else type(structure)


def assert_same_structure(a: Any, b: Any, check_types: Any = None) -> None:
    """Check that two structures are nested in the same way; leaves may be of any type.

    Args:
        check_types: without effect, as in Keras; all mappings count as one type, other types must be equal.

    Raises:
        ValueError: they are not.
    """
    if is_nested(a) != is_nested(b) or (is_nested(a) and _kind(a) is not _kind(b)):
        raise ValueError(f"Node type mismatch; expected {_kind(a)}, but got {_kind(b)}.")
    if not is_nested(a):
        return
    first, second = children(a), children(b)
    if isinstance(a, Mapping) and set(a) != set(b):
        raise ValueError(
            f"Node keys mismatch; missing key(s): {set(a) - set(b)}; extra key(s): {set(b) - set(a)}."
        )
    if len(first) != len(second):
        raise ValueError(f"Node arity mismatch; expected {len(first)}, but got {len(second)}.")
    pairs = dict(second)
    for key, item in first:
        assert_same_structure(item, pairs[key])


def assert_same_paths(a: Any, b: Any) -> None:
    """Check that the leaves of two structures have the same paths, whatever kinds of sequences they are in.

    Raises:
        ValueError: they do not.
    """
    first, second = ({path for path, _ in flatten_with_path(structure)} for structure in (a, b))
    if first != second:
        raise ValueError(
            "`a` and `b` don't have the same paths.\n"
            f"Paths in `a` missing in `b`:\n{first - second}\nPaths in `b` missing in `a`:\n{second - first}"
        )
