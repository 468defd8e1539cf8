"""The recurrent operators where their weights exceed shared memory: one launch a step, run by the interpreter."""

import pytest
import torch

from tests.kernels import fused_cases as cases
from tests.kernels import scan_cases as scans
from tkeras.bridge import call
from tkeras_kernels import runtime
from tkeras_kernels.operators import lstm

pytestmark = pytest.mark.skipif(torch.cuda.is_available(), reason="tests/gpu runs these compiled")
kinds = pytest.mark.parametrize("kind", scans.GATES)
F32 = torch.float32


@pytest.fixture(autouse=True)
def _without_shared_memory():
    small = runtime.Target("small", "interpret", 0, 0, 1, "interpret")
    with runtime.backend_scope("interpret"), runtime.planning_for(small):
        yield


@kinds
@pytest.mark.parametrize("sizes", [(17, 2, 3, 33), (1, 1, 1, 1)])
def test_odd_sizes(kind, sizes):
    scans.check(kind, scans.arguments(kind, sizes, F32, "cpu"), return_sequences=True)


@pytest.mark.parametrize("kind", ["lstm", "gru_before"])
@pytest.mark.parametrize("return_sequences", [True, False])
@pytest.mark.parametrize("zero", [True, False])
def test_mask(kind, return_sequences, zero):
    tensors = scans.arguments(kind, (5, 4, 2, 3), F32, "cpu", mask=scans.ragged(5, 4), dropped=zero)
    options = {"return_sequences": return_sequences, "go_backwards": not zero}
    scans.check(kind, tensors, zero_output_for_mask=zero, **options)


@pytest.mark.parametrize("kind", ["gru", "gru_before"])
def test_half_precision_without_bias_and_states(kind):
    tensors = scans.arguments(kind, (3, 3, 2, 5), torch.bfloat16, "cpu", bias=False, starts=False)
    scans.check(kind, tensors)


def test_strided_arguments():
    tensors = scans.arguments("gru", (3, 4, 3, 5), F32, "cpu")
    tensors[0] = cases.draw((4, 3, 5), F32, "cpu").transpose(0, 1)[..., ::2]
    tensors[2] = cases.draw((15, 5), F32, "cpu", 0.4).t()
    tensors[4] = cases.draw((5, 3), F32, "cpu").t()
    scans.check("gru", tensors, return_sequences=True)


def test_same_bits_as_all_steps_at_once_and_twice():
    tensors = scans.arguments("lstm", (3, 3, 4, 7), F32, "cpu", mask=scans.ragged(3, 3))
    once, again = (lstm.infer(*tensors, return_sequences=True) for _ in range(2))
    with runtime.planning_for(runtime.INTERPRETER):
        resident = lstm.infer(*tensors, return_sequences=True)
    for first, second, other in zip(once, again, resident, strict=True):
        assert torch.equal(first, second)
        torch.testing.assert_close(first, other, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(("kind", "a_step"), [("gru", 1), ("gru_before", 2)])
def test_launches_a_step(kind, a_step):
    """And one more backward, for the first states."""
    operator, options = scans.operator_of(kind)
    tensors = scans.arguments(kind, (3, 4, 2, 5), F32, "cpu")
    with runtime.recording(runtime.Target("small", "interpret", 0, 0, 1, "interpret")) as launches:
        outputs, saved = operator.forward(*tensors, **options)
        operator.backward(saved, outputs, [t is not None for t in tensors[:5]], **options)
    names = [launch.kernel.fn.__name__ for launch in launches]
    assert names.count("step_forward") == 4 * a_step
    assert names.count("step_backward") == 4 * a_step + 1


def test_the_report_says_so():
    runtime.reset_report()
    with cases.poisoned():
        call(lstm, *scans.arguments("lstm", (2, 2, 2, 3), F32, "cpu"))
    (record,) = runtime.report()
    assert "one launch a step: weights exceed shared memory" in record.reason
    assert (record.implementation, record.failures) == ("interpret", 0)
