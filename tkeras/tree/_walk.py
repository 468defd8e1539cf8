"""Functions over nested structures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tkeras.tree._structure import assert_same_structure, children, is_nested, rebuilt


class MAP_TO_NONE:  # noqa: N801 - Keras' name
    """What a function given to :func:`traverse` returns to put None in place of a part."""


def map_structure(func: Callable[..., Any], *structures: Any, none_is_leaf: bool = True) -> Any:
    """The structure of the results of ``func`` on the leaves of equally nested structures.

    Args:
        none_is_leaf: whether ``func`` sees None; otherwise None stays.

    Raises:
        TypeError: ``func`` cannot be called.
        ValueError: no structure, or structures that differ.
    """
    if not callable(func):
        raise TypeError(f"`func` must be callable. Received: func={func}")
    if not structures:
        raise ValueError("Must provide at least one structure")

    def visit(node: Any, *others: Any) -> Any:
        if not is_nested(node):
            return None if node is None and not none_is_leaf else func(node, *others)
        matched = [_matched(node, other) for other in others]
        return rebuilt(
            node, [visit(item, *(other[key] for other in matched)) for key, item in children(node)]
        )

    return visit(*structures)


def map_structure_up_to(shallow_structure: Any, func: Callable[..., Any], *structures: Any) -> Any:
    """As :func:`map_structure`, down to the leaves of ``shallow_structure`` only."""
    if not callable(func):
        raise TypeError(f"`func` must be callable. Received: func={func}")
    if not structures:
        raise ValueError("Must provide at least one structure")

    def visit(shallow: Any, *others: Any) -> Any:
        if not is_nested(shallow):
            return func(*others)
        matched = [_matched(shallow, other) for other in others]
        return rebuilt(
            shallow, [visit(item, *(other[key] for other in matched)) for key, item in children(shallow)]
        )

    return visit(shallow_structure, *structures)


def _matched(node: Any, other: Any) -> dict[Any, Any]:
    """The items of a structure by key, if it is nested as ``node`` is at this level."""
    flat = rebuilt(node, [0] * len(children(node)))
    assert_same_structure(flat, rebuilt(other, [0] * len(children(other))) if is_nested(other) else other)
    return dict(children(other))


def traverse(func: Callable[[Any], Any], structure: Any, top_down: bool = True) -> Any:
    """The structure with each part for which ``func`` returns something else than None replaced by that.

    Args:
        func: called with every part, leaves included; may return :class:`MAP_TO_NONE`.
        top_down: whether parts come before what is in them, which is then not visited where they are
            replaced.
    """

    def replaced(node: Any) -> tuple[bool, Any]:
        found = func(node)
        return found is not None, None if found is MAP_TO_NONE else found

    if top_down:
        done, found = replaced(structure)
        if done:
            return found
        if not is_nested(structure):
            return structure
        return rebuilt(structure, [traverse(func, item, True) for _, item in children(structure)])
    if is_nested(structure):
        structure = rebuilt(structure, [traverse(func, item, False) for _, item in children(structure)])
    done, found = replaced(structure)
    return found if done else structure


def lists_to_tuples(structure: Any) -> Any:
    """The structure with tuples instead of lists."""
    return traverse(lambda node: tuple(node) if isinstance(node, list) else None, structure, top_down=False)


def map_shape_structure(func: Callable[[Any], Any], structure: Any) -> Any:
    """As :func:`map_structure` where tuples of ints and None are leaves."""

    def is_shape(node: Any) -> bool:
        return isinstance(node, tuple) and all(size is None or isinstance(size, int) for size in node)

    def change(node: Any) -> Any:
        found = func(node) if is_shape(node) else None
        return MAP_TO_NONE if is_shape(node) and found is None else found

    return traverse(change, structure)
