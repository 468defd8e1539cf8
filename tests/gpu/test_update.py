"""Optimizers on their compiled kernels, also inside a CUDA graph."""

import pytest
import torch

from tkeras import optimizers
from tkeras.graph import Variable
from tkeras_kernels import runtime

SHAPES = [(1,), (3, 17), (1000, 129), (), (0,)]
RULES = ["SGD", "RMSprop", "Adagrad", "Adadelta", "Adam", "AdamW", "Adamax", "Nadam", "Lamb", "Lion", "Ftrl"]


def train(name, backend, dtype, steps, **options):
    torch.manual_seed(0)
    trained = [Variable(torch.randn(shape).to(dtype).cuda(), name=f"v{i}") for i, shape in enumerate(SHAPES)]
    optimizer = getattr(optimizers, name)(**options)
    with runtime.backend_scope(backend):
        for _ in range(steps):
            optimizer.apply([torch.randn(shape).to(dtype).cuda() for shape in SHAPES], trained)
    return [*trained, *(state for state in optimizer.variables if state.is_floating_point())]


@pytest.mark.parametrize("options", [{}, {"global_clipnorm": 0.5, "use_ema": True}], ids=["plain", "more"])
@pytest.mark.parametrize("name", RULES)
def test_rules(name, options):
    runtime.reset_report()
    ours = train(name, "triton", torch.float32, 4, **options)
    assert {record.implementation for record in runtime.report()} == {"triton"}
    exact = train(name, "torch", torch.float64, 4, **options)
    plain = train(name, "torch", torch.float32, 4, **options)
    for error in runtime.errors("value", ours, plain, exact):
        assert error.ours <= 2 * error.theirs + 16 * max(error.rounding, 1e-8), error


def test_steps_in_a_cuda_graph_are_steps():
    """The rate and the count are read on the device: a replay is another step."""
    results = []
    for captured in (True, False):
        torch.manual_seed(0)
        trained = [Variable(torch.randn(shape).cuda(), name=f"v{i}") for i, shape in enumerate(SHAPES)]
        gradients = [torch.randn(shape).cuda() for shape in SHAPES]
        optimizer = optimizers.Adam(0.1, global_clipnorm=1.0)
        with runtime.backend_scope("triton"):
            optimizer.apply(gradients, trained)
            if captured:
                graph = torch.cuda.CUDAGraph()
                with torch.cuda.graph(graph):
                    optimizer.apply(gradients, trained)
                for _ in range(3):
                    graph.replay()
                optimizer.learning_rate = 0.01
                graph.replay()
            else:
                for rate in (0.1, 0.1, 0.1, 0.01):
                    optimizer.learning_rate = rate
                    optimizer.apply(gradients, trained)
        results.append([*trained, *optimizer.variables])
    for a, b in zip(*results, strict=True):
        assert torch.equal(a, b)


def test_the_loss_scale_changes_inside_a_graph():
    """Also where the inner update is torch code: nothing is asked, good and bad steps are replays alike."""
    for make in (optimizers.Adam, optimizers.Adafactor):
        results = []
        for captured in (True, False):
            torch.manual_seed(0)
            trained = [
                Variable(torch.randn(shape).cuda(), name=f"v{i}") for i, shape in enumerate(SHAPES[:4])
            ]
            gradients = [torch.ones(shape).cuda() for shape in SHAPES[:4]]
            optimizer = optimizers.LossScaleOptimizer(make(0.1), initial_scale=8.0, dynamic_growth_steps=2)
            for _ in range(2):
                optimizer.apply(gradients, trained)
            graph = torch.cuda.CUDAGraph()
            if captured:
                with torch.cuda.graph(graph):
                    optimizer.apply(gradients, trained)
            for number in (2.0, float("inf"), 3.0, float("nan"), 1.0, 1.0):
                gradients[1].fill_(number)
                graph.replay() if captured else optimizer.apply(gradients, trained)
            assert float(optimizer.dynamic_scale) == 8 * 2 / 2 / 2 * 2
            assert int(optimizer.iterations) == 6
            results.append([*trained, *optimizer.variables])
        for a, b in zip(*results, strict=True):
            torch.testing.assert_close(a, b, rtol=1e-6, atol=1e-6)
