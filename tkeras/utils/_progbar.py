"""`Progbar`: a progress bar in Keras' form."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Iterable, Mapping
from typing import Any


class Progbar:
    """Progress of a loop on standard output.

    Args:
        target: number of steps, None when unknown.
        width: length of the bar in characters.
        verbose: 0 silent, 1 bar, 2 one line at the end.
        interval: least time between two drawings, in seconds.
        stateful_metrics: names of values that are shown as they are; others are averaged over the steps.
        stateless_metrics: the other way round: names of values that are averaged.
        unit_name: what a step is called.
    """

    def __init__(
        self,
        target: int | None,
        width: int = 20,
        verbose: int = 1,
        interval: float = 0.05,
        stateful_metrics: Iterable[str] | None = None,
        stateless_metrics: Iterable[str] | None = None,
        unit_name: str = "step",
    ):
        if stateful_metrics is not None and stateless_metrics is not None:
            raise ValueError("Pass `stateful_metrics` or `stateless_metrics`, not both.")
        self._stateful = None if stateful_metrics is None else set(stateful_metrics)
        self._stateless = None if stateless_metrics is None else set(stateless_metrics)
        self._sums: dict[str, tuple[float, int]] = {}
        self.target, self.width, self.verbose = target, width, verbose
        self.interval, self.unit_name = interval, unit_name
        self.seen = 0
        self._start = time.perf_counter()
        self._drawn = 0.0
        self._length = 0
        self._values: dict[str, float] = {}
        self._tty = hasattr(sys.stdout, "isatty") and sys.stdout.isatty()

    def due(self) -> bool:
        """Whether an update would draw."""
        return self.verbose == 1 and time.perf_counter() - self._drawn >= self.interval

    def update(self, current: int, values: Any = None, finalize: bool | None = None) -> None:
        """Say that ``current`` steps are done, with values to show (mapping or pairs).

        ``finalize`` ends the line; None: when the target is reached.
        """
        steps = max(current - self.seen, 1)
        self.seen = current
        for name, value in values.items() if isinstance(values, Mapping) else values or ():
            self._values[name] = value if self._is_stateful(name) else self._mean(name, value, steps)
        if finalize or (finalize is None and self.target is not None and current >= self.target):
            self.finish({})
        elif self.due():
            self._draw(False)

    def _is_stateful(self, name: str) -> bool:
        if self._stateless is not None:
            return name not in self._stateless
        return self._stateful is not None and name in self._stateful

    def _mean(self, name: str, value: Any, steps: int) -> float:
        """The average of a value over the steps so far."""
        total, count = self._sums.get(name, (0.0, 0))
        self._sums[name] = total, count = total + float(value) * steps, count + steps
        return total / count

    def add(self, n: int, values: Any = None) -> None:
        """Say that ``n`` more steps are done."""
        self.update(self.seen + n, values)

    def finish(self, values: Mapping[str, Any]) -> None:
        """Draw for the last time and end the line."""
        self._values.update({key: value for key, value in values.items() if isinstance(value, (int, float))})
        if self.target is None:
            self.target = self.seen
        if self.verbose:
            self._draw(True)

    def _draw(self, last: bool) -> None:
        self._drawn = now = time.perf_counter()
        elapsed = now - self._start
        each = elapsed / max(self.seen, 1)
        if self.verbose == 2:
            text = f"{self.seen}/{self.target} - {elapsed:.0f}s - {_duration(each)}/{self.unit_name}"
        else:
            text = f"{self._count()} {self._bar()} " + self._time(last, elapsed, each)
        text += "".join(f" - {key}: {_value(self._values[key])}" for key in sorted(self._values))
        if self.verbose == 1 and self._tty:
            text = "\r" + text.ljust(self._length)
            self._length = len(text) - 1
        elif not last:  # no redrawing in files and pipes: only the last state is written
            return
        sys.stdout.write(text + ("\n" if last else ""))
        sys.stdout.flush()

    def _count(self) -> str:
        if self.target is None:
            return f"{self.seen:>7}/Unknown"
        return f"{self.seen:>{len(str(self.target))}}/{self.target}"

    def _bar(self) -> str:
        done = self.width if not self.target else math.floor(self.width * min(1.0, self.seen / self.target))
        bar = "━" * self.width
        return f"\x1b[32m{bar[:done]}\x1b[0m\x1b[37m{bar[done:]}\x1b[0m" if self._tty else bar

    def _time(self, last: bool, elapsed: float, each: float) -> str:
        if last or self.target is None:
            return f"{elapsed:.0f}s {_duration(each)}/{self.unit_name}"
        return f"{each * (self.target - self.seen):.0f}s {_duration(each)}/{self.unit_name}"


def _duration(seconds: float) -> str:
    if seconds >= 1 or seconds == 0:
        return f"{seconds:.0f}s"
    return f"{seconds * 1e3:.0f}ms" if seconds >= 1e-3 else f"{seconds * 1e6:.0f}us"


def _value(value: float) -> str:
    return f"{value:.4f}" if abs(value) > 1e-3 else f"{value:.4e}"
