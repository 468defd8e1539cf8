"""Preprocessing layers that need no TensorFlow, beside real Keras: numbers, shapes, configurations, learning."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from tests.differential.layer_checks import Case, L, assert_close, f32, ints, keras, numpy_of, suite, tkeras

WAVES, SOUND = f32(2, 50, 2), f32(2, 60)
STFT = {"frame_length": 8, "frame_step": 3, "fft_length": 16}
MEL = {"fft_length": 16, "sequence_stride": 4, "num_mel_bins": 5, "sampling_rate": 100, "min_freq": 2.0}

CASES: list[Case] = [
    ("rescaling", lambda: L.Rescaling(1 / 255, -1), (f32(3, 4, 5),), {}),
    ("rescaling-integers", lambda: L.Rescaling(0.5, 2.0), (ints(9, 3, 4),), {}),
    ("rescaling-channels", lambda: L.Rescaling([1.0, 2.0, 3.0], offset=[0.0, 1.0, -1.0]), (f32(2, 4, 3),), {}),
    ("normalization", lambda: L.Normalization(mean=[1.0, 2.0, 3.0], variance=[0.5, 2.0, 4.0]), (f32(4, 5, 3),), {}),
    ("normalization-one", lambda: L.Normalization(axis=None, mean=1.0, variance=2.0), (f32(4, 3),), {}),
    ("normalization-invert", lambda: L.Normalization(mean=1.0, variance=2.0, invert=True), (f32(4, 3),), {}),
    ("normalization-new", lambda: L.Normalization(), (f32(4, 3),), {}),
    ("normalization-axes", lambda: L.Normalization(axis=(1, -1)), (f32(4, 3, 5),), {}),
    ("discretization", lambda: L.Discretization([-0.5, 0.0, 1.0]), (f32(4, 3),), {}),
    *[
        (f"discretization-{mode}", lambda mode=mode: L.Discretization([-0.5, 0.0, 1.0], output_mode=mode), (f32(4, 3),), {})
        for mode in ("one_hot", "multi_hot", "count")
    ],
    *[
        (f"categories-{mode}-{'x'.join(map(str, shape))}", lambda mode=mode: L.CategoryEncoding(6, mode), (ints(6, *shape),), {})
        for mode in ("one_hot", "multi_hot", "count")
        for shape in ((5,), (5, 1), (5, 3))
    ],
    *[(f"stft-{mode}", lambda mode=mode: L.STFTSpectrogram(mode, **STFT), (WAVES,), {}) for mode in ("log", "magnitude", "psd", "real", "imag", "angle", "stft")],
    ("stft-same", lambda: L.STFTSpectrogram("stft", padding="same", expand_dims=True, scaling="spectrum", **STFT), (WAVES,), {}),
    ("stft-first", lambda: L.STFTSpectrogram("magnitude", data_format="channels_first", periodic=True, window="hamming", **STFT), (f32(2, 3, 40),), {}),
    ("stft-first-expanded", lambda: L.STFTSpectrogram("real", data_format="channels_first", expand_dims=True, window=None, **STFT), (f32(2, 3, 40),), {}),
    ("stft-defaults", lambda: L.STFTSpectrogram(frame_length=12, scaling=None), (WAVES,), {}),
]  # fmt: skip


def unknown_axes(name: str, inputs: Any) -> list[tuple[int, ...]]:
    """None, or the batch; sounds of unknown length as well."""
    return [(), (0,), *([(0, 1)] if name == "stft-same" else [])]


test_equals_keras, test_symbolic_shapes_equal_keras, test_configuration_equals_keras = suite(
    CASES, unknown_axes
)


MELS = [
    {}, {"power_to_db": False, "max_freq": 30.0},
    {"mag_exp": 1.0, "top_db": 10.0, "sequence_length": 12, "window": "hamming"},
]  # fmt: skip


@pytest.mark.parametrize("arguments", MELS)
def test_mel_spectrograms_equal_keras(arguments: Any) -> None:
    """Keras computes the triangles in float32, where their slopes cancel: ours must be nearer to float64."""
    sound = torch.from_numpy(SOUND)
    real = L.MelSpectrogram(**MEL, **arguments)
    config = real.get_config()
    ours = tkeras.layers.MelSpectrogram.from_config(config)
    exact = tkeras.layers.MelSpectrogram(**MEL, **arguments, dtype="float64")(sound.double())
    found, expected = ours(sound), real(sound)
    assert_close(found, expected, "spectrogram", ulps=512)
    assert (found - exact).abs().max() <= (expected - exact).abs().max()
    assert ours.get_config() == config
    for shape in ((None, 60), (None, None), (60,)):
        specs = [
            layer(library.Input(batch_shape=shape)) for library, layer in ((tkeras, ours), (keras, real))
        ]
        assert tuple(specs[0].shape) == tuple(specs[1].shape)


@pytest.mark.parametrize("axis", [-1, 1, (1, 2), None])
def test_statistics_are_those_of_keras(axis: Any) -> None:
    data, x = f32(50, 4, 3) * 3 + 2, f32(5, 4, 3)
    results = []
    for library in (tkeras, keras):
        layer = library.layers.Normalization(axis=axis)
        layer.adapt(data)
        results.append((numpy_of(layer(torch.from_numpy(x))), *layer.get_weights()))
    for ours, real in zip(*results, strict=True):
        assert_close(ours, real, "output or statistics")


def test_weighted_counts_equal_keras() -> None:
    x, weights = ints(6, 5, 3), f32(5, 3)
    ours, real = (
        library.layers.CategoryEncoding(6, "count")(x, count_weights=weights) for library in (tkeras, keras)
    )
    assert_close(ours, real, "counts")


def test_one_sound_has_no_batch() -> None:
    ours, real = (
        library.layers.MelSpectrogram(**MEL)(torch.from_numpy(SOUND[0])) for library in (tkeras, keras)
    )
    assert_close(ours, real, "spectrogram")


@pytest.mark.parametrize(
    "arguments",
    [
        {"mode": "x"}, {"scaling": "x"}, {"padding": "x"}, {"frame_length": 8, "fft_length": 4},
        {"frame_length": 8, "frame_step": 0}, {"frame_length": 8, "frame_step": 9}, {"window": "x"},
        {"data_format": "x"},
    ],
)  # fmt: skip
def test_spectrograms_refuse_in_keras_words(arguments: Any) -> None:
    messages = []
    for library in (tkeras, keras):
        with pytest.raises(ValueError) as caught:
            library.layers.STFTSpectrogram(**arguments)
        messages.append(str(caught.value))
    assert messages[0] == messages[1]


def test_a_pipeline_is_its_layers_one_after_the_other() -> None:
    x = torch.from_numpy(np.random.default_rng(0).integers(0, 255, (3, 8, 8, 3)).astype("float32"))
    results = []
    for library in (tkeras, keras):
        pipeline = library.layers.Pipeline(
            [
                library.layers.RandomFlip(seed=1),
                library.layers.AutoContrast(),
                library.layers.Rescaling(1 / 255),
            ]
        )
        again = library.layers.Pipeline.from_config(pipeline.get_config())
        results.append(
            [layer(x.clone(), training=mode) for layer in (pipeline, again) for mode in (True, False)]
        )
    for ours, real in zip(*results, strict=True):
        assert_close(ours, real, "images")
