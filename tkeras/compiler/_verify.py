"""What every program must satisfy."""

from __future__ import annotations

from collections.abc import Mapping

from tkeras.compiler._program import Op, Program, ProgramError, Slot, Value, map_values, values_in


def verify(program: Program, lines: Mapping[Op, int] | None = None, end: int | None = None) -> None:
    """Check a program.

    Every operand is defined once and before it is read, every captured value has a tensor of its type, the
    places in the arguments of a torch function are those of its operands, and only variables are written.

    Args:
        program: what is checked.
        lines: of the calls in the text, for errors.
        end: the line that returns.

    Raises:
        ProgramError: with the line, or the number, of the call at fault.
    """
    known: set[Value] = set()
    for value in (*program.inputs, *program.captured):
        if value in known:
            raise ProgramError(f"argument {value.name!r} is given twice")
        known.add(value)
    for value, tensor in program.captured.items():
        shape = getattr(tensor, "shape", None)
        if shape is not None and (tuple(shape), tensor.dtype) != (value.type.shape, value.type.dtype):
            raise ProgramError(
                f"{value.name!r} is {value.type}, but its tensor is {tuple(shape)} {tensor.dtype}"
            )
    for index, op in enumerate(program.ops):
        problem = _problem(op, known)
        if problem is not None:
            place = f"line {lines[op]}" if lines and op in lines else f"call {index} ({op.name})"
            raise ProgramError(f"{place}: {problem}")
        known.update(op.outputs)
    for value in values_in(program.outputs):
        if value not in known:
            raise ProgramError(f"{'return' if end is None else f'line {end}'}: a value that no call makes")


def _problem(op: Op, known: set[Value]) -> str | None:
    """What is wrong with a call, None if nothing is."""
    if any(value is not None and value not in known for value in op.inputs):
        return "an operand that is not made by an earlier call"
    if len({*op.outputs}) != len(op.outputs) or any(value in known for value in op.outputs):
        return "a result that is defined already"
    target = op.attributes.get("writes")
    if target is not None:
        written = op.inputs[target] if isinstance(target, int) and 0 <= target < len(op.inputs) else None
        if written is None or written.kind != "variable" or not op.effect:
            return "`writes` must be the place of a variable, and the call an effect"
    if op.name != "torch.call":
        return None
    if not callable(op.function):
        return f"`fn` must be a function. Received: {op.function!r}"
    slots: list[int] = []
    map_values(
        lambda leaf: slots.append(leaf.index) if isinstance(leaf, Slot) else None,
        (op.attributes.get("args", ()), op.attributes.get("kwargs", {})),
    )
    if sorted({*slots}) != list(range(len(op.inputs))):
        return f"`args` and `kwargs` must name the operands $0 to ${len(op.inputs) - 1}"
    return None
