"""Contenders side by side: each in its own process, in interleaved rounds, compared by medians."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tabulate import tabulate


class WrongResultError(Exception):
    """A contender computed something else than it should have."""


@dataclass(frozen=True)
class Comparison:
    """A benchmark: what is measured, by which module, for whom.

    Args:
        name: on the command line.
        title: of the table.
        module: run as ``python -m module contender``; prints JSON with ``value`` and what ``check`` reads.
        contenders: tkeras first; the ratios are ``ours / theirs``.
        unit: of ``value``.
        higher_is_better: whether a large value is good.
        check: gets the outputs of a round by contender, and raises `WrongResultError`.
    """

    name: str
    title: str
    module: str
    contenders: tuple[str, ...]
    unit: str
    higher_is_better: bool
    check: Callable[[Mapping[str, dict[str, Any]]], None] = lambda outputs: None


@dataclass(frozen=True)
class Measurement:
    """The values of every contender, one a round."""

    comparison: Comparison
    values: dict[str, list[float]]

    def ratio(self, contender: str) -> float:
        """Median over the rounds of our value over theirs in the same round."""
        ours = self.values[self.comparison.contenders[0]]
        return statistics.median(a / b for a, b in zip(ours, self.values[contender], strict=True))

    def table(self) -> str:
        """Median and range of each contender, and the ratios."""
        ours = self.comparison.contenders[0]
        rows = [
            (name, statistics.median(values), min(values), max(values), self.ratio(name))
            for name, values in self.values.items()
        ]
        better = "higher" if self.comparison.higher_is_better else "lower"
        headers = ["", f"median, {self.comparison.unit}", "min", "max", f"{ours} / it"]
        rounds = len(self.values[ours])
        note = f"{self.comparison.title}; {rounds} interleaved rounds; {better} is better"
        return f"{note}\n{tabulate(rows, headers, floatfmt='.4g')}"

    def as_dict(self) -> dict[str, Any]:
        """Everything measured, for JSON."""
        return {
            "name": self.comparison.name,
            "title": self.comparison.title,
            "unit": self.comparison.unit,
            "higher_is_better": self.comparison.higher_is_better,
            "values": self.values,
            "ratios": {name: self.ratio(name) for name in self.values},
        }


def run(comparison: Comparison, rounds: int) -> Measurement:
    """Run every contender once a round.

    Raises:
        WrongResultError: the results of a round differ.
    """
    values: dict[str, list[float]] = {contender: [] for contender in comparison.contenders}
    for _ in range(rounds):
        outputs = {contender: _once(comparison.module, contender) for contender in comparison.contenders}
        comparison.check(outputs)
        for contender, output in outputs.items():
            values[contender].append(output["value"])
    return Measurement(comparison, values)


def _once(module: str, contender: str) -> dict[str, Any]:
    environment = os.environ | {"KERAS_BACKEND": "torch"}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # nobody is measured compiling Python
    command = [sys.executable, "-m", module, contender]
    finished = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=False)
    if finished.returncode:
        raise WrongResultError(f"{contender} ended with exit status {finished.returncode}")
    return json.loads(finished.stdout.splitlines()[-1])
