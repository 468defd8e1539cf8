"""The functions that Keras 2 scripts call `K`: against numpy and plain torch, and inside layers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import tkeras
from tkeras import backend as K

Tensor = torch.Tensor


def given(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape)))


def equal(ours: Any, expected: Any, **kwargs: Any) -> None:
    torch.testing.assert_close(torch.as_tensor(ours), torch.as_tensor(expected), check_dtype=False, **kwargs)


@pytest.fixture(autouse=True)
def _phase() -> Iterator[None]:
    yield
    K.clear_session()


x, y = given(3, 4), given(3, 4) + 0.5
i = torch.tensor([[0, 2], [1, 1]])
FUNCTIONS: list[tuple[Any, Any]] = [
    (K.mean(x, axis=1, keepdims=True), x.mean(1, keepdim=True)),
    (K.sum(x), x.sum()),
    (K.max(x, axis=-1), x.amax(-1)),
    (K.min(x, 0), x.amin(0)),
    (K.prod(x, axis=1), x.prod(1)),
    (K.std(x), x.std(correction=0)),
    (K.var(x, axis=0), x.var(0, correction=0)),
    (K.any(x > 1, axis=1), (x > 1).any(1)),
    (K.all(x > -1), (x > -1).all()),
    (K.argmax(x), x.argmax(-1)),
    (K.argmin(x, axis=0), x.argmin(0)),
    (K.square(x), x**2),
    (K.abs(x), x.abs()),
    (K.sqrt(x), x.clamp(min=0).sqrt()),
    (K.exp(x), x.exp()),
    (K.log(K.abs(x)), x.abs().log()),
    (K.pow(x, 3), x**3),
    (K.clip(x, min_value=-0.5, max_value=0.5), x.clamp(-0.5, 0.5)),
    (K.clip(x, 0, None), x.clamp(min=0)),
    (K.sin(x), x.sin()),
    (K.cos(x), x.cos()),
    (K.round(x), x.round()),
    (K.sign(x), x.sign()),
    (K.logsumexp(x, axis=1), x.logsumexp(1)),
    (K.cumsum(x), x.cumsum(0)),
    (K.cumprod(x, axis=1), x.cumprod(1)),
    (K.relu(x), x.relu()),
    (K.relu(x, alpha=0.1, max_value=1.0), torch.where(x < 0, 0.1 * x, x.clamp(max=1))),
    (K.relu(x, threshold=0.5), torch.where(x > 0.5, x, 0.0)),
    (K.elu(x, 0.5), F.elu(x, 0.5)),
    (K.softmax(x), x.softmax(-1)),
    (K.softplus(x), F.softplus(x)),
    (K.softsign(x), F.softsign(x)),
    (K.sigmoid(x), x.sigmoid()),
    (K.tanh(x), x.tanh()),
    (K.hard_sigmoid(x * 2), (0.4 * x + 0.5).clamp(0, 1)),
    (K.l2_normalize(x, axis=1), F.normalize(x, dim=1)),
    (K.l2_normalize(x), x / x.norm()),
    (K.concatenate([x, y]), torch.cat([x, y], 1)),
    (K.stack([x, y], axis=1), torch.stack([x, y], 1)),
    (K.reshape(x, (2, -1)), x.reshape(2, 6)),
    (K.flatten(x), x.flatten()),
    (K.batch_flatten(given(2, 3, 4)), given(2, 3, 4).flatten(1)),
    (K.expand_dims(x), x.unsqueeze(-1)),
    (K.squeeze(x[:, :1], 1), x[:, 0]),
    (K.permute_dimensions(given(2, 3, 4), (0, 2, 1)), given(2, 3, 4).mT),
    (K.transpose(x), x.mT),
    (K.repeat(x, 2), torch.stack([x, x], 1)),
    (K.repeat_elements(x, 2, axis=1), x.repeat_interleave(2, 1)),
    (K.tile(x, (2, 1)), torch.cat([x, x])),
    (K.gather(x, i), x[i]),
    (K.reverse(x, 1), x.flip(1)),
    (K.slice(x, (0, 1), (2, -1)), x[:2, 1:]),
    (K.one_hot(i, 3), F.one_hot(i, 3)),
    (K.equal(i, 1), i == 1),
    (K.not_equal(x, y), x != y),
    (K.greater(x, y), x > y),
    (K.greater_equal(x, 0), x >= 0),
    (K.less(x, y), x < y),
    (K.less_equal(x, 0.0), x <= 0),
    (K.maximum(x, 0.0), x.clamp(min=0)),
    (K.minimum(x, y), torch.minimum(x, y)),
    (K.dot(x, y.T), x @ y.T),
    (K.dot(given(2, 3, 4), given(5, 4, 6)), torch.tensordot(given(2, 3, 4), given(5, 4, 6), ([2], [1]))),
    (K.batch_dot(x, y), (x * y).sum(1, keepdim=True)),
    (K.batch_dot(x, y, axes=1), (x * y).sum(1, keepdim=True)),
    (K.batch_dot(given(2, 3, 4), given(2, 4, 5)), given(2, 3, 4) @ given(2, 4, 5)),
    (K.batch_dot(given(2, 3, 4), given(2, 5, 4), axes=(2, 2)), given(2, 3, 4) @ given(2, 5, 4).mT),
    (K.batch_dot(given(2, 4), given(2, 4, 5), axes=1), torch.einsum("bi,bij->bj", given(2, 4), given(2, 4, 5))),
    (K.batch_dot(given(2, 3, 5, 4), given(2, 6, 4), axes=(3, 2)), torch.einsum("bxyi,bji->bxyj", given(2, 3, 5, 4), given(2, 6, 4))),
    (K.cast(x, "int32"), x.int()),
    (K.arange(1, 7, 2), torch.tensor([1, 3, 5])),
    (K.zeros_like(x), torch.zeros(3, 4)),
    (K.ones_like(x), torch.ones(3, 4)),
    (K.constant([1, 2]), torch.tensor([1.0, 2])),
    (K.constant(3, shape=(2, 2)), torch.full((2, 2), 3.0)),
    (K.constant([1, 2, 3, 4], shape=(2, 2)), torch.tensor([[1.0, 2], [3, 4]])),
    (K.bias_add(given(2, 3, 4), given(4)), given(2, 3, 4) + given(4)),
    (K.bias_add(given(2, 3, 4), given(3), "channels_first"), given(2, 3, 4) + given(3)[:, None]),
    (K.bias_add(given(2, 3, 4), given(3, 4)), given(2, 3, 4) + given(3, 4)),
    (K.categorical_crossentropy(x.softmax(1), y, from_logits=True), -(x.softmax(1) * y.log_softmax(1)).sum(1)),
    (K.sparse_categorical_crossentropy(torch.tensor([0, 3, 1]), y, from_logits=True), F.cross_entropy(y, torch.tensor([0, 3, 1]), reduction="none")),
    (K.sparse_categorical_crossentropy([0, 3, 1], y, from_logits=True, ignore_class=3)[1], 0.0),
    (K.binary_crossentropy(x.sigmoid(), y.sigmoid()), F.binary_cross_entropy(y.sigmoid(), x.sigmoid(), reduction="none")),
    (K.temporal_padding(given(2, 3, 4), (1, 2)), F.pad(given(2, 3, 4), (0, 0, 1, 2))),
    (K.spatial_2d_padding(given(1, 2, 3, 4)), F.pad(given(1, 2, 3, 4), (0, 0, 1, 1, 1, 1))),
    (K.spatial_2d_padding(given(1, 4, 2, 3), ((1, 0), (0, 2)), "channels_first"), F.pad(given(1, 4, 2, 3), (0, 2, 1, 0))),
    (K.spatial_3d_padding(given(1, 2, 2, 2, 3)), F.pad(given(1, 2, 2, 2, 3), (0, 0, 1, 1, 1, 1, 1, 1))),
    (K.resize_images(given(1, 2, 3, 1), 2, 3, "channels_last"), given(1, 2, 3, 1).repeat_interleave(2, 1).repeat_interleave(3, 2)),
    (K.resize_images(given(1, 1, 2, 3), 2, 2, "channels_first", "bilinear"), F.interpolate(given(1, 1, 2, 3), scale_factor=2, mode="bilinear")),
    (K.resize_volumes(given(1, 2, 2, 2, 1), 2, 1, 1, "channels_last"), given(1, 2, 2, 2, 1).repeat_interleave(2, 1)),
    (K.pool2d(given(1, 4, 4, 2), (2, 2), (2, 2)), given(1, 4, 4, 2).unflatten(1, (2, 2)).unflatten(3, (2, 2)).amax((2, 4))),
    (K.pool2d(given(1, 4, 4, 2), (2, 2), (2, 2), pool_mode="avg"), given(1, 4, 4, 2).unflatten(1, (2, 2)).unflatten(3, (2, 2)).mean((2, 4))),
    (K.pool3d(given(1, 4, 4, 4, 1), (4, 4, 4), pool_mode="avg"), given(1, 4, 4, 4, 1).mean((1, 2, 3), keepdim=True)),
    (K.conv1d(given(1, 5, 2), given(3, 2, 4), padding="causal"), F.conv1d(F.pad(given(1, 5, 2).mT, (2, 0)), given(3, 2, 4).permute(2, 1, 0)).mT),
    (K.conv2d(given(1, 5, 6, 2), given(3, 3, 2, 4), (2, 2)), F.conv2d(given(1, 5, 6, 2).permute(0, 3, 1, 2), given(3, 3, 2, 4).permute(3, 2, 0, 1), stride=2).permute(0, 2, 3, 1)),
    (K.conv3d(given(1, 2, 2, 2, 2), given(2, 2, 2, 2, 1)), torch.tensordot(given(1, 2, 2, 2, 2), given(2, 2, 2, 2, 1), 4)[:, None, None, None]),
    (K.in_top_k(torch.tensor([[1.0, 3, 2]]), [2], 2), torch.tensor([True])),
    (K.map_fn(lambda row: row.sum(), x), x.sum(1)),
    (K.foldl(lambda a, b: a - b, x), x[0] - x[1] - x[2]),
    (K.foldr(lambda a, b: a - b, x), x[2] - x[1] - x[0]),
    (K.switch(torch.tensor(True), x, y), x),
    (K.switch(x[:, 0] > 0, x, y), torch.where(x[:, :1] > 0, x, y)),
    (K.switch(x > 0, lambda: x, lambda: y), torch.where(x > 0, x, y)),
]  # fmt: skip


@pytest.mark.parametrize(("ours", "expected"), FUNCTIONS, ids=map(str, range(len(FUNCTIONS))))
def test_values(ours: Tensor, expected: Any) -> None:
    equal(ours, expected, rtol=1e-5, atol=1e-5)


def test_facts() -> None:
    assert (K.ndim(x), K.int_shape(x), K.shape(x), K.dtype(x), K.count_params(x)) == (
        2,
        (3, 4),
        (3, 4),
        "float32",
        12,
    )
    assert (K.backend(), K.floatx(), K.image_data_format(), K.is_sparse(x)) == (
        "torch",
        "float32",
        "channels_last",
        False,
    )
    assert K.result_type("int32", float) == "float32"
    assert K.result_type("float16", int) == "float16"
    assert K.cast_to_floatx(np.array([1, 2])).dtype == np.float32
    assert K.cast_to_floatx(torch.tensor([1])).dtype is torch.float32


def test_variables() -> None:
    variable = K.variable([[1, 2]], name="v")
    assert isinstance(variable, tkeras.Variable)
    assert (variable.dtype, variable.name) == (torch.float32, "v")
    K.set_value(variable, [[3, 4]])
    K.update_add(variable, 1)
    K.update_sub(variable, [[0, 1]])
    assert K.get_value(variable).tolist() == [[4, 4]]
    K.moving_average_update(variable, [[0.0, 8.0]], 0.5)
    assert K.eval(variable).tolist() == [[2, 6]]
    zeros, ones = K.zeros((2,)), K.ones((2,), dtype="int32")
    K.batch_set_value([(zeros, [1, 1]), (K.update(ones, [5, 5]), [6, 7])])
    assert [value.tolist() for value in K.batch_get_value([zeros, ones])] == [[1, 1], [6, 7]]
    assert K.eye(2).tolist() == [[1, 0], [0, 1]]
    assert K.random_uniform_variable((2, 2), 0, 1).shape == K.random_normal_variable((2, 2), 0, 1).shape


def test_random_numbers() -> None:
    for draw in (K.random_normal, K.random_uniform, K.truncated_normal):
        assert torch.equal(draw((50,), seed=3), draw((50,), seed=3))
        assert not torch.equal(draw((50,)), draw((50,)))
    assert 300 < float(K.random_bernoulli((1000,), p=0.4).sum()) < 500
    dropped = K.dropout(torch.ones(1000), 0.5)
    assert set(dropped.unique().tolist()) == {0.0, 2.0}
    with pytest.raises(ValueError, match="Lambda"):
        K.random_normal((None, 2))


def test_learning_phase() -> None:
    layer, ones = tkeras.layers.Dropout(0.5), torch.ones(100)
    assert K.learning_phase() == 0
    assert torch.equal(layer(ones), ones)
    K.set_learning_phase(1)
    assert K.in_train_phase(1, 2) == 1
    assert K.in_test_phase(lambda: 1, lambda: 2) == 2
    assert not torch.equal(layer(ones), ones)
    assert torch.equal(layer(ones, training=False), ones)
    K.set_learning_phase(0)
    assert (K.in_train_phase(1, 2), K.in_train_phase(1, 2, training=True)) == (2, 1)
    assert float(K.in_train_phase(torch.tensor(1.0), 2.0, training=torch.tensor(False))) == 2
    with pytest.raises(ValueError, match="0 or 1"):
        K.set_learning_phase(2)


def test_learning_phase_inside_a_layer() -> None:
    layer = tkeras.layers.Lambda(lambda x: K.in_train_phase(x * 0, x))
    assert layer(x, training=True).abs().sum() == 0
    assert torch.equal(layer(x, training=False), x)


def model() -> Any:
    inputs = tkeras.Input((4,))
    hidden = tkeras.layers.Dense(3, activation="relu")(inputs)
    return tkeras.Model(inputs, tkeras.layers.Dropout(0.5)(hidden))


def test_function() -> None:
    one = model()
    features = K.function([one.input], [one.layers[1].output, one.output])
    hidden, outputs = features([x.numpy()])
    assert isinstance(hidden, np.ndarray)
    equal(hidden, one.layers[1](x).detach())
    equal(outputs, hidden)
    equal(K.function(one.inputs, one.output)([x]), hidden)
    from_hidden = K.function([one.layers[1].output], [one.output])
    equal(from_hidden([hidden])[0], hidden)


def test_function_with_the_learning_phase() -> None:
    one = model()
    run = K.function([one.input, K.learning_phase()], [one.output])
    still, moved = run([x, 0])[0], run([x, 1])[0]
    assert set(np.unique(moved / np.where(still == 0, 1, still)).round(4)) <= {0.0, 2.0}
    assert K.learning_phase() == 0


def test_function_refuses() -> None:
    one = model()
    with pytest.raises(ValueError, match="updates"):
        K.function([one.input], [one.output], updates=[1])
    with pytest.raises(ValueError, match="Expected 1 values"):
        K.function([one.input], [one.output])([x, x])
    with pytest.raises(ValueError, match="symbolic"):
        K.function([x], [one.output])
    with pytest.raises(ValueError, match=r"K\.function"):
        K.eval(one.output)


@pytest.mark.parametrize(
    "name", ["get_session", "set_session", "gradients", "manual_variable_initialization"]
)
def test_what_only_graphs_had_is_refused(name: str) -> None:
    with pytest.raises(NotImplementedError, match=r"Use|use"):
        getattr(K, name)(1)


def step(inputs: Tensor, states: list[Tensor]) -> Any:
    total = states[0] + inputs
    return total * (states[1] if len(states) > 1 else 1), [total]


@pytest.mark.parametrize("go_backwards", [False, True])
def test_rnn(go_backwards: bool) -> None:
    series, start = given(2, 5, 3), given(2, 3)
    order = series.flip(1) if go_backwards else series
    expected = start[:, None] + order.cumsum(1)
    last, outputs, (state,) = K.rnn(step, series, [start], go_backwards)
    equal(outputs, expected)
    equal(last, expected[:, -1])
    equal(state, expected[:, -1])
    last, outputs, _ = K.rnn(
        step,
        series.transpose(0, 1),
        [start],
        go_backwards,
        constants=[torch.tensor(2.0)],
        time_major=True,
        return_all_outputs=False,
    )
    equal(outputs, 2 * expected[None, :, -1])


@pytest.mark.parametrize("zero", [False, True])
@pytest.mark.parametrize("by_length", [False, True])
def test_rnn_with_a_mask(zero: bool, by_length: bool) -> None:
    series, lengths = given(2, 4, 3), torch.tensor([2, 4])
    mask = torch.arange(4) < lengths[:, None]
    how = {"input_length": lengths} if by_length else {"mask": mask}
    last, outputs, (state,) = K.rnn(step, series, [torch.zeros(2, 3)], zero_output_for_mask=zero, **how)
    sums = torch.where(mask[..., None], series, 0.0).cumsum(1)
    equal(outputs, torch.where(mask[..., None], sums, 0.0) if zero else sums)
    equal(last, outputs[:, -1])
    equal(state, sums[:, -1])


def test_rnn_of_symbolic_tensors() -> None:
    inputs = tkeras.Input((5, 3))
    last, outputs, states = K.rnn(step, inputs, [torch.zeros(3)])
    assert (last.shape, outputs.shape, states[0].shape) == ((None, 3), (None, 5, 3), (None, 3))
    equal(tkeras.Model(inputs, last)(given(2, 5, 3)), given(2, 5, 3).sum(1))


@pytest.mark.parametrize(("padding", "size"), [("valid", 9), ("valid", 10), ("same", 7), ("same", 8)])
def test_conv2d_transpose(padding: str, size: int) -> None:
    """It is the gradient of the convolution with the same arguments."""
    images, kernel = given(2, 4, 4, 3), given(3, 3, 5, 3)
    ours = K.conv2d_transpose(images, kernel, (2, size, size, 5), (2, 2), padding)
    source = torch.zeros(2, size, size, 5, requires_grad=True)
    forward = K.conv2d(source, kernel, (2, 2), padding)
    (expected,) = torch.autograd.grad(forward, source, images)
    equal(ours, expected, rtol=1e-4, atol=1e-4)
    with pytest.raises(ValueError, match="output_shape"):
        K.conv2d_transpose(images, kernel, (2, 12, 12, 5), (2, 2), padding)


def test_separable_and_depthwise_conv2d() -> None:
    images, depth, point = given(1, 5, 5, 2), given(3, 3, 2, 2), given(1, 1, 4, 3)
    inner = K.depthwise_conv2d(images, depth)
    equal(K.separable_conv2d(images, depth, point), inner @ point[0, 0])


def test_ctc() -> None:
    """The last class means "no label"."""
    p = given(2, 6, 4).softmax(-1)
    labels, lengths, counts = (
        torch.tensor([[0, 1], [2, 2]]),
        torch.tensor([[6], [5]]),
        torch.tensor([[2], [2]]),
    )
    expected = F.ctc_loss(p.log().transpose(0, 1), labels, lengths[:, 0], counts[:, 0], 3, "none")
    equal(K.ctc_batch_cost(labels, p, lengths, counts)[:, 0], expected, rtol=1e-3, atol=1e-3)
    decoded, scores = K.ctc_decode(p, lengths[:, 0])
    assert (len(decoded), decoded[0].shape, scores.shape) == (1, (2, 6), (2, 1))
    decoded, scores = K.ctc_decode(p, lengths[:, 0], greedy=False, top_paths=3)
    assert (len(decoded), scores.shape) == (3, (2, 3))


def test_in_models() -> None:
    """The sampling layer of a variational autoencoder, and functions on symbolic tensors."""
    mean, log_variance = tkeras.Input((2,)), tkeras.Input((2,))

    def sample(arguments: Any) -> Any:
        mean, log_variance = arguments
        noise = K.random_normal(shape=(K.shape(mean)[0], K.int_shape(mean)[1]), mean=0.0, stddev=0.1)
        return mean + K.exp(log_variance / 2) * noise

    z = tkeras.layers.Lambda(sample)([mean, log_variance])
    assert z.shape == (None, 2)
    assert tkeras.Model([mean, log_variance], z)([torch.zeros(5, 2), torch.zeros(5, 2)]).shape == (5, 2)
    distance = K.sqrt(K.sum(K.square(mean - log_variance), axis=1, keepdims=True))
    equal(
        tkeras.Model([mean, log_variance], distance)([torch.tensor([[3.0, 0]]), torch.tensor([[0.0, 4]])]),
        [[5.0]],
    )
    assert K.l2_normalize(mean, axis=1).shape == (None, 2)
    assert K.batch_dot(mean, log_variance, axes=1).shape == (None, 1)
    assert K.placeholder((None, 3)).shape == (None, 3)
    assert K.switch(mean > 0, mean, log_variance).shape == (None, 2)
    assert K.slice(mean, (0, 1), (-1, 1)).shape == (None, 1)
    assert K.is_keras_tensor(z)
