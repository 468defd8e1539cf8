"""``python -m perf tune``: whether kernels or library are faster here, and the kernels' best tiles and warps.

Times every case of every operator in a CUDA graph with a cold cache, the library (the operator's reference in
torch) being one of the candidates, and writes a JSON table that dispatch reads. Numbers are checked first.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path
from typing import Any

from tabulate import tabulate

from perf._environment import environment


def main(arguments: list[str]) -> int:
    """Measure, print, write; 2 without a GPU, 1 where a kernel is wrong."""
    options = _parse(arguments)
    import torch

    if not torch.cuda.is_available():
        print(
            "python -m perf tune needs a GPU, and torch sees none here: nothing was measured.",
            file=sys.stderr,
        )
        return 2
    from tkeras_kernels.runtime import device_name

    facts = {**environment(), "command": shlex.join(["python", "-m", "perf", "tune", *arguments])}
    name = device_name(torch.device("cuda", torch.cuda.current_device()))
    print(" · ".join(f"{key} {value}" for key, value in {"device": name, **facts}.items()))
    trials = measure(options.ops, options.dtypes)
    print(tabulate([_line(trial) for trial in trials], headers="keys", floatfmt=".2f"))
    write(options.write, name, trials, facts)
    return 1 if any(trial.reason for trial in trials) else 0


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m perf tune", description=__doc__)
    parser.add_argument("--ops", nargs="+", help="names of operators (default: all that have kernels)")
    parser.add_argument("--dtypes", nargs="+", choices=("bf16", "fp16", "tf32"), default=["bf16", "tf32"])
    parser.add_argument("--write", type=Path, help="the table (default: the package's own for this device)")
    return parser.parse_args(arguments)


def measure(ops: list[str] | None, dtypes: list[str], **how: Any) -> list[Any]:
    """Trials of the cases, forward alone and with backward.

    Args:
        how: timer and device, see ``tkeras_kernels.tuning.tune_case``.
    """
    from tkeras_kernels.operators import registry
    from tkeras_kernels.tuning import tune_case

    found = []
    for name in ops or [name for name, operator in registry().items() if operator.differentiable]:
        operator = registry()[name]
        for case in operator.cases:
            for dtype in dtypes:
                for trains in (False, True):
                    trial = tune_case(operator, case, dtype, trains, **how)
                    if isinstance(trial, str):
                        print(f"{name} {case.name} {dtype}: torch: {trial}")
                        break
                    found.append(trial)
    return found


def _line(trial: Any) -> dict[str, Any]:
    entry = trial.choice
    return {
        "call": trial.key,
        "kernels, µs": entry.get("fused_us", "-"),
        "library, µs": entry["torch_us"],
        "faster": entry["winner"],
        "by": entry.get("ratio", "-"),
        "other tiles": len(trial.tiles),
        "other options": len(trial.configs),
        "reason": trial.reason,
    }


def write(file: Path | None, device: str, trials: list[Any], facts: dict[str, str]) -> Path:
    """Add the trials to a table, by default the one of this device in the package."""
    from tkeras_kernels.tuning import add_to_table

    written = add_to_table(file, device, trials, date=facts["date"], command=facts["command"])
    print(f"\nwritten: {written}")
    return written
