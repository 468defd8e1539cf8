"""attention on its Triton kernels, run by the interpreter."""

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from tests.kernels import attention_cases as attentions
from tests.kernels import fused_cases as cases
from tkeras.bridge import call
from tkeras_kernels import runtime
from tkeras_kernels.inspect import cross_compile, operator_kernels
from tkeras_kernels.operators import Case, attention
from tkeras_kernels.operators import _attention_launch as launches

pytestmark = pytest.mark.skipif(torch.cuda.is_available(), reason="tests/gpu runs these compiled")


@pytest.fixture(autouse=True)
def _interpreted():
    with runtime.backend_scope("interpret"):
        yield


@pytest.mark.parametrize("dtype", cases.DTYPES)
@pytest.mark.parametrize("sizes", attentions.SIZES.values(), ids=attentions.SIZES)
def test_sizes(sizes, dtype):
    attentions.check(sizes, dtype, "cpu")


@pytest.mark.parametrize("facts", attentions.HIDING.values(), ids=attentions.HIDING)
@pytest.mark.parametrize("shape", attentions.EXTRAS)
def test_mask_and_bias(shape, facts):
    attentions.check((2, 33, 40, 2, 1, 17, 17), "fp32", "cpu", mask=shape, **facts)
    if shape != "rows":  # what is added to a whole row changes nothing
        attentions.check((2, 33, 40, 2, 1, 17, 17), "fp32", "cpu", bias=shape, **facts)


@pytest.mark.parametrize("dtype", ["bf16", "fp16"])
def test_mask_and_bias_together_in_half_precision(dtype):
    attentions.check((2, 17, 30, 4, 2, 16, 8), dtype, "cpu", mask="heads", bias="pairs")


@pytest.mark.parametrize("facts", attentions.HIDING.values(), ids=attentions.HIDING)
@pytest.mark.parametrize("mask", [None, "pairs"])
def test_causal_over_several_blocks(mask, facts):
    for sizes in ((1, 300, 140, 2, 1, 8, 8), (1, 140, 300, 2, 1, 8, 8)):
        attentions.check(sizes, "fp32", "cpu", mask=mask, **facts)


@pytest.mark.parametrize("facts", attentions.HIDING.values(), ids=attentions.HIDING)
def test_dropout(facts):
    attentions.check_dropout((1, 140, 33, 2, 1, 8, 8), "fp32", "cpu", **facts)


def test_dropout_of_all_and_in_half_precision():
    attentions.check_dropout((1, 17, 30, 2, 2, 8, 8), "bf16", "cpu")
    attentions.check((1, 17, 30, 2, 2, 8, 8), "fp32", "cpu", rate=1.0)


def test_dropped_weights():
    attentions.check_dropped_weights("cpu")


def test_strided_arguments():
    attentions.check_strided("cpu")


def test_same_bits_twice():
    attentions.check_same_bits("cpu")


def test_large_scores():
    attentions.check_large_scores("cpu")


@pytest.mark.parametrize("sizes", [(0, 3, 5, 2, 1, 4, 4), (2, 0, 5, 2, 1, 4, 4)])
def test_empty(sizes):
    attentions.check(sizes, "fp32", "cpu")
    tensors = attentions.arguments(sizes, torch.float32, "cpu")
    y, saved = attention.forward(*tensors)
    found = attention.backward(saved, (y,), (True, True, True))
    assert [x.shape for x in found if x is not None] == [x.shape for x in tensors[:3] if x is not None]
    assert not any(x.any() for x in found if x is not None)


def test_what_may_look_nowhere_gives_the_mean_or_zeros():
    query, key, value, mask, _ = attentions.arguments((1, 20, 150, 2, 2, 8, 8), torch.float16, "cpu", "pairs")
    mean = attention.infer(query, key, value, mask)
    torch.testing.assert_close(mean[:, -1], value.mean(1))
    assert not attention.infer(query, key, value, mask, unseen="zeros")[:, -1].any()


def test_a_row_of_minus_infinity_gives_zeros_as_in_torch():
    tensors = attentions.arguments((1, 5, 9, 1, 1, 4, 4), torch.float32, "cpu", bias="pairs")
    tensors[4][2] = -torch.inf
    tensors[4][3, 4:] = -torch.inf
    cases.check(attention, tensors, {})
    assert not attention.infer(*tensors)[:, 2].any()


def test_a_nan_stays_in_its_row():
    tensors = attentions.arguments((1, 5, 9, 1, 1, 4, 4), torch.float32, "cpu")
    tensors[0][0, 2, 0, 1] = torch.nan
    assert attention.infer(*tensors).isnan().any(3)[0, :, 0].tolist() == [False, False, True, False, False]


def test_saves_nothing_of_the_size_of_the_weights():
    tensors = attentions.arguments((2, 17, 40, 4, 2, 8, 4), torch.float32, "cpu")
    y, (*inputs, out, statistics) = attention.forward(*tensors)
    assert out is y
    assert all(one is other for one, other in zip(inputs, tensors, strict=True))
    assert statistics.shape == (2, 2, 4, 17)


def test_each_call_drops_otherwise_and_is_differentiated_as_it_dropped():
    query, key, value, *_ = attentions.arguments((1, 17, 40, 2, 2, 8, 8), torch.float64, "cpu")
    query, key, value = (x.float().requires_grad_() for x in (query, key, value))
    source = torch.Generator().manual_seed(1)
    first, second = (call(attention, query, key, value, rate=0.5, generator=source) for _ in range(2))
    assert not torch.equal(first, second)
    once = torch.autograd.grad(first.square().sum(), (query, key, value), create_graph=True)
    plain = torch.autograd.grad(first.square().sum(), (query, key, value), retain_graph=True)
    for a, b in zip(once, plain, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)
    twice = torch.autograd.grad(sum(x.sum() for x in once), query)
    assert twice[0].any()


def test_dropout_is_verified_with_the_weights_it_kept():
    tensors = [
        x.requires_grad_() for x in attentions.arguments((1, 5, 7, 2, 1, 4, 4), torch.float32, "cpu")[:3]
    ]
    runtime.set_verification(True)
    runtime.reset_report()
    try:
        for number in range(2):
            y = call(attention, *tensors, rate=0.5, generator=torch.Generator().manual_seed(number))
            torch.autograd.grad(y.sum(), tensors)
    finally:
        runtime.set_verification(False)
    (record,) = (record for record in runtime.report() if record.operator == "attention")
    assert (record.implementation, record.failures) == ("interpret", 0)


def test_second_derivatives_without_dropout():
    tensors = [
        x.requires_grad_() for x in attentions.arguments((1, 5, 7, 2, 1, 4, 4), torch.float32, "cpu")[:3]
    ]
    found = []
    for backend in ("interpret", "torch"):
        with runtime.backend_scope(backend), sdpa_kernel(SDPBackend.MATH):
            y = call(attention, *tensors, causal=True)
            once = torch.autograd.grad(y.square().sum(), tensors, create_graph=True)
            found.append(torch.autograd.grad(sum(x.square().sum() for x in once), tensors))
    for a, b in zip(*found, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


HEADS = (torch.empty(2, 5, 4, 8), torch.empty(2, 7, 2, 8), torch.empty(2, 7, 2, 8))
WRONG = {
    "shapes do not fit": (torch.empty(2, 5, 3, 8), *HEADS[1:]),
    "no keys": (HEADS[0], torch.empty(2, 0, 2, 8), torch.empty(2, 0, 2, 8)),
    "heads of more than 512 features": (torch.empty(1, 2, 1, 513),) * 3,
    "tensors of several dtypes": (HEADS[0].half(), *HEADS[1:]),
    "a mask that is not boolean": (*HEADS, torch.empty(5, 7)),
    "mask or bias does not fit": (*HEADS, torch.empty(5, 6, dtype=torch.bool)),
    "no fused kernel for float64": tuple(x.double() for x in HEADS),
}


@pytest.mark.parametrize("reason", WRONG)
def test_what_the_kernels_cannot_take(reason):
    assert attention.unsupported(WRONG[reason], {}) == reason


@pytest.mark.compile
def test_the_gradient_of_the_widest_keys_keeps_its_sums_in_registers():
    """The tightest of the kernels: two sums as wide as the heads, without tensor cores."""
    runtime.set_matmul_precision("ieee")
    try:
        case = Case("wide", ((1, 64, 1, 512),) * 3, {"causal": True})
        kernels = operator_kernels(attention, case, torch.float32, "sm_90")
    finally:
        runtime.set_matmul_precision(None)
    (result,) = cross_compile([kernel for kernel in kernels if kernel.name == "key_gradients"], "sm_90")
    assert result.fits, result
    assert result.stack == 0, result


@pytest.mark.parametrize("sizes", [(1, 33, 20, 2, 1, 33, 100), (1, 17, 40, 1, 1, 300, 512)])
@pytest.mark.parametrize("facts", [{"causal": True}, {"mask": "pairs"}])
def test_heads_in_parts(sizes, facts, monkeypatch):
    """Wide heads are multiplied a part of the features at a time."""
    choose = launches.choose
    monkeypatch.setattr(launches, "choose", lambda *given: choose(*given)._replace(part=32))
    attentions.check(sizes, "fp32", "cpu", **facts)
    attentions.check_dropout((1, 17, 33, 2, 1, 40, 65), "bf16", "cpu")


def test_what_they_can_take():
    assert attention.unsupported((*HEADS, torch.empty(7, dtype=torch.bool)), {}) is None
    assert attention.unsupported((*HEADS, None, torch.empty(4, 1, 7)), {"causal": True}) is None
