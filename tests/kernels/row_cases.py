"""Numerical checks of the operators that reduce rows, for the interpreter's tests and those in tests/gpu.

Bounds are those of ``fused_cases``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F

from tests.kernels.fused_cases import DTYPES, beyond, draw, poisoned
from tkeras_kernels import losses, runtime
from tkeras_kernels.inspect import measure_errors
from tkeras_kernels.operators import (
    Operator,
    log_softmax,
    reduce_rows,
    sigmoid_cross_entropy,
    softmax,
    softmax_cross_entropy,
    sparse_softmax_cross_entropy,
)
from tkeras_kernels.pointwise import pointwise

MANY = runtime.Target("many", "interpret", 0, 1 << 30, 16, "interpret")
"""The interpreter with enough multiprocessors that long rows are split among programs."""
ROWS = [(1, 1), (3, 17), (17, 100), (2, 3, 129), (129, 3), (100,), (0, 5), (3, 5000)]
"""One element to rows that are walked in steps."""


def check(operator: Operator, tensors: Any, attributes: dict[str, Any], gradients: Any = None) -> None:
    """Outputs and gradients of the fused kernels within the bound of the last float tensor's dtype."""
    assert operator.unsupported(tuple(tensors), attributes) is None
    dtype = [tensor.dtype for tensor in tensors if tensor is not None and tensor.is_floating_point()][-1]
    with poisoned():
        found = measure_errors(operator, tensors, attributes, gradients)
    wrong = beyond(found, dtype, near_zero=False)
    assert not wrong, wrong


def check_same_bits(operator: Operator, tensors: Any, attributes: dict[str, Any]) -> None:
    """Forward and backward give the same bits twice."""
    runs = []
    gradient = None
    for _ in range(2):
        outputs, saved = operator.forward(*tensors, **attributes)
        outputs = outputs if isinstance(outputs, tuple) else (outputs,)
        gradient = gradient or tuple(torch.randn_like(output) for output in outputs)
        needs = [tensor is not None and tensor.is_floating_point() for tensor in tensors]
        runs.append((*outputs, *operator.backward(saved, gradient, needs, **attributes)))
    for first, second in zip(*runs, strict=True):
        assert first is second is None or torch.equal(first, second)


def far(shape: tuple[int, int], dtype: torch.dtype, device: str) -> torch.Tensor:
    """Rows 2^31 elements apart, of which only the rows themselves ever take memory."""
    stride = 2**31 + 16
    storage = torch.empty((shape[0] - 1) * stride + shape[1], dtype=dtype, device=device)
    view = storage.as_strided(shape, (stride, 1))
    return view.copy_(draw(shape, dtype, device))


# Softmax.

SOFTMAX_AXES: list[tuple[tuple[int, ...], int | tuple[int, ...]]] = [
    *((shape, -1) for shape in ROWS),
    ((3, 100, 17), 1),
    ((2, 5000, 3), 1),
    ((17, 3), 0),
    ((5, 0), -1),
    ((2, 3, 4, 5), (1, 2)),
    ((2, 3, 4, 5), (3, 1)),
    ((2, 3, 4, 5), (0, 1, 2, 3)),
    ((2, 3, 4, 5), 2),
]


def check_softmax(shape: tuple[int, ...], axis: int | tuple[int, ...], dtype: str, device: str) -> None:
    for operator in (softmax, log_softmax):
        check(operator, [draw(shape, DTYPES[dtype], device, 4.0)], {"axis": axis})


def check_softmax_layouts(device: str) -> None:
    """Transposed, with gaps, repeated, channels-last; gradients of any layout."""
    draws: list[torch.Tensor] = [
        draw((100, 17), torch.float32, device).t(),
        draw((17, 200), torch.float32, device)[:, ::2],
        draw((17, 1), torch.float32, device).expand(17, 3),
        draw((2, 6, 3, 5), torch.float32, device).to(memory_format=torch.channels_last),
        draw((2, 3, 4, 5), torch.float32, device).permute(3, 0, 2, 1),
    ]
    for x in draws:
        gradient = draw(tuple(x.shape[::-1]), torch.float32, device).permute(*range(x.dim() - 1, -1, -1))
        for axis in (-1, 0):
            check(softmax, [x], {"axis": axis})
            check(log_softmax, [x], {"axis": axis}, [gradient])
    y, _ = softmax.forward(draws[3], axis=1)
    assert y.is_contiguous(memory_format=torch.channels_last)


def check_softmax_infinities(device: str) -> None:
    """NaN exactly where torch has it, for masked rows and for rows walked in steps whose first step is masked."""
    x = torch.full((6, 5000), -torch.inf, device=device)
    x[1, 4000] = 3.0
    x[2, 3000:] = 1.0
    x[3] = draw((5000,), torch.float32, device)
    x[3, 17], x[4, 3], x[5, 2:] = torch.nan, torch.inf, 1e30
    for rows in (x, x[:, 2990:3010].contiguous()):
        for operator in (softmax, log_softmax):
            torch.testing.assert_close(operator.infer(rows), operator.reference(rows), equal_nan=True)


# Cross-entropy.


def check_sparse(shape: tuple[int, ...], dtype: str, device: str, labels: torch.dtype, scale: float) -> None:
    logits = draw(shape, DTYPES[dtype], device, scale)
    numbers = torch.randint(shape[-1], shape[:-1]).to(labels).to(device)
    check(sparse_softmax_cross_entropy, [numbers, logits], {})


def check_dense_labels(shape: tuple[int, ...], dtype: str, device: str, scale: float) -> None:
    """One-hot integers, smoothed labels, and any weights."""
    logits = draw(shape, DTYPES[dtype], device, scale)
    one_hot = F.one_hot(torch.randint(shape[-1], shape[:-1]), shape[-1]).to(device)
    smooth = (0.9 * one_hot + 0.1 / shape[-1]).to(logits.dtype)
    for labels in (one_hot, smooth, draw(shape, logits.dtype, device).abs()):
        check(softmax_cross_entropy, [labels, logits], {})


def check_entropy_layouts(device: str) -> None:
    """Classes on another axis, labels and gradients with strides, and the gradient of a mean."""
    logits = draw((4, 10, 6), torch.float32, device).movedim(1, -1)
    labels = torch.randint(10, (6, 4), device=device).t()
    mean = torch.full((), 1 / 24, device=device).expand(4, 6)
    weights = draw((6, 4, 10), torch.float32, device).abs().transpose(0, 1)
    for x in (logits, logits.contiguous(), draw((4, 6, 20), torch.float32, device)[..., ::2]):
        for gradient in (mean, draw((6, 4), torch.float32, device).t()):
            check(sparse_softmax_cross_entropy, [labels, x], {}, [gradient])
            check(softmax_cross_entropy, [weights, x], {}, [gradient])
    flags = draw((4, 10, 6), torch.float32, device).movedim(1, -1) > 0
    check(softmax_cross_entropy, [flags, logits], {})


def check_labels_out_of_range(device: str) -> None:
    """They read nothing and give NaN to their own rows; -100 gives zero; both for whole rows and in steps."""
    for classes in (7, 5000):
        logits = draw((6, classes), torch.float32, device)
        labels = torch.tensor([-100, 3, classes, -1, 2**40, classes - 1], device=device)
        loss, saved = sparse_softmax_cross_entropy.forward(labels, logits)
        _, dx = sparse_softmax_cross_entropy.backward(saved, (torch.ones_like(loss),), (False, True))
        assert dx is not None
        wanted = [False, False, True, True, True, False]
        assert loss.isnan().tolist() == wanted
        assert dx.isnan().any(1).tolist() == dx.isnan().all(1).tolist() == wanted
        assert loss[0] == 0
        assert not dx[0].any()
        logits[0] = torch.nan
        loss, saved = sparse_softmax_cross_entropy.forward(labels, logits)
        _, dx = sparse_softmax_cross_entropy.backward(saved, (torch.ones_like(loss),), (False, True))
        assert dx is not None
        assert loss[0] == 0
        assert not dx[0].any()


def check_sigmoid(shape: tuple[int, ...], dtype: str, device: str, labels: torch.dtype) -> None:
    logits = draw(shape, DTYPES[dtype], device, 8.0)
    check(sigmoid_cross_entropy, [(draw(shape, torch.float32, device) > 0).to(labels), logits], {})


# Reductions.

LOSSES: dict[str, Callable[..., Any]] = {
    function.__name__: function
    for function in (
        losses.squared_error,
        losses.absolute_error,
        losses.absolute_percentage_error,
        losses.squared_logarithmic_error,
        losses.huber,
        losses.log_cosh,
        losses.poisson,
        losses.kl_divergence,
        losses.hinge,
        losses.squared_hinge,
        losses.sigmoid_cross_entropy,
    )
}
SQUARED = pointwise(losses.squared_error, arity=2)
COSINE = {
    "fn": pointwise(losses.products, arity=2),
    "then": pointwise(losses.cosine_similarity, arity=3),
    "reduction": "sum",
}


def check_loss(name: str, shape: tuple[int, ...], dtype: str, device: str) -> None:
    """Positive numbers, so that logarithms are taken."""
    pair = [draw(shape, DTYPES[dtype], device).abs() + 0.1 for _ in range(2)]
    check(reduce_rows, pair, {"fn": pointwise(LOSSES[name], arity=2)})


OF_PROBABILITIES: list[tuple[Callable[..., Any], dict[str, Any], int]] = [
    (losses.binary_cross_entropy, {}, 2),
    (losses.binary_focal, {"alpha": 0.25}, 2),
    (losses.binary_focal, {"logits": True, "gamma": 1.5}, 2),
    (losses.cross_entropy, {}, 3),
    (losses.focal, {"gamma": 2.0, "alpha": 0.25}, 3),
]
OVERLAPS: list[tuple[Callable[..., Any], Callable[..., Any], dict[str, Any]]] = [
    (losses.overlaps, losses.dice, {}),
    (losses.misses, losses.tversky, {"alpha": 0.2, "beta": 0.7}),
]


def check_losses_of_probabilities(dtype: str, device: str) -> None:
    """Targets and probabilities, and what these are shares of where the function divides."""
    target, value = ((torch.rand(17, 129) * 0.8 + 0.1).to(DTYPES[dtype]).to(device) for _ in range(2))
    total = value.sum(-1, keepdim=True)
    for function, parameters, arity in OF_PROBABILITIES:
        fn = pointwise(function, arity=arity, **parameters)
        check(reduce_rows, [target, value, total][:arity], {"fn": fn, "reduction": "sum"})
    for function, then, parameters in OVERLAPS:
        attributes = {"fn": pointwise(function, arity=2), "then": pointwise(then, arity=3, **parameters)}
        check(reduce_rows, [target, value], attributes | {"reduction": "sum", "axis": (0, 1)})


def check_reduction(
    shapes: Sequence[tuple[int, ...]],
    axis: Any,
    reduction: str,
    dtype: str,
    device: str,
    keepdims: bool = False,
) -> None:
    tensors = [draw(shape, DTYPES[dtype], device) for shape in shapes]
    attributes: dict[str, Any] = {"axis": axis, "reduction": reduction, "keepdims": keepdims}
    check(reduce_rows, tensors, attributes | ({"fn": SQUARED} if len(tensors) > 1 else {}))


def check_cosine(dtype: str, device: str) -> None:
    pair = [draw((17, 129), DTYPES[dtype], device) for _ in range(2)]
    check(reduce_rows, pair, COSINE)
    check(reduce_rows, [tensor.t() for tensor in pair], COSINE | {"axis": 0})


def check_several_results(device: str) -> None:
    pair = [draw((17, 129), torch.float32, device) for _ in range(2)]
    check(reduce_rows, pair, {"fn": pointwise(losses.products, arity=2), "axis": 1})


def check_maximum(device: str) -> None:
    """Ties share the gradient; a NaN wins."""
    x = draw((17, 129), torch.float32, device).round()
    for axis in (0, 1, (0, 1)):
        check(reduce_rows, [x], {"reduction": "max", "axis": axis})
    x[3, 5] = torch.nan
    found = reduce_rows.infer(x, reduction="max", axis=-1)
    torch.testing.assert_close(found, torch.amax(x, -1), equal_nan=True)


def check_large_offsets(device: str) -> None:
    """Rows 2^31 elements apart."""
    x = far((2, 33), torch.bfloat16, device)
    near = x.contiguous()
    labels = torch.tensor([3, 32], device=device)
    for operator, first in ((softmax, ()), (sparse_softmax_cross_entropy, (labels,)), (reduce_rows, ())):
        y, saved = operator.forward(*first, x)
        expected, kept = operator.forward(*first, near)
        assert torch.equal(y, expected)
        needs = (False,) * len(first) + (True,)
        found = operator.backward(saved, (y,), needs)
        wanted = operator.backward(kept, (y,), needs)
        assert torch.equal(found[-1], wanted[-1])
