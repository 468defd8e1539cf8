"""The gates that hold for the compiled attention kernels: no spills, tensor cores, shared memory, no atomics."""

import pytest
import torch

from tkeras_kernels import runtime
from tkeras_kernels.inspect import cross_compile, operator_kernels
from tkeras_kernels.operators import Case, attention

BF16, F32 = torch.bfloat16, torch.float32
NAMES = ["attention", "query_gradient", "key_gradients"]
pytestmark = pytest.mark.compile


def case(size, mask=None, bias=None, **facts):
    heads = ((2, 2048, 16, size),) * 3
    return Case("attention", (*heads, mask, bias), facts, dtypes={3: torch.bool})


LADEN = case(64, mask=(2, 1, 2048, 2048), rate=0.1, causal=True)


def compiled(call, dtype, target):
    runtime.set_matmul_precision("tf32")
    try:
        kernels = operator_kernels(attention, call, dtype, target)
    finally:
        runtime.set_matmul_precision(None)
    found = cross_compile(kernels, target)
    assert [result.kernel for result in found] == NAMES
    for result in found:
        assert result.fits, result
        assert result.stack == 0, result
        assert result.instructions["atomic"] == 0, result
    return found


@pytest.mark.parametrize(
    ("call", "dtype"),
    [
        (LADEN, BF16),
        (case(128, causal=True), torch.float16),
        (case(32, bias=(1, 16, 2048, 2048)), BF16),
        (case(64, mask=(2, 1, 1, 2048)), F32),
    ],
    ids=["laden", "causal", "bias", "float32"],
)
def test_hopper_uses_wgmma(call, dtype):
    assert all(result.instructions["wgmma"] > 0 for result in compiled(call, dtype, "sm_90"))


@pytest.mark.parametrize(
    ("target", "instruction"), [("sm_80", "mma"), ("sm_100", "tcgen05"), ("gfx942", "mfma")]
)
def test_elsewhere(target, instruction):
    assert all(result.instructions[instruction] > 0 for result in compiled(LADEN, BF16, target))
