"""Batch renormalization (Ioffe, 2017): what `BatchNormalization` does in training with ``renorm=True``."""

from __future__ import annotations

from typing import Any

import torch

from tkeras.bridge import call
from tkeras_kernels import operators
from tkeras_kernels.pointwise import pointwise


def check_clipping(clipping: dict[str, float]) -> dict[str, float]:
    """The bounds, if they make sense.

    Raises:
        ValueError: unknown names, ``rmax < rmin`` or a negative ``dmax``.
    """
    names = ("rmax", "rmin", "dmax")
    if set(clipping) - set(names):
        raise ValueError(
            f"Received invalid keys for `renorm_clipping` argument: {clipping}. Supported values: {names}."
        )
    rmax, rmin, dmax = (clipping.get(name) for name in names)
    if rmax is not None and rmin is not None and rmax < rmin:
        raise ValueError(
            f"rmax should be greater than rmin in `renorm_clipping`. Received: {rmax=}, {rmin=}."
        )
    if dmax is not None and dmax < 0:
        raise ValueError(f"dmax should be non-negative in `renorm_clipping`. Received: {dmax=}.")
    return clipping


def renormalize(layer: Any, inputs: Any, mask: Any) -> Any:
    """Normalize with the batch's statistics, corrected towards ``layer``'s moving ones, and move those.

    ``y = (x − mean) / stddev · r + d`` with ``r = stddev / renorm_stddev`` and ``d = (mean − renorm_mean) /
    renorm_stddev``, both clipped and taken as constants; then gamma and beta.
    """
    wide = inputs.float() if inputs.dtype in (torch.float16, torch.bfloat16) else inputs
    outputs, mean, variance = call(
        operators.batch_norm, wide, None, None, layer.moving_mean, layer.moving_variance, mask,
        axis=layer.axis, epsilon=layer.epsilon, momentum=0.0, training=True,
    )  # fmt: skip
    stddev = torch.sqrt(variance + layer.epsilon)
    r, d = _correction(layer, mean, stddev)
    if layer.gamma is not None:
        r, d = r * layer.gamma, d * layer.gamma
    if layer.beta is not None:
        d = d + layer.beta
    if not inputs.is_meta:
        _move(layer, mean, stddev)
    shape = [1] * wide.dim()
    shape[layer.axis] = -1
    r, d = (value.to(wide.dtype).reshape(shape) for value in (r, d))
    return call(operators.map, outputs, r, d, fn=pointwise(_line, arity=3)).to(inputs.dtype)


def _line(x: Any, r: Any, d: Any) -> Any:
    return x * r + d


@torch.no_grad()
def _correction(layer: Any, mean: Any, stddev: Any) -> tuple[Any, Any]:
    reference = layer.renorm_stddev.clamp_min(layer.epsilon**0.5)
    bounds = layer.renorm_clipping
    r, d = stddev / reference, (mean - layer.renorm_mean) / reference
    if bounds.get("rmin") is not None or bounds.get("rmax") is not None:
        r = r.clamp(bounds.get("rmin"), bounds.get("rmax"))
    if bounds.get("dmax") is not None:
        d = d.clamp(-bounds["dmax"], bounds["dmax"])
    return r, d


@torch.no_grad()
def _move(layer: Any, mean: Any, stddev: Any) -> None:
    moves = (
        (layer.renorm_mean, mean, layer.renorm_momentum),
        (layer.renorm_stddev, stddev, layer.renorm_momentum),
        (layer.moving_mean, mean, layer.momentum),
        (layer.moving_stddev, stddev, layer.momentum),
    )
    for variable, new, momentum in moves:
        variable.assign(variable * momentum + new * (1 - momentum))
    layer.moving_variance.assign((layer.moving_stddev.square() - layer.epsilon).clamp_min(0))
