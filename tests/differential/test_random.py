"""`random` beside real Keras: the same numbers for the same seeds, one after the other."""

from __future__ import annotations

import random as python_random
from typing import Any

import pytest
import torch

from tests.differential.layer_checks import assert_close, f32, keras, tkeras

LOGITS, ROWS = torch.from_numpy(f32(3, 5)), torch.from_numpy(f32(6, 4))
CALLS: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = [
    ("normal", ((3, 4),), {}),
    ("normal", ((3, 4), 2.0, 0.5), {"dtype": "float64"}),
    ("uniform", ((5,),), {}),
    ("uniform", ((5, 2), -3.0, 2.0), {"dtype": "float16"}),
    ("uniform", ((),), {}),
    ("randint", ((7,), -5, 9), {}),
    ("randint", ((7,), 0, 200), {"dtype": "uint8"}),
    ("truncated_normal", ((40,), 1.0, 2.0), {}),
    ("categorical", (LOGITS, 8), {}),
    ("categorical", (LOGITS, 2), {"dtype": "int64"}),
    ("shuffle", (ROWS,), {}),
    ("shuffle", (ROWS,), {"axis": 1}),
    ("dropout", (ROWS, 0.4), {}),
    ("dropout", (ROWS, 0.4), {"noise_shape": (6, 1)}),
    ("gamma", ((30,), 0.7), {}),
    ("beta", ((30,), 0.7, 2.0), {}),
    ("binomial", ((30,), 9.0, 0.3), {}),
]


@pytest.mark.parametrize(("name", "arguments", "options"), CALLS)
def test_numbers_of_a_seed_equal_keras(name: str, arguments: Any, options: Any) -> None:
    for seeds in (
        (3, 3),
        (library_seeds := [library.random.SeedGenerator(11) for library in (tkeras, keras)]),
    ):
        for _ in range(3):
            ours, real = (
                getattr(library.random, name)(*arguments, **options, seed=seed)
                for library, seed in zip((tkeras, keras), seeds, strict=True)
            )
            assert ours.dtype == real.dtype
            assert_close(ours, real, name)
    assert library_seeds[0].state.tolist() == library_seeds[1].state.value.tolist()


@pytest.mark.parametrize(("name", "arguments", "options"), CALLS)
def test_numbers_without_a_seed_come_from_the_global_one(name: str, arguments: Any, options: Any) -> None:
    results = []
    for library in (tkeras, keras):
        library.utils.set_random_seed(5)
        python_random.seed(5)
        results.append([getattr(library.random, name)(*arguments, **options) for _ in range(2)])
    if name == "dropout" and not options:
        return  # drawn from torch's own state here, which is fastest
    for ours, real in zip(*results, strict=True):
        assert_close(ours, real, name)


@pytest.mark.parametrize(
    ("name", "arguments", "options"),
    [
        ("uniform", ((2,),), {"dtype": "int32"}),
        ("randint", ((2,), 0, 3), {"dtype": "float32"}),
        ("categorical", (torch.zeros(3), 2), {}),
        ("normal", ((2,),), {"seed": "x"}),
    ],
)
def test_refusals_are_in_keras_words(name: str, arguments: Any, options: Any) -> None:
    messages = []
    for library in (tkeras, keras):
        with pytest.raises(ValueError) as caught:
            getattr(library.random, name)(*arguments, **options)
        messages.append(str(caught.value).replace("torch.Size([3])", "(3,)").split("Received")[0])
    assert messages[0] == messages[1]


def test_every_name_of_keras_is_compared() -> None:
    names = {name for name in dir(keras.random) if not name.startswith("_")}
    assert names == {call[0] for call in CALLS} | {"SeedGenerator"}
