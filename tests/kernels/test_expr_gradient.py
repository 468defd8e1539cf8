"""Gradients: against torch's autograd, finite where torch's are not, and told from the output."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.kernels.expr_tools import FLOOR, run_torch, run_triton
from tkeras_kernels import expr
from tkeras_kernels.expr import backward_from, gradient, simplify, trace

UNARY = [
    "abs",
    "cos",
    "erf",
    "exp",
    "expm1",
    "floor",
    "log_sigmoid",
    "sigmoid",
    "sign",
    "sin",
    "softplus",
    "tanh",
]
DEFINED = {
    "log": lambda x: expr.log(expr.abs(x) + 0.5),
    "log1p": lambda x: expr.log1p(expr.abs(x)),
    "sqrt": lambda x: expr.sqrt(x * x + 0.25),
    "rsqrt": lambda x: expr.rsqrt(expr.abs(x) + 0.5),
    "power": lambda x: expr.power(expr.abs(x) + 0.5, 1.7),
    "cube": lambda x: x**3,
    "inverse": lambda x: expr.power(expr.abs(x) + 0.5, -2),
    "clip": lambda x: expr.clip(x, -0.75, 1.25),
    "negative": lambda x: -x,
}
BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": lambda a, b: a / (b * b + 0.5),
    "maximum": expr.maximum,
    "minimum": expr.minimum,
    "pow": lambda a, b: (expr.abs(a) + 0.5) ** expr.tanh(b),
    "where": lambda a, b: expr.where(a < b, a * b, a - b),
    "where and": lambda a, b: expr.where((a < 1.0) & (b >= -0.5), a, 2.0 * b),
    "where or": lambda a, b: expr.where((a == b) | (b <= 0.25), expr.sin(a), b),
}
numbers = st.floats(-2.0, 2.0).map(lambda v: round(v, 3))
expressions = st.recursive(
    st.one_of(st.sampled_from(["x0", "x1", "x2"]), numbers),
    lambda inner: st.one_of(
        st.tuples(st.sampled_from([*UNARY, *DEFINED]), inner),
        st.tuples(st.sampled_from(list(BINARY)), inner, inner),
    ),
    max_leaves=12,
)


def _evaluate(tree: Any, inputs: dict[str, Any]) -> Any:
    if isinstance(tree, str):
        return inputs[tree]
    if isinstance(tree, float):
        return tree
    name, *rest = tree
    values = [_evaluate(part, inputs) for part in rest]
    function = BINARY.get(name) or DEFINED.get(name) or getattr(expr, name)
    return function(*values)


@settings(max_examples=200, deadline=None)
@given(expressions, st.integers(0, 10_000))
def test_random_expressions(tree: Any, seed: int) -> None:
    """Value and gradient of the emitted torch code equal torch's own, in float64."""
    generator = torch.Generator().manual_seed(seed)
    inputs = [torch.randn(16, dtype=torch.float64, generator=generator).requires_grad_() for _ in range(3)]
    dy = torch.randn(16, dtype=torch.float64, generator=generator)
    y = _evaluate(tree, {f"x{k}": v for k, v in enumerate(inputs)})
    graph = trace(lambda *x: _evaluate(tree, {f"x{k}": v for k, v in enumerate(x)}), 3)
    y = y if isinstance(y, torch.Tensor) else torch.full((16,), float(y), dtype=torch.float64)
    wants = [torch.zeros(16, dtype=torch.float64)] * 3
    if y.requires_grad:
        found = torch.autograd.grad(y, inputs, dy, allow_unused=True)
        wants = [zero if g is None else g for zero, g in zip(wants, found, strict=True)]
    values = [v.detach() for v in inputs]
    usable = torch.stack([y.detach(), *wants]).abs().amax(0) < 1e5
    for graph_form in (graph, simplify(graph)):
        (ours,) = run_torch(graph_form, *values)
        _close(ours[usable], y.detach()[usable])
        for ours, want in zip(run_torch(gradient(graph_form), *values, dy), wants, strict=True):
            _close(ours.expand(16)[usable], want[usable])


def _close(ours: torch.Tensor, want: torch.Tensor) -> None:
    torch.testing.assert_close(ours, want, rtol=1e-8, atol=1e-8)


MASKED: dict[str, Callable[[Any], Any]] = {
    "elu": lambda x: expr.where(x > 0, x, expr.expm1(x)),
    "exp": lambda x: expr.where(x > 0, x, expr.exp(x + x)),
    "sqrt": lambda x: expr.where(x > 0, expr.sqrt(x), 0.0),
    "sqrt at 0": lambda x: expr.where(x == 0, 0.0, expr.sqrt(expr.abs(x))),
    "product": lambda x: expr.where(x > 0, x * expr.sqrt(x), x) * 3.0,
    "log": lambda x: expr.where(x > 1, expr.log(x), 0.0) / 3.0,
    "nested": lambda x: expr.where(x > 0, expr.where(x < 50, expr.exp(x), expr.sqrt(x)), expr.rsqrt(1 - x)),
    "two masks": lambda x: _two_masks(expr.sqrt(x), x),
    "chain": lambda x: expr.where(x > 0.5, expr.log(expr.sqrt(x - 0.5)), 0.0),
    "mask": lambda x: (x > 0) * expr.log(x),
}


def _two_masks(root: Any, x: Any) -> Any:
    return expr.where(x > 1, root, 0.0) + expr.where(x > 2, root * root, x)


@pytest.mark.filterwarnings("ignore:.* encountered:RuntimeWarning")
@pytest.mark.parametrize("name", MASKED)
def test_gradients_are_finite_beside_a_branch_that_is_not(name: str) -> None:
    """Branches not taken are infinite or NaN at these points; the gradient of the taken one is exact."""
    function = MASKED[name]
    x = torch.tensor([-1e4, -100.0, -3.0, -0.25, 0.0, 0.25, 0.75, 1.5, 3.0, 60.0, 100.0, 1e4])
    if name == "nested":
        x = x[x.abs() < 1000]
    graph, dy = gradient(trace(function, 1)), torch.randn_like(x)
    step = 1e-6 * x.double().abs().clamp(min=1e-2)
    low, high = (torch.nan_to_num(function(x.double() + d), nan=0.0) for d in (-step, step))
    exact = dy.double() * (high - low) / (2 * step)
    smooth = (x != 0) if name != "mask" else (x > 0)
    for (dx,) in (
        run_torch(graph, x, dy),
        run_triton(graph, x, dy),
        run_torch(graph, x.double(), dy.double()),
    ):
        assert dx.isfinite().all()
        torch.testing.assert_close(dx[smooth].double(), exact[smooth], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("form", [torch.maximum, torch.minimum])
def test_ties_follow_torch(form: Callable[..., torch.Tensor]) -> None:
    a, b = torch.tensor([1.0, 2.0, 2.0]), torch.tensor([2.0, 1.0, 2.0])
    dy = torch.tensor([3.0, 5.0, 7.0])
    graph = gradient(trace(lambda x, y: getattr(expr, form.__name__)(x, y), 2))
    a_, b_ = a.clone().requires_grad_(), b.clone().requires_grad_()
    wants = torch.autograd.grad(form(a_, b_), (a_, b_), dy)
    for got in (run_triton(graph, a, b, dy), run_torch(graph, a, b, dy)):
        assert all(torch.equal(g, w) for g, w in zip(got, wants, strict=True))


def test_kinks_follow_torch() -> None:
    kinks = {expr.abs: 0.0, lambda x: expr.clip(x, -1.0, 1.0): 1.0, lambda x: expr.clip(x, 1.0, 2.0): 1.0}
    for function, want in kinks.items():
        x = torch.tensor([1.0 if want else 0.0])
        assert run_torch(gradient(trace(function, 1)), x, torch.ones(1))[0].item() == want


def test_an_input_that_is_not_used_has_gradient_zero() -> None:
    graph = gradient(trace(lambda x, y: x * 2.0, 2))
    x = torch.randn(3)
    dx, dy = run_torch(graph, x, x, torch.ones(3))
    assert dx.tolist() == [2.0] * 3
    assert dy.tolist() == [0.0] * 3


def test_cotangents_have_names_of_their_own() -> None:
    assert [i.value for i in gradient(trace(lambda a, b: (a, b), ["x", "y"])).inputs] == [
        "x",
        "y",
        "dy0",
        "dy1",
    ]
    assert [i.value for i in gradient(trace(lambda a: a, ["dy"])).inputs] == ["dy", "dy_"]


def test_second_derivative() -> None:
    first = gradient(trace(expr.tanh, 1))
    second = gradient(expr.Graph(first.inputs, first.outputs))
    x = torch.randn(50, dtype=torch.float64)
    one = torch.ones_like(x)
    t = torch.tanh(x)
    torch.testing.assert_close(run_torch(second, x, one, one)[0], -2 * t * (1 - t * t))


FROM_OUTPUT: dict[str, tuple[Callable[[Any], Any], str]] = {
    "sqrt": (lambda x: expr.sqrt(x), "output"),
    "rsqrt": (lambda x: expr.rsqrt(x), "output"),
    "scaled tanh": (lambda x: 1.7159 * expr.tanh(2 / 3 * x), "output"),
    "shifted sigmoid": (lambda x: 2 * expr.sigmoid(2 * x) - 1, "output"),
    "affine": (lambda x: 3 * x + 1, "none"),
    "steps": (lambda x: expr.floor(x), "none"),
    "square": (lambda x: x * x, "input"),
    "shifted far": (lambda x: 1000 + expr.tanh(x), "input"),
    "v shape": (lambda x: expr.where(x > 0, x, -x), "input"),
    "jump down": (lambda x: expr.where(x > 0, x, 1.0), "input"),
    "three pieces": (lambda x: expr.where(x > 2, x, expr.where(x > 0, 0.5 * x, 0.1 * x)), "output"),
    "scaled pieces": (lambda x: 2 * expr.where(x > 0, x, expr.tanh(x)), "output"),
    "piece of another": (lambda x: expr.where(expr.sin(x) > 0, x, 0.0), "input"),
    "reversed": (lambda x: -expr.where(x > 0, x, 0.3 * x), "output"),
    "plateau off bfloat16": (lambda x: expr.where(x > 0.3, 0.3, x), "input"),
    "plateau on bfloat16": (lambda x: expr.where(x >= 0.25, 0.25, expr.where(x < -1, -1.5, x)), "output"),
    "scaled plateau": (lambda x: 0.1 * expr.where(x > 1, 1.0, x), "input"),
    "log of both": (lambda x: expr.where(x < 0, expr.log_sigmoid(x), expr.softplus(x)), "output"),
}


@pytest.mark.parametrize("name", FROM_OUTPUT)
def test_backward_from(name: str) -> None:
    function, kind = FROM_OUTPUT[name]
    graph = trace(function, 1)
    source, backward = backward_from(graph)
    assert source == kind
    x = torch.rand(200, dtype=torch.float64) * (4 if "sqrt" in name else 8) - (0 if "sqrt" in name else 4)
    dy = torch.randn_like(x)
    given_ = {"none": (dy,), "output": (*run_torch(graph, x), dy), "input": (x, dy)}[source]
    (want,) = run_torch(gradient(graph), x, dy)
    (dx,) = run_torch(backward, *given_)
    torch.testing.assert_close(dx, want, rtol=1e-9, atol=1e-9)


def test_backward_from_takes_one_input_and_one_output() -> None:
    with pytest.raises(ValueError, match="Expected a graph with one input and one output"):
        backward_from(trace(lambda x, y: x + y, 2))


def test_user_function_of_torch_calls() -> None:
    """Traced, differentiated and fused like the library's own."""

    def user(x: Any) -> Any:
        gate = torch.sigmoid(torch.tensor(1.702) * x)
        return torch.where(x > 2, x, x * gate) + 0.1 * torch.nn.functional.leaky_relu(x).clamp(max=5.0)

    x, dy = torch.randn(500) * 3, torch.randn(500)
    x64 = x.double().requires_grad_()
    exact = user(x64)
    (slope,) = torch.autograd.grad(exact, x64, dy.double())
    graph = trace(user, 1)
    (y,), (dx,) = run_triton(graph, x), run_triton(gradient(graph), x, dy)
    assert (y - exact).abs().max() < 8 * FLOOR * 5
    assert (dx - slope).abs().max() < 16 * FLOOR
    assert math.isfinite(y.sum().item())
