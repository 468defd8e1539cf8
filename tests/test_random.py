"""Seeds, shapes and errors of the random functions."""

from __future__ import annotations

import random as python_random
from typing import Any

import pytest
import torch

from tkeras import random

CALLS: list[tuple[str, tuple[Any, ...]]] = [
    ("normal", ((3, 4),)),
    ("uniform", ((3, 4),)),
    ("uniform", ((),)),
    ("truncated_normal", ((5, 4),)),
    ("randint", ((6,), 0, 100)),
    ("gamma", ((5,), 2.0)),
    ("beta", ((5,), 2.0, 3.0)),
    ("binomial", ((20,), 10.0, 0.3)),
    ("shuffle", (torch.arange(24.0).reshape(4, 6),)),
    ("shuffle", (torch.arange(24.0).reshape(4, 6), 1)),
    ("categorical", (torch.zeros(3, 5), 8)),
    ("dropout", (torch.ones(30, 8), 0.5)),
]


@pytest.mark.parametrize(("name", "arguments"), CALLS)
def test_seeds(name: str, arguments: tuple[Any, ...]) -> None:
    draw = getattr(random, name)
    state = torch.random.get_rng_state()
    first, again = draw(*arguments, seed=3), draw(*arguments, seed=3)
    assert torch.equal(torch.random.get_rng_state(), state), "torch's own state moved"
    assert torch.equal(first, again)
    seeds = random.SeedGenerator(3)
    drawn = [draw(*arguments, seed=seeds) for _ in range(3)]
    assert torch.equal(drawn[0], first)
    if first.numel() > 1:
        assert not torch.equal(drawn[0], drawn[1])
    other = random.SeedGenerator(3)
    assert all(torch.equal(value, draw(*arguments, seed=other)) for value in drawn)


def test_without_a_seed_python_decides() -> None:
    drawn = []
    for _ in range(2):
        python_random.seed(5)
        random.reset_global_seed_generator()
        drawn.append([random.normal((2,)) for _ in range(3)])
    assert all(torch.equal(a, b) for a, b in zip(*drawn, strict=True))
    assert not torch.equal(drawn[0][0], drawn[0][1])


@pytest.mark.parametrize("name", ["normal", "gamma", "beta"])
def test_against_real_numbers_of_keras(name: str) -> None:
    keras = pytest.importorskip("keras", reason="compares with real Keras")
    if keras.backend.backend() != "torch":
        pytest.skip("real Keras runs on another backend in this process")
    arguments = {"normal": ((4,),), "gamma": ((4,), 2.0), "beta": ((4,), 2.0, 3.0)}[name]
    ours, real = random.SeedGenerator(2**31 - 5), keras.random.SeedGenerator(2**31 - 5)
    for _ in range(2):
        wanted = getattr(keras.random, name)(*arguments, seed=real)
        assert torch.equal(getattr(random, name)(*arguments, seed=ours), wanted)


def test_truncation() -> None:
    drawn = random.truncated_normal((1000,), mean=3.0, stddev=0.5, seed=1)
    assert float(drawn.min()) >= 2.0
    assert float(drawn.max()) <= 4.0


def test_dropout() -> None:
    x = torch.ones(100, 50)
    dropped = random.dropout(x, 0.25, seed=1)
    assert dropped.unique().tolist() == [0.0, pytest.approx(1 / 0.75)]
    rows = random.dropout(x, 0.25, noise_shape=(None, 1), seed=1)
    assert torch.equal(rows.amax(1), rows.amin(1))
    assert torch.equal(random.dropout(x, 0.0), x)
    assert not random.dropout(x, 1.0).any()


def test_shuffle_keeps_rows_whole() -> None:
    x = torch.arange(40.0).reshape(10, 4)
    shuffled = random.shuffle(x, seed=0)
    assert sorted(map(tuple, shuffled.tolist())) == sorted(map(tuple, x.tolist()))
    assert not torch.equal(shuffled, x)


def test_errors() -> None:
    with pytest.raises(ValueError, match="floating point `dtype`"):
        random.uniform((2,), dtype="int32")
    with pytest.raises(ValueError, match="integer `dtype`"):
        random.randint((2,), 0, 3, dtype="float32")
    with pytest.raises(ValueError, match="2-D tensor"):
        random.categorical(torch.zeros(3), 2)
    with pytest.raises(ValueError, match=r"must be an integer\. Received: seed=x"):
        random.SeedGenerator("x")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"Received: seed=1\.5"):
        random.normal((2,), seed=1.5)  # type: ignore[arg-type]


def test_generator_state() -> None:
    seeds = random.SeedGenerator(7, name="noise")
    assert seeds.state.path == "noise/seed_generator_state"
    assert seeds.next().tolist() == [7, 0]
    assert seeds.state.tolist() == [7, 1]
    assert random.SeedGenerator.from_config(seeds.get_config()).state.tolist() == [7, 0]
    assert random.SeedGenerator(2**32 - 1).draw() == 2**32 - 1
