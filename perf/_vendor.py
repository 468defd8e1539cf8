"""The bare call of the library that torch has for an operator: the arithmetic alone, in the library's layout.

No bias, activation or mask that the library does not take in the same call, no transposition: a bound to
compare with, not the same work. Its inputs are its own, and its numbers are held against itself in float64.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import torch

from tkeras_kernels.operators import Case

Call = Callable[..., Any]
aten = torch.ops.aten


class Vendor(NamedTuple):
    """A call of the library, and its inputs."""

    call: Call
    inputs: list[torch.Tensor | None]


class _Plan(NamedTuple):
    """Shapes of the inputs, gradient of the output last; forward, and forward with backward.

    Both are functions of the inputs, forward without the gradient.
    """

    shapes: tuple[tuple[int, ...], ...]
    gradient: tuple[int, ...]
    forward: Call
    both: Call
    channels_last: bool = False
    wide: tuple[int, ...] = ()
    """Inputs that are float32 beside half precision."""
    module: Callable[..., Any] | None = None
    """Whose weights are the last inputs: cuDNN wants them in one piece of memory."""


def vendor(name: str, case: Case, dtype: torch.dtype, pass_: str, device: str) -> Vendor | str:
    """The library's call for a case, or why there is none."""
    plan = _PLANS[name](case, device) if name in _PLANS else "torch has no bare call for it"
    if isinstance(plan, str):
        return plan
    shapes = plan.shapes if pass_ == "forward" else (*plan.shapes, plan.gradient)
    inputs: list[torch.Tensor | None] = []
    for position, shape in enumerate(shapes):
        kind = torch.float32 if position in plan.wide and dtype.itemsize == 2 else dtype
        made = torch.randn(shape, device=device).to(kind)
        layout = {4: torch.channels_last, 5: torch.channels_last_3d}.get(len(shape))
        inputs.append(made.to(memory_format=layout) if plan.channels_last and layout else made)
    if plan.module is not None:
        weights = [weight.detach() for weight in plan.module(device=device, dtype=dtype)._flat_weights]
        end = len(plan.shapes)
        inputs[end - len(weights) : end] = weights
    call = torch.no_grad()(plan.forward if pass_ == "forward" else plan.both)
    try:
        call(*inputs)
    except (RuntimeError, NotImplementedError, AttributeError) as error:
        return f"the library refuses the call: {str(error).strip().splitlines()[0][:120]}"
    return Vendor(call, inputs)


def _product(case: Case, device: str) -> _Plan | str:
    a, b = (_shape(case, index) for index in (0, 1))
    multiply = torch.mm if len(b) == 2 else torch.bmm
    if len(b) == 2:
        a = (math.prod(a[:-1]), a[-1])

    def both(a: Any, b: Any, dy: Any) -> Any:
        return multiply(a, b), multiply(dy, b.mT), multiply(a.mT, dy)

    return _Plan((a, b), (*a[:-1], b[-1]), multiply, both)


def _conv(case: Case, device: str) -> _Plan | str:
    (batch, *sizes, channels), (*taps, inner, outer) = _shape(case, 0), _shape(case, 1)
    options = case.attributes
    rank = len(sizes)
    strides, dilations = (_each(options.get(key, 1), rank) for key in ("strides", "dilation_rate"))
    spans = [(tap - 1) * dilation + 1 for tap, dilation in zip(taps, dilations, strict=True)]
    results = [-(-size // stride) for size, stride in zip(sizes, strides, strict=True)]
    pads = [0] * rank
    if options.get("padding") == "same":
        totals = [
            max((result - 1) * stride + span - size, 0)
            for result, stride, span, size in zip(results, strides, spans, sizes, strict=True)
        ]
        if any(total % 2 for total in totals):
            return "torch's call cannot pad one side more than the other"
        pads = [total // 2 for total in totals]
    elif options.get("padding", "valid") != "valid":
        return f"torch's call has no padding {options['padding']!r}"
    results = [
        (size + 2 * pad - span) // stride + 1
        for size, pad, span, stride in zip(sizes, pads, spans, strides, strict=True)
    ]
    more = (strides, pads, dilations, False, [0] * rank, channels // inner)

    def forward(x: Any, w: Any) -> Any:
        return aten.convolution(x, w, None, *more)

    def both(x: Any, w: Any, dy: Any) -> Any:
        needs = [True, True, False]
        return forward(x, w), *aten.convolution_backward(dy, x, w, None, *more, needs)[:2]

    shapes = ((batch, channels, *sizes), (outer, inner, *taps))
    return _Plan(shapes, (batch, outer, *results), forward, both, channels_last=True)


def _recurrent(run: Callable[..., Any], cell: Callable[..., Any], states: int) -> Any:
    def plan(case: Case, device: str) -> _Plan | str:
        (batch, time, width), units = _shape(case, 0), _shape(case, 2)[0]
        module = functools.partial(cell, width, units)
        weights = [tuple(weight.shape) for weight in module(device="meta")._flat_weights]

        def forward(x: Any, *rest: Any) -> Any:
            start = tuple(rest[:states]) if states > 1 else rest[0]
            trains = torch.is_grad_enabled()
            return run(x, start, list(rest[states:]), True, 1, 0.0, trains, False, False)[0]

        def both(*tensors: Any) -> Any:
            *given, dy = tensors
            with torch.enable_grad():
                leaves = [tensor.detach().requires_grad_() for tensor in given]
                out = forward(*leaves)
            return out.detach(), *torch.autograd.grad(out, leaves, dy)

        shapes = ((time, batch, width), *((1, batch, units),) * states, *weights)
        return _Plan(shapes, (time, batch, units), forward, both, module=module)

    return plan


def _batch_norm(case: Case, device: str) -> _Plan | str:
    x, channels = _second(_shape(case, 0)), _shape(case, 1)
    if not case.attributes.get("training"):
        return "in inference it is a pointwise function"
    if device == "cuda" and len(x) > 2:

        def forward(x: Any, w: Any, b: Any) -> Any:
            return aten.cudnn_batch_norm(x, w, b, None, None, True, 0.1, 1e-3)

        def both(x: Any, w: Any, b: Any, dy: Any) -> Any:
            y, mean, inverse, kept = forward(x, w, b)
            return y, *aten.cudnn_batch_norm_backward(x, dy, w, None, None, mean, inverse, 1e-3, kept)

        return _Plan((x, channels, channels), x, lambda *t: forward(*t)[0], both, True, (1, 2))

    def native(x: Any, w: Any, b: Any) -> Any:
        return aten.native_batch_norm(x, w, b, None, None, True, 0.1, 1e-3)

    def backward(x: Any, w: Any, b: Any, dy: Any) -> Any:
        y, mean, inverse = native(x, w, b)
        needs = [True, True, True]
        return y, *aten.native_batch_norm_backward(dy, x, w, None, None, mean, inverse, True, 1e-3, needs)

    return _Plan((x, channels, channels), x, lambda *t: native(*t)[0], backward, True, (1, 2))


def _layer_norm(case: Case, device: str) -> _Plan | str:
    x, width = _shape(case, 0), list(_shape(case, 1))

    def forward(x: Any, w: Any, b: Any) -> Any:
        return aten.native_layer_norm(x, width, w, b, 1e-3)

    def both(x: Any, w: Any, b: Any, dy: Any) -> Any:
        y, mean, inverse = forward(x, w, b)
        return y, *aten.native_layer_norm_backward(dy, x, width, mean, inverse, w, b, [True, True, True])

    return _Plan((x, tuple(width), tuple(width)), x, lambda *t: forward(*t)[0], both)


def _group_norm(case: Case, device: str) -> _Plan | str:
    x, channels, groups = _second(_shape(case, 0)), _shape(case, 1), case.attributes["groups"]
    sizes = (x[0], x[1], math.prod(x[2:]), groups)

    def forward(x: Any, w: Any, b: Any) -> Any:
        return aten.native_group_norm(x, w, b, *sizes, 1e-3)

    def both(x: Any, w: Any, b: Any, dy: Any) -> Any:
        y, mean, inverse = forward(x, w, b)
        return y, *aten.native_group_norm_backward(dy, x, mean, inverse, w, *sizes, [True, True, True])

    return _Plan((x, channels, channels), x, lambda *t: forward(*t)[0], both)


def _shape(case: Case, index: int) -> tuple[int, ...]:
    shape = case.shapes[index]
    assert shape is not None
    return tuple(shape)


def _second(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Channels after the batch."""
    return (shape[0], shape[-1], *shape[1:-1])


def _each(value: Any, rank: int) -> list[int]:
    return [value] * rank if isinstance(value, int) else list(value)


_PLANS: Mapping[str, Callable[[Case, str], _Plan | str]] = {
    "dense": _product,
    "matmul": _product,
    "conv": _conv,
    "lstm": _recurrent(torch.lstm, torch.nn.LSTM, 2),
    "gru": _recurrent(torch.gru, torch.nn.GRU, 1),
    "simple_rnn": _recurrent(torch.rnn_tanh, torch.nn.RNN, 1),
    "batch_norm": _batch_norm,
    "layer_norm": _layer_norm,
    "group_norm": _group_norm,
}
