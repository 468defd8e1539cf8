"""Data sets that programs draw from by themselves, as they do on a GPU: here the schedule of a CPU runs it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import tkeras
from tests.compiler.test_capture import FakeGraph, capturing, no_gpu  # noqa: F401
from tests.compiler.test_interruptions import At
from tests.compiler.test_step import SPARSE, data, labels, mlp
from tkeras import layers
from tkeras.compiler import _capture, _gather, _step, parse
from tkeras.training import _compiled, _data
from tkeras.training._data import ArrayDataset, make_dataset
from tkeras.training._feed import Drawn, Feed, Feeds

CLOSE: Any = {"rtol": 2e-5, "atol": 1e-6}


@pytest.fixture
def drawing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A CPU that is treated as a device on which arrays fit."""
    monkeypatch.setattr(_compiled.StepRunner, "_draws", lambda runner: True)
    monkeypatch.setattr(ArrayDataset, "fits", lambda dataset, device: True)


def train(mode: Any, x: Any, y: Any, callbacks: Any = (), **fit: Any) -> Any:
    tkeras.utils.set_random_seed(1)
    model = mlp(layers.BatchNormalization(), layers.Dropout(0.2, seed=1))
    model.compile("adam", SPARSE, metrics=["accuracy"], jit_compile=mode)
    model.fit(x, y, **{"batch_size": 8, "epochs": 3, "verbose": 0, "callbacks": list(callbacks), **fit})
    return model


def alike(ours: Any, theirs: Any) -> None:
    for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, **CLOSE)
    for key, values in theirs.history.history.items():
        np.testing.assert_allclose(ours.history.history[key], values, **CLOSE)


@pytest.mark.parametrize("shuffle", [True, False, "batch"])
@pytest.mark.parametrize("weighted", [False, True])
def test_fits_as_eager_steps(shuffle: Any, weighted: bool, request: pytest.FixtureRequest) -> None:
    """With a partial last batch, or one in the middle; and with weights of samples."""
    x, y = data((5,))[0], labels(3)
    options: dict[str, Any] = {"shuffle": shuffle}
    options.update({"sample_weight": data(())[0]} if weighted else {})
    eager = train(False, x, y, **options)
    request.getfixturevalue("drawing")
    ours = train(True, x, y, **options)
    programs = [trial.compiled for trial in ours._runner.trials.values() if trial.compiled is not None]
    assert len(programs) == 2
    for compiled in programs:
        assert compiled.program.inputs == ()
        assert compiled.schedule.source.count("index_select") == 3 + weighted
    alike(ours, eager)


def test_the_program_has_the_gather() -> None:
    x, y = torch.rand(20, 5), torch.randint(3, (20,))
    model = mlp()
    model.compile("sgd", SPARSE)
    feed = Feed(ArrayDataset(x, y, None, 8, shuffle=True))
    batch = Drawn(feed, 0, 8).batch()
    model._learn(batch)
    plain = _step.step_program(model, batch)
    program = _gather.gather_inside(plain, feed.tensors, feed.order, feed.place)
    program.verify()
    assert program.inputs == ()
    assert str(parse(str(program), program.bindings)) == str(program)
    names = [op.attributes["fn"].__name__ for op in program.ops[:5]]
    assert names == ["add", "index_select", "index_select", "index_select", "add_"]
    assert len(program.ops) == len(plain.ops) + 5
    feed.order.copy_(torch.randperm(20))
    made, _ = _step.first_run(program, [], model.optimizer.variables)
    assert int(feed.place) == 8
    made.run()
    assert int(feed.place) == 16


def test_several_draws_in_one_graph(no_gpu: None) -> None:  # noqa: F811
    x, y = torch.rand(20, 5), torch.randint(3, (20,))
    feed = Feed(ArrayDataset(x, y, None, 4, shuffle=True))
    made = []
    for _ in range(2):
        tkeras.utils.set_random_seed(3)
        made.append(mlp())
        made[-1].compile("adam", SPARSE)
        made[-1]._learn((x[:4], y[:4]))
    eager, ours = made
    order = torch.randperm(20)
    feed.order.copy_(order)
    for rows in order.split(4):
        eager._learn((x[rows], y[rows]))
    batch = Drawn(feed, 0, 4)
    program = _gather.gather_inside(
        _step.step_program(ours, batch.batch(), gpu=True), feed.tensors, feed.order, feed.place
    )
    from tests.compiler import test_capture

    test_capture.CAPTURED[:] = [*program.captured.values(), *ours.optimizer.variables]
    captured = _capture.Captured(program, [[], []])
    assert captured.reason is None
    assert int(feed.place) == 8
    captured.graph.replayed = lambda: [captured._run([]) for _ in range(2)]  # type: ignore[attr-defined]
    captured([[], []])
    captured._run([])
    assert int(feed.place) == 20
    for a, b in zip(ours.get_weights(), eager.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, **CLOSE)


def test_evaluations_and_predictions_draw_too(drawing: None) -> None:
    x, y = data((5,))[0], labels(3)
    model = train(True, x, y)
    ours = [(model.evaluate(x, y, batch_size=8, verbose=0), model.predict(x, batch_size=8, verbose=0))
            for _ in range(2)][-1]  # fmt: skip
    for runner in (model._evaluator, model._predictor):
        assert all(trial.compiled.program.inputs == () for trial in runner.trials.values())
    model.jit_compile = False
    np.testing.assert_allclose(ours[0], model.evaluate(x, y, batch_size=8, verbose=0), **CLOSE)
    np.testing.assert_allclose(ours[1], model.predict(x, batch_size=8, verbose=0), rtol=1e-4, atol=1e-5)


def test_other_data_of_the_same_shape_takes_the_same_memory(drawing: None) -> None:
    x, y = data((5,))[0], labels(3)
    model = train(True, x, y)
    (feed,) = model._runner._feeds.all
    trials = len(model._runner.trials)
    other = x * 2
    model.fit(other, y, batch_size=8, epochs=2, verbose=0)
    assert model._runner._feeds.all == [feed]
    assert torch.equal(feed.arrays[0], torch.as_tensor(other))
    assert len(model._runner.trials) == trials
    model.fit(x[:16], y[:16], batch_size=8, epochs=2, verbose=0)
    assert model._runner._feeds.all != [feed]
    assert len(model._runner._feeds.all) == 1
    assert len(model._runner.trials) == 1


def test_nested_and_interrupted_loops(request: pytest.FixtureRequest) -> None:
    x, y = data((5,))[0], labels(3)

    def again(model: Any) -> None:
        model.fit(x * 3, y, batch_size=8, epochs=2, verbose=0)
        model.fit(x[:10], y[:10], batch_size=5, epochs=2, verbose=0)

    def stop(model: Any) -> None:
        raise KeyboardInterrupt

    def story(mode: Any) -> Any:
        model = train(mode, x, y, [At(1, 1, again)])
        with pytest.raises(KeyboardInterrupt) as caught:
            model.fit(x, y, batch_size=8, epochs=2, verbose=0, callbacks=[At(1, 0, stop)])
        if mode is True:
            assert caught.tb is not None  # it holds the frames of the loop, but no feed
            assert all(feed.users == 0 for feed in model._runner._feeds.all)
        model.fit(x, y, batch_size=8, epochs=2, verbose=0)
        return model

    eager = story(False)
    request.getfixturevalue("drawing")
    alike(story(True), eager)


def test_feeds_are_bounded() -> None:
    feeds, sets = Feeds(), [ArrayDataset(torch.rand(n, 2), None, None, 4, False) for n in (8, 8, 12)]
    for one in sets:
        one.fits = lambda device: True  # type: ignore[method-assign]
    first = feeds.acquire(sets[0])
    second = feeds.acquire(sets[1])
    assert first is not second is not None
    first.users = second.users = 0  # type: ignore[union-attr]
    third = feeds.acquire(sets[2])
    assert feeds.all == [third]
    sets[0].fits = lambda device: False  # type: ignore[method-assign]
    assert feeds.acquire(sets[0]) is None


def test_what_does_not_fit_is_gathered_ahead_in_pinned_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same batches in the same order; a loop that ends early ends the thread."""
    x, y = data((3,), rows=30)[0], np.arange(30)
    seen: list[torch.Tensor] = []

    class Device:
        type = "cuda"

    def note(leaf: Any) -> Any:
        if isinstance(leaf, torch.Tensor):
            seen.append(leaf)
        return leaf

    torch.manual_seed(5)
    expected = list(make_dataset(x, y, None, 8, shuffle=True).epoch())
    monkeypatch.setattr(_data, "default_device", Device)
    monkeypatch.setattr(_data, "pinned", note)
    monkeypatch.setattr(ArrayDataset, "fits", lambda dataset, device: False)
    monkeypatch.setattr(_data, "to_device", lambda batch: batch)
    torch.manual_seed(5)
    found = list(make_dataset(x, y, None, 8, shuffle=True).epoch())
    for ours, theirs in zip(found, expected, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))
    assert len(seen) == 8
    import threading

    before = threading.active_count()
    batches = make_dataset(x, y, None, 2, shuffle=True).epoch()
    next(batches)
    batches.close()  # type: ignore[attr-defined]
    assert threading.active_count() == before
