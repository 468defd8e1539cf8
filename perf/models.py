"""``python -m perf models``: training of models by tkeras, plain torch, torch.compile, Keras on its backends.

Each contender trains in a process of its own, in interleaved rounds: steps per second of ``fit`` (of a plain
loop for torch), seconds to the end of the first and the third step without the import, peak memory, launches
a step. All begin with the same weights and see the same batches. A contender whose losses of the first steps
are not those of the others, or grow, is red and has no speed. torch.compile finds the code of earlier rounds
on disk. Ctrl-C keeps what was measured so far.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import shlex
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tabulate import tabulate

from perf import _aims, compare
from perf._environment import environment
from perf._models import WORKLOADS
from perf._train import CONTENDERS, train

SCHEMA = 2
_GROWN = 1.05
"""How many times its first value a loss may be in the end: random targets are hardly learned so fast."""
_APART = {"first_loss": 0.01, "early_loss": 0.05}
"""How far losses of the first and of the next two steps may be from the middle one of all, relative
to that: all begin alike, but torch's RMSprop adds its epsilon in another place than Keras'."""
_APART_WITH_DROPOUT = 0.4
_FOLDERS = {"keras jax": "PERF_JAX", "keras tensorflow": "PERF_TENSORFLOW"}
"""Environment variables: a folder with the package, on the path of that contender alone."""
_PACKAGES = {
    "keras torch": ("keras",), "keras jax": ("keras", "jax"), "keras tensorflow": ("keras", "tensorflow"),
}  # fmt: skip
Outputs = dict[str, dict[str, list[dict[str, Any]]]]
"""What the processes said, by model and contender."""


def main(arguments: list[str]) -> int:
    """Measure, print, write JSON; 1 where ours failed or is slower than in --base, 130 after Ctrl-C."""
    options = _parse(arguments)
    if options.only is not None:
        print(json.dumps(train(options.names[0], options.only, options.seconds, counted=options.counted)))
        return 0
    _limit(options.threads)
    facts = {**environment(), "command": shlex.join(["python", "-m", "perf", "models", *arguments])}
    print(" · ".join(f"{key} {value}" for key, value in facts.items()))
    if options.json is not None:
        options.json.parent.mkdir(parents=True, exist_ok=True)
    found: Outputs = {name: {} for name in options.names}
    failed = [
        {"model": name, "what": contender, "reason": why}
        for name in options.names
        for contender in options.contenders
        if (why := absent(contender))
    ]
    end = "complete"
    try:
        for _ in measuring(options, found, failed):
            if options.json is not None:
                write(options.json, results(facts, options.rounds, found, failed, "interrupted"))
    except KeyboardInterrupt:
        end = "interrupted"
    except OutOfTimeError:
        end = f"out of time after {options.minutes:g} minutes"
    made = results(facts, options.rounds, found, failed, end)
    if options.json is not None:
        write(options.json, made)
    print(text(made))
    slower = _against(options.base, made) if options.base is not None else 0
    if end == "interrupted":
        return 130
    return 1 if slower or any(entry["what"].startswith("tkeras") for entry in made["not_measured"]) else 0


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m perf models", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*WORKLOADS, []], help="default: all")
    every = ", ".join(map(repr, CONTENDERS))
    parser.add_argument(
        "--contenders", nargs="+", choices=CONTENDERS, default=list(CONTENDERS), help=f"default: {every}",
        metavar="NAME",
    )  # fmt: skip
    parser.add_argument("--rounds", type=int, default=3, help="processes of each contender (default 3)")
    parser.add_argument(
        "--seconds", type=float, default=2.0, help="that are timed in a process, 3 steps at least (default 2)"
    )
    parser.add_argument("--minutes", type=float, help="no process is started after so many")
    parser.add_argument(
        "--threads", type=int, help="cores of every contender (default: OMP_NUM_THREADS, or all)"
    )
    parser.add_argument(
        "--json", type=Path, help="write the measurements to this file, again after each process"
    )
    parser.add_argument("--base", type=Path, help="JSON of an earlier run to compare with")
    parser.add_argument("--only", choices=CONTENDERS, help=argparse.SUPPRESS)
    parser.add_argument("--counted", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    options.names = options.names or [*WORKLOADS]
    if options.rounds < 1 or options.seconds <= 0 or (options.threads or 1) < 1:
        parser.error("--rounds, --threads: expected at least 1; --seconds: more than 0")
    if options.base is not None:
        try:
            options.base = compare.read(options.base)
        except ValueError as error:
            parser.error(f"--base: {error}")
    return options


def _limit(threads: int | None) -> None:
    """Give this process and those it starts so many cores, whatever their libraries read."""
    threads = threads or int(os.environ.get("OMP_NUM_THREADS", 0))
    if threads:
        os.environ["OMP_NUM_THREADS"] = str(threads)
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])


def absent(contender: str) -> str:
    """Why a contender cannot be measured here, or nothing."""
    folder = os.environ.get(_FOLDERS.get(contender, ""))
    missing = [
        package
        for package in _PACKAGES.get(contender, ())
        if importlib.util.find_spec(package) is None
        and not (folder is not None and Path(folder, package, "__init__.py").exists())
    ]
    return f"{', '.join(missing)} not installed" if missing else ""


class OutOfTimeError(Exception):
    """The minutes are over."""


class WrongTrainingError(Exception):
    """A contender failed, or did not learn."""


def measuring(options: argparse.Namespace, found: Outputs, failed: list[dict[str, str]]) -> Iterator[None]:
    """Run every contender on every model in each round, and add to ``found`` and ``failed``.

    Raises:
        OutOfTimeError: before the first process that would begin after ``options.minutes``.
    """
    began = time.perf_counter()
    left = {(entry["model"], entry["what"]) for entry in failed}
    for turn in range(options.rounds):
        for name in options.names:
            for contender in options.contenders:
                if (name, contender) in left:
                    continue
                if options.minutes is not None and time.perf_counter() - began > 60 * options.minutes:
                    raise OutOfTimeError
                try:
                    output = checked(_in_process(name, contender, options.seconds, counted=turn == 0))
                except WrongTrainingError as error:
                    left.add((name, contender))
                    failed.append({"model": name, "what": contender, "reason": str(error)})
                    found[name].pop(contender, None)
                    said = str(error)
                else:
                    found[name].setdefault(contender, []).append(output)
                    said = f"{output['steps_per_second']:.4g} steps/s of {output['steps']}"
                passed = time.perf_counter() - began
                print(f"{passed:.0f} s: round {turn + 1}, {name}, {contender}: {said}", file=sys.stderr)
                yield


def checked(output: dict[str, Any]) -> dict[str, Any]:
    """The output of a process whose losses are numbers that do not grow.

    Raises:
        WrongTrainingError: they are not.
    """
    first, last = output["first_loss"], output["last_loss"]
    if not (first == first and last == last and abs(last) < float("inf") and last <= _GROWN * first):
        raise WrongTrainingError(f"red: the loss went from {first:.4g} to {last:.4g}")
    return output


def _in_process(name: str, contender: str, seconds: float, counted: bool) -> dict[str, Any]:
    backend = contender.removeprefix("keras ") if contender.startswith("keras") else "torch"
    surroundings = os.environ | {"KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "2"}
    surroundings.pop("PYTHONDONTWRITEBYTECODE", None)  # nobody is measured compiling Python
    folder = os.environ.get(_FOLDERS.get(contender, ""))
    if folder is not None:
        surroundings["PYTHONPATH"] = os.pathsep.join([*filter(None, [os.environ.get("PYTHONPATH")]), folder])
    command = [sys.executable, "-m", "perf", "models", name, "--only", contender, "--seconds", str(seconds)]
    command += ["--counted"] if counted else []
    done = subprocess.run(command, env=surroundings, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        raise WrongTrainingError(f"failed: {lines[-1][:200]}")
    return json.loads(done.stdout.splitlines()[-1])


def results(
    facts: Mapping[str, str], rounds: int, found: Outputs, failed: Sequence[dict[str, str]], end: str
) -> dict[str, Any]:
    """Everything, as written to JSON; contenders that began elsewhere than the others are left out as red."""
    models, missing, versions = {}, [*failed], {}
    for name, outputs in found.items():
        wrong = apart(name, outputs)
        missing += [{"model": name, "what": what, "reason": why} for what, why in wrong.items()]
        models[name] = summarised({what: values for what, values in outputs.items() if what not in wrong})
        for values in outputs.values():
            versions |= values[0]["versions"]
    return {
        "schema": SCHEMA,
        "kind": "models",
        "environment": {**facts, **versions},
        "end": end,
        "rounds": rounds,
        "models": models,
        "not_measured": missing,
    }


def apart(name: str, outputs: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, str]:
    """Contenders whose losses of the first steps are not the others': they do not compute the same."""
    wrong: dict[str, str] = {}
    for key, allowed in _APART.items():
        losses = {contender: values[0][key] for contender, values in outputs.items()}
        middle = statistics.median_low(losses.values()) if losses else 0.0
        allowed = max(allowed, _APART_WITH_DROPOUT * WORKLOADS[name].random)
        for contender, loss in losses.items():
            if abs(loss - middle) > allowed * abs(middle):
                what = key.replace("_", " ")
                wrong[contender] = f"red: its {what} is {loss:.4g}, that of the others {middle:.4g}"
    return wrong


def summarised(found: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[dict[str, Any]]:
    """Medians over the rounds, and the medians of our rates over theirs in the same round."""
    rows = []
    for contender, outputs in found.items():
        rates = [output["steps_per_second"] for output in outputs]
        row: dict[str, Any] = {"contender": contender, "rounds": len(outputs), "values": rates}
        row["steps"] = min(output["steps"] for output in outputs)
        for key in _MEDIANS:
            if key in outputs[0]:
                row[key] = statistics.median(output[key] for output in outputs)
        row["launches"] = outputs[0]["launches"]
        for key, ours in zip(("tkeras_over_it", "program_over_it"), _aims.OURS, strict=True):
            pairs = zip(found.get(ours, ()), rates, strict=False)
            shares = [output["steps_per_second"] / rate for output, rate in pairs]
            row[key] = statistics.median(shares) if shares else None
        rows.append(row)
    return rows


_MEDIANS = (
    "steps_per_second", "import_seconds", "first_step_seconds", "third_step_seconds", "peak_megabytes",
    "device_megabytes",
)  # fmt: skip


def text(made: Mapping[str, Any]) -> str:
    """What was missed first, then a table a model, then what was not measured."""
    missed = [f"* {sentence}" for sentence in _aims.losses(made["models"])]
    parts = ["\n".join(["", "Missed:", *missed]) if missed else "\nNothing was missed."]
    if made["end"] != "complete":
        parts.append(f"Not complete: {made['end']}.")
    for name, rows in made["models"].items():
        workload = WORKLOADS[name]
        title = f"{name}, batch {workload.batch}: {workload.build.__doc__}"
        aim = _aims.aimed(name, rows)
        best = _aims.rival(rows)
        said = [title]
        if best is not None:
            said.append(f"Fastest peer: {best.name}; ours over it: {best.best:.2f}")
        if aim:
            measured = _aims.ratios(rows, _aims.YARDSTICK)
            assert measured is not None
            said.append(f"Aim over {_aims.YARDSTICK}: {aim}; measured: {measured.best:.2f}")
        parts.append("\n".join([*said, table(rows)]))
    lines = [f"{entry['model']} {entry['what']}: {entry['reason']}" for entry in made["not_measured"]]
    return "\n\n".join([*parts, "\n".join(f"not measured: {line}" for line in lines)])


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """As text."""
    return tabulate([_line(row) for row in rows], headers="keys", floatfmt=".4g") if rows else "nothing yet"


def _line(row: Mapping[str, Any]) -> dict[str, Any]:
    line = {
        "": row["contender"],
        "steps/s": row["steps_per_second"],
        "min": min(row["values"]),
        "max": max(row["values"]),
        "n": row["rounds"],
        "tkeras / it": row["tkeras_over_it"],
        "program / it": row["program_over_it"],
        "import, s": row["import_seconds"],
        "first step, s": row["first_step_seconds"],
        "third step, s": row["third_step_seconds"],
        "peak MB": row["peak_megabytes"],
        "launches": row["launches"],
    }
    if "device_megabytes" in row:
        line["peak MB on GPU"] = row["device_megabytes"]
    return {key: "-" if value is None else value for key, value in line.items()}


def write(file: Path, made: Mapping[str, Any]) -> None:
    """As JSON, never half of it."""
    half = file.with_name(f"{file.name}.part")
    half.write_text(json.dumps(made, indent=1) + "\n")
    half.replace(file)


def _against(base: Mapping[str, Any], made: Mapping[str, Any]) -> int:
    """How many became slower than in an earlier run, printed."""
    changes = compare.compare(base, made)
    before = base["environment"]
    print(f"\nagainst {before['command']} of {before['date']}\n\n{compare.table(changes)}")
    return sum(change["verdict"] == "slower" for change in changes)
