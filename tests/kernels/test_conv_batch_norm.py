"""Convolution and batch normalization as one operator: numbers, and no pass over the result for its
statistics."""

import pytest
import torch

from tests.kernels import conv_cases as convs
from tests.kernels import fused_cases as cases
from tkeras_kernels import runtime
from tkeras_kernels.operators import conv, conv_batch_norm
from tkeras_kernels.templates import _conv_tiles

pytestmark = pytest.mark.skipif(torch.cuda.is_available(), reason="the interpreter's process")
CALLS = ["1d", "2d stride", "2d rgb", "2d small groups", "2d groups of one", "2d dense", "2d first", "3d"]


@pytest.fixture(autouse=True)
def _interpreted():
    with runtime.backend_scope("interpret"):
        yield


def arguments(name, dtype=torch.float32, bias=False):
    call = convs.CALLS[name]
    x, kernel, *rest = convs.arguments(call, dtype, "cpu")
    channels = kernel.shape[-1]
    new = [cases.draw((channels,), torch.float32, "cpu") for _ in range(4)]
    return [x, kernel, rest[0] if bias else None, *new[:3], new[3].abs()], call[2]


@pytest.mark.parametrize("name", CALLS)
def test_calls(name, monkeypatch):
    monkeypatch.setattr(_conv_tiles, "_INTERPRET", _conv_tiles.Tiles(64, 128, 64, 4, 1))
    tensors, options = arguments(name)
    attributes = {**options, "activation": cases.fused("gelu"), "momentum": 0.7, "epsilon": 1e-2}
    assert conv_batch_norm.unsupported(tuple(tensors), attributes) is None
    cases.check(conv_batch_norm, tensors, attributes)


def test_half_precision_and_a_bias():
    tensors, options = arguments("2d stride", torch.bfloat16)
    cases.check(conv_batch_norm, tensors, {**options, "activation": cases.fused("relu")})
    tensors, options = arguments("2d stride", bias=True)
    (y, *_), saved = conv_batch_norm.forward(*tensors, **options)
    torch.testing.assert_close(y, conv_batch_norm.reference(*tensors, **options)[0], rtol=1e-4, atol=1e-5)
    gradient = torch.randn_like(y)
    _, _, db, *_ = conv_batch_norm.backward(saved, (gradient, None, None), (True,) * 7, **options)
    assert db.abs().max() < 1e-4


def test_a_large_mean_costs_no_digits():
    """E[x²] - E[x]² would lose the variance."""
    x = cases.draw((4, 9, 9, 17), torch.float32, "cpu")
    kernel = torch.zeros(1, 1, 17, 17)
    kernel[0, 0] = torch.eye(17)
    still = torch.zeros(17)
    attributes = {"momentum": 0.0}
    tensors = (x + 1000.0, kernel, None, None, None, still, still)
    _, mean, variance = conv_batch_norm.infer(*tensors, **attributes)
    exact = tensors[0].double().reshape(-1, 17)
    torch.testing.assert_close(mean, exact.mean(0).float(), rtol=1e-6, atol=0)
    torch.testing.assert_close(variance, exact.var(0, unbiased=False).float(), rtol=1e-3, atol=0)


@pytest.mark.parametrize(
    ("name", "kernels"),
    [
        ("2d stride", ["convolve", "join_moments", "channel_normalize"]),
        ("2d dense", ["convolve", "join_moments", "channel_normalize"]),
        ("2d groups of one", ["depthwise", "channel_moments", "join_moments", "channel_normalize"]),
    ],
)
def test_kernels(name, kernels):
    tensors, options = arguments(name)
    with runtime.recording(runtime.INTERPRETER) as launches:
        conv_batch_norm.infer(*tensors, **options)
    assert [launch.kernel.fn.__name__ for launch in launches] == kernels


def test_more_parts_than_one_launch_joins_take_a_pass_of_their_own(monkeypatch):
    monkeypatch.setattr("tkeras_kernels.operators._conv_launch.MOST_CHANNELS", 0)
    tensors, options = arguments("2d stride")
    with runtime.recording(runtime.INTERPRETER) as launches:
        conv_batch_norm.infer(*tensors, **options)
    assert "channel_moments" in [launch.kernel.fn.__name__ for launch in launches]
    cases.check(conv_batch_norm, tensors, options)


def test_refusals():
    tensors, options = arguments("2d stride")
    with pytest.raises(ValueError, match="conv_batch_norm: expected parameters of shape"):
        conv_batch_norm.unsupported((*tensors[:3], torch.ones(3), *tensors[4:]), options)
    empty = (tensors[0][:0], *tensors[1:])
    assert conv_batch_norm.unsupported(empty, options) == "an empty batch"
    assert conv.unsupported(empty[:2], options) is None
