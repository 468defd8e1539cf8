"""Automatic names, name scopes of variables, and the reset of both."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

_counts: Counter[str] = Counter()
_scopes: list[str] = []


def to_snake_case(name: str) -> str:
    """``MaxPooling2D`` → ``max_pooling2d``, as Keras names layers."""
    name = re.sub(r"\W+", "", name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


def uniquify(name: str) -> str:
    """``name`` at its first use, then ``name_1``, ``name_2``, …"""
    _counts[name] += 1
    return name if _counts[name] == 1 else f"{name}_{_counts[name] - 1}"


def auto_name(prefix: str) -> str:
    """A fresh name from a class name: ``dense``, ``dense_1``, …"""
    return uniquify(to_snake_case(prefix))


def get_uid(prefix: str = "") -> int:
    """1, 2, … for each prefix (``keras.backend.get_uid``)."""
    _counts[prefix] += 1
    return _counts[prefix]


def reset_uids() -> None:
    """Let automatic names start over."""
    _counts.clear()


@contextmanager
def name_scope(name: str, absolute: bool = False) -> Iterator[str]:
    """Prefix the path of variables made inside with ``name/``, after the open scopes unless ``absolute``."""
    before = _scopes[:]
    _scopes[:] = [name] if absolute else [*before, name]
    try:
        yield name
    finally:
        _scopes[:] = before


def scoped_path(name: str) -> str:
    """The path of a variable called ``name`` in the scopes that are open now."""
    return "/".join((*_scopes, name))
