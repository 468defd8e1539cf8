"""A script, run without the interpreter: compiles leaves for sm_90 and prints the PTX of the kernels.

Reads ``[[source, name, inputs, outputs], ...]`` from stdin, prints a JSON list of texts.
"""

import json
import sys

import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from tests.kernels.expr_kernels import map_kernel, update_kernel
from tests.kernels.expr_tools import load

SCALARS = {"n": "i32", "lr": "fp32", "step": "fp32", "LEAF": "constexpr", "B": "constexpr"}


def compile_leaf(source: str, name: str, inputs: int, outputs: int) -> str:
    """PTX of the update kernel around a leaf of six inputs, of the map kernel around any other."""
    kernel = update_kernel if inputs == 6 else map_kernel
    tuples = {"inputs": ("*fp32",) * inputs, "outputs": ("*fp32",) * outputs}
    signature = {a: SCALARS.get(a) or tuples.get(a, "*fp32") for a in kernel.arg_names}
    compiled = triton.compile(
        ASTSource(kernel, signature, {"LEAF": load(source)[name], "B": 1024}),
        target=GPUTarget("cuda", 90, 32),
        options={"enable_fp_fusion": True},
    )
    return compiled.asm["ptx"]


if __name__ == "__main__":
    json.dump([compile_leaf(*task) for task in json.load(sys.stdin)], sys.stdout)
