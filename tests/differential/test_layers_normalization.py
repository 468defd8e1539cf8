"""Normalization layers beside real Keras."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.differential.layer_checks import (
    Case,
    L,
    assert_close,
    booleans,
    carried,
    check_masks,
    f32,
    inputs_of,
    ints,
    suite,
)

pytestmark = pytest.mark.filterwarnings("ignore:.*rms_scaling")
TRAIN = {"training": True}
CLIPPED = {"rmin": 0.7, "rmax": 1.2, "dmax": 0.3}
PARTS = {"gamma_initializer": "normal", "beta_initializer": "uniform"}
CASES: list[Case] = [
    ("group", lambda: L.GroupNormalization(groups=2, **PARTS), (f32(3, 5, 6),), {}),
    ("group-image", lambda: L.GroupNormalization(groups=3, epsilon=1e-5, **PARTS), (f32(2, 5, 4, 6),), {}),
    ("group-first", lambda: L.GroupNormalization(groups=2, axis=1, **PARTS), (f32(2, 6, 5, 4),), {}),
    ("group-instance", lambda: L.GroupNormalization(groups=-1, scale=False), (f32(2, 5, 4, 6),), {}),
    ("group-one", lambda: L.GroupNormalization(groups=1, center=False), (f32(4, 6),), {}),
    ("group-penalty", lambda: L.GroupNormalization(2, gamma_regularizer="l2", beta_constraint="non_neg"), (f32(4, 6),), {}),
    ("rms", lambda: L.RMSNormalization(), (f32(4, 7),), {}),
    ("rms-axes", lambda: L.RMSNormalization(axis=(2, 1), epsilon=1e-3), (f32(2, 5, 4),), {}),
    ("unit", lambda: L.UnitNormalization(), (f32(4, 7),), {}),
    ("unit-axes", lambda: L.UnitNormalization(axis=[1, 2]), (f32(2, 5, 4),), {}),
    ("layer-rms", lambda: L.LayerNormalization(rms_scaling=True, gamma_initializer="normal"), (f32(4, 7),), {}),
    ("layer-rms-axes", lambda: L.LayerNormalization(axis=[1, -1], rms_scaling=True, scale=False), (f32(2, 5, 5),), {}),
    ("batch-mask", lambda: L.BatchNormalization(**PARTS), (f32(3, 4, 5),), {**TRAIN, "mask": booleans(3, 4)}),
    ("batch-renorm", lambda: L.BatchNormalization(renorm=True, momentum=0.7, renorm_momentum=0.6, **PARTS), (f32(6, 5) * 2 + 1,), TRAIN),
    ("batch-renorm-clip", lambda: L.BatchNormalization(renorm=True, renorm_clipping=CLIPPED, center=False), (f32(3, 4, 4, 5) * 2 + 1,), TRAIN),
    ("batch-renorm-axis", lambda: L.BatchNormalization(axis=1, renorm=True, scale=False), (f32(3, 4, 4, 5),), TRAIN),
    ("batch-renorm-mask", lambda: L.BatchNormalization(renorm=True), (f32(3, 4, 5),), {**TRAIN, "mask": booleans(3, 4)}),
    ("batch-renorm-inference", lambda: L.BatchNormalization(renorm=True), (f32(6, 5),), {}),
    ("batch-renorm-start", lambda: L.BatchNormalization(renorm=True, moving_mean_initializer="ones"), (f32(6, 5),), TRAIN),
    ("spectral", lambda: L.SpectralNormalization(L.Dense(4)), (f32(5, 3),), {}),
    ("spectral-train", lambda: L.SpectralNormalization(L.Dense(4, activation="relu")), (f32(5, 3),), TRAIN),
    ("spectral-conv", lambda: L.SpectralNormalization(L.Conv2D(4, 3), power_iterations=3), (f32(2, 5, 6, 3),), TRAIN),
    ("spectral-zero", lambda: L.SpectralNormalization(L.Dense(4, kernel_initializer="zeros")), (f32(5, 3),), TRAIN),
]  # fmt: skip
test_equals_keras, test_symbolic_shapes_equal_keras, test_configuration_equals_keras = suite(CASES)


@pytest.mark.parametrize("renorm", [False, True])
def test_moving_statistics_follow_keras_over_several_steps(renorm: bool) -> None:
    real = L.BatchNormalization(renorm=renorm, momentum=0.8)
    ours = carried(real, f32(6, 5))
    for step in range(4):
        for layer in (ours, real):
            layer(*inputs_of([f32(6, 5, seed=step) * (step + 1) + step]), training=True)
    for a, b in zip(ours.get_weights(), real.get_weights(), strict=True):
        assert_close(a, b, "moving statistic")
    x = inputs_of([f32(6, 5)])
    assert_close(ours(*x).detach(), real(*x).detach(), "output in inference")


def test_spectral_normalization_bounds_the_singular_value() -> None:
    real = L.SpectralNormalization(L.Dense(4))
    ours = carried(real, f32(5, 3))
    for _ in range(30):
        ours(*inputs_of([f32(5, 3)]), training=True)
    assert np.linalg.norm(ours.layer.kernel.numpy(), 2) == pytest.approx(1, abs=1e-3)


def test_spectral_normalization_of_an_embedding_keeps_its_vectors() -> None:
    """Real Keras casts the vectors to the type of the integers."""
    import tkeras

    layer = tkeras.layers.SpectralNormalization(tkeras.layers.Embedding(7, 4))
    outputs = layer(*inputs_of([ints(7, 3, 2)]), training=True)
    assert outputs.shape == (3, 2, 4)
    assert outputs.is_floating_point()


@pytest.mark.parametrize(
    "make",
    [
        lambda: L.GroupNormalization(2),
        lambda: L.UnitNormalization(),
        lambda: L.LayerNormalization(),
        lambda: L.BatchNormalization(),
    ],
)
def test_masks_pass_as_in_keras(make: Any) -> None:
    check_masks(make, (f32(3, 5, 4),), (booleans(3, 5),), {})


def test_batch_normalization_of_a_vector_as_in_keras() -> None:
    """Its only axis holds the channels: fine with moving statistics, refused by both in training."""
    real = L.BatchNormalization(moving_mean_initializer="ones", **PARTS)
    ours = carried(real, f32(5))
    x = inputs_of([f32(5)])
    assert_close(ours(*x).detach(), real(*x).detach(), "output in inference")
    with pytest.raises(ValueError, match=r"expected an input of rank 2 or more.* Received: shape \(5,\)"):
        ours(*x, training=True)
    with pytest.raises(RuntimeError):
        real(*x, training=True)
