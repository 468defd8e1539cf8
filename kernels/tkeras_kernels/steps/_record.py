"""Running a step once on tensors without data, and writing down what it does."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch._C import _len_torch_function_stack  # pyright: ignore[reportAttributeAccessIssue]
from torch.overrides import TorchFunctionMode, _pop_mode, _push_mode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map

from ._operators import apply, check_rows, name_of
from ._values import Inner, Outer, Outside, Program, Slice, UntraceableError

BATCH = 7
"""Of the tensors without data: no size that a step would treat in a special way, as it may 1."""
_FACTS = {
    "shape", "dtype", "device", "ndim", "is_meta", "is_cuda", "is_cpu", "layout", "requires_grad", "is_leaf",
    "grad_fn", "itemsize", "nbytes", "is_sparse", "is_quantized", "_version", "is_complex", "names",
}  # fmt: skip

_CONSTANTS = {"tensor", "as_tensor", "full", "zeros", "ones", "arange", "linspace", "scalar_tensor", "eye"}


class Recorder:
    """Values by tensor. Tensors from outside, weights and constants, are replaced by ones without data."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.paused = False
        self._values: dict[int, Any] = {}
        self._outside: dict[int, torch.Tensor] = {}
        self._alive: list[torch.Tensor] = []

    def know(self, tensor: torch.Tensor, value: Any) -> None:
        """Remember what a tensor is."""
        self._alive.append(tensor)
        self._values[id(tensor)] = value

    def value(self, tensor: Any) -> Any:
        """What a tensor is: :class:`Inner` or :class:`Outside`."""
        found = self._values.get(id(tensor)) if isinstance(tensor, torch.Tensor) else None
        if found is None:
            raise UntraceableError("a result that no torch operator made")
        return found

    def without_data(self, tensor: torch.Tensor) -> torch.Tensor:
        """A tensor that stands for one from outside."""
        if tensor.is_meta:
            return tensor
        found = self._outside.get(id(tensor))
        if found is None:
            self.paused = True
            found = torch.empty_like(tensor, device="meta", requires_grad=False)
            self.paused = False
            self._alive.append(tensor)
            self._outside[id(tensor)] = found
            self.know(found, Outside(self.program.add(Outer(False, tuple(tensor.shape), tensor))))
        return found

    def record(
        self, function: Any, arguments: tuple[Any, ...], keywords: dict[str, Any], result: Any
    ) -> None:
        """Write down one operator."""
        tensors = [t for t in tree_flatten((arguments, keywords))[0] if isinstance(t, torch.Tensor)]
        name = name_of(function)
        if torch.Tag.nondeterministic_seeded in function.tags:
            raise UntraceableError("random numbers inside the step")
        results = list(result) if isinstance(result, (list, tuple)) else [result]
        if not all(isinstance(one, torch.Tensor) and one.is_meta for one in results):
            return
        if function._schema.is_mutable or name.startswith(("empty", "new_empty")):
            raise UntraceableError(f"torch operator `{name}` writes in place or leaves memory unwritten")
        known = {id(tensor): self.value(tensor) for tensor in tensors}

        def place(leaf: Any) -> Any:
            return known[id(leaf)] if isinstance(leaf, torch.Tensor) else leaf

        arguments, keywords = tree_map(place, arguments), tree_map(place, keywords)
        if any(isinstance(value, Inner) for value in known.values()):
            found: Sequence[Any] = apply(self.program, function, arguments, keywords, results[0])
        else:
            found = self._outer(function, arguments, keywords, result, list(known.values()))
        for tensor, value in zip(results, found, strict=True):
            self.know(tensor, value)

    def _outer(
        self, function: Any, arguments: Any, keywords: Any, result: Any, known: list[Outside]
    ) -> list[Outside]:
        whole = isinstance(result, torch.Tensor)
        results: Sequence[torch.Tensor] = [result] if whole else result
        values = [self.program.outer[value.value] for value in known]
        rows = any(value.rows for value in values)
        if rows:
            check_rows(function, arguments, keywords)
            if any(one.dim() != 2 or len(one) != BATCH for one in results):
                name = name_of(function)
                raise UntraceableError(f"torch operator `{name}` gives the input another shape")
            if any(not value.rows and len(value.shape) == 2 and value.shape[0] == BATCH for value in values):
                raise UntraceableError("a tensor of as many rows as the batch")
        return [
            Outside(
                self.program.add(
                    Outer(rows, tuple(one.shape), None, function, arguments, keywords, None if whole else i)
                )
            )
            for i, one in enumerate(results)
        ]


class _Functions(TorchFunctionMode):
    """Every torch function sees tensors without data."""

    def __init__(self, recorder: Recorder) -> None:
        super().__init__()
        self.recorder = recorder

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = getattr(func, "__name__", "")
        if name == "__get__" and getattr(func.__self__, "__name__", "") in _FACTS:
            return func(*args, **(kwargs or {}))
        if name in ("__set__", "numel", "dim", "size", "stride", "is_floating_point"):
            return func(*args, **(kwargs or {}))
        args, kwargs = tree_map(self._place, (args, kwargs or {}))
        if name in _CONSTANTS and str(kwargs.get("device")) == "meta":
            kwargs["device"] = "cpu"  # a constant keeps its numbers
        return func(*args, **kwargs)

    def _place(self, leaf: Any) -> Any:
        return self.recorder.without_data(leaf) if isinstance(leaf, torch.Tensor) else leaf


class _Operators(TorchDispatchMode):
    """Every operator that runs is recorded."""

    def __init__(self, recorder: Recorder) -> None:
        super().__init__()
        self.recorder = recorder

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if not self.recorder.paused:
            self.recorder.record(func, args, kwargs or {}, result)
        return result


@contextmanager
def alone() -> Iterator[None]:
    """Without the function modes of whoever records what surrounds the step."""
    modes = []
    while _len_torch_function_stack():
        modes.append(_pop_mode())
    try:
        yield
    finally:
        for mode in reversed(modes):
            _push_mode(mode)


def record(
    step: Callable[..., Any], width: int, units: int, states: int, dtype: torch.dtype
) -> tuple[Program, int, Inner, list[Inner]]:
    """Run ``step(x, states) -> (output, states)`` for inputs (batch, width) and states (batch, units).

    Returns:
        what it did; the number of the input among the outer values; the output; the new states.
    """
    program = Program(units)
    recorder = Recorder(program)
    x, *before = (
        torch.empty(BATCH, size, dtype=dtype, device="meta") for size in (width, *(units,) * states)
    )
    place = program.add(Outer(True, (BATCH, width)))
    recorder.know(x, Outside(place))
    for i, state in enumerate(before):
        recorder.know(state, Inner([program.node("state", i)]))
    with torch.no_grad(), _Functions(recorder), _Operators(recorder):
        output, after = step(x, tuple(before))
    after = list(after) if isinstance(after, (list, tuple)) else [after]
    if len(after) != states:
        raise UntraceableError(f"the step takes {states} states and gives {len(after)}")
    for tensor in (output, *after):
        if isinstance(tensor, torch.Tensor) and tensor.dtype != dtype:
            raise UntraceableError(f"the step gives {tensor.dtype} for {dtype}")
    return program, place, *_results(recorder, output, after)


def _results(recorder: Recorder, output: Any, after: list[Any]) -> tuple[Inner, list[Inner]]:
    found = []
    for tensor in (output, *after):
        value = recorder.value(tensor)
        if isinstance(value, Outside):
            shape = recorder.program.outer[value.value].shape
            value = Inner([Slice(value.value, 0, shape[-1] if shape else 1)])
        if recorder.program.columns(value) != recorder.program.units:
            raise UntraceableError("the output is not as wide as the states")
        found.append(value)
    return found[0], found[1:]
