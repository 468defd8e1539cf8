"""`vectorize`: a function of slices as a function of tensors."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch

from tkeras.graph import FunctionOperation, any_symbolic
from tkeras.ops._convert import together
from tkeras.ops._op import publish

Tensor = torch.Tensor
Cores = list[tuple[str, ...]]

_GROUPS = r"\(\s*(?:\w+\s*(?:,\s*\w+\s*)*)?\)"
_SIDE = rf"\s*{_GROUPS}\s*(?:,\s*{_GROUPS}\s*)*"


def _signature(signature: str) -> tuple[Cores, Cores]:
    """``"(m,n),(n)->(m)"`` as [("m", "n"), ("n",)] and [("m",)]."""
    if not re.fullmatch(rf"{_SIDE}->{_SIDE}", signature):
        raise ValueError(f'Expected a signature such as "(m,n),(n)->(m)". Received: signature={signature!r}')
    sides = (re.findall(_GROUPS, side) for side in signature.split("->"))
    inputs, outputs = ([tuple(re.findall(r"\w+", group)) for group in side] for side in sides)
    return inputs, outputs


def _note_sizes(sizes: dict[str, int], shape: Sequence[int], core: tuple[str, ...]) -> None:
    if len(shape) < len(core):
        raise ValueError(f"Expected at least the axes {core}. Received: shape={tuple(shape)}")
    for name, size in zip(core, shape[len(shape) - len(core) :], strict=True):
        if sizes.setdefault(name, size) != size:
            raise ValueError(
                f"Expected axis {name!r} to have size {sizes[name]} everywhere. Received: {size}"
            )


def _apply(function: Callable[..., Any], tensors: list[Tensor], cores: Cores) -> Any:
    """Map over the axes before the cores, which broadcast together: one level for each axis."""
    loops = [x.shape[: x.ndim - len(core)] for x, core in zip(tensors, cores, strict=True)]
    shape = torch.broadcast_shapes(*loops)
    full = [x.expand(*shape, *x.shape[len(loop) :]) for x, loop in zip(tensors, loops, strict=True)]
    for _ in shape:
        function = torch.vmap(function)
    return function(*full)


def vectorize(
    pyfunc: Callable[..., Any], *, excluded: Iterable[int | str] | None = None, signature: str | None = None
) -> Callable[..., Any]:
    """A function that maps ``pyfunc`` over the axes of its arguments, which broadcast together.

    Args:
        pyfunc: takes and gives tensors: single elements, or with a signature those of its axes.
        excluded: positions and names of arguments that are passed as they are.
        signature: the axes that ``pyfunc`` sees, ``"(m,n),(n)->(m)"``.
    """
    if not callable(pyfunc):
        raise TypeError(f"Expected `pyfunc` to be callable. Received: pyfunc={pyfunc}")
    kept = {*(excluded or ())}
    inputs, outputs = _signature(signature) if signature is not None else (None, None)

    @functools.wraps(pyfunc)
    def call(*args: Any, **kwargs: Any) -> Any:
        if any_symbolic(args, kwargs):
            return FunctionOperation(call)(*args, **kwargs)
        places = [i for i, arg in enumerate(args) if i not in kept and arg is not None]
        names = [name for name in kwargs if name not in kept and kwargs[name] is not None]
        tensors = list(together(*(args[i] for i in places), *(kwargs[name] for name in names)))
        cores = inputs if inputs is not None else [()] * len(tensors)
        if len(cores) != len(tensors):
            raise TypeError(
                f"wrong number of positional arguments: expected {len(cores)}, got {len(tensors)}"
            )
        sizes: dict[str, int] = {}
        for x, core in zip(tensors, cores, strict=True):
            _note_sizes(sizes, x.shape, core)

        def slices(*mapped: Tensor) -> Any:
            values, keywords = list(args), dict(kwargs)
            for i, x in zip(places, mapped, strict=False):
                values[i] = x
            keywords.update(zip(names, mapped[len(places) :], strict=True))
            return _checked(pyfunc(*values, **keywords), outputs, sizes)

        return _apply(slices, tensors, cores)

    return call


def _checked(found: Any, cores: Cores | None, sizes: dict[str, int]) -> Any:
    results = found if isinstance(found, (tuple, list)) else (found,)
    if cores is not None and len(results) != len(cores):
        raise TypeError(f"wrong number of output arguments: expected {len(cores)}, got {len(results)}")
    for result, core in zip(results, cores or [()] * len(results), strict=True):
        if result.ndim != len(core):
            raise ValueError(f"Expected a result with the axes {core}. Received: shape={tuple(result.shape)}")
        _note_sizes(dict(sizes), result.shape, core)
    return found


publish(vectorize, "vectorize")
