"""The stand-in for tensorflow, imported as what it is: a package of tkeras."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import tkeras
from tkeras.compat import tensorflow as tf
from tkeras.compat.tensorflow import _dataset, config, image, linalg, math, nn, random, test

Dataset = _dataset.Dataset


def same(found, expected) -> None:
    np.testing.assert_allclose(np.asarray(found.detach()), expected, rtol=1e-6, atol=1e-6)


X = np.arange(24, dtype="float32").reshape(2, 3, 4)


def test_element_types_equal_every_spelling() -> None:
    assert tf.float32 == torch.float32 == tf.float32
    assert tf.zeros((1,)).dtype == tf.float32 == "float32"
    assert tf.cast(tf.ones((2,)), tf.int32).dtype == tf.int32 != tf.int64
    assert tf.as_dtype(np.float16) == tf.half
    assert tf.int8.max == 127
    assert tf.float32.is_floating
    assert not tf.float32.is_integer
    assert tkeras.Input((3,)).dtype == tf.float32
    assert tf.constant(1.5).dtype == tf.float32
    assert tf.constant(3).dtype == tf.int32
    assert tf.float32 != "nothing"


CASES = {
    "concat": (lambda: tf.concat([X, X], 1), np.concatenate([X, X], 1)),
    "stack": (lambda: tf.stack([X, X], axis=-1), np.stack([X, X], -1)),
    "split sizes": (lambda: tf.split(X, [1, -1], axis=1)[1], X[:, 1:]),
    "split parts": (lambda: tf.split(X, 2, axis=-1)[1], X[..., 2:]),
    "transpose": (lambda: tf.transpose(X, perm=[2, 0, 1]), X.transpose(2, 0, 1)),
    "reduce_sum": (lambda: tf.reduce_sum(X, axis=[0, 2], keepdims=True), X.sum((0, 2), keepdims=True)),
    "reduce_mean": (lambda: tf.reduce_mean(X), X.mean()),
    "reduce_std": (lambda: math.reduce_std(X, 1), X.std(1)),
    "argmax": (lambda: tf.argmax(X), X.argmax(0)),
    "gather": (lambda: tf.gather(X, [1, 0, 1]), X[[1, 0, 1]]),
    "gather axis": (lambda: tf.gather(X, [2, 0], axis=1), X[:, [2, 0]]),
    "gather batch": (
        lambda: tf.gather(X, [[0], [2]], axis=1, batch_dims=1),
        np.stack([X[0, [0]], X[1, [2]]]),
    ),
    "gather_nd": (lambda: tf.gather_nd(X, [[0, 1], [1, 2]]), X[[0, 1], [1, 2]]),
    "boolean_mask": (lambda: tf.boolean_mask(X, [True, False]), X[:1]),
    "where": (lambda: tf.where(X > 5, X, 0.0), np.where(X > 5, X, 0)),
    "positions": (lambda: tf.where(X > 21), np.argwhere(X > 21)),
    "one_hot": (lambda: tf.one_hot([0, 2], 3, on_value=5.0, off_value=-1.0), [[5, -1, -1], [-1, -1, 5]]),
    "range": (lambda: tf.range(2, 9, 3), [2, 5, 8]),
    "range limit": (lambda: tf.range(3), [0, 1, 2]),
    "pad": (lambda: tf.pad(X[0], [[1, 0], [0, 2]]), np.pad(X[0], [[1, 0], [0, 2]])),
    "fill": (lambda: tf.fill([2, 2], 3.0), np.full((2, 2), 3.0)),
    "eye": (lambda: tf.eye(2, batch_shape=[3]), np.stack([np.eye(2)] * 3)),
    "sort": (lambda: tf.sort([3, 1, 2], direction="DESCENDING"), [3, 2, 1]),
    "cumsum": (lambda: tf.cumsum(X, 1, exclusive=True), X.cumsum(1) - X),
    "cumsum reverse": (lambda: tf.cumsum(X, 2, reverse=True), X[..., ::-1].cumsum(2)[..., ::-1]),
    "matmul": (lambda: tf.matmul(X, X, transpose_b=True), X @ X.transpose(0, 2, 1)),
    "norm": (lambda: tf.norm(X), np.linalg.norm(X)),
    "norm axis": (lambda: linalg.norm(X, axis=1), np.linalg.norm(X, axis=1)),
    "clip": (lambda: tf.clip_by_value(X, 2, 5), X.clip(2, 5)),
    "clip_by_norm": (lambda: tf.clip_by_norm(X, 1.0), X / np.linalg.norm(X)),
    "l2_normalize": (lambda: math.l2_normalize(X, 1), X / np.linalg.norm(X, axis=1, keepdims=True)),
    "unique": (lambda: tf.unique([5, 3, 5, 1])[0], [5, 3, 1]),
    "unique index": (lambda: tf.unique([5, 3, 5, 1])[1], [0, 1, 0, 2]),
    "top_k": (lambda: math.top_k(X, 2)[1], np.broadcast_to([3, 2], (2, 3, 2))),
    "divide_no_nan": (lambda: math.divide_no_nan(tf.ones((2,)), [0.0, 2.0]), [0, 0.5]),
    "meshgrid": (lambda: tf.meshgrid([1, 2], [3, 4])[0], [[1, 2], [1, 2]]),
    "reverse": (lambda: tf.reverse(X, [1]), X[:, ::-1]),
    "pow": (lambda: tf.pow(X, 2.0), X**2),
    "moments": (lambda: nn.moments(tf.constant(X), [0])[1], X.var(0)),
    "bias_add": (lambda: nn.bias_add(tf.constant(X), tf.ones((4,))), X + 1),
    "flip": (lambda: image.flip_left_right(X), X[:, ::-1]),
    "to floats": (lambda: image.convert_image_dtype(tf.cast([255, 0], tf.uint8), tf.float32), [1, 0]),
    "to bytes": (lambda: image.convert_image_dtype(tf.constant([1.0, 0.0, 0.5]), tf.uint8), [255, 0, 127]),
    "central_crop": (lambda: image.central_crop(np.zeros((8, 8, 1)), 0.5), np.zeros((4, 4, 1))),
    "while_loop": (lambda: tf.while_loop(lambda i: i < 5, lambda i: (i + 2,), (tf.constant(0),))[0], 6),
}


@pytest.mark.parametrize("name", CASES)
def test_functions(name) -> None:
    call, expected = CASES[name]
    same(call(), expected)


def test_losses_from_logits() -> None:
    logits = torch.randn(4, 3)
    labels = torch.tensor([0, 2, 1, 1])
    expected = torch.nn.functional.cross_entropy(logits, labels, reduction="none")
    same(nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits), expected)
    hot = tf.one_hot(labels, 3)
    same(nn.softmax_cross_entropy_with_logits(labels=hot, logits=logits), expected)
    expected = torch.nn.functional.binary_cross_entropy_with_logits(logits, hot, reduction="none")
    same(nn.sigmoid_cross_entropy_with_logits(labels=hot, logits=logits), expected)


def test_convolution_and_pooling_take_four_sizes() -> None:
    images, kernel = torch.randn(2, 6, 6, 3), torch.randn(3, 3, 3, 5)
    expected = torch.nn.functional.conv2d(images.permute(0, 3, 1, 2), kernel.permute(3, 2, 0, 1), stride=2)
    found = nn.conv2d(images, kernel, strides=[1, 2, 2, 1], padding="VALID")
    torch.testing.assert_close(found, expected.permute(0, 2, 3, 1), rtol=1e-4, atol=1e-5)
    pooled = nn.max_pool2d(images, ksize=2, strides=2, padding="VALID")
    assert torch.equal(pooled, images.reshape(2, 3, 2, 3, 2, 3).amax((2, 4)))


def test_global_norm_clips_all_alike() -> None:
    clipped, size = tf.clip_by_global_norm([tf.constant([3.0]), None, tf.constant([4.0])], 1.0)
    same(size, 5.0)
    same(clipped[0], [0.6])
    assert clipped[1] is None


def test_gradients_of_a_tape() -> None:
    v, frozen = tf.Variable(3.0), tf.Variable(2.0, trainable=False)
    assert isinstance(v, tf.Variable)
    assert isinstance(v, tkeras.Variable)
    with tf.GradientTape() as tape:
        y = {"a": v * v * frozen, "b": 2 * v}
    assert isinstance(y["a"], tf.Tensor)
    gradients = tape.gradient(y, {"v": v, "frozen": frozen})
    same(gradients["v"], 14.0)
    assert gradients["frozen"] is None
    with pytest.raises(RuntimeError, match="non-persistent"):
        tape.gradient(y, v)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x := tf.constant([1.0, 2.0]))
        y = x**3
        z = tf.reduce_sum(y)
    same(tape.gradient(y, x), [3, 12])
    same(tape.gradient(z, x), [3, 12])
    same(tape.jacobian(y, x), [[3, 0], [0, 12]])
    assert tape.gradient(z, v) is None
    same(tape.gradient(z, v, unconnected_gradients="zero"), 0.0)
    with pytest.raises(ValueError, match="floating point"):
        tape.watch(tf.constant([1]))


def test_tapes_nest_and_rest() -> None:
    x = tf.Variable(2.0)
    with tf.GradientTape() as outer:
        with tf.GradientTape() as inner:
            y = x**4
        slope = inner.gradient(y, x)
    same(outer.gradient(slope, x), 48.0)
    with tf.GradientTape() as tape:
        with tape.stop_recording():
            constant = x * 3
        y = x * constant
    same(tape.gradient(y, x), 6.0)
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        y = x * x
    assert tape.gradient(y, x) is None


def test_functions_stay_functions() -> None:
    @tf.function
    def plain(x):
        return x + 1

    @tf.function(jit_compile=True, reduce_retracing=True)
    def options(x):
        return x + 2

    assert (plain(1), options(1)) == (2, 3)
    with pytest.raises(TypeError, match="nothing"):
        tf.function(plain, nothing=1)


def test_shapes_and_devices() -> None:
    assert tf.shape(X).as_list() == [2, 3, 4]
    assert tf.rank(X) == 3
    assert [device.device_type for device in config.list_physical_devices("CPU")] == ["CPU"]
    assert bool(config.list_physical_devices("GPU")) == torch.cuda.is_available() == test.is_gpu_available()
    with tf.device("/CPU:0"):
        assert tf.zeros(tf.shape(X)).device.type == "cpu"
    with pytest.raises(ValueError, match=r"tf\.device"), tf.device("/TPU:0"):
        pass


def test_random_numbers() -> None:
    random.set_seed(3)
    first = random.normal((1000,), 2.0, 0.5)
    random.set_seed(3)
    assert torch.equal(first, random.normal((1000,), 2.0, 0.5))
    assert abs(float(first.mean()) - 2) < 0.1
    assert set(random.uniform((50,), 2, 5, dtype=tf.int32).tolist()) == {2, 3, 4}
    with pytest.raises(ValueError, match="maxval"):
        random.uniform((2,), dtype="int32")
    shuffled = random.shuffle(tf.range(20))
    assert sorted(shuffled.tolist()) == list(range(20))


def rows(dataset) -> list:
    return [
        element.tolist() if isinstance(element, torch.Tensor) else [part.tolist() for part in element]
        for element in dataset
    ]


def test_datasets_are_made_of_steps() -> None:
    numbers = Dataset.range(6)
    assert rows(numbers.map(lambda n: n * 2).filter(lambda n: n > 2)) == [4, 6, 8, 10]
    assert rows(numbers.batch(4)) == [[0, 1, 2, 3], [4, 5]]
    assert rows(numbers.batch(4, drop_remainder=True)) == [[0, 1, 2, 3]]
    assert rows(numbers.skip(1).take(2).concatenate(numbers.take(1))) == [1, 2, 0]
    assert rows(numbers.repeat(2).skip(5).take(3)) == [5, 0, 1]
    assert rows(Dataset.zip((numbers, numbers.skip(3)))) == [[0, 3], [1, 4], [2, 5]]
    assert rows(numbers.batch(2).unbatch()) == [0, 1, 2, 3, 4, 5]
    assert rows(numbers.shard(3, 1)) == [1, 4]
    assert [rows(w) for w in numbers.window(3, shift=2, drop_remainder=True)] == [[0, 1, 2], [2, 3, 4]]
    assert rows(numbers.window(2).flat_map(lambda w: w.batch(2))) == [[0, 1], [2, 3], [4, 5]]
    assert [i for i, _ in numbers.enumerate(1)] == [1, 2, 3, 4, 5, 6]
    assert int(numbers.reduce(torch.tensor(0), lambda a, b: a + b)) == 15
    assert (len(numbers.batch(4)), numbers.filter(bool).cardinality()) == (2, -2)
    assert rows(numbers.prefetch(tf.float32)) == rows(numbers.cache()) == rows(numbers.apply(lambda d: d))
    with pytest.raises(TypeError, match="unknown"):
        len(numbers.filter(bool))
    with pytest.raises(ValueError, match="file"):
        numbers.cache("somewhere")


@pytest.mark.parametrize("buffer", [4, 1000])
def test_shuffling(buffer) -> None:
    data = Dataset.from_tensor_slices((np.arange(50), np.arange(50) * 2)).shuffle(buffer, seed=1)
    first, second = rows(data), rows(data)
    assert sorted(first) == sorted(second) == [[n, 2 * n] for n in range(50)]
    assert first != second != sorted(second)
    assert first == rows(
        Dataset.from_tensor_slices((np.arange(50), np.arange(50) * 2)).shuffle(buffer, seed=1)
    )
    fixed = data.shuffle(buffer, seed=2, reshuffle_each_iteration=False)
    assert len(rows(fixed)) == 50
    batches = data.batch(16)
    assert [len(x) for x, _ in batches] == [16, 16, 16, 2]
    assert all(torch.equal(2 * x, y) for x, y in batches)


def test_datasets_from_structures_and_generators() -> None:
    data = Dataset.from_tensor_slices({"a": [[1.0, 2.0], [3.0, 4.0]], "b": ["x", "y"]})
    first = next(iter(data))
    assert first["a"].tolist() == [1, 2]
    assert first["b"] == "x"
    assert next(iter(data.batch(2)))["b"].tolist() == ["x", "y"]
    made = Dataset.from_generator(lambda: iter([(1, 2.0)]), output_types=("int32", tf.float32))
    x, y = next(iter(made))
    assert (x.dtype, y.dtype) == (torch.int32, torch.float32)
    assert next(made.as_numpy_iterator())[0].dtype == np.int32
    assert made.element_spec[1].dtype == tf.float32
    with pytest.raises(ValueError, match="one length"):
        Dataset.from_tensor_slices((np.zeros(2), np.zeros(3)))


def test_fit_takes_datasets() -> None:
    x = np.random.rand(64, 3).astype("float32")
    model = tkeras.Sequential([tkeras.Input((3,)), tkeras.layers.Dense(1)])
    model.compile("sgd", "mse")
    data = Dataset.from_tensor_slices((x, x.sum(1, keepdims=True)))
    history = model.fit(data.shuffle(64).batch(16), validation_data=data.batch(32), epochs=3, verbose=0)
    assert history.history["loss"][-1] < history.history["loss"][0]
    assert len(history.history["val_loss"]) == 3
    model.fit(data.repeat().filter(lambda x, y: True).batch(16), steps_per_epoch=4, epochs=2, verbose=0)
    assert model.predict(data.batch(10), verbose=0).shape == (64, 1)
