"""The parts of a model that have something to save, under the paths that Keras gives them."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

import torch

from tkeras.graph._naming import to_snake_case
from tkeras.layers._layer import Layer
from tkeras.losses import Loss
from tkeras.metrics import Metric
from tkeras.models import Functional, Model, Sequential
from tkeras.optimizers import Optimizer
from tkeras.random import SeedGenerator

_CHAINS = (Layer, Model, Functional, Sequential, Optimizer, Metric, Loss)
_PARTS = (Layer, Optimizer, Metric, Loss, SeedGenerator, torch.nn.Module)


def saveables(root: Any, skip: Any = ()) -> dict[str, Any]:
    """Path → part, in the order in which Keras meets them; what is met twice has the first path only.

    Args:
        root: a model or layer; its own path is ``""``.
        skip: parts to leave out, with what is inside them.
    """
    found: dict[str, Any] = {}
    seen = {id(part) for part in skip}

    def visit(part: Any, path: str) -> None:
        if id(part) in seen:
            return
        seen.add(id(part))
        found[path] = part
        for name, child in _children(part):
            below = f"{path}/{name}" if path else name
            if isinstance(child, _PARTS):
                visit(child, below)
            elif isinstance(child, (list, tuple, dict)):
                contained(child, below, set())

    def contained(container: Any, path: str, containers: set[int]) -> None:
        if id(container) in containers:
            return
        containers.add(id(container))
        counts: dict[str, int] = {}
        for item in container.values() if isinstance(container, dict) else container:
            if isinstance(item, _PARTS):
                visit(item, f"{path}/{_numbered(to_snake_case(type(item).__name__), counts)}")
            elif isinstance(item, (list, tuple, dict)):
                contained(item, f"{path}/{_numbered('container', counts)}", containers)

    visit(root, "")
    return found


def _numbered(name: str, counts: dict[str, int]) -> str:
    """``dense``, ``dense_1``, …"""
    count = counts[name] = counts.get(name, -1) + 1
    return f"{name}_{count}" if count else name


def _children(part: Any) -> Iterator[tuple[str, Any]]:
    """Attributes in Keras' order: layers of a graph first, then by name, private ones last."""
    if isinstance(part, torch.nn.Module) and not isinstance(part, Layer):
        return
    if isinstance(part, Model) and (part._plan is not None or isinstance(part, Sequential)):
        yield "layers", part.layers
    values = _values(part)
    for name in sorted(values, key=lambda name: f"~{name}" if name.startswith("_") else name):
        yield name, values[name]


def _values(part: Any) -> dict[str, Any]:
    """What the attributes and properties that a subclass adds hold, as far as it may hold parts."""
    known = _base_names(next(kind for kind in (*reversed(_CHAINS), object) if isinstance(part, kind)))
    values = {name: value for name, value in vars(part).items() if name not in known}
    if isinstance(part, Layer):
        generated = part._generated
        values |= {name: module for name, module in part._modules.items() if name not in generated}
    for kind in type(part).__mro__:
        if kind in _CHAINS or kind is torch.nn.Module:
            break
        for name, attribute in vars(kind).items():
            if isinstance(attribute, (property, functools.cached_property)) and name not in values:
                values[name] = _property(part, name)
    if isinstance(part, Model):
        values |= {"layers": part.layers, "optimizer": part.optimizer, "loss": part.__dict__.get("loss")}
    return values


def _property(part: Any, name: str) -> Any:
    """The value of a property; None for one that has none at present."""
    try:
        return getattr(part, name)
    except (AttributeError, ValueError, TypeError, RuntimeError, LookupError):
        return None


@functools.cache
def _base_names(kind: type) -> frozenset[str]:
    """Attributes that the base classes make, which hold no part of their own."""
    if kind is Optimizer:
        return frozenset(vars(Optimizer(0.0, name="plain")))
    return frozenset(vars(kind(name="plain"))) if kind is not object else frozenset()
