"""The multitensor template: odd sizes, memory that is not aligned or not contiguous, sums, tables that follow."""

import pytest
import torch

from tests.kernels.fused_cases import poisoned
from tkeras_kernels import runtime
from tkeras_kernels.inspect import cross_compile, operator_kernels
from tkeras_kernels.operators import (
    Tables,
    _multitensor_launch,
    multi_sum,
    multi_sums,
    update,
    update_,
    updated,
)
from tkeras_kernels.pointwise import pointwise
from tkeras_kernels.runtime import errors

interpreted = pytest.mark.skipif(torch.cuda.is_available(), reason="this process compiles kernels")
SHAPES = [(1,), (3, 17), (129,), (), (100, 101), (0,), (2, 3, 17)]
ADAM = pointwise(updated, arity=6, rule="adam", states=2)


@pytest.fixture(autouse=True)
def interpreter():
    with runtime.backend_scope("interpret"):
        yield


@pytest.fixture
def small_chunks(monkeypatch):
    """Several chunks a tensor, whole ones and rests."""
    monkeypatch.setitem(_multitensor_launch._BLOCKS, "interpret", 1024)


def arrays(dtype=torch.float32, shapes=SHAPES):
    drawn = [[torch.randn(shape).to(dtype) for shape in shapes] for _ in range(4)]
    drawn[2] = [value.abs() for value in drawn[2]]
    return drawn


def scalars(dtype=torch.float32):
    return [torch.tensor(0.01, dtype=dtype), torch.tensor(3, dtype=torch.int32)]


def flat(groups):
    return [tensor for group in groups for tensor in group]


def doubles(tensors):
    return [tensor.double() if tensor.is_floating_point() else tensor for tensor in tensors]


def close(found, plain, exact, units):
    wrong = [e for e in errors("result", found, plain, exact) if e.ours > 2 * e.theirs + units * e.rounding]
    assert not wrong, wrong


@interpreted
@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_an_update_in_one_launch(dtype):
    arguments = [*flat(arrays(dtype)), *scalars()]
    with poisoned():
        found, saved = update.forward(*arguments, fn=ADAM, arrays=4)
    assert saved == ()
    plain = update.reference(*arguments, fn=ADAM, arrays=4)
    exact = update.reference(*doubles(arguments), fn=ADAM, arrays=4)
    close(found, plain, exact, 16 if dtype == torch.float32 else 1)
    assert [tensor.dtype for tensor in found] == [dtype] * 21


@interpreted
@pytest.mark.usefixtures("small_chunks")
def test_views_that_are_not_aligned_and_orders_of_memory():
    whole = torch.randn(4, 3004)
    odd = [row[1:] for row in whole]
    assert all(tensor.data_ptr() % 16 for tensor in odd)
    odd[2].abs_()
    turned = [torch.randn(17, 129).t().abs() for _ in range(4)]
    images = [torch.rand(2, 3, 5, 7).to(memory_format=torch.channels_last) for _ in range(4)]
    groups = [list(tensors) for tensors in zip(odd, turned, images, strict=True)]
    arguments = [*flat(groups), *scalars()]
    exact = update.reference(*doubles(arguments), fn=ADAM, arrays=4)
    plain = update.reference(*arguments, fn=ADAM, arrays=4)
    edges = whole[:, 0].clone(), [t.data_ptr() for t in flat(groups)]
    assert update.unsupported(tuple(arguments), {"fn": ADAM, "arrays": 4}) is None
    update_(Tables(), groups, ADAM, arguments[-2:])
    close(flat(groups[:3]), plain, exact, 16)
    assert torch.equal(whole[:, 0], edges[0])
    assert [t.data_ptr() for t in flat(groups)] == edges[1]


@interpreted
@pytest.mark.usefixtures("small_chunks")
def test_sums_are_exact_and_the_same_twice():
    gradients = [torch.randn(shape) for shape in SHAPES]
    square = pointwise(torch.square)
    with poisoned():
        first, second = (multi_sums(Tables(), [gradients], square) for _ in range(2))
    assert torch.equal(first, second)
    exact = multi_sum.reference(*doubles(gradients), fn=square, arrays=1)
    torch.testing.assert_close(first.double(), exact, rtol=1e-6, atol=0)


@interpreted
def test_tables_follow_the_tensors():
    tables, groups = Tables(), arrays()
    update_(tables, groups, ADAM, scalars())
    table, chunks = tables.table, tables.chunks
    update_(tables, groups, ADAM, scalars())
    assert tables.table is table
    groups[3] = [torch.randn_like(gradient) for gradient in groups[3]]
    exact = update.reference(*doubles(flat(groups)), *scalars(), fn=ADAM, arrays=4)
    update_(tables, groups, ADAM, scalars())
    assert tables.table is not table
    assert tables.chunks is chunks
    for value, want in zip(flat(groups[:3]), exact, strict=True):
        torch.testing.assert_close(value.double(), want, rtol=1e-5, atol=1e-6)


def test_a_captured_table_stays_as_it_is():
    """What a graph replays reads the host's table again: it is never reused, nor taken for a later call."""
    groups, tables = arrays(), Tables()
    tables.update(groups)
    before = tables.table.clone()
    addresses = [tensor.data_ptr() for tensor in flat(groups)]
    with pytest.raises(RuntimeError, match="before it has run once"):
        tables._locate(addresses, 4, torch.device("cpu"), True)
    tables._store = [torch.empty(before.numel(), dtype=torch.int64) for _ in range(2)]
    for _ in range(2):
        tables._locate(addresses, 4, torch.device("cpu"), True)
        assert torch.equal(tables.table, before)
    assert len({kept.data_ptr() for kept in tables._kept}) == 2
    assert not tables._store
    table = tables.table
    tables.update(groups)
    assert tables.table is not table


def test_the_table_says_what_is_whole():
    groups = [[torch.zeros(3000), torch.zeros(4099)[3:], torch.zeros(1 << 16)]] * 2
    tables = Tables()
    with runtime.planning_for(runtime.TARGETS["sm_90"]):
        tables.update(groups)
    assert tables.table[-2].tolist() == [3000, 4096, 65536]
    assert tables.table[-1].tolist() == [2048, 0, 65536]
    assert tables.starts.tolist() == [0, 3, 7, 71]
    assert tables.chunks[:4].tolist() == [[0, 0], [0, 1], [0, 2], [1, 0]]


def reason(*tensors, fn=ADAM, number=4):
    return update.unsupported((*tensors, *scalars()), {"fn": fn, "arrays": number})


def test_what_no_kernel_takes_is_refused_with_a_reason():
    p = torch.zeros(4, 6)
    assert reason(p, p, p, p) is None
    assert reason(p, p, p, torch.zeros(6, 4)) == "shapes do not fit"
    assert (
        reason(p, p, p, torch.zeros(6, 4).t())
        == "a parameter, its state and its gradient lie differently in memory"
    )
    assert reason(*[torch.zeros(4, 12)[:, ::2]] * 4) == "a tensor with gaps in memory"
    assert reason(p.double(), p, p, p) == "no fused kernel for float64"
    assert reason(p, p.bfloat16(), p, p) is None
    assert reason(p, p.bfloat16(), *[p] * 6) == "variables of several dtypes"
    assert reason(p, fn="no formula") == "no formula"
    branching = pointwise(lambda p, g, lr, count: p if lr > 0 else g, arity=4)
    assert "the rule is torch code" in reason(p, p, fn=branching, number=2)


@pytest.mark.compile
def test_registers_and_vector_loads_on_hopper():
    """8 bytes: ptxas sets two values aside at 80 registers, for one more program a multiprocessor."""
    for dtype in (torch.float32, torch.bfloat16):
        kernels = [
            kernel for case in update.cases for kernel in operator_kernels(update, case, dtype, "sm_90")
        ]
        for result in cross_compile(kernels, "sm_90"):
            assert result.fits, result
            assert result.stack <= 8, result
            assert result.registers <= 128, result
            assert result.instructions["wide_load"] >= 3, result
            assert result.instructions["atomic"] == 0


@interpreted
def test_verification_finds_a_wrong_update_and_undoes_it(monkeypatch):
    groups, wrong = arrays(), pointwise(updated, arity=6, rule="adam", states=2, beta_1=0.8)
    before = [tensor.clone() for tensor in flat(groups)]
    right = ADAM.torch
    runtime.set_verification(True)
    try:
        update_(Tables(), groups, ADAM, scalars())
        assert not torch.equal(groups[0][1], before[1])
        before = [tensor.clone() for tensor in flat(groups)]
        monkeypatch.setattr(wrong, "torch", right)
        with pytest.raises(runtime.WrongResultError):
            update_(Tables(), groups, wrong, scalars())
    finally:
        runtime.set_verification(False)
    assert all(torch.equal(a, b) for a, b in zip(flat(groups), before, strict=True))
