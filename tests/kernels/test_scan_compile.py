"""The gates that hold for the compiled scan kernels: registers, no spills in the main sizes, shared memory."""

import pytest
import torch

from tkeras_kernels import runtime
from tkeras_kernels.inspect import cross_compile, operator_kernels
from tkeras_kernels.operators import Case, gru, lstm, simple_rnn

BF16, F32 = torch.bfloat16, torch.float32
pytestmark = pytest.mark.compile


def case(gates, units, bias, states, masked=False, **options):
    columns = gates * units
    starts = ((32, units),) * states
    dropout = (None, None, (gates, 32, units)) if masked else ()
    shapes = ((32, 280, 64), (64, columns), (units, columns), (*bias, columns), *starts, *dropout)
    return Case("scan", shapes, options)


def compiled(operator, call, dtype, target):
    runtime.set_matmul_precision("tf32")
    try:
        kernels = operator_kernels(operator, call, dtype, target)
    finally:
        runtime.set_matmul_precision(None)
    found = cross_compile([kernel for kernel in kernels if kernel.name.startswith("scan")], target)
    assert [result.kernel for result in found] == ["scan_forward", "scan_backward"]
    return found


@pytest.mark.parametrize(("units", "dtype"), [(64, BF16), (64, F32), (128, BF16)])
def test_lstm_on_hopper(units, dtype):
    for result in compiled(lstm, case(4, units, (), 2), dtype, "sm_90"):
        assert result.fits, result
        assert result.registers <= 128, result
        assert result.stack == 0, result
        assert result.instructions["mma"] > 0
        assert result.instructions["atomic"] == 0


@pytest.mark.parametrize(
    ("operator", "call", "dtype"),
    [
        (lstm, case(4, 64, (), 2, masked=True), BF16),
        (gru, case(3, 128, (2,), 1), BF16),
        (gru, case(3, 64, (), 1, reset_after=False), F32),
        (simple_rnn, case(1, 128, (), 1), F32),
    ],
    ids=["dropout", "gru", "gru_before", "simple_rnn"],
)
def test_other_cells_on_hopper(operator, call, dtype):
    for result in compiled(operator, call, dtype, "sm_90"):
        assert result.fits, result
        assert result.stack == 0, result


@pytest.mark.parametrize(("units", "dtype"), [(64, F32), (128, BF16)])
def test_the_plan_counts_no_less_than_the_compiler(units, dtype):
    """What decides if the weights fit is an upper bound of what the kernels take."""
    itemsize = dtype.itemsize
    planned = (4 * units + 5 * 16) * units * itemsize
    for result in compiled(lstm, case(4, units, (), 2), dtype, "sm_80"):
        assert result.fits, result
        assert result.shared <= planned
