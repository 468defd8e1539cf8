"""`CompileLoss`: the loss or losses given to ``compile``, matched to the outputs of a model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from tkeras import losses, metrics
from tkeras.graph._naming import to_snake_case
from tkeras.graph._tree import flatten, is_nested, pack_as
from tkeras.training._nested_outputs import is_deep, path_names, spread


class OutputLoss:
    """The loss of one output: its name in logs, its function and its weight."""

    def __init__(self, name: str, function: Callable[..., torch.Tensor], weight: float | None):
        self.name, self.function, self.weight = name, function, weight
        self.tracker = metrics.Mean(name=f"{name}_loss")


def output_names_of(y_pred: Any, names: list[str] | None) -> list[str]:
    """One name for each output: the keys of a dictionary, the model's names, or ``output_0``, …

    Those inside further structures have the path before: ``key/name``.
    """
    if is_deep(y_pred):
        return path_names(y_pred, names)
    if isinstance(y_pred, Mapping):
        return sorted(y_pred)
    count = len(flatten(y_pred))
    if names is not None and len(names) == count:
        return names
    return [f"output_{index}" for index in range(count)]


def have_names(y_pred: Any, names: list[str] | None) -> bool:
    """Whether the outputs have names of their own, which then stand in logs."""
    return isinstance(y_pred, Mapping) or names is not None


def align(values: Any, names: list[str], what: str, container: bool = True) -> list[Any]:
    """Something given for all outputs as a list in the order of the outputs.

    Args:
        values: one thing for every output, a list of one for each, or a dictionary by output name.
        names: the outputs.
        what: the argument's name in errors.
        container: whether a list holds one entry an output (else it is one thing for every output).

    Raises:
        ValueError: a list of another length, or an unknown name.
    """
    if isinstance(values, Mapping):
        unknown = [key for key in values if key not in names]
        if unknown:
            raise ValueError(
                f"In the dict argument `{what}`, key '{unknown[0]}' does not correspond to any model output. "
                f"Expected keys among {names}. Received: {what}={values}"
            )
        return [values.get(name) for name in names]
    if container and isinstance(values, (list, tuple)):
        if len(values) != len(names):
            raise ValueError(
                f"For a model with multiple outputs, when providing the `{what}` argument as a list, it"
                f" should have as many entries as the model has outputs ({len(names)}: {names}). Received:"
                f" {what}={values}"
            )
        return list(values)
    return [values for _ in names]


def in_order(structure: Any, names: list[str], what: str) -> list[Any]:
    """Targets or weights of the outputs as a list in the order of the outputs; None where there is none."""
    if isinstance(structure, Mapping):
        if len(names) == 1 and len(structure) == 1:
            return list(structure.values())
        if any(map(is_nested, structure.values())) and len(flatten(structure)) == len(names):
            return flatten(structure)
        if not any(name in structure for name in names):
            raise ValueError(
                f"Missing {what} for output '{names[0]}'. Expected keys {names}. Received: {list(structure)}"
            )
        return [structure.get(name) for name in names]
    flat = flatten(structure)
    if len(flat) == 1 and len(names) > 1 and what == "sample_weight":
        return flat * len(names)
    return flat


def per_output(values: Any, y_pred: Any, names: list[str], what: str) -> list[Any]:
    """Something given for all outputs as a list in the order of the outputs; see :func:`align`."""
    return spread(values, y_pred, what) if is_deep(y_pred) else align(values, names, what)


class CompileLoss:
    """Sum over the outputs of weight × loss.

    Args:
        loss: name, object or function for every output; list; dictionary by output name; the structure of
            the outputs; None entries are skipped, entries of a list at one output are added up.
        loss_weights: number for every output; list; dictionary; the structure of the outputs.
        output_names: the names of the model's outputs, None for subclassed models.
    """

    def __init__(self, loss: Any, loss_weights: Any = None, output_names: list[str] | None = None):
        if loss_weights is not None and not isinstance(loss_weights, (int, float, list, tuple, Mapping)):
            raise ValueError(
                "Expected `loss_weights` argument to be a float (single output case) or a list, tuple, or"
                f" dict (multiple output case). Received instead: loss_weights={loss_weights} of type"
                f" {type(loss_weights)}"
            )
        self.loss, self.loss_weights, self.output_names = loss, loss_weights, output_names
        self.parts: list[OutputLoss | None] | None = None
        self.names: list[str] = []
        self.order: list[str] = []

    def build(self, y_true: Any, y_pred: Any) -> None:
        """Match losses to outputs, now that the outputs are known."""
        self.names = names = output_names_of(y_pred, self.output_names)
        functions = per_output(self.loss, y_pred, names, "loss")
        weights = per_output(self.loss_weights, y_pred, names, "loss_weights")
        outputs, targets = flatten(y_pred), in_order(y_true, names, "targets")
        if len(targets) != len(outputs) and sum(f is not None for f in functions) > len(targets):
            raise ValueError(
                f"The model has {len(outputs)} outputs ({names}), but `y` has {len(targets)} entries. "
                "Expected one target for each output that has a loss."
            )
        named = have_names(y_pred, self.output_names)
        found = [None if function is None else resolve(function) for function in functions]
        self.parts = [
            None if loss is None else OutputLoss(name if named else short_name(given, loss), loss, weight)
            for name, given, loss, weight in zip(names, functions, found, weights, strict=True)
        ]
        for name, loss, target in zip(names, functions, [*targets, *[0] * len(outputs)], strict=False):
            if loss is not None and target is None and isinstance(y_true, Mapping):
                raise ValueError(
                    f"Missing targets for output '{name}', which has a loss. Received: {list(y_true)}"
                )
        keyed = isinstance(self.loss, Mapping) and not is_deep(y_pred)
        self.order = list(self.loss) if keyed else names

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> torch.Tensor | None:
        """The total loss, None when no output has one."""
        if self.parts is None:
            self.build(y_true, y_pred)
        assert self.parts is not None
        if len(self.parts) == 1 and isinstance(y_pred, torch.Tensor):
            part = self.parts[0]
            if part is None:
                return None
            if isinstance(y_true, torch.Tensor):
                value = part.function(y_true, y_pred, sample_weight)
                return value if part.weight is None else value * part.weight
        return self._sum(y_true, y_pred, sample_weight)

    def _sum(self, y_true: Any, y_pred: Any, sample_weight: Any) -> torch.Tensor | None:
        assert self.parts is not None
        outputs, targets = flatten(y_pred), in_order(y_true, self.names, "targets")
        if len(targets) < len(outputs) and not isinstance(
            y_true, Mapping
        ):  # targets only for the outputs that have a loss
            given = iter(targets)
            targets = [None if part is None else next(given) for part in self.parts]
        weights = (
            [None] * len(outputs)
            if sample_weight is None
            else in_order(sample_weight, self.names, "sample_weight")
        )
        total = None
        for part, target, output, weight in zip(self.parts, targets, outputs, weights, strict=True):
            if part is None:
                continue
            value = part.function(target, output, weight)
            if self.metrics:
                part.tracker.update_state(value.detach(), sample_weight=output.shape[0])
            value = value if part.weight is None else value * part.weight
            total = value if total is None else total + value
        return total

    def example_targets(self, y_pred: Any) -> Any:
        """Zeros in the shapes and types of targets for these predictions, in their structure."""
        names = output_names_of(y_pred, self.output_names)
        given = per_output(self.loss, y_pred, names, "loss")
        functions = [None if loss is None else resolve(loss) for loss in given]
        outputs = flatten(y_pred)
        made = [
            output.new_zeros(output.shape[:-1], dtype=torch.int64)
            if getattr(function, "_keeps_targets", False)
            else torch.zeros_like(output)
            for function, output in zip(functions, outputs, strict=True)
        ]
        return pack_as(y_pred, made)

    @property
    def metrics(self) -> list[Any]:
        """The trackers of the single losses, where there are several."""
        by_name = dict(zip(self.names, self.parts or [], strict=False))
        parts = [by_name[name] for name in self.order if name in by_name]
        trackers = [part.tracker for part in parts if part is not None]
        return trackers if len(trackers) > 1 else []


def resolve(identifier: Any) -> Callable[..., torch.Tensor]:
    """A callable ``(y_true, y_pred, sample_weight) -> scalar`` from a name, a loss object or a function, or
    from a list of them: their sum."""
    if isinstance(identifier, (list, tuple)):
        each = [resolve(one) for one in identifier]
        return each[0] if len(each) == 1 else _Sum(each)
    found = losses.get(identifier)
    if isinstance(found, losses.Loss):
        return found
    return losses.LossFunctionWrapper(found, name=name_of(found))


class _Sum:
    """Several losses of one output, added up."""

    def __init__(self, each: Sequence[Any]):
        self.each, self.name = each, "_".join(loss.name for loss in each)

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> torch.Tensor:
        return torch.stack([loss(y_true, y_pred, sample_weight) for loss in self.each]).sum()


def name_of(function: Any) -> str:
    """The name in logs of a function or a callable object, in snake case."""
    return to_snake_case(getattr(function, "__name__", type(function).__name__))


def short_name(identifier: Any, loss: Any) -> str:
    """The name of the loss of an output without a name: what the user called it."""
    return identifier if isinstance(identifier, str) else loss.name
