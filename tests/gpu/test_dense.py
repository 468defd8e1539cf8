"""dense on its compiled kernels."""

import pytest
import torch

from tests.kernels import fused_cases as cases
from tkeras_kernels import runtime
from tkeras_kernels.templates import _tiles


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


@pytest.mark.parametrize("dtype", cases.DTYPES)
@pytest.mark.parametrize("end", cases.ENDS)
@pytest.mark.parametrize("activation", ["none", "relu", "gelu", "tanh"])
def test_dropout_and_residual(activation, end, dtype):
    cases.check_dense_end((3, 100), (130, 264), dtype, activation, end, "cuda")


def test_dropout_of_a_wide_input():
    cases.check_dense_end((1030,), (4100, 260), "bf16", "tanh", "both", "cuda")


@pytest.mark.parametrize("dtype", cases.DTYPES)
def test_long_sums_of_few_outputs(dtype):
    cases.check_dense((17,), 20_000, 33, dtype, "gelu", "cuda")


@pytest.mark.parametrize("dtype", cases.DTYPES)
@pytest.mark.parametrize("shapes", [*cases.MATMUL_SHAPES.values(), [(33, 200, 130), (33, 130, 70)]])
def test_matmul(shapes, dtype):
    cases.check_matmul(shapes, dtype, "cuda")


def test_matmul_strided():
    cases.check_matmul_strided("cuda")


@pytest.mark.skipif(
    torch.cuda.is_available() and torch.cuda.get_device_capability() < (9, 0), reason="TMA came with sm_90"
)
@pytest.mark.parametrize("dtype", ["fp32", "bf16"])
def test_programs_that_stay(dtype, monkeypatch):
    row = runtime.target_for(torch.empty(1, device="cuda")).row
    for way, tiles in list(_tiles._TABLE[row].items()):
        monkeypatch.setitem(_tiles._TABLE[row], way, tiles._replace(persistent=True))
    torch.set_float32_matmul_precision("high")
    try:
        for lead in ((4096,), (5000,)):
            cases.check_dense(lead, 512, 4096, dtype, "gelu", "cuda")
            cases.check_dense_end(lead, (512, 4096), dtype, "tanh", "both", "cuda")
    finally:
        torch.set_float32_matmul_precision("highest")
