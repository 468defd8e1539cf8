"""What passes have in common."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

import torch

from tkeras.compiler._program import Op, Program, Slot, Value, rewired
from tkeras_kernels.operators import registry

Pass = Callable[[Program], Program]


def functions(*names: str) -> frozenset[Any]:
    """Torch's functions of these names: ``add`` means ``torch.add``, ``Tensor.add`` and the operators."""
    owners = (torch, torch.Tensor, torch.nn.functional)
    forms = [form for name in names for form in (name, f"__{name}__", f"__r{name}__")]
    found = (getattr(owner, form, None) for owner in owners for form in forms)
    return frozenset(function for function in found if callable(function))


def calls(op: Op, known: frozenset[Any]) -> bool:
    """Whether a call is one of these torch functions, without an effect."""
    return (
        op.name == "torch.call"
        and not op.effect
        and "clones" not in op.attributes
        and _in(op.function, known)
    )


def _in(function: Any, known: frozenset[Any]) -> bool:
    try:
        return function in known
    except TypeError:
        return False


def arguments(op: Op) -> tuple[Any, ...]:
    """The positional arguments of a torch function, with operands in place of their slots."""
    return tuple(op.inputs[a.index] if isinstance(a, Slot) else a for a in op.attributes.get("args", ()))


def torch_op(
    function: Any, args: Iterable[Any], types: Iterable[Any], layer: str | None = None, **named: Any
) -> Op:
    """A call of a torch function, whose arguments may be values, also in lists."""
    operands: list[Value] = []

    def slot(argument: Any) -> Any:
        if isinstance(argument, Value):
            if argument not in operands:
                operands.append(argument)
            return Slot(operands.index(argument))
        return [slot(item) for item in argument] if isinstance(argument, list) else argument

    attributes: dict[str, Any] = {"fn": function, "args": tuple(map(slot, args))}
    if named:
        attributes["kwargs"] = named
    return Op("torch.call", tuple(operands), attributes, tuple(map(Value, types)), layer)


def pure(op: Op, written: set[Value]) -> bool:
    """Whether a call gives the same for the same operands wherever it stands."""
    return not op.effect and not any(value in written for value in op.inputs)


@cache
def takes(name: str, parameter: str) -> bool:
    """Whether an operator has a parameter."""
    operator = registry().get(name)
    return operator is not None and parameter in inspect.signature(operator.reference).parameters


def only_use(uses: dict[Value, list[Op]], results: set[Value], value: Value) -> Op | None:
    """The single call that reads a value, None where there are others or it is returned."""
    found = uses.get(value, [])
    return found[0] if len(found) == 1 and value not in results else None


def replaced(program: Program, old: dict[Op, list[Op]], values: dict[Value, Value]) -> Program:
    """The program with calls in place of others, and values in place of others."""
    return rewired(program, [new for op in program.ops for new in old.get(op, [op])], values)
