"""``python -m perf compare A.json B.json``: what became faster or slower from A to B, beyond the noise.

Both are of ``perf kernels`` or both of ``perf models``. Times are compared relative to a yardstick of the
same run, so that a slower machine is no regression: torch eager for kernels; Keras on torch, else plain
torch, for models. Where a yardstick was not measured in both, absolute times are compared. The noise is what
the samples, or the rounds, of both runs spread, and 3 % at least.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tabulate import tabulate

from perf._aims import OURS

_KEYS = {"kernels": ("op", "case", "dtype", "pass"), "models": ("model", "contender")}
_SCHEMAS = {"kernels": 1, "models": 2}
_YARDSTICKS = ("keras torch", "torch")
_LEAST = 0.03
"""A change below this is none, however little the samples spread."""


def main(arguments: list[str]) -> int:
    """Print what changed; 1 where something became slower or red."""
    parser = argparse.ArgumentParser(prog="python -m perf compare", description=__doc__)
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    parser.add_argument("--all", action="store_true", help="also what did not change")
    options = parser.parse_args(arguments)
    try:
        before, after = (read(file) for file in (options.before, options.after))
        changes = compare(before, after)
    except ValueError as error:
        parser.error(str(error))
    for key in ("device", "processor", "threads", "torch", "triton"):
        pair = [results["environment"].get(key) for results in (before, after)]
        if pair[0] != pair[1]:
            print(f"{key} differs: {pair[0]} and {pair[1]}")
    print(table([change for change in changes if options.all or change["verdict"] != "same"]))
    counts = {verdict: sum(change["verdict"] == verdict for change in changes) for verdict in _VERDICTS}
    print(", ".join(f"{count} {verdict}" for verdict, count in counts.items()))
    return 1 if counts["slower"] or counts["red"] else 0


_VERDICTS = ("slower", "red", "faster", "same", "new", "gone")


def read(file: Path) -> dict[str, Any]:
    """Results from a file.

    Raises:
        ValueError: it is none, or of another schema.
    """
    try:
        results = json.loads(file.read_text())
    except (OSError, ValueError) as error:
        raise ValueError(f"{file}: {error}") from None
    if not isinstance(results, dict) or results.get("schema") != _SCHEMAS.get(_kind(results)):
        raise ValueError(
            f"{file}: expected results of python -m perf kernels or models --json, of this version"
        )
    return results


def _kind(results: Mapping[str, Any]) -> str:
    return next((kind for kind, part in (("models", "models"), ("kernels", "rows")) if part in results), "")


@dataclass(frozen=True)
class _Entry:
    """A time of ours: absolute, relative to yardsticks, and how much both spread."""

    red: bool
    time: float = 0.0
    spread: float = 0.0
    relative: Mapping[str, tuple[float, float]] = field(default_factory=dict)


def compare(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A line for everything of ours in either run, the worst change first.

    Raises:
        ValueError: one is of kernels, the other of models.
    """
    kind, other = _kind(before), _kind(after)
    if kind != other:
        raise ValueError(f"Expected two results of one kind. Received: {kind} and {other}")
    entries = _kernels if kind == "kernels" else _models
    old, new = entries(before), entries(after)
    lines = []
    for place in dict.fromkeys([*old, *new]):
        named = dict(zip(_KEYS[kind], place, strict=True))
        lines.append({**named, **_change(old.get(place), new.get(place))})
    return sorted(lines, key=lambda line: (_VERDICTS.index(line["verdict"]), -(line["change"] or 0.0)))


def _kernels(results: Mapping[str, Any]) -> dict[tuple[str, ...], _Entry]:
    found = {}
    for row in results["rows"]:
        if row["contender"] == "tkeras":
            place = tuple(row[key] for key in _KEYS["kernels"])
            found[place] = _Entry(red=True) if row["red"] is not None else _kernel(row)
    return found


def _kernel(row: Mapping[str, Any]) -> _Entry:
    us = row["us"]
    spread = (us["p80"] - us["p20"]) / us["p50"]
    relative = {"torch": (1.0 / row["ratio"], spread)} if row.get("ratio") else {}
    return _Entry(False, us["p50"], spread, relative)


def _models(results: Mapping[str, Any]) -> dict[tuple[str, ...], _Entry]:
    red = [entry for entry in results["not_measured"] if entry["what"] in OURS]
    found = {(entry["model"], entry["what"]): _Entry(red=True) for entry in red}
    for model, rows in results["models"].items():
        values = {row["contender"]: row["values"] for row in rows}
        for ours in OURS:
            if ours in values:
                found[model, ours] = _model(values[ours], values)
    return found


def _model(rates: Sequence[float], others: Mapping[str, Sequence[float]]) -> _Entry:
    relative = {}
    for name in _YARDSTICKS:
        shares = [theirs / ours for ours, theirs in zip(rates, others.get(name, ()), strict=False)]
        if shares:
            relative[name] = _middle(shares)
    return _Entry(False, *_middle([1.0 / rate for rate in rates]), relative)


def _middle(values: Sequence[float]) -> tuple[float, float]:
    """The median, and how much the rounds spread: one alone does not say."""
    middle = statistics.median(values)
    return middle, (max(values) - min(values)) / middle if len(values) > 1 else math.inf


def _change(old: _Entry | None, new: _Entry | None) -> dict[str, Any]:
    if old is None or new is None:
        return {"change": None, "noise": None, "verdict": "new" if old is None else "gone"}
    if new.red or old.red:
        return {"change": None, "noise": None, "verdict": "red" if new.red else "new"}
    shared = next((name for name in _YARDSTICKS if name in old.relative and name in new.relative), None)
    pairs = [(entry.time, entry.spread) if shared is None else entry.relative[shared] for entry in (old, new)]
    change = pairs[1][0] / pairs[0][0] - 1.0
    noise = max(_LEAST, pairs[0][1] + pairs[1][1])
    verdict = "same" if abs(change) <= noise else ("slower" if change > 0 else "faster")
    return {"change": change, "noise": noise, "verdict": verdict}


def table(changes: Sequence[Mapping[str, Any]]) -> str:
    """As text: the change of the time taken, and the noise."""

    def text(value: float | None, form: str) -> str:
        return "-" if value is None else ("unknown" if math.isinf(value) else format(value, form))

    shown = [
        {
            **{key: value for key, value in line.items() if key not in ("change", "noise", "verdict")},
            "time": text(line["change"], "+.1%"),
            "noise": text(line["noise"], ".1%"),
            "verdict": line["verdict"],
        }
        for line in changes
    ]
    return tabulate(shown, headers="keys") if shown else "no change"
