"""Numerical checks of attention, run by the interpreter's tests on the CPU and by tests/gpu on a GPU."""

from __future__ import annotations

from typing import Any

import torch

from tests.kernels import fused_cases as cases
from tkeras_kernels.operators import attention
from tkeras_kernels.operators._random import draw_seed, kept

SIZES = {
    "ones": (1, 1, 1, 1, 1, 1, 1),
    "odd": (2, 17, 129, 3, 3, 3, 17),
    "wide": (1, 100, 3, 2, 2, 129, 100),
    "grouped": (2, 129, 100, 4, 2, 17, 17),
    "tiles": (1, 300, 290, 2, 1, 32, 16),
    "widest": (1, 17, 20, 2, 1, 300, 512),
}
"""(batch, queries, keys, heads, key heads, size, value size); "tiles" takes several blocks either way."""
EXTRAS = {
    "keys": lambda b, h, q, k: (b, 1, 1, k),
    "pairs": lambda b, h, q, k: (q, k),
    "heads": lambda b, h, q, k: (1, h, q, k),
    "rows": lambda b, h, q, k: (b, 1, q, 1),
}
"""Shapes of masks and biases."""
HIDING = {
    "mean": {},
    "mean causal": {"causal": True},
    "zeros": {"unseen": "zeros"},
    "zeros causal": {"unseen": "zeros", "causal": True},
}


def arguments(
    sizes: tuple[int, ...],
    dtype: torch.dtype,
    device: str,
    mask: str | None = None,
    bias: str | None = None,
) -> list[torch.Tensor | None]:
    """Query, key, value, mask and bias; the mask hides everything from the last row, or the first
    sample where all rows have the same, and the first key from the first row."""
    batch, queries, keys, heads, key_heads, size, value_size = sizes
    found = [
        cases.draw((batch, queries, heads, size), dtype, device),
        cases.draw((batch, keys, key_heads, size), dtype, device),
        cases.draw((batch, keys, key_heads, value_size), dtype, device),
        None,
        None,
    ]
    if mask is not None:
        seen = torch.rand(EXTRAS[mask](batch, heads, queries, keys)) > 0.4
        if seen.shape[-2] == 1:
            seen[0] = False
        else:
            seen[..., -1, :] = seen[..., 0, 0] = False
        found[3] = seen.to(device)
    if bias is not None:
        found[4] = cases.draw(EXTRAS[bias](batch, heads, queries, keys), dtype, device)
    return found


def check(
    sizes: tuple[int, ...],
    dtype: str,
    device: str,
    mask: str | None = None,
    bias: str | None = None,
    **facts: Any,
) -> None:
    cases.check(attention, arguments(sizes, cases.DTYPES[dtype], device, mask, bias), facts)


def check_strided(device: str) -> None:
    """Heads before time, gaps between rows, features that are not next to each other, repeated gradients."""
    query = cases.draw((2, 3, 17, 5), torch.float32, device).transpose(1, 2)
    key = cases.draw((2, 40, 3, 5), torch.float32, device)[:, ::2]
    value = cases.draw((2, 3, 4, 20), torch.float32, device).permute(0, 3, 1, 2)
    mask = (cases.draw((20, 17), torch.float32, device) > 0).t()
    assert not any(x.is_contiguous() for x in (query, key, value, mask))
    gradient = cases.draw((4,), torch.float32, device).expand(2, 17, 3, 4)
    cases.check(attention, [query, key, value, mask], {}, [gradient])


def check_dropout(sizes: tuple[int, ...], dtype: str, device: str, **facts: Any) -> None:
    """Outputs and gradients with the weights that torch's Philox keeps."""
    seed = draw_seed(torch.Generator().manual_seed(len(sizes))).to(device)
    check(sizes, dtype, device, mask="pairs", rate=0.3, seed=seed, **facts)


def check_dropped_weights(device: str) -> None:
    """With values of one the output is the sum of the kept weights: forward drops what `kept` says."""
    batch, queries, keys, heads = 1, 140, 60, 2
    query = torch.zeros(batch, queries, heads, 16, device=device)
    key, value = (torch.zeros(batch, keys, heads, n, device=device) for n in (16, keys))
    value[:] = torch.eye(keys, device=device)[:, None]
    attributes, _ = attention.split({"rate": 0.4, "generator": torch.Generator(device).manual_seed(5)})
    weights = attention.infer(query, key, value, **attributes).permute(0, 2, 1, 3)
    keep = kept(attributes["seed"], (batch, heads, queries, keys), 0.4)
    assert torch.equal(weights != 0, keep)
    torch.testing.assert_close(weights[keep], torch.full_like(weights[keep], 1 / 0.6 / keys))
    _, saved = attention.forward(query, key, value, **attributes)
    gradient = torch.ones(batch, queries, heads, keys, device=device)
    needs = (False, False, True)
    (*_, dvalue) = attention.backward(saved, (gradient,), needs, **attributes)
    assert dvalue is not None
    torch.testing.assert_close(
        dvalue[..., 0].permute(0, 2, 1), keep.sum(2) / 0.6 / keys, rtol=1e-5, atol=1e-6
    )


def check_same_bits(device: str) -> None:
    tensors = arguments((1, 140, 150, 2, 1, 16, 16), torch.float32, device, mask="keys")
    attributes, _ = attention.split({"rate": 0.2, "generator": torch.Generator(device).manual_seed(5)})
    gradient = cases.draw((1, 140, 2, 16), torch.float32, device)
    runs = []
    for _ in range(2):
        y, saved = attention.forward(*tensors, **attributes)
        found = attention.backward(saved, (gradient,), (True, True, True), **attributes)
        runs.append((y, *found))
    for first, second in zip(*runs, strict=True):
        assert torch.equal(first, second)


def check_large_scores(device: str) -> None:
    """Scores of thousands: a weight keeps its digits beside a largest score that dwarfs the sum."""
    tensors = arguments(SIZES["grouped"], torch.float32, device)
    tensors[0] = tensors[0] * 300
    cases.check(attention, tensors, {"scale": 1.0})
