"""Automatic names, name scopes of variables, and the reset of both."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

_counts: Counter[str] = Counter()
_scopes: list[tuple[str, Any]] = []


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


def check_name(name: Any) -> str:
    """``name``, if variables and scopes may have it.

    Raises:
        ValueError: it is no string, or has a slash in it.
    """
    if not isinstance(name, str) or "/" in name:
        raise ValueError(
            f"Argument `name` must be a string and cannot contain character `/`. Received: name={name}"
        )
    return name


class name_scope:  # noqa: N801 - Keras' name
    """Prefix the paths of variables made inside a ``with`` block with ``name/``, after the open scopes.

    Args:
        name: the prefix.
        caller: whose scope it is.
        deduplicate: open no further scope where the innermost one has this name and this caller.
        override_parent: stands in place of the open scopes.
    """

    def __init__(
        self,
        name: str,
        caller: Any = None,
        deduplicate: bool = True,
        override_parent: str | None = None,
    ):
        self.name = check_name(name)
        self.caller, self.deduplicate, self.override_parent = caller, deduplicate, override_parent
        self._before: list[list[tuple[str, Any]]] = []

    def __enter__(self) -> name_scope:
        self._before.append(_scopes[:])
        repeated = self.caller is not None and self.deduplicate and _scopes[-1:] == [(self.name, self.caller)]
        if self.override_parent is not None:
            _scopes[:] = [(part, None) for part in self.override_parent.split("/") if part]
        if not repeated:
            _scopes.append((self.name, self.caller))
        return self

    def __exit__(self, *error: object) -> None:
        _scopes[:] = self._before.pop()


def scoped_path(name: str) -> str:
    """The path of a variable called ``name`` in the scopes that are open now."""
    return "/".join((*(scope for scope, _ in _scopes), name))
