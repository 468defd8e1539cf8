"""A script, run without the interpreter: takes every launch of a few calls through Triton's own argument
binding and compiler for sm_90, with a driver that has no device, and prints how many kernels that gave."""

from typing import Any

import torch
from triton.backends.compiler import GPUTarget
from triton.runtime import driver

from tests.kernels import fused_cases as cases
from tkeras_kernels import runtime
from tkeras_kernels.operators import _matmul_launch, _pointwise_launch, dense, map
from tkeras_kernels.pointwise import pointwise

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
    _matmul_launch.launch = _pointwise_launch.launch = bind
    with runtime.planning_for(runtime.TARGETS["sm_90"]):
        for lead, inner, columns, activation in (((3, 17), 129, 100, "gelu"), ((1,), 1, 1, "tanh")):
            tensors = cases.dense_arguments(lead, inner, columns, torch.bfloat16, "cpu")
            y, saved = dense.forward(*tensors, activation=cases.fused(activation))
            dense.backward(saved, (y,), (True, True, True), activation=cases.fused(activation))
        for shapes in (cases.MAP_SHAPES["equal"], cases.MAP_SHAPES["outer"]):
            tensors = [cases.draw(shape, torch.float32, "cpu") for shape in shapes]
            map.forward(*tensors, fn=pointwise(cases.blend, arity=3))
    print(len(compiled))


if __name__ == "__main__":
    main()
