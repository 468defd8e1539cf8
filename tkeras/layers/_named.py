"""Classes that differ in a few facts, made from a table instead of written out."""

from __future__ import annotations

from typing import Any

from tkeras.saving import public


def named(base: type, facts: dict[str, Any], name: str, *aliases: str) -> Any:
    """A public subclass of ``base`` called ``name`` with these class attributes."""
    kind = type(name, (base,), {"__module__": base.__module__, **facts})
    return public(*(f"keras.layers.{key}" for key in (name, *aliases)))(kind)
