"""The operators that a model's layers call in a training step, and layers that call none, one by one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch

from tkeras.bridge import call as run_operator
from tkeras.bridge import recording
from tkeras.graph._tree import flatten, map_structure
from tkeras.layers._context import context
from tkeras_kernels.operators import Operator
from tkeras_kernels.runtime import Decision, decide


@dataclass(frozen=True)
class Call:
    """What a layer called: an operator, or its own code where it called none.

    Attributes:
        arguments: its tensors, cut off from what made them, those that need gradients marked so.
        operator: None for a layer's own code, which ``module`` runs.
    """

    layer: str
    arguments: tuple[Any, ...]
    attributes: dict[str, Any]
    decision: Decision
    operator: Operator | None = None
    module: Any = None

    @property
    def name(self) -> str:
        """Of the operator, or of the class of the layer."""
        return type(self.module).__name__ if self.operator is None else self.operator.name

    @property
    def tensors(self) -> list[torch.Tensor | None]:
        """Those among the arguments; None where an operator was given none."""
        if self.operator is not None:
            return list(self.arguments)
        return [leaf for leaf in flatten(self.arguments) if isinstance(leaf, torch.Tensor)]

    def run(self) -> list[torch.Tensor]:
        """Call it again, as in the model; its results that are tensors."""
        if self.operator is not None:
            made = run_operator(self.operator, *self.arguments, **self.attributes)
        else:
            made = self.module(*self.arguments, **self.attributes)
        return [leaf for leaf in flatten(made) if isinstance(leaf, torch.Tensor)]

    def trained(self) -> list[torch.Tensor]:
        """The tensors that its backward has to find gradients of."""
        own = [] if self.module is None else list(self.module.parameters())
        return [tensor for tensor in [*self.tensors, *own] if tensor is not None and tensor.requires_grad]


@dataclass
class _Recorder:
    """Writes operators down and lets them run."""

    found: list[Call] = field(default_factory=list)

    def operator(self, operator: Operator, tensors: tuple[Any, ...], attributes: dict[str, Any]) -> Any:
        """Run the call and keep its tensors."""
        kept = tuple(map(_cut_off, tensors))
        layer = "/".join(layer.name for layer in context.stack[1:]) or "-"
        self.found.append(Call(layer, kept, attributes, decide(operator, kept, attributes), operator))
        with _recorded_by(None):
            return run_operator(operator, *tensors, **attributes)

    def generator(self, seed: Any, device: Any) -> Any:
        """A generator as without a recorder."""
        from tkeras.random._seed import generator

        with _recorded_by(None):
            return generator(seed, device)


def _cut_off(value: Any) -> Any:
    if not isinstance(value, torch.Tensor):
        return value
    return value.detach().requires_grad_() if value.requires_grad else value.detach()


@contextmanager
def _recorded_by(recorder: Any) -> Iterator[None]:
    before, recording.active = recording.active, recorder
    try:
        yield
    finally:
        recording.active = before


def calls_of(model: Any, inputs: Any) -> list[Call]:
    """The calls of a training step's forward, in order."""
    recorder = _Recorder()
    open_: list[int] = []
    ended: list[int] = []

    def before(module: Any, args: Any, kwargs: Any) -> None:
        open_.append(len(recorder.found))
        ended.append(0)

    def after(module: Any, args: Any, kwargs: Any, outputs: Any) -> None:
        inside = len(recorder.found) - open_.pop() + ended.pop()
        if ended:
            ended[-1] += 1
        if inside == 0 and _computes(args, kwargs, outputs):
            path = [layer.name for layer in context.stack[1:]]
            kept, more = (map_structure(_cut_off, part) for part in (args, kwargs))
            reason = Decision("torch", "the layer's own code, no operator")
            found = Call("/".join([*path, module.name]), tuple(kept), more, reason, module=module)
            recorder.found.append(found)

    with ExitStack() as hooks:
        for layer in model._flat_layers():
            if layer is not model:
                hooks.callback(layer.register_forward_pre_hook(before, with_kwargs=True).remove)
                hooks.callback(layer.register_forward_hook(after, with_kwargs=True).remove)
        with torch.enable_grad(), _recorded_by(recorder):
            model(inputs, training=True)
    return recorder.found


def _computes(args: Any, kwargs: Any, outputs: Any) -> bool:
    """Whether results are other tensors than arguments, and of their own memory."""
    given = {_memory(leaf) for leaf in flatten([args, kwargs]) if isinstance(leaf, torch.Tensor)}
    made = [leaf for leaf in flatten(outputs) if isinstance(leaf, torch.Tensor)]
    return any(_memory(tensor) not in given for tensor in made)


def _memory(tensor: torch.Tensor) -> int:
    return tensor.untyped_storage().data_ptr()
