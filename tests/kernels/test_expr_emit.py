"""Emitted source: readable, held by golden files, compiled for a GPU that need not be there."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.kernels.expr_tools import FLOOR, run_triton
from tkeras_kernels import expr, library
from tkeras_kernels.expr import Graph, backward_from, emit_torch, emit_triton, gradient, trace

GOLDEN = Path(__file__).parent / "golden"
ADAM = ["p", "g", "lr", "step", "m", "v"]
GRAPHS: dict[str, Graph] = {
    "gelu": trace(library.gelu, 1),
    "gelu_gradient": gradient(trace(library.gelu, 1)),
    "softplus": trace(library.softplus, 1),
    "softplus_backward": backward_from(trace(library.softplus, 1))[1],
    "selu_backward": backward_from(trace(library.selu, 1))[1],
    "hard_silu_gradient": gradient(trace(library.hard_silu, 1)),
    "lstm_cell": trace(library.lstm_cell, ["i", "f", "g", "o", "c"]),
    "lstm_cell_gradient": gradient(trace(library.lstm_cell, ["i", "f", "g", "o", "c"])),
    "adam": trace(library.adam, ADAM),
}


@pytest.mark.parametrize("name", GRAPHS)
def test_golden(name: str) -> None:
    """Run with UPDATE_GOLDEN=1 to accept new text, and read the difference."""
    text = f"{emit_triton(GRAPHS[name], name)}\n\n{emit_torch(GRAPHS[name], name)}"
    path = GOLDEN / f"{name}.txt"
    if os.environ.get("UPDATE_GOLDEN"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    assert text == path.read_text()


def test_float32_constants_are_short_and_exact() -> None:
    graph = trace(lambda x: x * 0.1 + (1 / 3) * x * x - 1e-45 * x + 1e300 + expr.maximum(x, -math.inf), 1)
    source = emit_triton(graph, "f")
    assert "0.1 * x" in source
    assert "0.33333334 * (x * x)" in source
    assert 'float("inf")' in source
    assert 'float("-inf")' in source


def test_minimal_parentheses() -> None:
    def body(function: Any, names: list[str]) -> str:
        return emit_torch(trace(function, names), "f").split("return ")[1].strip()

    assert body(lambda a, b, c: a - (b - c), ["a", "b", "c"]) == "a - (b - c)"
    assert body(lambda a, b, c: a - b - c, ["a", "b", "c"]) == "a - b - c"
    assert body(lambda a, b, c: a / (b * c), ["a", "b", "c"]) == "a / (b * c)"
    assert body(lambda a, b, c: (a + b) * c, ["a", "b", "c"]) == "c * (a + b)"
    assert body(lambda a, b: -(a + b), ["a", "b"]) == "-(a + b)"
    assert body(lambda a: a - 1.0, ["a"]) == "a - 1.0"
    assert body(lambda a, b: expr.where((a > 0) & (b > 1), a, b), ["a", "b"]) == (
        "torch.where((a > 0.0) & (b > 1.0), a, b)"
    )


EDGE: dict[str, tuple[Any, Any]] = {
    "condition": (lambda x: (x > 0) | ~(x < -1), lambda x: ((x > 0) | ~(x < -1)).double()),
    "constant": (lambda x: 3.0, lambda x: torch.full_like(x, 3.0)),
    "nan": (lambda x: expr.where(x > 1, math.nan, -math.inf), None),
    "power": (lambda x: expr.power(x, 2.5), lambda x: x**2.5),
    "power of": (lambda x: expr.power(1.7, x), lambda x: 1.7**x),
    "two": (lambda x: expr.where((x >= -1) & (x != 0), 1.0, 0.0), lambda x: ((x >= -1) & (x != 0)).double()),
    "log1p": (expr.log1p, torch.log1p),
    "log": (expr.log, torch.log),
    "rsqrt": (expr.rsqrt, torch.rsqrt),
    "sign": (lambda x: expr.sign(x) + expr.floor(x), lambda x: torch.sign(x) + torch.floor(x)),
    "trigonometry": (lambda x: expr.sin(x) * expr.cos(x), lambda x: torch.sin(x) * torch.cos(x)),
}


@pytest.mark.filterwarnings("ignore:.* encountered:RuntimeWarning")
@pytest.mark.parametrize("name", EDGE)
def test_leaf_in_the_interpreter(name: str) -> None:
    function, reference = EDGE[name]
    x = torch.cat([torch.randn(100), torch.tensor([0.0, 1.0, -1.0, 2.0, -2.0])])
    (y,) = run_triton(trace(function, 1), x)
    if reference is not None:
        torch.testing.assert_close(
            y.double(), reference(x.double()), rtol=4 * FLOOR, atol=FLOOR, equal_nan=True
        )
    else:
        assert torch.equal(y.isnan(), x > 1)


@pytest.mark.filterwarnings("ignore:.* encountered:RuntimeWarning")
def test_power_of_two_values() -> None:
    """Every sign of base and exponent, whole or not."""
    values = torch.tensor([-2.5, -2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0, 3.0])
    a, b = (v.flatten() for v in torch.meshgrid(values, values, indexing="ij"))
    (y,) = run_triton(trace(expr.power, 2), a.contiguous(), b.contiguous())
    torch.testing.assert_close(y.double(), a.double() ** b.double(), rtol=1e-5, atol=0.0, equal_nan=True)


@pytest.mark.filterwarnings("ignore:overflow encountered:RuntimeWarning")
def test_exp_over_its_whole_range() -> None:
    x = torch.cat([torch.linspace(-87, 88.7, 20001), torch.tensor([-1e4, -200.0, 88.722, 89.0, 1e4])])
    (y,) = run_triton(trace(expr.exp, 1), x)
    exact = torch.exp(x.double()).float().double()
    torch.testing.assert_close(y.double(), exact, rtol=2 * FLOOR, atol=1e-44)


@pytest.mark.compile
def test_leaves_compile_for_sm_90() -> None:
    """In a process without the interpreter; no float64 creeps in, but for that of Triton's own sin."""
    names = ["gelu", "mish", "celu", "log_sigmoid", "squareplus", "soft_shrink", "tanh_shrink", "exponential"]
    forward = [trace(getattr(library, name), 1) for name in names]
    edges = [trace(function, 1) for function, _ in EDGE.values()]
    graphs = [*GRAPHS.values(), *forward, *map(gradient, forward), *edges, trace(expr.power, 2)]
    tasks = [[emit_triton(g, "leaf"), "leaf", len(g.inputs), len(g.outputs)] for g in graphs]
    environment = {**os.environ, "TRITON_INTERPRET": "0", "PYTHONPATH": os.pathsep.join(sys.path)}
    run = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("expr_compile.py"))],
        input=json.dumps(tasks),
        capture_output=True,
        text=True,
        env=environment,
        timeout=300,
        check=False,
    )
    assert run.returncode == 0, run.stderr[-2000:]
    texts = json.loads(run.stdout)
    assert len(texts) == len(tasks)
    for text, task in zip(texts, tasks, strict=True):
        assert ".f64" not in text or "tl.sin" in task[0], task[0]
