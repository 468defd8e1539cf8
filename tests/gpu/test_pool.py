"""Pooling on its compiled kernels."""

import pytest

from tests.kernels import pool_cases as cases
from tests.kernels.fused_cases import DTYPES
from tkeras_kernels import runtime

LARGE = [
    ((8, 112, 112, 64), {"pool_size": 3, "strides": 2, "padding": "same"}),
    ((4, 56, 56, 100), {"pool_size": 2}),
    ((2, 16, 28, 28, 32), {"pool_size": 3, "strides": 1, "padding": "same"}),
]


@pytest.fixture(autouse=True)
def _compiled():
    with runtime.backend_scope("triton"):
        yield


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("shape", "attributes"), [*cases.WINDOWS, *LARGE])
def test_windows(shape, attributes, dtype):
    cases.check_windows(shape, attributes, dtype, "cuda")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("shape", "outputs"), [*cases.OUTPUTS, ((8, 28, 28, 129), 7)])
def test_adaptive(shape, outputs, dtype):
    cases.check_adaptive(shape, outputs, dtype, "cuda")


@pytest.mark.parametrize("dtype", DTYPES)
def test_global(dtype):
    cases.check_global(dtype, "cuda")


def test_layouts():
    cases.check_layouts("cuda")


def test_ties_and_nan():
    cases.check_ties_and_nan("cuda")


def test_same_bits_twice():
    cases.check_same_bits_of_pools("cuda")


def test_large_offsets():
    cases.check_large_offsets_of_pools("cuda")
