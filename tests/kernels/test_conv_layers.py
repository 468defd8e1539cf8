"""Convolution layers on the kernels: what they dispatch, with the activation inside, and a network that
learns."""

import numpy as np
import pytest
import torch

import tkeras
from tkeras import layers
from tkeras_kernels import runtime

pytestmark = pytest.mark.skipif(torch.cuda.is_available(), reason="the interpreter's process")
LAYERS = {
    "Conv1D": (lambda: layers.Conv1D(5, 3, padding="causal", dilation_rate=2, activation="gelu"), (2, 7, 3), ["conv"]),
    "Conv2D": (lambda: layers.Conv2D(4, 3, strides=2, padding="same", groups=2, activation="relu"), (2, 6, 5, 4), ["conv"]),
    "Conv2D first": (
        lambda: layers.Conv2D(4, 3, activation="tanh", data_format="channels_first"), (2, 3, 6, 5), ["conv"],
    ),
    "Conv3D": (lambda: layers.Conv3D(4, 2, activation="elu"), (1, 3, 4, 3, 2), ["conv"]),
    "DepthwiseConv1D": (lambda: layers.DepthwiseConv1D(3, activation="silu"), (2, 7, 3), ["depthwise_conv"]),
    "DepthwiseConv2D": (
        lambda: layers.DepthwiseConv2D(3, padding="same", depth_multiplier=2, activation="relu6"),
        (2, 6, 5, 4),
        ["depthwise_conv"],
    ),
    "SeparableConv1D": (
        lambda: layers.SeparableConv1D(5, 3, activation="gelu"), (2, 7, 3), ["conv", "depthwise_conv"],
    ),
    "SeparableConv2D": (
        lambda: layers.SeparableConv2D(5, 3, strides=2, padding="same", activation="selu"),
        (2, 6, 5, 4),
        ["conv", "depthwise_conv"],
    ),
    "Conv1DTranspose": (
        lambda: layers.Conv1DTranspose(5, 3, strides=2, activation="softplus"), (2, 5, 3), ["conv_transpose"],
    ),
    "Conv2DTranspose": (
        lambda: layers.Conv2DTranspose(4, 3, strides=2, padding="same", activation="mish"),
        (2, 4, 3, 5),
        ["conv_transpose"],
    ),
    "Conv3DTranspose": (lambda: layers.Conv3DTranspose(2, 2, activation="sigmoid"), (1, 2, 3, 2, 2), ["conv_transpose"]),
}  # fmt: skip


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_is_its_kernels_and_nothing_else(name):
    make, shape, expected = LAYERS[name]
    layer = make()
    x = torch.randn(shape, requires_grad=True)
    with runtime.backend_scope("torch"):
        plain = layer(x)
        gradient = torch.randn_like(plain)
        wanted = torch.autograd.grad(plain, [x, *layer.trainable_variables], gradient)
    runtime.reset_report()
    with runtime.backend_scope("interpret"):
        fused = layer(x)
        found = torch.autograd.grad(fused, [x, *layer.trainable_variables], gradient)
    records = runtime.report()
    assert sorted(record.operator for record in records) == expected
    assert {record.implementation for record in records} == {"interpret"}
    torch.testing.assert_close(fused, plain, rtol=1e-4, atol=1e-5)
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


def test_an_activation_that_cannot_be_traced_follows_as_torch_code():
    def steps(x):
        return x * 2 if x.shape[0] > 1 and bool((x > -1e9).all()) else x

    layer, x = layers.Conv2D(4, 3, activation=steps), torch.randn(2, 5, 5, 3)
    with runtime.backend_scope("torch"):
        plain = layer(x)
    runtime.reset_report()
    with runtime.backend_scope("interpret"):
        fused = layer(x)
    torch.testing.assert_close(fused, plain, rtol=1e-4, atol=1e-5)
    (record,) = runtime.report()
    assert record.implementation == "interpret"
    assert "is torch code" in record.reason


def test_convolutions_over_time_run_on_the_kernels():
    tkeras.utils.set_random_seed(3)
    layer, x = layers.ConvLSTM2D(3, 3, padding="same"), torch.randn(2, 2, 4, 4, 2)
    with runtime.backend_scope("torch"):
        plain = layer(x)
    runtime.reset_report()
    with runtime.backend_scope("interpret"):
        fused = layer(x)
    torch.testing.assert_close(fused, plain, rtol=1e-4, atol=1e-5)
    ran = {record.operator: record.implementation for record in runtime.report()}
    assert ran["conv"] == "interpret"


def network():
    tkeras.utils.set_random_seed(7)
    return tkeras.Sequential(
        [
            tkeras.Input((8, 8, 3)),
            layers.Conv2D(8, 3, padding="same", strides=2, activation="relu"),
            layers.SeparableConv2D(8, 3, padding="same", activation="gelu"),
            layers.Conv2DTranspose(4, 3, strides=2, padding="same", activation="relu"),
            layers.Conv2D(4, 1, activation="tanh"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(3),
        ]
    )


def losses(backend):
    with runtime.backend_scope(backend):
        model = network()
        model.compile("sgd", tkeras.losses.SparseCategoricalCrossentropy(from_logits=True), jit_compile=False)
        random = np.random.default_rng(0)
        x = random.standard_normal((12, 8, 8, 3)).astype("float32")
        y = random.integers(0, 3, 12)
        return model.fit(x, y, batch_size=4, epochs=2, shuffle=False, verbose=0).history["loss"]


def test_fit_on_the_kernels_gives_torchs_losses():
    plain = losses("torch")
    runtime.reset_report()
    fused = losses("interpret")
    np.testing.assert_allclose(fused, plain, rtol=1e-4)
    ran = {record.operator: record.implementation for record in runtime.report()}
    for operator in ("conv", "depthwise_conv", "conv_transpose"):
        assert ran[operator] == "interpret"
