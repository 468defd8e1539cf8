"""What a layer's ``call`` and ``build`` take, looked up once a class."""

from __future__ import annotations

import inspect
from functools import cache
from typing import Any


class CallSignature:
    """The parameters of a ``call`` method, without self.

    Attributes:
        names: positional parameters in order.
        first: the name of the first, None where ``call`` takes none.
        training: whether ``training`` is accepted; ``default_training`` is its default.
        masks: ``(parameter, its mask parameter)`` pairs: ``mask`` belongs to the first, ``x_mask`` to ``x``.
    """

    def __init__(self, function: Any):
        self.signature = inspect.signature(function)
        parameters = list(self.signature.parameters.values())[1:]
        self.has_kwargs = any(p.kind is p.VAR_KEYWORD for p in parameters)
        self.names = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
        self.first = self.names[0] if self.names else None
        everything = {p.name: p for p in parameters}
        self.training = "training" in everything
        default = everything["training"].default if self.training else None
        self.default_training = None if default is inspect.Parameter.empty else default
        self.masks = (
            [(self.first, "mask")] if "mask" in everything and self.first not in (None, "mask") else []
        )
        self.masks += [(name, f"{name}_mask") for name in self.names if f"{name}_mask" in everything]

    def arguments(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """Arguments by name; what ``*args`` swallows is left out."""
        return {**dict(zip(self.names, args, strict=False)), **kwargs}


@cache
def call_signature(function: Any) -> CallSignature:
    """The signature of a class's ``call`` function."""
    return CallSignature(function)


@cache
def build_parameters(function: Any) -> tuple[str, ...]:
    """Names of the parameters of a class's ``build`` function, without self."""
    parameters = list(inspect.signature(function).parameters.values())[1:]
    return tuple(
        p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)
    )


def init_config(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """Constructor arguments by name, as ``get_config`` of a class that defines none gives them."""
    bound = inspect.signature(function).bind_partial(None, *args, **kwargs)
    config: dict[str, Any] = {}
    for name, value in list(bound.arguments.items())[1:]:
        kind = bound.signature.parameters[name].kind
        if kind is inspect.Parameter.VAR_KEYWORD:
            config.update(value)
        elif kind is not inspect.Parameter.VAR_POSITIONAL:
            config[name] = value
    return config
