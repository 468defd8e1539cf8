"""What the static gates demand, and the kernels that may miss one of them, each with the reason."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from fnmatch import fnmatchcase
from importlib import import_module
from typing import Any, NamedTuple

from ._compile import CompileResult
from ._specification import Specification

_VECTORISED = ("map_flat", "multitensor")


class Exemption(NamedTuple):
    """A gate that a kernel may miss; names and targets are patterns.

    Attributes:
        gate: "spill" (``most`` bytes are accepted), "wgmma" or "wide_load".
        small: only where the tile has fewer than 64 rows, which wgmma takes at least.
    """

    gate: str
    kernel: str
    target: str
    reason: str
    most: int = 0
    small: bool = False


_FEW = "wgmma takes 64 rows, and a small output is cut into less to fill the device"
_STEP = "wgmma takes 64 rows, and a program has few sequences: the latency of a step counts"
_SUMS = "wgmma takes 64 keys, and the sums of two gradients that wide fill the registers"
_ASIDE = "ptxas sets two values aside where that saves a step of registers and so keeps a program more"
EXEMPTIONS = (
    Exemption("wgmma", "key_gradients", "sm_90", _SUMS, small=True),
    Exemption("wgmma", "product", "sm_90", _FEW, small=True),
    Exemption("wgmma", "weight_gradient", "sm_90", _FEW, small=True),
    Exemption("wgmma", "convolve", "sm_90", _FEW, small=True),
    Exemption("wgmma", "kernel_gradient", "sm_90", _FEW, small=True),
    *(Exemption("wgmma", kernel, "sm_90", _STEP) for kernel in ("scan*", "step*", "grid*")),
    Exemption("spill", "*", "sm_*", _ASIDE, most=8),
)


def broken_gates(
    specification: Specification, result: CompileResult, dtype: str
) -> tuple[list[str], list[str]]:
    """Gates that a kernel misses, and reasons of those that it may miss."""
    missed, reasons = [], []
    for gate, text in _missed(specification, result, dtype):
        found = next((e for e in EXEMPTIONS if _applies(e, gate, specification, result)), None)
        if found is None:
            missed.append(text)
        else:
            reasons.append(f"{text}: {found.reason}")
    return missed, reasons


def _missed(specification: Specification, result: CompileResult, dtype: str) -> Iterator[tuple[str, str]]:
    if result.error is not None:
        yield "compile", _shortened(result.error)
        return
    if result.shared > result.shared_limit:
        yield "shared", f"{result.shared} bytes of shared memory, {result.target} has {result.shared_limit}"
    if result.stack:
        yield "spill", f"{result.stack} bytes spilled"
    multiplies = multiplies_tiles(specification.module, specification.name)
    if result.target == "sm_90" and multiplies and dtype != "fp32" and not result.instructions.get("wgmma"):
        yield "wgmma", f"no wgmma in {dtype}"
    if specification.name in _VECTORISED and not result.instructions.get("wide_load"):
        yield "wide_load", "no 16-byte loads"


def _shortened(error: str) -> str:
    lines = [line.strip() for line in error.strip().splitlines() if line.strip(" ^")]
    return " … ".join(dict.fromkeys([lines[0], lines[-1]]))[:200] if lines else "no reason given"


def _applies(exemption: Exemption, gate: str, specification: Specification, result: CompileResult) -> bool:
    return (
        exemption.gate == gate
        and fnmatchcase(specification.name, exemption.kernel)
        and fnmatchcase(result.target, exemption.target)
        and (gate != "spill" or result.stack <= exemption.most)
        and (not exemption.small or _rows(specification) < 64)
    )


def _rows(specification: Specification) -> int:
    """Rows of the tile that is multiplied."""
    positions = {name: position for position, name in enumerate(specification.signature)}
    constants = dict(specification.constants)
    return min(
        (constants[(positions[name],)] for name in ("ROWS", "COLUMNS") if name in positions), default=64
    )


@functools.cache
def multiplies_tiles(module: str, name: str) -> bool:
    """Whether a kernel, or a function it calls, has a ``tl.dot``."""
    return _has_dot(getattr(import_module(module), name).fn, set())


def _has_dot(function: Any, seen: set[int]) -> bool:
    if id(function) in seen:
        return False
    seen.add(id(function))
    names = function.__code__.co_names
    if "dot" in names:
        return True
    called = (getattr(function.__globals__.get(name), "fn", None) for name in names)
    return any(_has_dot(inner, seen) for inner in called if inner is not None)
