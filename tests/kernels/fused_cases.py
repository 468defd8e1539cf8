"""Numerical checks of fused operators, run by the interpreter's tests on the CPU and by tests/gpu on a GPU.

Every check compares with float64 and allows twice the error of torch in the same dtype, and a floor of 2e-6
of the largest value in float32 (sums in another order), one unit of rounding in half precision. Memory is
filled with NaN before kernels write to it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

from tkeras_kernels import library, runtime
from tkeras_kernels.inspect import measure_errors
from tkeras_kernels.operators import Operator, dense, map, matmul
from tkeras_kernels.pointwise import pointwise
from tkeras_kernels.runtime import Error

FACTOR = 2.0
UNITS = {torch.float32: 16.0, torch.bfloat16: 1.0, torch.float16: 1.0}
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


def own(x: Any) -> Any:
    """A user's activation: no library function, and its derivative needs the input."""
    return x * torch.sigmoid(1.5 * x) + 0.1 * x * x


def root(x: Any) -> Any:
    """Its derivative is NaN at 0, which is what tiles hold outside a matrix."""
    return x + torch.sqrt(x * x)


ACTIVATIONS: dict[str, Callable[..., Any] | None] = {
    "none": None,
    "linear": library.linear,
    "relu": library.relu,
    "gelu": library.gelu,
    "tanh": library.tanh,
    "softplus": library.softplus,
    "own": own,
    "root": root,
}
SHAPES = [(1, 1, 1), (3, 17, 100), (17, 129, 3), (100, 3, 129), (129, 100, 17)]
"""(rows, inner, columns) of dense."""


def fused(name: str) -> Any:
    function = ACTIVATIONS[name]
    return None if function is None else pointwise(function)


@contextmanager
def poisoned() -> Iterator[None]:
    """Uninitialised memory is NaN."""
    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before)


def draw(shape: tuple[int, ...], dtype: torch.dtype, device: str, scale: float = 1.0) -> torch.Tensor:
    """Fresh normal numbers, made on the CPU so that every device gets the same."""
    return (torch.randn(shape) * scale).to(dtype).to(device)


def beyond(found: list[Error], dtype: torch.dtype, near_zero: bool = True, share: float = 1.0) -> list[Error]:
    """Which errors break the bound, with a ``share`` of the floor. ``near_zero``: a result may happen to be
    small where its terms are about 1, so that the floor is never less than that of 1/8."""
    units = 1.0 if runtime.get_matmul_precision() == "tf32" else max(1.0, share * UNITS[dtype])
    least = torch.finfo(dtype).eps / 8 if near_zero else 0.0
    return [
        error for error in found if error.ours > FACTOR * error.theirs + units * max(error.rounding, least)
    ]


def check(operator: Operator, tensors: Any, attributes: dict[str, Any], gradients: Any = None) -> None:
    """Outputs and gradients of the fused kernels within the bound."""
    with poisoned():
        found = measure_errors(operator, tensors, attributes, gradients)
    wrong = beyond(found, tensors[0].dtype)
    assert not wrong, wrong


def dense_arguments(
    lead: tuple[int, ...], inner: int, columns: int, dtype: torch.dtype, device: str, bias: bool = True
) -> list[torch.Tensor | None]:
    return [
        draw((*lead, inner), dtype, device),
        draw((inner, columns), dtype, device, inner**-0.5),
        draw((columns,), dtype, device) if bias else None,
    ]


def check_dense(
    lead: tuple[int, ...],
    inner: int,
    columns: int,
    dtype: str,
    activation: str,
    device: str,
    bias: bool = True,
) -> None:
    tensors = dense_arguments(lead, inner, columns, DTYPES[dtype], device, bias)
    check(dense, tensors, {"activation": fused(activation)})


def check_dense_strided(device: str) -> None:
    """Arguments that are views with gaps, transposed or repeated."""
    x = draw((129, 34), torch.float32, device).t()[::2]
    kernel = draw((100, 129), torch.float32, device, 0.1).t()
    bias = draw((200,), torch.float32, device)[::2]
    assert not any(tensor.is_contiguous() for tensor in (x, kernel, bias))
    gradient = draw((100,), torch.float32, device).expand(17, 100)
    for name in ("gelu", "tanh"):
        check(dense, [x, kernel, bias], {"activation": fused(name)}, [gradient])


def check_dense_same_bits(device: str) -> None:
    """Forward and backward give the same bits twice, long sums split among programs included."""
    tensors = dense_arguments((1100,), 33, 65, torch.float32, device)
    attributes = {"activation": fused("gelu")}
    gradient = draw((1100, 65), torch.float32, device)
    runs = []
    for _ in range(2):
        y, saved = dense.forward(*tensors, **attributes)
        runs.append((y, *dense.backward(saved, (gradient,), (True, True, True), **attributes)))
    for first, second in zip(*runs, strict=True):
        assert torch.equal(first, second)


def blend(a: Any, b: Any, c: Any) -> Any:
    return torch.exp(-a * a) * b + c


def halves(a: Any, b: Any) -> tuple[Any, Any]:
    return a * torch.tanh(b), a + b * b


MAP_SHAPES: dict[str, list[tuple[int, ...]]] = {
    "equal": [(17, 129), (17, 129), (17, 129)],
    "row": [(3, 17, 100), (100,), (1, 17, 1)],
    "columns": [(129, 1), (129, 3), (1, 3)],
    "scalar": [(), (100,), (3, 1)],
    "outer": [(17, 1, 1, 3), (1, 129, 1, 3), (1, 1, 3, 1)],
    "five axes": [(2, 1, 3, 1, 2), (1, 3, 1, 2, 1), (2, 3, 3, 2, 2)],
}


def check_map(shapes: list[tuple[int, ...]], dtype: str, device: str) -> None:
    """Positive numbers, so that sums over broadcast axes do not cancel."""
    tensors = [draw(shape, DTYPES[dtype], device).abs() for shape in shapes]
    gradient = draw(tuple(torch.broadcast_shapes(*shapes)), DTYPES[dtype], device).abs()
    check(map, tensors, {"fn": pointwise(blend, arity=3)}, [gradient])


def check_map_two_results(device: str) -> None:
    tensors = [draw((17, 100), torch.float32, device), draw((100,), torch.float32, device)]
    check(map, tensors, {"fn": pointwise(halves, arity=2)})


def check_map_layouts(device: str) -> None:
    """Transposed, with gaps, channels-last, repeated; and results keep a dense layout."""
    images = draw((2, 3, 17, 5), torch.float32, device).to(memory_format=torch.channels_last)
    fn = pointwise(library.gelu)
    for x in (
        images,
        draw((100, 17), torch.float32, device).t(),
        draw((17, 200), torch.float32, device)[:, ::2],
        draw((17, 1), torch.float32, device).expand(17, 3),
    ):
        check(map, [x], {"fn": fn})
    (y, _) = map.forward(images, fn=fn)
    assert y.is_contiguous(memory_format=torch.channels_last)


ENDS: dict[str, tuple[bool, float]] = {"residual": (True, 0.0), "dropout": (False, 0.4), "both": (True, 0.4)}
"""What follows the activation of dense: a residual, and a rate of dropout."""


def check_dense_end(
    lead: tuple[int, ...], sizes: tuple[int, int], dtype: str, activation: str, end: str, device: str
) -> None:
    """Dropout and residual after the activation, forward and backward, with the elements that torch's Philox keeps."""
    residual, rate = ENDS[end]
    tensors = dense_arguments(lead, *sizes, DTYPES[dtype], device)
    if residual:
        tensors.append(draw((*lead, sizes[1]), DTYPES[dtype], device))
    attributes: dict[str, Any] = {"activation": fused(activation), "rate": rate}
    if rate:
        attributes["generator"] = torch.Generator(device).manual_seed(sizes[0])
    check(dense, tensors, dense.split(attributes)[0])


MATMUL_SHAPES: dict[str, list[tuple[int, ...]]] = {
    "plain": [(3, 17), (17, 100)],
    "batch": [(3, 17, 129), (3, 129, 1)],
    "axes": [(2, 3, 100, 3), (2, 3, 3, 17)],
    "empty batch": [(0, 3, 5), (0, 5, 4)],
    "empty sum": [(2, 3, 0), (2, 0, 4)],
}


def check_matmul(shapes: list[tuple[int, ...]], dtype: str, device: str) -> None:
    check(matmul, [draw(shape, DTYPES[dtype], device) for shape in shapes], {})


def check_matmul_strided(device: str) -> None:
    """Transposed matrices, axes in another order, a repeated factor."""
    a = draw((17, 3, 100), torch.float32, device).permute(1, 2, 0)
    b = draw((3, 5, 17), torch.float32, device).mT
    check(matmul, [a, b], {})
    check(matmul, [a, draw((17, 5), torch.float32, device).expand(3, 17, 5)], {})
