"""The convolution operators on their compiled kernels."""

import pytest
import torch

from tests.kernels import conv_cases as convs
from tests.kernels import fused_cases as cases
from tkeras_kernels import runtime
from tkeras_kernels.operators import conv, conv_batch_norm, depthwise_conv

calls = pytest.mark.parametrize("name", convs.ODD)


@pytest.fixture(autouse=True)
def _compiled():
    with runtime.backend_scope("triton"):
        yield


@pytest.fixture(params=["ieee", "tf32"])
def precision(request):
    """Torch and the kernels multiply float32 alike."""
    before = torch.backends.cudnn.conv.fp32_precision
    torch.backends.cudnn.conv.fp32_precision = request.param
    assert runtime.get_convolution_precision() == request.param
    yield request.param
    torch.backends.cudnn.conv.fp32_precision = before


@pytest.mark.parametrize("name", convs.CALLS)
def test_float32(name, precision):
    convs.check(convs.CALLS[name], "fp32", "gelu", "cuda")


@pytest.mark.parametrize("name", convs.CALLS)
@pytest.mark.parametrize("dtype", ["bf16", "fp16"])
def test_half_precision(name, dtype):
    convs.check(convs.CALLS[name], dtype, "gelu", "cuda")


@calls
@pytest.mark.parametrize("activation", cases.ACTIVATIONS)
def test_activations(name, activation):
    convs.check(convs.CALLS[name], "bf16", activation, "cuda")


@pytest.mark.parametrize("dtype", cases.DTYPES)
@pytest.mark.parametrize(
    "call",
    [
        (conv, ((8, 56, 56, 64), (3, 3, 64, 128), (128,)), {"padding": "same"}),
        (conv, ((8, 57, 55, 96), (3, 3, 96, 200), (200,)), {"padding": "same", "strides": 2}),
        (conv, ((8, 112, 112, 3), (7, 7, 3, 64), (64,)), {"padding": "same", "strides": 2}),
        (conv, ((8, 28, 28, 256), (3, 3, 8, 256), None), {"padding": "same", "groups": 32}),
        (depthwise_conv, ((8, 56, 56, 144), (3, 3, 144, 1), (144,)), {"padding": "same"}),
    ],
)
def test_large(call, dtype):
    convs.check(call, dtype, "tanh", "cuda")


@calls
def test_strided_arguments(name):
    convs.check_strided(name, "cuda")


@calls
def test_empty_batch(name):
    operator, ((_, *sizes), *shapes), options = convs.CALLS[name]
    convs.check((operator, ((0, *sizes), *shapes), options), "fp32", "gelu", "cuda")


@calls
def test_same_bits(name):
    convs.check_same_bits(convs.long(name), "cuda")


@pytest.mark.parametrize("name", ["2d rgb", "2d stride", "depthwise multiplier"])
def test_far_offsets(name):
    convs.check_far(name, "cuda")


@pytest.mark.parametrize("dtype", cases.DTYPES)
@pytest.mark.parametrize("name", ["2d same", "2d stride", "2d rgb", "2d dense", "2d groups of one", "3d"])
def test_with_batch_norm(name, dtype):
    _, _, options = call = convs.CALLS[name]
    x, kernel, *_ = convs.arguments(call, cases.DTYPES[dtype], "cuda")
    channels = [cases.draw((kernel.shape[-1],), torch.float32, "cuda") for _ in range(4)]
    tensors = [x, kernel, None, *channels[:3], channels[3].abs()]
    cases.check(conv_batch_norm, tensors, {**options, "activation": cases.fused("gelu")})
