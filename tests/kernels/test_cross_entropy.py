"""Cross-entropies on their Triton kernels, run by the interpreter."""

import pytest
import torch

from tests.kernels import row_cases as cases
from tests.kernels.fused_cases import DTYPES, draw
from tkeras_kernels import runtime
from tkeras_kernels.inspect import cross_compile, operator_kernels
from tkeras_kernels.operators import (
    Case,
    sigmoid_cross_entropy,
    softmax_cross_entropy,
    sparse_softmax_cross_entropy,
)

pytestmark = pytest.mark.skipif(torch.cuda.is_available(), reason="tests/gpu runs these compiled")


@pytest.fixture(autouse=True)
def _interpreted():
    with runtime.backend_scope("interpret"):
        yield


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", cases.ROWS)
def test_class_numbers(shape, dtype):
    cases.check_sparse(shape, dtype, "cpu", torch.int64, 3.0)


@pytest.mark.parametrize("labels", [torch.int32, torch.int64, torch.uint8, torch.float32], ids=str)
def test_dtypes_of_class_numbers(labels):
    cases.check_sparse((17, 100), "fp32", "cpu", labels, 3.0)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", cases.ROWS)
def test_labels_of_every_class(shape, dtype):
    cases.check_dense_labels(shape, dtype, "cpu", 3.0)


@pytest.mark.parametrize("shape", [(17, 100), (3, 5000)])
def test_logits_of_large_magnitude(shape):
    """Logits of a thousand: the loss and every probability keep their digits."""
    cases.check_sparse(shape, "fp32", "cpu", torch.int64, 1000.0)
    cases.check_dense_labels(shape, "fp32", "cpu", 1000.0)


def test_layouts():
    cases.check_entropy_layouts("cpu")


def test_labels_out_of_range():
    cases.check_labels_out_of_range("cpu")


@pytest.mark.parametrize("labels", ["fp32", "bf16", torch.int64, torch.bool], ids=str)
@pytest.mark.parametrize("dtype", DTYPES)
def test_sigmoid(dtype, labels):
    for shape in ((1, 1), (17, 129), (0, 3), (2, 3, 5)):
        cases.check_sigmoid(shape, dtype, "cpu", DTYPES.get(labels, labels))


def test_same_bits_twice():
    logits = draw((17, 5000), torch.float32, "cpu")
    labels = torch.randint(5000, (17,))
    cases.check_same_bits(sparse_softmax_cross_entropy, [labels, logits], {})
    cases.check_same_bits(softmax_cross_entropy, [draw((17, 5000), torch.float32, "cpu"), logits], {})


def test_only_asked_gradients_are_computed():
    labels, logits = draw((3, 5), torch.float32, "cpu"), draw((3, 5), torch.float32, "cpu")
    for operator in (softmax_cross_entropy, sigmoid_cross_entropy):
        loss, saved = operator.forward(labels, logits)
        both = operator.backward(saved, (loss,), (True, True))
        for needs in ((True, False), (False, True)):
            found = operator.backward(saved, (loss,), needs)
            for need, gradient, full in zip(needs, found, both, strict=True):
                assert (gradient is not None) == need
                assert gradient is None or torch.equal(gradient, full)


def test_saves_two_numbers_a_row():
    logits = draw((17, 100), torch.float32, "cpu")
    _, (_, kept, stats) = sparse_softmax_cross_entropy.forward(torch.zeros(17, dtype=torch.long), logits)
    assert kept is logits
    torch.testing.assert_close(stats.sum(0), torch.logsumexp(logits, -1))


def test_what_goes_to_torch_and_what_is_refused():
    x = torch.ones(3, 5)
    labels = torch.zeros(3, dtype=torch.long)
    unsupported = sparse_softmax_cross_entropy.unsupported
    assert unsupported((labels, x), {}) is None
    assert unsupported((labels, x.double()), {}) == "no fused kernel for float64"
    assert unsupported((labels, x[:, :0]), {}) == "no classes"
    assert unsupported((labels[:2], x), {}) == "shapes do not fit"
    assert softmax_cross_entropy.unsupported((x.double(), x), {}) == "no fused kernel for labels of float64"
    for operator in (sparse_softmax_cross_entropy, softmax_cross_entropy, sigmoid_cross_entropy):
        with pytest.raises(
            ValueError, match=rf"{operator.name}: expected labels of shape .* Received: .*\(2,\)"
        ):
            operator.forward(labels[:2], x)


CASES = {
    sparse_softmax_cross_entropy: (*sparse_softmax_cross_entropy.cases, Case("odd", ((300,), (300, 1001)))),
    softmax_cross_entropy: (
        *softmax_cross_entropy.cases,
        Case("held", ((512, 16_384), (512, 16_384))),
        Case("vocabulary", ((512, 50_000), (512, 50_000))),
    ),
}


@pytest.mark.compile
@pytest.mark.parametrize(
    ("target", "dtype"), [("sm_90", "bf16"), ("sm_90", "fp32"), ("sm_80", "bf16"), ("gfx942", "fp32")]
)
def test_compiled(target, dtype):
    """Nothing is spilled, and memory is read 16 bytes at a time where rows allow it."""
    for operator, chosen in CASES.items():
        for case in chosen:
            specifications = operator_kernels(operator, case, DTYPES[dtype], target)
            assert [one.name for one in specifications] == ["cross_entropy", "cross_entropy_backward"]
            for result in cross_compile(specifications, target):
                assert result.fits, result
                assert result.stack == 0, (case.name, result)
                assert result.instructions["wide_load"] or case.name in ("classes", "odd"), (
                    case.name,
                    result,
                )
