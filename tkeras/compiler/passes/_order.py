"""The order of calls: what comes before what."""

from __future__ import annotations

import heapq
from collections.abc import Sequence

from tkeras.compiler._program import Op, Program, Value


def ancestors(program: Program) -> dict[Op, int]:
    """For every call the calls that it depends on, as a bit for each place in the program."""
    made: dict[Value, int] = {}
    found: dict[Op, int] = {}
    for index, op in enumerate(program.ops):
        bits = 0
        for value in op.inputs:
            if value is not None and value in made:
                place = made[value]
                bits |= found[program.ops[place]] | 1 << place
        found[op] = bits
        made.update((value, index) for value in op.outputs)
    return found


def in_order(program: Program, ops: Sequence[Op]) -> Program:
    """The program with these calls, each as early as it was, but after what makes its operands.

    Effects keep their order, and so do calls that read a variable and those that write it.
    """
    made = {value: index for index, op in enumerate(ops) for value in op.outputs}
    written = {op.writes for op in ops if op.writes is not None}
    before: list[set[int]] = []
    last_effect: int | None = None
    touched: dict[Value, list[int]] = {}
    for index, op in enumerate(ops):
        needs = {made[value] for value in op.inputs if value is not None and value in made}
        if op.effect and last_effect is not None:
            needs.add(last_effect)
        if op.effect:
            last_effect = index
        for value in op.inputs:
            if value is not None and value in written:
                if op.writes is value:
                    needs.update(touched.get(value, ()))
                    touched[value] = [index]
                else:
                    needs.update(touched.get(value, ())[:1])
                    touched.setdefault(value, []).append(index)
        needs.discard(index)
        before.append(needs)
    return program.with_(ops=tuple(ops[index] for index in _topological(before)))


def _topological(before: list[set[int]]) -> list[int]:
    after: dict[int, list[int]] = {}
    missing = [len(needs) for needs in before]
    for index, needs in enumerate(before):
        for need in needs:
            after.setdefault(need, []).append(index)
    ready = [index for index, count in enumerate(missing) if count == 0]
    heapq.heapify(ready)
    order = []
    while ready:
        index = heapq.heappop(ready)
        order.append(index)
        for other in after.get(index, ()):
            missing[other] -= 1
            if missing[other] == 0:
                heapq.heappush(ready, other)
    if len(order) != len(before):
        raise RuntimeError("the calls of a program depend on each other in a circle")
    return order
