"""`Trainer`: what ``compile`` sets up and what one batch does."""

from __future__ import annotations

import functools
import inspect
from typing import Any

import torch

from tkeras import metrics as metrics_module
from tkeras import optimizers
from tkeras.graph._tree import flatten, leaves
from tkeras.training._compile_loss import CompileLoss
from tkeras.training._compile_metrics import CompileMetrics
from tkeras.training._data import make_dataset, to_device, unpack_x_y_sample_weight
from tkeras.training._loops import LoopsMixin


class Trainer(LoopsMixin):
    """Loss, metrics and optimizer of a model, and the steps that use them."""

    name: str
    dtype_policy: Any
    trainable_variables: list[Any]
    losses: list[torch.Tensor]

    def _init_trainer(self) -> None:
        self.__dict__.update(
            compiled=False, optimizer=None, loss=None, stop_training=False, history=None,
            _compile_loss=None, _compile_metrics=None, _loss_tracker=None, _compile_arguments={},
            run_eagerly=False, steps_per_execution=1, jit_compile="auto", _runner=None,
            _evaluator=None, _predictor=None, _eager_reasons={},
        )  # fmt: skip

    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        loss_weights: Any = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
        run_eagerly: bool = False,
        steps_per_execution: int = 1,
        jit_compile: Any = "auto",
        auto_scale_loss: bool = True,
    ) -> None:
        """Set up training.

        Args:
            optimizer: name or object.
            loss: name, object or function ``(y_true, y_pred)``; a list or dictionary for several outputs.
            loss_weights: factors of the losses of several outputs, list or dictionary.
            metrics: names, functions or objects; nested or by name for several outputs.
            weighted_metrics: metrics that take sample and class weights into account.
            run_eagerly: run every step as Python code, whatever ``jit_compile`` says.
            steps_per_execution: batches between two rounds of callbacks.
            jit_compile: whether a step of ``fit``, ``evaluate`` or ``predict`` runs as one program, see
                `tkeras.compiler`. ``"auto"`` keeps
                a program where it is faster than eager steps; True makes one at once; False makes none. A
                model that cannot be traced trains eagerly and says why once.
            auto_scale_loss: with the policy ``mixed_float16``, scale the loss so that gradients do not
                underflow.

        Raises:
            ValueError: an unknown optimizer, loss or metric.
        """
        if jit_compile not in ("auto", True, False, None):
            raise ValueError(f'`jit_compile` must be "auto", True or False. Received: {jit_compile}')
        if not isinstance(steps_per_execution, int) or steps_per_execution < 1:
            raise ValueError(
                f"`steps_per_execution` must be a positive integer. Received: {steps_per_execution}"
            )
        optimizer = optimizers.get(optimizer)
        low = auto_scale_loss and self.dtype_policy.name == "mixed_float16"
        if low and not isinstance(optimizer, optimizers.LossScaleOptimizer):
            optimizer = optimizers.LossScaleOptimizer(optimizer, name="loss_scale_optimizer")
        names = self.output_names if getattr(self, "_plan", None) is not None else None  # type: ignore[attr-defined]
        compile_loss = CompileLoss(loss, loss_weights, names) if loss is not None else None
        compile_metrics = (
            CompileMetrics(metrics, weighted_metrics, names) if metrics or weighted_metrics else None
        )
        _check_names(loss, metrics, weighted_metrics)
        self.__dict__.update(
            optimizer=optimizer, loss=loss, compiled=True, stop_training=False, run_eagerly=run_eagerly,
            steps_per_execution=steps_per_execution, jit_compile=jit_compile, _compile_loss=compile_loss,
            _compile_metrics=compile_metrics, _loss_tracker=metrics_module.Mean(name="loss"), _runner=None,
            _evaluator=None, _predictor=None, _eager_reasons={},
        )  # fmt: skip
        self.__dict__["_compile_arguments"] = {
            "optimizer": optimizer, "loss": loss, "loss_weights": loss_weights, "metrics": metrics,
            "weighted_metrics": weighted_metrics, "run_eagerly": run_eagerly,
            "steps_per_execution": steps_per_execution, "jit_compile": jit_compile,
        }  # fmt: skip

    compiled: bool
    optimizer: Any
    _compile_loss: CompileLoss | None
    _compile_metrics: CompileMetrics | None
    _loss_tracker: Any

    def _require_compiled(self, method: str) -> None:
        if not self.compiled:
            raise ValueError(
                f"Model {self.name} cannot {method}() yet. You must call `compile()` before using the model."
            )

    @property
    def metrics(self) -> list[Any]:
        """The loss tracker, the metrics of ``compile`` as one, the losses of the outputs, those of layers."""
        found = [self._loss_tracker] if self._loss_tracker is not None else []
        found += [self._compile_metrics] if self._compile_metrics is not None else []
        found += self._compile_loss.metrics if self._compile_loss is not None else []
        for layer in self._flat_layers():  # type: ignore[attr-defined]
            found += layer._metrics
        return found

    @property
    def metrics_names(self) -> list[str]:
        """Names of :attr:`metrics`."""
        return [metric.name for metric in self.metrics]

    @property
    def metrics_variables(self) -> list[Any]:
        """The state of all metrics."""
        return [variable for metric in self.metrics for variable in metric.variables]

    def reset_metrics(self) -> None:
        """Set all metrics to their start."""
        for metric in self.metrics:
            metric.reset_state()

    def get_metrics_result(self) -> dict[str, Any]:
        """Values of all metrics by name."""
        results: dict[str, Any] = {}
        if self._loss_tracker is not None:
            results["loss"] = self._loss_tracker.result()
        if self._compile_loss is not None:
            results.update((tracker.name, tracker.result()) for tracker in self._compile_loss.metrics)
        if self._compile_metrics is not None:
            results.update(self._compile_metrics.result())
        for layer in self._flat_layers():  # type: ignore[attr-defined]
            for metric in layer._metrics:
                value = metric.result()
                results.update(value if isinstance(value, dict) else {metric.name: value})
        return results

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> torch.Tensor:
        """The loss of a batch: that of ``compile`` plus what layers and weight penalties add.

        Raises:
            ValueError: there is no loss at all.
        """
        total = None
        if self._compile_loss is not None and y is not None:
            total = self._compile_loss(y, y_pred, sample_weight)
        for loss in self.losses:
            loss = loss.sum() if loss.dim() else loss
            total = loss if total is None else total + loss
        if total is None:
            hint = (
                "Provide a `loss` argument in `compile()`."
                if self._compile_loss is None
                else "Provide targets `y`."
            )
            raise ValueError(f"No loss to compute. {hint}")
        return total

    def _loss_of(self, x: Any, y: Any, y_pred: Any, sample_weight: Any, training: bool) -> torch.Tensor:
        """:meth:`compute_loss`, which models of older scripts define without ``training``."""
        flag = {"training": training} if _takes_training(type(self).compute_loss) else {}
        return self.compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=sample_weight, **flag)

    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> dict[str, Any]:
        """Feed the metrics of ``compile`` with a batch and give the values of all metrics."""
        self._update_metrics(y, y_pred, sample_weight)
        return self.get_metrics_result()

    def _update_metrics(self, y: Any, y_pred: Any, sample_weight: Any) -> None:
        if self._compile_metrics is not None and y is not None:
            with torch.no_grad():
                self._compile_metrics.update_state(y, y_pred, sample_weight)

    def train_step(self, data: Any) -> dict[str, Any]:
        """Learn from one batch; override it for another way of learning.

        Args:
            data: ``x``, ``(x, y)`` or ``(x, y, sample_weight)``.

        Returns:
            Values of the metrics by name.
        """
        return self._learn(data) or self.get_metrics_result()

    def _forward_step(self, data: Any) -> torch.Tensor:
        """The part of a step that a program records: predictions, loss and metrics; gives the scaled loss."""
        x, y, sample_weight = unpack_x_y_sample_weight(data)
        y_pred = self(x, training=True)  # type: ignore[operator]
        loss = self._loss_of(x, y, y_pred, sample_weight, True)
        self._loss_tracker.update_state(loss.detach(), sample_weight=_rows(x))
        self._feed_metrics(x, y, y_pred, sample_weight)
        return self.optimizer.scale_loss(loss)

    def _learn(self, data: Any) -> dict[str, Any] | None:
        x, y, sample_weight = unpack_x_y_sample_weight(data)
        y_pred = self(x, training=True)  # type: ignore[operator]
        loss = self._loss_of(x, y, y_pred, sample_weight, True)
        self._loss_tracker.update_state(loss.detach(), sample_weight=_rows(x))
        variables = self.trainable_variables
        if variables:
            scaled = self.optimizer.scale_loss(loss)
            gradients = torch.autograd.grad(scaled, variables, allow_unused=True)
            self.optimizer.apply(gradients, variables)
        return self._feed_metrics(x, y, y_pred, sample_weight)

    def _feed_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any) -> dict[str, Any] | None:
        """What a model's own ``compute_metrics`` gives; ours leaves the values to who asks for them."""
        if type(self).compute_metrics is Trainer.compute_metrics:
            self._update_metrics(y, y_pred, sample_weight)
            return None
        with torch.no_grad():
            return self.compute_metrics(x, y, y_pred, sample_weight)

    def test_step(self, data: Any) -> dict[str, Any]:
        """Evaluate one batch; override it for another way of evaluating."""
        return self._assess(data) or self.get_metrics_result()

    def _assess(self, data: Any) -> dict[str, Any] | None:
        x, y, sample_weight = unpack_x_y_sample_weight(data)
        y_pred = self(x, training=False)  # type: ignore[operator]
        loss = self._loss_of(x, y, y_pred, sample_weight, False)
        self._loss_tracker.update_state(loss, sample_weight=_rows(x))
        return self._feed_metrics(x, y, y_pred, sample_weight)

    def predict_step(self, data: Any) -> Any:
        """Outputs of one batch."""
        x, _, _ = unpack_x_y_sample_weight(data)
        return self(x, training=False)  # type: ignore[operator]

    def train_on_batch(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        class_weight: Any = None,
        return_dict: bool = False,
    ) -> Any:
        """One step on one batch.

        Returns:
            The loss, a list of loss and metrics, or a dictionary with ``return_dict``.
        """
        self._require_compiled("train_on_batch")
        data = make_dataset(x, y, sample_weight, batch_size=_length(x), class_weight=class_weight)
        self.reset_metrics()
        logs = self.train_step(unpack_x_y_sample_weight(next(data.epoch())))
        return self._report(logs, return_dict)

    def test_on_batch(
        self, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False
    ) -> Any:
        """Loss and metrics of one batch."""
        self._require_compiled("test_on_batch")
        batch = next(make_dataset(x, y, sample_weight, batch_size=_length(x)).epoch())
        self.reset_metrics()
        with torch.no_grad():
            logs = self.test_step(unpack_x_y_sample_weight(batch))
        return self._report(logs, return_dict)

    def predict_on_batch(self, x: Any) -> Any:
        """Outputs of one batch as arrays."""
        from tkeras.training._loops import to_numpy

        with torch.no_grad():
            return to_numpy(self.predict_step((to_device(x),)))

    def _report(self, logs: dict[str, Any], return_dict: bool) -> Any:
        from tkeras.training._loops import to_floats

        values = to_floats(logs)
        return values if return_dict else self._in_order(values)

    def _in_order(self, logs: dict[str, Any]) -> Any:
        """Values of logs as a list: those of the metrics in their order, then the rest by name."""
        names: list[str] = []
        for metric in self.metrics:
            inside = metric.metrics if isinstance(metric, CompileMetrics) else [metric]
            names += [one.name for one in inside]
        flat = [logs[name] for name in names if name in logs]
        flat += [logs[name] for name in sorted(logs.keys() - set(names))]
        return flat[0] if len(flat) == 1 else flat


@functools.cache
def _takes_training(function: Any) -> bool:
    parameters = inspect.signature(function).parameters.values()
    return any(p.name == "training" or p.kind is p.VAR_KEYWORD for p in parameters)


def _rows(x: Any) -> int:
    return next(leaf for leaf in leaves(x) if leaf is not None).shape[0]


def _length(x: Any) -> int:
    return max(1, len(next(leaf for leaf in leaves(x) if leaf is not None)))


def _check_names(loss: Any, *metrics: Any) -> None:
    """Refuse unknown names at ``compile`` already, before any data is seen."""
    from tkeras import losses

    for name in flatten(loss):
        if isinstance(name, str):
            losses.get(name)
    for name in flatten(metrics):
        if isinstance(name, str) and name.lower() not in ("accuracy", "acc", "crossentropy", "ce"):
            metrics_module.get(name)
