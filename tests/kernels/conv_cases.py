"""Numerical checks of the convolution operators, for the interpreter's tests and those in tests/gpu.

Bounds are those of ``fused_cases``.
"""

from __future__ import annotations

from typing import Any

import torch

from tests.kernels import fused_cases as cases
from tkeras_kernels import runtime
from tkeras_kernels.operators import Operator, conv, conv_transpose, depthwise_conv, reference_gradients

MANY = runtime.Target("many", "interpret", 0, 1 << 30, 12, "interpret")
"""The interpreter with enough multiprocessors that sums over pixels are split among programs."""
Shape = tuple[int, ...]
Call = tuple[Operator, tuple[Shape | None, ...], dict[str, Any]]

CALLS: dict[str, Call] = {
    "1d": (conv, ((3, 17, 20), (3, 20, 17), (17,)), {}),
    "1d causal": (conv, ((2, 17, 17), (3, 17, 5), (5,)), {"padding": "causal", "dilation_rate": 3}),
    "1d causal stride": (conv, ((2, 17, 17), (2, 17, 5), None), {"padding": "causal", "strides": 2}),
    "2d same": (conv, ((2, 9, 7, 70), (3, 3, 70, 33), (33,)), {"padding": "same"}),
    "2d stride": (conv, ((2, 9, 8, 17), (3, 2, 17, 20), (20,)), {"padding": "same", "strides": (2, 3)}),
    "2d dilation": (conv, ((2, 9, 9, 17), (3, 2, 17, 3), (3,)), {"padding": "same", "dilation_rate": (2, 3)}),
    "2d both": (conv, ((1, 11, 9, 16), (2, 3, 16, 3), (3,)), {"strides": (4, 3), "dilation_rate": (2, 3)}),
    "2d rgb": (conv, ((3, 13, 11, 3), (5, 4, 3, 33), (33,)), {"padding": "same", "strides": 2}),
    "2d to one": (conv, ((3, 9, 9, 16), (3, 3, 16, 1), (1,)), {"padding": "same"}),
    "2d groups": (conv, ((2, 7, 6, 34), (3, 3, 17, 38), (38,)), {"groups": 2}),
    "2d small groups": (conv, ((2, 7, 6, 12), (2, 3, 4, 6), (6,)), {"groups": 3, "strides": 2}),
    "2d groups of one": (conv, ((2, 7, 6, 5), (3, 3, 1, 10), (10,)), {"groups": 5, "padding": "same"}),
    "2d one tap": (conv, ((2, 7, 6, 17), (1, 1, 17, 20), (20,)), {"strides": 2}),
    "2d dense": (conv, ((2, 7, 6, 17), (1, 1, 17, 20), (20,)), {"padding": "same"}),
    "2d residual": (conv, ((2, 7, 6, 17), (3, 3, 17, 5), (5,), (2, 5, 4, 5)), {}),
    "2d residual of one": (conv, ((2, 5, 4, 3), (1, 1, 3, 5), None, (2, 5, 4, 5)), {}),
    "2d residual groups": (conv, ((2, 5, 4, 3), (3, 3, 1, 3), None, (2, 5, 4, 3)), {"padding": "same", "groups": 3}),
    "2d first": (conv, ((2, 17, 9, 7), (3, 3, 17, 5), (5,)), {"data_format": "channels_first", "strides": 2}),
    "2d dense first": (conv, ((2, 17, 3, 7), (1, 1, 17, 5), (5,)), {"data_format": "channels_first"}),
    "2d rows": (conv, ((13, 9, 5, 16), (2, 2, 16, 130), (130,)), {"padding": "same"}),
    "3d": (conv, ((2, 5, 6, 4, 16), (2, 3, 3, 16, 17), (17,)), {"padding": "same"}),
    "3d stride": (conv, ((1, 5, 6, 7, 3), (3, 2, 3, 3, 5), (5,)), {"strides": (2, 1, 3)}),
    "one": (conv, ((1, 1, 1, 1), (3, 3, 1, 1), (1,)), {"padding": "same"}),
    "depthwise 1d": (depthwise_conv, ((2, 17, 5), (3, 5, 1), (5,)), {"dilation_rate": 2}),
    "depthwise": (depthwise_conv, ((2, 9, 8, 130), (3, 3, 130, 1), (130,)), {"padding": "same"}),
    "depthwise multiplier": (depthwise_conv, ((2, 9, 8, 5), (3, 2, 5, 3), (15,)), {"padding": "same", "strides": 2}),
    "depthwise 3d": (depthwise_conv, ((2, 3, 4, 5, 3), (2, 2, 2, 3, 2), None), {"strides": (1, 2, 1)}),
    "depthwise first": (depthwise_conv, ((2, 5, 9, 8), (3, 3, 5, 2), (10,)), {"data_format": "channels_first"}),
    "transpose 1d": (conv_transpose, ((3, 7, 17), (3, 5, 17), (5,)), {"strides": 2}),
    "transpose same": (conv_transpose, ((2, 5, 4, 20), (3, 3, 17, 20), (17,)), {"strides": 2, "padding": "same"}),
    "transpose rgb": (conv_transpose, ((2, 5, 4, 17), (4, 5, 3, 17), (3,)), {"strides": (2, 3), "padding": "same"}),
    "transpose gap": (conv_transpose, ((2, 3, 4, 3), (2, 1, 17, 3), (17,)), {"strides": 3}),
    "transpose dilation": (
        conv_transpose,
        ((2, 3, 4, 3), (3, 2, 4, 3), (4,)),
        {"strides": (4, 3), "dilation_rate": (2, 3), "padding": "same", "output_padding": (1, 0)},
    ),
    "transpose 3d": (conv_transpose, ((1, 2, 3, 2, 5), (2, 3, 2, 4, 5), None), {"strides": (2, 1, 2)}),
    "transpose first": (
        conv_transpose,
        ((2, 17, 3, 4), (3, 3, 5, 17), (5,)),
        {"data_format": "channels_first", "padding": "same"},
    ),
}  # fmt: skip
ODD = ["1d", "2d same", "2d stride", "2d rgb", "depthwise multiplier", "transpose same"]
"""One call for each way through the kernels."""


def arguments(call: Call, dtype: torch.dtype, device: str) -> list[torch.Tensor | None]:
    """Normal numbers; the kernel is scaled so that results are around 1."""
    operator, shapes, _ = call
    kernel = shapes[1]
    assert kernel is not None
    taps = kernel[:-2] if operator is depthwise_conv else kernel[:-1]
    scale = torch.Size(taps).numel() ** -0.5
    return [
        None if shape is None else cases.draw(shape, dtype, device, scale if index == 1 else 1.0)
        for index, shape in enumerate(shapes)
    ]


def check(call: Call, dtype: str, activation: str, device: str) -> None:
    """Outputs and gradients of the fused kernels within the bound."""
    check_tensors(call, arguments(call, cases.DTYPES[dtype], device), activation)


def check_tensors(call: Call, tensors: list[torch.Tensor | None], activation: str = "gelu") -> None:
    operator, _, options = call
    attributes = {**options, "activation": cases.fused(activation)}
    assert operator.unsupported(tuple(tensors), attributes) is None
    cases.check(operator, tensors, attributes)


def apart(tensor: torch.Tensor | None) -> torch.Tensor | None:
    """The same values, with gaps between them and the axes in another order of memory."""
    if tensor is None:
        return None
    order = tuple(reversed(range(tensor.dim())))
    memory = tensor.new_zeros((*(tensor.shape[axis] for axis in order), 2))
    view = memory[..., 0].permute(order)
    return view.copy_(tensor)


def check_strided(name: str, device: str) -> None:
    """Every argument and the gradient are views with gaps; then the gradient is one value expanded."""
    operator, _, options = CALLS[name]
    tensors = [apart(tensor) for tensor in arguments(CALLS[name], torch.float32, device)]
    y = operator.reference(*tensors, **options)
    gradients = apart(torch.randn_like(y)), torch.randn((), device=device).expand(y.shape)
    for gradient in gradients:
        cases.check(operator, tensors, {**options, "activation": cases.fused("gelu")}, [gradient])


def long(name: str) -> Call:
    """A call of so many images that its sums over pixels are long."""
    operator, (x, *shapes), options = CALLS[name]
    assert x is not None
    y = operator.reference(*(torch.empty(shape, device="meta") for shape in (x, *shapes)), **options)
    pixels = min(torch.Size(x[1:-1]).numel(), y[0, ..., 0].numel())
    return operator, ((-(-160 // pixels), *x[1:]), *shapes), options


def check_same_bits(call: Call, device: str, needs: tuple[bool, bool, bool] = (True, True, True)) -> None:
    """The gradients of a long call are within the bound, and the same bits twice."""
    operator, _, options = call
    tensors = arguments(call, torch.float32, device)
    attributes = {**options, "activation": cases.fused("tanh")}
    y = operator.reference(*tensors, **attributes)
    gradient = torch.randn_like(y)
    saved = (tensors[0], tensors[1], y)
    first, second = (operator.backward(saved, (gradient,), needs, **attributes) for _ in range(2))
    doubles = tuple(tensor.double() for tensor in tensors)
    plain = reference_gradients(operator, tuple(tensors), (gradient,), needs, attributes)
    exact = reference_gradients(operator, doubles, (gradient.double(),), needs, attributes)
    found = runtime.errors("gradient", first, plain, exact)
    assert all(error.within(cases.FACTOR, cases.UNITS[torch.float32]) for error in found), found
    for one, other in zip(first, second, strict=True):
        assert one is other is None or torch.equal(one, other)


def far(shape: Shape, dtype: torch.dtype, device: str) -> torch.Tensor:
    """Images 2^31 elements apart, of which only the images themselves ever take memory."""
    stride = 2**31 + 16
    inner = torch.Size(shape[1:])
    storage = torch.empty((shape[0] - 1) * stride + inner.numel(), dtype=dtype, device=device)
    view = storage.as_strided(shape, (stride, *torch.empty(inner, device="meta").stride()))
    return view.copy_(cases.draw(shape, dtype, device))


def check_far(name: str, device: str) -> None:
    """Offsets past 2^31."""
    operator, ((_, *sizes), *shapes), options = CALLS[name]
    call = (operator, ((2, *sizes), *shapes), options)
    _, *others = arguments(call, torch.bfloat16, device)
    check_tensors(call, [far((2, *sizes), torch.bfloat16, device), *others])
