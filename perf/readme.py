"""``python -m perf readme``: the README's performance section, made from ``perf/results``."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tabulate import tabulate

from perf._aims import OURS, YARDSTICK, Rival, aimed, kernel_aims, losses, ratios, rival
from perf._models import WORKLOADS
from perf._report import summary_text
from perf._train import CONTENDERS

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "perf" / "results"
START, END = "<!-- made by python -m perf readme --write -->", "<!-- end -->"
_VERSIONS = ("torch", "triton", "keras", "jax", "tensorflow")


def main(arguments: list[str]) -> int:
    """Print the section, or write it; 1 where the README has another and it was not to be written."""
    parser = argparse.ArgumentParser(prog="python -m perf readme", description=__doc__)
    parser.add_argument("--write", action="store_true", help="write it into README.md")
    options = parser.parse_args(arguments)
    file = ROOT / "README.md"
    before = file.read_text()
    after = with_section(before, section(RESULTS))
    if options.write:
        file.write_text(after)
        return 0
    print(section(RESULTS))
    return 0 if before == after else 1


def with_section(text: str, section: str) -> str:
    """The text with ``section`` between its marks.

    Raises:
        ValueError: there are no marks.
    """
    head, found, rest = text.partition(START)
    _, ended, tail = rest.partition(END)
    if not found or not ended:
        raise ValueError(f"Expected {START} and {END} in README.md")
    return f"{head}{START}\n{section}\n{END}{tail}"


def section(folder: Path) -> str:
    """All that has been measured, or that nothing has."""
    parts: list[str] = []
    for pattern, make in (
        ("static-*.json", _static),
        ("models-*.json", _models),
        ("kernels-*.json", _kernels),
    ):
        for file in sorted(folder.glob(pattern)):
            parts.append("\n".join(make(json.loads(file.read_text()))))
    return "\n\n".join(parts) or "Nothing has been measured yet."


def _measured(facts: Mapping[str, str]) -> str:
    versions = ", ".join(f"{key} {facts[key]}" for key in _VERSIONS if facts.get(key, "missing") != "missing")
    return f"`{facts['command']}`, {facts['date']}, {versions}"


def _table(rows: Sequence[Mapping[str, Any]]) -> str:
    return tabulate(rows, headers="keys", tablefmt="github", disable_numparse=True)


def _static(results: Mapping[str, Any]) -> Iterator[str]:
    yield f"Kernels compiled for GPUs that were not there ({_measured(results['environment'])}):\n"
    rows = [row for row in results["rows"] if row["kernel"]]
    lines = []
    for target in dict.fromkeys(row["target"] for row in rows):
        own = [row for row in rows if row["target"] == target]
        lines.append(
            {
                "target": target,
                "kernels": len(own),
                "operators": len({row["op"] for row in own}),
                "miss a gate": sum(not row["ok"] for row in own),
                "exempt from one": sum(bool(row["ok"] and row["reason"]) for row in own),
                "spill": sum(row["spill_bytes"] > 0 for row in own),
                "most shared memory": f"{max(row['shared_bytes'] for row in own) / 1024:.0f} KiB",
            }
        )
    yield _table(lines)


def _models(results: Mapping[str, Any]) -> Iterator[str]:
    facts = results["environment"]
    where = f"{facts['processor']}, {facts['cores']} cores, {facts['threads']} threads, load {facts['load']}"
    yield f"Training on {where} ({_measured(facts)}). What misses its aim:\n"
    yield from (f"* {text}" for text in [*losses(results["models"])] or ["nothing"])
    yield "\nSteps a second of tkeras, eager / as a program, over those of others; aims are for the better:\n"
    rows = []
    for name, found in results["models"].items():
        best, measured = rival(found), {key: ratios(found, key) for key in _contenders(results)}
        row = {
            "model": f"{name} ({WORKLOADS[name].batch})",
            "fastest peer": "-" if best is None else f"{best.name}: {best.best:.2f}",
        }
        row |= {key: "-" if value is None else _both(value) for key, value in measured.items()}
        rows.append({**row, f"aim over {YARDSTICK}": aimed(name, found) or "-"})
    yield _table(rows)
    reasons = [f"{entry['model']} {entry['what']}: {entry['reason']}" for entry in results["not_measured"]]
    if results["end"] != "complete":
        turns = [row["rounds"] for found in results["models"].values() for row in found]
        reasons.append(f"{results['end']}, after {min(turns, default=0)} to {max(turns, default=0)} rounds")
    if reasons:
        yield f"\nNot measured: {'; '.join(reasons)}."


def _both(found: Rival) -> str:
    return " / ".join("-" if value is None else f"{value:.2f}" for value in (found.eager, found.program))


def _contenders(results: Mapping[str, Any]) -> list[str]:
    names = {row["contender"] for found in results["models"].values() for row in found}
    return [name for name in CONTENDERS if name in names and name not in OURS]


def _kernels(results: Mapping[str, Any]) -> Iterator[str]:
    yield f"Operators on {results['environment']['device']} ({_measured(results['environment'])}):\n"
    yield from (f"* {text}" for text in summary_text(results))
    aims = kernel_aims(results)
    if aims:
        yield f"\n{_table(aims)}"
