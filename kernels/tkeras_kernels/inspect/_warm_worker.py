"""A script: compiles the launches read from stdin into Triton's cache, one JSON line each."""

from __future__ import annotations

import json
import sys
from importlib import import_module
from typing import Any

import torch

from ..runtime import leaf, use_triton


class Elsewhere:
    """A driver for a device that is not here: it names the target that launches are compiled for."""

    def __init__(self, target: Any):
        self.target = target

    def get_current_device(self) -> int:
        """The only one."""
        return 0

    def get_current_stream(self, device: int) -> int:
        """None is used."""
        return 0

    def get_current_target(self) -> Any:
        """What to compile for."""
        return self.target


def drive(target: dict[str, Any]) -> None:
    """Make Triton's launches compile for a target."""
    from triton.backends.compiler import GPUTarget
    from triton.runtime.driver import driver

    hip = target["backend"] == "hip"
    made = GPUTarget("hip", target["name"], 64) if hip else GPUTarget("cuda", target["arch"], 32)
    driver.set_active(Elsewhere(made))  # type: ignore[arg-type]


def kernel_of(request: dict[str, Any]) -> Any:
    """What is launched."""
    return getattr(import_module(request["module"]), request["name"])


def arguments_of(request: dict[str, Any]) -> tuple[list[Any], dict[str, Any]]:
    """Positional arguments of a launch, and its constants with the options of the compiler."""
    constants = {name: _value(value) for name, value in request["constants"].items()}
    options = {"num_warps": request["warps"], "num_stages": request["stages"], "enable_fp_fusion": True}
    options |= {"launch_cooperative_grid": True} if request["cooperative"] else {}
    return [_value(value) for value in request["arguments"]], {**constants, **options}


def _value(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    if "tensor" in value:
        return torch.empty(64, dtype=getattr(torch, value["tensor"]))  # aligned, as a GPU's memory is
    if "tuple" in value:
        return tuple(map(_value, value["tuple"]))
    if "function" in value:
        return getattr(import_module(value["module"]), value["function"])
    return leaf(value["source"], value["name"])


def main() -> None:
    task = json.load(sys.stdin)
    use_triton("compiled")
    drive(task["target"])
    for request in task["requests"]:
        try:
            arguments, named = arguments_of(request)
            result = {"hash": kernel_of(request).warmup(*arguments, grid=(1,), **named).hash}
        except Exception as error:  # noqa: BLE001 - whatever the compiler raises is the result
            result = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
