"""A script, run without the interpreter: takes every launch of a few calls through Triton's own argument
binding and compiler for sm_90, with a driver that has no device, and prints how many kernels that gave."""

from typing import Any

import torch
from triton.backends.compiler import GPUTarget
from triton.runtime import driver

from tests.kernels import attention_cases as attentions
from tests.kernels import conv_cases as convs
from tests.kernels import fused_cases as cases
from tkeras_kernels import runtime
from tkeras_kernels.operators import (
    _attention_launch,
    _conv_launch,
    _depthwise_launch,
    _matmul_launch,
    _pointwise_launch,
    attention,
    dense,
    map,
    matmul,
)
from tkeras_kernels.pointwise import pointwise
from tkeras_kernels.templates import _tiles

compiled = []


class Driver:
    """What binding asks a driver."""

    def get_current_target(self) -> GPUTarget:
        return GPUTarget("cuda", 90, 32)

    def get_current_device(self) -> int:
        return 0

    def get_current_stream(self, device: int | None = None) -> int:
        return 0


def bind(
    kernel: Any, grid: Any, on: Any, arguments: Any, constants: Any, *, warps: int = 4, stages: int = 1
) -> None:
    options = {"num_warps": warps, "num_stages": stages, "enable_fp_fusion": True}
    compiled.append(kernel.warmup(*arguments, grid=grid, **constants, **options).asm["cubin"])


def main() -> None:
    driver.set_active(Driver())
    _matmul_launch.launch = _pointwise_launch.launch = _attention_launch.launch = bind
    with runtime.planning_for(runtime.TARGETS["sm_90"]):
        for lead, inner, columns, activation in (((3, 17), 129, 100, "gelu"), ((1,), 1, 1, "tanh")):
            tensors = cases.dense_arguments(lead, inner, columns, torch.bfloat16, "cpu")
            y, saved = dense.forward(*tensors, activation=cases.fused(activation))
            dense.backward(saved, (y,), (True, True, True), activation=cases.fused(activation))
        for shapes in (cases.MAP_SHAPES["equal"], cases.MAP_SHAPES["outer"]):
            tensors = [cases.draw(shape, torch.float32, "cpu") for shape in shapes]
            map.forward(*tensors, fn=pointwise(cases.blend, arity=3))
        bind_ends()
        bind_attention()
        bind_convolutions()
    print(len(compiled))


def bind_ends() -> None:
    """Dropout and residual, split sums, stacks of matrices, and programs that stay."""
    tensors = cases.dense_arguments((17,), 100, 40, torch.bfloat16, "cpu")
    tensors.append(cases.draw((17, 40), torch.bfloat16, "cpu"))
    attributes, _ = dense.split({"rate": 0.5, "activation": cases.fused("tanh")})
    y, saved = dense.forward(*tensors, **attributes)
    dense.backward(saved, (y,), (True,) * 4, **attributes)
    dense.infer(*cases.dense_arguments((17,), 40_000, 32, torch.bfloat16, "cpu"))
    matmul.forward(*(cases.draw(shape, torch.bfloat16, "cpu") for shape in cases.MATMUL_SHAPES["batch"]))
    row = _tiles._TABLE["sm_90"]
    row["forward", "half"] = row["forward", "half"]._replace(persistent=True)
    dense.infer(*cases.dense_arguments((4096,), 64, 4096, torch.bfloat16, "cpu"))


def bind_convolutions() -> None:
    """A stride in phases, one of everything, every channel by itself."""
    _conv_launch.launch = _depthwise_launch.launch = bind
    for name in ("2d stride", "one", "depthwise multiplier"):
        operator, _, options = call = convs.CALLS[name]
        attributes = {**options, "activation": cases.fused("gelu")}
        y, saved = operator.forward(*convs.arguments(call, torch.bfloat16, "cpu"), **attributes)
        operator.backward(saved, (y,), (True, True, True), **attributes)


def bind_attention() -> None:
    """One key and one query, and everything at once."""
    tensors = attentions.arguments((1, 1, 1, 1, 1, 1, 1), torch.bfloat16, "cpu")
    y, saved = attention.forward(*tensors)
    attention.backward(saved, (y,), (True, True, True))
    tensors = attentions.arguments((2, 33, 65, 4, 2, 32, 16), torch.bfloat16, "cpu", "keys", "pairs")
    attributes, _ = attention.split({"rate": 0.5, "causal": True})
    y, saved = attention.forward(*tensors, **attributes)
    attention.backward(saved, (y,), (True, True, True, False, True), **attributes)


if __name__ == "__main__":
    main()
