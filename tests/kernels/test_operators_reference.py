"""What every reference promises: meta shapes, empty batches, half precision, strides, two derivatives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
import torch

from tkeras_kernels.operators import registry
from tkeras_kernels.operators._references import BatchNorm
from tkeras_kernels.pointwise import pointwise

RELU, TANH, SIGMOID = pointwise(torch.relu), pointwise(torch.tanh), pointwise(torch.sigmoid)


@dataclass(frozen=True)
class Call:
    operator: str
    shapes: tuple[tuple[int, ...] | None, ...]
    attributes: Mapping[str, Any] = field(default_factory=dict)
    integers: int | None = None
    """Position of an argument of indices, and below what they lie in ``limit``."""
    limit: int = 0
    positive: int | None = None
    """Position of an argument that must be positive, as a variance."""
    batched: tuple[int, ...] = (0,)
    """Positions of the arguments with a batch axis in front."""

    def arguments(self, dtype: torch.dtype, batch: int | None = None) -> list[torch.Tensor | None]:
        generator = torch.Generator().manual_seed(1)
        found: list[torch.Tensor | None] = []
        for position, shape in enumerate(self.shapes):
            if shape is None:
                found.append(None)
                continue
            if batch is not None and position in self.batched:
                shape = (batch, *shape[1:])
            if position == self.integers:
                found.append(torch.randint(self.limit, shape, generator=generator))
                continue
            value = torch.randn(shape, generator=generator, dtype=torch.float64)
            found.append((value.abs() + 0.5 if position == self.positive else value).to(dtype))
        return found

    def run(self, *arguments: Any) -> tuple[torch.Tensor, ...]:
        result = registry()[self.operator].reference(*arguments, **self.attributes)
        return result if isinstance(result, tuple) else (result,)


BN = ((6, 3, 4), (4,), (4,), (4,), (4,))
CALLS = {
    "conv": Call("conv", ((2, 5, 6, 4), (3, 2, 4, 3), (3,)), {"padding": "same", "strides": 2}),
    "conv_relu": Call("conv", ((2, 5, 5, 2), (3, 3, 2, 4), (4,)), {"activation": RELU}),
    "conv_groups": Call("conv", ((2, 4, 5, 4), (2, 2, 2, 6), None), {"groups": 2, "activation": TANH}),
    "conv_1d": Call("conv", ((2, 7, 3), (3, 3, 2), (2,)), {"padding": "causal", "dilation_rate": 2}),
    "conv_3d": Call("conv", ((2, 4, 3, 4, 2), (2, 2, 2, 2, 3), (3,)), {"padding": "same"}),
    "conv_first": Call("conv", ((2, 3, 5, 6), (3, 3, 3, 2), (2,)), {"data_format": "channels_first"}),
    "depthwise": Call("depthwise_conv", ((2, 5, 4, 3), (3, 3, 3, 2), (6,)), {"padding": "same"}),
    "transposed": Call(
        "conv_transpose", ((2, 3, 4, 2), (3, 3, 5, 2), (5,)), {"padding": "same", "strides": 2}
    ),
    "transposed_zeros": Call("conv_transpose", ((2, 3, 2), (2, 3, 2), (3,)), {"output_padding": 2}),
    "max_pool": Call("max_pool", ((2, 5, 4, 3),), {"pool_size": 2, "padding": "same"}),
    "average_pool": Call("average_pool", ((2, 5, 4, 3),), {"pool_size": 2, "padding": "same", "strides": 1}),
    "max_pool_1d": Call("max_pool", ((2, 7, 3),), {"pool_size": 3, "strides": 2}),
    "average_pool_3d": Call("average_pool", ((2, 4, 4, 5, 2),), {"pool_size": 2}),
    "global_max": Call("global_max_pool", ((2, 5, 4, 3),)),
    "global_average": Call("global_average_pool", ((2, 5, 3),), {"keepdims": True}),
    "bn_training": Call("batch_norm", BN, {"training": True}, positive=4),
    "bn_inference": Call("batch_norm", BN, positive=4),
    "bn_bare": Call("batch_norm", ((6, 4), None, None, (4,), (4,)), {"training": True}, positive=4),
    "layer_norm": Call("layer_norm", ((3, 4, 5), (5,), (5,))),
    "layer_norm_axes": Call("layer_norm", ((3, 4, 5), (4, 5), None), {"axis": (1, 2)}),
    "rms_norm": Call("rms_norm", ((3, 4, 5), (5,))),
    "group_norm": Call("group_norm", ((3, 4, 5, 6), (6,), (6,)), {"groups": 3}),
    "embedding": Call("embedding", ((4, 3), (7, 5)), integers=0, limit=7),
    "softmax": Call("softmax", ((3, 4, 5),), {"axis": 1}),
    "softmax_axes": Call("softmax", ((3, 4, 5),), {"axis": (1, 2)}),
    "log_softmax": Call("log_softmax", ((3, 5),)),
    "sparse": Call("sparse_softmax_cross_entropy", ((4, 3), (4, 3, 5)), integers=0, limit=5, batched=(0, 1)),
    "one_hot": Call("softmax_cross_entropy", ((4, 5), (4, 5)), batched=(0, 1)),
    "binary": Call("sigmoid_cross_entropy", ((4, 5), (4, 5)), batched=(0, 1)),
    "simple_rnn": Call("simple_rnn", ((2, 4, 3), (3, 5), (5, 5), (5,), (2, 5)), batched=(0, 4)),
    "lstm": Call(
        "lstm",
        ((2, 4, 3), (3, 20), (5, 20), (20,), (2, 5), (2, 5)),
        {"return_sequences": True},
        batched=(0, 4, 5),
    ),
    "lstm_bare": Call("lstm", ((2, 4, 3), (3, 20), (5, 20)), {"go_backwards": True}),
    "lstm_other": Call(
        "lstm", ((2, 4, 3), (3, 20), (5, 20), (20,)), {"activation": SIGMOID, "recurrent_activation": TANH}
    ),
    "gru": Call("gru", ((2, 4, 3), (3, 15), (5, 15), (2, 15), (2, 5)), batched=(0, 4)),
    "gru_before": Call(
        "gru", ((2, 4, 3), (3, 15), (5, 15), (15,)), {"reset_after": False, "return_sequences": True}
    ),
}
calls = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())


@calls
def test_meta_shapes(call: Call) -> None:
    arguments = call.arguments(torch.float32)
    real = call.run(*arguments)
    meta = call.run(*[None if a is None else a.to("meta") for a in arguments])
    assert [(m.shape, m.dtype) for m in meta] == [(r.shape, r.dtype) for r in real]


@calls
def test_empty_batch(call: Call) -> None:
    one, none = (call.run(*call.arguments(torch.float32, batch)) for batch in (1, 0))
    per_sample = 1 if call.operator == "batch_norm" else len(one)
    for single, empty in zip(one[:per_sample], none[:per_sample], strict=True):
        assert empty.shape == (0, *single.shape[1:])


@calls
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_half_precision(call: Call, dtype: torch.dtype) -> None:
    """Half results differ from float64's by a few units in the last place of the largest element."""
    arguments = call.arguments(dtype)
    wide = [a.double() if a is not None and a.is_floating_point() else a for a in arguments]
    for half, exact in zip(call.run(*arguments), call.run(*wide), strict=True):
        assert half.dtype == dtype
        bound = 8 * torch.finfo(dtype).eps * exact.abs().amax().clamp(min=1)
        assert (half.double() - exact).abs().amax() <= bound


@calls
def test_strided_inputs(call: Call) -> None:
    arguments = call.arguments(torch.float64)
    strided = [None if a is None else torch.stack([a, torch.full_like(a, -1)], -1)[..., 0] for a in arguments]
    for y, expected in zip(call.run(*strided), call.run(*arguments), strict=True):
        torch.testing.assert_close(y, expected)


def _leaves(call: Call) -> tuple[list[torch.Tensor | None], list[torch.Tensor]]:
    arguments = call.arguments(torch.float64)
    statistics = (3, 4) if call.operator == "batch_norm" else ()
    leaves = [
        a.requires_grad_()
        for position, a in enumerate(arguments)
        if a is not None and a.is_floating_point() and position not in statistics
    ]
    return arguments, leaves


@calls
def test_first_and_second_derivatives(call: Call) -> None:
    arguments, leaves = _leaves(call)

    def differentiable(*values: torch.Tensor) -> tuple[torch.Tensor, ...]:
        given = iter(values)
        results = call.run(*[next(given) if a is not None and a.requires_grad else a for a in arguments])
        return results[:1] if call.operator == BatchNorm.name else results

    assert torch.autograd.gradcheck(differentiable, leaves, nondet_tol=1e-9)
    assert torch.autograd.gradgradcheck(differentiable, leaves, nondet_tol=1e-9)


@pytest.mark.parametrize("name", sorted({call.operator for call in CALLS.values()}))
def test_cost_of_every_case(name: str) -> None:
    operator = registry()[name]
    assert 2 <= len(operator.cases) <= 5
    for case in operator.cases:
        cost = operator.cost(case.shapes, 4, **case.attributes)
        assert cost.bytes > 0
        assert cost.flops > 0 or name == "embedding"
        assert operator.cost(case.shapes, 2, **case.attributes).flops == cost.flops
