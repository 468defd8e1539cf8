"""What ran where, and why: one counter for each (operator, implementation, reason)."""

from __future__ import annotations

from collections import defaultdict
from typing import NamedTuple


class Decision(NamedTuple):
    """What dispatch chose for a call: ``"triton"``, ``"torch"`` or ``"interpret"``, and the reason."""

    implementation: str
    reason: str


class Record(NamedTuple):
    """How often an operator ran on an implementation for a reason, and how often its kernel failed."""

    operator: str
    implementation: str
    reason: str
    count: int
    failures: int


counts: defaultdict[tuple[str, Decision], int] = defaultdict(int)
failures: defaultdict[tuple[str, Decision], int] = defaultdict(int)


def report() -> list[Record]:
    """Everything that was dispatched since the last reset, by operator."""
    keys = sorted({*counts, *failures})
    return [
        Record(name, *decision, counts[name, decision], failures[name, decision]) for name, decision in keys
    ]


def reset_report() -> None:
    """Forget the counts. Kernels that failed stay switched off; see :func:`forget_failures`."""
    counts.clear()
    failures.clear()
