"""Normalization against its formulas in float64, and against Keras layers, which compute in float32."""

from __future__ import annotations

import os
from typing import Any

os.environ["KERAS_BACKEND"] = "torch"

import keras
import pytest
import torch

from tkeras_kernels.operators._references import batch_norm, group_norm, layer_norm, rms_norm


def normal(*shape: int) -> torch.Tensor:
    return torch.randn(shape, dtype=torch.float64) * 2 + 3


def built(layer: Any, x: torch.Tensor) -> Any:
    """The layer with random weights; variances stay positive."""
    layer.build(tuple(x.shape))
    for weight in layer.weights:
        weight.assign(torch.rand(tuple(weight.shape), dtype=torch.float64) + 0.5)
    return layer


def values(layer: Any, *names: str) -> list[torch.Tensor | None]:
    found = [getattr(layer, name) for name in names]
    return [None if variable is None else variable.value.detach().clone() for variable in found]


def same(y: torch.Tensor, expected: torch.Tensor, leaf: torch.Tensor, tolerance: float = 1e-9) -> None:
    """Both have the same value and the same gradient."""
    torch.testing.assert_close(y, expected, rtol=tolerance, atol=tolerance)
    seed = torch.randn_like(y)
    (ours,) = torch.autograd.grad(y, leaf, seed, retain_graph=True)
    (theirs,) = torch.autograd.grad(expected, leaf, seed, retain_graph=True)
    torch.testing.assert_close(ours, theirs, rtol=tolerance, atol=tolerance)


def formula(
    x: torch.Tensor,
    axes: tuple[int, ...],
    gamma: torch.Tensor | None,
    beta: torch.Tensor | None,
    epsilon: float,
    parameter_axes: tuple[int, ...],
) -> torch.Tensor:
    """Subtract the mean over ``axes``, divide by the standard deviation, scale and shift."""
    mean = x.mean(axes, keepdim=True)
    variance = (x - mean).square().mean(axes, keepdim=True)
    shape = [size if axis in {a % x.ndim for a in parameter_axes} else 1 for axis, size in enumerate(x.shape)]
    y = (x - mean) / (variance + epsilon).sqrt()
    y = y if gamma is None else y * gamma.view(shape)
    return y if beta is None else y + beta.view(shape)


KERAS = 5e-4
"""What its float32 with a variance from the difference of squares is good for at a mean of 3."""
BN = ("gamma", "beta", "moving_mean", "moving_variance")


@pytest.mark.parametrize("shape", [(17, 5), (3, 7, 5), (3, 4, 6, 5), (2, 3, 2, 4, 5)])
@pytest.mark.parametrize("axis", [-1, 1])
@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("training", [True, False])
def test_batch_norm(shape: tuple[int, ...], axis: int, affine: bool, training: bool) -> None:
    x = normal(*shape).requires_grad_()
    layer = keras.layers.BatchNormalization(
        axis=axis, epsilon=1e-2, momentum=0.8, center=affine, scale=affine, dtype="float64"
    )
    before = values(built(layer, x), *BN)
    expected = layer(x, training=training)
    y, mean, variance = batch_norm.reference(
        x, *before, axis=axis, epsilon=1e-2, momentum=0.8, training=training
    )
    same(y, expected, x, KERAS)
    torch.testing.assert_close(
        [mean, variance], values(layer, "moving_mean", "moving_variance"), rtol=KERAS, atol=KERAS
    )
    if training:
        others = tuple(a for a in range(x.ndim) if a != axis % x.ndim)
        same(y, formula(x, others, before[0], before[1], 1e-2, (axis,)), x)


def test_batch_norm_mask() -> None:
    x = normal(3, 7, 5).requires_grad_()
    mask = torch.rand(3, 7) > 0.4
    layer = keras.layers.BatchNormalization(epsilon=1e-2, momentum=0.8, dtype="float64")
    before = values(built(layer, x), *BN)
    expected = layer(x, training=True, mask=mask)
    poisoned = torch.where(mask.unsqueeze(-1), x, torch.nan)
    y, mean, variance = batch_norm.reference(x, *before, mask, epsilon=1e-2, momentum=0.8, training=True)
    same(y, expected, x, KERAS)
    torch.testing.assert_close(
        [mean, variance], values(layer, "moving_mean", "moving_variance"), rtol=KERAS, atol=KERAS
    )
    again = batch_norm.reference(poisoned, *before, mask=mask, epsilon=1e-2, momentum=0.8, training=True)
    torch.testing.assert_close(again[1:], (mean, variance))
    with pytest.raises(ValueError, match="mask"):
        batch_norm.reference(x, *before, mask[0], training=True)


def test_batch_norm_variance_of_a_large_mean() -> None:
    """The difference of squares loses every digit here; a two-pass or Welford variance does not."""
    x = torch.randn(4096, 3) + 4096
    exact = x.double().var(0, correction=0)
    _, _, variance = batch_norm.reference(
        x, None, None, torch.zeros(3), torch.zeros(3), training=True, momentum=0.0, epsilon=1e-3
    )
    torch.testing.assert_close(variance.double(), exact, rtol=1e-4, atol=0)


@pytest.mark.parametrize("axis", [-1, (1, 2), (2, 3), 1, (1, 3)])
def test_layer_norm(axis: int | tuple[int, ...]) -> None:
    x = normal(3, 4, 5, 6).requires_grad_()
    axes = (axis,) if isinstance(axis, int) else axis
    gamma, beta = (normal(*(x.shape[a] for a in axes)) for _ in range(2))
    y = layer_norm.reference(x, gamma, beta, axis=axis, epsilon=1e-2)
    same(y, formula(x, axes, gamma, beta, 1e-2, axes), x)


def test_layer_norm_is_that_of_keras() -> None:
    x = normal(3, 4, 5).requires_grad_()
    layer = built(keras.layers.LayerNormalization(dtype="float64"), x)
    same(layer_norm.reference(x, *values(layer, "gamma", "beta")), layer(x), x, KERAS)


@pytest.mark.parametrize(("axis", "shape"), [(-1, (1, 1, 5)), ((1, 2), (1, 4, 5)), (1, (1, 4, 1))])
def test_rms_norm(axis: int | tuple[int, ...], shape: tuple[int, ...]) -> None:
    x = normal(3, 4, 5).requires_grad_()
    gamma = normal(*shape).squeeze()
    y = rms_norm.reference(x, gamma, axis=axis, epsilon=1e-2)
    same(y, x / (x.square().mean(axis, keepdim=True) + 1e-2).sqrt() * gamma.view(shape), x)


def test_rms_norm_is_that_of_keras() -> None:
    x = normal(3, 4, 5).requires_grad_()
    layer = built(keras.layers.RMSNormalization(epsilon=1e-2, dtype="float64"), x)
    same(rms_norm.reference(x, *values(layer, "scale"), epsilon=1e-2), layer(x), x, KERAS)


@pytest.mark.parametrize("shape", [(4, 6), (3, 5, 6), (3, 4, 5, 6)])
@pytest.mark.parametrize("groups", [1, 3, 6])
@pytest.mark.parametrize("affine", [True, False])
def test_group_norm(shape: tuple[int, ...], groups: int, affine: bool) -> None:
    x = normal(*shape).requires_grad_()
    layer = keras.layers.GroupNormalization(
        groups, epsilon=1e-2, center=affine, scale=affine, dtype="float64"
    )
    built(layer, x)
    gamma, beta = values(layer, "gamma", "beta")
    y = group_norm.reference(x, gamma, beta, groups=groups, epsilon=1e-2)
    same(y, layer(x), x, KERAS)
    parts = x.chunk(groups, -1)
    alone = [formula(part, tuple(range(1, x.ndim)), None, None, 1e-2, ()) for part in parts]
    expected = torch.cat(alone, -1)
    same(y, expected if gamma is None else expected * gamma + beta, x)


def test_group_norm_axis() -> None:
    x, gamma = normal(3, 6, 5), normal(6)
    y = group_norm.reference(x, gamma, None, groups=2, axis=1)
    torch.testing.assert_close(y, group_norm.reference(x.mT, gamma, None, groups=2).mT)
