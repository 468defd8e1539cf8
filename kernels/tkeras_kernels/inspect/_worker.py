"""A script: compiles specifications read from stdin for a target, one JSON line each; a crash ends only
it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import time
from importlib import import_module
from typing import Any

from ..runtime import leaf

_PTX = {
    "wgmma": r"\bwgmma\.mma_async",
    "tcgen05": r"\btcgen05\.mma",
    "mma": r"\bmma\.sync",
    "async_copy": r"\bcp\.async\.c[ag]",
    "tma": r"\bcp\.async\.bulk\.tensor",
    "wide_load": r"\bld\.global\S*\.v4\.b32",
    "atomic": r"\b(?:atom|red)\.global",
}
_AMDGCN = {
    "mfma": r"\bv_mfma",
    "wide_load": r"\b(?:global|buffer)_load_dwordx4",
    "atomic": r"\bglobal_atomic",
}


def _compile(request: dict[str, Any], target: dict[str, Any]) -> dict[str, Any]:
    import triton
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    hip = target["backend"] == "hip"
    kernel = getattr(import_module(request["module"]), request["name"])
    signature = {name: _tuples(kind) for name, kind in request["signature"].items()}
    constants = {tuple(path): _constant(value) for path, value in request["constants"]}
    attributes = {tuple(path): [["tt.divisibility", 16]] for path in request["divisible"]}
    options = {"num_warps": request["warps"], "num_stages": request["stages"], "enable_fp_fusion": True}
    device = GPUTarget("hip", target["name"], 64) if hip else GPUTarget("cuda", target["arch"], 32)
    began = time.perf_counter()
    compiled: Any = triton.compile(
        ASTSource(kernel, signature, constants, attributes), target=device, options=options
    )
    seconds = time.perf_counter() - began
    facts = _hip_facts(compiled.asm["amdgcn"]) if hip else _cuda_facts(compiled.asm)
    return {"shared": compiled.metadata.shared, "seconds": seconds, **facts}


def _tuples(kind: Any) -> Any:
    return tuple(map(_tuples, kind)) if isinstance(kind, list) else kind


def _constant(value: Any) -> Any:
    return leaf(value["source"], value["name"]) if isinstance(value, dict) else value


def _count(patterns: dict[str, str], text: str) -> dict[str, int]:
    return {name: len(re.findall(pattern, text)) for name, pattern in patterns.items()}


def _cuda_facts(asm: Any) -> dict[str, Any]:
    from triton import knobs

    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(asm["cubin"])
        file.flush()
        command = [knobs.nvidia.cuobjdump.path, "-res-usage", file.name]
        usage = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = {key: int(value) for key, value in re.findall(r"\b(REG|STACK):(\d+)", usage)}
    return {
        "registers": found["REG"],
        "stack": found["STACK"],
        "instructions": _count(_PTX, asm["ptx"]),
    }


def _hip_facts(text: str) -> dict[str, Any]:
    def figure(name: str) -> int:
        found = re.search(rf"\.{name}:\s+(\d+)", text)
        return int(found.group(1)) if found else 0

    return {
        "registers": figure("vgpr_count"),
        "stack": max(figure("private_segment_fixed_size"), 4 * figure("vgpr_spill_count")),
        "instructions": _count(_AMDGCN, text),
    }


def main() -> None:
    task = json.load(sys.stdin)
    for request in task["specifications"]:
        try:
            result = _compile(request, task["target"])
        except Exception as error:  # noqa: BLE001 - whatever the compiler raises is the result
            result = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
