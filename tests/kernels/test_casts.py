"""Operators that take and give several element types at once: casts that are no calls of their own."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from tests.kernels.fused_cases import draw
from tests.kernels.row_cases import check, check_same_bits
from tkeras_kernels import library
from tkeras_kernels.operators import (
    dense,
    embedding,
    global_average_pool,
    global_max_pool,
    map,
    reduce_rows,
)
from tkeras_kernels.pointwise import pointwise

PAIR = [torch.float32, torch.bfloat16, torch.float16]
GATED = pointwise(lambda a, b: a * b + a, arity=2)
GELU = pointwise(library.gelu)


@pytest.mark.parametrize("out", PAIR, ids=str)
@pytest.mark.parametrize("given", PAIR, ids=str)
@pytest.mark.parametrize("shape", [(1, 1), (3, 17), (100,), (0, 5)], ids=str)
def test_map(shape: tuple[int, ...], given: torch.dtype, out: torch.dtype) -> None:
    attributes = {"fn": GELU, "dtype": out}
    check(map, (draw(shape, given, "cpu"),), attributes)
    mixed = (draw(shape, torch.float32, "cpu"), draw(shape[-1:], given, "cpu"))
    check(map, mixed, {"fn": GATED, "dtype": out})


@pytest.mark.parametrize(("given", "out"), [(torch.bfloat16, torch.float32), (torch.float32, torch.float16)])
@pytest.mark.parametrize("activation", [None, library.gelu, library.relu])
def test_dense(activation: Any, given: torch.dtype, out: torch.dtype) -> None:
    x, kernel, bias = (draw(shape, given, "cpu") for shape in ((17, 129), (129, 3), (3,)))
    fn = None if activation is None else pointwise(activation)
    check(dense, (x, kernel, bias), {"activation": fn, "dtype": out})
    check(dense, (x.t().contiguous().t(), kernel, None), {"activation": fn, "dtype": out})


@pytest.mark.parametrize("out", [torch.bfloat16, torch.float16])
def test_embedding(out: torch.dtype) -> None:
    table, ids = draw((17, 100), torch.float32, "cpu"), torch.randint(17, (3, 5))
    check(embedding, (ids, table), {"dtype": out})
    check_same_bits(embedding, (ids, table), {"dtype": out})


@pytest.mark.parametrize("operator", [global_average_pool, global_max_pool], ids=lambda o: o.name)
@pytest.mark.parametrize(("given", "out"), [(torch.bfloat16, torch.float32), (torch.float32, torch.float16)])
def test_global_pools(operator: Any, given: torch.dtype, out: torch.dtype) -> None:
    check(operator, (draw((3, 5, 17), given, "cpu"),), {"dtype": out})


def test_other_types_are_refused() -> None:
    x = torch.ones(3, 3)
    for operator, tensors in (
        (map, (x,)), (dense, (x, x, None)), (embedding, (x, x)), (reduce_rows, (x,)),
    ):  # fmt: skip
        fn = {} if operator is reduce_rows else {"fn": GELU}
        found = operator.unsupported(tensors, {**fn, "dtype": torch.float64})
        assert found == "no fused kernel for its dtype"
