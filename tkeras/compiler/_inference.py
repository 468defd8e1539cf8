"""Programs of prediction and evaluation, in which what depends on weights alone stands apart."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch

from tkeras.compiler._errors import TraceError
from tkeras.compiler._interpret import execute
from tkeras.compiler._program import Op, Program, Value, rewired
from tkeras.compiler._step import CompileError, input_names
from tkeras.compiler._trace import record
from tkeras.compiler.passes import debugging, optimize


def inference_program(model: Any, function: Callable[[Any], Any], batch: Any, gpu: bool = False) -> Program:
    """A function of a batch, as ``model.predict_step``, as a program after all passes.

    Raises:
        CompileError: the function cannot be traced.
    """
    try:
        with torch.no_grad():
            traced = record(
                function, (batch,), f"{model.name}.{function.__name__.strip('_')}", input_names(model, batch)
            )
    except Exception as error:
        reason = str(error) if isinstance(error, TraceError) else f"{type(error).__name__}: {error}"
        raise CompileError(reason) from error
    finally:
        model._clear_losses()
    made = optimize(traced, gpu)
    if debugging():
        made.verify()
    return made


def _split_casts(program: Program, still: set[Value]) -> Iterator[Op]:
    """The calls, of which those that cast variables and inputs at once are two."""
    for op in program.ops:
        pairs = list(zip(op.inputs, op.outputs, strict=True)) if op.name == "cast" else []
        parts = [[pair for pair in pairs if (pair[0] in still) is kept] for kept in (True, False)]
        if not all(parts):
            yield op
            continue
        for part in parts:
            inputs, outputs = zip(*part, strict=True)
            yield op.with_(inputs=inputs, outputs=outputs)


class Weights:
    """The calls of a program that depend on variables alone: folded batch normalizations, casts.

    Attributes:
        program: those calls.
        rest: the others, which read the results of the first ones as variables.
    """

    def __init__(self, program: Program):
        written = program.written()
        still = {value for value in program.captured if value not in written}
        hoisted: list[Op] = []
        kept: list[Op] = []
        for op in _split_casts(program, still):
            movable = not op.effect and bool(op.inputs) and all(v is None or v in still for v in op.inputs)
            (hoisted if movable else kept).append(op)
            if movable:
                still.update(op.outputs)
        read = {value for op in kept for value in op.inputs} | {*program.results}
        made = [value for op in hoisted for value in op.outputs if value in read]
        self.program = program.with_(
            name=f"{program.name}.weights", inputs=(), ops=tuple(hoisted), outputs=made
        )
        own = {tensor.untyped_storage()._cdata for tensor in program.captured.values()}
        self._values = {
            value: tensor if tensor.untyped_storage()._cdata in own else tensor.clone()
            for value, tensor in zip(made, self._compute(), strict=True)
        }  # a view of a variable shows what the variable holds
        new = {value: Value(value.type, f"folded_{index}", "variable") for index, value in enumerate(made)}
        captured = {value: tensor for value, tensor in program.captured.items() if value in read}
        captured.update((new[value], tensor) for value, tensor in self._values.items())
        rest = program.with_(ops=tuple(kept), captured=captured)
        self.rest = rewired(rest, kept, new)

    def _compute(self) -> list[torch.Tensor]:
        known: dict[Any, Any] = dict(self.program.captured)
        with torch.no_grad():
            for op in self.program.ops:
                operands = [None if value is None else known[value] for value in op.inputs]
                known.update(zip(op.outputs, execute(op, operands), strict=True))
        return [known[value] for value in self.program.results]

    def refresh(self) -> None:
        """Compute them again, for weights that may have changed."""
        if self._values:
            for tensor, value in zip(self._values.values(), self._compute(), strict=True):
                if tensor.data_ptr() != value.data_ptr():
                    tensor.copy_(value)
