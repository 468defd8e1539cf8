"""What recurrent operators share that walk a sequence on a CPU by ATen calls over time-major memory."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from typing import Any

import torch

Tensor = torch.Tensor
Function = Callable[..., Any]

_CHUNK = 1 << 16
"""Elements of gates whose slopes are computed at once: what stays in a cache of the second level."""
SHARED = 8 << 20
"""Operations of one step's product from which on several threads take it."""
_HELPED, _PIECES = 200_000_000, 8
"""Operations of the input's product from which on a helper takes it, and in how many pieces."""
_SETTABLE = "parallel backend: OpenMP" in torch.__config__.parallel_info()
"""Whether the number of threads may change while a process runs."""
_library = torch.library.Library("tkeras", "FRAGMENT")

sigmoid_backward = torch.ops.aten.sigmoid_backward.grad_input
tanh_backward = torch.ops.aten.tanh_backward.grad_input


def define(
    name: str, arguments: str, results: str, room: Callable[..., Any], run: Callable[..., Any]
) -> None:
    """Make an operator of torch: a program sees one call, with results in planned memory.

    Args:
        arguments: their part of the schema; where some are written, results have no planned memory.
        results: names of tensors.
        room: (arguments) to memory for the results.
        run: (arguments, results by name) writes there and gives them.
    """
    names = results.split()
    aliases = [f"Tensor({chr(97 + index)}!)" for index in range(len(names))]
    given = ", ".join(f"{alias} {result}" for alias, result in zip(aliases, names, strict=True))
    plain = ", ".join(["Tensor"] * len(names))
    _library.define(f"{name}({arguments}) -> {plain if len(names) == 1 else f'({plain})'}")
    _library.impl(name, lambda *a: run(*a, **dict(zip(names, room(*a), strict=True))), "CPU")
    if "!" not in arguments:
        _library.define(f"{name}.out({arguments}, *, {given}) -> ({', '.join(aliases)})")
        _library.impl(f"{name}.out", run, "CPU")


def running(tensor: Tensor, backwards: bool) -> Tensor:
    """(B, T, ...) with the step first that runs first."""
    return tensor.flip(1) if backwards else tensor


def suits_steps(x: Tensor) -> bool:
    """Whether a sequence can be walked so."""
    return x.is_cpu and x.dtype in (torch.float32, torch.float64) and x.numel() > 0


def project_into(x: Tensor, kernel: Tensor, bias: Tensor | None, z: Tensor) -> None:
    """``x W + b`` of steps (T, B, in) into (T, B, columns)."""
    rows, into = x.reshape(-1, len(kernel)), z.flatten(0, 1)
    if bias is None:
        torch.mm(rows, kernel, out=into)
    else:
        torch.addmm(bias, rows, kernel, out=into)


def input_gradient(kernel: Tensor, dz: Tensor) -> Tensor:
    """Of x (B, T, in), from the slopes (T, B, columns) of what :func:`project_into` gave."""
    return torch.bmm(dz.transpose(0, 1), kernel.t().expand(dz.shape[1], -1, -1))


def input_gradients(
    x: Tensor, kernel: Tensor, dz: Tensor, needs: Sequence[bool]
) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
    """Of x, kernel and bias, from the slopes (T, B, columns) of what :func:`project_into` gave."""
    dx = input_gradient(kernel, dz) if needs[0] else None
    rows = dz.flatten(0, 1)
    dkernel = x.transpose(0, 1).reshape(len(rows), -1).t() @ rows if needs[1] else None
    return dx, dkernel, rows.sum(0) if needs[2] else None


def present(states: Tensor, backwards: bool) -> Tensor:
    """Of states (T + 1, B, H) those after each step."""
    return states[:-1] if backwards else states[1:]


def past(states: Tensor, backwards: bool) -> Tensor:
    """Of states (T + 1, B, H) those before each step."""
    return states[1:] if backwards else states[:-1]


def order_of(backwards: bool) -> slice:
    """Takes steps in the order in which they run."""
    return slice(None, None, -1 if backwards else 1)


def walked(parts: Sequence[Tensor | None], backwards: bool) -> Iterator[tuple[Any, ...]]:
    """Parts of each step, in the order in which they run; None for what is absent."""
    count = next(len(part) for part in parts if part is not None)
    lists = [[None] * count if part is None else part.unbind(0)[order_of(backwards)] for part in parts]
    return zip(*lists, strict=True)


def chunks_back(gates: Tensor, backwards: bool) -> list[slice]:
    """Steps in groups, from the last one that ran."""
    size = max(1, _CHUNK // gates[0].numel())
    return parts_of(len(gates), -(-len(gates) // size), not backwards)


def started(slopes: Sequence[Tensor], given: Sequence[Tensor | None]) -> None:
    """Slopes of the last states, zero for None, where those of all states pass through."""
    for slope, one in zip(slopes, given, strict=True):
        slope.zero_() if one is None else slope.copy_(one)


def by_step(mask: Tensor | None) -> Tensor | None:
    """A mask (B, T) as (T, B, 1)."""
    return None if mask is None else mask.t().unsqueeze(2)


def in_order(y: Tensor, backwards: bool) -> Tensor:
    """(T, B, H) where x has its steps as (B, T, H) in the order of computation."""
    return (y.flip(0) if backwards else y).transpose(0, 1)


def masked_output(output: Tensor, mask: Tensor, sequences: bool, from_zero: bool, zero: bool) -> Tensor:
    """The outputs (B, T, H), or the last one, of states that stayed where ``mask`` (B, T) is False.

    Before the first step there is no output, so that what it repeats is 0, not the first state.

    Args:
        mask: in the order of computation.
        sequences: whether ``output`` has the axis of time.
        from_zero: whether the first states are 0.
        zero: whether the output is 0 where ``mask`` is False.
    """
    if from_zero and not zero:
        return output
    kept = mask if zero else mask.cumsum(1) > 0
    return torch.where((kept if sequences else kept[:, -1]).unsqueeze(-1), output, 0)


def pieces(gates: Tensor, features: int, recurrent_kernel: Tensor) -> int:
    """In how many pieces a sequence is walked: more than one where a helper multiplies beside the steps."""
    steps, batch, columns = gates.shape
    small = 2 * batch * recurrent_kernel.numel() <= SHARED
    large = 2 * steps * batch * columns * features >= _HELPED and steps >= 2 * _PIECES
    return _PIECES if torch.get_num_threads() > 1 and _SETTABLE and small and large else 1


def parts_of(steps: int, count: int, backwards: bool) -> list[slice]:
    """As many pieces of a sequence, in the order in which its steps run."""
    size = -(-steps // count)
    return [slice(start, start + size) for start in range(0, steps, size)[order_of(backwards)]]


def beside(task: Callable[[], object], helped: bool) -> Callable[[], object]:
    """What must be called for the task to be done; a helper may begin with it now."""
    if not helped:
        return task
    inference = torch.is_inference_mode_enabled()

    def run() -> None:
        with torch.inference_mode(inference), torch.no_grad():
            task()

    return _helper().submit(run).result


@cache
def _helper() -> ThreadPoolExecutor:
    """A thread that multiplies alone, so that nobody waits for others at each product."""
    before = torch.get_num_threads()
    pool = ThreadPoolExecutor(1, "tkeras-steps", torch.set_num_threads, (1,))
    pool.submit(int).result()
    torch.set_num_threads(before)  # of threads that are yet to come
    return pool


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_helper.cache_clear)


@contextmanager
def few_threads(h: Tensor, kernel: Tensor) -> Iterator[None]:
    """One thread for products of h with a kernel that are too small to be shared: waiting costs more."""
    before = torch.get_num_threads()
    if before == 1 or not _SETTABLE or 2 * h.shape[0] * kernel.numel() > SHARED:
        yield
        return
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
