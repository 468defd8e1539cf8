"""The fastest candidate for a call: the kernels as planned, with other tiles and options, or torch's
library."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import torch

from ..inspect import DTYPES, case_attributes, case_tensors, measure_errors, multiplies_tiles
from ..operators import Case, Operator, Tensors, reference_gradients
from ..runtime import (
    Launch,
    Options,
    Plan,
    call_key,
    device_name,
    launch_key,
    measuring,
    noting_plans,
    recording,
    remember,
    replaced,
    target_for,
    trying,
    trying_tiles,
)
from ..runtime import _tuned_store as store
from ._neighbours import neighbours
from ._timer import graph_seconds

Timer = Callable[[Callable[[], Any]], float]
"""Seconds of a call."""
_FACTOR, _UNITS = 4.0, 8.0
_WORTH = 1.03
"""Other options must be so many times faster than the plan's to be kept, and the library than the kernels."""
_WARPS = (1, 16)


class Trial(NamedTuple):
    """What was found for a call.

    Attributes:
        key: of the call.
        fused, torch: seconds; ``fused`` is infinite where the kernels are wrong or fail, of which ``reason``
            tells.
        configs: options better than the plan's, by launch.
        tiles: tiles better than the plan's, by what the tables were asked.
    """

    key: str
    fused: float
    torch: float
    configs: Mapping[str, Mapping[str, Any]]
    reason: str
    tiles: Mapping[str, Mapping[str, Any]] = MappingProxyType({})

    @property
    def choice(self) -> dict[str, Any]:
        """The entry of the table."""
        won = self.torch * _WORTH < self.fused
        ratio = self.fused / self.torch if won else self.torch / self.fused
        entry = {"winner": "torch" if won else "fused", "torch_us": round(self.torch * 1e6, 2)}
        if self.reason:
            return {**entry, "reason": self.reason}
        return {**entry, "fused_us": round(self.fused * 1e6, 2), "ratio": round(ratio, 3)}


def tune_call(
    operator: Operator,
    tensors: Tensors,
    attributes: Mapping[str, Any],
    trains: bool,
    timer: Timer = graph_seconds,
) -> dict[str, Any] | None:
    """Measure one call, remember what was found, and give its entry; None where it cannot be measured."""
    given = tuple(None if tensor is None else tensor.detach() for tensor in tensors)
    first = given[0]
    assert first is not None
    trial = tune(operator, given, attributes, trains, timer)
    remember(device_name(first.device), tables([trial]))
    return trial.choice


def tune_case(
    operator: Operator,
    case: Case,
    dtype: str,
    trains: bool,
    timer: Timer = graph_seconds,
    device: str = "cuda",
) -> Trial | str:
    """Measure a case on random numbers, or why it has no kernel."""
    tensors = tuple(map(_filled, case_tensors(case, DTYPES[dtype], device)))
    attributes = case_attributes(operator, case, device)
    reason = operator.unsupported(tensors, attributes)
    return reason or tune(operator, tensors, attributes, trains, timer)


def _filled(tensor: torch.Tensor | None) -> torch.Tensor | None:
    """Normal numbers, in place; zeros for integers, which may be indices."""
    if tensor is None:
        return None
    return tensor.normal_() if tensor.is_floating_point() else tensor.zero_()


def tune(
    operator: Operator, tensors: Tensors, attributes: Mapping[str, Any], trains: bool, timer: Timer
) -> Trial:
    """Time every candidate whose numbers are right."""
    kept, _ = operator.split(dict(attributes))
    key = call_key(operator, tensors, attributes, trains)
    with measuring(), torch.no_grad():
        own = {name: value for name, value in kept.items() if name != "seed"}  # torch draws its own numbers
        library = timer(_library(operator, tensors, own, trains))
        fused = _fused(operator, tensors, kept, trains)
        try:
            wrong = _wrong(operator, tensors, kept)
            if wrong:
                return Trial(key, float("inf"), library, {}, f"wrong: {', '.join(wrong)}")
            planned = timer(fused)
        except Exception as error:  # noqa: BLE001 - a kernel that cannot run is no candidate
            return Trial(key, float("inf"), library, {}, f"{type(error).__name__}: {error}"[:200])
        best, tiles, configs = planned, {}, {}
        for plan in _plans(operator, tensors, kept, trains):
            best, fields = _best_tiles(plan, fused, timer, best, tiles)
            if fields is not None:
                tiles[plan.key] = fields
        with trying_tiles(tiles):
            if tiles and _wrong(operator, tensors, kept):
                best, tiles = planned, {}
        with trying_tiles(tiles):
            for launch in _launches(operator, tensors, kept, trains):
                best, options = _best(launch, fused, timer, best, configs)
                configs = {**configs, **options}
    better = {key: options._asdict() for key, options in configs.items()}
    times = {"planned_us": round(planned * 1e6, 2), "us": round(best * 1e6, 2)}
    return Trial(key, best, library, _timed(better, times), "", _timed(tiles, times))


def _wrong(operator: Operator, tensors: Tensors, attributes: Mapping[str, Any]) -> list[str]:
    """Which numbers of the kernels are not those of torch."""
    return [e.what for e in measure_errors(operator, tensors, attributes) if not e.within(_FACTOR, _UNITS)]


def _library(
    operator: Operator, tensors: Tensors, attributes: Mapping[str, Any], trains: bool
) -> Callable[[], Any]:
    if not trains:
        return lambda: operator.reference(*tensors, **attributes)
    needs = _needs(tensors)
    outputs = operator.reference(*tensors, **attributes)
    gradients = tuple(map(torch.ones_like, outputs if isinstance(outputs, tuple) else (outputs,)))
    return lambda: reference_gradients(operator, tensors, gradients, needs, attributes)


def _fused(
    operator: Operator, tensors: Tensors, attributes: Mapping[str, Any], trains: bool
) -> Callable[[], Any]:
    def both() -> Any:
        outputs, saved = operator.forward(*tensors, **attributes)
        gradients = outputs if isinstance(outputs, tuple) else (outputs,)
        return operator.backward(saved, gradients, _needs(tensors), **attributes)

    return both if trains else lambda: operator.infer(*tensors, **attributes)


def _needs(tensors: Tensors) -> list[bool]:
    return [tensor is not None and tensor.is_floating_point() for tensor in tensors]


def _launches(
    operator: Operator, tensors: Tensors, attributes: Mapping[str, Any], trains: bool
) -> Iterator[Launch]:
    """The different launches of a call, which does not run."""
    first = tensors[0]
    assert first is not None
    with recording(target_for(first)) as launches:
        _fused(operator, tensors, attributes, trains)()
    seen: set[str] = set()
    for launch in launches:
        key = launch_key(launch.kernel, launch.arguments, launch.constants)
        if key not in seen:
            seen.add(key)
            yield launch


def _plans(operator: Operator, tensors: Tensors, attributes: Mapping[str, Any], trains: bool) -> list[Plan]:
    """What a call, which does not run, asks the tables of tiles."""
    first = tensors[0]
    assert first is not None
    with noting_plans() as plans, recording(target_for(first)):
        _fused(operator, tensors, attributes, trains)()
    return [*plans.values()]


def _best_tiles(
    plan: Plan, call: Callable[[], Any], timer: Timer, before: float, others: Mapping[str, Mapping[str, Any]]
) -> tuple[float, dict[str, Any] | None]:
    """The least time of the call, and the tiles of this plan that give it if they are not the table's."""
    best, found = before, None
    for fields in neighbours(plan):
        tiles = replaced(plan.tiles, fields)._asdict()
        try:
            with trying_tiles({**others, plan.key: tiles}):
                seconds = timer(call)
        except Exception:  # noqa: BLE001 - too many registers, say: no candidate
            continue
        if seconds * _WORTH < best:
            best, found = seconds, tiles
    return best, found


def candidates(launch: Launch) -> Iterator[Options]:
    """Half and twice the warps; a stage more and less where tiles are multiplied."""
    stages = {launch.stages}
    if multiplies_tiles(launch.kernel.fn.__module__, launch.kernel.fn.__name__):
        stages |= {max(1, launch.stages - 1), launch.stages + 1}
    for warps in (launch.warps // 2, launch.warps, launch.warps * 2):
        for count in sorted(stages):
            if _WARPS[0] <= warps <= _WARPS[1] and (warps, count) != (launch.warps, launch.stages):
                yield Options(warps, count)


def _best(
    launch: Launch, call: Callable[[], Any], timer: Timer, before: float, others: Mapping[str, Options]
) -> tuple[float, dict[str, Options]]:
    """The least time of the call, and the options of this launch that give it if they are not the plan's."""
    key = launch_key(launch.kernel, launch.arguments, launch.constants)
    best, found = before, {}
    for options in candidates(launch):
        try:
            with trying({**others, key: options}):
                seconds = timer(call)
        except Exception:  # noqa: BLE001 - too much shared memory, say: no candidate
            continue
        if seconds * _WORTH < best:
            best, found = seconds, {key: options}
    return best, found


def _timed(entries: Mapping[str, Mapping[str, Any]], times: Mapping[str, float]) -> dict[str, dict[str, Any]]:
    return {key: {**entry, **times} for key, entry in entries.items()}


def tables(trials: Sequence[Trial]) -> dict[str, dict[str, Any]]:
    """The parts of a table that holds these trials."""
    configs = {key: entry for trial in trials for key, entry in trial.configs.items()}
    tiles = {key: entry for trial in trials for key, entry in trial.tiles.items()}
    return {"choices": {trial.key: trial.choice for trial in trials}, "configs": configs, "tiles": tiles}


def add_to_table(file: Path | None, device: str, trials: Sequence[Trial], **facts: str) -> Path:
    """Add trials to a table on disk; by default to the package's for a device of this name.

    Raises:
        OSError: it cannot be written.
    """
    file = file or store.SHIPPED / f"{device.lower().replace(' ', '-')}.json"
    failed = store.add(file, store.identity(device), tables(trials), **facts)
    if failed is not None:
        raise OSError(f"{file}: {failed}")
    return file
