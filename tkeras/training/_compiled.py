"""Steps of training as programs: when one is made, when it runs, and why not."""

from __future__ import annotations

import logging
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
    """The program of a step for inputs of one signature.

    Attributes:
        schedule: the launches.
        buffers: where the launches read the batch.
    """

    def __init__(self, model: Any, batch: Any):
        from tkeras.compiler._step import compile_step

        self.buffers = [leaf.clone(memory_format=torch.contiguous_format) for leaf in tensors_of(batch)]
        self.program, self.schedule = compile_step(model, batch, self.buffers)
        self.optimizer = model.optimizer
        self._variables = [t for t in self.program.captured.values() if isinstance(t, torch.Tensor)]
        self._places = [variable.data_ptr() for variable in self._variables]
        self._run = self.schedule.run

    def fits(self) -> bool:
        """Whether every variable is still where the launches expect it."""
        return [variable.data_ptr() for variable in self._variables] == self._places

    def __call__(self, tensors: list[torch.Tensor]) -> None:
        for buffer, tensor in zip(self.buffers, tensors, strict=True):
            if buffer is not tensor:
                buffer.copy_(tensor)
        self._run()


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
        mode: ``jit_compile``: ``"auto"`` runs some eager steps first and keeps the program only if it is
            faster; True makes the program at the second step of a signature.
    """

    def __init__(self, model: Any, mode: Any):
        self.model, self.mode = model, mode
        self.trials: dict[Any, Trial] = {}
        self._said: set[str] = set()
        self._version: Any = None
        self._structure: Any = None
        self._data: Any = None

    @property
    def reasons(self) -> list[str]:
        """Why signatures run eagerly."""
        return [trial.reason for trial in self.trials.values() if trial.reason is not None]

    def start_epoch(self, data: Any) -> str | None:
        """Look at the model again; the reason why all steps of this epoch are eager, or None.

        Args:
            data: where the batches come from; it may write them where programs read them.
        """
        self._version, self._data = None, data
        return self._refusal()

    def _refusal(self) -> str | None:
        model = self.model
        if any(
            layer._forward_hooks or layer._forward_pre_hooks or layer._backward_hooks
            for layer in model._flat_layers()
        ):
            return "a layer has hooks"
        if any(variable.device.type != "cpu" for variable in model.variables):
            return "variables are not on the CPU"
        return None

    def __call__(self, batch: Any) -> None:
        """One step."""
        trial = self._trial(batch)
        compiled = trial.compiled
        self._data.buffers = compiled.buffers if compiled is not None else ()
        if compiled is not None and trial.reason is None:
            if not compiled.fits() or compiled.optimizer is not self.model.optimizer:
                trial.compiled = None
                trial.steps = 1
                return self._eager(trial, batch)
            return self._replay(trial, compiled, batch)
        return self._eager(trial, batch)

    def _replay(self, trial: Trial, compiled: Compiled, batch: Any) -> None:
        if self.mode is True or len(trial.times) >= TRIED:
            compiled(tensors_of(batch))
            return
        start = time.perf_counter()
        compiled(tensors_of(batch))
        trial.times.append(time.perf_counter() - start)
        if len(trial.times) == TRIED:
            ours, eager = statistics.median(trial.times[4:]), statistics.median(trial.eager)
            if ours > SLOWER * eager:
                trial.reason = f"the program takes {ours / eager:.2f} times as long as eager steps"
                trial.compiled = None

    def _eager(self, trial: Trial, batch: Any) -> None:
        trial.steps += 1
        first = 2 if self.mode is True else EAGER_FIRST
        if trial.reason is None and trial.steps >= first:
            self._compile(trial, batch)
            if trial.compiled is not None:
                return  # making the program was this step
        start = time.perf_counter()
        self.model._learn(batch)
        if trial.steps > first // 2:
            trial.eager.append(time.perf_counter() - start)

    def _compile(self, trial: Trial, batch: Any) -> None:
        from tkeras.compiler import CompileError

        try:
            trial.compiled = Compiled(self.model, batch)
        except CompileError as error:
            trial.reason = str(error)
            self._say(f"Model {self.model.name!r} trains eagerly: {error}")

    def _say(self, text: str) -> None:
        if text not in self._said:
            self._said.add(text)
            if self.mode is True:
                warnings.warn(text, stacklevel=6)
            else:
                LOGGER.warning(text)

    def _trial(self, batch: Any) -> Trial:
        if self._version != Version.count:
            model = self.model
            layers = tuple(layer.trainable for layer in model._flat_layers())
            self._structure = (tuple(map(id, model.trainable_variables)), layers, get_backend())
            self._version = Version.count
        parts = list(leaves(batch))
        key = (self._structure, *(_kind(part) for part in parts))
        found = self.trials.get(key)
        if found is None:
            found = self.trials[key] = Trial()
            if not all(part is None or isinstance(part, torch.Tensor) for part in parts):
                found.reason = "an input is not a tensor"
        return found


def _kind(part: Any) -> Any:
    return (part.shape, part.dtype) if isinstance(part, torch.Tensor) else type(part)


def tensors_of(batch: Any) -> list[torch.Tensor]:
    """The tensors of a batch in order."""
    return [leaf for leaf in leaves(batch) if isinstance(leaf, torch.Tensor)]


def step_runner(model: Any, data: Any) -> Callable[[Any], Any]:
    """What ``fit`` calls for each batch of a model whose step is ours."""
    mode = model.jit_compile
    reason = "jit_compile is False" if mode in (False, None) else None
    if model.run_eagerly:
        reason = "run_eagerly"
    reason = reason or own_parts(model)
    model.__dict__["_eager_reason"] = reason
    if reason is not None:
        return model._learn
    runner = model.__dict__.get("_runner")
    if runner is None:
        runner = model.__dict__["_runner"] = StepRunner(model, mode)
    reason = runner.start_epoch(data)
    model.__dict__["_eager_reason"] = reason
    return runner if reason is None else model._learn


def own_parts(model: Any) -> str | None:
    """Which parts of a step a model defines itself that programs do not follow."""
    from tkeras.training._trainer import Trainer

    for name in ("train_step", "compute_metrics"):
        if getattr(type(model), name) is not getattr(Trainer, name):
            return f"{type(model).__name__} defines `{name}`"
    return None
