"""Operators under autograd: first and second derivatives, failures, verification."""

import pytest
import torch

from tests.kernels import fused_cases as cases
from tkeras.bridge import call
from tkeras_kernels import library, runtime
from tkeras_kernels.operators import _matmul_launch, dense, map
from tkeras_kernels.pointwise import Pointwise, pointwise

pytestmark = pytest.mark.skipif(torch.cuda.is_available(), reason="this process compiles kernels")


@pytest.fixture(autouse=True)
def _interpreted():
    runtime.reset_report()
    with runtime.backend_scope("interpret"):
        yield
    runtime.forget_failures()
    runtime.set_verification(False)


def leaves(dtype=torch.float32):
    tensors = cases.dense_arguments((2, 3), 17, 5, dtype, "cpu")
    return [tensor.requires_grad_() for tensor in tensors]


def exact(tensors):
    return [tensor.detach().double().requires_grad_() for tensor in tensors]


def only_record():
    (record,) = runtime.report()
    return record


@pytest.mark.parametrize("activation", ["relu", "gelu", "tanh", "own", "none"])
def test_gradients_through_autograd(activation):
    tensors, fn = leaves(), cases.fused(activation)
    truth = exact(tensors)
    y = call(dense, *tensors, activation=fn)
    gradient = torch.randn_like(y)
    found = torch.autograd.grad(y, tensors, gradient)
    wanted = torch.autograd.grad(dense.reference(*truth, activation=fn), truth, gradient.double())
    for ours, theirs in zip(found, wanted, strict=True):
        torch.testing.assert_close(ours.double(), theirs, rtol=1e-5, atol=1e-5)
    assert only_record().implementation == "interpret"


def second(function, tensors):
    """Gradients of the summed squares of the gradients of ``function``."""
    first = torch.autograd.grad(function(*tensors).sin().sum(), tensors, create_graph=True)
    return torch.autograd.grad(sum((g * g).sum() for g in first), tensors)


@pytest.mark.parametrize("activation", ["gelu", "tanh", "softplus", "none"])
def test_second_derivatives_of_dense(activation):
    tensors, fn = leaves(), cases.fused(activation)
    found = second(lambda *t: call(dense, *t, activation=fn), tensors)
    wanted = second(lambda *t: dense.reference(*t, activation=fn), exact(tensors))
    for ours, theirs in zip(found, wanted, strict=True):
        torch.testing.assert_close(ours.double(), theirs, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("activation", ["gelu", "tanh", "own", "linear"])
def test_second_derivatives_of_map(activation):
    x, fn = torch.randn(17, requires_grad=True), cases.fused(activation)
    (found,) = second(lambda x: call(map, x, fn=fn), [x])
    (wanted,) = second(lambda x: map.reference(x, fn=fn), exact([x]))
    torch.testing.assert_close(found.double(), wanted, rtol=1e-4, atol=1e-4)


def test_second_derivatives_of_several_arguments_where_one_is_computed_from_another():
    fn = pointwise(cases.blend, arity=3)

    def run(do, a, b):
        return do(a, a * b, b, fn=fn)

    tensors = [torch.randn(17, 3, requires_grad=True), torch.randn(3, requires_grad=True)]
    found = second(lambda a, b: run(lambda *t, **k: call(map, *t, **k), a, b), tensors)
    wanted = second(lambda a, b: run(map.reference, a, b), exact(tensors))
    for ours, theirs in zip(found, wanted, strict=True):
        torch.testing.assert_close(ours.double(), theirs, rtol=1e-4, atol=1e-4)


def test_results_outside_autograd_keep_nothing():
    tensors = leaves()
    with torch.no_grad(), runtime.recording(runtime.INTERPRETER) as launches:
        assert not call(dense, *tensors, activation=cases.fused("gelu")).requires_grad
    assert launches[0].arguments[5] is None
    assert not call(dense, *(tensor.detach() for tensor in tensors)).requires_grad


def test_an_argument_changed_after_the_forward_is_noticed():
    x = torch.randn(5, requires_grad=True)
    inner = x * 1.0
    y = call(map, inner, fn=cases.fused("gelu"))
    inner.add_(1.0)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()


def test_two_results():
    fn = pointwise(cases.halves, arity=2)
    tensors = [torch.randn(17, 3, requires_grad=True), torch.randn(3, requires_grad=True)]
    truth = exact(tensors)
    found = torch.autograd.grad(call(map, *tensors, fn=fn)[1].sum(), tensors)
    wanted = torch.autograd.grad(map.reference(*truth, fn=fn)[1].sum(), truth)
    for ours, theirs in zip(found, wanted, strict=True):
        torch.testing.assert_close(ours.double(), theirs, rtol=1e-5, atol=1e-5)


class Scaled(torch.nn.Module):
    """An activation with a parameter: it reads a value, so it cannot be traced."""

    def __init__(self):
        super().__init__()
        self.scale = torch.nn.Parameter(torch.tensor(2.0))

    def forward(self, x):
        return x * self.scale if self.scale > 0 else x


def test_an_untraceable_activation_runs_after_the_kernel_and_trains():
    tensors, module = leaves(), Scaled()
    fn = pointwise(module.forward)
    call(dense, *tensors, activation=fn).sum().backward()
    y = dense.reference(*tensors)
    torch.testing.assert_close(module.scale.grad, y.sum(), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(tensors[2].grad, torch.full((5,), 12.0))
    record = only_record()
    assert record.implementation == "interpret"
    assert "is torch code" in record.reason


def injected(*args, **kwargs):
    raise RuntimeError("injected\nwith more lines")


def test_a_failing_forward_falls_back_once(monkeypatch):
    tensors, fn = leaves(), cases.fused("gelu")
    monkeypatch.setattr(_matmul_launch, "launch", injected)
    with pytest.warns(runtime.KernelWarning, match="dense: kernel failed: RuntimeError: injected") as seen:
        ys = [call(dense, *tensors, activation=fn) for _ in range(3)]
    assert len(seen) == 1
    for y in ys:
        torch.testing.assert_close(y, dense.reference(*tensors, activation=fn))
    assert only_record() == ("dense", "torch", "kernel failed: RuntimeError: injected", 3, 1)
    ys[0].sum().backward()
    assert tensors[1].grad is not None
    monkeypatch.undo()
    call(dense, *tensors, activation=cases.fused("relu"))
    assert [record.implementation for record in runtime.report()] == ["interpret", "torch"]


def test_a_failing_backward_falls_back_once(monkeypatch):
    tensors, fn = leaves(), cases.fused("gelu")
    y, another = (call(dense, *tensors, activation=fn) for _ in range(2))
    monkeypatch.setattr(_matmul_launch, "launch", injected)
    with pytest.warns(runtime.KernelWarning, match="injected"):
        found = torch.autograd.grad(y.sum(), tensors)
    torch.autograd.grad(another.sum(), tensors)
    call(dense, *tensors, activation=fn)
    wanted = torch.autograd.grad(dense.reference(*tensors, activation=fn).sum(), tensors)
    for ours, theirs in zip(found, wanted, strict=True):
        torch.testing.assert_close(ours, theirs)
    assert [(record.implementation, record.count, record.failures) for record in runtime.report()] == [
        ("interpret", 2, 0),
        ("torch", 1, 2),
    ]


def test_a_failing_backward_of_map_falls_back():
    x = torch.randn(17, requires_grad=True)
    fn = broken(library.tanh, backward="def differentiate(y, dy):\n    return y + missing\n")
    y = call(map, x, fn=fn)
    with pytest.warns(runtime.KernelWarning, match="map: kernel failed"):
        y.sum().backward()
    torch.testing.assert_close(x.grad, 1 - x.detach().tanh() ** 2)


def test_memory_errors_and_wrong_calls_are_not_kernel_failures(monkeypatch):
    tensors = leaves()

    def full(*args, **kwargs):
        raise torch.OutOfMemoryError("full")

    monkeypatch.setattr(_matmul_launch, "launch", full)
    with pytest.raises(torch.OutOfMemoryError):
        call(dense, *tensors)
    monkeypatch.setattr(_matmul_launch, "launch", injected)
    monkeypatch.setattr(dense, "unsupported", lambda *args: None)
    with pytest.raises(RuntimeError, match="shape"):
        call(dense, torch.randn(3, 4), tensors[1])
    assert sum(record.failures for record in runtime.report()) == 0


HEADER = "import triton\nimport triton.language as tl\n\n\n@triton.jit\n"


def broken(function, forward=None, backward=None):
    """A pointwise function with leaves of our own, as a wrong emitter would give."""
    fn = Pointwise(function, 1, {})
    if forward:
        fn.__dict__["forward_leaf"] = runtime.leaf(HEADER + forward, "apply")
    if backward:
        fn.__dict__["backward_leaf"] = runtime.leaf(HEADER + backward, "differentiate")
    return fn


def test_verification_catches_a_wrong_forward():
    runtime.set_verification(True)
    fn = broken(library.relu, forward="def apply(x):\n    return tl.where(x > 0.5, x, 0.0)\n")
    tensors = leaves()
    with pytest.warns(runtime.KernelWarning, match="WrongResultError: wrong output 0"):
        y = call(dense, *tensors, activation=fn)
    torch.testing.assert_close(y, dense.reference(*tensors, activation=fn))
    assert only_record().failures == 1


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_verification_catches_a_wrong_backward(dtype):
    runtime.set_verification(True)
    fn = broken(library.tanh, backward="def differentiate(y, dy):\n    return dy * (1.0 - y)\n")
    tensors = leaves(dtype)
    y = call(dense, *tensors, activation=fn)
    gradient = torch.randn_like(y)
    with pytest.warns(runtime.KernelWarning, match="WrongResultError: wrong gradient 0"):
        found = torch.autograd.grad(y, tensors, gradient)
    wanted = torch.autograd.grad(dense.reference(*tensors, activation=fn), tensors, gradient)
    for ours, theirs in zip(found, wanted, strict=True):
        torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_verification_passes_right_kernels_and_runs_once_a_shape(dtype, monkeypatch):
    runtime.set_verification(True)
    calls = []
    reference = dense.reference
    monkeypatch.setattr(dense, "reference", lambda *t, **k: calls.append(t) or reference(*t, **k))
    tensors, fn = leaves(dtype), cases.fused("gelu")
    for _ in range(2):
        call(dense, *tensors, activation=fn).sum().backward()
    assert len(calls) == 4  # forward and backward, each in float64 and in the dtype
    call(dense, tensors[0][:1], *tensors[1:], activation=fn)
    assert len(calls) == 6
    assert all(record.failures == 0 for record in runtime.report())


def test_verification_notices_unwritten_output(monkeypatch):
    runtime.set_verification(True)
    monkeypatch.setattr(_matmul_launch, "launch", lambda *args, **kwargs: None)
    with cases.poisoned(), pytest.warns(runtime.KernelWarning, match="wrong output 0: error inf"):
        call(dense, *leaves())
