"""dense on its compiled kernels."""

import pytest
import torch

from tests.kernels import fused_cases as cases
from tkeras_kernels import runtime


@pytest.fixture(autouse=True)
def _compiled():
    with runtime.backend_scope("triton"):
        yield


@pytest.fixture(params=["ieee", "tf32"])
def precision(request):
    """Torch and the kernels multiply float32 alike."""
    name = "highest" if request.param == "ieee" else "high"
    torch.set_float32_matmul_precision(name)
    assert runtime.get_matmul_precision() == request.param
    yield request.param
    torch.set_float32_matmul_precision("highest")


@pytest.mark.parametrize("activation", cases.ACTIVATIONS)
def test_float32(activation, precision):
    cases.check_dense((3, 17), 129, 100, "fp32", activation, "cuda")


@pytest.mark.parametrize("dtype", ["bf16", "fp16"])
@pytest.mark.parametrize("activation", cases.ACTIVATIONS)
def test_half_precision(activation, dtype):
    cases.check_dense((3, 17), 129, 100, dtype, activation, "cuda")


@pytest.mark.parametrize("dtype", cases.DTYPES)
@pytest.mark.parametrize(("rows", "inner", "columns"), [*cases.SHAPES, (1024, 1024, 1024), (8192, 64, 200)])
def test_sizes(rows, inner, columns, dtype):
    cases.check_dense((rows,), inner, columns, dtype, "gelu", "cuda")


def test_wide_input():
    cases.check_dense((1030,), 4100, 260, "bf16", "tanh", "cuda")


@pytest.mark.parametrize("lead", [(), (1,), (2, 1, 3), (0,)])
def test_leading_axes(lead):
    cases.check_dense(lead, 17, 3, "fp32", "tanh", "cuda")


@pytest.mark.parametrize("activation", ["none", "relu", "gelu"])
def test_without_bias(activation):
    cases.check_dense((17,), 100, 3, "fp32", activation, "cuda", bias=False)


def test_strided_arguments():
    cases.check_dense_strided("cuda")


def test_same_bits_twice():
    cases.check_dense_same_bits("cuda")
