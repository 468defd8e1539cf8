"""Facts about the device that kernels are planned for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache

import torch

from ._triton import triton_mode

OLDEST_CUDA = 80
"""Ampere: the first with bf16 and tf32 tensor cores, which the matmul templates count on."""


@dataclass(frozen=True)
class Target:
    """What a plan depends on: bytes of shared memory a program may use, and number of multiprocessors."""

    name: str
    backend: str
    arch: int
    shared: int
    multiprocessors: int
    row: str
    """The row of the configuration tables that serves this target."""
    device: str = ""
    """The maker's name of a device that is there, whose measured tiles count; none for a plan alone."""


INTERPRETER = Target("interpret", "interpret", 0, 1 << 30, 1, "interpret")

TARGETS = {
    target.name: target
    for target in (
        Target("sm_80", "cuda", 80, 166912, 108, "sm_80"),
        Target("sm_90", "cuda", 90, 232448, 132, "sm_90"),
        Target("sm_100", "cuda", 100, 232448, 148, "sm_100"),
        Target("gfx942", "hip", 0, 65536, 304, "gfx942"),
    )
}
"""Targets to compile for without a device: A100, H100 / H200, B200, MI300X, with their published limits."""

_planned: ContextVar[Target | None] = ContextVar("tkeras_target", default=None)


def _row(arch: int) -> str:
    """Hopper and data-centre Blackwell have their own rows; the rest share one, made for 99 KiB."""
    return {90: "sm_90", 100: "sm_100", 103: "sm_100"}.get(arch, "sm_80")


@cache
def device_target(device: torch.device) -> Target:
    """The target of a GPU."""
    facts = torch.cuda.get_device_properties(device)
    if torch.version.hip is not None:
        name = facts.gcnArchName.split(":")[0]
        return Target(name, "hip", 0, 65536, facts.multi_processor_count, "gfx942", facts.name)
    arch = facts.major * 10 + facts.minor
    shared = facts.shared_memory_per_block_optin
    return Target(f"sm_{arch}", "cuda", arch, shared, facts.multi_processor_count, _row(arch), facts.name)


def target_for(tensor: torch.Tensor) -> Target:
    """What to plan a launch on ``tensor`` for."""
    return _planned.get() or (INTERPRETER if triton_mode() == "interpreter" else device_target(tensor.device))


@contextmanager
def planning_for(target: Target) -> Iterator[None]:
    """Plan launches for ``target`` inside the block, whatever device the tensors are on."""
    token = _planned.set(target)
    try:
        yield
    finally:
        _planned.reset(token)
