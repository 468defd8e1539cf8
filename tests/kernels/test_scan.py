"""LSTM, GRU and SimpleRNN on the scan template, run by the interpreter."""

import pytest
import torch

from tests.kernels import fused_cases as cases
from tests.kernels import scan_cases as scans
from tkeras.bridge import call
from tkeras_kernels import runtime
from tkeras_kernels.operators import gru, lstm, simple_rnn
from tkeras_kernels.pointwise import pointwise

pytestmark = pytest.mark.skipif(torch.cuda.is_available(), reason="tests/gpu runs these compiled")
kinds = pytest.mark.parametrize("kind", scans.GATES)
F32 = torch.float32


@pytest.fixture(autouse=True)
def _interpreted():
    with runtime.backend_scope("interpret"):
        yield


@kinds
@pytest.mark.parametrize("sizes", scans.SIZES)
def test_odd_sizes(kind, sizes):
    scans.check(kind, scans.arguments(kind, sizes, F32, "cpu"), return_sequences=True)


@kinds
@pytest.mark.parametrize("dtype", ["bf16", "fp16"])
def test_half_precision(kind, dtype):
    scans.check(kind, scans.arguments(kind, (5, 4, 3, 17), cases.DTYPES[dtype], "cpu"), return_sequences=True)


@kinds
@pytest.mark.parametrize("return_sequences", [True, False])
@pytest.mark.parametrize("go_backwards", [True, False])
def test_order_without_bias_and_states(kind, return_sequences, go_backwards):
    tensors = scans.arguments(kind, (3, 4, 2, 3), F32, "cpu", bias=False, starts=False)
    scans.check(kind, tensors, return_sequences=return_sequences, go_backwards=go_backwards)


@kinds
@pytest.mark.parametrize("return_sequences", [True, False])
@pytest.mark.parametrize("zero", [True, False])
@pytest.mark.parametrize("go_backwards", [True, False])
def test_mask(kind, return_sequences, zero, go_backwards):
    tensors = scans.arguments(kind, (5, 6, 2, 3), F32, "cpu", mask=scans.ragged(5, 6))
    options = {"return_sequences": return_sequences, "go_backwards": go_backwards}
    scans.check(kind, tensors, zero_output_for_mask=zero, **options)


@kinds
def test_mask_of_numbers_with_gaps(kind):
    mask = scans.ragged(5, 12).float()[:, ::2]
    scans.check(kind, scans.arguments(kind, (5, 6, 2, 3), F32, "cpu", mask=mask), return_sequences=True)


@kinds
@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("masked", [True, False])
def test_dropout(kind, shared, masked):
    mask = scans.ragged(3, 4) if masked else None
    count = 1 if shared else scans.GATES[kind]
    tensors = scans.arguments(kind, (3, 4, 5, 6), F32, "cpu", mask=mask, input_masks=count, dropped=True)
    scans.check(kind, tensors, return_sequences=True, go_backwards=masked)


@pytest.mark.parametrize("activation", scans.FUNCTIONS)
@pytest.mark.parametrize("kind", ["lstm", "gru", "gru_before"])
def test_functions(kind, activation):
    tensors = scans.arguments(kind, (3, 3, 2, 3), F32, "cpu")
    gate = scans.fused("hard_sigmoid")
    scans.check(kind, tensors, activation=scans.fused(activation), recurrent_activation=gate)


@pytest.mark.parametrize("activation", scans.FUNCTIONS)
def test_functions_of_simple_rnn(activation):
    tensors = scans.arguments("simple_rnn", (3, 3, 2, 3), F32, "cpu")
    scans.check("simple_rnn", tensors, activation=scans.fused(activation))


def test_strided_arguments():
    x = cases.draw((4, 3, 5), F32, "cpu").transpose(0, 1)[..., ::2]
    tensors = scans.arguments("lstm", (3, 4, 3, 5), F32, "cpu")
    tensors[0] = x
    tensors[1] = cases.draw((20, 3), F32, "cpu").t()
    tensors[2] = cases.draw((20, 5), F32, "cpu", 0.4).t()
    tensors[4] = cases.draw((5, 3), F32, "cpu").t()
    scans.check("lstm", tensors, return_sequences=True)


@kinds
def test_same_bits_twice(kind):
    operator, options = scans.operator_of(kind)
    tensors = scans.arguments(kind, (17, 3, 5, 17), F32, "cpu", mask=scans.ragged(17, 3), dropped=True)
    needs = [tensor is not None for tensor in tensors[:-3]] + [False] * 3
    runs = []
    for _ in range(2):
        outputs, saved = operator.forward(*tensors, **options)
        runs.append((*outputs, *operator.backward(saved, outputs, needs, **options)))
    for first, second in zip(*runs, strict=True):
        assert (first is None and second is None) or torch.equal(first, second)


def test_a_nan_stays_in_its_row():
    tensors = scans.arguments("lstm", (3, 4, 2, 5), F32, "cpu")
    assert tensors[0] is not None
    tensors[0][1, 2, 0] = torch.nan
    y, _, _ = lstm.infer(*tensors, return_sequences=True)
    wrong = y.isnan().any(-1)
    assert wrong.tolist() == [[False] * 4, [False, False, True, True], [False] * 4]


def test_gradients_through_the_bridge():
    """The last states and the outputs may be used or not; second derivatives go through the reference."""
    tensors = scans.arguments("lstm", (3, 4, 2, 5), torch.float32, "cpu", mask=scans.ragged(3, 4))
    leaves = [tensor.requires_grad_() for tensor in tensors[:6]]
    runtime.reset_report()
    for of in (lambda y, h, c: y.sin().sum(), lambda y, h, c: c.sum()):
        ours = of(*call(lstm, *tensors, return_sequences=True))
        theirs = of(*lstm.reference(*tensors, return_sequences=True))
        found = torch.autograd.grad(ours, leaves, create_graph=True)
        wanted = torch.autograd.grad(theirs, leaves, create_graph=True)
        torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5)
        second = [
            torch.autograd.grad(sum(g.square().sum() for g in grads), leaves[0]) for grads in (found, wanted)
        ]
        torch.testing.assert_close(*second, rtol=1e-4, atol=1e-5)
    (record,) = runtime.report()
    assert (record.implementation, record.failures) == ("interpret", 0)


def test_one_launch_walks_all_steps():
    tensors = scans.arguments("gru", (17, 50, 5, 17), F32, "cpu")
    with runtime.recording(runtime.INTERPRETER) as launches:
        outputs, saved = gru.forward(*tensors)
        gru.backward(saved, outputs, [t is not None for t in tensors[:5]])
    assert [launch.kernel.fn.__name__ for launch in launches] == [
        "product",
        "scan_forward",
        "scan_backward",
        "product",
        "weight_gradient",
        "weight_gradient",
    ]
    assert launches[1].grid == (2, 1)


def branching(x):
    return x if x.sum() > 0 else -x


def test_reasons():
    """What stays with torch says why."""
    sm_90 = runtime.TARGETS["sm_90"]

    def reason(units, dtype, **attributes):
        tensors = tuple(scans.arguments("lstm", (2, 3, 4, units), dtype, "cpu"))
        with runtime.planning_for(sm_90):
            return lstm.unsupported(tensors, attributes)

    assert reason(128, torch.bfloat16) is None
    assert reason(64, F32) is None
    assert "torch code" in reason(3, F32, activation=pointwise(branching))
    assert "float64" in reason(3, torch.float64)
    tensors = scans.arguments("simple_rnn", (2, 3, 4, 5), F32, "cpu", dropped=True)
    assert simple_rnn.unsupported(tuple(tensors), {}) is None
    tensors[-1].requires_grad_()
    assert simple_rnn.unsupported(tuple(tensors), {}) == "a dropout mask wants a gradient"
    empty = scans.arguments("lstm", (0, 3, 4, 5), F32, "cpu")
    assert lstm.unsupported(tuple(empty), {}) == "nothing to compute"
    wrong = scans.arguments("lstm", (2, 3, 4, 5), F32, "cpu")
    wrong[4] = torch.zeros(3, 5)
    assert lstm.unsupported(tuple(wrong), {}) == "shapes do not fit"
