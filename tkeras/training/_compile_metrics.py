"""`CompileMetrics`: the metrics given to ``compile``, matched to the outputs of a model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from tkeras import metrics
from tkeras.graph._tree import flatten
from tkeras.training._compile_loss import align, have_names, in_order, name_of, output_names_of
from tkeras.training._nested_outputs import is_deep, spread


class OutputMetric:
    """One metric of one output."""

    def __init__(self, output: int, prefix: str | None, metric: Any, weighted: bool):
        self.output, self.prefix, self.metric, self.weighted = output, prefix, metric, weighted

    @property
    def key(self) -> str:
        """Name in logs."""
        return self.metric.name if self.prefix is None else f"{self.prefix}_{self.metric.name}"


class CompileMetrics:
    """Metrics of all outputs.

    Args:
        metric: names, functions or objects: a list for all outputs, a list of lists, or a dictionary by
            output.
        weighted: the same, for metrics that take the sample weights into account.
        output_names: the names of the model's outputs, None for subclassed models.
    """

    name = "compile_metrics"

    def __init__(self, metric: Any, weighted: Any, output_names: list[str] | None):
        self.given, self.given_weighted, self.output_names = metric, weighted, output_names
        self.parts: list[OutputMetric] | None = None
        self.names: list[str] = []

    def build(self, y_true: Any, y_pred: Any) -> None:
        """Match metrics to outputs, now that the shapes are known."""
        self.names = names = output_names_of(y_pred, self.output_names)
        outputs, targets = flatten(y_pred), in_order(y_true, names, "targets")
        targets += [None] * (len(outputs) - len(targets))
        named = len(names) > 1 and have_names(y_pred, self.output_names)
        deep, own = is_deep(y_pred), self.output_names or []
        labels = own if deep and len(own) == len(names) else names
        parts: list[OutputMetric] = []
        for weighted, given in ((False, self.given), (True, self.given_weighted)):
            given = spread(given, y_pred, "metrics") if deep and isinstance(given, Mapping) else given
            for index, found in enumerate(_per_output(given, names)):
                for identifier in found:
                    metric = resolve(identifier, targets[index], outputs[index])
                    parts.append(OutputMetric(index, labels[index] if named else None, metric, weighted))
        self.parts = parts

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Feed one batch to every metric."""
        if self.parts is None:
            self.build(y_true, y_pred)
        assert self.parts is not None
        if isinstance(y_pred, torch.Tensor) and isinstance(y_true, torch.Tensor):
            outputs, targets, weights = [y_pred], [y_true], [sample_weight]
        else:
            outputs, targets = flatten(y_pred), in_order(y_true, self.names, "targets")
            weights = (
                in_order(sample_weight, self.names, "sample_weight") if sample_weight is not None else []
            )
            weights += [None] * (len(outputs) - len(weights))
        for part in self.parts:
            index = part.output
            if part.weighted and weights[index] is not None:
                part.metric.update_state(targets[index], outputs[index], weights[index])
            else:
                part.metric.update_state(targets[index], outputs[index])

    def result(self) -> dict[str, Any]:
        """Values by name; a second metric of the same name gets ``_1``, a weighted one ``weighted_``."""
        results: dict[str, Any] = {}
        counts: dict[str, int] = {}
        for part in self.parts or []:
            key = part.key
            if key in results and part.weighted:
                prefix = f"{part.prefix}_" if part.prefix else ""
                key = f"{prefix}weighted_{part.metric.name}"
            if key in results:
                counts[key] = counts.get(key, 0) + 1
                key = f"{key}_{counts[key]}"
            value = part.metric.result()
            if isinstance(value, dict):
                results.update(value)
            else:
                results[key] = value
        return results

    def reset_state(self) -> None:
        """Start over."""
        for part in self.parts or []:
            part.metric.reset_state()

    @property
    def metrics(self) -> list[Any]:
        """The metric objects."""
        return [part.metric for part in self.parts or []]

    @property
    def variables(self) -> list[Any]:
        """The state of the metric objects."""
        return [variable for metric in self.metrics for variable in metric.variables]


def _per_output(given: Any, names: list[str]) -> list[list[Any]]:
    """For each output its list of metrics."""
    if given is None:
        return [[] for _ in names]
    if isinstance(given, (list, tuple)):
        nested = any(isinstance(item, (list, tuple)) for item in given)
        if nested or (len(names) > 1 and len(given) == len(names)):
            entries = align(given, names, "metrics")
        else:
            entries = [given for _ in names]
            if len(names) > 1 and any(isinstance(item, metrics.Metric) for item in given):
                raise ValueError(
                    "Metric objects hold the state of one output: for a model with several outputs pass a"
                    f" list of lists or a dict by output name ({names}). Received: metrics={given}"
                )
    else:
        entries = align(given, names, "metrics")
    return [
        (
            [m for m in entry if m is not None]
            if isinstance(entry, (list, tuple))
            else []
            if entry is None
            else [entry]
        )
        for entry in entries
    ]


def resolve(identifier: Any, y_true: Any, y_pred: Any) -> Any:
    """A metric object; "accuracy" and "crossentropy" become the kind that fits targets and outputs."""
    name = identifier if isinstance(identifier, str) else None
    if name is not None and name.lower() in _SHAPED:
        return _SHAPED[name.lower()][_kind(y_true, y_pred)](name=name)
    found = metrics.get(identifier)
    if isinstance(found, metrics.Metric):
        if name is not None:
            found.name = name
        return found
    return metrics.MeanMetricWrapper(found, name=name or getattr(found, "name", None) or name_of(found))


def _kind(y_true: Any, y_pred: Any) -> int:
    """Which of (binary, sparse, categorical) fits the shapes."""
    if y_pred.dim() < 2 or y_pred.shape[-1] == 1:
        return 0
    return 1 if y_true.dim() < y_pred.dim() or y_true.shape[-1] == 1 else 2


_ACCURACY = (metrics.BinaryAccuracy, metrics.SparseCategoricalAccuracy, metrics.CategoricalAccuracy)
_CROSSENTROPY = (
    metrics.BinaryCrossentropy,
    metrics.SparseCategoricalCrossentropy,
    metrics.CategoricalCrossentropy,
)
_SHAPED = {"accuracy": _ACCURACY, "acc": _ACCURACY, "crossentropy": _CROSSENTROPY, "ce": _CROSSENTROPY}
