"""Planned memory: nothing that lives is overwritten, nothing is read before it is written."""

from __future__ import annotations

import re
from typing import Any

import pytest
import torch

import tkeras
from tests.compiler.test_step import SPARSE
from tkeras import layers, losses
from tkeras.compiler._figures import unchanged
from tkeras.training._compiled import FIT, Compiled


def image_model() -> Any:
    inputs = tkeras.Input((8, 8, 3))
    x = layers.Conv2D(4, 3, padding="same", use_bias=False)(inputs)
    y = layers.ReLU()(layers.BatchNormalization()(x))
    x = layers.add([layers.Conv2D(4, 1)(y), x])
    x = layers.GlobalAveragePooling2D()(layers.Dropout(0.5, seed=3)(x))
    return tkeras.Model(inputs, layers.Dense(3)(x)), torch.rand(5, 8, 8, 3), torch.randint(3, (5,))


def text_model() -> Any:
    inputs = tkeras.Input((7,), dtype="int32")
    x = layers.Bidirectional(layers.GRU(4))(layers.Embedding(9, 5)(inputs))
    ids = torch.randint(9, (5, 7), dtype=torch.int32)
    return tkeras.Model(inputs, layers.Dense(3)(x)), ids, torch.randint(3, (5,))


def prepared(make: Any) -> tuple[Any, Any, Compiled]:
    tkeras.utils.set_random_seed(3)
    model, x, y = make()
    model.compile(
        tkeras.optimizers.Adam(0.01),
        SPARSE,
        metrics=["accuracy", losses.SparseCategoricalCrossentropy(from_logits=True)],
    )
    model._learn((x, y))
    return model, (x, y), Compiled(model, FIT, [(x, y)])


@pytest.mark.parametrize("make", [image_model, text_model])
def test_runs_on_poisoned_memory_like_an_eager_step(make: Any) -> None:
    model, batch, compiled = prepared(make)
    state = [*model.variables, *model.optimizer.variables]
    with unchanged(model):
        model._learn(batch)
        expected = [tensor.detach().clone() for tensor in state]
    for _ in range(2):
        compiled.schedule._arena.fill_(0xFF)  # NaN as floats, -1 as integers
        with unchanged(model):
            compiled([batch])
            found = [tensor.detach().clone() for tensor in state]
        for ours, theirs in zip(found, expected, strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("make", [image_model, text_model])
def test_no_two_live_results_share_memory(make: Any) -> None:
    _, _, compiled = prepared(make)
    schedule = compiled.schedule
    memory, first = schedule.memory, {}
    for index, call in enumerate(schedule.calls):
        for storage in call.fresh:
            first.setdefault(storage, index)
    placed = [s for s in memory.offsets if s in first]
    assert len(placed) > 10
    assert memory.total < memory.unshared
    for a in placed:
        for b in placed:
            apart = (
                memory.offsets[a] + schedule.sizes[a] <= memory.offsets[b]
                or memory.offsets[b] + schedule.sizes[b] <= memory.offsets[a]
            )
            handed_on = memory.last[a] == first[b] or memory.last[b] == first[a]  # b takes the place of a
            apart_in_time = memory.last[a] < first[b] or memory.last[b] < first[a]
            assert a == b or apart or apart_in_time or handed_on


def test_the_source_is_readable_and_the_same_in_every_run() -> None:
    sources = [prepared(text_model)[2].schedule.source for _ in range(2)]
    unnumbered = [
        re.sub(r"([a-z])_\d+\b", r"\1", source) for source in sources
    ]  # names of layers go on counting
    assert unnumbered[0] == unnumbered[1]
    assert sources[0].startswith("def run():\n    f0(")
    assert "# addmm, dense dense" in sources[0]
    assert "# update, update" in sources[0]


@pytest.mark.parametrize("make", [image_model, text_model])
def test_inputs_are_read_where_they_lie(make: Any) -> None:
    model, (x, y), compiled = prepared(make)
    schedule, buffers = compiled.schedule, compiled.buffers
    before = [buffer.clone() for buffer in buffers]
    shifted = torch.cat([x[:2], x.flip(0)])[2:]  # begins inside its memory
    state = [*model.variables, *model.optimizer.variables]
    strided = torch.stack([x.flip(0), x], -1)[..., 0]
    results = []
    for given in (x.flip(0), shifted, strided):
        with unchanged(model):
            compiled([(given, y)])
            results.append([tensor.detach().clone() for tensor in state])
        if given is not strided:
            assert all(map(torch.equal, buffers, before))  # no copy
    assert torch.equal(buffers[0], x.flip(0))  # copied, as it is not contiguous
    with unchanged(model):
        model._learn((x.flip(0), y))
        expected = [tensor.detach().clone() for tensor in state]
    for found in results:
        for ours, theirs in zip(found, expected, strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)
    assert schedule._run_on is not None
