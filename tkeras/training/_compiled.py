"""Steps of training as programs: when one is made, when it runs, and why not."""

from __future__ import annotations

import logging
import operator
import statistics
import time
import warnings
from collections.abc import Callable
from typing import Any

import torch

from tkeras.config import get_backend
from tkeras.graph import Version
from tkeras.graph._tree import leaves

LOGGER = logging.getLogger("tkeras")
EAGER_FIRST = 32
"""Steps of one signature that run eagerly under "auto" before a program is made; the later half is timed."""
TRIED = 32
"""Steps of a program that are timed before it is kept."""
SLOWER = 1.02
"""How much slower than eager steps a program may seem."""


class Compiled:
    """The program of a step for inputs of one signature; making one runs the step.

    Args:
        model: what trains.
        batches: one batch; on a GPU as many as run in one graph.
        pool: memory that graphs share.

    Attributes:
        buffers: where the launches read the batch, None where there are several batches.
        schedule: the launches on a CPU, None on a GPU.
        reason: why it cannot run again, None if it can.
    """

    def __init__(self, model: Any, batches: list[Any], pool: Any = None):
        from tkeras.compiler import _capture, _step

        tensors = [tensors_of(batch) for batch in batches]
        self.schedule: Any = None
        self.reason: str | None = None
        if tensors[0][0].is_cuda:
            self.program = _step.step_program(model, batches[0], gpu=True)
            captured = _capture.Captured(self.program, tensors, pool)
            self.reason, places = captured.reason, captured.buffers
            self._run: Callable[[list[Any]], None] = captured
        else:
            places = [[t.clone(memory_format=torch.contiguous_format) for t in tensors[0]]]
            self.program, self.schedule = _step.compile_step(model, batches[0], places[0])
            self._run = lambda batches: self._replay(places[0], batches[0])
        self.buffers = places[0] if len(places) == 1 else ()
        self.optimizer = model.optimizer
        self._inner = getattr(model.optimizer, "inner_optimizer", model.optimizer)
        self._variables = [t for t in self.program.captured.values() if isinstance(t, torch.Tensor)]
        self._places = [variable.data_ptr() for variable in self._variables]

    def _replay(self, buffers: list[torch.Tensor], tensors: list[torch.Tensor]) -> None:
        for buffer, tensor in zip(buffers, tensors, strict=True):
            if buffer is not tensor:
                buffer.copy_(tensor)
        self.schedule.run()

    def holds(self, batch: Any) -> bool:
        """Whether a batch was written where the launches read it."""
        return len(batch) == len(self.buffers) and all(map(operator.is_, batch, self.buffers))

    def fits(self, model: Any) -> bool:
        """Whether optimizer and variables are still what and where the launches expect them."""
        places = [variable.data_ptr() for variable in self._variables]
        return places == self._places and self.optimizer is model.optimizer

    def __call__(self, batches: list[Any]) -> None:
        self._run([tensors_of(batch) for batch in batches])
        if self.schedule is None:  # a graph counts steps on the device, unseen by the host
            self._inner._count_version = -1


class Trial:
    """What is known of one signature: eager steps so far, their time, the program, the decision."""

    def __init__(self) -> None:
        self.steps = 0
        self.eager: list[float] = []
        self.compiled: Compiled | None = None
        self.times: list[float] = []
        self.reason: str | None = None


class StepRunner:
    """Runs the steps of ``fit``: as a program where the model traces, else eagerly.

    Args:
        model: what trains.
        mode: ``jit_compile``: ``"auto"`` runs some eager steps first and, on a CPU, keeps the program only if
            it is faster; True makes the program at the second step of a signature.
    """

    def __init__(self, model: Any, mode: Any):
        self.model, self.mode = model, mode
        self.trials: dict[Any, Trial] = {}
        self._said: set[str] = set()
        self._version: Any = None
        self._structure: Any = None
        self._data: Any = None
        self._pool: Any = None
        self._last: Trial | None = None
        self.on_gpu = False

    def __reduce__(self) -> tuple[Any, ...]:
        """Copies and pickles of a model have none: programs belong to the variables of one model."""
        return type(None), ()

    @property
    def reasons(self) -> list[str]:
        """Why signatures run eagerly."""
        return [trial.reason for trial in self.trials.values() if trial.reason is not None]

    def start_epoch(self, data: Any) -> str | None:
        """Look at the model again; the reason why all steps of this epoch are eager, or None.

        Args:
            data: where the batches come from; it may write them where programs read them.
        """
        self._version, self._data, self._last = None, data, None
        model = self.model
        for layer in model._flat_layers():
            if layer._forward_hooks or layer._forward_pre_hooks or layer._backward_hooks:
                return f"layer {layer.name!r} has hooks"
        kinds = {variable.device.type for variable in model.variables}
        self.on_gpu = kinds == {"cuda"}
        if not kinds <= {"cpu"} and not self.on_gpu:
            return f"variables are on {sorted(kinds)}"
        if self.on_gpu:
            return self._gpu_refusal()
        if get_backend() == "interpret":
            return "backend 'interpret' runs kernels that a schedule of ATen calls does not see"
        return None

    def _gpu_refusal(self) -> str | None:
        from tkeras.compiler import _capture

        self._pool = self._pool or _capture.pool()
        return _capture.host_bound(self.model.optimizer)

    def __call__(self, batch: Any) -> None:
        """One step."""
        trial = self._last
        if trial is not None and self._version == Version.count:
            compiled = trial.compiled
            if compiled is not None and compiled.holds(batch) and compiled.fits(self.model):
                compiled.schedule.run()
                return
        self._steps(self._trial(batch), [batch])

    def several(self, batches: list[Any]) -> None:
        """Steps on several batches: in one graph on a GPU, if all have one signature."""
        if self.on_gpu and len(batches) > 1:
            trials = [self._trial(batch, len(batches)) for batch in batches]
            if all(trial is trials[0] for trial in trials):
                return self._steps(trials[0], batches)
        for batch in batches:
            self(batch)
        return None

    def _steps(self, trial: Trial, batches: list[Any]) -> None:
        compiled = trial.compiled
        self._data.buffers = compiled.buffers if compiled is not None else ()
        if compiled is None or trial.reason is not None:
            self._eager(trial, batches)
        elif not compiled.fits(self.model):
            trial.compiled, trial.steps = None, 1
            self._eager(trial, batches)
        elif self.mode is True or self.on_gpu or len(trial.times) >= TRIED:
            self._last = None if self.on_gpu else trial
            compiled(batches)
        else:
            self._try(trial, compiled, batches)

    def _try(self, trial: Trial, compiled: Compiled, batches: list[Any]) -> None:
        start = time.perf_counter()
        compiled(batches)
        trial.times.append(time.perf_counter() - start)
        if len(trial.times) == TRIED:
            ours, eager = statistics.median(trial.times[4:]), statistics.median(trial.eager)
            if ours > SLOWER * eager:
                trial.reason = f"the program takes {ours / eager:.2f} times as long as eager steps"
                trial.compiled = None

    def _eager(self, trial: Trial, batches: list[Any]) -> None:
        trial.steps += 1
        first = 2 if self.mode is True else EAGER_FIRST
        if trial.reason is None and trial.steps >= first and self._compile(trial, batches):
            return  # making the program was this step
        for batch in batches:
            start = time.perf_counter()
            self.model._learn(batch)
            if trial.steps > first // 2:
                trial.eager.append(time.perf_counter() - start)

    def _compile(self, trial: Trial, batches: list[Any]) -> bool:
        """Whether the steps have been run while the program was made."""
        from tkeras.compiler import CompileError

        compiled = None
        try:
            compiled = Compiled(self.model, batches, self._pool)
            trial.reason = compiled.reason
            trial.compiled = compiled if compiled.reason is None else None
        except CompileError as error:
            trial.reason = str(error)
        if trial.reason is not None:
            self._say(f"Model {self.model.name!r} trains eagerly: {trial.reason}")
        return compiled is not None

    def _say(self, text: str) -> None:
        if text not in self._said:
            self._said.add(text)
            if self.mode is True:
                warnings.warn(text, stacklevel=6)
            else:
                LOGGER.warning(text)

    def _trial(self, batch: Any, count: int = 1) -> Trial:
        if self._version != Version.count:
            model = self.model
            layers = tuple(layer.trainable for layer in model._flat_layers())
            self._structure = (tuple(map(id, model.trainable_variables)), layers, get_backend())
            self._version = Version.count
        parts = list(leaves(batch))
        key = (self._structure, count, *(_kind(part) for part in parts))
        found = self.trials.get(key)
        if found is None:
            found = self.trials[key] = Trial()
            if not all(part is None or isinstance(part, torch.Tensor) for part in parts):
                found.reason = "an input is not a tensor"
        return found


def _kind(part: Any) -> Any:
    return (part.shape, part.dtype, part.device) if isinstance(part, torch.Tensor) else type(part)


def tensors_of(batch: Any) -> list[torch.Tensor]:
    """The tensors of a batch in order."""
    return [leaf for leaf in leaves(batch) if isinstance(leaf, torch.Tensor)]


def step_runner(model: Any, data: Any) -> Callable[[Any], Any]:
    """What ``fit`` calls for each batch of a model whose step is ours."""
    mode = model.jit_compile
    reason = "jit_compile is False" if mode in (False, None) else None
    if model.run_eagerly:
        reason = "run_eagerly"
    own = own_parts(model)
    if reason is not None or own is not None:
        _note(model, reason or own, mode is True and reason is None)
        return model._learn
    runner = model.__dict__.get("_runner")
    if runner is None:
        runner = model.__dict__["_runner"] = StepRunner(model, mode)
    reason = runner.start_epoch(data)
    _note(model, reason, mode is True)
    return runner if reason is None else model._learn


def _note(model: Any, reason: str | None, warn: bool) -> None:
    """Keep why all steps are eager; say it once where programs were asked for."""
    before = model.__dict__.get("_eager_reason")
    model.__dict__["_eager_reason"] = reason
    if warn and reason is not None and reason != before:
        warnings.warn(f"Model {model.name!r} trains eagerly: {reason}", stacklevel=5)


def own_parts(model: Any) -> str | None:
    """Which parts of a step a model defines itself that programs do not follow."""
    from tkeras.training._trainer import Trainer

    for name in ("train_step", "compute_metrics"):
        if getattr(type(model), name) is not getattr(Trainer, name):
            return f"{type(model).__name__} defines `{name}`"
    return None
