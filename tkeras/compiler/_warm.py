"""The kernels that a program will launch, compiled ahead in parallel."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

import torch

from tkeras.compiler._program import Op, Program, Value
from tkeras_kernels.inspect import warm
from tkeras_kernels.operators import Operator, registry
from tkeras_kernels.runtime import Launch, Options, Target, device_target, recording, without_kernels
from tkeras_kernels.runtime._tuned import launch_options

LOGGER = logging.getLogger("tkeras")


def warm_up(program: Program, device: torch.device) -> list[dict[str, Any]]:
    """Compile the kernels of a program for a GPU into Triton's cache, before its first run."""
    if without_kernels(torch.empty(0, device=device)) is not None:
        return []
    target, on = device_target(device), torch.empty(0, device=device)
    launches = []
    for launch in launches_of(program, target):
        given = Options(launch.warps, launch.stages)
        found = launch_options(launch.kernel, on, launch.arguments, launch.constants, given)
        launches.append(replace(launch, warps=found.warps, stages=found.stages))
    try:
        return warm(launches, target)
    except OSError as error:  # no processes here: kernels are compiled one after the other
        LOGGER.info("kernels are not compiled ahead: %s", error)
        return []


def launches_of(program: Program, target: Target) -> list[Launch]:
    """The launches of the operators of a program on a target, forward and backward; nothing runs.

    The update of the variables is not among them: its kernel reads a table of addresses.
    """
    known: dict[Value, Any] = {}
    for value, tensor in program.captured.items():
        if isinstance(tensor, torch.Tensor):
            known[value] = torch.empty_strided(
                tensor.shape, tensor.stride(), dtype=tensor.dtype, device="meta"
            )
    saved: dict[Value, tuple[Operator, Any, dict[str, Any], tuple[Value, ...]]] = {}
    launches: list[Launch] = []
    for op in program.ops:
        try:
            with torch.no_grad(), recording(target) as found:
                fused = (op.name in registry() and not op.effect) or op.attributes.get("generated")
                made = _forward(op, known, saved) if fused else _backward(op, known, saved)
        except Exception as error:  # noqa: BLE001 - then the first launch compiles, and says what is wrong
            LOGGER.debug("kernels of %s are not compiled ahead: %s", op.name, error)
            continue
        launches += found
        for value, tensor in zip(op.outputs, made, strict=False):
            if isinstance(tensor, torch.Tensor):
                known[value] = tensor
    return launches


def _meta(value: Value | None, known: dict[Value, Any]) -> Any:
    if value is None:
        return None
    found = known.get(value)
    return torch.empty(value.type.shape, dtype=value.type.dtype, device="meta") if found is None else found


def _forward(op: Op, known: dict[Value, Any], saved: dict[Value, Any]) -> Any:
    operator = registry()[op.name]
    attributes = dict(op.attributes)
    inputs = op.inputs
    if attributes.pop("generated", False):
        inputs = op.inputs[:-1]
        attributes.update(generator=None, seed=torch.empty(1, dtype=torch.int64, device="meta"))
    saves = attributes.pop("saves", None)
    tensors = tuple(_meta(value, known) for value in inputs)
    if operator.unsupported(tensors, attributes) is not None:
        return ()
    attributes, _ = operator.split(attributes)
    if saves is None:
        made = operator.infer(*tensors, **attributes)
    else:
        made, kept = operator.forward(*tensors, **attributes)
        saved[op.outputs[-1]] = operator, kept, attributes, op.outputs[:-1]
    return made if isinstance(made, tuple) else (made,)


def _backward(op: Op, known: dict[Value, Any], saved: dict[Value, Any]) -> Any:
    """Of a call that was recorded forward; nothing for other calls."""
    source = saved.get(op.inputs[0]) if op.inputs and op.inputs[0] is not None else None
    if source is None or not op.name.endswith(".backward"):
        return ()
    operator, kept, attributes, outputs = source
    pairs = zip(op.inputs[1:], outputs, strict=True)
    gradients = tuple(_meta(output if value is None else value, known) for value, output in pairs)
    needs = op.attributes["needs"]
    found = operator.backward(kept, gradients, needs, **attributes)
    return [gradient for gradient, need in zip(found, needs, strict=False) if need]
