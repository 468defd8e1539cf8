"""``python -m perf static``: every operator's kernels compiled for GPUs that are not there.

Registers, spills, shared memory, tensor core instructions and occupancy of each kernel, held against the
gates of ``tkeras_kernels.inspect``; the time of each forward at the roofline; what is worse than a baseline.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from tabulate import tabulate

from perf._environment import environment
from perf._roofline import Ceilings, bound, read_ceilings

RESULTS = Path(__file__).parent / "results"
TARGETS = ("sm_80", "sm_90", "sm_100", "gfx942")
_KEY = ("op", "case", "dtype", "pass", "kernel", "target")
_WORSE_REGISTERS, _WORSE_OCCUPANCY = 1.15, 0.8
"""How many times the registers, and what share of the occupancy, of the baseline count as worse."""


def baseline_file() -> Path:
    """The committed results for the Triton that is installed."""
    return RESULTS / f"static-triton-{metadata.version('triton')}.json"


def main(arguments: list[str]) -> int:
    """Compile, print tables, write JSON if asked; 1 where a gate is missed or the baseline was better."""
    options = _parse(arguments)
    facts = {**environment(), "command": shlex.join(["python", "-m", "perf", "static", *arguments])}
    print(" · ".join(f"{key} {value}" for key, value in facts.items()))
    began = time.perf_counter()
    rows, roofline = collect(options)
    seconds = time.perf_counter() - began
    ceilings = read_ceilings(options.ceilings)
    report(rows, roofline, options.all, {target: ceilings[target] for target in options.targets})
    if options.json is not None:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(dumped(facts, rows, roofline))
    worse = compared(rows, options)
    missed = [row for row in rows if not row["ok"]]
    kernels = sum(bool(row["kernel"]) for row in rows)
    print(
        f"{kernels} kernels, {len(missed)} miss a gate, {len(worse)} worse than the baseline; {seconds:.0f} s"
    )
    return 1 if missed or worse else 0


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m perf static", description=__doc__)
    parser.add_argument("--ops", nargs="+", help="names of operators (default: all that are registered)")
    parser.add_argument("--targets", nargs="+", choices=TARGETS, help=f"default: {' '.join(TARGETS)}")
    parser.add_argument("--quick", action="store_true", help="one case an operator, bf16, sm_90 and gfx942")
    parser.add_argument("--all", action="store_true", help="print every kernel, not those that need a look")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="compilers at a time")
    parser.add_argument("--json", type=Path, help="write the rows to this file")
    parser.add_argument("--base", type=Path, help="baseline (default: the committed one for this Triton)")
    parser.add_argument("--ceilings", type=Path, help="JSON of other ceilings for the roofline")
    options = parser.parse_args(arguments)
    if options.targets is None:
        options.targets = ["sm_90", "gfx942"] if options.quick else list(TARGETS)
    from tkeras_kernels.operators import registry

    unknown = sorted({*(options.ops or ())} - {*registry()})
    if unknown:
        parser.error(
            f"--ops: no operator {', '.join(unknown)}. Expected among {', '.join(sorted(registry()))}"
        )
    if options.jobs < 1:
        parser.error(f"--jobs: expected at least 1, received {options.jobs}")
    return options


def collect(options: argparse.Namespace) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Rows of the kernels, and the roofline of each forward."""
    from tkeras_kernels.inspect import compile_all, plan
    from tkeras_kernels.operators import registry

    operators = {name: registry()[name] for name in sorted(options.ops or registry())}
    kernels, missing = plan(operators, options.targets, options.quick)

    def done(ready: int, of: int) -> None:
        if sys.stderr.isatty():
            print(f"\r{ready} of {of} compiled", end="\n" if ready == of else "", file=sys.stderr)

    rows = [row.as_dict() for row in [*compile_all(kernels, options.jobs, done), *missing]]
    rows.sort(key=lambda row: tuple(str(row[key]) for key in _KEY))
    return rows, _roofline(operators, rows, read_ceilings(options.ceilings))


def _roofline(
    operators: Mapping[str, Any], rows: Sequence[dict[str, Any]], ceilings: Mapping[str, Ceilings]
) -> list[dict[str, Any]]:
    from tkeras_kernels.inspect import DTYPES

    cases = {(name, case.name): case for name, operator in operators.items() for case in operator.cases}
    places = dict.fromkeys(
        (row["op"], row["case"], row["dtype"], row["target"])
        for row in rows
        if row["kernel"] and row["dtype"] in DTYPES  # exact float32 has no ceiling here
    )
    found = []
    for op, name, dtype, target in places:
        case = cases[op, name]
        try:
            cost = operators[op].cost(case.shapes, 4 if dtype == "tf32" else 2, **case.attributes)
        except TypeError as error:
            found.append({"op": op, "case": name, "dtype": dtype, "target": target, "reason": str(error)})
            continue
        limit, microseconds, intensity = bound(cost.flops, cost.bytes, dtype, ceilings[target])
        found.append(
            {
                "op": op,
                "case": name,
                "dtype": dtype,
                "target": target,
                "flops": cost.flops,
                "bytes": cost.bytes,
                "flops_per_byte": round(intensity, 2),
                "bound": limit,
                "expected_us": round(microseconds, 2),
            }
        )
    return found


def report(
    rows: Sequence[dict[str, Any]],
    roofline: Sequence[dict[str, Any]],
    everything: bool,
    ceilings: Mapping[str, Ceilings],
) -> None:
    """Print the kernels that miss a gate or are exempt from one (or all), a summary, and the roofline."""
    shown = [row for row in rows if everything or not row["ok"] or (row["kernel"] and row["reason"])]
    if shown:
        print(f"\n{tabulate(shown, headers='keys', floatfmt='.2f')}")
    without = Counter((row["op"], row["reason"]) for row in rows if not row["kernel"])
    for (op, reason), _ in without.items():
        print(f"{op}: {reason}")
    summary = [_summary(op, [row for row in rows if row["op"] == op and row["kernel"]]) for op in _ops(rows)]
    print(f"\n{tabulate([line for line in summary if line], headers='keys', floatfmt='.2f')}")
    if not everything:
        roofline = [line for line in roofline if line["dtype"] == "bf16" and line["target"] == "sm_90"]
    lines = [{"ceilings of": target, **values._asdict()} for target, values in ceilings.items()]
    print(f"\n{tabulate(lines, headers='keys')}")
    print("\nforward at the ceilings (an estimate from formulas; nothing was run)")
    print(tabulate(list(roofline), headers="keys"))


def _ops(rows: Sequence[dict[str, Any]]) -> list[str]:
    return list(dict.fromkeys(row["op"] for row in rows if row["kernel"]))


def _summary(op: str, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {
        "op": op,
        "kernels": len(rows),
        "missed": sum(not row["ok"] for row in rows),
        "most registers": max(row["registers"] for row in rows),
        "most spilled": max(row["spill_bytes"] for row in rows),
        "most shared": max(row["shared_bytes"] for row in rows),
        "least occupancy": min(row["occupancy"] for row in rows),
    }


def dumped(facts: Mapping[str, str], rows: Sequence[Any], roofline: Sequence[Any]) -> str:
    """JSON with a line a row, so that changes show in a diff."""
    parts = {"rows": rows, "roofline": roofline}
    lines = [f'{{"environment": {json.dumps(facts)}']
    for name, values in parts.items():
        lines.append(f',"{name}": [\n' + ",\n".join(json.dumps(value) for value in values) + "\n]")
    return "".join(lines) + "}\n"


def compared(rows: Sequence[dict[str, Any]], options: argparse.Namespace) -> list[str]:
    """What became worse than the baseline, printed."""
    file = options.base or baseline_file()
    if not file.exists():
        if options.base is not None:
            raise SystemExit(f"--base: there is no {file}")
        print(f"\nno baseline for this Triton ({file.name})")
        return []
    before = json.loads(file.read_text())
    worse = regressions(before["rows"], rows)
    print(f"\nagainst {file.name} of {before['environment'].get('date', 'unknown date')}:")
    print("\n".join(worse) or "nothing became worse")
    return worse


def regressions(before: Sequence[dict[str, Any]], now: Sequence[dict[str, Any]]) -> list[str]:
    """Kernels that miss a gate they kept, spill more, lost wgmma, or need clearly more registers or shared
    memory. Kernels of one place are compared as a group by their worst."""
    old, new = _grouped(before), _grouped(now)
    found = []
    for place, rows in new.items():
        if place in old:
            found += [f"{' '.join(place)}: {text}" for text in _worse(old[place], rows)]
    return found


def _grouped(rows: Sequence[dict[str, Any]]) -> dict[tuple[str, ...], list[dict[str, Any]]]:
    groups: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault(tuple(str(row[key]) for key in _KEY), []).append(row)
    return groups


def _worse(old: Sequence[dict[str, Any]], new: Sequence[dict[str, Any]]) -> list[str]:
    def most(rows: Sequence[dict[str, Any]], key: str) -> Any:
        return max(row[key] for row in rows)

    def least(rows: Sequence[dict[str, Any]], key: str) -> Any:
        return min(row[key] for row in rows)

    found = []
    if all(row["ok"] for row in old) and not all(row["ok"] for row in new):
        found.append(next(row["reason"] for row in new if not row["ok"]))
    if most(new, "spill_bytes") > most(old, "spill_bytes"):
        found.append(f"spills {most(old, 'spill_bytes')} -> {most(new, 'spill_bytes')} bytes")
    if least(old, "wgmma") and not least(new, "wgmma"):
        found.append("wgmma is gone")
    if most(new, "registers") > _WORSE_REGISTERS * most(old, "registers"):
        found.append(f"registers {most(old, 'registers')} -> {most(new, 'registers')}")
    if least(new, "occupancy") < _WORSE_OCCUPANCY * least(old, "occupancy"):
        found.append(f"occupancy {least(old, 'occupancy'):.2f} -> {least(new, 'occupancy'):.2f}")
    return found
