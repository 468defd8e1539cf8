"""Pointwise functions as values."""

import copy
import pickle

import pytest
import torch

from tkeras_kernels import library
from tkeras_kernels.pointwise import Pointwise, pointwise

PARAMETERS = {"threshold": {"threshold": 0.3, "default_value": -1.0}, "leaky_relu": {"negative_slope": 0.4}}
NAMES = [
    "celu",
    "elu",
    "exponential",
    "gelu",
    "hard_shrink",
    "hard_sigmoid",
    "hard_silu",
    "hard_tanh",
    "leaky_relu",
    "linear",
    "log_sigmoid",
    "mish",
    "relu",
    "relu6",
    "selu",
    "sigmoid",
    "silu",
    "soft_shrink",
    "softplus",
    "softsign",
    "sparse_plus",
    "squareplus",
    "tanh",
    "tanh_shrink",
    "threshold",
]


@pytest.mark.parametrize("name", NAMES)
def test_torch_form_is_the_equation(name):
    """ATen's function and the library's own, values and gradients, off the kinks."""
    function = getattr(library, name)
    parameters = PARAMETERS.get(name, {})
    x = torch.linspace(-7.03, 7.01, 200, dtype=torch.float64, requires_grad=True)
    fn = pointwise(function, **parameters)
    ours, theirs = fn.torch(x), function(x, **parameters)
    torch.testing.assert_close(ours, theirs, rtol=1e-8, atol=1e-8)
    gradients = [torch.autograd.grad(y.sum(), x)[0] for y in (ours, theirs)]
    torch.testing.assert_close(*gradients, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize(
    "parameters",
    [
        {"negative_slope": 0.1},
        {"max_value": 3.0},
        {"threshold": 1.0},
        {"negative_slope": 0.1, "max_value": 3.0, "threshold": 0.5},
    ],
)
def test_relu_parameters(parameters):
    x = torch.linspace(-5.0, 5.0, 101, dtype=torch.float64)
    torch.testing.assert_close(pointwise(library.relu, **parameters).torch(x), library.relu(x, **parameters))


def test_common_activations_are_one_aten_call():
    assert pointwise(library.relu).torch is torch.relu
    assert pointwise(library.tanh).torch is torch.tanh
    assert pointwise(library.gelu, approximate=True).torch.keywords == {"approximate": "tanh"}


def test_one_object_for_one_function_and_parameters():
    assert pointwise(library.elu) is pointwise(library.elu)
    assert pointwise(library.elu, alpha=1.0) is pointwise(library.elu)
    assert pointwise(library.elu, alpha=0.5) is not pointwise(library.elu)
    assert {pointwise(library.elu): 1}[pointwise(library.elu)] == 1


def test_names():
    assert pointwise(library.relu).name == "relu"
    assert pointwise(library.elu, alpha=0.5).name == "elu(alpha=0.5)"
    assert pointwise(relu).name == f"{__name__}.relu"


def relu(x):
    return torch.where(x > 1.0, x, x * 0.5)


@pytest.mark.parametrize("fn", [pointwise(library.elu, alpha=0.5), pointwise(relu)], ids=["library", "own"])
def test_copies_and_pickles(fn):
    assert copy.copy(fn) is fn
    assert copy.deepcopy({"a": [fn]})["a"][0] is fn
    assert pickle.loads(pickle.dumps(fn)) is fn


def test_nothing_is_kept_alive():
    def function(x):
        return x

    from tkeras_kernels.pointwise import _known

    fn = pointwise(function)
    before = len(_known)
    del fn
    assert len(_known) == before - 1


def test_nothing_is_traced_until_asked():
    calls = []

    def function(x):
        calls.append(x)
        return x * 2.0

    fn = pointwise(function)
    assert calls == []
    assert fn.graph is not None
    assert fn.saves == "none"
    assert len(calls) == 1


def test_an_unhashable_function():
    class Function:
        __hash__ = None

        def __call__(self, x):
            return x + 1.0

    fn = pointwise(Function())
    assert fn.graph is not None
    torch.testing.assert_close(fn.torch(torch.zeros(2)), torch.ones(2))


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (lambda x: x if x > 0 else -x, "control flow"),
        (lambda x: x.unknown(), "unknown"),
        (lambda x: {}[x], "KeyError"),
        (lambda x, y: x, "TypeError"),
    ],
)
def test_why_a_function_cannot_be_traced(function, reason):
    fn = Pointwise(function, 1, {})
    assert fn.graph is None
    assert reason in (fn.reason or "")
    with pytest.raises(TypeError, match="cannot be traced"):
        _ = fn.forward_leaf
