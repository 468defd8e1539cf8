"""The embedding on its Triton kernels, run by the interpreter."""

import pytest
import torch

from tests.kernels import gather_cases as cases
from tests.kernels.fused_cases import draw
from tkeras_kernels import runtime
from tkeras_kernels.inspect import cross_compile, specify
from tkeras_kernels.operators import embedding

pytestmark = pytest.mark.skipif(torch.cuda.is_available(), reason="tests/gpu runs these compiled")


@pytest.fixture(autouse=True)
def _interpreted():
    with runtime.backend_scope("interpret"):
        yield


@pytest.mark.parametrize(("shape", "rows", "width"), cases.SHAPES)
def test_sizes(shape, rows, width):
    cases.check_embedding(shape, rows, width, "fp32", "cpu")


@pytest.mark.parametrize("dtype", ["bf16", "fp16"])
def test_half_precision(dtype):
    cases.check_embedding((3, 17), 5, 33, dtype, "cpu")


def test_rows_in_another_dtype():
    cases.check_other_dtypes("cpu")


def test_frequent_ids():
    cases.check_frequent_ids("cpu")


def test_layouts():
    cases.check_embedding_layouts("cpu")


def test_numbers_out_of_range():
    cases.check_numbers_out_of_range("cpu")


def test_same_bits_twice():
    cases.check_same_bits_of_embedding("cpu")


def test_large_offsets():
    cases.check_large_offsets_of_embedding("cpu")


def test_ids_of_other_types_are_truncated():
    table = draw((5, 3), torch.float32, "cpu")
    for ids in (torch.tensor([1.9, 4.0]), torch.tensor([1, 4], dtype=torch.uint8)):
        y, (kept, shape) = embedding.forward(ids, table)
        assert torch.equal(y, table[[1, 4]])
        assert kept.dtype == torch.int64
        assert shape.untyped_storage().nbytes() == 4


def test_what_goes_to_torch():
    ids, table = torch.zeros(3, dtype=torch.long), torch.ones(4, 2)
    assert embedding.unsupported((ids, table), {}) is None
    assert embedding.unsupported((ids, table.double()), {}) == "no fused kernel for float64"
    assert embedding.unsupported((ids, table[0]), {}) == "a table that is not a matrix"
    assert embedding.unsupported((ids.to("meta"), table), {}) == "tensors on several devices"


@pytest.mark.compile
@pytest.mark.parametrize("target", ["sm_90"])
def test_compiled(target):
    """Nothing is spilled; rows are read 16 bytes at a time; no atomics."""
    with runtime.recording(runtime.TARGETS[target]) as launches:
        table = torch.empty(50_000, 768, dtype=torch.bfloat16, device="meta")
        y, saved = embedding.forward(torch.empty(8, 2048, dtype=torch.int64, device="meta"), table)
        embedding.backward(saved, (y,), (False, True))
    results = cross_compile([specify(launch) for launch in launches], target)
    assert [result.kernel for result in results] == ["gather_rows", "add_segments", "join_segments"]
    for result in results:
        assert result.fits, result
        assert result.stack == 0, result
        assert result.instructions["atomic"] == 0
        assert result.kernel == "join_segments" or result.instructions["wide_load"] > 0, result
