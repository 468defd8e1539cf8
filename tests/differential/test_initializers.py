"""The same numbers for the same seed, the same constants and configurations as real Keras."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import torch

from tests.differential.carry import assert_close
from tkeras import initializers

SHAPES = [(3, 3, 4, 8), (7, 5), (5, 7), (6,)]
RANDOM = [
    ("GlorotUniform", {}),
    ("GlorotNormal", {}),
    ("HeUniform", {}),
    ("HeNormal", {}),
    ("LecunUniform", {}),
    ("LecunNormal", {}),
    ("LecunNormal", {"input_axes": [0], "output_axes": [1]}),
    ("RandomNormal", {"mean": 1.0, "stddev": 2.0}),
    ("RandomUniform", {"minval": -1.0, "maxval": 3.0}),
    ("TruncatedNormal", {"stddev": 0.3}),
    ("VarianceScaling", {"scale": 2.0, "mode": "fan_out", "distribution": "untruncated_normal"}),
    ("VarianceScaling", {"scale": 0.5, "mode": "fan_avg", "distribution": "uniform"}),
    ("Orthogonal", {"gain": 2.0}),
]
CONSTANT = [
    ("Zeros", {}, (3, 4)),
    ("Ones", {}, (3, 4)),
    ("Constant", {"value": 2.5}, (3, 4)),
    ("Identity", {"gain": 3.0}, (3, 4)),
    ("STFT", {}, (10, 1, 9)),
    ("STFT", {"side": "imag", "window": "hamming", "scaling": "spectrum", "periodic": True}, (10, 1, 9)),
    ("STFT", {"window": None, "scaling": None}, (6, 1, 5)),
]


def pair(name: str, arguments: dict[str, Any]) -> tuple[Any, Any]:
    return getattr(initializers, name)(**arguments), getattr(keras.initializers, name)(**arguments)


@pytest.mark.parametrize(("name", "arguments"), RANDOM)
@pytest.mark.parametrize("shape", SHAPES)
def test_same_numbers_for_a_seed(name: str, arguments: dict[str, Any], shape: tuple[int, ...]) -> None:
    if (name == "Orthogonal" and len(shape) < 2) or ("input_axes" in arguments and len(shape) < 2):
        pytest.skip("needs a matrix")
    ours, real = pair(name, {**arguments, "seed": 7})
    assert torch.equal(ours(shape), real(shape))
    assert torch.equal(ours(shape), ours(shape))


@pytest.mark.parametrize(("name", "arguments"), RANDOM)
def test_random_configurations(name: str, arguments: dict[str, Any]) -> None:
    ours, real = pair(name, {**arguments, "seed": 7})
    assert initializers.serialize(ours) == keras.initializers.serialize(real)
    again = initializers.deserialize(keras.initializers.serialize(real))
    assert torch.equal(again((4, 5)), ours((4, 5)))


@pytest.mark.parametrize(("name", "arguments", "shape"), CONSTANT)
def test_constants(name: str, arguments: dict[str, Any], shape: tuple[int, ...]) -> None:
    if arguments.get("window", "hann") is not None and name == "STFT":
        pytest.importorskip("scipy", reason="real Keras takes named windows from scipy")
    ours, real = pair(name, arguments)
    assert_close(ours(shape), np.broadcast_to(real(shape), shape), name, ulps=16)
    theirs = keras.initializers.serialize(real)
    assert {**initializers.serialize(ours)["config"], **theirs["config"]} == (
        initializers.serialize(ours)["config"]
    )
    assert initializers.deserialize(theirs).__class__ is ours.__class__


def test_a_seed_generator_gives_new_numbers() -> None:
    from tkeras.random import SeedGenerator

    ours = initializers.GlorotUniform(seed=SeedGenerator(3))
    real = keras.initializers.GlorotUniform(seed=keras.random.SeedGenerator(3))
    for _ in range(3):
        assert torch.equal(ours((4, 5)), real((4, 5)))


@pytest.mark.parametrize("name", sorted(keras.src.initializers.ALL_OBJECTS_DICT))
def test_every_name_of_keras_is_known(name: str) -> None:
    wanted = keras.src.initializers.ALL_OBJECTS_DICT[name].__name__
    if wanted != "Initializer":
        assert initializers.get(name).__class__.__name__ == wanted
