"""The gates that hold for the compiled scan kernels: registers, no spills but those listed, shared memory.

``python -m perf static`` compiles the operators' cases for every target; here are sizes that it lacks.
"""

import pytest
import torch

from tkeras_kernels import runtime
from tkeras_kernels.inspect import cross_compile, operator_kernels
from tkeras_kernels.operators import Case, gru, lstm, scan, several, simple_rnn

BF16, F32 = torch.bfloat16, torch.float32
pytestmark = pytest.mark.compile
SPILLS = {("lstm 100", "scan_forward"): 80}
"""Bytes that are accepted: sizes that are no multiple of 16 are loaded one by one, each by its own address."""


def case(gates, units, bias, states, masked=False, **options):
    columns = gates * units
    starts = ((32, units),) * states
    dropout = (None, None, (gates, 32, units)) if masked else ()
    shapes = ((32, 3, 64), (64, columns), (units, columns), (*bias, columns), *starts, *dropout)
    return Case("scan", shapes, options)


def compiled(operator, call, dtype, target):
    runtime.set_matmul_precision("tf32")
    try:
        kernels = operator_kernels(operator, call, dtype, target)
    finally:
        runtime.set_matmul_precision(None)
    ours = [kernel for kernel in kernels if kernel.name.split("_")[0] in ("scan", "step", "grid")]
    return cross_compile(ours, target)


def check(name, found):
    names = {result.kernel.split("_")[1] for result in found}
    assert names == {"forward", "backward"}
    for result in found:
        assert result.fits, result
        assert result.stack <= SPILLS.get((name, result.kernel), 0), result
        assert result.instructions["mma" if result.target.startswith("sm") else "mfma"] > 0


RESIDENT = {
    "lstm 64": (lstm, case(4, 64, (), 2), F32),
    "lstm 100": (lstm, case(4, 100, (), 2), BF16),
    "lstm 128": (lstm, case(4, 128, (), 2), BF16),
    "dropout": (lstm, case(4, 64, (), 2, masked=True), BF16),
    "gru": (gru, case(3, 128, (2,), 1), BF16),
    "gru before": (gru, case(3, 64, (), 1, reset_after=False), F32),
    "simple rnn": (simple_rnn, case(1, 128, (), 1), F32),
    "own": (scan, scan.cases[1], BF16),
    "both directions": (several, several.cases[0], BF16),
}


@pytest.mark.parametrize("name", RESIDENT)
def test_resident_weights_on_hopper(name):
    found = compiled(*RESIDENT[name], "sm_90")
    assert [result.kernel for result in found] == ["scan_forward", "scan_backward"]
    check(name, found)
    assert all(result.instructions["atomic"] == 0 for result in found)
    if name not in ("lstm 100",):
        assert all(result.registers <= 128 for result in found), found


@pytest.mark.parametrize("target", ["sm_80", "gfx942"])
def test_one_launch_a_step(target):
    found = compiled(gru, case(3, 512, (), 1, reset_after=False), BF16, target)
    assert {result.kernel for result in found} == {"step_forward", "step_backward"}
    check("step", found)


@pytest.mark.parametrize(("units", "dtype"), [(512, F32), (1024, BF16)])
def test_resident_grid_on_hopper(units, dtype):
    runtime.set_grid_scan(True)
    try:
        found = compiled(lstm, case(4, units, (), 2), dtype, "sm_90")
    finally:
        runtime.set_grid_scan(False)
    assert [result.kernel for result in found] == ["grid_forward", "grid_backward"]
    check("grid", found)


@pytest.mark.parametrize(("units", "dtype"), [(64, F32), (128, BF16)])
def test_the_plan_counts_no_less_than_the_compiler(units, dtype):
    """What decides if the weights fit is an upper bound of what the kernels take."""
    itemsize = dtype.itemsize
    planned = (4 * units + 5 * 16) * units * itemsize
    for result in compiled(lstm, case(4, units, (), 2), dtype, "sm_80"):
        assert result.fits, result
        assert result.shared <= planned
