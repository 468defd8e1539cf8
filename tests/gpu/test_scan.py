"""The recurrent operators on their compiled kernels."""

import pytest
import torch

from tests.kernels import fused_cases as cases
from tests.kernels import scan_cases as scans
from tkeras_kernels import runtime

kinds = pytest.mark.parametrize("kind", scans.GATES)


@pytest.fixture(autouse=True)
def _compiled():
    with runtime.backend_scope("triton"):
        yield


@kinds
@pytest.mark.parametrize("sizes", [*scans.SIZES, (100, 29, 40, 64)])
@pytest.mark.parametrize("dtype", cases.DTYPES)
def test_sizes(kind, sizes, dtype):
    scans.check(kind, scans.arguments(kind, sizes, cases.DTYPES[dtype], "cuda"), return_sequences=True)


@kinds
@pytest.mark.parametrize("return_sequences", [True, False])
@pytest.mark.parametrize("zero", [True, False])
@pytest.mark.parametrize("go_backwards", [True, False])
def test_mask(kind, return_sequences, zero, go_backwards):
    tensors = scans.arguments(kind, (17, 9, 5, 33), torch.float32, "cuda", mask=scans.ragged(17, 9))
    options = {"return_sequences": return_sequences, "go_backwards": go_backwards}
    scans.check(kind, tensors, zero_output_for_mask=zero, **options)


@kinds
def test_dropout(kind):
    count = scans.GATES[kind]
    tensors = scans.arguments(kind, (17, 9, 5, 33), torch.float32, "cuda", input_masks=count, dropped=True)
    scans.check(kind, tensors, return_sequences=True)
