"""Steps of training as programs: when one is made, when it runs, and why not."""

from __future__ import annotations

import logging
import operator
import statistics
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch

from tkeras.config import get_backend
from tkeras.graph._tree import leaves, map_structure
from tkeras.training._data import ArrayDataset
from tkeras.training._feed import Drawn, Feed, Feeds
from tkeras.training._settings import Settings, versions_now

LOGGER = logging.getLogger("tkeras")
EAGER_FIRST = 32
"""Steps of one signature that run eagerly under "auto" before a program is made; the later half is timed."""
TRIED = 32
"""Steps of a program that are timed before it is kept."""
SLOWER = 1.02
"""How much slower than eager steps a program may seem."""
MOST_TRIALS = 64
"""Signatures that are remembered; the oldest is forgotten first."""


@dataclass(frozen=True)
class Kind:
    """What a runner repeats.

    Attributes:
        slot: attribute of the model that keeps the runner.
        verb: for messages.
        step: method of the model that does it eagerly.
        own: methods that, where a model defines them, programs do not follow.
    """

    slot: str
    verb: str
    step: str
    own: tuple[str, ...]


FIT = Kind("_runner", "trains", "_learn", ("train_step", "compute_metrics"))
EVALUATE = Kind("_evaluator", "is evaluated", "_assess", ("test_step", "compute_metrics"))
PREDICT = Kind("_predictor", "predicts", "predict_step", ("predict_step",))
_MAKING = threading.RLock()
"""Held while a program is made: that touches state of torch which threads share."""


class Compiled:
    """The program of a step for inputs of one signature; making one runs the step.

    Args:
        model: what the step belongs to.
        kind: which step.
        batches: one batch; on a GPU as many as run in one graph.
        pool: memory that graphs share.

    Attributes:
        buffers: where the launches read the batch, None where there are several batches.
        schedule: the launches on a CPU, None on a GPU.
        reason: why it cannot run again, None if it can.
        first: the outputs of the run that made it, for each batch.
    """

    def __init__(self, model: Any, kind: Kind, batches: list[Any], pool: Any = None):
        from tkeras.compiler import _capture, _gather, _inference, _step, _warm

        self.feed: Feed | None = batches[0].feed if isinstance(batches[0], Drawn) else None
        example = concrete(batches[0])
        tensors = [tensors_of(batch) for batch in batches]
        gpu = tensors_of(example)[0].is_cuda
        self.schedule: Any = None
        self.reason: str | None = None
        self.weights: Any = None
        if kind is FIT:
            made = self.program = _step.step_program(model, example, gpu)
        else:
            made = _inference.inference_program(model, getattr(model, kind.step), example, gpu)
            self.weights = _inference.Weights(made)
            self.program = self.weights.rest
        if self.feed is not None:
            feed = self.feed
            self.program = _gather.gather_inside(self.program, feed.tensors, feed.order, feed.place)
            feed.seek(batches[0].start)
            feed.moved(None)  # while programs are made nobody knows how often they run
        if gpu:
            _warm.warm_up(made, tensors_of(example)[0].device)
            captured = _capture.Captured(self.program, tensors, pool)
            self.reason, places, self.first = captured.reason, captured.buffers, captured.first
            self._run: Callable[[list[Any]], list[Any]] = captured
        else:
            places = [[t.clone(memory_format=torch.contiguous_format) for t in tensors[0]]]
            more = model.optimizer.variables if kind is FIT else ()
            self.schedule, outputs = _step.first_run(self.program, places[0], more)
            self.first = [outputs]
            self._run = lambda batches: [self._replay(places[0], batches[0])]
        self.buffers = places[0] if len(places) == 1 and kind is FIT else ()
        flat = type(example) is tuple and all(type(part) is torch.Tensor for part in example)
        plain = flat and kind is FIT and not gpu and self.feed is None
        self._like = [(tensor.shape, tensor.dtype) for tensor in tensors[0]] if plain else []
        self.optimizer = model.optimizer
        self._inner = _capture.optimizers_in(model.optimizer) if kind is FIT else []
        self._variables = [t for t in made.captured.values() if isinstance(t, torch.Tensor)]
        self._places = [variable.data_ptr() for variable in self._variables]

    def _replay(self, buffers: list[torch.Tensor], tensors: list[torch.Tensor]) -> Any:
        if all(map(operator.is_, buffers, tensors)):
            return self.schedule.run()
        return self.schedule.run_on(tensors)

    def holds(self, batch: Any) -> bool:
        """Whether a batch was written where the launches read it."""
        return (
            self.feed is None
            and len(batch) == len(self.buffers)
            and all(map(operator.is_, batch, self.buffers))
        )

    def takes(self, batch: Any) -> bool:
        """Whether a batch is one of tensors in a row like those of the launches."""
        return (
            type(batch) is tuple
            and len(batch) == len(self._like)
            and all(
                type(t) is torch.Tensor and t.shape == shape and t.dtype is dtype and t.is_cpu
                for t, (shape, dtype) in zip(batch, self._like, strict=True)
            )
        )

    def fits(self, model: Any) -> bool:
        """Whether optimizer and variables are still what and where the launches expect them."""
        places = [variable.data_ptr() for variable in self._variables]
        return places == self._places and (not self._inner or self.optimizer is model.optimizer)

    def __call__(self, batches: list[Any]) -> list[Any]:
        """The outputs for each batch, in memory that the next call writes."""
        if self.feed is not None:
            self.feed.seek(batches[0].start)
        outputs = self._run([tensors_of(batch) for batch in batches])
        if self.feed is not None:
            self.feed.moved(sum(batch.size for batch in batches))
        if self.schedule is None:
            for optimizer in self._inner:
                optimizer._count_version = -1  # a graph counts steps on the device, unseen by the host
        return outputs


class Trial:
    """What is known of one signature: eager steps so far, their time, the program, the decision."""

    def __init__(self) -> None:
        self.steps = 0
        self.eager: list[float] = []
        self.compiled: Compiled | None = None
        self.times: list[float] = []
        self.reason: str | None = None
        self.feed: int | None = None
        self.fresh = False
        """Whether what the program takes from the weights alone was computed in this call."""


class StepRunner:
    """Runs steps of ``fit``, ``evaluate`` or ``predict``: as a program where the model traces, else eagerly.

    Args:
        model: whose steps.
        mode: ``jit_compile``: ``"auto"`` runs some eager steps first and, on a CPU, keeps the program only if
            it is faster; True makes the program at the second step of a signature.
        kind: which steps.
    """

    def __init__(self, model: Any, mode: Any, kind: Kind = FIT):
        self.model, self.mode, self.kind = model, mode, kind
        self.trials: dict[Any, Trial] = {}
        self._said: set[str] = set()
        self._versions: Any = None
        self._settings = Settings()
        self._structure = 0
        self._data: Any = None
        self._pool: Any = None
        self._last: Trial | None = None
        self._busy = threading.RLock()
        self._owners: list[int] = []
        self._feeds = Feeds()
        self.refreshing = self.on_gpu = False

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
        if self.kind is FIT and self._owners and self._owners[-1] != threading.get_ident():
            return "another thread trains the model"
        self._versions, self._data, self._last = None, data, None
        for trial in self.trials.values():
            trial.fresh = False
        model = self.model
        for layer in model._flat_layers():
            if layer._forward_hooks or layer._forward_pre_hooks or layer._backward_hooks:
                return f"layer {layer.name!r} has hooks"
        kinds = {variable.device.type for variable in (*model.weights, *model.metrics_variables)}
        self.on_gpu = kinds == {"cuda"}
        if not kinds <= {"cpu"} and not self.on_gpu:
            return f"variables are on {sorted(kinds)}"
        if self.on_gpu:
            return self._gpu_refusal()
        if get_backend() == "interpret":
            return "backend 'interpret' runs kernels that a schedule of ATen calls does not see"
        return None

    def begin_epoch(self) -> None:
        """Keep other threads away from the memory of the programs until :meth:`end_epoch`."""
        self._owners.append(threading.get_ident())

    def end_epoch(self) -> None:
        """The steps that `begin_epoch` announced are over."""
        self._owners.pop()

    def batches(self, data: Any) -> Iterator[Any]:
        """The batches of an epoch: on a GPU programs draw those of whole arrays that fit there."""
        feed = None
        if self._draws() and isinstance(data, ArrayDataset) and not data.endless:
            with self._busy:
                feed = self._feeds.acquire(data)
                kept = {None, *(other.serial for other in self._feeds.all)}
                self.trials = {key: trial for key, trial in self.trials.items() if trial.feed in kept}
        if feed is None:
            yield from data.epoch()
            return
        try:
            yield from feed.epoch(data)
        finally:
            feed.users -= 1

    def _draws(self) -> bool:
        return self.on_gpu

    def _gpu_refusal(self) -> str | None:
        from tkeras.compiler import _capture

        self._pool = self._pool or _capture.pool()
        return _capture.host_bound(self.model.optimizer) if self.kind is FIT else None

    def __call__(self, batch: Any) -> Any:
        """One step; its outputs, of a prediction in memory of their own."""
        if not self._busy.acquire(blocking=False):  # another thread uses the memory of the programs
            return getattr(self.model, self.kind.step)(concrete(batch))
        try:
            trial = self._last
            if trial is not None and self._versions == versions_now():
                compiled = trial.compiled
                if compiled is not None and compiled.fits(self.model):
                    if compiled.holds(batch):
                        return compiled.schedule.run()
                    if compiled.takes(batch):
                        return compiled.schedule.run_on(batch)
            outputs = self._steps(self._trial(batch), [batch])[0]
            return _own(outputs) if self.kind is PREDICT else outputs
        finally:
            self._busy.release()

    def several(self, batches: list[Any]) -> None:
        """Steps on several batches: in one graph on a GPU, if all have one signature."""
        if self.on_gpu and len(batches) > 1:
            trials = [self._trial(batch, len(batches)) for batch in batches]
            if all(trial is trials[0] for trial in trials):
                self._steps(trials[0], batches)
                return
        for batch in batches:
            self(batch)

    def _steps(self, trial: Trial, batches: list[Any]) -> list[Any]:
        compiled = trial.compiled
        self._data.buffers = compiled.buffers if compiled is not None else ()
        if compiled is None or trial.reason is not None:
            return self._eager(trial, batches)
        if not compiled.fits(self.model):
            trial.compiled, trial.steps = None, 1
            return self._eager(trial, batches)
        if compiled.weights is not None and (self.refreshing or not trial.fresh):
            compiled.weights.refresh()
            trial.fresh = True
        if self.mode is True or self.on_gpu or len(trial.times) >= TRIED:
            self._last = None if self.on_gpu else trial
            return compiled(batches)
        return self._try(trial, compiled, batches)

    def _try(self, trial: Trial, compiled: Compiled, batches: list[Any]) -> list[Any]:
        start = time.perf_counter()
        outputs = compiled(batches)
        trial.times.append(time.perf_counter() - start)
        if len(trial.times) == TRIED:
            ours, eager = statistics.median(trial.times[4:]), statistics.median(trial.eager)
            if ours > SLOWER * eager:
                trial.reason = f"the program takes {ours / eager:.2f} times as long as eager steps"
                trial.compiled = None
        return outputs

    def _eager(self, trial: Trial, batches: list[Any]) -> list[Any]:
        trial.steps += 1
        first = 2 if self.mode is True else EAGER_FIRST
        if trial.reason is None and trial.steps >= first:
            made = self._compile(trial, batches)
            if made is not None:
                return made.first  # making the program was this step
        step, outputs = getattr(self.model, self.kind.step), []
        for batch in map(concrete, batches):
            start = time.perf_counter()
            outputs.append(step(batch))
            if trial.steps > first // 2:
                trial.eager.append(time.perf_counter() - start)
        return outputs

    def _compile(self, trial: Trial, batches: list[Any]) -> Compiled | None:
        """What has run the steps while it was made; None if they have still to be run."""
        from tkeras.compiler import CompileError

        compiled = None
        try:
            with _MAKING:
                compiled = Compiled(self.model, self.kind, batches, self._pool)
            trial.reason, trial.fresh = compiled.reason, True
            trial.compiled = compiled if compiled.reason is None else None
        except CompileError as error:
            trial.reason = str(error)
        if trial.reason is not None:
            self._say(f"Model {self.model.name!r} {self.kind.verb} eagerly: {trial.reason}")
        return compiled

    def _say(self, text: str) -> None:
        if text not in self._said:
            self._said.add(text)
            if self.mode is True:
                warnings.warn(text, stacklevel=6)
            else:
                LOGGER.log(logging.WARNING if self.kind is FIT else logging.INFO, text)

    def _trial(self, batch: Any, count: int = 1) -> Trial:
        versions = versions_now()
        if self._versions != versions:
            self._structure = self._settings(self.model)
            self._versions = versions
        drawn = isinstance(batch, Drawn)
        parts = [] if drawn else list(leaves(batch))
        kinds = (batch.feed.serial, batch.size) if drawn else tuple(map(_kind, parts))
        key = (self._structure, count, *kinds)
        found = self.trials.get(key)
        if found is None:
            if len(self.trials) >= MOST_TRIALS:
                del self.trials[next(iter(self.trials))]
            found = self.trials[key] = Trial()
            found.feed = batch.feed.serial if drawn else None
            if not all(part is None or isinstance(part, torch.Tensor) for part in parts):
                found.reason = "an input is not a tensor"
        return found


def _kind(part: Any) -> Any:
    return (part.shape, part.dtype, part.device) if isinstance(part, torch.Tensor) else type(part)


def _own(outputs: Any) -> Any:
    """Outputs in memory that no other run writes."""
    return map_structure(lambda leaf: leaf.clone() if isinstance(leaf, torch.Tensor) else leaf, outputs)


def concrete(batch: Any) -> Any:
    """A batch whose rows are gathered."""
    return batch.batch() if isinstance(batch, Drawn) else batch


def tensors_of(batch: Any) -> list[torch.Tensor]:
    """The tensors of a batch in order; none of one that a program draws."""
    if isinstance(batch, Drawn):
        return []
    return [leaf for leaf in leaves(batch) if isinstance(leaf, torch.Tensor)]


def step_runner(model: Any, data: Any, kind: Kind = FIT, refreshing: bool = False) -> Callable[[Any], Any]:
    """What a loop calls for each batch: the model's own step, or ours without the values of metrics.

    Args:
        data: where the batches come from.
        kind: which step.
        refreshing: whether weights may change between two batches of a prediction or an evaluation.
    """
    mode = model.jit_compile
    reason = "jit_compile is False" if mode in (False, None) else None
    if model.run_eagerly:
        reason = "run_eagerly"
    own = _own_part(model, kind)
    if reason is not None or own is not None:
        _note(model, reason or own, mode is True and reason is None, kind)
        return _eager_step(model, kind, data)
    runner = model.__dict__.get(kind.slot)
    if runner is None:
        runner = model.__dict__[kind.slot] = StepRunner(model, mode, kind)
    reason = runner.start_epoch(data)
    _note(model, reason, mode is True, kind)
    if reason is not None:
        return _eager_step(model, kind, data)
    runner.refreshing = refreshing
    if kind is FIT:
        runner.begin_epoch()
    return runner


def _eager_step(model: Any, kind: Kind, data: Any) -> Callable[[Any], Any]:
    from tkeras.training._trainer import Trainer

    own = kind.own[0]
    if getattr(type(model), own) is getattr(Trainer, own) and own not in model.__dict__:
        return getattr(model, kind.step)
    return lambda batch: getattr(model, own)(data.as_given(batch))


def _note(model: Any, reason: str | None, warn: bool, kind: Kind) -> None:
    """Keep why all steps are eager; say it once."""
    reasons = model.__dict__.setdefault("_eager_reasons", {})
    known = reason is None or reason in reasons.values()
    reasons[kind.slot] = reason
    if known or model.jit_compile in (False, None) or model.run_eagerly:
        return
    text = f"Model {model.name!r} {kind.verb} eagerly: {reason}"
    if warn:
        warnings.warn(text, stacklevel=5)
    else:
        LOGGER.info(text)


def _own_part(model: Any, kind: Kind) -> str | None:
    """Which part of a step a model defines itself that programs do not follow."""
    from tkeras.training._trainer import Trainer

    for name in kind.own:
        if getattr(type(model), name) is not getattr(Trainer, name) or name in model.__dict__:
            return f"{type(model).__name__} defines `{name}`"
    return None
