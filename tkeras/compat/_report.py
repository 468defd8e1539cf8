"""One page on a run: layers and their kernels, fallbacks, seconds, memory; two runs side by side."""

from __future__ import annotations

from collections import Counter
from typing import Any

import tkeras
from tkeras.bridge import _call
from tkeras.compat._observe import Observer
from tkeras.layers._context import context


class Watch:
    """Observes this process from now on."""

    def __init__(self) -> None:
        self._observer = Observer()
        self._observer.watch(tkeras)
        self._seen: Counter[tuple[str, str, str, str]] = Counter()
        dispatch = _call.dispatch

        def seen(operator: Any, tensors: Any, attributes: Any) -> Any:
            decision = dispatch(operator, tensors, attributes)
            layer = context.stack[-1].name if context.stack else "-"
            self._seen[layer, operator.name, *decision] += 1
            return decision

        _call.dispatch = seen

    def facts(self) -> dict[str, Any]:
        """What was seen of training."""
        return {**self._observer.facts(), "version": f"tkeras {tkeras.__version__}"}

    def page(self) -> str:
        """The page."""
        from tabulate import tabulate

        rows = [(*key, count) for key, count in sorted(self._seen.items())]
        heads = ("layer", "operator", "runs on", "why", "calls")
        facts = self.facts()
        parts = [
            "Layers and their kernels",
            tabulate(rows, heads, "simple") if rows else "none ran",
            "Steps of fit that ran as a program are not counted call by call; model.explain() shows them.",
            "",
            "Training",
            tabulate(_epochs(facts), ("fit", "model", "epoch", "seconds", "loss"), "simple")
            if facts["fits"]
            else "no fit",
            "",
            f"{facts['seconds']:.1f} s in all, {_memory(facts)}",
        ]
        return "\n".join(parts)


def _epochs(facts: dict[str, Any]) -> list[tuple[Any, ...]]:
    return [
        (number, fit["model"], epoch, f"{seconds:.3f}", _at(fit["history"].get("loss"), epoch - 1))
        for number, fit in enumerate(facts["fits"], 1)
        for epoch, seconds in enumerate(fit["seconds"], 1)
    ]


def _at(values: list[float] | None, index: int) -> str:
    return f"{values[index]:.4f}" if values and index < len(values) else "-"


def _memory(facts: dict[str, Any]) -> str:
    peak = facts["memory"]
    return "peak memory unknown on this system" if peak is None else f"peak memory {peak:.0f} MB"


def side_by_side(ours: dict[str, Any], theirs: dict[str, Any]) -> str:
    """Last values and median seconds an epoch of every ``fit``, ours and theirs."""
    from statistics import median

    from tabulate import tabulate

    rows: list[tuple[Any, ...]] = []
    for number, (mine, other) in enumerate(zip(ours["fits"], theirs["fits"], strict=False), 1):
        names = [name for name in mine["history"] if name in other["history"]]
        rows += [
            (number, name, f"{mine['history'][name][-1]:.4f}", f"{other['history'][name][-1]:.4f}", "")
            for name in names
        ]
        if mine["seconds"] and other["seconds"]:
            us, them = median(mine["seconds"]), median(other["seconds"])
            rows.append((number, "seconds an epoch", f"{us:.3f}", f"{them:.3f}", f"{them / us:.2f}x"))
    if len(ours["fits"]) != len(theirs["fits"]):
        rows.append(("", "calls of fit", len(ours["fits"]), len(theirs["fits"]), ""))
    rows.append(("", "seconds in all", f"{ours['seconds']:.1f}", f"{theirs['seconds']:.1f}", ""))
    if ours["memory"] is not None and theirs["memory"] is not None:
        rows.append(("", "peak memory, MB", f"{ours['memory']:.0f}", f"{theirs['memory']:.0f}", ""))
    heads = ("fit", "", ours["version"], theirs["version"], "faster")
    table = tabulate(rows, heads, "simple", disable_numparse=True)
    return f"{table}\nThe two draw other random numbers: curves agree in kind, not in digits."
