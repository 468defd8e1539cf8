"""Pooling on its Triton kernels, run by the interpreter."""

import pytest
import torch

from tests.kernels import pool_cases as cases
from tests.kernels.fused_cases import DTYPES, draw
from tkeras_kernels import runtime
from tkeras_kernels.inspect import cross_compile, operator_kernels
from tkeras_kernels.operators import (
    adaptive_average_pool,
    adaptive_max_pool,
    average_pool,
    global_average_pool,
    global_max_pool,
    max_pool,
)

pytestmark = pytest.mark.skipif(torch.cuda.is_available(), reason="tests/gpu runs these compiled")


@pytest.fixture(autouse=True)
def _interpreted():
    with runtime.backend_scope("interpret"):
        yield


@pytest.mark.parametrize(("shape", "attributes"), cases.WINDOWS)
def test_windows(shape, attributes):
    cases.check_windows(shape, attributes, "fp32", "cpu")


@pytest.mark.parametrize("dtype", ["bf16", "fp16"])
@pytest.mark.parametrize(("shape", "attributes"), cases.WINDOWS[5:7])
def test_windows_in_half_precision(shape, attributes, dtype):
    cases.check_windows(shape, attributes, dtype, "cpu")


@pytest.mark.parametrize(("shape", "outputs"), cases.OUTPUTS)
def test_adaptive(shape, outputs):
    cases.check_adaptive(shape, outputs, "fp32", "cpu")


@pytest.mark.parametrize("dtype", DTYPES)
def test_global(dtype):
    cases.check_global(dtype, "cpu")


def test_layouts():
    cases.check_layouts("cpu")


def test_ties_and_nan():
    cases.check_ties_and_nan("cpu")


def test_same_bits_twice():
    cases.check_same_bits_of_pools("cpu")


def test_large_offsets():
    cases.check_large_offsets_of_pools("cpu")


def test_saves_one_byte_an_output():
    x = draw((2, 8, 8, 3), torch.float32, "cpu")
    _, (shape, index) = max_pool.forward(x, pool_size=2)
    assert shape.untyped_storage().nbytes() == 4
    assert index.dtype == torch.uint8
    assert index.shape == (2, 4, 4, 3)
    _, (_, nothing) = average_pool.forward(x, pool_size=2)
    assert nothing is None
    _, (shape,) = global_average_pool.forward(x)
    assert shape.untyped_storage().nbytes() == 4


@pytest.mark.parametrize("layout", ["channels_last", "channels_first"])
@pytest.mark.parametrize(
    ("operator", "attributes"),
    [
        (max_pool, {"pool_size": 3, "strides": 2, "padding": "same"}),
        (average_pool, {"pool_size": (2, 3), "strides": 1}),
        (adaptive_max_pool, {"output_size": (3, 2)}),
        (adaptive_average_pool, {"output_size": 3}),
        (global_average_pool, {}),
    ],
)
def test_torch_gives_the_gradient_from_what_is_saved(operator, attributes, layout):
    """What second derivatives go through."""
    x = torch.randn(2, 6, 7, 5, dtype=torch.float64, requires_grad=True)
    attributes = attributes | {"data_format": layout}
    _, saved = operator.forward(x.detach().float(), **attributes)
    y = operator.reference(x, **attributes)
    gradient = torch.randn_like(y, requires_grad=True)
    saved = tuple(t.double() if t is not None and t.is_floating_point() else t for t in saved)
    (found,) = operator.differentiable_backward((), saved, (gradient,), (True,), **attributes)
    (wanted,) = torch.autograd.grad(y, x, gradient, create_graph=True)
    torch.testing.assert_close(found, wanted)
    weights = torch.randn_like(x)
    (again,) = torch.autograd.grad((found * weights).sum(), gradient)
    (expected,) = torch.autograd.grad((wanted * weights).sum(), gradient)
    torch.testing.assert_close(again, expected)


def test_what_goes_to_torch():
    x = torch.ones(2, 6, 7, 5)
    assert max_pool.unsupported((x,), {"pool_size": 2}) is None
    assert max_pool.unsupported((x.double(),), {"pool_size": 2}) == "no fused kernel for float64"
    assert max_pool.unsupported((x.int(),), {"pool_size": 2}) == "no fused kernel for int32"
    assert max_pool.unsupported((x,), {"pool_size": 9}) == "no window fits"
    assert "windows and strides of 1 or more" in str(max_pool.unsupported((x,), {"pool_size": 0}))
    assert max_pool.unsupported((x[:, :0],), {"pool_size": 2, "padding": "same"}) == "an empty axis"
    assert max_pool.unsupported((x[0, 0],), {"pool_size": 2}) == "not one to three spatial axes"
    assert "one a spatial axis" in str(max_pool.unsupported((x,), {"pool_size": (2, 2, 2)}))
    assert "`padding`" in str(max_pool.unsupported((x,), {"pool_size": 2, "padding": "full"}))
    assert adaptive_max_pool.unsupported((x,), {"output_size": 0}) == "no window fits"
    assert global_max_pool.unsupported((x,), {}) is None
    assert global_max_pool.unsupported((x[:0],), {}) == "maximum of nothing"
    assert global_average_pool.unsupported((x.double(),), {}) == "no fused kernel for float64"


CALLS = [
    (max_pool, max_pool.cases[0]),
    (average_pool, average_pool.cases[1]),
    (adaptive_average_pool, adaptive_average_pool.cases[0]),
]


@pytest.mark.compile
@pytest.mark.parametrize(
    ("target", "calls"), [("sm_90", CALLS), ("gfx942", CALLS[:1])], ids=["sm_90", "gfx942"]
)
def test_compiled(target, calls):
    """Nothing is spilled; channels that lie side by side are read 16 bytes at a time; no atomics."""
    kernels = [kernel for call in calls for kernel in operator_kernels(*call, torch.bfloat16, target)]
    assert [kernel.name for kernel in kernels] == ["pool", "pool_backward"] * len(calls)
    for result in cross_compile(kernels, target):
        assert result.fits, result
        assert result.stack == 0, result
        assert result.instructions["atomic"] == 0
        assert result.instructions["wide_load"] > 0, result
