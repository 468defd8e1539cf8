"""The variables of a model's metrics, kept and set; metrics that the first batch makes get theirs then."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch


def _holders(model: Any) -> Iterator[tuple[str, Any, list[Any]]]:
    """Name, holder and metrics of each group of metrics."""
    if model._loss_tracker is not None:
        yield "loss", None, [model._loss_tracker]
    yield "layers", None, [metric for layer in model._flat_layers() for metric in layer._metrics]
    for name, holder in (("compiled", model._compile_metrics), ("outputs", model._compile_loss)):
        if holder is not None:
            yield name, holder, holder.metrics


def metric_state(model: Any) -> dict[str, list[np.ndarray]]:
    """The values of all variables of metrics."""
    return {
        name: [variable.detach().cpu().numpy() for metric in metrics for variable in metric.variables]
        for name, _, metrics in _holders(model)
    }


def set_metric_state(model: Any, state: dict[str, list[np.ndarray]] | None) -> None:
    """Set the variables of all metrics, now or as soon as they exist; None: what waits for that is void."""
    for name, holder, metrics in _holders(model):
        if holder is not None:
            vars(holder).pop("build", None)
        if state is None:
            continue
        values = state.get(name, [])
        if holder is not None and holder.parts is None:
            _when_built(holder, values)
        else:
            _assign(metrics, values)


def _when_built(holder: Any, values: list[np.ndarray]) -> None:
    def build(*args: Any) -> None:
        del holder.build  # the method of the class from here on
        holder.build(*args)
        _assign(holder.metrics, values)

    holder.build = build


def _assign(metrics: list[Any], values: list[np.ndarray]) -> None:
    variables = [variable for metric in metrics for variable in metric.variables]
    with torch.no_grad():
        for variable, value in zip(variables, values, strict=True):
            variable.copy_(torch.from_numpy(np.array(value)))
