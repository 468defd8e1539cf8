"""EinsumDense, ReversibleEmbedding and TorchModuleWrapper beside real Keras."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from tests.differential.layer_checks import (
    Case,
    L,
    assert_close,
    carried,
    f32,
    ints,
    keras,
    numpy_of,
    suite,
    tkeras,
)

BIAS = {"bias_initializer": "normal"}
X3, X4 = f32(2, 5, 6), f32(2, 3, 4, 5)
CASES: list[Case] = [
    ("dense", lambda: L.EinsumDense("ab,bc->ac", output_shape=7, bias_axes="c", **BIAS), (f32(4, 3),), {}),
    ("time", lambda: L.EinsumDense("abc,cd->abd", output_shape=(None, 7), bias_axes="d", activation="relu", **BIAS), (X3,), {}),
    ("time-known", lambda: L.EinsumDense("abc,cd->abd", output_shape=(5, 7)), (X3,), {}),
    ("heads", lambda: L.EinsumDense("abc,cde->abde", output_shape=(None, 3, 4), bias_axes="de", **BIAS), (X3,), {}),
    ("heads-part", lambda: L.EinsumDense("abc,cde->abde", output_shape=(None, 3, 4), bias_axes="e", **BIAS), (X3,), {}),
    ("heads-other", lambda: L.EinsumDense("abc,cde->abde", output_shape=(None, 3, 4), bias_axes="d", **BIAS), (X3,), {}),
    ("joined", lambda: L.EinsumDense("abcd,cde->abe", output_shape=(None, 3), bias_axes="e", activation="gelu", **BIAS), (X4,), {}),
    ("softmax", lambda: L.EinsumDense("abc,cde->abde", output_shape=(None, 3, 4), activation="softmax"), (X3,), {}),
    ("left", lambda: L.EinsumDense("...x,xy->...y", output_shape=4, bias_axes="y", **BIAS), (f32(2, 4, 4, 5),), {}),
    ("left-two", lambda: L.EinsumDense("...xz,xy->...yz", output_shape=(4, 5), bias_axes="y", **BIAS), (f32(2, 3, 4, 5),), {}),
    ("right", lambda: L.EinsumDense("ab...,bc->ac...", output_shape=7, bias_axes="c", activation="tanh", **BIAS), (X4,), {}),
    ("swapped", lambda: L.EinsumDense("abc,dc->abd", output_shape=(None, 7), bias_axes="d", **BIAS), (X3,), {}),
    ("middle", lambda: L.EinsumDense("abc,bd->adc", output_shape=(4, None), bias_axes="d", **BIAS), (X3,), {}),
    ("grouped", lambda: L.EinsumDense("abc,bcd->abd", output_shape=(5, 4), bias_axes="bd", **BIAS), (X3,), {}),
    ("penalties", lambda: L.EinsumDense("ab,bc->ac", 7, kernel_regularizer="l2", activity_regularizer="l1", kernel_constraint="max_norm"), (f32(4, 3),), {}),
    ("reversible", lambda: L.ReversibleEmbedding(9, 4), (ints(9, 3, 5),), {}),
    ("reversible-free", lambda: L.ReversibleEmbedding(9, 4, tie_weights=False, embeddings_initializer="normal"), (ints(9, 3, 5),), {}),
    ("reverse", lambda: L.ReversibleEmbedding(9, 4), (f32(3, 5, 4),), {"reverse": True}),
    ("reverse-free", lambda: L.ReversibleEmbedding(9, 4, tie_weights=False), (f32(3, 5, 4),), {"reverse": True}),
    ("reverse-cap", lambda: L.ReversibleEmbedding(9, 4, embeddings_initializer="ones", logit_soft_cap=2.0), (f32(5, 4),), {"reverse": True}),
    ("reverse-type", lambda: L.ReversibleEmbedding(9, 4, mask_zero=True, reverse_dtype="float32"), (f32(5, 4),), {"reverse": True}),
]  # fmt: skip
test_equals_keras, test_symbolic_shapes_equal_keras, test_configuration_equals_keras = suite(CASES)


LEFT_OUT = {"JaxLayer", "FlaxLayer", "TFSMLayer"}


def test_every_layer_of_keras_is_here() -> None:
    """But for layers around models of other libraries."""
    missing = {
        name for name in dir(keras.layers) if not name.startswith("_") and not hasattr(tkeras.layers, name)
    }
    assert missing <= LEFT_OUT


def test_reversible_embedding_makes_masks_one_way() -> None:
    real = L.ReversibleEmbedding(9, 4, mask_zero=True)
    ids = torch.from_numpy(ints(3, 4, 5))
    ours = carried(real, ids.numpy())
    assert torch.equal(ours(ids)._keras_mask, real(ids)._keras_mask)
    assert getattr(ours(ours(ids), reverse=True), "_keras_mask", None) is None


@pytest.mark.parametrize("equation", ["abc,cd->abd", "abcd,cde->abe", "ab...,bc->ac..."])
def test_initial_kernel_of_a_seed_equals_keras(equation: str) -> None:
    shape = (2, 5, 6, 3) if "abcd" in equation else (2, 5, 6)
    output = 7 if "..." in equation else (None, 7)
    kernels = []
    for library in (tkeras, keras):
        initializer = library.initializers.GlorotUniform(seed=3)
        layer = library.layers.EinsumDense(equation, output_shape=output, kernel_initializer=initializer)
        layer.build(shape)
        kernels.append(layer.get_weights()[0])
    assert_close(*kernels, "kernel")


def module() -> torch.nn.Module:
    torch.manual_seed(0)
    return torch.nn.Sequential(
        torch.nn.Linear(6, 5), torch.nn.BatchNorm1d(5), torch.nn.Tanh(), torch.nn.Linear(5, 3)
    )


def test_a_torch_module_trains_as_in_keras() -> None:
    x, y = f32(32, 6), f32(32, 3, seed=1)
    results: list[Any] = []
    for library in (tkeras, keras):
        inputs = library.Input((6,))
        layer = library.layers.TorchModuleWrapper(module(), output_shape=(None, 3))
        model = library.Model(inputs, layer(inputs))
        model.compile(library.optimizers.SGD(0.05), "mse")
        losses = model.fit(x, y, batch_size=8, epochs=3, shuffle=False, verbose=0).history["loss"]
        assert len(layer.trainable_variables) == 6
        results.append(
            (losses, [numpy_of(p) for p in layer.module.state_dict().values()], model.predict(x, verbose=0))
        )
    for a, b in zip(*results, strict=True):
        for one, other in zip(a, b, strict=True):
            assert_close(one, other, "loss, state or prediction", ulps=256)


def test_a_torch_module_called_alone_is_in_training_mode_as_in_keras() -> None:
    x = torch.from_numpy(f32(32, 6))
    ours, real = tkeras.layers.TorchModuleWrapper(module()), L.TorchModuleWrapper(module())
    for kwargs in ({}, {"training": False}, {"training": True}):
        assert_close(numpy_of(ours(x, **kwargs)), numpy_of(real(x, **kwargs)), "output")
        assert ours.module.training is real.module.training
    assert [np.shape(w) for w in ours.get_weights()] == [np.shape(w) for w in real.get_weights()]
