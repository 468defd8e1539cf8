"""Operators that end with an activation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ._operator import Epilogue, Operator

if TYPE_CHECKING:
    from ..pointwise import Pointwise


class Activated(Operator):
    """An operator with an attribute ``activation``, which runs as torch code where it cannot be traced."""

    def remark(self, attributes: Mapping[str, Any]) -> str:
        activation: Pointwise | None = attributes.get("activation")
        if activation is None or activation.graph is not None:
            return ""
        return f"activation {activation.name} is torch code: {activation.reason}"

    def split(self, attributes: dict[str, Any]) -> tuple[dict[str, Any], Epilogue | None]:
        activation: Pointwise | None = attributes.get("activation")
        if activation is None or activation.graph is not None:
            return attributes, None
        return {**attributes, "activation": None}, activation.torch
