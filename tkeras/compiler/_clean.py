"""What of a tape need not run again, and what can write where memory is planned."""

from __future__ import annotations

from typing import Any

import torch

from tkeras.compiler._tape import Call, Ref, Tape, refs_in, storages_in

_ALLOCATES = {"empty", "empty_like", "empty_strided", "new_empty", "new_empty_strided"}


def clean(tape: Tape, results: set[int], fixed: set[int]) -> None:
    """Drop calls that only look at memory, those whose results nobody reads, and those that never change.

    Args:
        tape: changed in place.
        results: storages that are read after the run.
        fixed: storages outside that never change.
    """
    tape.calls = [call for call in tape.calls if not _looks(call)]
    _settle(tape, fixed)
    _sweep(tape, results)


def _looks(call: Call) -> bool:
    """Whether a call only gives another view, or memory without contents."""
    if call.pinned or call.writes:
        return False
    return call.name in _ALLOCATES or (not call.fresh and bool(refs_in(call.results)))


def _settle(tape: Tape, fixed: set[int]) -> None:
    """What depends on nothing that changes keeps the value of the recorded run."""
    written = {index for call in tape.calls for index in call.writes}
    fixed = fixed - written
    kept = []
    for call in tape.calls:
        draws = torch.Tag.nondeterministic_seeded in getattr(call.function, "tags", ())
        changes = call.pinned or draws or call.writes or not call.fresh
        if not changes and call.reads <= fixed and not (set(call.fresh) & written):
            for index in call.fresh:
                fixed.add(index)
                tape.outside[index] = tape.values[index]
        else:
            kept.append(call)
    tape.calls = kept


def _sweep(tape: Tape, results: set[int]) -> None:
    """Drop calls whose results are not read, from the last one on."""
    live = results | {*tape.outside}
    kept = []
    for call in reversed(tape.calls):
        made = set(call.fresh) | call.writes
        draws = torch.Tag.nondeterministic_seeded in getattr(call.function, "tags", ())
        if call.pinned or draws or made & live or not made:
            kept.append(call)
            live |= call.reads
    tape.calls = kept[::-1]


def out_form(call: Call) -> tuple[Any, dict[str, Ref]] | None:
    """The overload that writes into given memory and the names of its results; None where torch has none."""
    packet = getattr(call.function, "overloadpacket", None)
    if packet is None or call.writes or not call.fresh:
        return None
    made = call.results if isinstance(call.results, (tuple, list)) else (call.results,)
    if not all(isinstance(ref, Ref) for ref in made) or len(storages_in(call.results)) != len(made):
        return None
    own = _arguments(call.function._schema)
    if any(name == "reduction" for name, _ in own) and not packet.__name__.startswith("nll_loss"):
        return None  # such a form wants memory for the values before they are reduced
    for name in packet.overloads():
        overload = getattr(packet, name)
        outs = [
            a.name for a in overload._schema.arguments if a.alias_info is not None and a.alias_info.is_write
        ]
        if len(outs) != len(made) or _arguments(overload._schema) != own:
            continue
        if overload._schema.name.endswith("_") or not all(n in _keyword_only(overload._schema) for n in outs):
            continue
        if torch._C._dispatch_has_kernel_for_dispatch_key(overload.name(), "CPU"):
            return overload, dict(zip(outs, made, strict=True))
    return None


def _arguments(schema: Any) -> list[tuple[str, str]]:
    return [
        (a.name, str(a.type)) for a in schema.arguments if a.alias_info is None or not a.alias_info.is_write
    ]


def _keyword_only(schema: Any) -> set[str]:
    return {a.name for a in schema.arguments if a.kwarg_only}


def pointwise(call: Call) -> bool:
    """Whether each element of the result depends on the elements at its own place only."""
    return torch.Tag.pointwise in getattr(call.function, "tags", ())
