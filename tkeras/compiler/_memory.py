"""A place for every storage of a tape: the shortest memory in which no two live ones overlap."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass

from tkeras.compiler._clean import overwrites, placed
from tkeras.compiler._tape import Call, Ref, Tape, refs_in

_ALIGN = 64


@dataclass(frozen=True)
class Memory:
    """Where the storages of a run lie.

    Attributes:
        offsets: of every planned storage, in bytes.
        total: bytes of the memory that they share.
        apart: bytes of those that have a place of their own.
        unshared: bytes that those which share would take without sharing.
        last: index of the last call that touches each storage.
        dynamic: storages that torch allocates in every run, as it has no form that writes into given memory.
        peak: most bytes alive at once, dynamic ones included.
    """

    offsets: dict[int, int]
    total: int
    apart: int
    unshared: int
    last: dict[int, int]
    dynamic: set[int]
    peak: int


def plan(tape: Tape, results: set[int], elsewhere: Set[int] = frozenset()) -> Memory:
    """Plan the memory of a cleaned tape.

    Args:
        results: storages that live on after the run.
        elsewhere: storages that have a place of their own.
    """
    first: dict[int, int] = {}
    last: dict[int, int] = {}
    dynamic: set[int] = set()
    for index, call in enumerate(tape.calls):
        if call.fresh and placed(call) is None:
            dynamic.update(call.fresh)
        for storage in (*call.fresh, *call.reads, *call.writes):
            if storage not in tape.outside:
                first.setdefault(storage, index)
                last[storage] = index
    end = len(tape.calls)
    last.update((storage, end) for storage in results if storage in last)
    planned = {storage: _padded(tape.sizes[storage]) for storage in first if storage not in dynamic}
    for storage in elsewhere:
        del planned[storage]
    host = _in_place(tape, first, last, dynamic | elsewhere)
    offsets = _place(planned, first, last, host)
    total = max((offsets[s] + size for s, size in planned.items()), default=0)
    own = sum(_padded(tape.sizes[storage]) for storage in elsewhere)
    unshared = sum(planned.values())
    return Memory(offsets, total, own, unshared, last, dynamic, _peak(tape, first, last, host, end))


def _padded(size: int) -> int:
    return -(-max(size, 1) // _ALIGN) * _ALIGN


def _in_place(tape: Tape, first: dict[int, int], last: dict[int, int], dynamic: set[int]) -> dict[int, int]:
    """Storages that take over the memory of an operand which dies in the pointwise call that makes them."""
    host: dict[int, int] = {}
    for index, call in enumerate(tape.calls):
        made = refs_in(call.results)
        allowed = overwrites(call)
        if not allowed or len(call.fresh) != 1 or len(made) != 1 or call.fresh[0] in dynamic:
            continue
        (target,) = made
        dying = [
            ref for ref in refs_in((call.args, call.kwargs))
            if last.get(ref.storage) == index and ref.storage not in dynamic and first[ref.storage] < index
        ]  # fmt: skip
        alone = {ref.storage for ref in dying if ref.storage in allowed and _same_place(ref, target, tape)}
        for storage in sorted(alone):
            if all(_same_place(r, target, tape) for r in _reads(call, storage)):
                host[target.storage] = host.get(storage, storage)
                break
    return host


def _reads(call: Call, storage: int) -> list[Ref]:
    return [ref for ref in refs_in((call.args, call.kwargs)) if ref.storage == storage]


def _same_place(ref: Ref, target: Ref, tape: Tape) -> bool:
    return (
        (ref.offset, ref.size, ref.stride) == (target.offset, target.size, target.stride)
        and ref.dtype.itemsize == target.dtype.itemsize
        and tape.sizes[ref.storage] == tape.sizes[target.storage]
    )


def _place(
    sizes: dict[int, int], first: dict[int, int], last: dict[int, int], host: dict[int, int]
) -> dict[int, int]:
    """Offsets, the largest storages first, each at the lowest place that is free while it lives."""
    ends = dict(last)
    for guest, owner in host.items():
        ends[owner] = max(ends[owner], ends[guest])
    owners = sorted((s for s in sizes if s not in host), key=lambda s: (-sizes[s], first[s], s))
    offsets: dict[int, int] = {}
    for storage in owners:
        busy = sorted(
            (offsets[other], offsets[other] + sizes[other])
            for other in offsets
            if first[other] <= ends[storage] and first[storage] <= ends[other]
        )
        offset = 0
        for start, stop in busy:
            if offset + sizes[storage] <= start:
                break
            offset = max(offset, stop)
        offsets[storage] = offset
    offsets.update((guest, offsets[owner]) for guest, owner in host.items())
    return offsets


def _peak(tape: Tape, first: dict[int, int], last: dict[int, int], host: dict[int, int], end: int) -> int:
    changes = [0] * (end + 2)
    for storage, start in first.items():
        size = tape.sizes[storage]
        if storage in host:
            continue
        stop = max([last[storage], *(last[guest] for guest, owner in host.items() if owner == storage)])
        changes[start] += size
        changes[stop + 1] -= size
    most = now = 0
    for change in changes:
        now += change
        most = max(most, now)
    return most
