"""Tiles that were measured to be faster than those of the analytic tables, by family and classes of sizes."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Concatenate, NamedTuple, ParamSpec, TypeVar

from ._target import Target
from ._tuned import is_measuring, named_table, size_class

P = ParamSpec("P")
T = TypeVar("T", bound=tuple[Any, ...])


class Plan(NamedTuple):
    """Tiles as a table gives them.

    Attributes:
        key: family, facts and classes of sizes.
        facts: what the table was asked, by name.
        tiles: the answer, a named tuple.
    """

    key: str
    target: Target
    facts: Mapping[str, Any]
    tiles: Any


_tried: ContextVar[Mapping[str, Any] | None] = ContextVar("tkeras_tiles", default=None)
_noted: ContextVar[dict[str, Plan] | None] = ContextVar("tkeras_plans", default=None)


def tunable(
    family: str,
) -> Callable[[Callable[Concatenate[Target, P], T]], Callable[Concatenate[Target, P], T]]:
    """Decorator of a function that gives a target's tiles: measured ones take their place on a device that
    has some."""

    def decorate(choose: Callable[Concatenate[Target, P], T]) -> Callable[Concatenate[Target, P], T]:
        signature = inspect.signature(choose)

        @functools.lru_cache(maxsize=4096)
        def asked(*facts: Any, **more: Any) -> tuple[str, Mapping[str, Any]]:
            bound = signature.bind(None, *facts, **more)
            bound.apply_defaults()
            named = {name: value for name, value in bound.arguments.items() if name != "target"}
            return f"{family} {' '.join(f'{k}={_class(v)}' for k, v in named.items())}", named

        @functools.wraps(choose)
        def chosen(target: Target, *facts: P.args, **more: P.kwargs) -> T:
            tiles = choose(target, *facts, **more)
            noted, found = _noted.get(), _tried.get()
            if found is None and target.device and not is_measuring():
                found = named_table(target.device)["tiles"]
            if not found and noted is None:
                return tiles
            key, named = asked(*facts, **more)
            if noted is not None:
                noted.setdefault(key, Plan(key, target, named, tiles))
            entry = (found or {}).get(key)
            return tiles if entry is None else replaced(tiles, entry)

        return chosen

    return decorate


def replaced(tiles: Any, entry: Mapping[str, Any]) -> Any:
    """Tiles with the fields that an entry has."""
    return tiles._replace(**{name: entry[name] for name in tiles._fields if name in entry})


def _class(value: Any) -> str:
    """A fact as it stands in a key: sizes by class, flags by name."""
    if isinstance(value, bool) or not isinstance(value, int | tuple):
        return str(value)
    if isinstance(value, int):
        return str(size_class(value))
    flags: Any = value
    return "+".join(name for name, on in zip(flags._fields, value, strict=True) if on) or "nothing"


@contextmanager
def trying_tiles(entries: Mapping[str, Any]) -> Iterator[None]:
    """Plan these keys with the tiles of these entries."""
    token = _tried.set(entries)
    try:
        yield
    finally:
        _tried.reset(token)


@contextmanager
def noting_plans() -> Iterator[dict[str, Plan]]:
    """Write down what the tables are asked inside."""
    plans: dict[str, Plan] = {}
    token = _noted.set(plans)
    try:
        yield plans
    finally:
        _noted.reset(token)
