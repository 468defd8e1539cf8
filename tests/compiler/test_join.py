"""Calls that become one, and what must keep them apart."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

import tkeras
from tkeras import layers
from tkeras.compiler._clean import clean
from tkeras.compiler._figures import unchanged
from tkeras.compiler._join import join
from tkeras.compiler._schedule import Schedule
from tkeras.compiler._tape import TapeRecorder, storages_in
from tkeras.training._compiled import FIT, Compiled


def scheduled(function: Callable[..., Any], *tensors: torch.Tensor) -> Schedule:
    """What a function does to tensors, recorded on copies of what they hold."""
    recorder = TapeRecorder([*tensors])
    kept = [tensor.clone() for tensor in tensors]
    with recorder:
        results = function(*tensors)
    for tensor, value in zip(tensors, kept, strict=True):
        tensor.copy_(value)
    refs = recorder.refs(results)
    clean(recorder.tape, storages_in(refs), set())
    join(recorder.tape)
    return Schedule(recorder.tape, refs)


def names(schedule: Schedule) -> list[str]:
    """The calls of a schedule."""
    return [call.name for call in schedule.calls]


def test_totals_grow_in_one_call() -> None:
    a, b, c, x = torch.zeros(()), torch.ones(()), torch.full((), 2.0), torch.rand(5)

    def step(a: Any, b: Any, c: Any, x: Any) -> None:
        a.add_(x.sum(), alpha=3)
        b.add_(7)
        c.add_((x > 0.5).sum())

    schedule = scheduled(step, a, b, c, x)
    assert names(schedule).count("_foreach_addcmul_") == 1
    assert "add_" not in names(schedule)
    schedule.run()
    schedule.run()
    assert float(a) == pytest.approx(6 * float(x.sum()))
    assert float(b) == 15.0
    assert float(c) == 2.0 + 2 * float((x > 0.5).sum())


def read_between(a: Any, b: Any, x: Any) -> Any:
    a.add_(x.sum())
    seen = a * 2
    b.add_(seen)
    a.add_(1)
    return seen


def source_changes(a: Any, b: Any, x: Any) -> Any:
    total = x.sum()
    a.add_(total)
    total.mul_(2)
    b.add_(total)
    return total


def same_target(a: Any, b: Any, x: Any) -> Any:
    a.add_(1)
    a.add_(x.sum())
    b.add_(a)
    return a * b


@pytest.mark.parametrize("step", [read_between, source_changes, same_target])
def test_sums_that_are_looked_at_keep_their_order(step: Callable[..., Any]) -> None:
    a, b, x = torch.zeros(()), torch.ones(()), torch.rand(5)
    expected = [a.clone(), b.clone(), x]
    schedule = scheduled(step, a, b, x)
    for _ in range(3):
        wanted = step(*expected)
        assert torch.equal(schedule.run(), wanted)
    assert torch.equal(a, expected[0])
    assert torch.equal(b, expected[1])


def images(filters: int, **options: Any) -> Any:
    first = options.get("data_format") == "channels_first"
    shape = (3, 34, 34) if first else (34, 34, 3)
    inputs = tkeras.Input(shape)
    x = layers.Conv2D(filters, 3, activation="relu", **options)(inputs)
    x = layers.Conv2DTranspose(2, 2, activation="relu", **options)(x)
    x = layers.GlobalAveragePooling2D(data_format=options.get("data_format"))(x)
    model = tkeras.Model(inputs, layers.Dense(1)(x))
    model.compile("sgd", "mse")
    return model, (torch.rand(64, *shape), torch.rand(64, 1))


@pytest.mark.parametrize(
    ("filters", "options", "fused", "parted"),
    [
        (8, {}, True, 1),
        (3, {}, True, 0),
        (8, {"use_bias": False}, True, 0),
        (8, {"data_format": "channels_first"}, True, None),
    ],
)
def test_convolutions(filters: int, options: dict[str, Any], fused: bool, parted: int | None) -> None:
    tkeras.utils.set_random_seed(1)
    model, batch = images(filters, **options)
    model._learn(batch)
    compiled = Compiled(model, FIT, [batch])
    calls = names(compiled.schedule)
    assert ("_convolution_pointwise" in calls) == fused
    sums = [call for call in compiled.schedule.calls if call.name == "sum" and "conv" in call.label]
    assert parted is None or len(sums) == parted
    state = model.trainable_variables
    with unchanged(model):
        model._learn(batch)
        expected = [variable.detach().clone() for variable in state]
    for _ in range(2):
        compiled.schedule._arena.fill_(0xFF)
        with unchanged(model):
            compiled([batch])
            found = [variable.detach().clone() for variable in state]
        for ours, theirs in zip(found, expected, strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)


def test_relu_in_double_precision_stays_a_call() -> None:
    x, kernel = torch.rand(2, 3, 5, 5, dtype=torch.float64), torch.rand(4, 3, 3, 3, dtype=torch.float64)
    schedule = scheduled(lambda x, kernel: torch.relu_(torch.conv2d(x, kernel)) + 1, x, kernel)
    assert "relu_" in names(schedule)
    assert torch.equal(schedule.run(), torch.relu(torch.conv2d(x, kernel)) + 1)
