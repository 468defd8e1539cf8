"""Checks of dropout and noise, for the interpreter's tests and those in tests/gpu."""

from __future__ import annotations

from typing import Any

import torch

from tests.kernels.fused_cases import DTYPES, draw
from tests.kernels.row_cases import check, check_same_bits
from tkeras_kernels.operators import alpha_dropout, dropout, gaussian_dropout, gaussian_noise

OPERATORS: list[tuple[Any, dict[str, Any]]] = [
    (dropout, {"rate": 0.3}),
    (dropout, {"rate": 0.5, "noise_shape": (None, 1, None)}),
    (alpha_dropout, {"rate": 0.2}),
    (alpha_dropout, {"rate": 0.7, "noise_shape": (1, None, None)}),
    (gaussian_dropout, {"rate": 0.4}),
    (gaussian_noise, {"stddev": 0.3}),
]
SHAPES = [(1, 1, 1), (3, 17, 100), (129, 3, 1), (0, 3, 2)]


def seed_of(number: int, device: str) -> torch.Tensor:
    return torch.tensor([number], device=device)


def check_noise(operator: Any, attributes: dict[str, Any], dtype: str, device: str) -> None:
    """Torch draws the same numbers, so forward and backward have the bound of every kernel."""
    given = attributes | {"seed": seed_of(-(2**62) + 12345, device)}
    for shape in SHAPES:
        check(operator, [draw(shape, DTYPES[dtype], device)], given)
    x = draw((100, 17, 3), DTYPES[dtype], device).permute(2, 1, 0)
    check(operator, [x], given, [draw((3,), DTYPES[dtype], device).view(3, 1, 1).expand(3, 17, 100)])
    check_same_bits(operator, [x], given)


def check_masks_agree(device: str) -> None:
    """Backward drops what forward dropped."""
    x = torch.ones(40, 50, device=device)
    for attributes in ({"rate": 0.4}, {"rate": 0.4, "noise_shape": (None, 1)}):
        given = attributes | {"seed": seed_of(7, device)}
        y, saved = dropout.forward(x, **given)
        (dx,) = dropout.backward(saved, (x,), (True,), **given)
        assert torch.equal(y, dx)
        assert len(saved) == 1
        assert saved[0].numel() == 1
        if "noise_shape" in attributes:
            assert torch.equal(y, y[:, :1].expand_as(y))


def check_statistics(device: str) -> None:
    """Shares, means and variances within five standard errors; other seeds give other numbers."""
    count = 200_000
    ones, zeros = torch.ones(count, device=device), torch.zeros(count, device=device)
    for rate in (0.1, 0.5, 0.9):
        share = (dropout.infer(ones, rate=rate, seed=seed_of(3, device)) == 0).double().mean().item()
        assert abs(share - rate) < 5 * (rate * (1 - rate) / count) ** 0.5
    noise = gaussian_noise.infer(zeros, stddev=1.0, seed=seed_of(4, device)).double()
    assert abs(noise.mean().item()) < 5 * count**-0.5
    assert abs(noise.var().item() - 1) < 5 * (2 / count) ** 0.5
    assert abs((noise**4).mean().item() - 3) < 5 * (96 / count) ** 0.5
    assert abs((noise[:-1] * noise[1:]).mean().item()) < 5 * count**-0.5
    scale = gaussian_dropout.infer(ones, rate=0.2, seed=seed_of(5, device)).double()
    assert abs(scale.mean().item() - 1) < 5 * 0.5 * count**-0.5
    assert abs(scale.var().item() - 0.25) < 5 * 0.25 * (2 / count) ** 0.5
    normal = draw((count,), torch.float32, device)
    kept = alpha_dropout.infer(normal, rate=0.3, seed=seed_of(6, device)).double()
    assert abs(kept.mean().item()) < 0.02
    assert abs(kept.var().item() - 1) < 0.05
    one, two = (dropout.infer(ones, rate=0.5, seed=seed_of(n, device)) == 0 for n in (1, 2))
    assert abs((one & two).double().mean().item() - 0.25) < 5 * (0.1875 / count) ** 0.5
