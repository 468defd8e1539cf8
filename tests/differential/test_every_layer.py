"""Every layer of Keras in a model: files exchanged both ways, one training step, in one row each."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.differential.carry import inputs_of as inputs_of_arrays
from tests.differential.layer_checks import (
    assert_close,
    check_configuration,
    check_numbers,
    check_shapes,
    f32,
    flat,
    ints,
    keras,
    tensors_of,
    tkeras,
)
from tests.differential.layer_domains import drawn
from tests.text_layer_cases import CASES as TEXT_CASES

VECTOR, SEQUENCE, IMAGE, VOLUME = (f32(4, 6),), (f32(4, 7, 5),), (f32(2, 8, 9, 3),), (f32(2, 5, 6, 7, 2),)
PIXELS = (np.abs(f32(2, 8, 9, 3)) * 60,)
PAIR, IMAGES = (f32(3, 4), f32(3, 4, seed=1)), {"seed": 3}
NOISE, FLAT = ("seed",), ("training",)
SIZES = {1: SEQUENCE, 2: IMAGE, 3: VOLUME}


def rows() -> dict[str, tuple[dict[str, Any], Any]]:
    """Arguments and inputs by name."""
    table: dict[str, tuple[dict[str, Any], Any]] = {
        **{name: ({}, VECTOR) for name in ("ELU", "LeakyReLU", "PReLU", "ReLU", "Softmax", "Identity", "Flatten", "UnitNormalization", "RMSNormalization", "LayerNormalization", "BatchNormalization")},
        **{name: ({}, PAIR) for name in ("Add", "Average", "Concatenate", "Maximum", "Minimum", "Multiply", "Subtract")},
        "Activation": ({"activation": "gelu"}, VECTOR), "ActivityRegularization": ({"l1": 0.1, "l2": 0.2}, VECTOR),
        "Dense": ({"units": 3, "activation": "relu"}, VECTOR), "Dot": ({"axes": 1}, PAIR),
        "EinsumDense": ({"equation": "abc,cd->abd", "output_shape": (None, 4), "bias_axes": "d"}, SEQUENCE),
        "Embedding": ({"input_dim": 9, "output_dim": 4}, (ints(9, 3, 5),)),
        "ReversibleEmbedding": ({"input_dim": 9, "output_dim": 4}, (ints(9, 3, 5),)),
        "Masking": ({}, SEQUENCE), "Permute": ({"dims": (2, 1)}, SEQUENCE), "RepeatVector": ({"n": 3}, VECTOR),
        "Reshape": ({"target_shape": (3, 2)}, VECTOR), "Rescaling": ({"scale": 0.5, "offset": 1.0}, VECTOR),
        "Normalization": ({"mean": 1.0, "variance": 2.0}, VECTOR), "CategoryEncoding": ({"num_tokens": 9}, (ints(9, 3, 5),)),
        "Discretization": ({"bin_boundaries": [-1.0, 0.0, 1.0]}, VECTOR), "GroupNormalization": ({"groups": 3}, VECTOR),
        "STFTSpectrogram": ({"frame_length": 4, "mode": "magnitude"}, SEQUENCE),
        "MelSpectrogram": ({"fft_length": 8, "sequence_stride": 2, "num_mel_bins": 2, "sampling_rate": 100}, (f32(2, 30),)),
        "GaussianNoise": ({"stddev": 0.3, **IMAGES}, VECTOR),
        **{name: ({"rate": 0.3, **IMAGES}, VECTOR) for name in ("Dropout", "GaussianDropout", "AlphaDropout")},
        **{f"SpatialDropout{n}D": ({"rate": 0.3, **IMAGES}, SIZES[n]) for n in SIZES},
        **{f"{kind}{n}D": ({}, SIZES[n]) for n in SIZES for kind in ("MaxPooling", "GlobalMaxPooling", "GlobalAveragePooling", "UpSampling", "ZeroPadding")},
        **{f"Cropping{n}D": ({}, SIZES[n]) for n in SIZES},
        **{f"AveragePooling{n}D": ({"pool_size": 2}, SIZES[n]) for n in SIZES},
        **{f"Adaptive{kind}Pooling{n}D": ({"output_size": 3}, SIZES[n]) for n in SIZES for kind in ("Max", "Average")},
        **{f"Conv{n}D{kind}": ({"filters": 3, "kernel_size": 2}, SIZES[n]) for n in SIZES for kind in ("", "Transpose")},
        **{f"DepthwiseConv{n}D": ({"kernel_size": 2}, SIZES[n]) for n in (1, 2)},
        **{f"SeparableConv{n}D": ({"filters": 3, "kernel_size": 2}, SIZES[n]) for n in (1, 2)},
        **{name: ({"units": 4, "return_sequences": True}, SEQUENCE) for name in ("SimpleRNN", "GRU", "LSTM")},
        **{f"ConvLSTM{n}D": ({"filters": 2, "kernel_size": 2}, (f32(2, 3, *range(4, 4 + n), 2),)) for n in SIZES},
        "AdditiveAttention": ({}, (f32(2, 4, 5), f32(2, 6, 5))), "Attention": ({"use_scale": True}, (f32(2, 4, 5), f32(2, 6, 5))),
        "AutoContrast": ({}, PIXELS), "CenterCrop": ({"height": 4, "width": 5}, IMAGE),
        "ContrastLimitedAdaptiveHistogramEqualization": ({"tile_grid_size": (2, 2)}, PIXELS),
        "Resizing": ({"height": 4, "width": 5}, IMAGE), "MaxNumBoundingBoxes": ({"max_number": 3}, IMAGE),
        "RandomColorJitter": ({"contrast_factor": 0.2, **IMAGES}, PIXELS),
        **{name: (dict(IMAGES), PIXELS) for name in ("AugMix", "CutMix", "MixUp", "RandAugment", "RandomElasticTransform", "RandomErasing", "RandomFlip", "RandomGaussianBlur", "RandomGrayscale", "RandomInvert", "RandomPerspective", "Solarization")},
        **{name: ({"factor": 0.3, **IMAGES}, PIXELS) for name in ("RandomBrightness", "RandomColorDegeneration", "RandomContrast", "RandomHue", "RandomRotation", "RandomSaturation", "RandomSharpness")},
        "RandomPosterization": ({"factor": 4, **IMAGES}, PIXELS), "RandomCrop": ({"height": 4, "width": 5, **IMAGES}, PIXELS),
        "RandomShear": ({"x_factor": (0.1, 0.2), "y_factor": (0.0, 0.1), **IMAGES}, PIXELS), "RandomZoom": ({"height_factor": 0.2, **IMAGES}, PIXELS),
        "RandomTranslation": ({"height_factor": 0.2, "width_factor": 0.1, **IMAGES}, PIXELS),
    }  # fmt: skip
    return table


ROWS = rows()
AROUND = (
    "Bidirectional",
    "TimeDistributed",
    "SpectralNormalization",
    "RNN",
    "StackedRNNCells",
    "LSTMCell",
    "GRUCell",
    "SimpleRNNCell",
    "MultiHeadAttention",
    "GroupQueryAttention",
    "Pipeline",
    "Lambda",
)
ELSEWHERE = {
    "Equalization": "Keras' layer gives the symbolic input back, so no model can hold it",
    "InputLayer": "every model has one",
    "TorchModuleWrapper": "test_layers_core: Keras 3.15 cannot load its own files with it",
    "Layer": "a base class", "Wrapper": "a base class", "InputSpec": "no layer", "Input": "no layer",
}  # fmt: skip
DRAWS_OTHERWISE = {
    "AugMix",
    "RandAugment",
    "RandomElasticTransform",
    "Dropout",
    "SpatialDropout1D",
    "SpatialDropout2D",
    "SpatialDropout3D",
}
DIFFERENT = {
    "RandomCrop",
    "RandomSaturation",
    "RandomGaussianBlur",
}  # listed with reasons by ``tkeras coverage``
NOT_DIFFERENTIABLE = {
    "Embedding",
    "ReversibleEmbedding",
    "CategoryEncoding",
    "Discretization",
    "RandomPosterization",
    "MaxNumBoundingBoxes",
    "ContrastLimitedAdaptiveHistogramEqualization",
}


TWO_ARGUMENTS = {"MultiHeadAttention", "GroupQueryAttention"}
WITHOUT_ARGUMENTS = {
    "Add", "AugMix", "Average", "Flatten", "GRUCell", "Identity", "LSTMCell", "Lambda", "Maximum", "Minimum",
    "Multiply", "Pipeline", "RandAugment", "RandomCrop", "RandomElasticTransform", "RandomGaussianBlur",
    "RandomSaturation", "SimpleRNNCell", "StackedRNNCells", "Subtract", "TimeDistributed",
}  # fmt: skip


def layer_of(library: Any, name: str, more: Any = None) -> Any:
    """The layer of a row, with further arguments."""
    L, more = library.layers, more or {}
    made = {
        "Bidirectional": lambda: L.Bidirectional(L.LSTM(3), **more),
        "TimeDistributed": lambda: L.TimeDistributed(L.Dense(3)),
        "SpectralNormalization": lambda: L.SpectralNormalization(L.Dense(3), **more),
        "RNN": lambda: L.RNN(L.GRUCell(3), **more),
        "StackedRNNCells": lambda: L.RNN(L.StackedRNNCells([L.LSTMCell(3), L.SimpleRNNCell(2)])),
        "LSTMCell": lambda: L.RNN(L.LSTMCell(3), return_sequences=True),
        "GRUCell": lambda: L.RNN(L.GRUCell(3, reset_after=False)),
        "SimpleRNNCell": lambda: L.RNN(L.SimpleRNNCell(3)),
        "Pipeline": lambda: L.Pipeline([L.Rescaling(0.5), L.Resizing(4, 4)]),
        "Lambda": lambda: L.Activation("tanh"),
        "MultiHeadAttention": lambda: L.MultiHeadAttention(**{"num_heads": 2, "key_dim": 3, **more}),
        "GroupQueryAttention": lambda: L.GroupQueryAttention(
            **{"head_dim": 4, "num_query_heads": 4, "num_key_value_heads": 2, **more}
        ),
    }
    return made[name]() if name in made else getattr(L, name)(**{**ROWS[name][0], **more})


def inputs_of(name: str) -> tuple[np.ndarray, ...]:
    """The arrays of a row."""
    if name in AROUND:
        return (
            (IMAGE if name == "Pipeline" else SEQUENCE)
            if "Attention" not in name
            else (f32(2, 4, 8), f32(2, 6, 8))
        )
    return ROWS[name][1]


def model_of(library: Any, name: str, trained: bool = False) -> Any:
    """The layer in a model; to be trained, after a dense layer that gradients reach through it."""
    inputs = [library.Input(batch_shape=(None, *x.shape[1:]), dtype=x.dtype.name) for x in inputs_of(name)]
    tensors = (
        [library.layers.Dense(x.shape[-1], name=f"before_{i}")(x) for i, x in enumerate(inputs)]
        if trained
        else inputs
    )
    layer = layer_of(library, name)
    if name in ("MultiHeadAttention", "GroupQueryAttention"):
        outputs = layer(*tensors)
    else:
        outputs = layer(tensors if len(tensors) > 1 else tensors[0])
    return library.Model(inputs, outputs)


def data_of(name: str) -> Any:
    """The inputs as a model takes them."""
    arrays = [x.copy() for x in inputs_of(name)]
    return arrays if len(arrays) > 1 else arrays[0]


NAMES = sorted({*ROWS, *AROUND})


@pytest.mark.parametrize("name", NAMES)
def test_files_go_both_ways(name: str, tmp_path: Path) -> None:
    data = data_of(name)
    real = model_of(keras, name)
    random = np.random.default_rng(0)
    real.set_weights([np.abs(random.normal(size=w.shape)).astype(w.dtype) for w in real.get_weights()])
    expected = flat(real.predict(data, verbose=0))
    real.save(tmp_path / "real.keras")
    real.save_weights(tmp_path / "real.weights.h5")

    def check(model: Any, what: str) -> None:
        if name == "RandomCrop":  # resized here, left alone by Keras
            return
        for a, b in zip(flat(model.predict(data, verbose=0)), expected, strict=True):
            assert_close(a, b, what, ulps=512 if name == "MelSpectrogram" else 128)

    ours = tkeras.models.load_model(tmp_path / "real.keras")
    check(ours, "Keras' model")
    fresh = model_of(tkeras, name)
    fresh.load_weights(tmp_path / "real.weights.h5")
    check(fresh, "Keras' weights")
    ours.save(tmp_path / "ours.keras")
    fresh.save_weights(tmp_path / "ours.weights.h5")
    check(keras.models.load_model(tmp_path / "ours.keras"), "our model in Keras")
    other = model_of(keras, name)
    other.load_weights(tmp_path / "ours.weights.h5")
    check(other, "our weights in Keras")


@pytest.mark.parametrize(
    "name", [name for name in NAMES if name not in NOT_DIFFERENTIABLE | DRAWS_OTHERWISE | DIFFERENT]
)
def test_one_training_step_equals_keras(name: str) -> None:
    """Both from the same weights; what is drawn has the same seed."""
    data, results, weights = data_of(name), [], None
    for library in (keras, tkeras):
        model = model_of(library, name, trained=True)
        weights = model.get_weights() if weights is None else weights
        model.set_weights(weights)
        model.compile(library.optimizers.SGD(1e-3), "mse")
        shapes = [
            tuple(o.shape) for o in flat(model(data if isinstance(data, list) else torch.from_numpy(data)))
        ]
        loss = model.train_on_batch(
            data,
            [np.zeros(shape, "float32") for shape in shapes]
            if len(shapes) > 1
            else np.zeros(shapes[0], "float32"),
        )
        results.append((float(np.ravel(loss)[0]), model.get_weights()))
    (real_loss, real), (loss, ours) = results
    assert_close(loss, real_loss, "loss", ulps=512)
    for before, a, b in zip(weights or [], ours, real, strict=True):
        moved = float(np.abs(b - before).max(initial=0.0))
        assert np.abs(a - b).max(initial=0.0) <= 1e-3 * moved + 1e-6, "weights after the step"


def check_draws(real: Any, ours: Any, inputs: Any, kwargs: dict[str, Any]) -> None:
    """Outputs of three calls from the same seed, which not every configuration of Keras keeps."""
    for _ in range(3):
        for a, b in zip(
            *(flat(layer(*inputs_of_arrays(inputs), **kwargs)) for layer in (ours, real)), strict=True
        ):
            assert_close(a, b, "output")


DRAWN = [(name, more) for name in NAMES for more in drawn(name, 3)]


@pytest.mark.parametrize(("name", "more"), DRAWN, ids=[f"{name}-{i}" for i, (name, _) in enumerate(DRAWN)])
def test_drawn_configurations_equal_keras(name: str, more: dict[str, Any]) -> None:
    """Outputs, gradients, losses, state, configuration, shapes and a step of training, carried over from Keras."""
    arrays = inputs_of(name)
    inputs = arrays if len(arrays) == 1 or name in TWO_ARGUMENTS else ([*arrays],)
    kwargs: dict[str, Any] = {}
    if "training" in inspect.signature(getattr(keras.layers, name).call).parameters:
        kwargs = {"training": name not in DRAWS_OTHERWISE | DIFFERENT}

    def make() -> Any:
        return layer_of(keras, name, more)

    in_place = np.array_equal(arrays[0], PIXELS[0])  # so Keras changes some of these, which gradients forbid
    if in_place or name == "MelSpectrogram":  # its gradients differ by 90 ulps, see the training step above
        check_draws(make(), layer_of(tkeras, name, more), inputs, kwargs)
    else:
        check_numbers(make, inputs, kwargs)
    check_configuration(make, inputs, kwargs)
    check_shapes(make, inputs, (0,), {})
    steps = []
    for library in (keras, tkeras):
        layer = layer_of(library, name, more)
        tensors = tensors_of({"inputs": [*inputs]})["inputs"]
        layer(*tensors)
        if not layer.trainable_weights:
            return
        layer.set_weights([np.cos(np.arange(w.size)).reshape(w.shape) ** 2 for w in layer.get_weights()])
        loss: Any = sum((o.float() ** 2).sum() for o in flat(layer(*tensors))) + sum(layer.losses)
        weights = layer.trainable_weights
        leaves = [w.value if library is keras else w for w in weights]
        gradients = torch.autograd.grad(loss, leaves, allow_unused=True)
        gradients = [torch.zeros_like(w) if g is None else g for g, w in zip(gradients, leaves, strict=True)]
        library.optimizers.SGD(1e-3, momentum=0.9).apply(gradients, weights)
        steps.append(layer.get_weights())
    for ours, real in zip(steps[1], steps[0], strict=True):
        assert_close(ours, real, "weights after a step", ulps=512)


def test_every_layer_with_arguments_has_several_configurations() -> None:
    few = {name for name in NAMES if len(drawn(name, 3)) < 2}
    assert few == WITHOUT_ARGUMENTS


def test_every_layer_is_in_the_table() -> None:
    """Under one of its names; layers over strings are in their own table."""
    rows = {getattr(tkeras.layers, name) for name in NAMES} | {
        getattr(tkeras.layers, case[0]) for case in TEXT_CASES
    }
    left = {
        name
        for name in dir(keras.layers)
        if isinstance(getattr(keras.layers, name), type) and hasattr(tkeras.layers, name)
        and getattr(tkeras.layers, name) not in rows and name not in ELSEWHERE
    }  # fmt: skip
    assert left == set()
