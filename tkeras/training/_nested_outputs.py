"""Outputs in structures within structures: a name for each, and what belongs to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tkeras.graph._tree import flatten, is_nested


def is_deep(structure: Any) -> bool:
    """Whether a structure holds structures."""
    return is_nested(structure) and any(is_nested(child) for _, child in _children(structure))


def _children(structure: Any) -> list[tuple[Any, Any]]:
    if isinstance(structure, Mapping):
        return [(key, structure[key]) for key in sorted(structure)]
    return list(enumerate(structure))


def path_names(structure: Any, names: Sequence[str] | None) -> list[str]:
    """``p/a`` for the output named ``a`` in a list at key ``p``; an output at a key has the key's name."""
    count = len(flatten(structure))
    own = names if names is not None and len(names) == count else [f"output_{i}" for i in range(count)]
    given = iter(own)

    def walk(part: Any, path: tuple[str, ...]) -> Iterator[str]:
        for key, child in _children(part):
            if is_nested(child):
                yield from walk(child, (*path, str(key)))
            else:
                name = next(given)
                yield "/".join((*path, str(key) if isinstance(part, Mapping) else name))

    return list(walk(structure, ()))


def spread(values: Any, structure: Any, what: str) -> list[Any]:
    """One of ``values`` for each leaf of ``structure``: in the same structure, or one for a whole part of it.

    Raises:
        ValueError: another number of entries, or a key that the structure has not.
    """
    if not is_nested(structure):
        return [values]
    children = _children(structure)
    if not is_nested(values):
        parts = [values] * len(children)
    elif isinstance(values, Mapping):
        unknown = [key for key in values if not isinstance(structure, Mapping) or key not in structure]
        if unknown:
            raise ValueError(
                f"In the dict argument `{what}`, key '{unknown[0]}' does not correspond to any model output. "
                f"Expected the structure of the outputs: {structure}. Received: {what}={values}"
            )
        parts = [values.get(key) for key, _ in children]
    else:
        if len(values) != len(children):
            raise ValueError(
                f"`{what}` should have the structure of the outputs. Expected {len(children)} entries for "
                f"{structure}. Received: {values}"
            )
        parts = list(values)
    return [
        leaf for part, (_, child) in zip(parts, children, strict=True) for leaf in spread(part, child, what)
    ]
