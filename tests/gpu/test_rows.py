"""softmax, cross-entropies and reductions on their compiled kernels."""

import pytest
import torch

from tests.kernels import row_cases as cases
from tests.kernels.fused_cases import DTYPES, draw
from tkeras_kernels import runtime
from tkeras_kernels.operators import (
    reduce_rows,
    softmax,
    softmax_cross_entropy,
    sparse_softmax_cross_entropy,
)

LARGE = [(2048, 1000), (33, 50_257), (4, 512, 777)]


@pytest.fixture(autouse=True)
def _compiled():
    with runtime.backend_scope("triton"):
        yield


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("shape", "axis"), [*cases.SOFTMAX_AXES, *((shape, -1) for shape in LARGE), ((8, 1000, 196), 1)]
)
def test_softmax(shape, axis, dtype):
    cases.check_softmax(shape, axis, dtype, "cuda")


def test_softmax_layouts():
    cases.check_softmax_layouts("cuda")


def test_softmax_infinities_and_nan():
    cases.check_softmax_infinities("cuda")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [*cases.ROWS, *LARGE])
def test_class_numbers(shape, dtype):
    cases.check_sparse(shape, dtype, "cuda", torch.int64, 3.0)
    cases.check_sparse(shape, dtype, "cuda", torch.int32, 3.0)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [*cases.ROWS, *LARGE])
def test_labels_of_every_class(shape, dtype):
    cases.check_dense_labels(shape, dtype, "cuda", 3.0)


def test_logits_of_large_magnitude():
    cases.check_sparse((17, 5000), "fp32", "cuda", torch.int64, 1000.0)
    cases.check_dense_labels((17, 5000), "fp32", "cuda", 1000.0)


def test_entropy_layouts():
    cases.check_entropy_layouts("cuda")


def test_labels_out_of_range():
    cases.check_labels_out_of_range("cuda")


@pytest.mark.parametrize("labels", [torch.float32, torch.bfloat16, torch.int64, torch.bool], ids=str)
@pytest.mark.parametrize("dtype", DTYPES)
def test_sigmoid(dtype, labels):
    for shape in ((1, 1), (17, 129), (0, 3), (2, 3, 5)):
        cases.check_sigmoid(shape, dtype, "cuda", labels)


@pytest.mark.parametrize("dtype", DTYPES)
def test_losses_of_probabilities(dtype):
    cases.check_losses_of_probabilities(dtype, "cuda")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", cases.LOSSES)
def test_losses(name, dtype):
    cases.check_loss(name, (17, 129), dtype, "cuda")
    cases.check_loss(name, (513, 784), dtype, "cuda")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("reduction", ["sum", "mean", "max"])
def test_reductions(reduction, dtype):
    for shape in (*(shape for shape in cases.ROWS if 0 not in shape), (1, 2_000_003)):
        cases.check_reduction([shape], -1, reduction, dtype, "cuda")
    for axis in (0, 1, (0, 1), (0, 2), (2, 1, 0)):
        cases.check_reduction([(3, 300, 65)], axis, reduction, dtype, "cuda", keepdims=True)


@pytest.mark.parametrize("dtype", DTYPES)
def test_expression_of_several_sums(dtype):
    cases.check_cosine(dtype, "cuda")
    cases.check_several_results("cuda")


def test_maximum():
    cases.check_maximum("cuda")


def test_large_offsets():
    cases.check_large_offsets("cuda")


def test_same_bits_twice():
    logits = draw((300, 5000), torch.float32, "cuda")
    labels = torch.randint(5000, (300,), device="cuda")
    cases.check_same_bits(softmax, [logits], {})
    cases.check_same_bits(sparse_softmax_cross_entropy, [labels, logits], {})
    cases.check_same_bits(softmax_cross_entropy, [logits.abs(), logits], {})
    cases.check_same_bits(reduce_rows, [logits], {"axis": (0, 1)})
    cases.check_same_bits(reduce_rows, [logits, logits], {"axis": 0, "fn": cases.SQUARED})
