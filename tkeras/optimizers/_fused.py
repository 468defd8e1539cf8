"""A step of an optimizer as one kernel launch over all variables, where dispatch allows it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from tkeras.graph import Variable
from tkeras.optimizers._group import Group
from tkeras_kernels.operators import (
    Tables,
    lamb_squares,
    multi_sum,
    multi_sums,
    not_finite,
    update,
    update_,
    updated,
)
from tkeras_kernels.pointwise import Pointwise, pointwise
from tkeras_kernels.runtime import dispatch, get_backend, record_failure, recount

if TYPE_CHECKING:
    from tkeras.optimizers._optimizer import Optimizer

Tensors = Sequence[torch.Tensor]


class Rule(NamedTuple):
    """An optimizer's arithmetic on one element.

    Attributes:
        name: of the function in the kernels' library, or a function like them.
        slots: where its states are, in its order.
        parameters: its keywords.
        product: Nadam's product of momenta so far.
        scaled: whether the update is scaled to the norm of its variable (Lamb).
    """

    name: str | Callable[..., Any]
    slots: tuple[str, ...] = ()
    parameters: Mapping[str, Any] = {}
    product: Variable | None = None
    scaled: bool = False


class Guard(NamedTuple):
    """Gradients are divided by ``scale``; nothing changes where ``finite`` is 0. Both are scalars."""

    scale: torch.Tensor
    finite: torch.Tensor


class Kernels:
    """What a group keeps from step to step: tables of addresses, and which variables decay."""

    def __init__(self, group: Group) -> None:
        self.update, self.gradients, self.all = Tables(), Tables(), Tables()
        self._group, self._decay = group, (0.0, torch.empty(0))

    def decay(self, share: float) -> torch.Tensor:
        """(N,): ``share`` for the variables that decay, 0 for others."""
        if self._decay[0] != share or self._decay[1].device != self._group.device:
            decayed = {id(variable) for variable in self._group.decayed}
            shares = [share if id(variable) in decayed else 0.0 for variable in self._group.variables]
            self._decay = share, torch.tensor(shares, device=self._group.device)
        return self._decay[1]


def runs_torch(group: Group) -> bool:
    """Whether torch runs the step whatever the rule is: the common case on a CPU."""
    backend = get_backend()
    return backend == "torch" or (group.on_cpu and backend != "interpret")


def fused_step(
    optimizer: Optimizer,
    group: Group,
    gradients: Tensors,
    loss_scale: float | None,
    average: bool,
    guard: Guard | None = None,
) -> bool:
    """Whether the kernels did the whole step; if not, nothing has changed.

    Args:
        loss_scale: what the gradients must be divided by.
        average: whether the moving averages of the variables are to be updated too.
    """
    if runs_torch(group):
        dispatch(update, tuple(group.variables), {})
        return False
    gradients = _in_order(gradients, group)
    rule = "its own update_step is torch code" if optimizer._custom_step else optimizer._rule()
    if isinstance(rule, str):
        attributes: dict[str, Any] = {"fn": rule, "arrays": 2}
        dispatch(update, (*group.variables, *gradients), attributes)
        return False
    step = _Step(optimizer, group, gradients, rule, loss_scale, average, guard)
    attributes = {"fn": step.fn, "arrays": len(step.arrays)}
    decision = dispatch(update, step.tensors(), attributes)
    if decision.implementation == "torch":
        return False
    try:
        step.run()
    except torch.OutOfMemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - compilers and launchers raise anything; the report keeps it
        recount(update, decision, record_failure(update, gradients[0].dtype, attributes, error))
        return False
    return True


def finite(group: Group, gradients: Tensors) -> torch.Tensor | None:
    """1 where every element of every gradient is finite, else 0, on the device; None where torch must say."""
    fn = pointwise(not_finite)
    gradients = _in_order(gradients, group)
    if dispatch(multi_sum, tuple(gradients), {"fn": fn, "arrays": 1}).implementation == "torch":
        return None
    return (multi_sums(_kernels(group).gradients, [gradients], fn).sum() == 0).float()


def _kernels(group: Group) -> Kernels:
    if group.kernels is None:
        group.kernels = Kernels(group)
    return group.kernels


class _Step:
    """One step: its function and its arguments. Only the last launch changes anything."""

    def __init__(
        self,
        optimizer: Optimizer,
        group: Group,
        gradients: Tensors,
        rule: Rule,
        loss_scale: float | None,
        average: bool,
        guard: Guard | None,
    ) -> None:
        self.optimizer, self.group, self.rule, self.guard = optimizer, group, rule, guard
        self.loss_scale = loss_scale
        self.kernels = _kernels(group)
        states = [group.state[slot] for slot in (*rule.slots, *(["average"] if average else []))]
        self.arrays = [group.variables, *states, gradients]
        self.partly = 0 < len(group.decayed) < len(group.variables) and optimizer.weight_decay is not None
        scalars = [("unscale", guard), ("finite", guard), ("clip", optimizer.global_clipnorm)]
        each = [("clip", optimizer.clipnorm), ("ratio", rule.scaled), ("decay", self.partly)]
        product = [("product", rule.product is not None)]
        self.extras = tuple(name for name, present in (*scalars, *product, *each) if present)
        decay = optimizer.weight_decay if len(group.decayed) == len(group.variables) else None
        self.options: dict[str, Any] = {
            "rule": rule.name,
            "states": len(rule.slots),
            "steps": optimizer.gradient_accumulation_steps or 1,
            "loss_scale": loss_scale,
            "clipvalue": optimizer.clipvalue or None,
            "decay": decay,
            "average": optimizer.ema_momentum if average else None,
            "overwrite": optimizer.ema_overwrite_frequency if average else None,
            **rule.parameters,
        }
        self.fn = _composed(self.extras, len(self.arrays), tuple(sorted(self.options.items())))
        rate = optimizer._rate(group)
        if not isinstance(rate, torch.Tensor):
            rate = torch.tensor(rate, dtype=torch.float32, device=group.device)
        self.rate, self.count = rate, optimizer._iterations

    def tensors(self) -> tuple[torch.Tensor, ...]:
        """All arguments, the count in place of the extras, which are not known yet."""
        arrays = (tensor for array in self.arrays for tensor in array)
        return (*arrays, self.rate, self.count, *(self.count for _ in self.extras))

    def run(self) -> None:
        known: dict[str, torch.Tensor] = {}
        if self.guard is not None:
            known.update(unscale=self.guard.scale, finite=self.guard.finite)
        if "clip" in self.extras:
            known["clip"] = self._clip()
        if self.partly:
            known["decay"] = self.kernels.decay(self.optimizer.weight_decay or 0.0)
        if self.rule.product is not None:
            known["product"] = self._product(self.rule.product)
        rest = [self.rate, self.count]
        if self.rule.scaled:
            known["ratio"] = self._ratio(rest, known)
        update_(self.kernels.update, self.arrays, self.fn, [*rest, *(known[name] for name in self.extras)])
        if self.rule.product is not None:
            self.rule.product.copy_(known["product"])

    def _clip(self) -> torch.Tensor:
        """What gradients are multiplied by: a scalar for their joint norm, else one a gradient."""
        norms = (
            multi_sums(self.kernels.gradients, self.arrays[-1:], pointwise(torch.square)).squeeze(1).sqrt()
        )
        if self.loss_scale is not None:
            norms = norms / self.loss_scale
        if self.guard is not None:
            norms = norms / self.guard.scale
        limit = self.optimizer.clipnorm
        if limit:
            return limit / norms.clamp(min=limit)
        limit = self.optimizer.global_clipnorm
        assert limit is not None
        norm = torch.linalg.vector_norm(norms)
        return limit * torch.clamp(1.0 / norm, max=1.0 / limit) + (norm - norm)

    def _product(self, product: torch.Tensor) -> torch.Tensor:
        """Nadam's product of momenta up to this step."""
        from tkeras_kernels import library

        step = self.optimizer._iterations // self.options["steps"] + 1
        present = library.nadam_momentum(step.float(), self.rule.parameters["beta_1"])
        if self.guard is not None:
            present = torch.where(self.guard.finite > 0, present, 1.0)
        return product * present

    def _ratio(self, rest: Tensors, known: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """(N,): norm of the variable over norm of its update, 1 where one of them is 0."""
        names = tuple(name for name in self.extras if name != "ratio")
        options = {key: value for key, value in self.options.items() if key not in ("rule", "overwrite")}
        fn = _squares(names, len(self.arrays), tuple(sorted(options.items())))
        rest = [*rest, *(known[name] for name in names)]
        squares = multi_sums(self.kernels.all, self.arrays, fn, rest)
        sizes, norms = squares.sqrt().unbind(1)
        return torch.where((sizes > 0) & (norms > 0), sizes / norms, 1.0)


def _in_order(gradients: Tensors, group: Group) -> Tensors:
    """The gradients, each in its variable's order of memory."""
    return [
        gradient
        if gradient.layout is not torch.strided or gradient.stride() == variable.stride()
        else torch.empty_like(variable, dtype=gradient.dtype, requires_grad=False).copy_(gradient)
        for gradient, variable in zip(gradients, group.variables, strict=True)
    ]


@functools.cache
def _composed(extras: tuple[str, ...], arrays: int, options: tuple[tuple[str, Any], ...]) -> Pointwise:
    return pointwise(updated, arity=arrays + 2 + len(extras), extras=extras, **dict(options))


@functools.cache
def _squares(extras: tuple[str, ...], arrays: int, options: tuple[tuple[str, Any], ...]) -> Pointwise:
    return pointwise(lamb_squares, arity=arrays + 2 + len(extras), extras=extras, **dict(options))
