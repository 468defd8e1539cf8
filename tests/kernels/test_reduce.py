"""reduce_rows on its Triton kernels, run by the interpreter."""

import pytest
import torch

from tests.kernels import row_cases as cases
from tests.kernels.fused_cases import DTYPES, draw
from tkeras_kernels import runtime
from tkeras_kernels.inspect import cross_compile, operator_kernels
from tkeras_kernels.operators import Case, reduce_rows
from tkeras_kernels.pointwise import pointwise

pytestmark = pytest.mark.skipif(torch.cuda.is_available(), reason="tests/gpu runs these compiled")


@pytest.fixture(autouse=True)
def _interpreted():
    with runtime.backend_scope("interpret"):
        yield


@pytest.mark.parametrize("dtype", DTYPES)
def test_losses_of_probabilities(dtype):
    cases.check_losses_of_probabilities(dtype, "cpu")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", cases.LOSSES)
def test_losses(name, dtype):
    cases.check_loss(name, (17, 129), dtype, "cpu")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", cases.ROWS)
@pytest.mark.parametrize("reduction", ["sum", "mean"])
def test_rows(reduction, shape, dtype):
    cases.check_reduction([shape, shape], -1, reduction, dtype, "cpu")
    cases.check_reduction([shape], -1, reduction, dtype, "cpu")


def test_reduction_of_nothing():
    x = torch.empty(3, 0)
    y, saved = reduce_rows.forward(x, reduction="sum")
    assert y.tolist() == [0.0, 0.0, 0.0]
    assert reduce_rows.infer(x).isnan().all()
    (dx,) = reduce_rows.backward(saved, (y,), (True,), reduction="sum")
    assert dx is not None
    assert dx.shape == x.shape


@pytest.mark.parametrize("axis", [0, 1, (0, 1), (0, 2), (2, 1, 0)])
@pytest.mark.parametrize("keepdims", [True, False])
def test_axes(axis, keepdims):
    cases.check_reduction([(3, 17, 5), (17, 1)], axis, "mean", "fp32", "cpu", keepdims)
    cases.check_reduction([(3, 17, 5)], axis, "max", "fp32", "cpu", keepdims)
    cases.check_reduction([(3, 17, 5)], axis, "sum", "bf16", "cpu", keepdims)


@pytest.mark.parametrize("reduction", ["mean", "max"])
def test_long_rows_are_split_among_programs(reduction):
    with runtime.planning_for(cases.MANY):
        with runtime.recording(cases.MANY) as launches:
            reduce_rows.forward(torch.empty(3, 40_000), reduction=reduction)
        assert [launch.grid for launch in launches] == [(1, 4), (1, 1)]
        cases.check_reduction([(3, 40_000)], 1, reduction, "fp32", "cpu")
        cases.check_same_bits(
            reduce_rows, [draw((3, 40_000), torch.float32, "cpu")], {"reduction": reduction}
        )


@pytest.mark.parametrize("dtype", DTYPES)
def test_expression_of_several_sums(dtype):
    cases.check_cosine(dtype, "cpu")


def test_several_results():
    cases.check_several_results("cpu")


def test_maximum():
    cases.check_maximum("cpu")


def test_large_offsets():
    cases.check_large_offsets("cpu")


def test_one_pass_each_way():
    pair = [torch.empty(64, 784, device="meta") for _ in range(2)]
    with runtime.recording(runtime.TARGETS["sm_90"]) as launches:
        _, saved = reduce_rows.forward(*pair, **cases.COSINE)
        reduce_rows.backward(saved, (torch.empty(64, device="meta"),), (True, True), **cases.COSINE)
    assert [launch.kernel.fn.__name__ for launch in launches] == ["reduce_rows", "spread_rows"]


def test_only_asked_gradients_are_computed():
    pair = [draw((17, 5), torch.float32, "cpu") for _ in range(2)]
    y, saved = reduce_rows.forward(*pair, fn=cases.SQUARED)
    both = reduce_rows.backward(saved, (y,), (True, True), fn=cases.SQUARED)
    left, right = reduce_rows.backward(saved, (y,), (False, True), fn=cases.SQUARED)
    assert left is None
    assert torch.equal(right, both[1])


def test_what_goes_to_torch():
    x = torch.ones(3, 5)

    def unsupported(*tensors, **attributes):
        return reduce_rows.unsupported(tensors, attributes)

    assert unsupported(x) is None
    assert unsupported(x, x) == "wrong number of tensors"
    assert unsupported(x, x.half(), fn=cases.SQUARED) == "tensors of several dtypes"
    assert unsupported(torch.ones(())) == "no axis to reduce"
    assert unsupported(x, axis=()) == "no axis to reduce"
    assert unsupported(x[:0], reduction="max") == "maximum of nothing"
    assert unsupported(x, reduction="max", fn=pointwise(torch.abs)) == "maximum of a function"
    assert unsupported(x.double()) == "no fused kernel for float64"
    branches = pointwise(lambda a: a if a > 0 else -a)
    assert "torch code" in (unsupported(x, fn=branches) or "")
    apart = pointwise(lambda a, b: (a + b, b * 2.0), arity=2)
    assert "smaller shape" in (unsupported(x, x[0], fn=apart) or "")


CASES = (*reduce_rows.cases, Case("maximum", ((4096, 1024),), {"reduction": "max"}))


@pytest.mark.compile
@pytest.mark.parametrize(
    ("target", "dtype"), [("sm_90", "bf16"), ("sm_90", "fp32"), ("sm_100", "bf16"), ("gfx942", "fp32")]
)
def test_compiled(target, dtype):
    """Nothing is spilled; memory is read 16 bytes at a time; no atomics."""
    for case in CASES:
        specifications = operator_kernels(reduce_rows, case, DTYPES[dtype], target)
        for result in cross_compile(specifications, target):
            assert result.fits, result
            assert result.stack == 0, (case.name, result)
            assert result.instructions["atomic"] == 0
            reads = result.kernel != "spread_rows" or "fn" in case.attributes or case.name == "maximum"
            small = case.name == "mean_of_all" and result is not None and result.registers < 40
            assert result.instructions["wide_load"] or small or not reads, (case.name, result)
