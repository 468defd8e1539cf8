"""What a step costs as Python code and as a program: launches, host reads, saved activations."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from tkeras.compiler._clean import ALLOCATES
from tkeras.compiler._program import Program
from tkeras.compiler._schedule import Schedule
from tkeras.graph._tree import leaves

aten = torch.ops.aten


@dataclass(frozen=True)
class Figures:
    """Of one step of training.

    Attributes:
        launches: ATen calls that compute, eager and as a program, those of the optimizer included.
        host_reads: values of tensors that Python reads, eager and as a program.
        saved: bytes kept from the forward half for the backward one, eager and as a program.
        planned: bytes of the planned memory, without and with sharing.
        peak: most bytes of the program alive at once, with what torch allocates for itself.
    """

    launches: tuple[int, int]
    host_reads: tuple[int, int]
    saved: tuple[int, int]
    planned: tuple[int, int]
    peak: int

    def rows(self) -> list[tuple[str, str, str]]:
        """For a table: what, before, after."""
        pairs = [
            ("launches a step", map(str, self.launches)),
            ("host reads a step", map(str, self.host_reads)),
            ("saved activations", map(readable, self.saved)),
            ("memory of intermediate results", map(readable, self.planned)),
            ("most bytes of them at once", iter(("", readable(self.peak)))),
        ]
        return [(name, next(pair), next(pair)) for name, pair in pairs]


def readable(size: float) -> str:
    """A number of bytes with a unit."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024 or unit == "GiB":
            return f"{size:.0f} B" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return ""


class Counter(TorchDispatchMode):
    """Counts the calls that compute and the values that are read on the host."""

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """See :class:`Watch`."""
        return False

    def __init__(self) -> None:
        super().__init__()
        self.launches = self.reads = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is aten._local_scalar_dense.default:
            self.reads += 1
        elif not func.is_view and func.overloadpacket.__name__ not in _FREE:
            self.launches += 1
        return func(*args, **(kwargs or {}))


_FREE = ALLOCATES | {"_unsafe_view", "detach", "lift_fresh", "alias"}


def count(function: Callable[[], Any]) -> tuple[int, int]:
    """Launches and host reads of a function."""
    with Counter() as counter:
        function()
    return counter.launches, counter.reads


def step_figures(model: Any, batch: Any) -> tuple[Figures, Program, Program]:
    """Cost of a step of a compiled model on a batch, with the program as traced and after all passes.

    Weights, optimizer and seeds are afterwards what they were.

    Raises:
        CompileError: the model has no program.
    """
    from tkeras.compiler._step import compile_step, trace_step

    with unchanged(model):
        model._learn(batch)  # builds whatever is not built yet
        eager = count(lambda: model._learn(batch))
        saved = _saved(model, batch)
        before = trace_step(model, batch)
        buffers = [leaf.clone() for leaf in leaves(batch) if isinstance(leaf, torch.Tensor)]
        after, schedule = compile_step(model, batch, buffers)
        ours = count(schedule.run)
    memory = schedule.memory
    figures = Figures(
        (eager[0], ours[0]), (eager[1], ours[1]), (saved, kept_bytes(schedule)),
        (memory.unshared + memory.apart, memory.total + memory.apart), memory.peak,
    )  # fmt: skip
    return figures, before, after


def _saved(model: Any, batch: Any) -> int:
    """Bytes that torch's autograd keeps of a forward half, variables and inputs not counted."""
    own = [
        *model.weights,
        *model.metrics_variables,
        *(leaf for leaf in leaves(batch) if isinstance(leaf, torch.Tensor)),
    ]
    known = {tensor.untyped_storage()._cdata for tensor in own}
    found: dict[int, Any] = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage._cdata not in known:
            found[storage._cdata] = storage
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        loss = model._forward_step(batch)
    del loss
    return sum(storage.nbytes() for storage in found.values())


def kept_bytes(schedule: Schedule) -> int:
    """Bytes that live from the forward half of a schedule into the backward one."""
    calls = schedule.calls
    edge = next((i for i, call in enumerate(calls) if ".backward" in call.label), len(calls))
    first: dict[int, int] = {}
    for index, call in enumerate(calls):
        for storage in call.fresh:
            first.setdefault(storage, index)
    last = schedule.memory.last
    alive = [s for s, index in first.items() if index < edge <= last.get(s, -1) < len(calls)]
    return sum(schedule.sizes[storage] for storage in alive)


@contextmanager
def unchanged(model: Any) -> Iterator[None]:
    """Put variables, optimizer, seeds and torch's random state back afterwards."""
    from tkeras.random import SeedGenerator

    tensors = [*model.weights, *model.metrics_variables]
    for layer in model._flat_layers():
        kept = vars(layer).values()
        tensors += [value.state for value in kept if isinstance(value, SeedGenerator)]
        tensors += [leaf for leaf in leaves(vars(layer).get("states")) if isinstance(leaf, torch.Tensor)]
    optimizer = model.optimizer
    if optimizer is not None and not optimizer.built:
        optimizer.build(model.trainable_variables)
    tensors += optimizer.variables if optimizer is not None else []
    before = [(tensor, tensor.detach().clone()) for tensor in tensors]
    state = torch.get_rng_state()
    try:
        yield
    finally:
        torch.set_rng_state(state)
        for tensor, value in before:
            tensor.data.copy_(value)
