"""Numerical checks of the embedding, for the interpreter's tests and those in tests/gpu."""

from __future__ import annotations

import torch

from tests.kernels.fused_cases import DTYPES, draw, poisoned
from tests.kernels.row_cases import check, check_same_bits, far
from tkeras_kernels.operators import embedding

SHAPES: list[tuple[tuple[int, ...], int, int]] = [
    ((1,), 1, 1),
    ((3, 17), 100, 3),
    ((17,), 5, 129),
    ((2, 3, 5), 17, 100),
    ((0, 4), 3, 5),
    ((3, 0), 0, 5),
    ((100,), 3, 17),
]
"""Ids, rows and width: more ids than rows and fewer, longer and shorter than a chunk."""


def draw_ids(shape: tuple[int, ...], rows: int, device: str) -> torch.Tensor:
    return torch.randint(max(rows, 1), shape).to(device)


def check_embedding(shape: tuple[int, ...], rows: int, width: int, dtype: str, device: str) -> None:
    ids = draw_ids(shape, rows, device)
    for kind in (torch.int64, torch.int32)[: 1 + (rows == 5)]:
        check(embedding, [ids.to(kind), draw((rows, width), DTYPES[dtype], device)], {})


def check_other_dtypes(device: str) -> None:
    """Rows in another type than that of the table, whose gradient is in its own."""
    ids = draw_ids((3, 17), 5, device)
    for dtype in (torch.bfloat16, torch.float16):
        table = draw((5, 33), torch.float32, device)
        y, saved = embedding.forward(ids, table, dtype=dtype)
        assert torch.equal(y, table[ids].to(dtype))
        dy = torch.randn_like(y)
        _, found = embedding.backward(saved, (dy,), (False, True), dtype=dtype)
        _, plain = embedding.differentiable_backward((), saved, (dy,), (False, True), dtype=dtype)
        exact = torch.zeros(5, 33, dtype=torch.float64, device=device).index_add(
            0, ids.flatten(), dy.double().flatten(0, 1)
        )
        assert found is not None
        assert plain is not None
        assert found.dtype == plain.dtype == torch.float32
        for gradient in (found, plain):
            torch.testing.assert_close(gradient.double(), exact, rtol=1e-6, atol=1e-5)
    y, _ = embedding.forward(ids, draw((5, 33), torch.bfloat16, device), dtype=torch.float32)
    assert y.dtype == torch.float32


def check_frequent_ids(device: str) -> None:
    """Ids that reach over many chunks, begin in the middle of one or at its front, and end at an edge."""
    table = draw((7, 33), torch.float32, device)
    for lengths in ([200], [32, 33, 31], [5, 100, 1, 64, 30], [64, 64]):
        ids = torch.cat([torch.full((n,), i + 1) for i, n in enumerate(lengths)])
        check(embedding, [ids[torch.randperm(len(ids))].to(device), table], {})


def check_embedding_layouts(device: str) -> None:
    """A table with gaps or transposed, ids that are a view, gradients of any layout."""
    ids = draw_ids((17, 6), 5, device).t()
    for table in (
        draw((5, 66), torch.float32, device)[:, ::2],
        draw((10, 33), torch.float32, device)[::2],
        draw((33, 5), torch.float32, device).t(),
    ):
        for gradient in (
            draw((33, 6, 17), torch.float32, device).permute(1, 2, 0),
            draw((33,), torch.float32, device).expand(6, 17, 33),
            draw((6, 17, 40), torch.float32, device)[..., :33],
        ):
            check(embedding, [ids, table], {}, [gradient])


def check_numbers_out_of_range(device: str) -> None:
    """They give NaN to their own rows, and nothing to the gradient; memory around the table is not read."""
    around = draw((9, 5), torch.float32, device)
    table = around[2:6]
    ids = torch.tensor([0, -1, 3, 4, 2**40, -(2**40), 3], device=device)
    with poisoned():
        y, saved = embedding.forward(ids, table)
        dy = torch.arange(35.0, device=device).view(7, 5) + 1
        _, found = embedding.backward(saved, (dy,), (False, True))
        _, plain = embedding.differentiable_backward((), saved, (dy,), (False, True))
    wrong = [False, True, False, True, True, True, False]
    assert y.isnan().any(1).tolist() == y.isnan().all(1).tolist() == wrong
    assert torch.equal(y[[0, 2, 6]], table[[0, 3, 3]])
    expected = torch.stack([dy[0], torch.zeros_like(dy[0]), torch.zeros_like(dy[0]), dy[2] + dy[6]])
    assert found is not None
    assert torch.equal(found, expected)
    assert torch.equal(plain, expected)


def check_same_bits_of_embedding(device: str) -> None:
    ids = torch.where(torch.rand(300) < 0.5, 1, torch.randint(50, (300,))).to(device)
    check_same_bits(embedding, [ids, draw((50, 33), torch.float32, device)], {})


def check_large_offsets_of_embedding(device: str) -> None:
    """Rows of the table 2^31 elements apart, and those of the gradient of the result."""
    table = far((2, 33), torch.bfloat16, device)
    ids = torch.tensor([1, 0, 1], device=device)
    assert torch.equal(embedding.infer(ids, table), table[ids])
    dy = far((2, 33), torch.bfloat16, device)
    _, found = embedding.backward(embedding.forward(ids[:2], table)[1], (dy,), (False, True))
    assert found is not None
    assert torch.equal(found, dy.flip(0))
