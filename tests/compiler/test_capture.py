"""What of a captured step can be checked without a GPU: the order of its runs, its seeds, its refusals."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
import torch

import tkeras
from tests.compiler.test_step import SPARSE
from tkeras import layers, optimizers
from tkeras.compiler import _capture, _step


class FakeGraph:
    """Stands for a graph: notes its generators; replays by running the program again."""

    def __init__(self) -> None:
        self.generators: list[Any] = []
        self.replayed: Any = None

    def register_generator_state(self, generator: Any) -> None:
        self.generators.append(generator)

    def replay(self) -> None:
        self.replayed()


class FakeStream:
    def wait_stream(self, other: Any) -> None:
        """Nothing runs beside anything on a CPU."""


@pytest.fixture
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, fake in (
        ("CUDAGraph", FakeGraph), ("Stream", FakeStream), ("current_stream", FakeStream),
        ("stream", lambda stream: contextlib.nullcontext()), ("graph", lambda graph, pool: capturing(graph)),
    ):  # fmt: skip
        monkeypatch.setattr(torch.cuda, name, fake)


@contextlib.contextmanager
def capturing(graph: Any) -> Any:
    """While a graph is captured nothing is computed: what runs here changes nothing."""
    changed = [t for t in CAPTURED if isinstance(t, torch.Tensor)]
    before = [t.detach().clone() for t in changed]
    yield
    for tensor, value in zip(changed, before, strict=True):
        tensor.data.copy_(value)


CAPTURED: list[Any] = []


def model() -> Any:
    tkeras.utils.set_random_seed(2)
    made = tkeras.Sequential([
        tkeras.Input((4,)), layers.Dense(5), layers.BatchNormalization(), layers.Dropout(0.3, seed=1), layers.Dense(3),
    ])  # fmt: skip
    made.compile("adam", SPARSE, metrics=["accuracy"])
    return made


def test_two_steps_in_a_graph_equal_eager_ones(no_gpu: None) -> None:
    batches = [(torch.rand(6, 4), torch.randint(3, (6,))) for _ in range(5)]
    eager, ours = model(), model()
    for batch in batches:
        eager._learn(batch)
    ours._learn(batches[0])
    program = _step.step_program(ours, batches[0], gpu=True)
    CAPTURED[:] = [*program.captured.values(), *ours.optimizer.variables]
    captured = _capture.Captured(program, [list(batch) for batch in batches[1:3]])
    assert captured.reason is None
    assert len(captured.graph.generators) == 2  # type: ignore[attr-defined]

    def replayed() -> None:
        captured._made = iter([source for source, _ in captured._generators])
        for buffers in captured.buffers:
            captured._run(buffers)

    captured.graph.replayed = replayed  # type: ignore[attr-defined]
    captured([list(batch) for batch in batches[3:]])
    for a, b in zip(ours.get_weights(), eager.get_weights(), strict=True):
        torch.testing.assert_close(torch.as_tensor(a), torch.as_tensor(b), rtol=1e-5, atol=1e-6)
    assert int(ours.optimizer.iterations) == 5
    assert ours.get_metrics_result()["loss"] == pytest.approx(
        float(eager.get_metrics_result()["loss"]), rel=1e-5
    )


@pytest.mark.parametrize(
    ("optimizer", "reason"),
    [
        (optimizers.Adam(), None),
        (optimizers.Adam(optimizers.schedules.ExponentialDecay(0.1, 2, 0.5), use_ema=True), None),
        (optimizers.LossScaleOptimizer(optimizers.SGD()), None),
        (optimizers.SGD(gradient_accumulation_steps=2), "counted on the host"),
        (optimizers.MultiOptimizer(optimizers.OptimizerMap(optimizers.Adam())), None),
        (
            optimizers.LossScaleOptimizer(
                optimizers.MultiOptimizer(
                    optimizers.OptimizerMap(optimizers.SGD(gradient_accumulation_steps=2))
                )
            ),
            "counted on the host",
        ),
        (optimizers.SGD(use_ema=True, ema_overwrite_frequency=3), "counted on the host"),
        (optimizers.SGD(lambda: 0.1), "a Python function"),
    ],
)
def test_optimizers_that_decide_on_the_host_are_refused(optimizer: Any, reason: str | None) -> None:
    found = _capture.host_bound(optimizer)
    assert found is None if reason is None else reason in str(found)
