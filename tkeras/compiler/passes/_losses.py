"""Losses and the activations before them."""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F

from tkeras.compiler._program import Op, Program, Value
from tkeras.compiler.passes._composed import unary
from tkeras.compiler.passes._rewrite import arguments, calls, functions, only_use, replaced, torch_op
from tkeras_kernels import library
from tkeras_kernels.pointwise import pointwise

_CLAMP = functions("clamp", "clip")
_ENTROPY = frozenset({F.binary_cross_entropy})
_SIGMOID = pointwise(library.sigmoid)


def fuse_losses(program: Program) -> Program:
    """Cross-entropy of clipped sigmoids is computed from logits, clipped where the sigmoids were.

    ``clip(sigmoid(z), e, 1 - e) = sigmoid(clip(z, -l, l))`` with ``l = log((1 - e) / e)``: values and
    gradients are the same, and no logarithm of a rounded probability is taken.
    """
    uses, results, made = program.uses(), set(program.results), program.producers()
    old: dict[Op, list[Op]] = {}
    for loss in program.ops:
        found = _match(loss, made) if calls(loss, _ENTROPY) else None
        if found is None:
            continue
        clip, source, epsilon = found
        if only_use(uses, results, clip.outputs[0]) is not loss or source in old:
            continue
        logits, before = _without_sigmoid(source)
        limit = math.log((1.0 - epsilon) / epsilon)
        bounded = torch_op(torch.clamp, (logits, -limit, limit), [logits.type], loss.layer)
        _, target = arguments(loss)[:2]
        named = {key: value for key, value in loss.attributes.get("kwargs", {}).items() if key == "reduction"}
        fused = torch_op(
            F.binary_cross_entropy_with_logits, (bounded.outputs[0], target), [], loss.layer, **named
        )
        old[source], old[clip] = before, []
        old[loss] = [bounded, fused.with_(outputs=loss.outputs)]
    return replaced(program, old, {})


def _match(loss: Op, made: dict[Value, Op]) -> tuple[Op, Op, float] | None:
    """Clip, sigmoid and its margin before a cross-entropy."""
    named = loss.attributes.get("kwargs", {})
    if named.get("weight") is not None or len(arguments(loss)) != 2:
        return None
    clip = made.get(arguments(loss)[0])
    given = arguments(clip) if clip is not None and calls(clip, _CLAMP) else ()
    if clip is None or len(given) != 3 or not all(type(number) is float for number in given[1:]):
        return None
    _, low, high = given
    source = made.get(given[0])
    if source is None or not 0 < low < 0.5 or not math.isclose(low + high, 1.0, abs_tol=1e-12):
        return None
    ends = source.attributes.get("activation") is _SIGMOID or unary(source) is _SIGMOID
    return (clip, source, low) if ends else None


def _without_sigmoid(source: Op) -> tuple[Value, list[Op]]:
    """The logits, and the calls that make them and the probabilities."""
    if source.attributes.get("activation") is not _SIGMOID:
        (logits,) = source.inputs
        assert logits is not None
        return logits, [source]
    logits = Value(source.outputs[0].type)
    attributes: dict[str, Any] = {**source.attributes, "activation": None}
    bare = source.with_(attributes=attributes, outputs=(logits,))
    return logits, [bare, Op("map", (logits,), {"fn": _SIGMOID}, source.outputs, source.layer)]
