"""Running a program call by call."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch

from tkeras.bridge import call
from tkeras.compiler._program import Op, Program, ProgramError, Slot, Value, map_values
from tkeras.compiler._symbols import Unbound
from tkeras.graph._tree import flatten
from tkeras.random import generator
from tkeras_kernels.operators import next_seed, registry

Execute = Callable[..., Any]
EXECUTE: dict[str, Execute] = {}
"""How calls that are no operator run: name → function of the call and its operands."""


def executes(name: str) -> Callable[[Execute], Execute]:
    """Decorator: this function runs the calls of a name."""

    def register(function: Execute) -> Execute:
        EXECUTE[name] = function
        return function

    return register


def run(program: Program, tensors: Any) -> Any:
    """The outputs of a program for inputs in its order."""
    given = flatten(tensors)
    if len(given) != len(program.inputs):
        raise ValueError(f"Expected {len(program.inputs)} inputs. Received: {len(given)}")
    for value, tensor in zip(program.inputs, given, strict=True):
        if tuple(tensor.shape) != value.type.shape or tensor.dtype != value.type.dtype:
            raise ValueError(
                f"Input {value.name!r}: expected {value.type}. Received: shape={tuple(tensor.shape)}, "
                f"dtype={tensor.dtype}"
            )
    known: dict[Any, Any] = dict(zip(program.inputs, given, strict=True))
    for value, tensor in program.captured.items():
        if isinstance(tensor, Unbound):
            raise ProgramError(f"{tensor.name!r} is not bound: pass it to `parse` in `bindings`.")
        known[value] = tensor
    last = {value: op for op in program.ops for value in op.inputs}
    kept = {*program.inputs, *program.captured, *program.results}
    for op in program.ops:
        operands = [None if value is None else known[value] for value in op.inputs]
        results = execute(op, operands)
        known.update(zip(op.outputs, results, strict=True))
        for value in op.inputs:
            if value is not None and last[value] is op and value not in kept:
                known.pop(value, None)
    return map_values(lambda leaf: known[leaf] if isinstance(leaf, Value) else leaf, program.outputs)


def execute(op: Op, operands: list[Any]) -> tuple[Any, ...]:
    """The results of one call."""
    if op.attributes.get("saves"):
        return saving(op, operands)
    if op.name.endswith(".backward"):
        return backward(op, operands)
    special = EXECUTE.get(op.name)
    if special is not None:
        return special(op, operands)
    operator = registry().get(op.name)
    if operator is None:
        raise ProgramError(f"There is no operator {op.name!r}.")
    arguments, attributes = operands, dict(op.attributes)
    drawn = attributes.pop("generated", False)
    if drawn:
        *arguments, attributes["seed" if drawn == "seed" else "generator"] = operands
    return results_of(call(operator, *arguments, **attributes))


def results_of(made: Any) -> tuple[Any, ...]:
    """The tensors that a call gave, whatever holds them."""
    return tuple(leaf for leaf in flatten(made) if isinstance(leaf, torch.Tensor))


@executes("torch.call")
def torch_call(op: Op, operands: list[Any]) -> tuple[Any, ...]:
    """A torch function; with ``clones`` it changes a copy of that operand, which is the first result."""
    target = op.attributes.get("clones")
    if target is not None:
        operands = [*operands]
        operands[target] = operands[target].clone()
    args, kwargs = map_values(
        lambda leaf: operands[leaf.index] if isinstance(leaf, Slot) else leaf,
        (op.attributes.get("args", ()), op.attributes.get("kwargs", {})),
    )
    writes = op.attributes.get("writes")
    if writes is not None:
        with torch.no_grad():
            made = op.function(*args, **kwargs)
        return results_of(made)[: len(op.outputs)]
    made = op.function(*args, **kwargs)
    if target is not None:
        return (operands[target], *(r for r in results_of(made) if r is not operands[target]))
    return results_of(made)


@executes("random.generator")
def random_generator(op: Op, operands: list[Any]) -> tuple[Any, ...]:
    """A generator of random numbers with the next seed."""
    return (generator(op.attributes["seed"], torch.device(op.attributes["device"])),)


@executes("random.seed")
def random_seed(op: Op, operands: list[Any]) -> tuple[Any, ...]:
    """The next seed of a state on the device."""
    return (next_seed(operands[0]),)


class Saved:
    """What a forward call keeps: its results with torch's record of that call alone, and its operands."""

    def __init__(self, results: tuple[Any, ...], leaves: list[Any]):
        self.results, self.leaves = results, leaves


def saving(op: Op, operands: list[Any]) -> tuple[Any, ...]:
    """A call that will be differentiated: its results apart from any graph, then what its backward needs."""
    attributes: Mapping[str, Any] = {key: value for key, value in op.attributes.items() if key != "saves"}
    plain = op.with_(attributes=attributes, outputs=op.outputs[:-1])
    with torch.enable_grad():
        needs = op.attributes["saves"]
        leaves = [_leaf(operand) if need else operand for operand, need in zip(operands, needs, strict=True)]
        results = execute(plain, leaves)
    return (*(result.detach() for result in results), Saved(results, leaves))


def _leaf(operand: torch.Tensor) -> torch.Tensor:
    return operand.detach().requires_grad_()


class _Seed(torch.autograd.Function):
    """A number whose gradient gives results theirs.

    `torch.autograd.grad` gets no gradients of results: to compare shapes it would import sympy, which takes
    longer than making a program.
    """

    @staticmethod
    def forward(ctx: Any, gradients: tuple[Any, ...], *results: torch.Tensor) -> torch.Tensor:
        ctx.gradients = gradients
        return torch.empty(())

    @staticmethod
    def backward(ctx: Any, *unit: Any) -> Any:
        return None, *ctx.gradients


def backward(op: Op, operands: list[Any]) -> tuple[Any, ...]:
    """The gradients of the operands of a saved call, by the backward of that call alone; None where zero."""
    saved, *gradients = operands
    pairs = [
        (result, gradient)
        for result, gradient in zip(saved.results, gradients, strict=True)
        if gradient is not None and result.requires_grad
    ]
    needs = op.attributes["needs"]
    leaves = [leaf for leaf, need in zip(saved.leaves, needs, strict=True) if need]
    if not pairs:
        return (None,) * len(leaves)
    results, given = zip(*pairs, strict=True)
    if all(result.is_cpu for result in results):
        with torch.enable_grad():
            seed = _Seed.apply(given, *results)
        found = torch.autograd.grad(seed, leaves, allow_unused=True)
    else:
        found = torch.autograd.grad(results, leaves, given, allow_unused=True)
    saved.results = saved.leaves = ()
    return found


@executes("accumulate")
def accumulate(op: Op, operands: list[Any]) -> tuple[Any, ...]:
    """The sum of two gradients, of which None is zero."""
    first, second = operands
    if first is None or second is None:
        return (second if first is None else first,)
    return (first + second,)
