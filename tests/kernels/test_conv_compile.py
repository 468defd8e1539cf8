"""The gates that hold for the compiled convolution kernels: registers, no spills, shared memory, tensor
cores."""

import pytest
import torch

from tkeras_kernels import library, runtime
from tkeras_kernels.inspect import cross_compile, operator_kernels
from tkeras_kernels.operators import Case, conv, conv_transpose, depthwise_conv
from tkeras_kernels.pointwise import pointwise

BF16, F32 = torch.bfloat16, torch.float32
pytestmark = pytest.mark.compile
SAME = {"padding": "same", "activation": pointwise(library.gelu)}
WIDE = Case("wide", ((32, 56, 56, 128), (3, 3, 128, 256), (256,)), SAME)
"""Fills every target, so that the tiles are the table's."""
FUSED = Case("fused", ((32, 1024, 128), (3, 128, 128), (128,)), SAME)
"""Three taps: the gradients compute the activation's derivative."""
STEM = Case("stem", ((32, 224, 224, 3), (7, 7, 3, 64), (64,)), {**SAME, "strides": 2})
UNEVEN = Case("uneven", ((32, 57, 57, 100), (3, 3, 100, 100), (100,)), {**SAME, "strides": 2})
"""Channels that do not lie 16 by 16, so that every element has an address of its own."""
UP = Case("up", ((32, 28, 28, 256), (3, 3, 128, 256), (128,)), {**SAME, "strides": 2})
DEPTHWISE = Case("depthwise", ((32, 56, 56, 128), (3, 3, 128, 1), (128,)), {**SAME, "strides": 2})


def compiled(operator, case, dtype, target, precision="tf32"):
    """The convolution kernels of a call, each checked to fit without a spill and without atomics."""
    runtime.set_matmul_precision(precision)
    try:
        kernels = operator_kernels(operator, case, dtype, target)
    finally:
        runtime.set_matmul_precision(None)
    results = cross_compile(
        [kernel for kernel in kernels if kernel.name not in ("map_flat", "reduce_rows")], target
    )
    assert len(results) == 3
    for result in results:
        assert result.fits, result
        assert result.stack == 0, result
        assert result.instructions["atomic"] == 0, result
    return results


@pytest.mark.parametrize(
    ("operator", "case", "dtype"),
    [(conv, WIDE, BF16), (conv, FUSED, F32), (conv, STEM, BF16), (conv_transpose, UP, BF16)],
    ids=["wide", "fused", "stem", "up"],
)
def test_hopper_multiplies_with_wgmma(operator, case, dtype):
    for result in compiled(operator, case, dtype, "sm_90"):
        assert result.instructions["wgmma"] > 0, result
        if case is not STEM:
            assert result.instructions["async_copy"] > 0, result


@pytest.mark.parametrize(
    ("target", "case", "instruction"),
    [("sm_80", UNEVEN, "mma"), ("sm_100", FUSED, "tcgen05"), ("gfx942", WIDE, "mfma")],
    ids=lambda value: getattr(value, "name", value),
)
def test_other_targets(target, case, instruction):
    for result in compiled(conv, case, BF16, target):
        assert result.instructions[instruction] > 0, result


def test_exact_float32():
    for result in compiled(conv, WIDE, F32, "sm_90", "ieee"):
        assert result.instructions["wgmma"] == 0, result


def test_depthwise_reads_16_bytes_at_a_time():
    for result in compiled(depthwise_conv, DEPTHWISE, BF16, "sm_90"):
        assert result.instructions["wide_load"] > 0, result
        assert result.registers <= 128, result
