"""Recurrent cells and update rules against torch's cells and hand formulas in float64."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import pytest
import torch

from tests.kernels.expr_tools import FLOOR, error, load, run_torch, run_triton
from tkeras_kernels import library
from tkeras_kernels.expr import Graph, emit_triton, gradient, trace

SHAPE = (7, 5)
UNITS = SHAPE[1]


def _cell(name: str) -> tuple[Graph, Callable[..., Any]]:
    names, reference = CELLS[name]
    return trace(getattr(library, name), names), reference


def _lstm(i: torch.Tensor, f: Any, g: Any, o: Any, c: Any) -> tuple[torch.Tensor, ...]:
    c2 = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c2.tanh(), c2


def _gru(z: torch.Tensor, r: Any, x_h: Any, u_h: Any, h: Any) -> tuple[torch.Tensor, ...]:
    return (_gru_before(z, x_h + r.sigmoid() * u_h, h)[0],)


def _gru_before(z: torch.Tensor, a: Any, h: Any) -> tuple[torch.Tensor, ...]:
    return (torch.lerp(a.tanh(), h, z.sigmoid()),)


CELLS: dict[str, tuple[list[str], Callable[..., tuple[torch.Tensor, ...]]]] = {
    "simple_rnn_cell": (["z"], lambda z: (z.tanh(),)),
    "lstm_cell": (["i", "f", "g", "o", "c"], _lstm),
    "gru_cell": (["z", "r", "x_h", "u_h", "h"], _gru),
    "gru_reset": (["r", "h"], lambda r, h: (r.sigmoid() * h,)),
    "gru_cell_reset_before": (["z", "a", "h"], _gru_before),
}


def _gradients(function: Callable[..., Any], inputs: list[torch.Tensor], dys: list[torch.Tensor]) -> Any:
    inputs = [i.clone().requires_grad_() for i in inputs]
    return torch.autograd.grad(function(*inputs), inputs, dys)


@pytest.mark.parametrize("name", CELLS)
def test_cell(name: str) -> None:
    """Every output and gradient: Triton within twice torch's float32 error, torch code exact in float64."""
    graph, reference = _cell(name)
    inputs = [torch.randn(SHAPE) * 3 for _ in graph.inputs]
    dys = [torch.randn(SHAPE) for _ in graph.outputs]
    wide, wide_dys = [i.double() for i in inputs], [d.double() for d in dys]
    backward = gradient(graph)
    checks = [
        (graph, inputs, wide, reference(*wide), reference(*inputs)),
        (
            backward,
            [*inputs, *dys],
            [*wide, *wide_dys],
            _gradients(reference, wide, wide_dys),
            _gradients(reference, inputs, dys),
        ),
    ]
    for form, narrow, exact_inputs, exact, torchs in checks:
        for ours, code, want, baseline in zip(
            run_triton(form, *narrow), run_torch(form, *exact_inputs), exact, torchs, strict=True
        ):
            assert error(code, want) < 1e-14
            assert error(ours, want) <= 2 * error(baseline, want) + 2 * FLOOR


def test_lstm_is_torchs_cell() -> None:
    """Gates in the order i, f, g, o, as in torch's LSTMCell."""
    cell = torch.nn.LSTMCell(3, UNITS, dtype=torch.float64)
    x, h, c = (torch.randn(SHAPE[0], n, dtype=torch.float64) for n in (3, UNITS, UNITS))
    z = x @ cell.weight_ih.T + cell.bias_ih + h @ cell.weight_hh.T + cell.bias_hh
    ours = run_torch(_cell("lstm_cell")[0], *z.chunk(4, 1), c)
    for value, want in zip(ours, cell(x, (h, c)), strict=True):
        torch.testing.assert_close(value, want, rtol=1e-12, atol=1e-12)


def test_gru_is_torchs_cell() -> None:
    """Reset after the product, as in torch's GRUCell, whose gates are r, z, n."""
    cell = torch.nn.GRUCell(3, UNITS, dtype=torch.float64)
    x, h = (torch.randn(SHAPE[0], n, dtype=torch.float64) for n in (3, UNITS))
    xr, xz, xn = (x @ cell.weight_ih.T + cell.bias_ih).chunk(3, 1)
    ur, uz, un = (h @ cell.weight_hh.T + cell.bias_hh).chunk(3, 1)
    (ours,) = run_torch(_cell("gru_cell")[0], xz + uz, xr + ur, xn, un, h)
    torch.testing.assert_close(ours, cell(x, h), rtol=1e-12, atol=1e-12)


def _sgd(
    p: Any, g: Any, lr: Any, t: int, m: Any = None, *, momentum: float = 0.0, nesterov: bool = False
) -> Any:
    if not momentum:
        return (p - lr * g,)
    m = m * momentum - g * lr
    return (p + m * momentum - g * lr, m) if nesterov else (p + m, m)


def _rmsprop(
    p: Any, g: Any, lr: Any, t: int, v: Any, *rest: Any, momentum: float = 0.0, centered: bool = False
) -> Any:
    v = 0.9 * v + 0.1 * g**2
    states, denominator = [v], v + 1e-7
    if centered:
        average = 0.9 * rest[-1] + 0.1 * g
        denominator = v - average**2 + 1e-7
    increment = lr * g / torch.sqrt(denominator)
    if momentum:
        increment = momentum * rest[0] + increment
        states.append(increment)
    return (p - increment, *states, average) if centered else (p - increment, *states)


def _adam(p: Any, g: Any, lr: Any, t: Any, m: Any, v: Any, *largest: Any, weight_decay: float = 0.0) -> Any:
    p = p - p * weight_decay * lr
    alpha = lr * torch.sqrt(1 - 0.999**t) / (1 - 0.9**t)
    m, v = m + (g - m) * (1 - 0.9), v + (g**2 - v) * (1 - 0.999)
    top = torch.maximum(largest[0], v) if largest else v
    return (p - m * alpha / (torch.sqrt(top) + 1e-7), m, v, *((top,) if largest else ()))


RULES: dict[str, tuple[str, dict[str, Any], int, Callable[..., Any]]] = {
    "sgd": ("sgd", {}, 0, _sgd),
    "momentum": ("sgd", {"momentum": 0.9}, 1, _sgd),
    "nesterov": ("sgd", {"momentum": 0.9, "nesterov": True}, 1, _sgd),
    "rmsprop": ("rmsprop", {}, 1, _rmsprop),
    "rmsprop momentum": ("rmsprop", {"momentum": 0.8}, 2, _rmsprop),
    "rmsprop centered": ("rmsprop", {"centered": True}, 2, _rmsprop),
    "rmsprop both": ("rmsprop", {"momentum": 0.8, "centered": True}, 3, _rmsprop),
    "adam": ("adam", {}, 2, _adam),
    "amsgrad": ("adam", {"amsgrad": True}, 3, _adam),
    "adam decay": ("adam", {"weight_decay": 0.01}, 2, _adam),
    "adamw": ("adamw", {}, 2, functools.partial(_adam, weight_decay=0.004)),
}


def _rule(name: str) -> tuple[Graph, Callable[..., Any], int]:
    function, parameters, states, reference = RULES[name]
    names = ["p", "g", "lr", "step", *(f"s{k}" for k in range(states))]
    shared = {k: v for k, v in parameters.items() if k != "amsgrad"}
    graph = trace(functools.partial(getattr(library, function), **parameters), names)
    return graph, functools.partial(reference, **shared), states


@pytest.mark.parametrize("name", RULES)
def test_rule_over_steps(name: str) -> None:
    """Twenty steps from zero states, in float64 against the formula and in float32 against float64."""
    graph, reference, states = _rule(name)
    lr = torch.tensor(0.01, dtype=torch.float64)
    exact = ours = (
        torch.randn(SHAPE, dtype=torch.float64),
        *[torch.zeros(SHAPE, dtype=torch.float64)] * states,
    )
    single = tuple(e.float() for e in exact)
    for t in range(1, 21):
        g, step = torch.randn(SHAPE, dtype=torch.float64), torch.tensor(float(t), dtype=torch.float64)
        exact = reference(exact[0], g, lr, step, *exact[1:])
        ours = run_torch(graph, ours[0], g, lr, step, *ours[1:])
        blocks = [torch.full(SHAPE, float(s)) for s in (lr, step)]
        single = run_triton(graph, single[0], g.float(), *blocks, *single[1:])
    for value, narrow, want in zip(ours, single, exact, strict=True):
        torch.testing.assert_close(value, want, rtol=1e-12, atol=1e-12)
        torch.testing.assert_close(narrow.double(), want, rtol=1e-4, atol=2e-6)


def test_rule_with_scalars_in_a_kernel() -> None:
    """The learning rate and the step count may be scalars of the kernel."""
    from tests.kernels.expr_kernels import update_kernel

    graph, reference, _ = _rule("adam")
    p, g, m, v = (torch.rand(100) for _ in range(4))
    step = torch.tensor(3.0, dtype=torch.float64)
    exact = reference(p.double(), g.double(), 0.01, step, m.double(), v.double())
    leaf = load(emit_triton(graph, "adam"))["adam"]
    update_kernel[(1,)](p, g, 0.01, 3.0, m, v, 100, LEAF=leaf, B=128)
    for value, want in zip((p, m, v), exact, strict=True):
        assert error(value, want) < 4 * FLOOR


@pytest.mark.parametrize("b", [0.9, 0.99, 0.999, 0.9999])
def test_bias_correction_keeps_its_digits(b: float) -> None:
    """sqrt(1 - b**t) in float32 by expm1: the direct form loses four digits at small t."""
    graph = trace(lambda p, g, lr, step, m, v: library.adam(p, g, lr, step, m, v, beta_1=b, beta_2=b)[0], 6)
    t = torch.arange(1.0, 100.0)
    one = torch.ones_like(t)
    (p,) = run_triton(graph, one * 0, one * 0, one, t, one, one * 0 + 1)
    alpha = torch.sqrt(1 - b ** t.double()) / (1 - b ** t.double())
    exact = -b * alpha / (b**0.5 + 1e-7)
    assert ((p.double() - exact) / exact).abs().max() < 6 * FLOOR
