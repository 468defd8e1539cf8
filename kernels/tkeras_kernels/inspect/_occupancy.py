"""How many programs of a kernel a multiprocessor holds, from what the compiler reports."""

from __future__ import annotations

from typing import NamedTuple


class Limits(NamedTuple):
    """Of one multiprocessor, as its maker publishes them.

    Attributes:
        lanes: threads of a warp.
        warps, programs: most that are resident.
        registers: of all lanes; on AMD of each SIMD's lane, of which there are four.
        granule: registers are given out in multiples of it: a warp's on NVIDIA, a lane's on AMD.
        shared: bytes.
        reserved: bytes of it that each program loses.
    """

    lanes: int
    warps: int
    programs: int
    registers: int
    granule: int
    shared: int
    reserved: int


LIMITS = {
    "sm_80": Limits(32, 64, 32, 65536, 256, 167936, 1024),
    "sm_90": Limits(32, 64, 32, 65536, 256, 233472, 1024),
    "sm_100": Limits(32, 64, 32, 65536, 256, 233472, 1024),
    "gfx942": Limits(64, 32, 16, 512, 8, 65536, 0),
}


def occupancy(target: str, registers: int, shared: int, warps: int) -> float:
    """Share of the warps a multiprocessor can hold that are resident; 0 where not one program fits."""
    limits = LIMITS[target]
    if limits.lanes == 64:
        each = _up(max(registers, 1), limits.granule)
        by_registers = 4 * min(limits.warps // 4, limits.registers // each) // warps
    else:
        by_registers = limits.registers // (_up(max(registers, 1) * limits.lanes, limits.granule) * warps)
    room = shared + limits.reserved
    by_shared = limits.shared // room if room else limits.programs
    programs = min(limits.programs, limits.warps // warps, by_registers, by_shared)
    return programs * warps / limits.warps


def _up(value: int, granule: int) -> int:
    return -(-value // granule) * granule
