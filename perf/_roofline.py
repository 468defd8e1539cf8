"""The shortest time a call can take on a device, from its operations, its bytes and two ceilings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple


class Ceilings(NamedTuple):
    """What a device reaches at most.

    Attributes:
        half, tf32: TFLOP/s of matrix products in 16 bits and in tf32.
        bandwidth: TB/s of a copy.
        source: where the numbers are from.
    """

    half: float
    tf32: float
    bandwidth: float
    source: str


CEILINGS = {
    "sm_80": Ceilings(312.0, 156.0, 2.039, "A100 80 GB, published peaks"),
    "sm_90": Ceilings(790.0, 395.0, 4.3, "H200, measured; tf32 taken as half of that"),
    "sm_100": Ceilings(2250.0, 1125.0, 8.0, "B200, published peaks"),
    "gfx942": Ceilings(1307.0, 653.0, 5.3, "MI300X, published peaks"),
}
"""Inputs of the estimates, not results: another file can be given in their place."""


def read_ceilings(file: Path | None) -> dict[str, Ceilings]:
    """The ceilings; those of a JSON file ``{target: {half, tf32, bandwidth, source}}`` take their place."""
    if file is None:
        return CEILINGS
    return {**CEILINGS, **{name: Ceilings(**fields) for name, fields in json.loads(file.read_text()).items()}}


class Bound(NamedTuple):
    """What limits a call: "compute" or "memory", the microseconds that this takes at the ceiling, and the
    operations a byte."""

    limit: str
    microseconds: float
    intensity: float


def bound(flops: int, moved: int, dtype: str, ceilings: Ceilings) -> Bound:
    """The larger of the times that ``flops`` and ``moved`` bytes take at the ceilings."""
    compute = flops / ((ceilings.tf32 if dtype == "tf32" else ceilings.half) * 1e6)
    memory = moved / (ceilings.bandwidth * 1e6)
    return Bound("compute" if compute > memory else "memory", max(compute, memory), flops / max(moved, 1))
