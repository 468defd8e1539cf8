"""What torch's operators mean for the values of a step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from ..expr import expm1, where
from ..expr._torch_calls import torch_function
from ._values import Inner, Outer, Outside, Part, Program, Ref, Slice, UntraceableError

aten = torch.ops.aten
_SAME = {"alias", "clone", "contiguous", "view", "_unsafe_view", "expand", "_to_copy", "reshape"}
"""They may copy or rename, where shape and type stay as they are."""
_BY_ROW = {"mm", "addmm", "cat", "slice", "split", "split_with_sizes", *_SAME}
_BY_ROW |= {"_softmax", "_log_softmax", "native_layer_norm"}
"""Besides pointwise functions: what treats every row of (batch, width) by itself, along the last axis."""


_OVERLOADS = {"default", "self", "Tensor", "Scalar", "Tensor_Scalar", "Scalar_Tensor", "Tensor_Tensor"}
_OVERLOADS |= {"ScalarSelf", "ScalarOther"}
"""Of pointwise operators; others of the same name may reduce."""


def _elu(x: Any, alpha: float = 1.0, scale: float = 1.0, input_scale: float = 1.0) -> Any:
    """As ATen has it, which makes celu and selu of it too."""
    return scale * where(x > 0, x, alpha * expm1(input_scale * x))


def meaning(function: Any) -> Callable[..., Any] | None:
    """What a pointwise operator does to symbols, or None for any other."""
    if function._overloadname not in _OVERLOADS:
        return None
    name = name_of(function)
    return _elu if name == "elu" else torch_function(name)


def name_of(function: Any) -> str:
    """An operator's name without namespace and overload."""
    return function.overloadpacket.__name__


def check_rows(function: Any, arguments: Sequence[Any], keywords: Any) -> None:
    """Refuse an operator on (batch, width) that could mix the rows of different sequences."""
    name = name_of(function)
    if name not in _BY_ROW and meaning(function) is None:
        raise UntraceableError(f"torch operator `{name}` on the input of a step")
    if name == "native_layer_norm" and len(arguments[1]) != 1:
        raise UntraceableError("a layer normalization over the batch")
    axes = {"cat": 1, "slice": 1, "split": 2, "split_with_sizes": 2, "_softmax": 1, "_log_softmax": 1}
    if name in axes:
        axis = axes[name]
        given = arguments[axis] if len(arguments) > axis else keywords.get("dim", 0)
        if given not in (1, -1):
            raise UntraceableError(f"torch operator `{name}` along the batch")


def apply(
    program: Program, function: Any, arguments: tuple[Any, ...], keywords: dict[str, Any], like: Any
) -> list[Inner]:
    """The inner values that an operator makes of others (:class:`Inner`), outer ones and numbers."""
    name = name_of(function)
    if name in _SAME:
        return [_same(name, arguments[0], program, like)]
    handler = _STRUCTURE.get(name)
    if handler is not None:
        return handler(program, *arguments, **keywords)
    if name == "add" and keywords.get("alpha", 1) == 1:
        found = _added(program, *arguments)
        if found is not None:
            return [found]
    return [_pointwise(program, name, function, arguments, keywords)]


def _same(name: str, value: Any, program: Program, like: torch.Tensor) -> Inner:
    if not isinstance(value, Inner) or like.dim() != 2 or like.shape[1] != program.columns(value):
        raise UntraceableError(f"torch operator `{name}` gives a state another shape")
    return value


def _last(axis: int) -> None:
    if axis not in (1, -1):
        raise UntraceableError("an operator joins or splits states along the batch")


def _slice(
    program: Program, value: Any, dim: int = 0, start: Any = None, end: Any = None, step: int = 1
) -> list[Inner]:
    if dim == 0 and not start and (end is None or end >= 2**62) and step == 1:
        return [value]
    _last(dim)
    if step != 1:
        raise UntraceableError("a slice of states with steps")
    count = program.columns(value)
    first, last, _ = slice(start, end).indices(count)
    return [program.between(value, first, last)]


def _split(program: Program, value: Any, sizes: Any, dim: int = 0) -> list[Inner]:
    _last(dim)
    count = program.columns(value)
    if isinstance(sizes, int):
        sizes = [min(sizes, count - start) for start in range(0, count, sizes)]
    stops = [sum(sizes[: i + 1]) for i in range(len(sizes))]
    return [program.between(value, stop - size, stop) for stop, size in zip(stops, sizes, strict=True)]


def _cat(program: Program, values: Sequence[Any], dim: int = 0) -> list[Inner]:
    _last(dim)
    parts: list[Part] = []
    for value in values:
        parts += value.parts if isinstance(value, Inner) else [_whole(program, value)]
    return [Inner(parts)]


def _whole(program: Program, value: Outside) -> Slice:
    shape = program.outer[value.value].shape
    if len(shape) > 2 or (len(shape) == 2 and shape[0] != 1 and not program.outer[value.value].rows):
        raise UntraceableError(f"a tensor of shape {tuple(shape)} meets a state")
    return Slice(value.value, 0, shape[-1] if shape else 1)


def _mm(program: Program, left: Any, right: Any) -> list[Inner]:
    """Rows times weights: segments of states meet blocks of them, outer parts are multiplied outside."""
    if not isinstance(left, Inner) or not isinstance(right, Outside):
        raise UntraceableError("a product of two values that depend on the states")
    rows, columns = program.outer[right.value].shape
    if columns % program.units:
        raise UntraceableError(f"a product of {columns} columns, with states of {program.units} units")
    found: list[Ref] = []
    terms: list[Slice] = []
    at = 0
    for part in left.parts:
        if isinstance(part, Slice):
            terms.append(_outer_product(program, part, right.value, at, columns))
        else:
            starts = range(0, columns, program.units)
            products = [program.node("product", part, right.value, at, start) for start in starts]
            pairs = zip(found, products, strict=True) if found else ()
            found = [_sum(program, *pair) for pair in pairs] or products
        at += program.width(part)
    assert at == rows
    for term in terms:
        pieces = [Slice(term.value, start, program.units) for start in range(0, columns, program.units)]
        found = [program.added(node, piece) for node, piece in zip(found, pieces, strict=True)]
    return [Inner(list(found))]


def _sum(program: Program, left: Ref, right: Ref) -> Ref:
    return program.node("op", "add", aten.add.Tensor, (left, right), ())


def _outer_product(program: Program, part: Slice, weights: int, row: int, columns: int) -> Slice:
    """The product of outer columns with the rows of weights that they meet."""
    left = program.outer[part.value]
    value, kernel = part.value, weights
    if part.width != left.shape[-1]:
        value = program.add(
            Outer(
                left.rows,
                (*left.shape[:-1], part.width),
                function=aten.slice.Tensor,
                arguments=(Outside(part.value), len(left.shape) - 1, part.start, part.start + part.width),
            )
        )
    if part.width != program.outer[weights].shape[0]:
        kernel = program.add(
            Outer(
                False,
                (part.width, columns),
                function=aten.slice.Tensor,
                arguments=(Outside(weights), 0, row, row + part.width),
            )
        )
    shape = (left.shape[0], columns)
    arguments = (Outside(value), Outside(kernel))
    return Slice(
        program.add(Outer(left.rows, shape, function=aten.mm.default, arguments=arguments)), 0, columns
    )


def _addmm(program: Program, base: Any, left: Any, right: Any, beta: Any = 1, alpha: Any = 1) -> list[Inner]:
    if beta != 1 or alpha != 1:
        raise UntraceableError("`addmm` with factors")
    (found,) = _mm(program, left, right)
    result = _added(program, found, base)
    if result is None:
        result = _pointwise(program, "add", aten.add.Tensor, (found, base), {})
    return [result]


_STRUCTURE: dict[str, Callable[..., list[Inner]]] = {
    "slice": _slice,
    "split": _split,
    "split_with_sizes": _split,
    "cat": _cat,
    "mm": _mm,
    "addmm": _addmm,
}


def _added(program: Program, left: Any, right: Any) -> Inner | None:
    """A sum of inner and outer columns, which keeps products and what is added to them together."""
    if isinstance(left, Outside):
        left, right = right, left
    if not isinstance(left, Inner) or not isinstance(right, Outside):
        return None
    term, nodes = _whole(program, right), program.segments(left)
    wide = program.columns(left)
    if term.width not in (1, wide):
        raise UntraceableError(f"{term.width} columns are added to {wide}")
    size = program.units
    pieces = [term if term.width == 1 else Slice(term.value, i * size, size) for i in range(len(nodes))]
    return Inner([program.added(node, piece) for node, piece in zip(nodes, pieces, strict=True)])


def _pointwise(
    program: Program, name: str, function: Any, arguments: tuple[Any, ...], keywords: dict[str, Any]
) -> Inner:
    if meaning(function) is None:
        raise UntraceableError(f"torch operator `{name}` on a state")
    widths = {program.columns(value) for value in arguments if isinstance(value, Inner)}
    if len(widths) != 1:
        raise UntraceableError(f"torch operator `{name}` on states of {sorted(widths)} columns")
    count = widths.pop() // program.units
    spread = [_spread(program, value, count) for value in arguments]
    fixed = tuple(sorted((key, value) for key, value in keywords.items() if value is not None))
    if any(isinstance(value, (Inner, Outside)) for _, value in fixed):
        raise UntraceableError(f"torch operator `{name}` with tensors by keyword")
    return Inner(
        [program.node("op", name, function, tuple(each), fixed) for each in zip(*spread, strict=True)]
    )


def _spread(program: Program, value: Any, count: int) -> list[Any]:
    """An argument for each segment of the result."""
    if isinstance(value, Inner):
        return program.segments(value)
    if isinstance(value, Outside):
        whole = _whole(program, value)
        if whole.width == 1:
            return [program.node("outer", whole)] * count
        if whole.width != count * program.units:
            raise UntraceableError(f"{whole.width} columns meet {count * program.units}")
        return program.cut(whole)
    return [value] * count
