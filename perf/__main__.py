"""``python -m perf``: run one benchmark, or all of them."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import sys
from pathlib import Path

from perf import fit_mlp, import_time
from perf._environment import environment
from perf._rounds import Comparison, WrongResultError, run

BENCHMARKS: dict[str, Comparison] = {
    comparison.name: comparison for comparison in (import_time.COMPARISON, fit_mlp.COMPARISON)
}


COMMANDS = ("kernels", "models", "static", "tune", "compare", "operators", "readme")
"""Reports that take arguments of their own."""


def main() -> int:
    """Run a report, or measure and print one table a benchmark; 1 when a contender's results were wrong."""
    if sys.argv[1:2] and sys.argv[1] in COMMANDS:
        return importlib.import_module(f"perf.{sys.argv[1]}").main(sys.argv[2:])
    parser = argparse.ArgumentParser(
        prog="python -m perf",
        description="Benchmarks of tkeras and its peers.",
        epilog=f"Reports, each with --help: {', '.join(COMMANDS)}.",
    )
    parser.add_argument("name", choices=[*BENCHMARKS, "all"])
    parser.add_argument("--rounds", type=int, default=5, help="processes for each contender (default 5)")
    parser.add_argument("--threads", type=int, help="of torch in every contender (default: all cores)")
    parser.add_argument("--json", type=Path, help="write the measurements to this file")
    options = parser.parse_args()
    if options.rounds < 1:
        parser.error(f"--rounds: expected at least 1, received {options.rounds}")
    if options.threads is not None:
        os.environ["OMP_NUM_THREADS"] = str(options.threads)
    facts = environment()
    print(" · ".join(f"{key} {value}" for key, value in facts.items()))
    measured = []
    for name in BENCHMARKS if options.name == "all" else [options.name]:
        try:
            result = run(BENCHMARKS[name], options.rounds)
        except WrongResultError as error:
            print(f"{name}: {error}. No speed is reported.")
            return 1
        print(f"\n{result.table()}")
        measured.append(result.as_dict())
    if options.json is not None:
        options.json.write_text(json.dumps({"environment": facts, "benchmarks": measured}, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
