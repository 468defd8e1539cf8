"""A program as a schedule: it runs once, which records what ATen does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from tkeras.compiler._clean import clean, placed
from tkeras.compiler._interpret import execute
from tkeras.compiler._join import join
from tkeras.compiler._program import Op, Program, Value, map_values
from tkeras.compiler._schedule import Schedule
from tkeras.compiler._tape import Tape, TapeError, TapeRecorder, refs_in, storages_in
from tkeras.optimizers._packed import held_places
from tkeras.random import draw_seed

Tensor = torch.Tensor


def schedule(program: Program, inputs: Sequence[Tensor]) -> tuple[Schedule, Any]:
    """Run a program and keep the run.

    Args:
        program: what runs, with all its effects.
        inputs: tensors whose memory later runs read their inputs from.

    Returns:
        the schedule, and the outputs of this run.

    Raises:
        TapeError: something that cannot be replayed, as a value that is read on the host.
    """
    places = _gradient_places(program)
    changing = [tensor for value, tensor in program.captured.items() if value.kind != "constant"]
    recorder = TapeRecorder([*inputs, *changing])
    fixed = {
        recorder.outside(tensor).storage
        for value, tensor in program.captured.items() if value.kind == "constant"
    }  # fmt: skip
    recorder.fixed |= fixed
    known: dict[Any, Any] = dict(zip(program.inputs, inputs, strict=True))
    known.update(program.captured)
    last = {value: op for op in program.ops for value in op.inputs}
    kept = {*program.results, *known}
    with torch.no_grad(), held_places(), recorder:
        for op in program.ops:
            operands = [None if value is None else known[value] for value in op.inputs]
            recorder.label = f"{op.name} {op.layer}" if op.layer else op.name
            known.update(zip(op.outputs, _execute(recorder, op, operands), strict=True))
            for value in op.inputs:
                if value is not None and last[value] is op and value not in kept:
                    known.pop(value, None)
    outputs = map_values(lambda leaf: known[leaf] if isinstance(leaf, Value) else leaf, program.outputs)
    results = recorder.refs(outputs)
    clean(recorder.tape, storages_in(results), fixed)
    join(recorder.tape)
    homes = _homes(recorder.tape, places, storages_in(results))
    made = Schedule(recorder.tape, results, homes, [recorder.ref(tensor) for tensor in inputs])
    recorder.tape.values.clear()
    return made, outputs


def _gradient_places(program: Program) -> Sequence[Tensor] | None:
    """Where the optimizer wants the gradients; it moves its variables, if it does, before all is recorded."""
    for op in program.ops:
        if op.name == "update":
            half = len(op.inputs) // 2
            pairs = zip(op.inputs[:half], op.inputs[half:], strict=True)
            variables = [
                program.captured[v] for v, gradient in pairs if v is not None and gradient is not None
            ]
            return op.attributes["optimizer"].gradient_places(variables) if variables else None
    return None


def _homes(tape: Tape, places: Sequence[Tensor] | None, results: set[int]) -> dict[int, Tensor]:
    """The places of gradients that are made in one piece by calls which write into given memory."""
    homes: dict[int, Tensor] = {}
    if places is None:
        return homes
    update = next(call for call in tape.calls if call.label == "update")
    made = {storage for call in tape.calls if placed(call) is not None for storage in call.fresh} - results
    for ref, place in zip(refs_in(update.args), places, strict=True):
        whole = (tuple(place.shape), place.stride(), place.dtype, place.nbytes)
        same = (ref.size, ref.stride, ref.dtype, tape.sizes[ref.storage]) == whole and ref.offset == 0
        if same and ref.storage in made and ref.storage not in homes:
            homes[ref.storage] = place
    return homes


def _execute(recorder: TapeRecorder, op: Op, operands: list[Any]) -> tuple[Any, ...]:
    if op.name == "random.generator":
        source = torch.Generator(op.attributes["device"])
        recorder.python(lambda: source.manual_seed(draw_seed(op.attributes["seed"])) and None, ())
        return (source,)
    if op.name == "update":
        optimizer, variables = op.attributes["optimizer"], operands[: len(operands) // 2]
        update = optimizer.updater(variables)
        recorder.python(update, (operands[len(variables) :],), writes=variables)
        return ()
    if operands and isinstance(operands[0], _Whole):
        return operands[0].backward(recorder, op, operands[1:])
    before = len(recorder.tape.calls)
    try:
        return execute(op, operands)
    except TapeError:
        if op.effect:
            raise
        del recorder.tape.calls[before:]
        return _Whole().forward(recorder, op, operands)


class _Whole:
    """A call that looks at values on the host: Python code in every step, differentiated by torch."""

    saved: Any = None

    def forward(self, recorder: TapeRecorder, op: Op, operands: list[Any]) -> tuple[Any, ...]:
        saves = bool(op.attributes.get("saves"))

        def run(*given: Any) -> tuple[Any, ...]:
            results = execute(op, list(given))
            if saves:
                *results, self.saved = results
            return tuple(result.clone() for result in results)

        made = recorder.python(run, tuple(operands))
        return (*made, self) if saves else made

    def backward(self, recorder: TapeRecorder, op: Op, gradients: list[Any]) -> tuple[Any, ...]:
        def run(*given: Any) -> tuple[Any, ...]:
            found = execute(op, [self.saved, *given])
            return tuple(None if gradient is None else gradient.clone() for gradient in found)

        return recorder.python(run, tuple(gradients))
