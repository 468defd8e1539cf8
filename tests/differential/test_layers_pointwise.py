"""Activation and noise layers beside real Keras; with a seed the noise itself is equal."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from tests.differential.layer_checks import (
    Case,
    L,
    assert_close,
    booleans,
    check_masks,
    f32,
    inputs_of,
    numpy_of,
    ours_of,
    suite,
)

X = f32(4, 9) * 3
CASES: list[Case] = [
    ("elu", lambda: L.ELU(), (X,), {}),
    ("elu-alpha", lambda: L.ELU(alpha=0.3), (X,), {}),
    ("leaky-relu", lambda: L.LeakyReLU(), (X,), {}),
    ("leaky-relu-slope", lambda: L.LeakyReLU(negative_slope=0.1), (X,), {}),
    ("relu", lambda: L.ReLU(), (X,), {}),
    ("relu-max", lambda: L.ReLU(max_value=2), (X,), {}),
    ("relu-all", lambda: L.ReLU(max_value=2, negative_slope=0.2, threshold=0.5), (X,), {}),
    ("prelu", lambda: L.PReLU(alpha_initializer="normal"), (X,), {}),
    ("prelu-shared", lambda: L.PReLU(alpha_initializer="uniform", shared_axes=[1, 2], alpha_regularizer="l2"), (f32(2, 5, 4, 3),), {}),
    ("prelu-one", lambda: L.PReLU("ones", shared_axes=1, alpha_constraint="non_neg"), (f32(2, 5, 4),), {}),
    ("prelu-kink", lambda: L.PReLU("ones"), (np.array([[0.0, -0.0, 1.0, -2.0]], "float32"),), {}),
    ("softmax", lambda: L.Softmax(), (X,), {}),
    ("softmax-axis", lambda: L.Softmax(axis=1), (f32(2, 5, 4),), {}),
    ("softmax-axes", lambda: L.Softmax(axis=(1, 2)), (f32(2, 5, 4),), {}),
    ("softmax-mask", lambda: L.Softmax(), (X,), {"mask": booleans(4, 9)}),
    ("softmax-mask-axes", lambda: L.Softmax(axis=[-2, -1]), (f32(2, 5, 4),), {"mask": booleans(1, 4)}),
    ("softmax-nothing-left", lambda: L.Softmax(), (f32(2, 3),), {"mask": np.zeros((2, 1), bool)}),
    ("softmax-number-mask", lambda: L.Softmax(), (X,), {"mask": booleans(4, 9).astype("float32")}),
    *[
        (f"{kind.lower()}-inference", lambda kind=kind: getattr(L, kind)(0.4), (X,), {})
        for kind in ("GaussianNoise", "GaussianDropout", "AlphaDropout")
    ],
    ("spatial-1", lambda: L.SpatialDropout1D(0.4), (f32(2, 5, 4),), {}),
    ("spatial-2", lambda: L.SpatialDropout2D(0.4, data_format="channels_first"), (f32(2, 3, 5, 4),), {}),
    ("spatial-3", lambda: L.SpatialDropout3D(0.4, seed=3), (f32(2, 3, 2, 5, 4),), {}),
    ("dropout-shape", lambda: L.Dropout(0.4, noise_shape=(None, 1)), (X,), {}),
]  # fmt: skip
test_equals_keras, test_symbolic_shapes_equal_keras, test_configuration_equals_keras = suite(CASES)

NOISE = [
    lambda: L.GaussianNoise(0.3, seed=5),
    lambda: L.GaussianDropout(0.3, seed=5),
    lambda: L.AlphaDropout(0.3, seed=5),
    lambda: L.AlphaDropout(0.3, noise_shape=(None, 1), seed=5),
]


@pytest.mark.parametrize("make", NOISE)
def test_noise_of_a_seed_equals_keras(make: Any) -> None:
    real = make()
    ours = ours_of(real)
    for _ in range(2):
        (x,), (y,) = inputs_of((X,), grad=True), inputs_of((X,), grad=True)
        mine, theirs = ours(x, training=True), real(y, training=True)
        assert_close(numpy_of(mine), numpy_of(theirs), "output")
        (a,), (b,) = torch.autograd.grad(mine.sum(), x), torch.autograd.grad(theirs.sum(), y)
        assert_close(numpy_of(a), numpy_of(b), "gradient")


@pytest.mark.parametrize("make", [lambda: L.ELU(), lambda: L.PReLU(), lambda: L.Softmax(), *NOISE])
def test_masks_pass_as_in_keras(make: Any) -> None:
    check_masks(make, (f32(3, 4),), (booleans(3, 4),), {})
