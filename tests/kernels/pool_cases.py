"""Numerical checks of pooling, for the interpreter's tests and those in tests/gpu."""

from __future__ import annotations

from typing import Any

import torch

from tests.kernels.fused_cases import DTYPES, draw
from tests.kernels.row_cases import check, check_same_bits, far
from tkeras_kernels.operators import (
    adaptive_average_pool,
    adaptive_max_pool,
    average_pool,
    global_average_pool,
    global_max_pool,
    max_pool,
)

WINDOWS: list[tuple[tuple[int, ...], dict[str, Any]]] = [
    ((1, 1, 1), {"pool_size": 1}),
    ((3, 17, 5), {"pool_size": 2}),
    ((3, 17, 129), {"pool_size": 3, "strides": 1, "padding": "same"}),
    ((2, 17, 3), {"pool_size": 2, "strides": 5}),
    ((2, 3, 1), {"pool_size": 9, "strides": 4, "padding": "same"}),
    ((3, 9, 11, 17), {"pool_size": 3, "strides": 2, "padding": "same"}),
    ((2, 7, 5, 8), {"pool_size": (3, 2), "strides": (1, 3)}),
    ((2, 300, 1), {"pool_size": 257, "strides": 100, "padding": "same"}),
    ((2, 5, 4, 7, 3), {"pool_size": 2}),
    ((1, 3, 4, 5, 17), {"pool_size": (2, 3, 1), "strides": (1, 2, 2), "padding": "same"}),
    ((0, 5, 5, 3), {"pool_size": 2}),
]
"""Of up to 257 elements, which one byte does not number."""
OUTPUTS: list[tuple[tuple[int, ...], int | tuple[int, ...]]] = [
    ((3, 17, 5), 3),
    ((2, 3, 17), 5),
    ((2, 9, 8, 17), (4, 2)),
    ((2, 5, 7, 3, 3), (5, 3, 2)),
    ((1, 100, 1), 1),
]


def check_windows(shape: tuple[int, ...], attributes: dict[str, Any], dtype: str, device: str) -> None:
    for operator in (max_pool, average_pool):
        check(operator, [draw(shape, DTYPES[dtype], device)], attributes)


def check_adaptive(shape: tuple[int, ...], outputs: int | tuple[int, ...], dtype: str, device: str) -> None:
    for operator in (adaptive_max_pool, adaptive_average_pool):
        check(operator, [draw(shape, DTYPES[dtype], device)], {"output_size": outputs})


def check_global(dtype: str, device: str) -> None:
    check(global_average_pool, [draw((0, 4, 5, 3), DTYPES[dtype], device)], {})
    for shape in ((3, 17, 129), (2, 5, 7, 3), (2, 3, 4, 5, 100)):
        x = draw(shape, DTYPES[dtype], device)
        for layout in ("channels_last", "channels_first"):
            for operator in (global_average_pool, global_max_pool):
                check(operator, [x], {"data_format": layout, "keepdims": dtype == "fp32"})


def check_layouts(device: str) -> None:
    """Channels first, either memory order under either name, gaps, repeated samples; gradients of other
    layouts."""
    options = {"pool_size": 3, "strides": 2, "padding": "same"}
    images = draw((2, 6, 7, 5), torch.float32, device)
    for x in (
        images,
        images.to(memory_format=torch.channels_last),
        draw((2, 6, 7, 10), torch.float32, device)[..., ::2],
        images[:1].expand(3, 6, 7, 5),
    ):
        for layout, shape in (
            ("channels_last", (x.shape[0], 3, 4, 5)),
            ("channels_first", (x.shape[0], 6, 4, 3)),
        ):
            gradient = draw(shape[::-1], torch.float32, device).permute(3, 2, 1, 0)
            for operator in (max_pool, average_pool):
                check(operator, [x], options | {"data_format": layout}, [gradient])
            check(adaptive_max_pool, [x], {"output_size": (3, 2), "data_format": layout})


def check_ties_and_nan(device: str) -> None:
    """The first of equal elements gets the gradient, -inf too; NaN wins: all as in torch."""
    x = draw((2, 9, 8, 3), torch.float32, device).round()
    x[0, 0:4] = -torch.inf
    x[1, 5, 5] = torch.nan
    for options in ({"pool_size": 3, "strides": 1, "padding": "same"}, {"pool_size": (2, 4)}):
        y, saved = max_pool.forward(x, **options)
        leaf = x.clone().requires_grad_()
        expected = max_pool.reference(leaf, **options)
        torch.testing.assert_close(y, expected, equal_nan=True)
        gradient = draw(tuple(y.shape), torch.float32, device)
        (found,) = max_pool.backward(saved, (gradient,), (True,), **options)
        (wanted,) = torch.autograd.grad(expected, leaf, gradient)
        torch.testing.assert_close(found, wanted)


def check_same_bits_of_pools(device: str) -> None:
    x = draw((3, 17, 9, 33), torch.float32, device)
    for operator in (max_pool, average_pool):
        check_same_bits(operator, [x], {"pool_size": 3, "strides": 1, "padding": "same"})
    check_same_bits(adaptive_average_pool, [x], {"output_size": 4})


def check_large_offsets_of_pools(device: str) -> None:
    """Samples 2^31 elements apart."""
    rows = far((2, 60), torch.bfloat16, device)
    x, near = rows.view(2, 5, 4, 3), rows.contiguous().view(2, 5, 4, 3)
    for operator in (max_pool, average_pool):
        runs = []
        for images in (x, near):
            y, saved = operator.forward(images, pool_size=2, strides=1)
            runs.append((y, *operator.backward(saved, (y,), (True,), pool_size=2, strides=1)))
        for first, second in zip(*runs, strict=True):
            assert torch.equal(first, second)
