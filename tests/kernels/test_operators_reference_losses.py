"""Softmax, cross-entropy, dropout and lookup against numpy and Keras, in float64."""

from __future__ import annotations

import os

os.environ["KERAS_BACKEND"] = "torch"

import keras
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tkeras_kernels.operators._references import (
    dropout,
    embedding,
    log_softmax,
    sigmoid_cross_entropy,
    softmax,
    softmax_cross_entropy,
    sparse_softmax_cross_entropy,
)

shapes = st.lists(st.integers(1, 5), min_size=1, max_size=4)


def normal(*shape: int, scale: float = 1.0) -> torch.Tensor:
    return torch.randn(shape, dtype=torch.float64) * scale


def naive_log_softmax(x: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    shifted = x - x.max(axes, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axes, keepdims=True))


@settings(max_examples=40, deadline=None, derandomize=True)
@given(shapes, st.data())
def test_softmax(shape: list[int], data: st.DataObject) -> None:
    axes = data.draw(st.lists(st.integers(0, len(shape) - 1), min_size=1, unique=True))
    x = normal(*shape, scale=50.0)
    expected = torch.from_numpy(naive_log_softmax(x.numpy(), tuple(axes)))
    given_axis = axes[0] - len(shape) if len(axes) == 1 else axes
    torch.testing.assert_close(log_softmax.reference(x, axis=given_axis), expected)
    torch.testing.assert_close(softmax.reference(x, axis=given_axis), expected.exp())


@pytest.mark.parametrize("shape", [(1, 1), (17, 3), (3, 5, 100), (129,)])
@pytest.mark.parametrize("scale", [1.0, 1000.0])
def test_softmax_cross_entropy(shape: tuple[int, ...], scale: float) -> None:
    logits = normal(*shape, scale=scale)
    labels = torch.randint(shape[-1], shape[:-1])
    one_hot = torch.nn.functional.one_hot(labels, shape[-1]).double()
    smooth = one_hot * 0.9 + 0.1 / shape[-1]
    log_probabilities = torch.from_numpy(naive_log_softmax(logits.numpy(), (-1,)))
    sparse = -log_probabilities.gather(-1, labels.unsqueeze(-1)).squeeze(-1)
    for dtype in (torch.int32, torch.int64, torch.uint8, torch.float32):
        loss = sparse_softmax_cross_entropy.reference(labels.to(dtype), logits)
        torch.testing.assert_close(loss, sparse)
    torch.testing.assert_close(softmax_cross_entropy.reference(one_hot, logits), sparse)
    torch.testing.assert_close(
        softmax_cross_entropy.reference(smooth, logits), -(smooth * log_probabilities).sum(-1)
    )
    if shape[-1] > 1:
        expected = keras.losses.categorical_crossentropy(smooth, logits, from_logits=True)
        torch.testing.assert_close(softmax_cross_entropy.reference(smooth, logits), expected)


@pytest.mark.parametrize("dtype", [torch.float64, torch.int64, torch.bool])
def test_sigmoid_cross_entropy(dtype: torch.dtype) -> None:
    logits = torch.cat([normal(50, 3), torch.tensor([[-800.0, 0.0, 800.0]], dtype=torch.float64)])
    labels = (torch.rand(51, 3) > 0.5).to(dtype)
    likelihood = torch.where(labels.bool(), -logits, logits)
    loss = sigmoid_cross_entropy.reference(labels, logits)
    torch.testing.assert_close(loss, torch.logaddexp(likelihood, torch.zeros_like(likelihood)))


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_dropout_keeps_the_mean(rate: float) -> None:
    x = torch.ones(200, 500, requires_grad=True)
    y = dropout.reference(x, rate=rate)
    assert y.unique().tolist() == [0.0, pytest.approx(1 / (1 - rate))]
    kept = (y > 0).double().mean().item()
    assert kept == pytest.approx(1 - rate, abs=5 * (rate * (1 - rate) / x.numel()) ** 0.5)
    (gradient,) = torch.autograd.grad(y.sum(), x)
    torch.testing.assert_close(gradient, y)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.float16], ids=str)
def test_dropout_dtypes(dtype: torch.dtype) -> None:
    x = torch.ones(31, 7, dtype=dtype)
    y = dropout.reference(x, rate=0.5)
    assert y.dtype == dtype
    assert y.unique().tolist() == [0.0, 2.0]
    assert dropout.reference(x.to("meta"), rate=0.5, generator=torch.Generator()).shape == x.shape


def test_dropout_is_independent() -> None:
    """Neighbours share a 64-bit word of random bits, and must not be dropped together for that."""
    kept = (dropout.reference(torch.ones(100_000), rate=0.5) > 0).double()
    neighbours = torch.corrcoef(torch.stack([kept[0::2], kept[1::2]]))[0, 1]
    assert neighbours.abs() < 0.03


def test_dropout_edges() -> None:
    x = normal(4, 5)
    assert dropout.reference(x, rate=0.0) is x
    assert not dropout.reference(torch.full((3,), torch.inf), rate=1.0).any()
    assert dropout.reference(torch.ones(0, 3), rate=0.5).shape == (0, 3)
    assert not dropout.reference(x, rate=1 - 1e-12).any()
    with pytest.raises(ValueError, match="rate"):
        dropout.reference(x, rate=1.5)


def test_dropout_noise_shape() -> None:
    y = dropout.reference(torch.ones(8, 5, 6, 7), rate=0.5, noise_shape=(None, 1, 1, None))
    assert (y == y[:, :1, :1]).all()
    assert 0 < (y[:, 0, 0] > 0).sum() < 56


def test_dropout_generator() -> None:
    def draw(seed: int) -> torch.Tensor:
        return dropout.reference(torch.ones(50), rate=0.5, generator=torch.Generator().manual_seed(seed))

    assert torch.equal(draw(1), draw(1))
    assert not torch.equal(draw(1), draw(2))


@pytest.mark.parametrize("dtype", [torch.int32, torch.int64, torch.uint8, torch.float32])
@pytest.mark.parametrize("shape", [(), (3,), (2, 5), (2, 3, 4)])
def test_embedding(shape: tuple[int, ...], dtype: torch.dtype) -> None:
    table = normal(11, 6).requires_grad_()
    ids = torch.randint(11, shape)
    y = embedding.reference(ids.to(dtype), table)
    torch.testing.assert_close(y, torch.from_numpy(table.detach().numpy()[ids.numpy()]))
    seed = torch.randn_like(y)
    (gradient,) = torch.autograd.grad(y, table, seed)
    expected = np.zeros((11, 6))
    np.add.at(expected, ids.numpy(), seed.numpy())
    torch.testing.assert_close(gradient, torch.from_numpy(expected))
