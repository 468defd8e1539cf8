"""What of a tape need not run again, and what can write where memory is planned."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch

from tkeras.compiler._tape import Call, Ref, Tape, refs_in, storages_in

aten = torch.ops.aten
_ZEROS, _ONES = {"zeros", "zeros_like", "new_zeros"}, {"ones", "ones_like", "new_ones"}
_FILLS, _COPIES = {"full", "full_like", "new_full"}, {"clone", "_to_copy"}
_COMPOSITE = {"stack"}
"""Operators whose form with given memory is made of others, and no copy of a result."""
_IN_PLACE = {"index_add", "index_copy", "index_fill", "masked_fill", "scatter", "scatter_add"}
ALLOCATES = {"empty", "empty_like", "empty_strided", "new_empty", "new_empty_strided"}


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
    return call.name in ALLOCATES or (not call.fresh and bool(refs_in(call.results)))


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


class Form(NamedTuple):
    """How a call runs when its results have a place already: an operator and its arguments."""

    function: Any
    args: list[Any]
    kwargs: dict[str, Any]


def placed(call: Call) -> Form | None:
    """The call as one that writes into given memory; None where torch has no such operator."""
    packet = getattr(call.function, "overloadpacket", None)
    made = call.results if isinstance(call.results, (tuple, list)) else (call.results,)
    if packet is None or call.writes or not call.fresh or not all(isinstance(ref, Ref) for ref in made):
        return None
    if len(storages_in(call.results)) != len(made):
        return None
    if call.name in _ZEROS:
        return Form(aten.zero_.default, [made[0]], {})
    if call.name in _FILLS and isinstance(call.args[-1], (int, float)):
        return Form(aten.fill_.Scalar, [made[0], call.args[-1]], {})
    if call.name in _ONES:
        return Form(aten.fill_.Scalar, [made[0], 1], {})
    if call.name in _COPIES:
        return Form(aten.copy_.default, [made[0], call.args[0]], {})
    return _out_form(call, packet, made)


def _out_form(call: Call, packet: Any, made: Any) -> Form | None:
    own = _arguments(call.function._schema)
    if any(name == "reduction" for name, _ in own) and not packet.__name__.startswith("nll_loss"):
        return None  # such a form wants memory for the values before they are reduced
    for name in packet.overloads():
        overload = getattr(packet, name)
        schema = overload._schema
        outs = [a.name for a in schema.arguments if a.alias_info is not None and a.alias_info.is_write]
        if len(outs) != len(made) or _arguments(schema) != own or not set(outs) <= _keyword_only(schema):
            continue
        if call.name in _COMPOSITE or torch._C._dispatch_has_kernel_for_dispatch_key(overload.name(), "CPU"):
            return Form(overload, list(call.args), {**call.kwargs, **dict(zip(outs, made, strict=True))})
    return None


def _arguments(schema: Any) -> list[tuple[str, str]]:
    return [
        (a.name, str(a.type)) for a in schema.arguments if a.alias_info is None or not a.alias_info.is_write
    ]


def _keyword_only(schema: Any) -> set[str]:
    return {a.name for a in schema.arguments if a.kwarg_only}


def overwrites(call: Call) -> set[int]:
    """Storages of operands whose memory the result may take: each element depends on those at its place."""
    if torch.Tag.pointwise in getattr(call.function, "tags", ()) or call.name in _COPIES:
        return call.reads
    if call.name in _IN_PLACE and isinstance(call.args[0], Ref):
        return {call.args[0].storage} - storages_in((call.args[1:], call.kwargs))
    return set()
