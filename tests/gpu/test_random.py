"""The random bits of dropout on a GPU."""

import torch

from tests.kernels.random_kernels import keeps
from tkeras_kernels import runtime
from tkeras_kernels.operators import _random


def test_kernels_and_torch_draw_the_same():
    seed = _random.draw_seed(torch.Generator("cuda").manual_seed(7))
    for first in (0, 2**31 - 100, 2**35 + 3):
        out = torch.empty(256, dtype=torch.int8, device="cuda")
        constants = {"BLOCK": 256}
        runtime.launch(keeps, (1,), out, (seed, out, first, _random.threshold(0.3)), constants)
        offsets = first + torch.arange(256, device="cuda")
        assert torch.equal(out.bool(), _random._kept_at(seed, offsets, 0.3))
