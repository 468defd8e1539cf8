"""Pointwise functions as values: torch can call them, Triton kernels inline them, dispatch asks them.

Nothing is traced when a :class:`Pointwise` is made. The graph, and the leaf functions that kernels inline,
appear at first use by a kernel, so building a model costs no more than looking up a torch function.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

import torch

from ._aten import aten

if TYPE_CHECKING:
    from .expr import Expr, Graph

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

    @property
    def graph(self) -> Graph | None:
        """The traced function, or None where it cannot be traced; see ``reason``."""
        return self._traced[0]

    @property
    def reason(self) -> str | None:
        """Why the function cannot be traced, or None where it can."""
        return self._traced[1]

    @property
    def outputs(self) -> int:
        """Number of results."""
        return len(self._require().outputs)

    @functools.cached_property
    def operations(self) -> int:
        """Number of distinct operations that the results take."""
        seen: set[Expr] = set()
        waiting = [*self._require().outputs]
        while waiting:
            node = waiting.pop()
            if node not in seen:
                seen.add(node)
                waiting.extend(node.args)
        return sum(bool(node.args) for node in seen)

    @functools.cached_property
    def uniform(self) -> bool:
        """Whether every result depends on every argument."""
        graph = self._require()
        return all(_depends_on(output, graph.inputs) for output in graph.outputs)

    @property
    def saves(self) -> str:
        """What the derivative of a function of one tensor is a function of: "output", "input" or "none"."""
        return self._derivative[0]

    @functools.cached_property
    def forward_leaf(self) -> Any:
        """The function for kernels to inline: float32 values in, one value or a tuple of them out."""
        return _triton_leaf(self._require(), "apply")

    @functools.cached_property
    def backward_leaf(self) -> Any:
        """For one tensor: (saved, dy) to dx for kernels to inline; (dy,) where nothing is saved."""
        return _triton_leaf(self._derivative[1], "differentiate")

    @functools.cached_property
    def backward_torch(self) -> Callable[..., torch.Tensor]:
        """The same as ``backward_leaf`` on tensors, which autograd can differentiate again."""
        from . import expr

        module: dict[str, Any] = {}
        exec(expr.emit_torch(self._derivative[1], "differentiate"), module)
        return module["differentiate"]

    def gradient_leaf(self, needs: tuple[bool, ...]) -> Any:
        """(inputs, cotangents) to the gradients of the inputs that are needed, for kernels to inline."""
        found = self._gradient_leaves.get(needs)
        if found is None:
            from . import expr

            full = self._gradient
            kept = tuple(output for output, need in zip(full.outputs, needs, strict=True) if need)
            found = _triton_leaf(expr.Graph(full.inputs, kept), "differentiate")
            self._gradient_leaves[needs] = found
        return found

    @functools.cached_property
    def _gradient_leaves(self) -> dict[tuple[bool, ...], Any]:
        return {}

    @functools.cached_property
    def _gradient(self) -> Graph:
        from . import expr

        return expr.gradient(self._require())

    @functools.cached_property
    def _derivative(self) -> tuple[str, Graph]:
        from . import expr

        return expr.backward_from(self._require())

    @functools.cached_property
    def _traced(self) -> tuple[Graph | None, str | None]:
        from . import expr

        try:
            return expr.simplify(expr.trace(self._bound(), self.arity)), None
        except expr.TraceError as error:
            return None, str(error)
        except Exception as error:  # noqa: BLE001 - a user's function may raise anything when given a symbol
            return None, f"{type(error).__name__}: {error}"

    def _require(self) -> Graph:
        graph, reason = self._traced
        if graph is None:
            raise TypeError(f"{self.name} cannot be traced: {reason}")
        return graph

    def _bound(self) -> Callable[..., Any]:
        return functools.partial(self.function, **self.parameters) if self.parameters else self.function


def pointwise(function: Callable[..., Any], *, arity: int = 1, **parameters: Any) -> Pointwise:
    """The :class:`Pointwise` of a function of ``arity`` tensors, with its keyword ``parameters`` bound.

    A user's function is traced once, at first use by a kernel: Python values it reads from outside are
    constants from then on. What cannot be traced runs as torch code, and the report says why.
    """
    parameters = _without_defaults(function, parameters)
    key = (function, arity, tuple(sorted(parameters.items())))
    try:
        found = _known.get(key)
    except TypeError:
        return Pointwise(function, arity, parameters)
    if found is None:
        found = _known[key] = Pointwise(function, arity, parameters)
    return found


def _without_defaults(function: Callable[..., Any], parameters: dict[str, Any]) -> dict[str, Any]:
    if not parameters:
        return parameters
    known = inspect.signature(function).parameters
    return {
        key: value for key, value in parameters.items() if key not in known or value != known[key].default
    }


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


def _triton_leaf(graph: Graph, name: str) -> Any:
    from . import expr
    from .runtime import leaf

    return leaf(expr.emit_triton(graph, name), name)


def _depends_on(output: Expr, inputs: tuple[Expr, ...]) -> bool:
    seen: set[Expr] = set()
    waiting = [output]
    while waiting:
        node = waiting.pop()
        if node not in seen:
            seen.add(node)
            waiting.extend(node.args)
    return seen.issuperset(inputs)
