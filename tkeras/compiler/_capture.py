"""Steps on a GPU as one CUDA graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from tkeras.compiler._interpret import execute
from tkeras.compiler._program import Op, Program, Value, map_values
from tkeras.random import draw_seed

Tensor = torch.Tensor


class Captured:
    """A program that runs one or more times in a row as one graph.

    Making one runs the program for real, once for each batch, on a stream of its own: kernels are compiled
    and chosen then. The graph is captured afterwards, which computes nothing.

    Args:
        program: what runs, with all its effects.
        batches: the tensors of each batch; their sizes are those of all later ones.
        pool: memory that graphs share, from :func:`pool`.

    Attributes:
        buffers: where the graph reads each batch.
        outputs: what the program returned for each batch, in memory that every run writes.
        reason: why the capture failed, as for a value that is read on the host; None if it did not. The
            batches have been run in either case.
        first: the outputs of the run that was no replay.
    """

    def __init__(self, program: Program, batches: Sequence[Sequence[Tensor]], pool: Any = None):
        self.program = program
        self.buffers = [[tensor.clone() for tensor in batch] for batch in batches]
        self._generators: list[tuple[torch.Generator, Any]] = []
        self.graph = torch.cuda.CUDAGraph()
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            self.first = [self._run(batch) for batch in self.buffers]
        torch.cuda.current_stream().wait_stream(stream)
        seeds, self._generators = self._generators, []
        self._made = iter([source for source, _ in seeds])
        self.reason: str | None = None
        try:
            for source, _ in seeds:
                self.graph.register_generator_state(source)
            with torch.cuda.graph(self.graph, pool=pool):
                self.outputs = [self._run(batch) for batch in self.buffers]
        except RuntimeError as error:
            self.reason = "the step cannot be captured: " + str(error).split("\n")[0]
        self._generators = seeds

    def __call__(self, batches: Sequence[Sequence[Tensor]]) -> list[Any]:
        """Run on these batches, and give :attr:`outputs`; nothing waits for the device."""
        for own, given in zip(self.buffers, batches, strict=True):
            for buffer, tensor in zip(own, given, strict=True):
                if buffer is not tensor:
                    buffer.copy_(tensor, non_blocking=True)
        for source, seed in self._generators:
            source.manual_seed(draw_seed(seed))
        self.graph.replay()
        return self.outputs

    outputs: Any = ()
    _made: Any = iter(())

    def _run(self, inputs: Sequence[Tensor]) -> Any:
        program = self.program
        known: dict[Any, Any] = dict(zip(program.inputs, inputs, strict=True))
        known.update(program.captured)
        last = {value: op for op in program.ops for value in op.inputs}
        kept = {*program.captured, *program.results}
        with torch.no_grad():
            for op in program.ops:
                operands = [None if value is None else known[value] for value in op.inputs]
                results = self._source(op) if op.name == "random.generator" else execute(op, operands)
                known.update(zip(op.outputs, results, strict=True))
                for value in op.inputs:
                    if value is not None and last[value] is op and value not in kept:
                        known.pop(value, None)
        return map_values(lambda leaf: known[leaf] if isinstance(leaf, Value) else leaf, program.outputs)

    def _source(self, op: Op) -> tuple[torch.Generator]:
        """A generator: a new one with the next seed at first, the same one again while capturing."""
        source = next(self._made, None)
        if source is None:
            source = torch.Generator(op.attributes["device"])
            source.manual_seed(draw_seed(op.attributes["seed"]))
            self._generators.append((source, op.attributes["seed"]))
        return (source,)


def pool() -> Any:
    """Memory that several graphs share, as they never run at once."""
    return torch.cuda.graph_pool_handle()


def host_bound(optimizer: Any) -> str | None:
    """Why an optimizer's update cannot be captured, None if it can."""
    from tkeras.optimizers.schedules import LearningRateSchedule

    for part in optimizers_in(optimizer):
        if part.gradient_accumulation_steps:
            return "accumulated gradients are counted on the host"
        if part.use_ema and part.ema_overwrite_frequency:
            return "the steps between two overwrites of the weights by their averages are counted on the host"
        rate = part._learning_rate
        if callable(rate) and not isinstance(rate, (torch.Tensor, LearningRateSchedule)):
            return "the learning rate is a Python function"
    return None


def optimizers_in(optimizer: Any) -> list[Any]:
    """The optimizers that count steps: inside a loss scale, and each of several."""
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    return [inner, *getattr(inner, "optimizers", ())]
