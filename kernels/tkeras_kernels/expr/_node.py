"""Hash-consed expression nodes: equal expressions are the same object, so sharing needs no search."""

from __future__ import annotations

import hashlib
import numbers
import threading
import weakref
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch

from ._constants import scalar_constant
from ._errors import MissingAttributeError, TraceError, user_line

BOOLEAN = frozenset({"lt", "le", "eq", "ne", "and", "or", "not", "bool"})
COMMUTATIVE = frozenset({"add", "mul", "maximum", "minimum", "eq", "ne", "and", "or"})
_MAX_UNROLLED_POWER = 16
_MAX_BRANCHES = 16
"""Products are pulled into a masked value of up to this many branches, which bounds their copies."""

_nodes: weakref.WeakValueDictionary[tuple, Expr] = weakref.WeakValueDictionary()
_lock = threading.Lock()


class Expr:
    """One value of an expression: a symbol, a constant, or an operation on other values.

    Nodes are made by the functions of this package and by Python's operators, never by calling the class. Two
    equal expressions are one object. ``digest`` depends on the structure alone, in every process alike.
    """

    __slots__ = ("__weakref__", "args", "depth", "digest", "masked", "op", "value")

    op: str
    args: tuple[Expr, ...]
    value: Any
    depth: int
    masked: int
    """For a ``where`` with a zero in it, or a sum of such, the number of its other branches; else 0."""
    digest: str

    @property
    def is_boolean(self) -> bool:
        """Whether the value is a condition rather than a number."""
        return self.op in BOOLEAN

    def __repr__(self) -> str:
        inner = [str(self.value)] if self.value is not None else [repr(a) for a in self.args]
        return f"{self.op}({', '.join(inner)})" if self.op not in ("const", "symbol") else inner[0]

    # Arithmetic and comparison make nodes; numbers become constants.
    def __add__(self, other: Any) -> Expr:
        return _binary("add", self, other)

    def __radd__(self, other: Any) -> Expr:
        return _binary("add", other, self)

    def __sub__(self, other: Any) -> Expr:
        return _binary("sub", self, other)

    def __rsub__(self, other: Any) -> Expr:
        return _binary("sub", other, self)

    def __mul__(self, other: Any) -> Expr:
        return _binary("mul", self, other)

    def __rmul__(self, other: Any) -> Expr:
        return _binary("mul", other, self)

    def __truediv__(self, other: Any) -> Expr:
        return _binary("div", self, other)

    def __rtruediv__(self, other: Any) -> Expr:
        return _binary("div", other, self)

    def __pow__(self, other: Any) -> Expr:
        return _binary("pow", self, other)

    def __rpow__(self, other: Any) -> Expr:
        return _binary("pow", other, self)

    def __neg__(self) -> Expr:
        return apply("neg", self)

    def __pos__(self) -> Expr:
        return self

    def __abs__(self) -> Expr:
        return apply("abs", self)

    def __lt__(self, other: Any) -> Expr:
        return _binary("lt", self, other)

    def __le__(self, other: Any) -> Expr:
        return _binary("le", self, other)

    def __gt__(self, other: Any) -> Expr:
        return _binary("lt", other, self)

    def __ge__(self, other: Any) -> Expr:
        return _binary("le", other, self)

    def __eq__(self, other: Any) -> Expr:  # type: ignore[override]
        return _binary("eq", self, other)

    def __ne__(self, other: Any) -> Expr:  # type: ignore[override]
        return _binary("ne", self, other)

    __hash__ = object.__hash__

    def __and__(self, other: Any) -> Expr:
        return _binary("and", self, other)

    def __rand__(self, other: Any) -> Expr:
        return _binary("and", other, self)

    def __or__(self, other: Any) -> Expr:
        return _binary("or", self, other)

    def __ror__(self, other: Any) -> Expr:
        return _binary("or", other, self)

    def __invert__(self) -> Expr:
        return apply("not", self)

    # What a value that exists only on the device cannot do.
    def __bool__(self) -> bool:
        raise TraceError(
            f"Python control flow on a traced value{user_line()}. "
            "Use `torch.where(condition, a, b)`, which chooses element by element"
        )

    def __float__(self) -> float:
        raise TraceError(f"A traced value has no number yet{user_line()}")

    __int__ = __index__ = __complex__ = __len__ = __float__  # type: ignore[assignment]

    def __iter__(self) -> Any:
        raise TraceError(
            f"A traced value is one element of a tensor; it cannot be iterated over{user_line()}"
        )

    def __getitem__(self, index: Any) -> Any:
        raise TraceError(f"A traced value is one element of a tensor; it cannot be indexed{user_line()}")

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise TraceError(f"A traced value cannot become a numpy array{user_line()}")

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        op = _NUMPY.get(ufunc.__name__) if method == "__call__" and not kwargs else None
        if op is None or any(isinstance(i, np.ndarray) for i in inputs):
            raise TraceError(f"numpy.{ufunc.__name__} cannot be traced{user_line()}. Use the torch function")
        return apply(op[0], *(inputs[::-1] if op[1] else inputs))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        from ._torch_calls import method

        bound = method(self, name)
        if bound is None:
            raise MissingAttributeError(f"A traced value has no attribute {name!r}{user_line()}")
        return bound

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        from ._torch_calls import call

        return call(func, args, kwargs or {})


_NUMPY = {
    "add": ("add", False),
    "subtract": ("sub", False),
    "multiply": ("mul", False),
    "divide": ("div", False),
    "power": ("pow", False),
    "less": ("lt", False),
    "less_equal": ("le", False),
    "greater": ("lt", True),
    "greater_equal": ("le", True),
    "equal": ("eq", False),
    "not_equal": ("ne", False),
}
"""What a numpy scalar calls on meeting an expression: (operation, whether its operands are swapped)."""


def _intern(op: str, args: tuple[Expr, ...], value: Any) -> Expr:
    text = value.hex() if isinstance(value, float) else value
    key = (op, text, *map(id, args))
    with _lock:
        node = _nodes.get(key)
        if node is None:
            node = object.__new__(Expr)
            node.op, node.args, node.value = op, args, value
            node.depth = 1 + max((a.depth for a in args), default=0)
            node.masked = _masked(op, args)
            parts = "|".join((op, str(text), *(a.digest for a in args)))
            node.digest = hashlib.sha256(parts.encode()).hexdigest()[:32]
            _nodes[key] = node
    return node


def _masked(op: str, args: tuple[Expr, ...]) -> int:
    count = 0
    if op == "where":
        zeros = [a.op == "const" and a.value == 0.0 for a in args[1:]]
        if any(zeros) or args[1].masked or args[2].masked:
            count = sum(max(1, a.masked) for a, zero in zip(args[1:], zeros, strict=True) if not zero)
    elif op in ("add", "sub") and args[0].masked and args[1].masked:
        count = args[0].masked + args[1].masked
    return count if count <= _MAX_BRANCHES else 0


def const(value: float) -> Expr:
    """A number; 0.0 and -0.0 are different constants."""
    return _intern("const", (), float(value))


def boolean(value: bool) -> Expr:
    """A condition known while tracing."""
    return _intern("bool", (), bool(value))


def symbol(name: str) -> Expr:
    """An input; all symbols of one name are one object."""
    return _intern("symbol", (), name)


def order(node: Expr) -> tuple:
    """Sort key of the canonical operand order: constants, symbols by name, then shallow before deep."""
    rank = {"const": 0, "symbol": 1}.get(node.op, 2)
    return (rank, node.value if rank == 1 else "", node.depth, node.digest)


def make(op: str, *args: Expr) -> Expr:
    """The node of an operation, operands of a commutative one in canonical order; nothing is folded."""
    if op in COMMUTATIVE and order(args[1]) < order(args[0]):
        args = (args[1], args[0])
    return _intern(op, args, None)


def is_number(value: Any) -> bool:
    """Whether a value is a Python or numpy scalar (bool included)."""
    return isinstance(value, (numbers.Real, np.bool_))


def as_expr(value: Any) -> Expr:
    """An expression as it is, a scalar as a constant; anything else is refused."""
    if isinstance(value, Expr):
        return value
    if isinstance(value, (bool, np.bool_)):
        return boolean(bool(value))
    if is_number(value):
        return const(float(value))
    if isinstance(value, torch.Tensor):
        number = scalar_constant(value)
        if number is not None:
            return const(number)
        raise TraceError(
            f"A tensor{tuple(value.shape)} meets a traced value{user_line()}. Pass it as an argument, "
            "or use a Python number"
        )
    raise TraceError(f"Expected a traced value or a number. Received: {type(value).__name__}{user_line()}")


def as_float(node: Expr) -> Expr:
    """A condition as 1.0 or 0.0; a number as it is."""
    return make("where", node, const(1.0), const(0.0)) if node.is_boolean else node


def as_boolean(node: Expr) -> Expr:
    """A number as the condition that it is not zero; a condition as it is."""
    return node if node.is_boolean else make("ne", node, const(0.0))


def apply(op: str, *values: Any) -> Expr:
    """The node of an operation on expressions and numbers, operands brought to the type that it takes."""
    args = tuple(as_expr(v) for v in values)
    if op in ("and", "or", "not"):
        return make(op, *map(as_boolean, args))
    if op == "where":
        return make(op, as_boolean(args[0]), as_float(args[1]), as_float(args[2]))
    args = tuple(map(as_float, args))
    return _power(*args) if op == "pow" else make(op, *args)


def _binary(op: str, left: Any, right: Any) -> Any:
    for value in (left, right):
        if not (isinstance(value, (Expr, torch.Tensor)) or is_number(value)):
            return NotImplemented
    return apply(op, left, right)


def _power(base: Expr, exponent: Expr) -> Expr:
    if exponent.op != "const":
        return make("pow", base, exponent)
    if exponent.value in (0.5, -0.5):
        return make("sqrt" if exponent.value > 0 else "rsqrt", base)
    if not exponent.value.is_integer() or abs(exponent.value) > _MAX_UNROLLED_POWER:
        return make("pow", base, exponent)
    result = _integer_power(base, int(abs(exponent.value)))
    return result if exponent.value >= 0 else make("div", const(1.0), result)


def _integer_power(base: Expr, exponent: int) -> Expr:
    if exponent < 2:
        return base if exponent else const(1.0)
    half = _integer_power(base, exponent // 2)
    square = make("mul", half, half)
    return make("mul", base, square) if exponent % 2 else square


def topological(outputs: Iterable[Expr]) -> list[Expr]:
    """Every node the outputs depend on, operands first, in the order of a left-to-right depth-first walk."""
    done: dict[Expr, None] = {}
    stack = [(node, False) for node in reversed(tuple(outputs))]
    while stack:
        node, expanded = stack.pop()
        if node in done:
            continue
        if expanded:
            done[node] = None
        else:
            stack.append((node, True))
            stack.extend((a, False) for a in reversed(node.args))
    return list(done)
