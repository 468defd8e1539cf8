"""Names of the functions and objects that attributes hold."""

from __future__ import annotations

import functools
from typing import Any

import torch
from torch.overrides import get_overridable_functions, resolve_name

from tkeras.compiler._program import ProgramError
from tkeras_kernels import library
from tkeras_kernels.pointwise import Pointwise, pointwise


class Unbound:
    """An object that a text names and nothing was bound to."""

    def __init__(self, name: str):
        self.name = name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise ProgramError(f"{self.name!r} is not bound: pass it to `parse` in `bindings`.")


def symbol_name(value: Any) -> str:
    """A name for a function or object, the same in every process."""
    if isinstance(value, (Pointwise, Unbound)):
        return value.name
    if callable(value):
        known = resolve_name(value)
        if known is not None:
            return known
        owner = getattr(value, "__self__", None)
        name = (
            getattr(value, "__qualname__", None)
            or getattr(value, "__name__", None)
            or type(value).__qualname__
        )
        if isinstance(owner, type):
            return f"{owner.__module__}.{owner.__qualname__}.{getattr(value, '__name__', name)}"
        return f"{getattr(value, '__module__', None) or 'builtins'}.{name}"
    return getattr(value, "name", None) or type(value).__qualname__


def library_function(name: str) -> Pointwise | None:
    """The pointwise function of the kernels' library of this name, without parameters."""
    function = getattr(library, name, None) if name.isidentifier() and not name.startswith("_") else None
    if function is None or getattr(function, "__module__", None) != library.__name__:
        return None
    return pointwise(function)


@functools.cache
def _torch_functions() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for functions in get_overridable_functions().values():
        for function in functions:
            name = resolve_name(function)
            if name is not None:
                found[name] = function
    return found


def torch_function(name: str) -> Any:
    """The function on tensors that torch has under this name, None where there is none."""
    found = _torch_functions().get(name)
    if found is None and name.startswith("torch.Tensor."):
        member = getattr(torch.Tensor, name.removeprefix("torch.Tensor.").removesuffix(".__get__"), None)
        found = getattr(member, "__get__", None) if name.endswith(".__get__") else None
    return found
