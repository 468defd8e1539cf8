"""What can be traced: torch functions and methods; and what cannot, with the reason and the line."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from tests.kernels.expr_tools import run_torch
from tkeras_kernels import expr, library
from tkeras_kernels.expr import Expr, TraceError, simplify, trace

FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "exp": torch.exp,
    "expm1": torch.expm1,
    "special.expm1": torch.special.expm1,
    "special.expit": torch.special.expit,
    "log": lambda x: torch.log(torch.abs(x) + 1),
    "log2": lambda x: torch.log2(x.abs() + 1),
    "log10": lambda x: torch.log10(x.absolute() + 1),
    "log1p": lambda x: torch.log1p(x.abs()),
    "sqrt": lambda x: torch.sqrt(x.square()),
    "rsqrt": lambda x: torch.rsqrt(1 + x**2),
    "trigonometry": lambda x: torch.sin(x) + x.cos(),
    "exp2": torch.exp2,
    "erf": lambda x: torch.erf(x) + torch.erfc(x / 2) - torch.special.erf(x),
    "tanh": lambda x: torch.tanh(x) * x.tanh() + F.tanh(x),
    "sigmoid": lambda x: torch.sigmoid(x) - x.sigmoid() + F.sigmoid(x),
    "relu": lambda x: torch.relu(x) + 2 * F.relu(x) + x.relu(),
    "relu6": F.relu6,
    "gelu": F.gelu,
    "gelu tanh": lambda x: F.gelu(x, approximate="tanh"),
    "silu": F.silu,
    "mish": F.mish,
    "elu": lambda x: F.elu(x, alpha=0.5),
    "selu": torch.selu,
    "celu": lambda x: F.celu(x, 2.0),
    "softplus": F.softplus,
    "softplus beta": lambda x: F.softplus(x, beta=2.0),
    "softsign": F.softsign,
    "logsigmoid": F.logsigmoid,
    "leaky_relu": F.leaky_relu,
    "hardtanh": lambda x: F.hardtanh(x, -2.0, 0.5),
    "hardsigmoid": lambda x: F.hardsigmoid(x.float()) if isinstance(x, torch.Tensor) else F.hardsigmoid(x),
    "hardswish": F.hardswish,
    "hardshrink": F.hardshrink,
    "softshrink": lambda x: F.softshrink(x, 0.25),
    "tanhshrink": F.tanhshrink,
    "threshold": lambda x: F.threshold(x, 0.1, 20.0),
    "modules": torch.nn.Sequential(torch.nn.GELU(), torch.nn.Tanh(), torch.nn.LeakyReLU(0.3)),
    "where": lambda x: torch.where(x > 0, x, -2 * x),
    "where method": lambda x: x.where(x < 0.5, 0.0),
    "clamp": lambda x: torch.clamp(x, -1, 1) + x.clamp(min=0.5) + x.clip(max=0.1),
    "clamp_min": lambda x: x.clamp_min(0.0) + torch.clamp_max(x, 1.0),
    "maximum": lambda x: (
        torch.maximum(x, torch.tensor(0.25)) + torch.minimum(x, torch.sqrt(torch.tensor(4.0)))
    ),
    "max": lambda x: torch.max(x, 2 * x) + x.min(x * x),
    "pow": lambda x: torch.pow(x, 2) + x.pow(3) + torch.pow(2.0, x) + 2**x,
    "arithmetic": lambda x: torch.add(x, 1.0, alpha=2).sub(x * 3).mul(2).div(torch.neg(x) - 10),
    "rsub": lambda x: torch.rsub(x, 1.0) + torch.reciprocal(x.negative() + 9),
    "comparison": lambda x: torch.where(torch.gt(x, 0) & x.le(1) | torch.eq(x, 3), x, torch.zeros_like(x)),
    "logical": lambda x: torch.where(torch.logical_not(x > 0), torch.ones_like(x), torch.full_like(x, 3.0)),
    "mask": lambda x: x * (x > 0) + (x <= 0) * 0.1,
    "lerp": lambda x: torch.lerp(x, 2 * x, 0.25),
    "logaddexp": lambda x: torch.logaddexp(x, 1 - x),
    "in place": lambda x: _in_place(x),
    "numpy scalars": lambda x: np.float64(2.0) * x + np.sqrt(2.0) / (x + np.int64(9)) - (np.float32(1.0) - x),
    "floor": lambda x: torch.floor(x) + torch.sign(x),
}


def _in_place(x: Any) -> Any:
    y = x * 1.0
    y += 2.0
    y *= x
    return y


@pytest.mark.parametrize("name", FUNCTIONS)
def test_torch_function(name: str) -> None:
    function = FUNCTIONS[name]
    x = torch.cat([torch.randn(200), torch.linspace(-4, 4, 17)]).double()
    torch.testing.assert_close(
        run_torch(trace(function, 1), x)[0],
        function(x).double(),
        rtol=1e-6,
        atol=1e-6 if "hard" in name else 1e-9,
    )


def test_torch_calls_are_the_librarys() -> None:
    for torchs, ours in ((F.gelu, library.gelu), (F.silu, library.silu), (F.mish, library.mish)):
        assert simplify(trace(torchs, 1)).outputs[0] is simplify(trace(ours, 1)).outputs[0]


def test_python_control_flow_names_the_line() -> None:
    def user(x: Any) -> Any:
        if x > 0:
            return x
        return -x

    with pytest.raises(TraceError) as caught:
        trace(user, 1)
    line = user.__code__.co_firstlineno + 1
    assert f"{__file__}:{line}: `if x > 0:`" in str(caught.value)
    assert "torch.where" in str(caught.value)


OUTSIDE = torch.tensor(2.0)
REFUSED: dict[str, tuple[Callable[[Any], Any], str]] = {
    "and": (lambda x: x > 0 and x, "control flow"),
    "while": (lambda x: max(x, 0.0), "control flow"),
    "cumsum": (lambda x: torch.cumsum(x, 0), "`cumsum` cannot be traced"),
    "sum": (lambda x: torch.sum(x), "`sum` cannot be traced"),
    "reducing max": (lambda x: torch.max(x), "`max` cannot be traced with these arguments"),
    "out": (lambda x: torch.exp(x, out=None), "`exp` cannot be traced with these arguments"),
    "matmul": (lambda x: x @ x, "unsupported operand"),
    "softmax": (lambda x: F.softmax(x, dim=-1), "cannot be traced"),
    "dropout": (lambda x: F.dropout(x, 0.5), "`dropout` cannot be traced"),
    "method": (lambda x: x.cumsum(0), "no attribute 'cumsum'"),
    "shape": (lambda x: x * x.shape[0], "no attribute 'shape'"),
    "numpy function": (lambda x: np.exp(x), "numpy.exp cannot be traced"),
    "numpy array": (lambda x: x * np.ones(3), "numpy.multiply cannot be traced|Expected a traced value"),
    "asarray": (lambda x: np.asarray(x), "cannot become a numpy array"),
    "math": (lambda x: math.exp(x), "no number yet"),
    "int": (lambda x: int(x), "no number yet"),
    "float": (lambda x: float(x), "no number yet"),
    "range": (lambda x: range(x), "no number yet"),
    "len": (lambda x: len(x), "no number yet"),
    "index": (lambda x: x[0], "cannot be indexed"),
    "iterate": (lambda x: sum(x), "cannot be iterated"),
    "outside tensor": (lambda x: OUTSIDE * x, "Pass it as an argument"),
    "derived from outside": (lambda x: torch.sqrt(OUTSIDE) * x, "Pass it as an argument"),
    "random": (lambda x: torch.rand(()) * x, "Pass it as an argument"),
    "tensor": (lambda x: x * torch.ones(3), "Pass it as an argument"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    function, message = REFUSED[name]
    with pytest.raises(TypeError, match=message) as caught:
        trace(function, 1)
    if name != "matmul":
        assert isinstance(caught.value, TraceError)
        assert f"{__file__}:{function.__code__.co_firstlineno}" in str(caught.value)


def test_has_attribute() -> None:
    (x,) = trace(lambda x: x, 1).inputs
    assert not hasattr(x, "shape")
    assert not hasattr(x, "__fspath__")
    assert hasattr(x, "sigmoid")
    assert isinstance(x, Expr)
    assert (x == None) is False  # noqa: E711


def test_a_constant_tensor_is_one_only_in_its_trace() -> None:
    kept: list[torch.Tensor] = []

    def first(x: Any) -> Any:
        kept.append(torch.tensor(2.0))
        return x * kept[0]

    trace(first, 1)
    with pytest.raises(TraceError):
        trace(lambda x: x * kept[0], 1)


def test_values_of_another_trace_are_refused() -> None:
    (y,) = trace(lambda x: x, ["y"]).inputs
    with pytest.raises(TraceError, match="another trace: y"):
        trace(lambda x: x + y, ["x"])


def test_functions_on_numbers_and_tensors() -> None:
    assert expr.exp(0.0) == 1.0
    assert expr.maximum(2, 3) == 3.0
    assert expr.where(True, 1.0, 2.0) == 1.0
    assert expr.where(2.0 > 3.0, 1.0, 2.0) == 2.0
    assert expr.log(0.0) == -math.inf
    x = torch.tensor([-1.0, 2.0], dtype=torch.float16)
    assert expr.maximum(x, 0.0).dtype == torch.float16
    assert expr.where(x > 0, 1.0, 0.0).tolist() == [0.0, 1.0]
    assert expr.where(x > 0, x, 0.5).tolist() == [0.5, 2.0]
    assert expr.clip(x, -0.5, 0.5).tolist() == [-0.5, 0.5]
    assert expr.square(3.0) == 9.0
    assert expr.power(x, 2).tolist() == [1.0, 4.0]
