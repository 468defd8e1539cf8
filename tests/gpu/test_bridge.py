"""Dispatch and autograd on a GPU."""

import torch

from tests.kernels import fused_cases as cases
from tkeras.bridge import call
from tkeras_kernels import runtime
from tkeras_kernels.inspect import check_kernel
from tkeras_kernels.operators import dense


def test_auto_runs_the_kernels_and_says_for_what():
    runtime.reset_report()
    tensors = [t.requires_grad_() for t in cases.dense_arguments((64,), 784, 64, torch.float32, "cuda")]
    y = call(dense, *tensors, activation=cases.fused("gelu"))
    gradient = torch.randn_like(y)
    found = torch.autograd.grad(y, tensors, gradient)
    wanted = torch.autograd.grad(dense.reference(*tensors, activation=cases.fused("gelu")), tensors, gradient)
    for ours, theirs in zip(found, wanted, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)
    (record,) = runtime.report()
    assert record.implementation == "triton"
    assert record.reason.startswith("fused kernel for ")
    assert record.failures == 0


def test_a_step_can_be_captured_in_a_graph():
    tensors = [t.requires_grad_() for t in cases.dense_arguments((64,), 100, 33, torch.float32, "cuda")]
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        call(dense, *tensors, activation=cases.fused("tanh")).sum().backward()
    torch.cuda.current_stream().wait_stream(stream)
    for tensor in tensors:
        tensor.grad = None
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        y = call(dense, *tensors, activation=cases.fused("tanh"))
        y.sum().backward()
    with torch.no_grad():
        tensors[0].normal_()
    graph.replay()
    wanted = dense.reference(*tensors, activation=cases.fused("tanh"))
    torch.testing.assert_close(y, wanted, rtol=1e-4, atol=1e-4)
    expected = torch.autograd.grad(wanted.sum(), tensors)
    for tensor, gradient in zip(tensors, expected, strict=True):
        torch.testing.assert_close(tensor.grad, gradient, rtol=1e-4, atol=1e-4)


def test_check_kernel():
    ok, text = check_kernel()
    assert ok, text
    assert "is right on" in text
