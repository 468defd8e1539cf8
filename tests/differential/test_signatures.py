"""The parameters of every public callable: Keras' names, in Keras' order, with Keras' defaults."""

from __future__ import annotations

import importlib
import inspect
import types
from inspect import Parameter
from typing import Any

import keras  # noqa: F401 - without it there is nothing to compare with
import pytest

from tkeras.cli._coverage import entries

ACCEPTED: dict[str, str] = {
    "keras.saving.save_weights": "weights are one file, so there is no `max_shard_size`"
}
"""Callables whose parameters differ from Keras', with the reason."""
ELSEWHERE = ("keras.layers.",)
"""Namespaces whose parameters are compared where their objects are."""


def found(name: str, root: str) -> Any:
    module, _, attribute = name.replace("keras", root, 1).rpartition(".")
    return getattr(importlib.import_module(module), attribute)


def shown(value: Any) -> Any:
    """A default as it is compared: what has no equality of its own by its name or type."""
    if isinstance(value, (types.FunctionType, type)):
        return value.__name__
    plain = isinstance(value, (str, int, float, bool, tuple, list, dict, type(None)))
    return value if plain else type(value).__name__


def parameters(obj: Any) -> list[Parameter] | None:
    try:
        return list(inspect.signature(obj).parameters.values())
    except (TypeError, ValueError):
        return None


HERE = [
    entry.name
    for entry in entries()
    if entry.state != "missing"
    and not entry.name.startswith(ELSEWHERE)
    and callable(found(entry.name, "keras"))
]


@pytest.mark.parametrize("space", sorted({name.rpartition(".")[0] for name in HERE}))
def test_calls_written_for_keras_fit(space: str) -> None:
    """Ours may add parameters of its own after Keras', and name what Keras takes as ``**kwargs``."""
    different = {}
    for name in (name for name in HERE if name.rpartition(".")[0] == space and name not in ACCEPTED):
        ours, real = (parameters(found(name, root)) for root in ("tkeras", "keras"))
        if real is None or [p.kind for p in real] == [Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD]:
            continue
        assert ours is not None, name
        wanted = [(p.name, p.kind, shown(p.default)) for p in real if p.kind is not Parameter.VAR_KEYWORD]
        given = [(p.name, p.kind, shown(p.default)) for p in ours if p.kind is not Parameter.VAR_KEYWORD]
        added = [kind for _, kind, default in given[len(wanted) :] if default == "_empty"]
        if given[: len(wanted)] != wanted or added:
            different[name] = (given, wanted)
    assert not different


def test_what_is_accepted_is_compared() -> None:
    assert set(ACCEPTED) <= set(HERE)
