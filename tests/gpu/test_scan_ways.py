"""The other ways of the scan template on compiled kernels: a launch a step, several calls, own cells, graphs."""

import dataclasses

import pytest
import torch

from tests.kernels import fused_cases as cases
from tests.kernels import scan_cases as scans
from tkeras import layers, ops
from tkeras_kernels import runtime
from tkeras_kernels.operators import lstm, several

kinds = pytest.mark.parametrize("kind", scans.GATES)


@pytest.fixture(autouse=True)
def _compiled():
    with runtime.backend_scope("triton"):
        yield


@pytest.fixture
def without_shared_memory():
    target = runtime.target_for(torch.empty(0, device="cuda"))
    with runtime.planning_for(dataclasses.replace(target, shared=0)):
        yield


@kinds
@pytest.mark.parametrize("sizes", [*scans.SIZES, (100, 5, 40, 300)])
@pytest.mark.parametrize("dtype", cases.DTYPES)
def test_a_launch_a_step(kind, sizes, dtype, without_shared_memory):
    tensors = scans.arguments(kind, sizes, cases.DTYPES[dtype], "cuda", mask=scans.ragged(*sizes[:2]))
    scans.check(kind, tensors, return_sequences=True)


@kinds
@pytest.mark.parametrize("units", [129, 512])
def test_large_weights(kind, units):
    tensors = scans.arguments(kind, (17, 4, 33, units), torch.bfloat16, "cuda", dropped=True)
    scans.check(kind, tensors, go_backwards=True)


@kinds
@pytest.mark.parametrize("members", scans.MEMBERS)
def test_several(kind, members):
    scans.check_several(kind, members, torch.float32, "cuda")


class Own(layers.Layer):
    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = self.state_size = units

    def build(self, input_shape):
        self.kernel = self.add_weight((input_shape[-1] + self.units, 2 * self.units), "glorot_uniform")

    def call(self, inputs, states):
        z = ops.concatenate([inputs, states[0]], -1) @ self.kernel
        f = ops.sigmoid(z[:, : self.units])
        h = f * states[0] + (1 - f) * ops.tanh(z[:, self.units :])
        return h, [h]


@pytest.mark.parametrize("units", [17, 300])
def test_own_cell(units):
    rnn, x = layers.RNN(Own(units), return_sequences=True), torch.randn(5, 7, 9, device="cuda")
    rnn(x)
    runtime.reset_report()
    found = rnn(x)
    (record,) = [r for r in runtime.report() if r.operator == "scan"]
    assert (record.implementation, record.failures) == ("triton", 0)
    with runtime.backend_scope("torch"):
        expected = rnn(x)
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("operator", ["lstm", "several"])
@pytest.mark.parametrize("units", [33, 300])
def test_captured_in_a_graph(operator, units):
    """Resident weights and a launch a step, forward and backward, replayed on new numbers."""
    one = scans.arguments("lstm", (5, 6, 9, units), torch.float32, "cuda")
    tensors, run, options = one, lstm, {}
    if operator == "several":
        x, *rest = one
        weights, states = rest[:3], rest[3:]
        tensors = [x, *states, *states, *weights, *(w.flip(0).contiguous() for w in weights)]
        options = {"member": "lstm", "reads": (0, 0), "sets": (0, 1), "go_backwards": (False, True)}
        run = several

    def step():
        outputs, saved = run.forward(*tensors, **options)
        needs = [t is not None and t.is_floating_point() for t in tensors]
        return [*outputs, *(g for g in run.backward(saved, outputs, needs, **options) if g is not None)]

    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        step()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        captured = step()
    tensors[0].copy_(torch.randn_like(tensors[0]))
    graph.replay()
    for ours, theirs in zip(captured, step(), strict=True):
        assert torch.equal(ours, theirs)
