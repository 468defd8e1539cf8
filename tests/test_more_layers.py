"""Convolution, shape, activation, noise, normalization, attention layers and wrapped torch modules by themselves."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import tkeras
from tkeras import Input, Model, layers
from tkeras.saving import deserialize_keras_object, safe_mode_scope, serialize_keras_object

X = torch.randn(400, 50)


def test_gaussian_noise_has_its_standard_deviation() -> None:
    noise = layers.GaussianNoise(0.5)(X, training=True) - X
    assert float(noise.mean()) == pytest.approx(0, abs=0.02)
    assert float(noise.std()) == pytest.approx(0.5, abs=0.02)


def test_gaussian_dropout_multiplies_with_noise_of_mean_one() -> None:
    ratio = layers.GaussianDropout(0.2)(torch.ones(400, 50), training=True)
    assert float(ratio.mean()) == pytest.approx(1, abs=0.02)
    assert float(ratio.std()) == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize("rate", [0.1, 0.5])
def test_alpha_dropout_keeps_mean_and_variance(rate: float) -> None:
    y = layers.AlphaDropout(rate)(torch.randn(500, 200), training=True)
    assert float(y.mean()) == pytest.approx(0, abs=0.02)
    assert float(y.var()) == pytest.approx(1, abs=0.05)
    values, counts = y.unique(return_counts=True)
    assert int(counts.max()) / y.numel() == pytest.approx(rate, abs=0.02)
    assert float(values[counts.argmax()]) < -0.7


@pytest.mark.parametrize(
    ("layer", "shape", "axes"),
    [
        (layers.SpatialDropout1D(0.4), (60, 7, 50), (1,)),
        (layers.SpatialDropout2D(0.4), (60, 3, 4, 50), (1, 2)),
        (layers.SpatialDropout2D(0.4, "channels_first"), (60, 50, 3, 4), (2, 3)),
        (layers.SpatialDropout3D(0.4), (60, 2, 3, 2, 50), (1, 2, 3)),
    ],
)
def test_spatial_dropout_drops_whole_channels(layer: Any, shape: Any, axes: Any) -> None:
    y = layer(torch.ones(shape), training=True)
    assert torch.equal(y.amax(axes), y.amin(axes))
    assert float((y == 0).float().mean()) == pytest.approx(0.4, abs=0.05)
    assert float(y.max()) == pytest.approx(1 / 0.6)


@pytest.mark.parametrize(
    "make",
    [
        lambda: layers.GaussianNoise(0.3),
        lambda: layers.GaussianDropout(0.3),
        lambda: layers.AlphaDropout(0.3),
        lambda: layers.SpatialDropout1D(0.3),
    ],
)
def test_noise_differs_from_call_to_call_and_passes_integers_of_shape(make: Callable[[], Any]) -> None:
    layer, x = make(), torch.ones(5, 6, 7)
    assert not torch.equal(layer(x, training=True), layer(x, training=True))
    assert torch.equal(layer(x), x)
    assert layer(Input((6, 7))).shape == (None, 6, 7)


def test_attention_drops_weights_in_training_only() -> None:
    q, v = torch.randn(2, 5, 6), torch.eye(7).expand(2, 7, 7)
    k = torch.randn(2, 7, 6)
    layer = layers.Attention(dropout=0.5, seed=1)
    assert torch.equal(layer([q, v, k]), layer([q, v, k]))
    first, second = layer([q, v, k], training=True), layer([q, v, k], training=True)
    assert not torch.equal(first, second)
    assert 0.2 < float((first == 0).float().mean()) < 0.8
    heads = layers.MultiHeadAttention(2, 4, dropout=0.5)
    assert torch.equal(heads(q, k), heads(q, k))
    assert not torch.equal(heads(q, k, training=True), heads(q, k, training=True))


def test_a_mask_with_heads_meets_the_masks_of_the_inputs() -> None:
    q, v = torch.randn(2, 5, 6), torch.randn(2, 7, 6)
    layer = layers.MultiHeadAttention(3, 4)
    mask, value_mask = torch.rand(2, 5, 7) > 0.4, torch.rand(2, 7) > 0.2
    apart = layer(q, v, attention_mask=mask[:, None].expand(2, 3, 5, 7), value_mask=value_mask)
    torch.testing.assert_close(apart, layer(q, v, attention_mask=mask & value_mask[:, None]))


@pytest.mark.parametrize("kind", [layers.MultiHeadAttention, layers.GroupQueryAttention])
def test_flash_attention_gives_the_same_numbers_and_has_its_limits(kind: Any) -> None:
    x = torch.randn(2, 5, 8)
    sizes = (2, 4) if kind is layers.MultiHeadAttention else (4, 2, 2)
    plain, flash = kind(*sizes), kind(*sizes, flash_attention=True)
    plain(x, x)
    flash(x, x)
    flash.set_weights(plain.get_weights())
    torch.testing.assert_close(flash(x, x, use_causal_mask=True), plain(x, x, use_causal_mask=True))
    with pytest.raises(ValueError, match="not supported when flash attention is enabled"):
        flash(x, x, return_attention_scores=True)
    with pytest.raises(ValueError, match="Dropout is not supported when flash attention"):
        kind(*sizes, dropout=0.1, flash_attention=True)


def test_a_masked_sequence_attends_as_its_unmasked_part() -> None:
    ids = torch.tensor([[3, 1, 4, 0, 0], [2, 2, 1, 1, 1]])
    embedded = layers.Embedding(5, 6, mask_zero=True)(ids)
    layer = layers.MultiHeadAttention(2, 3)
    outputs = layer(embedded, embedded)
    part = embedded[:1, :3].detach().clone()
    torch.testing.assert_close(outputs[:1, :3], layer(part, part))
    assert torch.equal(outputs._keras_mask, ids != 0)


@pytest.mark.parametrize("factor", [1, 3, 7, 41, 49])
def test_upsampling_repeats_every_element(factor: int) -> None:
    for size in (1, 3, 17, 61):
        x = torch.randn(2, 1, size, 3, requires_grad=True)
        y = layers.UpSampling2D((2, factor))(x)
        expected = x.repeat_interleave(2, 1).repeat_interleave(factor, 2)
        assert torch.equal(y, expected)
        g = torch.randn_like(y)
        ours, theirs = (torch.autograd.grad(made, x, g, retain_graph=True)[0] for made in (y, expected))
        torch.testing.assert_close(ours, theirs)
    whole = layers.UpSampling2D((1, factor), dtype="int32")(
        torch.arange(6, dtype=torch.int32).view(1, 1, 6, 1)
    )
    assert whole.flatten().tolist() == [number for number in range(6) for _ in range(factor)]


@pytest.mark.parametrize(
    ("make", "shape"),
    [
        (lambda p: layers.Conv2DTranspose(4, 3, strides=2, dtype=p), (2, 5, 5, 3)),
        (lambda p: layers.DepthwiseConv2D(3, dtype=p), (2, 5, 5, 3)),
        (lambda p: layers.SeparableConv1D(4, 3, dtype=p), (2, 5, 3)),
        (lambda p: layers.PReLU("ones", dtype=p), (2, 5)),
        (lambda p: layers.Softmax(dtype=p), (2, 5)),
        (lambda p: layers.LeakyReLU(dtype=p), (2, 5)),
        (lambda p: layers.LayerNormalization(dtype=p), (2, 5)),
        (lambda p: layers.GroupNormalization(1, dtype=p), (2, 5, 4)),
        (lambda p: layers.RMSNormalization(dtype=p), (2, 5)),
        (lambda p: layers.UnitNormalization(dtype=p), (2, 5)),
        (lambda p: layers.BatchNormalization(renorm=True, dtype=p), (8, 5)),
        (lambda p: layers.EinsumDense("abc,cde->abde", (None, 2, 3), bias_axes="de", dtype=p), (2, 5, 4)),
        (lambda p: layers.EinsumDense("abc,dc->abd", (None, 2), bias_axes="d", dtype=p), (2, 5, 4)),
        (lambda p: layers.UpSampling2D(2, interpolation="bilinear", dtype=p), (2, 3, 3, 2)),
        (lambda p: layers.GaussianNoise(0.1, dtype=p), (2, 5)),
        (lambda p: layers.AlphaDropout(0.1, dtype=p), (2, 5)),
    ],
)
@pytest.mark.parametrize("half", ["bfloat16", "float16"])
def test_mixed_precision(make: Any, shape: Any, half: str) -> None:
    layer, exact = make(f"mixed_{half}"), make("float32")
    x = torch.randn(shape)
    for each in (layer, exact):
        each.build(shape)
    layer.set_weights(exact.get_weights())
    for training in (False, True):
        y = layer(x, training=training) if training else layer(x)
        assert y.dtype is getattr(torch, half)
        assert all(w.dtype is torch.float32 for w in layer.weights)
    torch.testing.assert_close(layer(x).float(), exact(x), rtol=0.05, atol=0.05)


def test_attention_in_mixed_precision_with_a_mask() -> None:
    q, mask = torch.randn(2, 5, 8), torch.ones(2, 5, 5).tril().bool()
    for make in (
        lambda p: layers.MultiHeadAttention(2, 4, dtype=p),
        lambda p: layers.GroupQueryAttention(4, 2, 1, dtype=p),
    ):
        exact = make("float32")
        expected = exact(q, q, attention_mask=mask)
        for half in (torch.bfloat16, torch.float16):
            layer = make(f"mixed_{str(half).removeprefix('torch.')}")
            layer.build((2, 5, 8), (2, 5, 8))
            layer.set_weights(exact.get_weights())
            y = layer(q, q, attention_mask=mask)
            assert y.dtype is half
            torch.testing.assert_close(y.float(), expected, rtol=0.05, atol=0.05)
    y = layers.Attention(dtype="mixed_float16")([q, q], mask=[None, mask[:, 2]])
    assert torch.isfinite(y).all()


def test_a_layer_without_autocast_reads_its_weights_as_they_are() -> None:
    class Table(layers.Layer):
        def build(self, input_shape: Any) -> None:
            self.table = self.add_weight((3, 2))

        def call(self, x: Any) -> Any:
            return self.table.to(x.dtype) + x if self.table.dtype is torch.float32 else None

    assert Table(dtype="mixed_bfloat16", autocast=False)(torch.zeros(3, 2)) is not None


@pytest.mark.parametrize("kind", ["int32", "uint8"])
def test_integers_stay_integers_where_nothing_is_computed(kind: str) -> None:
    image = np.arange(24).reshape(1, 4, 3, 2).astype(kind)
    for layer in (layers.ZeroPadding2D(1), layers.Cropping2D(1), layers.UpSampling2D(2)):
        symbol = layer(Input((4, 3, 2), dtype=kind))
        made = layer(image)
        assert made.dtype is getattr(torch, kind)
        assert (symbol.dtype, symbol.shape[1:]) == (kind, tuple(made.shape[1:]))


@pytest.mark.parametrize("axis", [1, (1, 3), -2])
def test_layer_and_rms_normalization_over_axes_in_the_middle(axis: Any) -> None:
    """Real Keras on torch fails here."""
    x = torch.randn(2, 5, 4, 3, dtype=torch.float64)
    dims = axis if isinstance(axis, tuple) else (axis,)
    layer = layers.LayerNormalization(axis, epsilon=1e-3, gamma_initializer="normal", dtype="float64")
    y, shape = layer(x), [size if a - 4 in dims or a in dims else 1 for a, size in enumerate(x.shape)]
    centered = (x - x.mean(dims, keepdim=True)) / torch.sqrt(x.var(dims, correction=0, keepdim=True) + 1e-3)
    torch.testing.assert_close(y, centered * layer.gamma.reshape(shape))
    y = layers.RMSNormalization(axis, epsilon=1e-3, dtype="float64")(x)
    torch.testing.assert_close(y, x / torch.sqrt(x.square().mean(dims, keepdim=True) + 1e-3))


def test_unit_normalization_leaves_zeros() -> None:
    x = torch.tensor([[3.0, 4.0], [0.0, 0.0]])
    assert layers.UnitNormalization()(x).tolist() == [pytest.approx([0.6, 0.8]), [0, 0]]


def test_spellings_of_keras_2() -> None:
    assert layers.LeakyReLU(alpha=0.1).negative_slope == 0.1
    assert layers.ThresholdedReLU(theta=0.5)(torch.tensor([0.4, 0.5, 0.6])).tolist() == [
        0,
        0,
        pytest.approx(0.6),
    ]
    assert layers.ThresholdedReLU.from_config(layers.ThresholdedReLU(2).get_config()).theta == 2
    assert layers.Convolution2DTranspose is layers.Deconvolution2D is layers.Conv2DTranspose
    assert layers.SeparableConvolution2D is layers.SeparableConv2D
    model = tkeras.Sequential([layers.SpatialDropout1D(0.2, input_shape=(4, 3)), layers.ZeroPadding1D(1)])
    assert model.output_shape == (None, 6, 3)
    made = layers.deserialize({"class_name": "Conv2D", "config": {"filters": 3, "kernel_size": [3, 3]}})
    assert made.kernel_size == (3, 3)
    again = layers.deserialize(layers.serialize(layers.Softmax(axis=1)))
    assert again.axis == 1


@pytest.mark.parametrize(
    "make",
    [
        lambda: layers.Conv2DTranspose(5, 3, strides=2),
        lambda: layers.SeparableConv2D(5, 3),
        lambda: layers.GroupNormalization(1),
        lambda: layers.SpectralNormalization(layers.Conv2D(2, 1)),
        lambda: layers.UpSampling2D(2, interpolation="bicubic"),
        lambda: layers.PReLU(shared_axes=[1, 2]),
        lambda: layers.AdaptiveMaxPooling2D(2),
    ],
)
def test_layers_train_in_a_model_and_come_back_from_their_configuration(make: Callable[[], Any]) -> None:
    model = tkeras.Sequential(
        [Input((6, 6, 3)), layers.Conv2D(3, 1), make(), layers.Flatten(), layers.Dense(1)]
    )
    model.compile("sgd", "mse")
    x, y = np.random.default_rng(0).normal(size=(8, 6, 6, 3)).astype("float32"), np.ones((8, 1), "float32")
    before = model.get_weights()
    model.fit(x, y, verbose=0)
    assert any(not np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
    again = deserialize_keras_object(serialize_keras_object(model.layers[1]))
    assert again.get_config() == model.layers[1].get_config()
    assert again.built


def test_a_transformer_block_learns() -> None:
    tkeras.utils.set_random_seed(0)
    inputs = Input((None,), dtype="int32")
    x = layers.Embedding(10, 16, mask_zero=True)(inputs)
    x = layers.Add()([x, layers.MultiHeadAttention(2, 8, dropout=0.1)(x, x)])
    x = layers.LayerNormalization()(x)
    x = layers.Add()([x, layers.EinsumDense("abc,cd->abd", (None, 16), activation="gelu", bias_axes="d")(x)])
    model = Model(inputs, layers.Dense(1, activation="sigmoid")(layers.GlobalAveragePooling1D()(x)))
    rng = np.random.default_rng(0)
    ids = rng.integers(1, 10, (256, 7)).astype("int32")
    ids[:64, 4:] = 0
    labels = (ids == 3).any(1, keepdims=True).astype("float32")
    model.compile(tkeras.optimizers.Adam(0.05), "binary_crossentropy")
    losses = model.fit(ids, labels, batch_size=256, epochs=25, verbose=0).history["loss"]
    assert losses[-1] < 0.5 * losses[0]


def network() -> torch.nn.Module:
    return torch.nn.Sequential(torch.nn.Linear(4, 5), torch.nn.BatchNorm1d(5), torch.nn.Linear(5, 2))


def test_parameters_of_a_torch_module_are_the_variables() -> None:
    module = network()
    weight = module[0].weight
    layer = layers.TorchModuleWrapper(module, name="net")
    assert layer.trainable_variables[0] is weight is module[0].weight
    assert [v.path for v in layer.trainable_variables][:2] == ["net/0/weight", "net/0/bias"]
    assert sorted(layer.state_dict()) == sorted(f"module.{key}" for key in module.state_dict())
    assert layer(Input((4,))).shape == (None, 2)
    layer.trainable = False
    assert layer.trainable_variables == []
    assert not weight.requires_grad
    clone = copy.deepcopy(layer)
    clone.weights[0].assign(torch.zeros(5, 4))
    assert not clone.module[0].weight.any()
    assert weight.any()


def test_shared_parameters_of_a_torch_module_count_once() -> None:
    linear = torch.nn.Linear(3, 3)
    layer = layers.TorchModuleWrapper(torch.nn.Sequential(linear, torch.nn.ReLU(), linear))
    assert len(layer.weights) == 2


def test_eval_holds_for_a_torch_module() -> None:
    layer = layers.TorchModuleWrapper(network())
    layer.eval()
    layer(torch.randn(8, 4))
    assert not layer.module.training
    assert int(layer.module[1].num_batches_tracked) == 0


def test_own_variables_of_a_torch_module_include_buffers() -> None:
    layer, other = (layers.TorchModuleWrapper(network()) for _ in range(2))
    layer(torch.randn(8, 4))
    store: dict[str, Any] = {}
    layer.save_own_variables(store)
    assert set(store) == set(layer.module.state_dict())
    other.load_own_variables(store)
    for key, value in other.module.state_dict().items():
        assert torch.equal(value, layer.module.state_dict()[key])


def test_a_torch_module_is_read_back_only_where_code_is_allowed() -> None:
    layer = layers.TorchModuleWrapper(network(), output_shape=(None, 2))
    config = layer.get_config()
    with pytest.raises(ValueError, match="arbitrary code execution"):
        layers.TorchModuleWrapper.from_config(config)
    with safe_mode_scope(False):
        again = layers.TorchModuleWrapper.from_config(config)
    x = torch.randn(3, 4)
    assert torch.equal(again(x, training=False), layer(x, training=False))
    assert again(Input((4,))).shape == (None, 2)


ONES = torch.ones
WRONG: list[tuple[Callable[[], Any], str]] = [
    (lambda: layers.Conv2DTranspose(0, 3), "filters=0"),
    (lambda: layers.Conv2DTranspose(3, 3, strides=2, output_padding=2), "strictly less than `strides`"),
    (lambda: layers.Conv2DTranspose(3, 3, strides=2, dilation_rate=2), "not supported in conjunction"),
    (lambda: layers.Conv1DTranspose(3, 3, padding="causal"), "one of"),
    (lambda: layers.Conv2D(3, 5, name="c")(ONES(1, 4, 9, 2)), 'Layer "c": Computed output size would be zero or negative'),
    (lambda: layers.Conv2D(3, 5, name="c")(Input((9, 9, None))), 'Layer "c": the number of input channels must be known'),
    (lambda: layers.Conv2D(3, 3, lora_rank=2), "lora_rank=2` is not supported"),
    (lambda: layers.DepthwiseConv2D(3, depth_multiplier=0), "depth_multiplier=0"),
    (lambda: layers.DepthwiseConv2D(3, strides=0), "`strides` argument must be a tuple of 2 integers"),
    (lambda: layers.SeparableConv1D(-1, 3), "filters=-1"),
    (lambda: layers.SeparableConv2D(3, 3, name="s")(ONES(2, 5, 4)), "layer 's'.*expected ndim=4"),
    (lambda: layers.MaxPooling1D(9, name="p")(Input((4, 2))), 'Layer "p": Computed output size would be zero'),
    (lambda: layers.AdaptiveMaxPooling2D("3"), "must be an integer or a tuple of 2 integers"),
    (lambda: layers.AdaptiveAveragePooling1D((1, 2)), "must be a tuple of 1 integers"),
    (lambda: layers.Cropping1D(-1), "value >= 0"),
    (lambda: layers.Cropping2D((1, 2, 3)), "tuple of 2 ints"),
    (lambda: layers.Cropping1D((2, 3), name="c")(ONES(1, 5, 2)), '`cropping` .* smaller'),
    (lambda: layers.Cropping2D(3, name="c")(Input((5, 9, 2))), '`cropping` .* smaller'),
    (lambda: layers.ZeroPadding3D((1, 2)), "tuple of 3 ints"),
    (lambda: layers.ZeroPadding2D("a"), "should be an int"),
    (lambda: layers.UpSampling1D(2.5), "Expected an integer value for `size`"),
    (lambda: layers.UpSampling2D(0), "do not satisfy"),
    (lambda: layers.UpSampling2D(interpolation="lanczos3"), "Expected one of .*Received: interpolation=lanczos3"),
    (lambda: layers.LeakyReLU(-0.1), "cannot be None or a negative value"),
    (lambda: layers.ReLU(max_value=-1), "max_value=-1"),
    (lambda: layers.ThresholdedReLU(None), "theta=None"),
    (lambda: layers.PReLU(name="p")(Input((None, 3))), 'Layer "p": the sizes of the axes .* must be known'),
    (lambda: layers.Softmax()(ONES(2, 3), mask=ONES(2, 4).bool()), "must be broadcastable"),
    (lambda: layers.GaussianNoise(2), "between 0 and 1. Received: stddev=2"),
    (lambda: layers.GaussianDropout(1), "between 0 and 1, less than 1"),
    (lambda: layers.AlphaDropout(-0.1), "rate=-0.1"),
    (lambda: layers.Dropout(0.3, noise_shape="ab"), "noise_shape"),
    (lambda: layers.Dropout(0.3, noise_shape=(0, 1)), "positive integers"),
    (lambda: layers.SpatialDropout2D(0.3)(ONES(2, 3, 4)), "expected ndim=4"),
    (lambda: layers.GroupNormalization(0), "expected a positive integer"),
    (lambda: layers.GroupNormalization(4, name="g")(ONES(2, 6)), 'Layer "g": the number of channels'),
    (lambda: layers.GroupNormalization(2, name="g")(Input((3, None))), 'Layer "g": axis -1 .* should have a known size'),
    (lambda: layers.LayerNormalization(axis="a"), "Expected an int or a list/tuple of ints"),
    (lambda: layers.LayerNormalization(axis=3, name="l")(ONES(2, 3)), 'Layer "l": axis 3 is out of bounds'),
    (lambda: layers.UnitNormalization(axis=2, name="u")(Input((3,))), 'Layer "u": axis 2 is out of bounds'),
    (lambda: layers.BatchNormalization(renorm=True, renorm_clipping={"x": 1}), "invalid keys for `renorm_clipping`"),
    (lambda: layers.BatchNormalization(renorm=True, renorm_clipping={"rmin": 2, "rmax": 1}), "rmax should be greater"),
    (lambda: layers.BatchNormalization()(ONES(2, 3, 4), mask=ONES(2).bool()), "one dimension less than the inputs"),
    (lambda: layers.SpectralNormalization(layers.Dense(2), power_iterations=0), "greater than zero"),
    (lambda: layers.SpectralNormalization(layers.ReLU())(ONES(2, 3)), "no attribute 'kernel' nor 'embeddings'"),
    (lambda: layers.SpectralNormalization(3), "supported layer type"),
    (lambda: layers.Attention(score_mode="foo"), "Invalid value for argument score_mode"),
    (lambda: layers.Attention()(ONES(2, 3, 4)), "must be called on a list of inputs"),
    (lambda: layers.Attention()([ONES(2, 3, 4)]), "list of length 2 or 3"),
    (lambda: layers.AdditiveAttention()([ONES(2, 3, 4)] * 2, mask=ONES(2, 3)), "AdditiveAttention layer mask must be a list"),
    (lambda: layers.MultiHeadAttention(0, 4), "num_heads=0"),
    (lambda: layers.MultiHeadAttention(2, 4, value_dim=-1), "value_dim=-1"),
    (lambda: layers.MultiHeadAttention(2, 4, sliding_window=0), "sliding_window"),
    (lambda: layers.MultiHeadAttention(2, 4, attention_axes="a"), "attention_axes"),
    (lambda: layers.MultiHeadAttention(2, 4, output_shape="a"), "Invalid `output_shape`"),
    (lambda: layers.MultiHeadAttention(2, 4)(ONES(2, 3, 4), ONES(2, 5, 4), ONES(2, 6, 4)), "must be equal"),
    (lambda: layers.GroupQueryAttention(4, 3, 2), "must be divisible"),
    (lambda: layers.EinsumDense("ab,bc", 3), "Invalid einsum equation"),
    (lambda: layers.EinsumDense("...ab...,bc->...ac...", 3), "Invalid einsum equation"),
    (lambda: layers.EinsumDense("abc,cd->abd", (4, 3), name="e")(ONES(2, 5, 6)), "do not match at shared dimension 'b'"),
    (lambda: layers.EinsumDense("ab,bc->ad", 3)(ONES(2, 5)), "no corresponding dim"),
    (lambda: layers.EinsumDense("ab,bcd->ac", 3)(ONES(2, 5)), "did not have a match"),
    (lambda: layers.EinsumDense("ab,bc->ac", 3, bias_axes="d", name="e")(ONES(2, 5)), 'Layer "e".*Bias dimension'),
    (lambda: layers.EinsumDense("ab,bc->ac", 3, name="e")(ONES(2, 5, 6)), 'Layer "e".*takes 2 axes'),
    (lambda: layers.EinsumDense("ab,bc->ac", 3, quantization_config={}), "not supported"),
    (lambda: layers.Dense(3, name="d").enable_lora(2), 'Layer "d" .*LoRA is not supported'),
    (lambda: layers.Embedding(3, 2).quantize("int8"), "quantization is not supported. Received: mode=int8"),
    (lambda: layers.TorchModuleWrapper(3), "expects a `torch.nn.Module`"),
    (lambda: layers.TorchModuleWrapper(torch.nn.LazyLinear(3)), "LazyModules are not supported"),
    (lambda: layers.deserialize({"module": "keras.losses", "class_name": "Huber", "config": {}}), "not a `keras.layers.Layer`"),
]  # fmt: skip


@pytest.mark.parametrize(("act", "message"), WRONG, ids=[message[:30] for _, message in WRONG])
def test_wrong_use_is_explained(act: Callable[[], Any], message: str) -> None:
    with pytest.raises((ValueError, TypeError, NotImplementedError), match=message):
        act()
