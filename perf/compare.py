"""``python -m perf compare A.json B.json``: what became faster or slower from A to B, beyond the noise.

Times are compared relative to torch eager in the same run, so that a slower machine is no regression;
absolute times where torch was not measured.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tabulate import tabulate

_KEY = ("op", "case", "dtype", "pass")
_LEAST = 0.03
"""A change below this is none, however little the samples spread."""


def main(arguments: list[str]) -> int:
    """Print what changed; 1 where something became slower or red."""
    parser = argparse.ArgumentParser(prog="python -m perf compare", description=__doc__)
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    parser.add_argument("--all", action="store_true", help="also what did not change")
    options = parser.parse_args(arguments)
    before, after = (_read(file, parser) for file in (options.before, options.after))
    for key in ("device", "torch", "triton"):
        pair = [results["environment"].get(key) for results in (before, after)]
        if pair[0] != pair[1]:
            print(f"{key} differs: {pair[0]} and {pair[1]}")
    changes = compare(before, after)
    print(table([change for change in changes if options.all or change["verdict"] != "same"]))
    counts = {verdict: sum(change["verdict"] == verdict for change in changes) for verdict in _VERDICTS}
    print(", ".join(f"{count} {verdict}" for verdict, count in counts.items()))
    return 1 if counts["slower"] or counts["red"] else 0


_VERDICTS = ("slower", "red", "faster", "same", "new", "gone")


def _read(file: Path, parser: argparse.ArgumentParser) -> dict[str, Any]:
    try:
        results = json.loads(file.read_text())
    except (OSError, ValueError) as error:
        parser.error(f"{file}: {error}")
    if not isinstance(results, dict) or results.get("schema") != 1 or "rows" not in results:
        parser.error(f"{file}: expected results of python -m perf kernels --json")
    return results


def compare(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A line for every case of ours in either run, the worst change first."""
    old, new = _ours(before["rows"]), _ours(after["rows"])
    lines = [_line(place, old.get(place), new.get(place)) for place in dict.fromkeys([*old, *new])]
    return sorted(lines, key=lambda line: (_VERDICTS.index(line["verdict"]), -(line["change"] or 0.0)))


def _ours(rows: Sequence[Mapping[str, Any]]) -> dict[tuple[str, ...], Mapping[str, Any]]:
    return {tuple(row[key] for key in _KEY): row for row in rows if row["contender"] == "tkeras"}


def _line(
    place: tuple[str, ...], old: Mapping[str, Any] | None, new: Mapping[str, Any] | None
) -> dict[str, Any]:
    line: dict[str, Any] = dict(zip(_KEY, place, strict=True))
    if old is None or new is None:
        return {**line, "change": None, "noise": None, "verdict": "new" if old is None else "gone"}
    if new["red"] is not None:
        return {**line, "change": None, "noise": None, "verdict": "red"}
    if old["red"] is not None:
        return {**line, "change": None, "noise": None, "verdict": "new"}
    change = _cost(new, old) / _cost(old, new) - 1.0
    noise = max(_LEAST, _spread(old) + _spread(new))
    verdict = "same" if abs(change) <= noise else ("slower" if change > 0 else "faster")
    return {**line, "change": change, "noise": noise, "verdict": verdict}


def _cost(row: Mapping[str, Any], other: Mapping[str, Any]) -> float:
    """Time relative to torch's where both rows have that, else microseconds."""
    return 1.0 / row["ratio"] if row.get("ratio") and other.get("ratio") else row["us"]["p50"]


def _spread(row: Mapping[str, Any]) -> float:
    return (row["us"]["p80"] - row["us"]["p20"]) / row["us"]["p50"]


def table(changes: Sequence[Mapping[str, Any]]) -> str:
    """As text."""

    def text(value: float | None) -> str:
        return "-" if value is None else f"{value:+.1%}"

    shown = [{**line, "change": text(line["change"]), "noise": text(line["noise"])} for line in changes]
    return tabulate(shown, headers="keys") if shown else "no change"
