"""One step of training as a program."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from tkeras.compiler._differentiate import Gradients
from tkeras.compiler._errors import TraceError
from tkeras.compiler._interpret import executes
from tkeras.compiler._program import Op, Program, Value, type_of
from tkeras.compiler._tape import TapeError
from tkeras.compiler._trace import record
from tkeras.compiler.passes import debugging, optimize
from tkeras.graph._tree import flatten, leaves
from tkeras.random import SeedGenerator


def trace_step(model: Any, batch: Any) -> Program:
    """The forward half of a step: the program of prediction, loss and metrics; it returns the loss."""

    def step(data: Any) -> Any:
        return model._forward_step(data)

    try:
        return record(step, (batch,), f"{model.name}.step", input_names(model, batch))
    finally:
        model._clear_losses()


class CompileError(RuntimeError):
    """Why a step cannot be a program."""


def compile_step(model: Any, batch: Any, buffers: list[torch.Tensor]) -> tuple[Program, Any]:
    """Run one step on a batch, which is in ``buffers``, and give its program and its schedule.

    Raises:
        CompileError: the model cannot be traced, or the run cannot be replayed.
    """
    program = step_program(model, batch)
    made, _ = first_run(program, buffers, model.optimizer.variables)
    return program, made


def first_run(program: Program, buffers: list[torch.Tensor], more: Sequence[torch.Tensor] = ()) -> Any:
    """Run a program on what is in ``buffers``: its schedule, and its outputs.

    Args:
        more: tensors that the run changes beside those which the program says it changes.

    Raises:
        CompileError: the run cannot be replayed; then it has changed nothing.
    """
    from tkeras.compiler._lower import schedule

    state = [*_state(program), *more]
    before, random = [(tensor, tensor.detach().clone()) for tensor in state], torch.get_rng_state()
    try:
        return schedule(program, buffers)
    except torch.OutOfMemoryError:
        raise
    except Exception as error:
        for tensor, value in before:
            tensor.data.copy_(value)
        torch.set_rng_state(random)
        reason = str(error) if isinstance(error, TapeError) else f"{type(error).__name__}: {error}"
        raise CompileError(reason) from error


def _state(program: Program) -> list[torch.Tensor]:
    """What a run changes: variables, and the seeds of generators."""
    seeds = (op.attributes["seed"] for op in program.ops if op.name == "random.generator")
    states = [seed.state for seed in seeds if isinstance(seed, SeedGenerator)]
    return [*states, *(tensor for value, tensor in program.captured.items() if value.kind == "variable")]


def step_program(model: Any, batch: Any, gpu: bool = False) -> Program:
    """The joint program of a step, after all passes.

    Raises:
        CompileError: the model cannot be traced.
    """
    try:
        forward = trace_step(model, batch)
    except Exception as error:
        reason = str(error) if isinstance(error, TraceError) else f"{type(error).__name__}: {error}"
        raise CompileError(reason) from error
    made = joint(optimize(forward, gpu), model.optimizer, model.trainable_variables)
    if debugging():
        made.verify()
    return made


def input_names(model: Any, batch: Any) -> list[str]:
    """Names for the tensors of a batch."""
    count = sum(isinstance(leaf, torch.Tensor) for leaf in leaves(batch))
    parts = zip(("x", "y", "sample_weight"), batch if isinstance(batch, tuple) else (batch,), strict=False)
    names: list[str] = []
    own = getattr(model, "_input_names", None)
    for part, value in parts:
        size = sum(isinstance(leaf, torch.Tensor) for leaf in flatten(value))
        if part == "x" and own and len(own) == size:
            names += own
        else:
            names += [part] if size == 1 else [f"{part}{index}" for index in range(size)]
    return names if len(names) == count else [f"x{index}" for index in range(count)]


def joint(program: Program, optimizer: Any, variables: list[Any]) -> Program:
    """Forward, loss, backward, update and metrics as one program, from the forward half.

    The update comes right after the gradients, as in an eager step; what the loss does not need comes last.
    """
    by_tensor = {id(tensor): value for value, tensor in program.captured.items()}
    loss = program.results[0]
    known = [by_tensor.get(id(variable)) for variable in variables]
    gradients = Gradients(program, loss, [value for value in known if value is not None])
    captured = dict(program.captured)
    values = []
    for variable, value in zip(variables, known, strict=True):
        if value is None:
            value = Value(type_of(variable), getattr(variable, "path", "variable"), "variable")
            captured[value] = variable
        values.append(value)
    update = Op(
        "update",
        (*values, *(gradients.of.get(value) for value in values)),
        {"optimizer": optimizer},
        effect=True,
    )
    return program.with_(captured=captured, ops=(*gradients.ops, update))


@executes("update")
def update(op: Op, operands: list[Any]) -> tuple[Any, ...]:
    """Change variables, the first half of the operands, by their gradients, the second half."""
    half = len(operands) // 2
    op.attributes["optimizer"].apply(operands[half:], operands[:half])
    return ()
