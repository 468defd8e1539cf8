"""The random bits of dropout: alike in the kernels and in torch, as often kept as asked."""

import pytest
import torch

from tkeras_kernels import runtime
from tkeras_kernels.operators import _random
from tkeras_kernels.operators._random import draw_seed, kept, threshold


def test_known_answer():
    """The published answer of philox4x32-10 for a counter and a key of zeros."""
    zero = torch.zeros(1, dtype=torch.int64)
    found = [word.item() for word in _random.words(zero, zero)]
    assert found == [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]


@pytest.mark.skipif(torch.cuda.is_available(), reason="tests/gpu runs it compiled")
@pytest.mark.parametrize("first", [0, 2**31 - 100, 2**35 + 3])
def test_kernels_and_torch_draw_the_same(first):
    from tests.kernels.random_kernels import keeps

    with runtime.backend_scope("interpret"):
        seed = draw_seed(torch.Generator().manual_seed(7))
        out = torch.empty(256, dtype=torch.int8)
        runtime.launch(keeps, (1,), out, (seed, out, first, threshold(0.3)), {"BLOCK": 256})
    assert torch.equal(out.bool(), _random._kept_at(seed, first + torch.arange(256), 0.3))


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_rate(rate):
    seed = draw_seed(torch.Generator().manual_seed(3))
    count = 100_000
    share = 1 - kept(seed, (count // 100, 100), rate).double().mean().item()
    assert abs(share - rate) < 4 * (rate * (1 - rate) / count) ** 0.5


def test_edges_and_seeds():
    one, two = (draw_seed(torch.Generator().manual_seed(n)) for n in (1, 2))
    assert kept(one, (1000,), 0.0).all()
    assert kept(one, (1000,), 1.0).sum() == 0
    assert torch.equal(kept(one, (1000,), 0.5), kept(one, (10, 100), 0.5).view(-1))
    both = kept(one, (10_000,), 0.5) & kept(two, (10_000,), 0.5)
    assert abs(both.double().mean().item() - 0.25) < 0.02
