"""``python -m perf models``: training of models by tkeras, torch, torch.compile, Keras on torch and on JAX.

Each contender trains in a process of its own, in interleaved rounds: steps per second of ``fit`` (of a plain
loop for torch), seconds to the end of the first step, peak memory; launches a step where there is a GPU. A
contender whose loss is no number, or grows, is red and has no speed.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import resource
import shlex
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tabulate import tabulate

from perf._environment import environment
from perf._models import WORKLOADS, Workload

SCHEMA = 1
CONTENDERS = ("tkeras", "tkeras compiled", "torch", "torch.compile", "keras torch", "keras jax")
_GROWN = 1.05
"""How many times its first value a loss may be in the end: random targets are hardly learned so fast."""
_BATCHES = 4
"""Steps of an epoch."""


def main(arguments: list[str]) -> int:
    """Measure, print, write JSON if asked; 1 where a contender of ours failed."""
    options = _parse(arguments)
    if options.only is not None:
        print(json.dumps(train(options.names[0], options.only, options.steps)))
        return 0
    facts = {**environment(), "command": shlex.join(["python", "-m", "perf", "models", *arguments])}
    print(" · ".join(f"{key} {value}" for key, value in facts.items()))
    results = {"schema": SCHEMA, "environment": facts, "models": {}, "not_measured": []}
    for name in options.names:
        rows, missing = measure(name, options.rounds, options.steps)
        results["models"][name] = rows
        results["not_measured"] += [
            {"model": name, "what": what, "reason": why} for what, why in missing.items()
        ]
        print(f"\n{name}, batch {WORKLOADS[name].batch}: {WORKLOADS[name].build.__doc__}\n{table(rows)}")
    for entry in results["not_measured"]:
        print(f"not measured: {entry['model']} {entry['what']}: {entry['reason']}")
    if options.json is not None:
        options.json.write_text(json.dumps(results, indent=1) + "\n")
    return 1 if any(entry["what"].startswith("tkeras") for entry in results["not_measured"]) else 0


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m perf models", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*WORKLOADS, []], help="default: all")
    parser.add_argument("--rounds", type=int, default=5, help="processes of each contender")
    parser.add_argument("--steps", type=int, default=50, help="that are timed, after as many that are not")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--only", choices=CONTENDERS, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    options.names = options.names or [*WORKLOADS]
    if options.rounds < 1 or options.steps < 1:
        parser.error("--rounds and --steps: expected at least 1")
    return options


def absent(name: str, contender: str) -> str:
    """Why a contender cannot be measured here, or nothing."""
    if contender.startswith("torch") and WORKLOADS[name].torch is None:
        return "no plain torch model is written"
    packages = {"keras torch": ("keras",), "keras jax": ("keras", "jax")}.get(contender, ())
    missing = [package for package in packages if importlib.util.find_spec(package) is None]
    return f"{', '.join(missing)} not installed" if missing else ""


def measure(name: str, rounds: int, steps: int) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """A row for each contender, and why others have none."""
    missing = {contender: why for contender in CONTENDERS if (why := absent(name, contender))}
    found: dict[str, list[dict[str, Any]]] = {c: [] for c in CONTENDERS if c not in missing}
    for _ in range(rounds):
        for contender in [*found]:
            try:
                found[contender].append(checked(_in_process(name, contender, steps)))
            except WrongTrainingError as error:
                missing[contender] = str(error)
                del found[contender]
    return summarised(found), missing


class WrongTrainingError(Exception):
    """A contender failed, or did not learn."""


def checked(output: dict[str, Any]) -> dict[str, Any]:
    """The output of a process whose losses are numbers that do not grow.

    Raises:
        WrongTrainingError: they are not.
    """
    first, last = output["first_loss"], output["last_loss"]
    if not (first == first and last == last and abs(last) < float("inf") and last <= _GROWN * first):
        raise WrongTrainingError(f"red: the loss went from {first:.4g} to {last:.4g}")
    return output


def _in_process(name: str, contender: str, steps: int) -> dict[str, Any]:
    backend = contender.removeprefix("keras ") if contender.startswith("keras") else "torch"
    command = [sys.executable, "-m", "perf", "models", name, "--only", contender, "--steps", str(steps)]
    done = subprocess.run(
        command, env=os.environ | {"KERAS_BACKEND": backend}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        raise WrongTrainingError(f"failed: {lines[-1][:200]}")
    return json.loads(done.stdout.splitlines()[-1])


def summarised(found: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[dict[str, Any]]:
    """Medians over the rounds, and the median of our rate over theirs in the same round."""
    ours = found.get("tkeras", ())
    rows = []
    for contender, outputs in found.items():
        rates = [output["steps_per_second"] for output in outputs]
        row: dict[str, Any] = {"contender": contender, "rounds": len(outputs), "values": rates}
        for key in ("steps_per_second", "first_step_seconds", "peak_megabytes"):
            row[key] = statistics.median(output[key] for output in outputs)
        row["launches"] = outputs[0].get("launches")
        pairs = [(a["steps_per_second"], b) for a, b in zip(ours, rates, strict=False)]
        row["tkeras_over_it"] = statistics.median(a / b for a, b in pairs) if pairs else None
        rows.append(row)
    return rows


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """As text."""
    shown = [
        {
            "": row["contender"],
            "steps/s": row["steps_per_second"],
            "min": min(row["values"]),
            "max": max(row["values"]),
            "tkeras / it": row["tkeras_over_it"],
            "first step, s": row["first_step_seconds"],
            "peak MB": row["peak_megabytes"],
            "launches": "-" if row["launches"] is None else row["launches"],
        }
        for row in rows
    ]
    return tabulate(shown, headers="keys", floatfmt=".4g")


def train(name: str, contender: str, steps: int, batch: int | None = None) -> dict[str, Any]:
    """Train here, as this contender: an epoch to warm up, then as many as have ``steps``."""
    workload = WORKLOADS[name]
    batch = batch or workload.batch
    inputs, targets = workload.data(batch * _BATCHES)
    start = time.perf_counter()
    make = _torch_fit if contender.startswith("torch") else _keras_fit
    fit = make(workload, contender, inputs, targets, batch)
    first = fit(batch, 1)
    taken = time.perf_counter() - start
    fit(len(inputs[0]), 1)
    epochs = -(-steps // _BATCHES)
    _wait()
    start = time.perf_counter()
    last = fit(len(inputs[0]), epochs)
    _wait()
    seconds = time.perf_counter() - start
    found = {
        "steps_per_second": epochs * _BATCHES / seconds,
        "first_step_seconds": taken,
        "first_loss": float(first),
        "last_loss": float(last),
        "peak_megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    launches = _launches(lambda: fit(batch, 1))
    return found if launches is None else {**found, "launches": launches}


def _wait() -> None:
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.synchronize()


def _launches(step: Callable[[], Any]) -> int | None:
    """Kernels and graphs that a step launches on a GPU."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available():
        return None
    activities = [torch.profiler.ProfilerActivity.CPU, torch.profiler.ProfilerActivity.CUDA]
    with torch.profiler.profile(activities=activities) as profile:
        step()
        torch.cuda.synchronize()
    names = [event.key for event in profile.key_averages() for _ in range(event.count)]
    return sum(any(part in name for part in ("LaunchKernel", "GraphLaunch")) for name in names)


Fit = Callable[[int, int], float]
"""Trains on the first so many samples for so many epochs, and gives the loss of the last."""


def _keras_fit(workload: Workload, contender: str, inputs: list[Any], targets: list[Any], batch: int) -> Fit:
    if contender.startswith("tkeras"):
        import tkeras as keras

        how: dict[str, Any] = {"jit_compile": contender == "tkeras compiled"}
    else:
        import keras  # pyright: ignore[reportMissingImports]

        how = {}
    keras.utils.set_random_seed(0)
    model = workload.build(keras)
    model.compile(optimizer="rmsprop", loss=[loss for loss, _ in workload.targets], **how)

    def fit(samples: int, epochs: int) -> float:
        x, y = ([value[:samples] for value in values] for values in (inputs, targets))
        x, y = x if len(x) > 1 else x[0], y if len(y) > 1 else y[0]
        history = model.fit(x, y, batch_size=batch, epochs=epochs, shuffle=False, verbose=0)
        return history.history["loss"][-1]

    return fit


def _torch_fit(workload: Workload, contender: str, inputs: list[Any], targets: list[Any], batch: int) -> Fit:
    import torch
    from torch.nn import functional as F

    assert workload.torch is not None
    torch.manual_seed(0)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = workload.torch().to(device)
    call = torch.compile(model) if contender == "torch.compile" else model
    x = [torch.from_numpy(value).to(device) for value in inputs]
    (y,) = [torch.from_numpy(value).to(device) for value in targets]
    optimizer = torch.optim.RMSprop(model.parameters(), lr=1e-3, alpha=0.9, eps=1e-7)
    binary = workload.targets[0][0] == "binary_crossentropy"

    def step(rows: slice) -> Any:
        optimizer.zero_grad()
        out, wanted = call(*[value[rows] for value in x]), y[rows]
        if binary:
            loss = F.binary_cross_entropy(out, wanted)
        else:
            loss = F.nll_loss(torch.log(out + 1e-7).flatten(0, -2), wanted.flatten())
        loss.backward()
        optimizer.step()
        return loss.detach()

    def fit(samples: int, epochs: int) -> float:
        for _ in range(epochs):
            total = torch.zeros((), device=device)
            for start in range(0, samples, batch):
                total += step(slice(start, start + batch))
        return total.item() * batch / samples

    return fit
