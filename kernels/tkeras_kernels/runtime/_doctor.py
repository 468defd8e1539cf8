"""The facts that decide what runs here, as text for people."""

from __future__ import annotations

import os
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

from ._backend import get_backend
from ._interpreter import FIXES, fixes_in_force
from ._precision import get_matmul_precision
from ._target import device_target
from ._triton import triton_missing, triton_mode


def doctor_facts() -> dict[str, str]:
    """Backend, Triton, device, compile cache and interpreter corrections; imports nothing that was not
    imported."""
    return {
        "backend": get_backend(),
        "triton": _triton(),
        "device": _device(),
        "float32 products": get_matmul_precision(),
        "compile cache": _cache(),
        "interpreter corrections": ", ".join(fixes_in_force()) or f"not in use ({len(FIXES)} ready)",
    }


def _triton() -> str:
    missing = triton_missing()
    if missing:
        return missing
    try:
        number = version("triton")
    except PackageNotFoundError:
        number = "of unknown version"
    mode = triton_mode()
    return f"{number}, not imported yet" if mode is None else f"{number}, {mode} mode"


def _device() -> str:
    if not torch.cuda.is_available():
        return "no GPU: torch runs every operator, or the interpreter where it is chosen"
    target = device_target(torch.device("cuda", torch.cuda.current_device()))
    size = f"{target.multiprocessors} multiprocessors, {target.shared // 1024} KiB shared memory a program"
    return f"{torch.cuda.get_device_name()}: {target.name}, {size}"


def _cache() -> str:
    home = os.environ.get("TRITON_HOME") or str(Path.home())
    folder = Path(os.environ.get("TRITON_CACHE_DIR") or Path(home) / ".triton" / "cache")
    sizes = [file.stat().st_size for file in folder.rglob("*") if file.is_file()]
    return f"{folder}: {len(sizes)} files, {sum(sizes) / 1e6:.1f} MB"
