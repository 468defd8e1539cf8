"""Ops against real Keras: names, signatures, values, element types, gradients, symbolic shapes."""

from __future__ import annotations

import inspect
import os
import warnings
from collections.abc import Callable, Iterator
from typing import Any

os.environ["KERAS_BACKEND"] = "torch"

import keras
import numpy as np
import pytest
import torch

from tests.differential.ops_cases import ALL, EVERY, Case
from tkeras import Input, ops
from tkeras.config import standardize_dtype
from tkeras.graph import Plan

OURS_ONLY = {
    "einsum": "unknown keywords are refused, not ignored",
    "multi_hot": "without the keyword `num_tokens` of old versions",
    "layer_normalization": "`rms_scaling` is a parameter by name",
}
WRONG_SPECS = {
    "slogdet": "no batch axes",
    "adaptive_average_pool": "one axis too many",
    "adaptive_max_pool": "one axis too many",
    "image.scale_and_translate": "a batch size where it is unknown",
    "categorical_crossentropy": "drops the last axis instead of `axis`",
    "corrcoef": "the shape of the input",
}
"""Symbolic shapes of real Keras that are not those of its own results."""
WRONG_GRADIENTS = {
    "cdist": "NaN-prone root; ours has the gradient 0 at distance 0",
    "image.rgb_to_hsv": "ties",
    "ctc_decode": "the search is not differentiable; real Keras gives NaN",
}
TOLERANCE = {torch.float16: 3e-3, torch.bfloat16: 2e-2}


@pytest.fixture(autouse=True)
def _quiet_keras() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="keras")
        yield


def named(library: Any, name: str) -> Callable[..., Any]:
    for part in name.split("."):
        library = getattr(library, part)
    return library


def public(module: Any) -> set[str]:
    return {name for name in dir(module) if not name.startswith("_") and callable(getattr(module, name))}


def mapped(function: Callable[[torch.Tensor], Any], value: Any) -> Any:
    """``function`` of every tensor in a nested list."""
    if isinstance(value, torch.Tensor):
        return function(value)
    return (
        type(value)(mapped(function, item) for item in value) if isinstance(value, (list, tuple)) else value
    )


def flat(value: Any) -> list[Any]:
    return [leaf for item in value for leaf in flat(item)] if isinstance(value, (list, tuple)) else [value]


def arguments(case: Case, dtype: str) -> list[Any]:
    if len(case.dtypes) == 1:
        return mapped(torch.clone, list(case.args))
    kind = getattr(torch, dtype)
    return [
        mapped(torch.clone if i in case.keep else lambda t: t.to(kind, copy=True), a)
        for i, a in enumerate(case.args)
    ]


def close(ours: torch.Tensor, real: torch.Tensor, case: Case) -> None:
    tolerance = TOLERANCE.get(real.dtype, 1e-5) * case.loose
    wide = torch.complex128 if real.is_complex() else torch.float64
    torch.testing.assert_close(ours.to(wide), real.to(wide), rtol=tolerance, atol=tolerance, equal_nan=True)


def same_type(ours: torch.dtype, real: torch.dtype, dtype: str) -> bool:
    """Whether types agree; of 64 bits only the kind, as real Keras sometimes narrows and sometimes widens them."""
    if dtype not in ("int64", "float64"):
        return ours is real
    return (ours.is_floating_point, ours.is_complex) == (real.is_floating_point, real.is_complex)


@pytest.mark.parametrize("name", ["", "numpy", "nn", "linalg", "image"])
def test_every_name_is_there(name: str) -> None:
    real, ours = (getattr(library, name) if name else library for library in (keras.ops, ops))
    assert public(real) - public(ours) == set()


@pytest.mark.parametrize(
    "name", sorted(public(keras.ops)) + [f"image.{name}" for name in sorted(public(keras.ops.image))]
)
def test_signatures_are_equal(name: str) -> None:
    real, ours = (inspect.signature(named(library, name)).parameters.values() for library in (keras.ops, ops))
    if name not in OURS_ONLY:
        assert [(p.name, p.kind, p.default) for p in ours] == [(p.name, p.kind, p.default) for p in real]


@pytest.mark.parametrize("case", ALL, ids=str)
def test_values_and_types(case: Case) -> None:
    compared = 0
    for dtype in case.dtypes:
        try:
            real = named(keras.ops, case.name)(*arguments(case, dtype), **case.kwargs)
        except (RuntimeError, NotImplementedError, ValueError, TypeError, IndexError):
            assert len(case.dtypes) > 1, "real Keras refuses the call"
            continue
        ours = named(ops, case.name)(*arguments(case, dtype), **case.kwargs)
        assert len(flat(ours)) == len(flat(real))
        for one, other in zip(flat(ours), flat(real), strict=True):
            if not isinstance(other, torch.Tensor):
                assert one == other
                continue
            assert one.shape == other.shape, dtype
            assert same_type(one.dtype, other.dtype, dtype), (dtype, one.dtype, other.dtype)
            close(one, other, case)
        compared += 1
    assert compared


def gradients(library: Any, case: Case) -> list[torch.Tensor] | None:
    """Gradients of a weighted sum of the results, None where nothing is differentiable."""
    args = mapped(lambda t: t.clone().requires_grad_(t.is_floating_point()), list(case.args))
    leaves = [leaf for leaf in flat(args) if isinstance(leaf, torch.Tensor) and leaf.requires_grad]
    results = [
        r for r in flat(named(library, case.name)(*args, **case.kwargs)) if isinstance(r, torch.Tensor)
    ]
    results = [r for r in results if r.requires_grad]
    if not leaves or not results:
        return None
    generator = torch.Generator().manual_seed(1)
    total = sum(
        (r * torch.randn(r.shape, generator=generator, dtype=torch.float64).to(r.dtype)).sum().real
        for r in results
    )
    return torch.autograd.grad(total, leaves, allow_unused=True, materialize_grads=True)


FLOAT = [case for case in ALL if "float32" in case.dtypes and case.name not in WRONG_GRADIENTS]


@pytest.mark.parametrize("case", FLOAT, ids=str)
def test_gradients(case: Case) -> None:
    try:
        real = gradients(keras.ops, case)
    except RuntimeError:
        return  # torch has no derivative, or real Keras writes into its arguments
    ours = gradients(ops, case)
    assert (real is None) == (ours is None)
    for one, other in zip(ours or (), real or (), strict=True):
        close(one, other, Case(case.name, (), loose=10 * case.loose))


def symbolic(case: Case, make: Callable[..., Any], batch: bool) -> list[Any]:
    """The arguments as symbolic tensors; with ``batch`` the first sizes of the data are unknown."""

    def one(position: int) -> Callable[[torch.Tensor], Any]:
        def made(tensor: torch.Tensor) -> Any:
            shape = [*tensor.shape]
            if batch and tensor.ndim > 1 and not (position and case.name in PARAMETERS):
                shape[0] = None
            return make(shape, standardize_dtype(tensor.dtype))

        return made

    return [mapped(one(i), arg) for i, arg in enumerate(case.args)]


PARAMETERS = [
    "conv",
    "depthwise_conv",
    "separable_conv",
    "conv_transpose",
    "matmul",
    "tensordot",
    "dot",
    "kron",
    "inner",
    "take",
    "scatter",
    "scatter_update",
    "einsum",
    "batch_normalization",
    "layer_normalization",
    "rms_normalization",
    "searchsorted",
    "image.perspective_transform",
]
"""Ops whose later arguments are no data."""
SYMBOLIC = [
    case
    for case in ALL
    if case.symbolic
    and case.name not in ("shape", "ndim")
    and any(isinstance(a, torch.Tensor) for a in flat(list(case.args)))
]


@pytest.mark.parametrize("case", SYMBOLIC, ids=str)
def test_symbolic_shapes(case: Case) -> None:
    eager = flat(
        named(ops, case.name)(
            *arguments(case, "float32") if len(case.dtypes) == 1 else case.args, **case.kwargs
        )
    )
    for batch in (False, True) if case.batch else (False,):
        ours = flat(
            named(ops, case.name)(
                *symbolic(case, lambda s, d: Input(batch_shape=s, dtype=d), batch), **case.kwargs
            )
        )
        assert [one.dtype for one in ours] == [standardize_dtype(value.dtype) for value in eager]
        if not batch and case.name != "where":
            assert [one.shape for one in ours] == [tuple(value.shape) for value in eager]
        if case.name in WRONG_SPECS or (case.name == "where" and len(case.args) == 1):
            continue
        try:
            real = flat(
                named(keras.ops, case.name)(
                    *symbolic(case, lambda s, d: keras.KerasTensor(s, d), batch), **case.kwargs
                )
            )
        except (AttributeError, TypeError, ValueError):  # real Keras has no symbolic form
            continue
        assert [one.shape for one in ours] == [tuple(one.shape) for one in real]


@pytest.mark.parametrize("case", [c for c in SYMBOLIC if c.name != "stop_gradient"], ids=str)
def test_recorded_calls_run(case: Case) -> None:
    """A graph of one op computes what the op computes."""
    args = arguments(case, "float32") if len(case.dtypes) == 1 else list(case.args)
    expected = flat(named(ops, case.name)(*mapped(torch.clone, args), **case.kwargs))
    inputs = symbolic(case, lambda s, d: Input(batch_shape=s, dtype=d), False)
    outputs = named(ops, case.name)(*inputs, **case.kwargs)
    symbols = [leaf for leaf in flat(inputs) if hasattr(leaf, "_keras_history")]
    operation = flat(outputs)[0]._keras_history.operation
    assert operation.function is named(ops, case.name)
    values = [leaf for leaf in flat(args) if isinstance(leaf, torch.Tensor)]
    found = flat(Plan(symbols, outputs).run(values))
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, equal_nan=True)


HOST: list[Any] = [
    3,
    2.5,
    True,
    [1, 2, 3],
    [1.5, 2],
    (1, 2.5),
    np.arange(3),
    np.ones(3, "float32"),
    np.float32(2),
    np.ones(3),
]


@pytest.mark.parametrize("value", HOST, ids=repr)
@pytest.mark.parametrize(
    "name", ["exp", "sum", "mean", "abs", "square", "max", "floor", "sqrt", "convert_to_tensor"]
)
def test_host_values(name: str, value: Any) -> None:
    real, ours = (getattr(library, name)(value) for library in (keras.ops, ops))
    wide = isinstance(value, np.ndarray) and value.dtype.itemsize == 8
    assert same_type(ours.dtype, real.dtype, "float64" if wide else "float32")
    torch.testing.assert_close(ours, real, check_dtype=False)


@pytest.mark.parametrize("value", [2, 2.5, True, [1, 2, 3, 4], np.ones(4, "float32")], ids=repr)
@pytest.mark.parametrize("dtype", EVERY)
@pytest.mark.parametrize("name", ["add", "multiply", "equal", "divide", "maximum"])
def test_tensor_with_host_value(name: str, dtype: str, value: Any) -> None:
    x = torch.tensor([1, 0, 3, 2]).to(getattr(torch, dtype))
    for pair in ((x, value), (value, x)):
        real, ours = (getattr(library, name)(*pair) for library in (keras.ops, ops))
        assert same_type(ours.dtype, real.dtype, dtype)
        torch.testing.assert_close(ours, real, check_dtype=False)
