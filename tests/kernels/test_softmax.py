"""softmax and log_softmax on their Triton kernels, run by the interpreter."""

import pytest
import torch

from tests.kernels import row_cases as cases
from tests.kernels.fused_cases import DTYPES, draw
from tkeras_kernels import runtime
from tkeras_kernels.inspect import cross_compile, operator_kernels
from tkeras_kernels.operators import Case, log_softmax, softmax

pytestmark = pytest.mark.skipif(torch.cuda.is_available(), reason="tests/gpu runs these compiled")


@pytest.fixture(autouse=True)
def _interpreted():
    with runtime.backend_scope("interpret"):
        yield


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("shape", "axis"), cases.SOFTMAX_AXES)
def test_shapes_and_axes(shape, axis, dtype):
    cases.check_softmax(shape, axis, dtype, "cpu")


def test_layouts():
    cases.check_softmax_layouts("cpu")


def test_infinities_and_nan():
    cases.check_softmax_infinities("cpu")


@pytest.mark.parametrize("operator", [softmax, log_softmax], ids=lambda operator: operator.name)
def test_same_bits_twice(operator):
    cases.check_same_bits(operator, [draw((3, 5000), torch.float32, "cpu")], {})


@pytest.mark.parametrize("operator", [softmax, log_softmax], ids=lambda operator: operator.name)
def test_second_derivative_from_the_output_alone(operator):
    x = draw((3, 5), torch.float64, "cpu").requires_grad_()
    y = operator.reference(x)
    (dy,) = (draw((3, 5), torch.float64, "cpu").requires_grad_(),)
    (found,) = operator.differentiable_backward((), (y,), (dy,), (True,))
    (wanted,) = torch.autograd.grad(operator.reference(x), x, dy, create_graph=True)
    torch.testing.assert_close(found, wanted)
    seed = torch.randn_like(x)
    for first, second in zip(
        torch.autograd.grad(found, (x, dy), seed), torch.autograd.grad(wanted, (x, dy), seed), strict=True
    ):
        torch.testing.assert_close(first, second)


def test_what_goes_to_torch():
    assert softmax.unsupported((torch.ones(3, dtype=torch.float64),), {}) == "no fused kernel for float64"
    assert softmax.unsupported((torch.ones(()),), {}) == "no axis"
    assert softmax.unsupported((torch.ones(3),), {"axis": ()}) == "no axis"


CASES = (
    *softmax.cases,
    Case("held", ((512, 32_768),)),
    Case("channels", ((8, 1000, 784),), {"axis": 1}),
    Case("odd", ((300, 1001),)),
)


@pytest.mark.compile
@pytest.mark.parametrize(
    ("target", "dtype"),
    [("sm_90", "bf16"), ("sm_90", "fp32"), ("sm_80", "bf16"), ("sm_100", "fp32"), ("gfx942", "bf16")],
)
def test_compiled(target, dtype):
    """Nothing is spilled, and memory is read 16 bytes at a time where rows allow it."""
    for operator in (softmax, log_softmax):
        for case in CASES:
            specifications = operator_kernels(operator, case, DTYPES[dtype], target)
            assert [one.name for one in specifications] == ["softmax", "softmax_backward"]
            for result in cross_compile(specifications, target):
                assert result.fits, result
                assert result.stack == 0, (case.name, result)
                assert result.instructions["wide_load"] or case.name in ("classes", "odd"), (
                    case.name,
                    result,
                )
