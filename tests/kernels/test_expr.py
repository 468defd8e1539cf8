"""The language: sharing, canonical order, folding, stable forms, fingerprints."""

from __future__ import annotations

import gc
import math
import os
import subprocess
import sys

import pytest
import torch

from tests.kernels.expr_tools import run_torch
from tkeras_kernels import expr, library
from tkeras_kernels.expr import Graph, emit_torch, emit_triton, fingerprint, gradient, simplify, trace


def _simple(function, arity=1):
    return simplify(trace(function, arity)).outputs[0]


def test_equal_expressions_are_one_object() -> None:
    graph = trace(lambda x, y: (expr.exp(x + y), expr.exp(y + x)), 2)
    assert graph.outputs[0] is graph.outputs[1]
    assert trace(lambda x, y: expr.exp(x + y), 2).outputs[0] is graph.outputs[0]


def test_different_constants_stay_apart() -> None:
    graph = trace(lambda x: (x + 0.0, x + -0.0, x + 1, x + 1.0), 1)
    assert graph.outputs[0] is not graph.outputs[1]
    assert graph.outputs[2] is graph.outputs[3]


def test_unused_nodes_are_freed() -> None:
    from tkeras_kernels.expr._node import _nodes

    gc.collect()
    before = len(_nodes)
    graph = trace(lambda x: expr.exp(x * 123.456) + 654.321, 1)
    assert len(_nodes) > before
    del graph
    gc.collect()
    assert len(_nodes) <= before


@pytest.mark.parametrize(
    ("function", "want"),
    [
        (lambda x: x * 2 * 3, lambda x: 6.0 * x),
        (lambda x: expr.exp(x) * 2 * (x * 3), lambda x: 6.0 * (x * expr.exp(x))),
        (lambda x: x + 0, lambda x: x),
        (lambda x: x * 1 - 0, lambda x: x),
        (lambda x: 0 * x, lambda x: 0.0),
        (lambda x: x * -1, lambda x: -x),
        (lambda x: -(1 * -x), lambda x: x),
        (lambda x: x + x, lambda x: 2.0 * x),
        (lambda x: x / 4, lambda x: 0.25 * x),
        (lambda x: x - (-x), lambda x: 2.0 * x),
        (lambda x: 1 / (1 + expr.exp(-x)), lambda x: expr.sigmoid(x)),
        (lambda x: x / (1 + expr.exp(-x)), lambda x: x * expr.sigmoid(x)),
        (lambda x: expr.exp(x) - 1, lambda x: expr.expm1(x)),
        (lambda x: 1 - expr.exp(x), lambda x: -expr.expm1(x)),
        (lambda x: expr.log(1 + x), lambda x: expr.log1p(x)),
        (lambda x: expr.log(1 + expr.exp(x)), lambda x: expr.softplus(x)),
        (lambda x: expr.log(expr.sigmoid(x)), lambda x: expr.log_sigmoid(x)),
        (lambda x: expr.where(x > 0, x, x), lambda x: x),
        (lambda x: expr.where(~(x > 0), 1.0, x), lambda x: expr.where(x > 0, x, 1.0)),
        (lambda x: x * (x > 0), lambda x: expr.where(x > 0, x, 0.0)),
        (
            lambda x: expr.where(x > 0, expr.where(x > -1, x, 1.0), 2.0),
            lambda x: expr.where(x > 0, x, 2.0),
        ),
        (
            lambda x: expr.where(x > 0, x, 0.0) + expr.where(x > 0, 0.0, 3.0),
            lambda x: expr.where(x > 0, x, 3.0),
        ),
        (lambda x: expr.maximum(x, x), lambda x: x),
        (lambda x: x**3, lambda x: x * (x * x)),
        (lambda x: x**0.5, lambda x: expr.sqrt(x)),
        (lambda x: x**-1, lambda x: 1.0 / x),
        (lambda x: x**0, lambda x: 1.0),
        (lambda x: 2**x, lambda x: expr.exp(x * math.log(2))),
        (lambda x: expr.abs(-x), lambda x: expr.abs(x)),
    ],
)
def test_simplify(function, want) -> None:
    assert _simple(function) is _simple(want)


def test_folding_uses_ieee_rules() -> None:
    assert _simple(lambda x: expr.log(x * 0)).value == -math.inf
    assert math.isnan(_simple(lambda x: expr.log(x * 0 - 1)).value)
    assert _simple(lambda x: expr.exp(x * 0)).value == 1.0


@pytest.mark.parametrize("name", ["gelu", "hard_silu", "squareplus", "mish", "elu", "soft_shrink"])
def test_simplify_is_idempotent(name: str) -> None:
    for graph in (trace(getattr(library, name), 1), gradient(trace(getattr(library, name), 1))):
        once = simplify(graph)
        assert all(a is b for a, b in zip(simplify(once).outputs, once.outputs, strict=True))


def test_deep_graphs_need_no_recursion() -> None:
    def deep(x):
        for _ in range(3000):
            x = expr.sin(x)
        return x

    graph = gradient(trace(deep, 1))
    x = torch.tensor(0.5, dtype=torch.float64, requires_grad=True)
    y = x
    for _ in range(3000):
        y = torch.sin(y)
    (want,) = torch.autograd.grad(y, x)
    torch.testing.assert_close(run_torch(graph, x.detach(), torch.ones_like(x))[0], want)


def test_nested_branches_do_not_multiply() -> None:
    """The rewriting of masks and ranges copies branches only so far; the result stays exact."""

    def nested(x):
        y = x
        for k in range(12):
            y = (
                library.relu(y)
                - library.relu(-y - 0.1 * k)
                + expr.where(x > k, y, expr.where(x < -k, 0.0, x))
            )
        return expr.tanh(y * expr.exp(-x * x))

    graph = trace(nested, 1)
    backward = gradient(graph)
    assert len(emit_triton(backward, "f")) < 20_000
    x = torch.linspace(-2, 2, 99, dtype=torch.float64).requires_grad_()
    (want,) = torch.autograd.grad(nested(x).sum(), x)
    torch.testing.assert_close(run_torch(backward, x.detach(), torch.ones(99))[0].double(), want)


def test_fingerprint_ignores_names_alone() -> None:
    assert fingerprint(trace(library.gelu, ["x"])) == fingerprint(trace(library.gelu, ["z"]))
    assert fingerprint(trace(library.gelu, 1)) != fingerprint(trace(library.silu, 1))
    assert fingerprint(trace(lambda x, y: x - y, 2)) != fingerprint(trace(lambda x, y: y - x, 2))
    assert len(fingerprint(trace(library.gelu, 1))) == 64


_PROGRAM = """
from tkeras_kernels import library
from tkeras_kernels.expr import emit_torch, emit_triton, fingerprint, gradient, trace
for name in {order}:
    graph = gradient(trace(getattr(library, name), 1))
    print(name, fingerprint(graph), emit_triton(graph, name), emit_torch(graph, name))
"""


def test_the_same_bytes_in_every_process() -> None:
    """Whatever the hash seed, and whatever was traced before."""
    names = ["mish", "gelu", "squareplus", "hard_silu", "selu"]
    texts = []
    for seed, order in (("1", names), ("77", names[::-1])):
        program = _PROGRAM.format(order=order)
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)}
        run = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment
        )
        texts.append(sorted(run.stdout.split("\n")))
    assert texts[0] == texts[1]
    assert len(texts[0]) > 50


def test_names_of_inputs() -> None:
    assert [i.value for i in trace(lambda a: a, 1).inputs] == ["x"]
    assert [i.value for i in trace(lambda a, b: a + b, 2).inputs] == ["x0", "x1"]
    for names in (["a", "a"], ["t0"], ["tl"], ["lambda"], ["1x"]):
        with pytest.raises(ValueError, match="Received"):
            trace(lambda *a: a[0], names)


def test_outputs() -> None:
    assert len(trace(lambda x: [x, 1.0, x > 0], 1).outputs) == 3
    for wrong in (lambda x: None, lambda x: (), lambda x: "y", lambda x: torch.ones(3)):
        with pytest.raises(expr.TraceError):
            trace(wrong, 1)


def test_constant_outputs_have_the_shape_of_the_first_input() -> None:
    graph = trace(lambda x, y: (2.5, x + y, x > math.inf), 2)
    x = torch.randn(4, 3, dtype=torch.float64)
    for value in run_torch(graph, x, torch.randn(3, dtype=torch.float64)):
        assert value.shape == (4, 3)
        assert value.dtype == torch.float64


def test_emitting_an_unsimplified_graph() -> None:
    graph = trace(lambda x: expr.where(expr.exp(x * 0 + 1) > 2, x, 0.0), 1)
    assert emit_triton(graph, "f") == emit_triton(simplify(graph), "f")
    assert emit_torch(graph, "f") == emit_torch(simplify(graph), "f")


def test_repr() -> None:
    assert repr(trace(lambda x: expr.exp(x) + 1, 1)) == "(x) -> (add(1.0, exp(x)))"
    assert isinstance(trace(lambda x: x, 1), Graph)
