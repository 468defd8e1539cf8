"""Every activation: value and gradient, as a Triton leaf and as torch code, against torch in float64."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F

from tests.kernels.expr_tools import FLOOR, error, run_torch, run_triton
from tkeras_kernels import library
from tkeras_kernels.expr import Graph, backward_from, gradient, trace

Function = Callable[[torch.Tensor], torch.Tensor]

pytestmark = [
    pytest.mark.filterwarnings("ignore:overflow encountered:RuntimeWarning"),
    pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning"),
]


def _softplus(x: torch.Tensor) -> torch.Tensor:
    return torch.logaddexp(x, torch.zeros_like(x))


def _squareplus(b: float) -> Function:
    return lambda x: (x + torch.sqrt(x**2 + b)) / 2


def _relu(slope: float, most: float, threshold: float) -> Function:
    def reference(x: torch.Tensor) -> torch.Tensor:
        low = slope * (x - threshold)
        return torch.where(x > threshold, x if math.isinf(most) else x.clamp(0.0, most), low)

    return reference


def _sparse_plus(x: torch.Tensor) -> torch.Tensor:
    return torch.where(x <= -1, 0.0, torch.where(x < 1, (x + 1) ** 2 / 4, x))


def _sparse_sigmoid(x: torch.Tensor) -> torch.Tensor:
    return torch.where(x <= -1, 0.0, torch.where(x >= 1, 1.0, 0.5 * (x + 1)))


CASES: dict[str, tuple[dict[str, float], Function, str]] = {
    "celu": ({}, F.celu, "output"),
    "celu(alpha=2)": ({"alpha": 2.0}, lambda x: F.celu(x, 2.0), "output"),
    "elu": ({}, F.elu, "output"),
    "elu(alpha=0.3)": ({"alpha": 0.3}, lambda x: F.elu(x, 0.3), "output"),
    "elu(alpha=-1)": ({"alpha": -1.0}, lambda x: F.elu(x, -1.0), "input"),
    "exponential": ({}, torch.exp, "output"),
    "gelu": ({}, F.gelu, "input"),
    "gelu(approximate)": ({"approximate": True}, lambda x: F.gelu(x, approximate="tanh"), "input"),
    "hard_shrink": ({}, F.hardshrink, "output"),
    "hard_shrink(2)": ({"threshold": 2.0}, lambda x: F.hardshrink(x, 2.0), "output"),
    "hard_sigmoid": ({}, lambda x: F.relu6(x + 3) / 6, "output"),
    "hard_silu": ({}, lambda x: x * F.relu6(x + 3) / 6, "input"),
    "hard_swish": ({}, lambda x: x * F.relu6(x + 3) / 6, "input"),
    "hard_tanh": ({}, F.hardtanh, "output"),
    "leaky_relu": ({}, lambda x: F.leaky_relu(x, 0.2), "output"),
    "leaky_relu(0.3)": ({"negative_slope": 0.3}, lambda x: F.leaky_relu(x, 0.3), "output"),
    "linear": ({}, lambda x: x * 1.0, "none"),
    "log_sigmoid": ({}, F.logsigmoid, "output"),
    "mish": ({}, F.mish, "input"),
    "relu": ({}, F.relu, "output"),
    "relu(max)": ({"max_value": 6.0}, F.relu6, "output"),
    "relu(all)": (
        {"negative_slope": 0.1, "max_value": 5.5, "threshold": 1.5},
        _relu(0.1, 5.5, 1.5),
        "output",
    ),
    "relu(max=5.7)": ({"max_value": 5.7}, _relu(0.0, 5.7, 0.0), "input"),
    "relu(threshold=-2)": ({"threshold": -2.3, "max_value": 3.1}, _relu(0.0, 3.1, -2.3), "input"),
    "relu6": ({}, F.relu6, "output"),
    "selu": ({}, F.selu, "output"),
    "sigmoid": ({}, torch.sigmoid, "output"),
    "silu": ({}, F.silu, "input"),
    "soft_shrink": ({}, F.softshrink, "output"),
    "soft_shrink(2)": ({"threshold": 2.0}, lambda x: F.softshrink(x, 2.0), "output"),
    "softplus": ({}, _softplus, "output"),
    "softsign": ({}, F.softsign, "input"),
    "sparse_plus": ({}, _sparse_plus, "input"),
    "sparse_sigmoid": ({}, _sparse_sigmoid, "output"),
    "squareplus": ({}, _squareplus(4), "input"),
    "squareplus(b=1)": ({"b": 1.0}, _squareplus(1), "input"),
    "swish": ({}, F.silu, "input"),
    "tanh": ({}, torch.tanh, "output"),
    "tanh_shrink": ({}, F.tanhshrink, "input"),
    "threshold": ({"threshold": 1.25, "default_value": -2.0}, lambda x: F.threshold(x, 1.25, -2.0), "output"),
    "threshold(up)": (
        {"threshold": 1.25, "default_value": 3.0},
        lambda x: F.threshold(x, 1.25, 3.0),
        "input",
    ),
}
every = pytest.mark.parametrize("name", CASES)


def _graph(name: str) -> Graph:
    function, parameters = getattr(library, name.split("(")[0]), CASES[name][0]
    return trace(lambda x: function(x, **parameters), 1)


def _points(name: str) -> torch.Tensor:
    """The whole range, its middle more densely, the kinks that torch and we differentiate alike."""
    kinks = torch.tensor([-3.0, -1.0, 0.0, 1.0, 3.0, 6.0])
    parts = [torch.linspace(-1e4, 1e4, 1001), torch.linspace(-100, 80, 1001), torch.linspace(-8, 8, 2001)]
    parts += [10.0 ** torch.linspace(-20, 0, 41), torch.randn(1000) * 3, torch.tensor([-0.5, 0.5]) * 1.0001]
    x = torch.cat(parts)
    x = x[(x[:, None] - kinks).abs().amin(1) > 1e-5]
    x = torch.cat([x, kinks, torch.tensor([-1e-20, 1e-20, -1e-6, 1e-6])])
    return x[x < 80.0] if name == "exponential" else x


def _derivative(function: Function, x: torch.Tensor, dy: torch.Tensor) -> torch.Tensor:
    x = x.clone().requires_grad_()
    return torch.autograd.grad(function(x), x, dy)[0]


@every
def test_value_triton(name: str) -> None:
    x, reference = _points(name), CASES[name][1]
    exact = reference(x.double())
    (y,) = run_triton(_graph(name), x)
    assert error(y, exact) <= 2 * error(reference(x), exact) + FLOOR


@every
def test_gradient_triton(name: str) -> None:
    x, reference = _points(name), CASES[name][1]
    dy = torch.randn_like(x)
    exact = _derivative(reference, x.double(), dy.double())
    (dx,) = run_triton(gradient(_graph(name)), x, dy)
    assert error(dx, exact) <= 2 * error(_derivative(reference, x, dy), exact) + FLOOR


@every
def test_backward_triton(name: str) -> None:
    x, (_, reference, kind) = _points(name), CASES[name]
    dy = torch.randn_like(x)
    exact = _derivative(reference, x.double(), dy.double())
    graph = _graph(name)
    source, backward = backward_from(graph)
    assert source == kind
    given = {"none": (dy,), "output": (*run_triton(graph, x), dy), "input": (x, dy)}[source]
    (dx,) = run_triton(backward, *given)
    assert error(dx, exact) <= 2 * error(_derivative(reference, x, dy), exact) + FLOOR


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case[2] == "output"])
def test_backward_from_a_bfloat16_output(name: str) -> None:
    """What the forward stores may be 16 bits wide: no branch may be taken for another one."""
    graph, reference = _graph(name), CASES[name][1]
    _, backward = backward_from(graph)
    x = torch.linspace(-9, 9, 181) + 0.03
    dy = torch.ones_like(x)
    exact = _derivative(reference, x.double(), dy.double())
    (dx,) = run_triton(backward, reference(x).bfloat16().float(), dy)
    assert ((dx - exact).abs() <= 2.0**-7 * (1 + exact.abs())).all()


@every
def test_torch_code_in_float64(name: str) -> None:
    x, reference = _points(name).double(), CASES[name][1]
    dy = torch.randn_like(x)
    graph = _graph(name)
    cancels = "squareplus" in name  # the reference, below 0
    assert error(*run_torch(graph, x), reference(x)) < (1e-8 if cancels else 1e-14)
    assert error(*run_torch(gradient(graph), x, dy), _derivative(reference, x, dy)) < 1e-13


@every
def test_torch_code_in_float32(name: str) -> None:
    x, reference = _points(name), CASES[name][1]
    exact = reference(x.double())
    (y,) = run_torch(_graph(name), x)
    assert y.dtype == torch.float32
    assert error(y, exact) <= 2 * error(reference(x), exact) + FLOOR


@every
def test_on_tensors(name: str) -> None:
    """Library functions are also functions of tensors, differentiable by torch."""
    x, (parameters, reference, _) = torch.randn(100, dtype=torch.float64), CASES[name]
    function = getattr(library, name.split("(")[0])
    dy = torch.randn_like(x)
    torch.testing.assert_close(function(x, **parameters), reference(x), rtol=1e-12, atol=1e-12)
    ours = _derivative(lambda v: function(v * 1.0, **parameters), x, dy)
    torch.testing.assert_close(ours, _derivative(reference, x, dy), rtol=1e-12, atol=1e-12)


@every
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_torch_code_keeps_the_dtype(name: str, dtype: torch.dtype) -> None:
    graph = _graph(name)
    x, dy = torch.randn(2, 30).to(dtype)
    for form, inputs in ((graph, (x,)), (gradient(graph), (x, dy))):
        (y,) = run_torch(form, *inputs)
        (exact,) = run_torch(form, *(i.double() for i in inputs))
        assert y.dtype == dtype
        assert error(y, exact) < 16 * torch.finfo(dtype).eps


@every
def test_limits(name: str) -> None:
    """±inf where torch's float64 formula has a value there; NaN stays NaN."""
    x, reference = torch.tensor([math.inf, -math.inf]), CASES[name][1]
    exact = reference(x.double())
    (y,) = run_triton(_graph(name), x)
    defined = ~exact.isnan()
    torch.testing.assert_close(y[defined].double(), exact[defined], rtol=1e-6, atol=0.0)
    (y,) = run_triton(_graph(name), torch.tensor([math.nan]))
    assert y.isnan().all()
    (y,) = run_torch(_graph(name), torch.tensor([math.nan]))
    assert y.isnan().all()


def test_cases_cover_the_activations() -> None:
    """Every pointwise activation of Keras 3.15 is here and tested."""
    names = """celu elu exponential gelu hard_shrink hard_sigmoid hard_silu hard_swish hard_tanh leaky_relu
    linear log_sigmoid mish relu relu6 selu sigmoid silu soft_shrink softplus softsign sparse_plus
    sparse_sigmoid squareplus swish tanh tanh_shrink threshold"""
    assert set(names.split()) == {name.split("(")[0] for name in CASES}
