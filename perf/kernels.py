"""``python -m perf kernels``: every operator's cases beside torch, compiled and in a graph, and bare calls.

The numbers of each contender are checked before its time is taken and again afterwards; where they are red no
speed is printed. Without a GPU the operators run on torch, and the report says what it could not measure.
"""

from __future__ import annotations

import argparse
import json
import math
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from perf._contenders import DTYPES, Contest, contest
from perf._environment import environment
from perf._honesty import DishonestError, check, check_stream
from perf._report import html, markdown
from perf._timing import Times, cache_bytes, interleaved
from tkeras_kernels.tuning import Ceilings, measure_ceilings

SCHEMA = 1
_MOST = {"cpu": (5e8, 1e8), "cuda": (math.inf, math.inf)}
"""Operations and bytes of a call above which a device is not asked to measure it."""


def main(arguments: list[str]) -> int:
    """Measure, print, write files if asked; 1 where a case of ours is red, or slower than in --base."""
    options = _parse(arguments)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    facts = {
        **environment(),
        "device": torch.cuda.get_device_name() if device == "cuda" else "CPU",
        "command": shlex.join(["python", "-m", "perf", "kernels", *arguments]),
    }
    results = run(options, device, facts)
    print(markdown(results))
    if options.json is not None:
        options.json.write_text(json.dumps(results, indent=1) + "\n")
    if options.md is not None:
        options.md.write_text(markdown(results) + "\n")
    if options.html is not None:
        options.html.write_text(html(results))
    slower = 0
    if options.base is not None:
        from perf.compare import compare, table

        changes = compare(json.loads(options.base.read_text()), results)
        print(f"\nagainst {options.base}\n\n{table(changes)}")
        slower = sum(change["verdict"] == "slower" for change in changes)
    return 1 if results["summary"]["red"] or slower else 0


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m perf kernels", description=__doc__)
    parser.add_argument("--ops", nargs="+", help="names of operators (default: all)")
    parser.add_argument("--dtype", nargs="+", choices=tuple(DTYPES), help="bf16, on a CPU fp32")
    parser.add_argument(
        "--quick", action="store_true", help="one case an operator, forward, no torch.compile"
    )
    parser.add_argument("--rounds", type=int, default=15, help="samples of each contender")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--md", type=Path)
    parser.add_argument("--html", type=Path)
    parser.add_argument("--base", type=Path, help="JSON of an earlier run to compare with")
    options = parser.parse_args(arguments)
    from tkeras_kernels.operators import registry

    unknown = sorted({*(options.ops or ())} - {*registry()})
    if unknown:
        parser.error(
            f"--ops: no operator {', '.join(unknown)}. Expected among {', '.join(sorted(registry()))}"
        )
    if options.rounds < 1:
        parser.error(f"--rounds: expected at least 1, received {options.rounds}")
    return options


def run(options: argparse.Namespace, device: str, facts: Mapping[str, str]) -> dict[str, Any]:
    """Everything that is measured, as written to JSON."""
    from tkeras_kernels.operators import registry

    dtypes = options.dtype or (["bf16"] if device == "cuda" else ["fp32"])
    reached = {dtype: _ceilings(device, dtype) for dtype in dtypes}
    rows: list[dict[str, Any]] = []
    missing: list[dict[str, str]] = []
    for name in options.ops or sorted(registry()):
        operator = registry()[name]
        passes = ("forward",) if options.quick or not operator.differentiable else ("forward", "backward")
        for case in operator.cases[:1] if options.quick else operator.cases:
            for dtype in dtypes:
                for pass_ in passes:
                    place = {"op": name, "case": case.name, "dtype": dtype, "pass": pass_}
                    why = _too_large(operator, case, dtype, device)
                    if why:
                        missing.append({**place, "what": "all", "reason": why})
                        continue
                    with _products(dtype):
                        found = contest(operator, case, dtype, pass_, device, not options.quick)
                        if isinstance(found, str):
                            missing.append({**place, "what": "all", "reason": found})
                            continue
                        rows += measured(found, options.rounds, device, reached[dtype])
                    missing += [{**place, "what": what, "reason": why} for what, why in found.missing.items()]
    return {
        "schema": SCHEMA,
        "environment": dict(facts),
        "ceilings": {dtype: values._asdict() for dtype, values in reached.items()},
        "rows": rows,
        "summary": summary(rows),
        "not_measured": missing,
    }


def _ceilings(device: str, dtype: str) -> Ceilings:
    with _products(dtype):
        return measure_ceilings(device, DTYPES[dtype])


@contextmanager
def _products(dtype: str) -> Iterator[None]:
    """Products of float32 in tf32 or not, torch's and the kernels' alike."""
    places: list[Any] = [torch.backends.cuda.matmul, getattr(torch.backends.cudnn, "conv")]  # noqa: B009
    before = [place.fp32_precision for place in places]
    for place in places:
        place.fp32_precision = "tf32" if dtype == "tf32" else "ieee"
    try:
        yield
    finally:
        for place, value in zip(places, before, strict=True):
            place.fp32_precision = value


def _too_large(operator: Any, case: Any, dtype: str, device: str) -> str:
    most_flops, most_bytes = _MOST[device]
    try:
        cost = operator.cost(case.shapes, DTYPES[dtype].itemsize, **case.attributes)
    except TypeError:
        return ""
    if cost.flops > most_flops or cost.bytes > most_bytes:
        return f"{cost.flops / 1e9:.1f} GFLOP and {cost.bytes / 1e6:.0f} MB are for a GPU"
    return ""


def measured(found: Contest, rounds: int, device: str, reached: Ceilings) -> list[dict[str, Any]]:
    """Rows of a contest, one a contender: first the numbers, then the time, then the numbers again."""
    red: dict[str, str] = {}
    accuracy: dict[str, Any] = {}
    for name in found.contenders:
        try:
            accuracy[name] = _checked(name, name, found)
        except DishonestError as error:
            red[name] = str(error)
    calls = {
        name: _bound(call, found.inputs_of(name))
        for name, call in found.contenders.items()
        if name not in red
    }
    times = interleaved(calls, rounds, device, found.graphed)
    for name in calls:
        try:
            _checked(name, f"{name}, after it was timed", found)
            check_stream(name, calls[name], times[name].p50 / 1e6)
        except DishonestError as error:
            red[name] = str(error)
    rows = [_row(found, name, times, accuracy, red, device, reached) for name in found.contenders]
    return [row | {"kernels": compiled(found) if row["contender"] == "tkeras" else []} for row in rows]


def compiled(found: Contest) -> list[dict[str, Any]]:
    """What the compiler made of our kernels for this device: none where torch runs."""
    from tkeras_kernels.inspect import compile_all, wanted
    from tkeras_kernels.operators import registry
    from tkeras_kernels.runtime import target_for

    if found.ours.implementation == "torch":
        return []
    first = next(tensor for tensor in found.inputs if tensor is not None)
    operator = registry()[found.op]
    (case,) = [case for case in operator.cases if case.name == found.case]
    dtype = "tf32" if found.dtype == "fp32" else found.dtype
    kernels, _ = wanted(operator, case, dtype, target_for(first).row)
    keys = ("kernel", "registers", "spill_bytes", "shared_bytes", "occupancy", "wgmma")
    rows = (row.as_dict() for row in compile_all(kernels, jobs=1) if row.pass_ == found.pass_)
    return [{key: row[key] for key in keys} for row in rows]


def _checked(name: str, label: str, found: Contest) -> Any:
    call = found.contenders[name]
    if name in found.own_numbers:
        return None
    try:
        errors = check(label, call, found.reference_of(name), found.inputs_of(name), found.positive)
    except DishonestError:
        raise
    except Exception as error:
        raise DishonestError(f"{label}: {type(error).__name__}: {str(error).strip()[:200]}") from error
    return max(errors, key=lambda error: error.ours, default=None)


def _bound(call: Callable[..., Any], inputs: Sequence[torch.Tensor | None]) -> Callable[[], Any]:
    return lambda: call(*inputs)


def _row(
    found: Contest,
    name: str,
    times: Mapping[str, Times],
    accuracy: Mapping[str, Any],
    red: Mapping[str, str],
    device: str,
    reached: Ceilings,
) -> dict[str, Any]:
    row: dict[str, Any] = {
        "op": found.op,
        "case": found.case,
        "dtype": found.dtype,
        "pass": found.pass_,
        "shapes": [None if tensor is None else list(tensor.shape) for tensor in found.inputs],
        "layout": "contiguous",
        "contender": name,
        "reason": f"{found.ours.implementation}: {found.ours.reason}" if name == "tkeras" else "",
        "red": red.get(name),
        "flops": found.flops,
        "bytes": found.bytes,
    }
    if name in red:
        return row
    took, error = times[name], accuracy[name]
    row |= {"us": took._asdict(), "error": error and error.ours, "torch_error": error and error.theirs}
    if "torch" in times and "torch" not in red:
        row["ratio"] = times["torch"].p50 / took.p50
    if row["bytes"] is not None and row["flops"] is not None:
        share = row["bytes"] / (took.p50 * 1e3) / reached.copy
        row["cached"] = row["bytes"] < cache_bytes(device) and (device != "cuda" or share > 1)
        row["copy_share"] = None if row["cached"] else share
        row["product_share"] = row["flops"] / (took.p50 * 1e3) / reached.product
    return row


def summary(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Of ours against torch eager: worst case, geometric mean, counts of losses and of red cases.

    A loss is a ratio below 1 by more than the spread of both times.
    """
    ours = [row for row in rows if row["contender"] == "tkeras"]
    good = [row for row in ours if row.get("ratio")]
    worst = min(good, key=lambda row: row["ratio"], default=None)
    eager = {_place(row): row for row in rows if row["contender"] == "torch" and row.get("us")}
    losses = [row for row in good if 1 / row["ratio"] > 1 + _spread(row) + _spread(eager[_place(row)])]
    return {
        "cases": len(ours),
        "red": sum(row["red"] is not None for row in ours),
        "worst": worst and {key: worst[key] for key in ("op", "case", "dtype", "pass", "ratio")},
        "geometric_mean": math.exp(sum(math.log(row["ratio"]) for row in good) / len(good)) if good else None,
        "losses": len(losses),
    }


def _place(row: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(row[key] for key in ("op", "case", "dtype", "pass"))


def _spread(row: Mapping[str, Any]) -> float:
    """Half of what lies between the 20th and the 80th percentile, relative to the median."""
    return (row["us"]["p80"] - row["us"]["p20"]) / 2 / row["us"]["p50"]
