"""Dropout and noise on their compiled kernels."""

import pytest
import torch

from tests.kernels import noise_cases as cases
from tests.kernels.fused_cases import DTYPES
from tkeras_kernels import runtime
from tkeras_kernels.operators import dropout


@pytest.fixture(autouse=True)
def _compiled():
    with runtime.backend_scope("triton"):
        yield


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("operator", "attributes"), cases.OPERATORS)
def test_numbers(operator, attributes, dtype):
    cases.check_noise(operator, attributes, dtype, "cuda")


def test_masks_agree():
    cases.check_masks_agree("cuda")


def test_statistics():
    cases.check_statistics("cuda")


def test_a_graph_draws_anew_from_a_seed_on_the_device():
    x, seed = torch.ones(4096, device="cuda"), cases.seed_of(1, "cuda")
    dropout.infer(x, rate=0.5, seed=seed)
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        y = dropout.infer(x, rate=0.5, seed=seed)
        seed.add_(1)
    drawn = []
    for _ in range(2):
        graph.replay()
        drawn.append(y.clone())
    assert not torch.equal(*drawn)
    assert torch.equal(drawn[0], dropout.infer(x, rate=0.5, seed=cases.seed_of(1, "cuda")))
