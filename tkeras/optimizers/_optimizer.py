"""The base of optimizers: clipping, decay, averages, accumulation; subclasses give the update rule."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import NoneType
from typing import Any, Self, Unpack

import numpy as np
import torch

from tkeras.graph import Variable
from tkeras.optimizers._blocks import Blocks, in_order
from tkeras.optimizers._fused import Guard, Rule, fused_step, runs_torch
from tkeras.optimizers._group import (
    Group,
    Rate,
    Tensors,
    clip_by_global_norm,
    clip_by_norm,
    clip_by_value,
    each,
)
from tkeras.optimizers._options import DEFAULTS, Options, with_options
from tkeras.optimizers._packed import Packed, packable
from tkeras.optimizers._state import OptimizerState
from tkeras.saving import Namespace, deserialize_keras_object, public, serialize_keras_object


class _Optimizers(Namespace):
    def find(self, name: str) -> Any:
        """Names of optimizers count in any case: ``"RMSprop"``, ``"rmsprop"``."""
        return super().find(name if name in self.objects else name.lower())

    def get(self, identifier: Any) -> Any:
        """An optimizer from a name, class, configuration or itself; None stays None."""
        if isinstance(identifier, torch.optim.Optimizer) or not (
            identifier is None or isinstance(identifier, (str, dict, type, Optimizer))
        ):
            raise ValueError(f"Could not interpret optimizer identifier: {identifier}")
        if isinstance(identifier, str):
            identifier = self.find(identifier)
        elif isinstance(identifier, dict):
            identifier = self.deserialize(identifier)
        return identifier() if isinstance(identifier, type) else identifier


OPTIMIZERS = _Optimizers("keras.optimizers", "optimizer")


@public("keras.optimizers.Optimizer", "keras.Optimizer")
class Optimizer(OptimizerState):
    """Changes variables by their gradients.

    Subclasses create state in ``build`` with :meth:`add_variable_from_reference` or
    :meth:`add_optimizer_variables`, and define ``update_step(gradient, variable, learning_rate)``. Or, beyond
    Keras, they give a formula that also runs as one kernel over all variables:

    * ``update_rule(p, g, lr, step, *states)``, a static method of one element of the variable, its gradient,
      the rate, the number of the update from 1, and the states; it returns the new ``p`` and states;
    * ``rule_states``, the names of the states, which start as zeros.

    Args:
        learning_rate: a number, a schedule, or a function without arguments.
        options: see :class:`Options`.
    """

    update_rule: Callable[..., tuple[Any, ...]] | None = None
    rule_states: tuple[str, ...] = ()

    _packs = False  # whether each element's update depends on nothing but that element
    _parts = True  # whether updates of some variables each make the update of all
    _swapped = False  # whether weights and averages have changed places for now

    @with_options()
    def __init__(self, learning_rate: Any, **options: Unpack[Options]):
        super().__init__(learning_rate, **options)
        self._groups: dict[tuple[int, ...], Group] = {}
        self._last: Group | None = None
        self._undecayed: set[int] = set()
        self._undecayed_names: re.Pattern[str] | None = None
        self._custom_step = type(self).update_step is not Optimizer.update_step

    def update_step(self, gradient: torch.Tensor, variable: Any, learning_rate: Any) -> None:
        """Update one variable and its state in place."""
        if type(self)._update is Optimizer._update and self.update_rule is None:
            raise NotImplementedError(f"{type(self).__name__} must define `update_step`.")
        self._update(self._group([variable]), [gradient], learning_rate)

    def _update(self, group: Group, gradients: Sequence[torch.Tensor], rate: Rate) -> None:
        """Update all variables and their state in place; an optimizer has this or :meth:`update_step`."""
        if self.update_rule is not None:
            self._follow_rule(group, gradients, rate)
            return
        learning_rate = torch.as_tensor(rate)
        for gradient, variable in zip(gradients, group.variables, strict=True):
            self.update_step(gradient, variable, learning_rate)

    def _follow_rule(self, group: Group, gradients: Sequence[torch.Tensor], rate: Rate) -> None:
        assert self.update_rule is not None
        rate, step = (torch.as_tensor(value).float() for value in (rate, self._next_step(group)))
        states = [group.state[name] for name in self.rule_states]
        for variable, gradient, *own in zip(group.variables, gradients, *states, strict=True):
            new = self.update_rule(variable, gradient, rate, step, *own)
            for tensor, value in zip((variable, *own), new, strict=True):
                tensor.copy_(value)

    def _create_slots(self) -> None:
        self._add_slots(self.rule_states)

    def assign(self, variable: Any, value: Any) -> None:
        """``variable = value``."""
        variable.assign(value)

    def assign_add(self, variable: Any, value: Any) -> None:
        """``variable += value``."""
        variable.assign_add(value)

    def assign_sub(self, variable: Any, value: Any) -> None:
        """``variable -= value``."""
        variable.assign_sub(value)

    def apply_gradients(self, grads_and_vars: Iterable[tuple[Any, Any]]) -> Any:
        """Update from pairs (gradient, variable); gives the step count."""
        gradients, variables = zip(*grads_and_vars, strict=True)
        self.apply(gradients, variables)
        return self._iterations

    def apply(self, grads: Sequence[Any], trainable_variables: Sequence[Any] | None = None) -> None:
        """Update variables from their gradients.

        Args:
            grads: tensors or arrays, one for each variable; None leaves it as it is, with a warning.
            trainable_variables: default: those of :meth:`build`.
        """
        if not len(grads):
            return
        if not isinstance(grads[0], torch.Tensor):
            grads = [None if grad is None else torch.as_tensor(grad) for grad in grads]
        with torch.no_grad():
            group, grads = self._match(grads, trainable_variables)
            averaged = False
            if self.gradient_accumulation_steps:
                self._accumulate(group, self._unscaled(grads))
            else:
                averaged = self._step(group, grads)
            if self.use_ema and not averaged:
                self._average()
            for variable in group.constrained:
                variable.copy_(variable.constraint(variable))  # pyright: ignore[reportOptionalCall]
            self._advance()

    def _match(
        self, grads: Sequence[Any], variables: Sequence[Any] | None
    ) -> tuple[Group, Sequence[torch.Tensor]]:
        if variables is None:
            if not self.built:
                raise ValueError(
                    "When passing `grads` without `variables`, the optimizer must already be built on a list "
                    "of variables. Call `optimizer.build(trainable_variables)` first."
                )
            variables = self._trainable_variables
        if len(grads) != len(variables):
            raise ValueError(
                "Expected one gradient for each variable. "
                f"Received: {len(grads)} gradients for {len(variables)} variables."
            )
        last, missing = self._last, NoneType in map(type, grads)
        if last is not None and not missing and last.matches(variables):
            return last, grads
        if not self.built:
            self.build(list(variables))
        if missing:
            grads, variables = _drop_missing(grads, variables)
        self._last = self._group(variables)
        return self._last, grads

    def _group(self, variables: Sequence[Any]) -> Group:
        key = tuple(map(id, variables))
        group = self._groups.get(key)
        if group is None or not group.matches(variables):
            unknown = [variable for variable in variables if id(variable) not in self._index]
            if unknown:
                raise ValueError(
                    f"Unknown variable: {unknown[0]}. This optimizer can only be called for the variables it "
                    "was originally built with. When working with a new set of variables, you should "
                    "recreate a new optimizer instance."
                )
            group = Group(list(variables), [self._index[id(v)] for v in variables], self._decayed(variables))
            self._move(group.device)
            group.state = {
                name: [slot[index] for index in group.indices] for name, slot in self._slots.items()
            }
            if self._may_pack(variables) and packable(group):
                group.packed = Packed(group)
            if self._packs and self._parts:
                blocks = Blocks(group)
                group.blocks = blocks if blocks.any else None
            self._groups[key] = group
        return group

    def _move(self, device: torch.device) -> None:
        """Follow the variables to another device."""
        for variable in self._variables:
            if variable.device != device:
                variable.data = variable.data.to(device)

    def _unscaled(self, gradients: Sequence[torch.Tensor]) -> Sequence[torch.Tensor]:
        return gradients if self.loss_scale_factor is None else each.div(gradients, self.loss_scale_factor)

    def _rule(self) -> Rule | str:
        """The update rule for the kernels, or why there is none."""
        if self.update_rule is not None:
            return Rule(self.update_rule, self.rule_states)
        return "its own update is torch code"

    def _step(self, group: Group, gradients: Sequence[torch.Tensor], sums: bool = False) -> bool:
        """Update from gradients, or from accumulated ``sums``; whether the averages are updated too."""
        average = self.use_ema and not sums and len(group.variables) == len(self._trainable_variables)
        if fused_step(self, group, gradients, None if sums else self.loss_scale_factor, average):
            return average
        packed = group.packed
        if packed is not None:
            group, gradients = self._together(group, gradients)
        gradients = gradients if sums else self._unscaled(gradients)
        if self.clipnorm:
            gradients = clip_by_norm(gradients, self.clipnorm)
        elif self.global_clipnorm:
            gradients = clip_by_global_norm(gradients, self.global_clipnorm)
        elif self.clipvalue:
            gradients = clip_by_value(gradients, self.clipvalue)
        rate = self._rate(group)
        self._apply_decay(group, rate)
        if self._custom_step:
            Optimizer._update(self, group, gradients, rate)
        elif packed is None and group.blocks is not None:
            for part, own in group.blocks(gradients):
                self._update(part, own, rate)
        elif packed is None and group.on_cpu:
            self._update(group, [in_order(gradient) for gradient in gradients], rate)
        else:
            self._update(group, gradients, rate)
        if packed is not None:
            packed.changed()
        return False

    def _may_pack(self, variables: Sequence[Any]) -> bool:
        whole = len(variables) == len(self._trainable_variables)
        return whole and self._packs and not (self.clipnorm or self._custom_step)

    def _together(self, group: Group, gradients: Tensors) -> tuple[Group, Tensors]:
        """The group as one variable with its gradient, where all can be updated alike."""
        if self.clipnorm:
            return group, gradients
        if not group.packed.holds():
            group.packed = None
            return group, gradients
        taken = group.packed.take(gradients)
        return (group, gradients) if taken is None else (group.packed.group, taken)

    def gradient_places(self, variables: Sequence[Any]) -> Sequence[torch.Tensor] | None:
        """Where gradients of these variables are best written; also moves variables that are to move.

        Args:
            variables: all that get a gradient.
        """
        if not self._packs:
            return None
        if not self.built:
            self.build(list(variables))
        packed = self._group(variables).packed
        return None if packed is None or not packed.holds() else packed.gradients

    def updater(self, variables: Sequence[Any]) -> Callable[[Sequence[Any]], None]:
        """:meth:`apply` for these variables as a function of the gradients, with little around the update."""

        own: Group | None = None

        def update(gradients: Sequence[Any]) -> None:
            nonlocal own
            group = self._last
            packed = group.packed if group is not None and group is own else None
            if group is None or packed is None or self._does_more(group) or not packed.took(gradients):
                self.apply(gradients, variables)
                group = self._last
                own = group if group is not None and group.matches(variables) else None
                return
            self._update(packed.group, packed.taken, self._rate(group))
            packed.changed()
            self._iterations.add_(1)

        return update

    def _does_more(self, group: Group) -> bool:
        """Whether a step is more than the update of each element."""
        return bool(
            self.use_ema
            or self.gradient_accumulation_steps
            or self.loss_scale_factor
            or self.weight_decay
            or self.clipnorm
            or self.global_clipnorm
            or self.clipvalue
            or group.constrained
        )

    def _takes_guard(self, group: Group) -> bool:
        """Whether a whole step may be one launch that leaves everything as it is."""
        whole = not self.use_ema or len(group.variables) == len(self._trainable_variables)
        return whole and not (runs_torch(group) or self.gradient_accumulation_steps or group.constrained)

    def _guarded_step(self, group: Group, gradients: Sequence[torch.Tensor], guard: Guard) -> bool:
        """A step that does nothing where ``guard`` says so; False where torch must do it."""
        if not fused_step(self, group, gradients, self.loss_scale_factor, self.use_ema, guard):
            return False
        self._iterations.add_(guard.finite.to(self._iterations.dtype))
        self._count_version = -1
        return True

    def _accumulate(self, group: Group, gradients: Sequence[torch.Tensor]) -> None:
        steps, sums = self.gradient_accumulation_steps, group.state["gradient_accumulator"]
        assert steps is not None
        each.add_(sums, gradients)
        if (self._calls() + 1) % steps == 0:
            self._step(group, each.div(sums, steps), sums=True)
            each.zero_(self._slots["gradient_accumulator"])

    def _advance(self) -> None:
        if not self._iterations.is_cpu and self._count_version == self._iterations._version:
            self._count, self._count_version = self._count + 1, self._count_version + 1
        self._iterations.add_(1)

    def __getstate__(self) -> dict[str, Any]:
        kept = {**self.__dict__, "_groups": {}, "_last": None, "_count_version": -1}
        return {**kept, "_undecayed": [v for v in self._trainable_variables if id(v) in self._undecayed]}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """A copy looks its variables up by their own identities."""
        self.__dict__.update(state)
        self._index = {id(variable): i for i, variable in enumerate(self._trainable_variables)}
        self._undecayed = {id(variable) for variable in state["_undecayed"]}

    def exclude_from_weight_decay(
        self, var_list: Sequence[Any] | None = None, var_names: Sequence[str] | None = None
    ) -> None:
        """Let weight decay pass over these variables, and those whose name contains one of the patterns."""
        self._undecayed = {id(variable) for variable in var_list or ()}
        self._undecayed_names = re.compile("|".join(sorted(set(var_names)))) if var_names else None
        self._groups.clear()
        self._last = None

    def _decayed(self, variables: Sequence[Any]) -> list[Any]:
        names = self._undecayed_names
        kept = [variable for variable in variables if id(variable) not in self._undecayed]
        return [variable for variable in kept if names is None or not names.search(variable.name)]

    def _apply_decay(self, group: Group, rate: Rate) -> None:
        if self.weight_decay is not None and group.decayed:
            each.mul_(group.decayed, 1.0 - self.weight_decay * rate)

    def _average(self) -> None:
        variables, averages = self._trainable_variables, self._slots["average"]
        updates = self._calls() // (self.gradient_accumulation_steps or 1)
        if updates == 0:
            each.copy_(averages, variables)
        else:
            each.lerp_(averages, variables, 1.0 - self.ema_momentum)
        if self.ema_overwrite_frequency and (updates + 1) % self.ema_overwrite_frequency == 0:
            each.copy_(variables, averages)

    def finalize_variable_values(self, var_list: Sequence[Any]) -> None:
        """At the end of training: with ``use_ema``, set the variables to their averages."""
        if self.use_ema and self.built and not self._swapped:
            averages = self._slots["average"]
            if len(var_list) != len(averages):
                raise ValueError(
                    f"The length of model variables ({len(var_list)}) to override does not match the length "
                    f"of model variables stored in the optimizer ({len(averages)}). Please check if the "
                    "optimizer was called on your model."
                )
            with torch.no_grad():
                each.copy_(list(var_list), averages)

    def scale_loss(self, loss: Any) -> Any:
        """The loss times ``loss_scale_factor``."""
        return loss if self.loss_scale_factor is None else loss * self.loss_scale_factor

    def stateless_apply(
        self, optimizer_variables: Sequence[Any], grads: Sequence[Any], trainable_variables: Sequence[Any]
    ) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
        """Values of variables and state after an update, which themselves stay as they are."""
        if not self.built:
            raise ValueError(
                f"To call `stateless_apply`, {type(self).__name__} must be built (i.e. its variables "
                "must have been created). You can build it via `optimizer.build(trainable_variables)`."
            )
        own = [*self._trainable_variables, *self.variables]
        given = [*trainable_variables, *optimizer_variables]
        if len(own) != len(given):
            raise ValueError(f"Expected {len(own)} variables and state values. Received: {len(given)}.")
        before = [variable.detach().clone() for variable in own]
        for variable, value in zip(own, given, strict=True):
            variable.assign(value)
        self.apply(grads)
        after = [variable.detach().clone() for variable in own]
        for variable, value in zip(own, before, strict=True):
            variable.assign(value)
        count = len(self._trainable_variables)
        return after[:count], after[count:]

    def get_weights(self) -> list[np.ndarray]:
        """The state as arrays."""
        return [variable.numpy() for variable in self.variables]

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Set the state from arrays in the order of :attr:`variables`."""
        if not self.built:
            raise ValueError(
                "You are calling `set_weights()` on an optimizer that has not yet been built. Please call "
                "`optimizer.build(trainable_variables)` to create the optimizer weights before calling "
                "`set_weights()`."
            )
        if len(weights) != len(self.variables):
            raise ValueError(f"Expected {len(self.variables)} arrays. Received: {len(weights)}.")
        for variable, weight in zip(self.variables, weights, strict=True):
            variable.assign(weight)

    def save_own_variables(self, store: Any) -> None:
        """Write the state into a mapping of strings to arrays."""
        for index, variable in enumerate(self.variables):
            store[str(index)] = variable.numpy()

    def load_own_variables(self, store: Mapping[str, Any]) -> None:
        """Read the state from a mapping; one of another size is passed over, with a warning."""
        own = self.variables
        if len(store.keys()) != len(own):
            hint = "" if self.built else " This is because the optimizer has not been built yet."
            warnings.warn(
                f"Skipping variable loading for optimizer '{self.name}', because it has {len(own)} variables "
                f"whereas the saved optimizer has {len(store.keys())} variables.{hint}",
                stacklevel=2,
            )
            return
        for index, variable in enumerate(own):
            variable.assign(np.asarray(store[str(index)]))

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        rate = self._learning_rate
        value = float(rate) if isinstance(rate, Variable) else serialize_keras_object(rate)
        config = {"name": self.name, "learning_rate": value, **{key: getattr(self, key) for key in DEFAULTS}}
        return {**config, "decay": self._decay} if self._decay else config

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Self:
        """An optimizer from :meth:`get_config`."""
        rate = config.get("learning_rate")
        if isinstance(rate, dict):
            config = {**config, "learning_rate": deserialize_keras_object(rate, custom_objects)}
        return cls(**config)


def _drop_missing(grads: Sequence[Any], variables: Sequence[Any]) -> tuple[list[Any], list[Any]]:
    """The pairs that have a gradient."""
    pairs = [(g, v) for g, v in zip(grads, variables, strict=True) if g is not None]
    if not pairs:
        raise ValueError("No gradients provided for any variable.")
    missing = [getattr(v, "path", v) for g, v in zip(grads, variables, strict=True) if g is None]
    warnings.warn(
        f"Gradients do not exist for variables {missing} when minimizing the loss. If using "
        "`model.compile()`, did you forget to provide a `loss` argument?",
        stacklevel=4,
    )
    return [g for g, _ in pairs], [v for _, v in pairs]
