"""Loops and branches over tensors, and functions of functions."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import torch

from tkeras.graph import FunctionOperation, any_symbolic
from tkeras.graph._tree import flatten, map_structure, pack_as
from tkeras.ops._convert import convert
from tkeras.ops._op import op, publish

Tensor = torch.Tensor


def _check_callable(f: Any, name: str = "f") -> None:
    if not callable(f):
        raise TypeError(f"`{name}` should be a callable. Received: {name}={f}")


def _closed(value: Any, function: str) -> Any:
    if any_symbolic(value):
        raise ValueError(
            f"`{function}`: a branch refers to a symbolic tensor that is no argument of it and would have no "
            "value when the model runs. Use `tkeras.ops.where`, or put the branch into the `call` of a layer."
        )
    return value


@op()
def cond(pred: Any, true_fn: Callable[[], Any], false_fn: Callable[[], Any]) -> Any:
    """``true_fn()`` or ``false_fn()``, by a bool or a tensor of one element."""
    if isinstance(pred, Tensor) and pred.is_meta:
        return _closed(true_fn(), "cond")
    return true_fn() if pred else false_fn()


@op()
def switch(index: Any, branches: Sequence[Callable[..., Any]], *operands: Any) -> Any:
    """``branches[index](*operands)``, the index clipped to the branches there are."""
    if isinstance(index, Tensor) and index.is_meta:
        index = 0
    return _closed(branches[min(max(int(index), 0), len(branches) - 1)](*operands), "switch")


@op()
def while_loop(
    cond: Callable[..., Any], body: Callable[..., Any], loop_vars: Any, maximum_iterations: int | None = None
) -> Any:
    """``loop_vars = body(*loop_vars)`` while ``cond(*loop_vars)``, at most ``maximum_iterations`` times."""
    several = isinstance(loop_vars, (tuple, list))
    state = tuple(map_structure(convert, value) for value in (loop_vars if several else (loop_vars,)))
    count = 0
    while maximum_iterations is None or count < maximum_iterations:
        going = cond(*state)
        if (isinstance(going, Tensor) and going.is_meta) or not going:
            break
        found = body(*state)
        state = tuple(found) if isinstance(found, (tuple, list)) else (found,)
        count += 1
    return state if several else state[0]


@op()
def fori_loop(lower: Any, upper: Any, body_fun: Callable[[int, Any], Any], init_val: Any) -> Any:
    """``value = body_fun(i, value)`` for ``i`` from ``lower`` up to but without ``upper``."""
    value = init_val
    if any(isinstance(end, Tensor) and end.is_meta for end in (lower, upper)):
        return value
    for i in range(int(lower), int(upper)):
        value = body_fun(i, value)
    return value


@op()
def scan(
    f: Callable[[Any, Any], tuple[Any, Any]],
    init: Any,
    xs: Any = None,
    length: int | None = None,
    reverse: bool = False,
    unroll: int | bool = 1,
) -> tuple[Any, Any]:
    """``carry, y = f(carry, x)`` for each slice of ``xs`` along the first axis.

    Args:
        f: takes the carry and a slice of ``xs``, gives the new carry and a result or None.
        init: first carry, any structure of tensors.
        xs: any structure of tensors, or None.
        length: number of steps; needed where ``xs`` is None.
        reverse: whether to go from the end to the beginning.
        unroll: has no effect beyond its check, as every step is run by itself.

    Returns:
        The last carry, and the results stacked in the order of ``xs``.
    """
    _check_callable(f)
    if not isinstance(unroll, bool) and (not isinstance(unroll, int) or unroll < 1):
        raise ValueError(f"`unroll` must be an positive integer or boolean. Received: unroll={unroll}")
    if xs is None and length is None:
        raise ValueError("Got no `xs` to scan over and `length` not provided.")
    xs = None if xs is None else map_structure(convert, xs)
    carry = map_structure(convert, init)
    count = int(length) if length is not None else flatten(xs)[0].shape[0]
    results: list[Any] = [None] * count
    for i in reversed(range(count)) if reverse else range(count):
        x = None if xs is None else map_structure(lambda leaf, i=i: leaf[i], xs)
        carry, results[i] = f(carry, x)
    if not results or results[0] is None:
        return carry, None
    stacked = [torch.stack(leaves) for leaves in zip(*(flatten(result) for result in results), strict=True)]
    return carry, pack_as(results[0], stacked)


@op()
def map(f: Callable[[Any], Any], xs: Any) -> Any:
    """``f`` of each slice of ``xs`` along the first axis, stacked."""
    _check_callable(f)
    return scan(lambda _, x: ((), f(x)), (), xs)[1]


@op()
def associative_scan(f: Callable[[Any, Any], Any], elems: Any, reverse: bool = False, axis: int = 0) -> Any:
    """``f`` of all elements up to each one, for an associative ``f``, in about 2·log2(n) steps.

    Args:
        f: combines two structures like ``elems``, slice by slice.
        elems: any structure of tensors of one size along ``axis``.
        reverse: whether to combine from the end.
        axis: the elements.
    """
    _check_callable(f)
    leaves = [convert(leaf).movedim(axis, 0) for leaf in flatten(elems)]
    if len({leaf.shape[0] for leaf in leaves}) > 1:
        raise ValueError(
            "Array inputs to associative_scan must have the same first dimension. "
            f"Received: shapes {[tuple(leaf.shape) for leaf in leaves]}"
        )

    def combine(first: list[Tensor], second: list[Tensor]) -> list[Tensor]:
        parts = (pack_as(elems, [leaf.movedim(0, axis) for leaf in part]) for part in (first, second))
        return [leaf.movedim(axis, 0) for leaf in flatten(f(*parts))]

    def scanned(items: list[Tensor]) -> list[Tensor]:
        count = items[0].shape[0]
        if count < 2:
            return items
        odd = scanned(combine([x[:-1:2] for x in items], [x[1::2] for x in items]))
        even = [x[:1] for x in items]
        if count > 2:
            before = [x[: (count - 1) // 2] for x in odd]
            even = [
                torch.cat(pair) for pair in zip(even, combine(before, [x[2::2] for x in items]), strict=True)
            ]
        return [_interleaved(*pair) for pair in zip(even, odd, strict=True)]

    leaves = scanned([leaf.flip(0) for leaf in leaves] if reverse else leaves)
    return pack_as(elems, [(leaf.flip(0) if reverse else leaf).movedim(0, axis) for leaf in leaves])


def _interleaved(even: Tensor, odd: Tensor) -> Tensor:
    count = odd.shape[0]
    pairs = torch.stack([even[:count], odd], 1).flatten(0, 1)
    return pairs if even.shape[0] == count else torch.cat([pairs, even[-1:]])


@op()
def vectorized_map(function: Callable[[Any], Any], elements: Any) -> Any:
    """``function`` of each slice of ``elements`` along the first axis, all at once."""
    return torch.vmap(function)(map_structure(convert, elements))


def jvp(fun: Callable[..., Any], primals: Any, tangents: Any, has_aux: bool = False) -> Any:
    """``fun(*primals)`` and its derivative in the direction of ``tangents``.

    Args:
        fun: takes tensors; with ``has_aux`` it gives (value, anything else).
        primals, tangents: tuples of tensors of the same shapes.
        has_aux: whether to return (value, derivative, anything else).
    """
    pair = (tuple(convert(value) for value in values) for values in (primals, tangents))
    return torch.func.jvp(fun, *pair, has_aux=has_aux)


class _CustomGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, function: Any, kwargs: dict[str, Any], *args: Any) -> Any:
        found = function(*args, **kwargs)
        if not (isinstance(found, tuple) and len(found) == 2 and callable(found[1])):
            raise ValueError(
                f"Expected a function that returns (output, gradient function). Received: {found}"
            )
        output, ctx.gradient = found
        ctx.is_tensor = [isinstance(arg, Tensor) for arg in args]
        ctx.others = [None if isinstance(arg, Tensor) else arg for arg in args]
        ctx.save_for_backward(*(arg for arg in args if isinstance(arg, Tensor)))
        return output

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> Any:
        saved = iter(ctx.saved_tensors)
        pairs = zip(ctx.is_tensor, ctx.others, strict=True)
        args = [next(saved) if is_tensor else other for is_tensor, other in pairs]
        found = ctx.gradient(*args, upstream=upstream[0] if len(upstream) == 1 else upstream)
        gradients = list(found) if isinstance(found, (tuple, list)) else [found]
        return None, None, *gradients, *(None for _ in args[len(gradients) :])


def custom_gradient(f: Callable[..., tuple[Any, Callable[..., Any]]]) -> Callable[..., Any]:
    """Decorator for a function that gives its own gradient.

    Args:
        f: returns (output, gradient), where ``gradient(*args, upstream=...)`` takes the arguments of the call
            and the gradient of the output, and gives that of each argument.
    """

    @functools.wraps(f)
    def call(*args: Any, **kwargs: Any) -> Any:
        if any_symbolic(args, kwargs):
            return FunctionOperation(call)(*args, **kwargs)
        return _CustomGradient.apply(f, kwargs, *args)

    return call


for _function in (jvp, custom_gradient):
    publish(_function, _function.__name__)
