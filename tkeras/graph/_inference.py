"""Shapes without values: calls are run on torch's meta device, twice where sizes are unknown."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import reduce
from typing import Any

import torch
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from tkeras.config import standardize_dtype, torch_dtype
from tkeras.graph._keras_tensor import KerasTensor
from tkeras.graph._tree import flatten, map_structure, pack_as

_STAND_INS = (83, 89)  # primes: a size that differs between the two runs depends on an unknown one
_DIVISIBLE = tuple(size * 5040 for size in _STAND_INS)  # for calls that need a divisible size
_SMALL = 2  # tells a batch that is cut to a size, as by ``x[:50]``, from an axis that always has that size
_FACTORIES = {
    torch.zeros, torch.ones, torch.full, torch.empty, torch.arange, torch.linspace, torch.eye, torch.rand,
    torch.randn, torch.randint, torch.randperm, torch.tensor, torch.as_tensor, torch.scalar_tensor,
    torch.from_numpy,
}  # fmt: skip


def _ctc_loss(log_p: Any, *rest: Any, reduction: str = "mean", **more: Any) -> torch.Tensor:
    return log_p.new_empty(log_p.shape[1:-1] if reduction == "none" else ())


def _cat(tensors: Any, dim: int = 0) -> torch.Tensor:
    first, *others = tensors
    axis = dim % max(first.ndim, 1)

    def rest(tensor: torch.Tensor) -> list[int]:
        return [size for place, size in enumerate(tensor.shape) if place != axis]

    if not first.ndim or any(t.ndim != first.ndim or rest(t) != rest(first) for t in others):
        return torch.cat(tensors, dim)  # which says what is wrong
    shape = list(first.shape)
    shape[axis] = sum(tensor.shape[axis] for tensor in tensors)
    return first.new_empty(shape, dtype=reduce(torch.promote_types, (tensor.dtype for tensor in tensors)))


_WITHOUT_META = {F.ctc_loss: _ctc_loss, torch.cat: _cat}
"""What stands for functions that torch cannot run on the meta device, or imports its compiler for there."""


def _to_meta(value: Any) -> Any:
    if isinstance(value, torch.Tensor) and value.device.type != "meta":
        return torch.empty_strided(value.shape, value.stride(), dtype=value.dtype, device="meta")
    if isinstance(value, (list, tuple)) and not isinstance(value, torch.Size):
        return (
            type(value)(*map(_to_meta, value))
            if hasattr(value, "_fields")
            else type(value)(map(_to_meta, value))
        )
    return value


class MetaMode(TorchFunctionMode):
    """Inside it every torch function sees meta tensors, so weights and constants need no copies by hand."""

    _open: list[MetaMode] = []
    _paused = False

    def __enter__(self) -> MetaMode:
        self._open.append(self)
        return super().__enter__()

    def __exit__(self, *exception: Any) -> None:
        self._open.pop()
        super().__exit__(*exception)

    @classmethod
    def active(cls) -> bool:
        """True while shapes are inferred: there are no values, and nothing may be drawn."""
        return bool(cls._open) and not cls._open[-1]._paused

    @classmethod
    @contextmanager
    def paused(cls) -> Iterator[None]:
        """Let real tensors be made, as layers do that are built in the middle of an inference."""
        before = [(mode, mode._paused) for mode in cls._open]
        for mode, _ in before:
            mode._paused = True
        try:
            yield
        finally:
            for mode, paused in before:
                mode._paused = paused

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if self._paused:
            return func(*args, **(kwargs or {}))
        name = getattr(func, "__name__", "")
        if name in ("__get__", "__set__", "numel", "dim", "size", "stride"):
            return func(*args, **(kwargs or {}))
        kwargs = {key: _to_meta(value) for key, value in (kwargs or {}).items() if key != "generator"}
        if func in _FACTORIES:
            if func is torch.from_numpy:
                return _to_meta(func(*args))
            kwargs["device"] = "meta"
            return func(*args, **kwargs)
        if "device" in kwargs:
            kwargs["device"] = "meta"
        function = _WITHOUT_META.get(func) or func
        return function(*_to_meta(args), **kwargs)


def _meta_tensor(spec: KerasTensor, stand_in: int) -> torch.Tensor:
    shape = [stand_in if size is None else size for size in spec.shape]
    return torch.empty(shape, dtype=torch_dtype(spec.dtype), device="meta")


def _run(function: Callable[..., Any], args: Any, kwargs: Any, stand_in: int) -> Any:
    def place(leaf: Any) -> Any:
        return _meta_tensor(leaf, stand_in) if isinstance(leaf, KerasTensor) else leaf

    with torch.no_grad(), MetaMode():
        return function(*map_structure(place, list(args)), **map_structure(place, dict(kwargs)))


def _runs(function: Callable[..., Any], args: Any, kwargs: Any) -> list[Any]:
    """Results for two values of the unknown sizes, and for a small one where the function takes it."""
    try:
        found = [_run(function, args, kwargs, size) for size in _STAND_INS]
    except (RuntimeError, ValueError):
        with suppress(RuntimeError, ValueError):
            return [_run(function, args, kwargs, size) for size in _DIVISIBLE]
        raise
    if len(flatten(found[0])) != len(flatten(found[1])):
        raise ValueError(
            "The number of results depends on a size that is not known. Give the input a known size, or "
            "ask for a number of parts."
        )
    try:
        small = _run(function, args, kwargs, _SMALL)
    except (RuntimeError, ValueError, IndexError, ZeroDivisionError):
        return found  # too small for it, as a short sequence is for a long kernel
    ranks = [[getattr(leaf, "ndim", None) for leaf in flatten(run)] for run in (small, found[0])]
    return [*found, small] if ranks[0] == ranks[1] else found


def infer(function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """The structure of `KerasTensor` that a function of tensors returns for symbolic arguments.

    Sizes that depend on an unknown size of the arguments are None; one that an axis other than the batch is
    cut to counts as reached, as in Keras.
    """
    unknown = any(
        None in leaf.shape for leaf in flatten((list(args), kwargs)) if isinstance(leaf, KerasTensor)
    )
    runs = _runs(function, args, kwargs) if unknown else [_run(function, args, kwargs, _STAND_INS[0])]
    specs = []
    for outputs in zip(*map(flatten, runs), strict=True):
        first = outputs[0]
        if not isinstance(first, torch.Tensor):
            specs.append(first)
            continue
        sizes = zip(*(output.shape for output in outputs), strict=True)
        shape = [
            size[0] if len(set(size[: None if axis == 0 else 2])) == 1 else None
            for axis, size in enumerate(sizes)
        ]
        specs.append(KerasTensor(shape, standardize_dtype(first.dtype)))
    return pack_as(runs[0], specs)
