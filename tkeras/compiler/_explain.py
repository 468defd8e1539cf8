"""What a model runs, and why: for people."""

from __future__ import annotations

from dataclasses import dataclass, field
from html import escape
from typing import Any

import torch

from tkeras.compiler._figures import Figures, step_figures
from tkeras.compiler._program import Op, Program
from tkeras.compiler._trace import trace
from tkeras.compiler.passes import optimize
from tkeras.config import default_device, torch_dtype
from tkeras.graph import KerasTensor
from tkeras.graph._tree import map_structure
from tkeras_kernels.operators import registry
from tkeras_kernels.pointwise import Pointwise
from tkeras_kernels.runtime import decide

BATCH, UNKNOWN = 32, 16
"""Sizes that stand for the batch and for other sizes that a model leaves open."""


@dataclass(frozen=True)
class Kernel:
    """What runs one call: its layer, the operator, the implementation that dispatch chose, and why."""

    layer: str | None
    operator: str
    implementation: str
    reason: str


@dataclass(frozen=True)
class Explanation:
    """A model as programs; prints as text, and as HTML in notebooks.

    Attributes:
        before: as traced.
        after: after all passes.
        steps: name of each pass that changed something, with the program after it.
        kernels: what runs each call of ``after``.
        figures: of a step of training, for a compiled model explained with ``training=True``.
        step: the joint program of that step: forward, loss, backward, update, metrics.
        fallbacks: why steps of ``fit``, ``evaluate`` and ``predict`` ran eagerly.
    """

    before: Program
    after: Program
    steps: list[tuple[str, Program]]
    kernels: list[Kernel]
    figures: Figures | None = None
    step: Program | None = None
    fallbacks: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        parts = ["before:", str(self.before)]
        for name, program in self.steps:
            parts += [f"after {name}:", str(program)]
        if self.step is not None:
            parts += ["step:", str(self.step)]
        parts += ["kernels:", self._table(), self._summary()]
        return "\n".join(parts)

    def _table(self) -> str:
        from tabulate import tabulate

        rows = [(k.layer or "-", k.operator, k.implementation, k.reason) for k in self.kernels]
        return tabulate(rows, ("layer", "operator", "runs on", "why")) + "\n"

    def _summary(self) -> str:
        from tabulate import tabulate

        rows = [("calls", str(len(self.before.ops)), str(len(self.after.ops)))]
        rows += self.figures.rows() if self.figures is not None else []
        text = tabulate(rows, ("", "before", "after"), disable_numparse=True) + "\n"
        return text + "".join(f"\neager: {reason}" for reason in self.fallbacks)

    def _repr_html_(self) -> str:
        cells = "".join(
            f"<td style='vertical-align: top'><b>{name}</b><pre>{escape(str(program))}</pre></td>"
            for name, program in (("before", self.before), ("after", self.after))
        )
        rows = "".join(
            "<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in vars(kernel).values()) + "</tr>"
            for kernel in self.kernels
        )
        return f"<table><tr>{cells}</tr></table><table>{rows}</table><pre>{escape(self._summary())}</pre>"


def explain(model: Any, specs: Any = None, training: bool = False) -> Explanation:
    """The programs of a model.

    Args:
        model: a model, or a layer with ``specs``.
        specs: its inputs, see :func:`trace`; default: what it was built for, with a batch of 32, and 16 for
            other sizes it leaves open.
        training: explain the whole step of a compiled model: loss, metrics, and what the step costs.

    Raises:
        ValueError: the shapes of the inputs are not known.
        TraceError: the model has no program; the message says which line is the reason.
    """
    specs = default_specs(model) if specs is None else specs
    figures, before, step = None, None, None
    if training and getattr(model, "compiled", False):
        figures, before, step = step_figures(model, example_batch(model, specs))
    program = before or trace(model, specs, training=training)
    steps: list[tuple[str, Program]] = []
    after = optimize(program, gpu=default_device().type == "cuda", steps=steps)
    return Explanation(program, after, steps, kernels_of(after), figures, step, _fallbacks(model))


def _fallbacks(model: Any) -> list[str]:
    """Why steps ran eagerly so far."""
    facts = vars(model)
    runners = [facts.get(slot) for slot in ("_runner", "_evaluator", "_predictor")]
    found = [reason for runner in runners if runner is not None for reason in runner.reasons]
    return list(dict.fromkeys([*found, *filter(None, facts.get("_eager_reasons", {}).values())]))


def default_specs(model: Any) -> Any:
    """Symbolic inputs of a model with all sizes known.

    Raises:
        ValueError: nothing is known of them.
    """
    if getattr(model, "_plan", None) is not None:
        return map_structure(_sized, model.input)
    if model._inbound_nodes:
        return map_structure(_sized, model.get_input_at(0))
    built = model.get_build_config()
    if built and "input_shape" in built and built["input_shape"] is not None:
        return _sized(KerasTensor(tuple(built["input_shape"])))
    raise ValueError(f"The shapes of the inputs of {model.name!r} are not known: pass `specs`.")


def _sized(tensor: KerasTensor) -> KerasTensor:
    batch, *rest = tensor.shape if tensor.shape else (None,)
    sizes = [BATCH if batch is None else batch, *(UNKNOWN if size is None else size for size in rest)]
    return KerasTensor(sizes[: len(tensor.shape)], tensor.dtype)


def example_batch(model: Any, specs: Any) -> tuple[Any, ...]:
    """Zeros as inputs and targets of a compiled model, in the shapes that its losses take."""

    def zeros(spec: Any) -> torch.Tensor:
        return torch.zeros(tuple(spec.shape), dtype=torch_dtype(spec.dtype), device=default_device())

    x = map_structure(lambda spec: zeros(spec) if isinstance(spec, KerasTensor) else torch.zeros(spec), specs)
    with torch.no_grad():
        y_pred = model(x, training=False)
    loss = model._compile_loss
    return (x,) if loss is None else (x, loss.example_targets(y_pred))


def kernels_of(program: Program) -> list[Kernel]:
    """What runs each call of a program, as dispatch decides."""
    return [kernel_of(op) for op in program.ops if not op.effect]


def kernel_of(op: Op) -> Kernel:
    """What runs a call."""
    operator = registry().get(op.name)
    if operator is None:
        name = getattr(op.function, "__name__", op.name)
        return Kernel(op.layer, name, "torch", "a torch function")
    device = default_device()
    tensors = tuple(
        None if value is None else torch.empty(value.type.shape, dtype=value.type.dtype, device=device)
        for value in op.inputs if value is None or value.type.dtype is not None
    )  # fmt: skip
    attributes = dict(op.attributes)
    if attributes.pop("generated", False) == "seed":
        *tensors, attributes["seed"] = tensors
    decision = decide(operator, tuple(tensors), attributes)
    return Kernel(op.layer, op.name, decision.implementation, decision.reason)


def kernel_source(layer: Any, specs: Any = None) -> str:
    """The Triton code that kernels inline for a layer: its pointwise functions and their derivatives.

    Args:
        layer: a built layer.
        specs: its inputs, see :func:`trace`; default: the shapes it was built with.
    """
    program = optimize(trace(layer, default_specs(layer) if specs is None else specs, training=True))
    sources = []
    for op in program.ops:
        for name, function in _pointwise(op):
            sources.append(f"# {op.name}: {name}\n{_source(function)}")
    return "\n".join(dict.fromkeys(sources)) or f"# {layer.name}: no generated code\n"


def _pointwise(op: Op) -> list[tuple[str, Pointwise]]:
    operator: Any = registry().get(op.name)
    if hasattr(operator, "cell"):
        cell = operator.cell(op.attributes)
        named = [("step", cell.step), ("operands", cell.operands)]
        return [(name, function) for name, function in named if function is not None]
    return [(value.name, value) for value in op.attributes.values() if isinstance(value, Pointwise)]


def _source(function: Pointwise) -> str:
    from tkeras_kernels import expr

    if function.graph is None:
        return f"# torch code: {function.reason}\n"
    forward = expr.emit_triton(function.graph, "apply")
    single = function.arity == 1 and function.outputs == 1
    derivative = expr.backward_from(function.graph)[1] if single else expr.gradient(function.graph)
    return f"{forward}\n{expr.emit_triton(derivative, 'differentiate')}"
