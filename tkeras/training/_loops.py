"""`LoopsMixin`: ``fit``, ``evaluate`` and ``predict``."""

from __future__ import annotations

import warnings
from collections.abc import Generator, Iterator
from contextlib import closing
from itertools import chain, islice
from typing import Any

import numpy as np
import torch

from tkeras.callbacks import CallbackList, History, ProgbarLogger
from tkeras.config import default_device, is_interactive_logging_enabled, limited, max_epochs
from tkeras.graph._tree import flatten, map_structure, pack_as
from tkeras.layers._renamed import refuse_renamed
from tkeras.optimizers import Optimizer
from tkeras.training._compiled import EVALUATE, PREDICT, StepRunner, step_runner
from tkeras.training._data import Dataset, make_dataset, split_validation
from tkeras.training._freed_memory import keep_freed_memory
from tkeras.training._generator_loops import GeneratorLoopsMixin


def to_floats(logs: Any) -> dict[str, Any]:
    """Logs as Python numbers in the alphabetical order of their names; a dictionary as value is merged in."""
    values: dict[str, Any] = {}
    for key, value in sorted((logs or {}).items(), key=lambda item: item[0]):
        values.update(to_floats(value) if isinstance(value, dict) else {key: _number(value)})
    return values


def _number(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return value.item() if value.numel() == 1 else value.detach().cpu().numpy()
    return value.item() if isinstance(value, np.generic) else value


def to_numpy(outputs: Any) -> Any:
    """Tensors as arrays on the host."""

    def array(leaf: Any) -> Any:
        if not isinstance(leaf, torch.Tensor):
            return leaf
        leaf = leaf.detach().cpu()
        return (leaf.float() if leaf.dtype is torch.bfloat16 else leaf).numpy()

    return map_structure(array, outputs)


def _sized(verbose: Any) -> int:
    if verbose not in ("auto", 0, 1, 2, True, False):
        raise ValueError(f"`verbose` must be 'auto', 0, 1 or 2. Received: verbose={verbose}")
    if verbose == "auto":
        return 1 if is_interactive_logging_enabled() else 2
    return int(verbose)


class LoopsMixin(GeneratorLoopsMixin):
    """The loops over batches and epochs."""

    stop_training: bool
    name: str
    optimizer: Any
    trainable_variables: Any
    _require_compiled: Any
    reset_metrics: Any
    get_metrics_result: Any
    _in_order: Any

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: Any = "auto",
        callbacks: Any = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: Any = True,
        class_weight: dict[int, float] | None = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: Any = 1,
        **unknown: Any,
    ) -> History:
        """Train for a number of epochs.

        Args:
            x: arrays or tensors (several as list or dictionary by input name), or anything that yields
                batches:
                generator, `PyDataset`, torch ``DataLoader``, an object with ``as_numpy_iterator``.
            y: targets, in the structure of the outputs; absent when ``x`` yields batches.
            batch_size: samples of a step; default 32.
            epochs: number of the last epoch.
            verbose: 0 silent, 1 progress bar, 2 one line an epoch.
            callbacks: `Callback` objects.
            validation_split: fraction at the end of the arrays that is not trained on.
            validation_data: ``(x, y)`` or ``(x, y, sample_weight)``, or anything that yields batches.
            shuffle: draw the rows in a new order each epoch; ``"batch"`` shuffles whole batches.
            class_weight: ``{class: weight}``.
            sample_weight: one weight a sample, or a structure of them for several outputs.
            initial_epoch: epoch to start from.
            steps_per_epoch: batches of an epoch; default: until the data ends.
            validation_steps, validation_batch_size: the same for validation.
            validation_freq: validate every so many epochs, or at the epochs (from 1) in a collection.

        Returns:
            The `History` callback, whose ``history`` has one list a metric.
        """
        if unknown:
            refuse_renamed("fit()", unknown, LoopsMixin.fit)
            raise TypeError(f"fit() got unexpected arguments: {', '.join(unknown)}")
        self._require_compiled("fit")
        if default_device().type == "cpu":
            keep_freed_memory()
        self.stop_training = False
        if validation_split and validation_data is None:
            (x, y, sample_weight), validation_data = split_validation((x, y, sample_weight), validation_split)
        data = make_dataset(x, y, sample_weight, batch_size, steps_per_epoch, shuffle, class_weight)
        validation = None
        if validation_data is not None:
            validation = _validation(validation_data, validation_batch_size or batch_size, validation_steps)
        steps_per_epoch = limited(steps_per_epoch, data.num_batches)
        epochs = min(epochs, max_epochs() or epochs)
        steps = steps_per_epoch or data.num_batches
        calls = CallbackList.make(callbacks, self, verbose=_sized(verbose), epochs=epochs, steps=steps)
        calls.on_train_begin()
        resume = self.__dict__.pop("_resume", None)  # left by `BackupAndRestore`
        if resume is not None:
            initial_epoch, data = resume.start(initial_epoch, data)
        check = None if validation is None else (validation, validation_steps, validation_freq)
        outer, self.__dict__["_data"] = self.__dict__.get("_data"), data
        try:
            logs = self._epochs(range(initial_epoch, epochs), data, steps_per_epoch, check, calls)
        finally:
            self.__dict__["_data"] = outer
        if isinstance(self.optimizer, Optimizer):
            self.optimizer.finalize_variable_values(self.trainable_variables)
        calls.on_train_end(logs)
        return self.history

    def _epochs(
        self, epochs: range, data: Dataset, steps: int | None, validation: Any, calls: CallbackList
    ) -> dict[str, Any]:
        """Run epochs; the values of the last one."""
        logs: dict[str, Any] = {}
        for epoch in epochs:
            self.reset_metrics()
            calls.on_epoch_begin(epoch)
            if not self._train_epoch(data, steps, calls):
                break
            logs = to_floats(self._last_logs())
            data.epoch_end()
            if validation is not None and _due(epoch, validation[2]):
                values = self.evaluate(
                    validation[0],
                    steps=validation[1],
                    callbacks=calls,
                    return_dict=True,
                    verbose=0,
                    _keep=True,
                )
                logs.update((f"val_{key}", value) for key, value in values.items())
            calls.on_epoch_end(epoch, logs)
            if self.stop_training:
                break
        return logs

    history: Any
    steps_per_execution: int

    def _train_epoch(self, data: Dataset, steps: int | None, calls: CallbackList) -> bool:
        """Whether there was a batch."""
        step = step_runner(self, data)
        try:
            return self._train_batches(step, data, steps, calls)
        finally:
            if isinstance(step, StepRunner):
                step.end_epoch()

    def _train_batches(self, step: Any, data: Dataset, steps: int | None, calls: CallbackList) -> bool:
        self.__dict__["_logs"] = None
        done = data.start
        left = None if steps is None else steps - done
        begin, end = calls.on_train_batch_begin, calls.on_train_batch_end
        with closing(_batches(step, data)) as batches:
            for group in _groups(batches, left, self.steps_per_execution):
                begin(done)
                done += self._run_steps(step, group)
                end(done - 1, self._last_logs)
                if self.stop_training:
                    break
        if done == 0 and not data.used:
            raise ValueError(_NO_BATCH)
        if not self.stop_training and (done == 0 or (steps is not None and done < steps)):
            _ran_out()
            self.stop_training = data.once
        data.used = True
        return done > 0

    def _run_steps(self, step: Any, group: Iterator[Any]) -> int:
        """Steps between two rounds of callbacks; how many there were."""
        done = 0
        if getattr(step, "on_gpu", False) and self.steps_per_execution > 1:
            batches = list(group)
            step.several(batches)
            return len(batches)
        for batch in group:
            self.__dict__["_logs"] = step(batch)
            done += 1
        return done

    def _last_logs(self) -> dict[str, Any]:
        """The values of the running epoch: what a custom step returned, else those of the metrics."""
        logs = self.__dict__.get("_logs")
        return logs if isinstance(logs, dict) else self.get_metrics_result()

    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: Any = "auto",
        sample_weight: Any = None,
        steps: int | None = None,
        callbacks: Any = None,
        return_dict: bool = False,
        **kwargs: Any,
    ) -> Any:
        """Loss and metrics over data.

        Args:
            x, y, batch_size, sample_weight: as in :meth:`fit`.
            steps: batches; default: all.
            return_dict: give a dictionary instead of a list.

        Returns:
            The loss, or ``[loss, metric, …]``, or a dictionary by name.
        """
        keep = kwargs.pop("_keep", False)
        if kwargs:
            raise ValueError(f"Arguments not recognized: {kwargs}")
        self._require_compiled("evaluate")
        data = make_dataset(x, y, sample_weight, batch_size, steps)
        steps = limited(steps, data.num_batches)
        if not isinstance(callbacks, CallbackList):
            total = steps or data.num_batches
            callbacks = CallbackList.make(
                callbacks, self, verbose=_sized(verbose), epochs=1, steps=total, history=False
            )
        self.reset_metrics()
        data.restart()
        callbacks.on_test_begin()
        step, done = step_runner(self, data, EVALUATE, _meddling(callbacks, "on_test_batch")), 0
        self.__dict__["_logs"] = None
        with torch.no_grad(), closing(_batches(step, data)) as batches:
            for group in _groups(batches, steps, self.steps_per_execution):
                callbacks.on_test_batch_begin(done)
                done += self._run_steps(step, group)
                callbacks.on_test_batch_end(done - 1, self._last_logs)
        if done == 0:
            raise ValueError(_NO_BATCH)
        if steps is not None and done < steps:
            _ran_out()
        values = to_floats(self._last_logs())
        callbacks.on_test_end(values)
        if keep or return_dict:
            return values
        return self._in_order(values)

    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: Any = "auto",
        steps: int | None = None,
        callbacks: Any = None,
    ) -> Any:
        """Outputs for data, as arrays.

        Args:
            x, batch_size: as in :meth:`fit`.
            steps: batches; default: all.
        """
        data = make_dataset(x, None, None, batch_size, steps)
        steps = limited(steps, data.num_batches)
        total = steps or data.num_batches
        callbacks = CallbackList.make(
            callbacks, self, verbose=_sized(verbose), epochs=1, steps=total, history=False
        )
        callbacks.on_predict_begin()
        parts: list[list[Any]] = []
        structure: Any = None
        step = step_runner(self, data, PREDICT, _meddling(callbacks, "on_predict_batch"))
        with torch.no_grad(), closing(_batches(step, data)) as batches:
            for group in _groups(batches, steps, self.steps_per_execution):
                begin = len(parts)
                callbacks.on_predict_batch_begin(begin)
                made = []
                for batch in group:
                    structure = outputs = step(batch)
                    made.append(outputs)
                    parts.append(flatten(to_numpy(made[-1])))
                callbacks.on_predict_batch_end(
                    len(parts) - 1, lambda made=made: {"outputs": to_numpy(_joined(made))}
                )
        callbacks.on_predict_end()
        if not parts:
            raise ValueError(_NO_BATCH)
        return pack_as(structure, [np.concatenate(column) for column in zip(*parts, strict=True)])


def _batches(step: Any, data: Dataset) -> Generator[Any]:
    """The batches of an epoch in the form that a step takes."""
    yield from step.batches(data) if isinstance(step, StepRunner) else data.epoch()


_NO_BATCH = "The data yielded no batch: a generator or data set must yield at least one batch."


def _ran_out() -> None:
    warnings.warn(
        "Your input ran out of data; interrupting training. Make sure that your dataset or generator can "
        "generate at least `steps_per_epoch * epochs` batches.",
        stacklevel=4,
    )


def _groups(batches: Iterator[Any], steps: int | None, size: int) -> Iterator[Iterator[Any]]:
    """Batches in groups, each fetched when it is asked for."""
    batches = islice(batches, steps) if steps is not None else batches
    for batch in batches:
        yield chain((batch,), islice(batches, size - 1))


def _meddling(calls: CallbackList, events: str) -> bool:
    """Whether callbacks of the user run between batches."""
    return any(
        not isinstance(callback, ProgbarLogger)
        for event in ("_begin", "_end") for callback in calls._overriding(events + event)
    )  # fmt: skip


def _joined(made: list[Any]) -> Any:
    """The outputs of several batches as one."""
    if len(made) == 1:
        return made[0]
    columns = zip(*map(flatten, made), strict=True)
    return pack_as(made[0], [torch.cat(column) for column in columns])


def _due(epoch: int, frequency: Any) -> bool:
    if isinstance(frequency, int):
        return (epoch + 1) % frequency == 0
    if isinstance(frequency, str) or not hasattr(frequency, "__contains__"):
        raise ValueError(
            f"Expected `validation_freq` to be a list or int. Received: validation_freq={frequency} of the"
            f" type {type(frequency)}."
        )
    return epoch + 1 in frequency


def _validation(data: Any, batch_size: int | None, steps: int | None) -> Dataset:
    if isinstance(data, (tuple, list)):
        if not 2 <= len(data) <= 3:
            raise ValueError(
                "`validation_data` is expected to be `(x, y)` or `(x, y, sample_weight)` or something that"
                f" yields batches. Received a {type(data).__name__} of {len(data)} items."
            )
        return make_dataset(data[0], data[1], data[2] if len(data) == 3 else None, batch_size, steps)
    return make_dataset(data, None, None, batch_size, steps)
