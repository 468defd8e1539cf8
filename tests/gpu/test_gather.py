"""The embedding on its compiled kernels."""

import pytest

from tests.kernels import gather_cases as cases
from tests.kernels.fused_cases import DTYPES
from tkeras_kernels import runtime

LARGE = [((32, 280), 2000, 256), ((8, 512), 50_000, 100), ((200_000,), 3, 33)]


@pytest.fixture(autouse=True)
def _compiled():
    with runtime.backend_scope("triton"):
        yield


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("shape", "rows", "width"), [*cases.SHAPES, *LARGE])
def test_sizes(shape, rows, width, dtype):
    cases.check_embedding(shape, rows, width, dtype, "cuda")


def test_rows_in_another_dtype():
    cases.check_other_dtypes("cuda")


def test_frequent_ids():
    cases.check_frequent_ids("cuda")


def test_layouts():
    cases.check_embedding_layouts("cuda")


def test_numbers_out_of_range():
    cases.check_numbers_out_of_range("cuda")


def test_same_bits_twice():
    cases.check_same_bits_of_embedding("cuda")


def test_large_offsets():
    cases.check_large_offsets_of_embedding("cuda")
