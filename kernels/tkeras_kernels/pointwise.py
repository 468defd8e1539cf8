"""Pointwise functions as values: torch can call them, Triton kernels inline them, dispatch asks them.

Nothing is traced when a :class:`Pointwise` is made. The graph, and the leaf functions that kernels inline,
appear at first use by a kernel, so building a model costs no more than looking up a torch function.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any
from weakref import WeakValueDictionary

from ._aten import aten

_known: WeakValueDictionary[tuple[Any, ...], Pointwise] = WeakValueDictionary()


class Pointwise:
    """A function of tensors, element by element, with its keyword parameters bound.

    Made by :func:`pointwise`, which gives one object for one function and parameters. Copies are the object
    itself, and pickling goes by reference to the function, as for any function.

    Attributes:
        name: the library's name, or module and qualified name of a user's function, with the parameters.
        torch: the function on tensors: ATen's own where there is one, else the function itself.
        arity: the number of tensor arguments.
    """

    __slots__ = ("__dict__", "__weakref__", "arity", "function", "name", "parameters", "torch")

    def __init__(self, function: Callable[..., Any], arity: int, parameters: dict[str, Any]) -> None:
        self.function = function
        self.parameters = parameters
        self.arity = arity
        self.name = _name(function, parameters)
        self.torch: Callable[..., Any] = aten(function, parameters) or self._bound()

    def __repr__(self) -> str:
        return f"Pointwise({self.name})"

    def __copy__(self) -> Pointwise:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Pointwise:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (self.function, self.arity, self.parameters)

    def _bound(self) -> Callable[..., Any]:
        return functools.partial(self.function, **self.parameters) if self.parameters else self.function


def pointwise(function: Callable[..., Any], *, arity: int = 1, **parameters: Any) -> Pointwise:
    """The :class:`Pointwise` of a function of ``arity`` tensors, with its keyword ``parameters`` bound.

    A user's function is traced once, at first use by a kernel: Python values it reads from outside are
    constants from then on. What cannot be traced runs as torch code, and the report says why.
    """
    key = (function, arity, tuple(sorted(parameters.items())))
    try:
        found = _known.get(key)
    except TypeError:
        return Pointwise(function, arity, parameters)
    if found is None:
        found = _known[key] = Pointwise(function, arity, parameters)
    return found


def _rebuild(function: Callable[..., Any], arity: int, parameters: dict[str, Any]) -> Pointwise:
    return pointwise(function, arity=arity, **parameters)


def _name(function: Callable[..., Any], parameters: dict[str, Any]) -> str:
    name = getattr(function, "__qualname__", type(function).__qualname__)
    module = getattr(function, "__module__", None)
    if module != "tkeras_kernels.library":
        name = f"{module}.{name}"
    if not parameters:
        return name
    return f"{name}({', '.join(f'{key}={value}' for key, value in sorted(parameters.items()))})"
