"""Layers on their kernels, in the interpreter: which operators run, and the same numbers as on torch."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from tkeras import layers, random
from tkeras_kernels import runtime

pytestmark = pytest.mark.skipif(torch.cuda.is_available(), reason="this process compiles kernels")

IMAGES = (2, 6, 5, 4)
CASES: list[tuple[str, Any, tuple[int, ...], bool]] = [
    ("batch_norm", lambda: layers.BatchNormalization(), IMAGES, True),
    ("batch_norm", lambda: layers.BatchNormalization(axis=1, scale=False), IMAGES, True),
    ("batch_norm", lambda: layers.BatchNormalization(), IMAGES, False),
    ("batch_norm", lambda: layers.BatchNormalization(renorm=True), IMAGES, True),
    ("layer_norm", lambda: layers.LayerNormalization(axis=(1, 3)), IMAGES, True),
    ("group_norm", lambda: layers.GroupNormalization(2, scale=False), IMAGES, True),
    ("rms_norm", lambda: layers.RMSNormalization(), IMAGES, True),
    ("unit_norm", lambda: layers.UnitNormalization(axis=(1, 3)), IMAGES, True),
    ("group_norm", lambda: layers.GroupNormalization(1), (2, 5000), True),
    ("batch_norm", lambda: layers.BatchNormalization(), (6,), False),
    ("max_pool", lambda: layers.MaxPooling2D(3, 2, padding="same"), IMAGES, True),
    ("average_pool", lambda: layers.AveragePooling1D(2, data_format="channels_first"), (2, 3, 7), True),
    ("adaptive_max_pool", lambda: layers.AdaptiveMaxPooling2D(2), IMAGES, True),
    ("adaptive_average_pool", lambda: layers.AdaptiveAveragePooling3D(2), (2, 3, 3, 4, 5), True),
    ("global_max_pool", lambda: layers.GlobalMaxPooling2D(), IMAGES, True),
    ("global_average_pool", lambda: layers.GlobalAveragePooling1D(keepdims=True), (2, 5, 3), True),
]


def run(layer: Any, x: torch.Tensor, training: bool) -> list[torch.Tensor]:
    """Outputs, gradients of the input and the weights, and the state afterwards."""
    leaf = x.clone().requires_grad_()
    y = layer(leaf, training=training)
    weights = list(layer.trainable_weights)
    gradients = torch.autograd.grad((y * y.detach().cos()).sum(), [leaf, *weights])
    return [y, *gradients, *(weight.detach().clone() for weight in layer.non_trainable_weights)]


NOISE: list[tuple[str, Any]] = [
    ("dropout", lambda: layers.Dropout(0.4, seed=1)),
    ("dropout", lambda: layers.SpatialDropout2D(0.4, seed=1)),
    ("alpha_dropout", lambda: layers.AlphaDropout(0.4, seed=1)),
    ("gaussian_dropout", lambda: layers.GaussianDropout(0.4, seed=1)),
    ("gaussian_noise", lambda: layers.GaussianNoise(0.4, seed=1)),
]


@pytest.mark.parametrize(("operator", "make"), NOISE)
def test_noise_runs_on_kernels(operator: str, make: Any) -> None:
    """A seed gives the same numbers again, every call others; what multiplies does so backward too."""
    drawn = []
    runtime.reset_report()
    with runtime.backend_scope("interpret"):
        for layer in (make(), make()):
            x = torch.ones(IMAGES, requires_grad=True)
            for _ in range(2):
                y = layer(x, training=True)
                (dx,) = torch.autograd.grad(y.sum(), x)
                drawn.append((y.detach(), dx))
    (record,) = runtime.report()
    assert (record.operator, record.implementation, record.failures) == (operator, "interpret", 0)
    assert all(torch.equal(a, b) for a, b in zip(drawn[0] + drawn[1], drawn[2] + drawn[3], strict=True))
    assert not torch.equal(drawn[0][0], drawn[1][0])
    if operator in ("dropout", "gaussian_dropout"):
        assert all(torch.equal(y, dx) for y, dx in drawn)


def test_average_over_masked_steps_runs_on_kernels() -> None:
    layer, x = layers.GlobalAveragePooling1D(), torch.randn(2, 5, 3)
    mask = torch.tensor([[True, True, False, True, False], [True] * 5])
    plain = layer(x, mask=mask)
    runtime.reset_report()
    with runtime.backend_scope("interpret"):
        fused = layer(x, mask=mask)
    (record,) = runtime.report()
    assert (record.operator, record.implementation, record.failures) == ("reduce_rows", "interpret", 0)
    torch.testing.assert_close(fused, plain)


def test_embedding_runs_on_its_kernels() -> None:
    layer, ids = layers.Embedding(7, 5), torch.tensor([[1, 6, 1], [0, 1, 3]])
    layer.build()
    gradient = torch.randn(2, 3, 5)
    (plain,) = torch.autograd.grad(layer(ids), layer.embeddings, gradient)
    runtime.reset_report()
    with runtime.backend_scope("interpret"):
        y = layer(ids)
        (fused,) = torch.autograd.grad(y, layer.embeddings, gradient)
    (record,) = runtime.report()
    assert (record.operator, record.implementation, record.failures) == ("embedding", "interpret", 0)
    assert torch.equal(y, layer(ids))
    torch.testing.assert_close(fused, plain)


@pytest.mark.parametrize(("operator", "make", "shape", "training"), CASES)
def test_layers_run_on_kernels(operator: str, make: Any, shape: Any, training: bool) -> None:
    layer, x = make(), torch.randn(shape) + 0.5
    layer.build(shape)
    state = [weight.detach().clone() for weight in layer.weights]
    plain = run(layer, x, training)
    for weight, value in zip(layer.weights, state, strict=True):
        weight.assign(value)
    runtime.reset_report()
    with runtime.backend_scope("interpret"):
        fused = run(layer, x, training)
    found = {record.operator: record.implementation for record in runtime.report()}
    assert found.pop(operator) == "interpret"
    assert set(found.values()) <= {"interpret"}
    assert not any(record.failures for record in runtime.report())
    for ours, theirs in zip(fused, plain, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=2e-5, atol=2e-5)


def test_masked_statistics_and_scaling_by_the_deviation_run_on_kernels() -> None:
    mask = torch.tensor([[True, False, True, True, False], [False] * 5])
    with pytest.warns(UserWarning, match="deprecated"):
        scaled = layers.LayerNormalization(rms_scaling=True)
    x = torch.randn(2, 5, 3)
    for layer, options in (
        (layers.BatchNormalization(momentum=0.5), {"training": True, "mask": mask}),
        (layers.BatchNormalization(momentum=0.5, renorm=True), {"training": True, "mask": mask}),
        (scaled, {}),
    ):
        layer.build(x.shape)
        before, results = layer.get_weights(), []
        for backend in ("torch", "interpret"):
            layer.set_weights(before)
            runtime.reset_report()
            with runtime.backend_scope(backend):
                leaf = x.clone().requires_grad_()
                y = layer(leaf, **options)
                found = torch.autograd.grad((y * y.detach().cos()).sum(), [leaf, *layer.trainable_weights])
            assert {record.implementation for record in runtime.report()} == {backend}
            results.append([y, *found, *(weight.detach().clone() for weight in layer.non_trainable_weights)])
        for a, b in zip(*results, strict=True):
            torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-5)


def test_an_embedding_under_mixed_precision_casts_inside_its_kernel() -> None:
    layer, ids = layers.Embedding(7, 4, dtype="mixed_bfloat16"), torch.tensor([[1, 2, 1], [0, 6, 6]])
    plain = layer(ids)
    runtime.reset_report()
    with runtime.backend_scope("interpret"):
        y = layer(ids)
        (gradient,) = torch.autograd.grad(y.float().square().sum(), layer.trainable_weights)
    (record,) = runtime.report()
    assert (record.operator, record.implementation, record.failures) == ("embedding", "interpret", 0)
    assert y.dtype == plain.dtype == torch.bfloat16
    assert torch.equal(y, plain)
    assert gradient.dtype == torch.float32


@pytest.mark.parametrize("seed", [None, 3])
def test_dropout_of_a_tensor_runs_on_its_kernel(seed: int | None) -> None:
    x = torch.ones(40, 50, requires_grad=True)
    runtime.reset_report()
    with runtime.backend_scope("interpret"):
        y = random.dropout(x, 0.25, seed=seed)
        (gradient,) = torch.autograd.grad(y.sum(), x)
    (record,) = runtime.report()
    assert (record.operator, record.implementation, record.failures) == ("dropout", "interpret", 0)
    assert torch.equal(gradient, y)
    assert 0.6 < (y != 0).double().mean().item() < 0.9
