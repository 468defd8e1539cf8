"""How long each operator of a model takes, what it could take at best, how exact it is, and what to do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from tkeras.bridge import call as run_operator
from tkeras.bridge import recording
from tkeras.graph._tree import flatten
from tkeras.layers._context import context
from tkeras.utils._page import bullets, page, paragraphs, table
from tkeras_kernels.inspect import measure_errors
from tkeras_kernels.operators import Operator, reference_gradients
from tkeras_kernels.runtime import Decision, dispatch, errors
from tkeras_kernels.tuning import Ceilings, measure_ceilings, seconds

_MUCH = 0.3
_SHORT = 20e-6
"""Seconds below which launching a kernel costs as much as running it."""


@dataclass(frozen=True)
class Call:
    """An operator as a layer called it."""

    layer: str
    operator: Operator
    tensors: tuple[Any, ...]
    attributes: dict[str, Any]
    decision: Decision


@dataclass(frozen=True)
class Line:
    """What was measured of a call: seconds of its forward and backward, and what bounds the forward."""

    layer: str
    op: str
    shapes: str
    dtype: str
    forward: float
    backward: float | None
    share: float
    gflops: float | None
    gbytes: float | None
    bound: float | None
    limit: str
    error: float | None
    torch_error: float | None
    implementation: str
    reason: str

    def as_text(self) -> dict[str, str]:
        """For tables."""
        return {
            "layer": self.layer,
            "operator": self.op,
            "shapes": self.shapes,
            "dtype": self.dtype,
            "forward, µs": f"{self.forward * 1e6:.1f}",
            "backward, µs": _text(self.backward and self.backward * 1e6, ".1f"),
            "of the step": f"{self.share:.0%}",
            "GFLOP/s": _text(self.gflops, ".1f"),
            "GB/s": _text(self.gbytes, ".1f"),
            "at best, µs": _text(self.bound and self.bound * 1e6, ".1f"),
            "bound by": self.limit,
            "error": _text(self.error, ".1e"),
            "torch's": _text(self.torch_error, ".1e"),
            "runs": f"{self.implementation}: {self.reason}",
        }


def _text(value: float | None, form: str) -> str:
    return "" if value is None else format(value, form)


@dataclass(frozen=True)
class KernelReport:
    """What :meth:`Model.kernel_report` found; ``str`` and notebooks show it.

    Attributes:
        model, device, batch: what was measured.
        step: seconds of forward and backward of the whole model.
        ceilings: what the device reached in the same run.
        lines: one for each operator that was called, in the order of the model.
        advice: what would help, in words.
    """

    model: str
    device: str
    batch: int
    step: float
    ceilings: Ceilings
    lines: tuple[Line, ...]
    advice: tuple[str, ...]

    def facts(self) -> list[str]:
        """The sentences over the table."""
        reached = f"copy {self.ceilings.copy:.1f} GB/s, product {self.ceilings.product:.1f} GFLOP/s"
        took = f"{self.step * 1e3:.3f} ms forward and backward"
        return [
            f"{self.model}, batch {self.batch} on {self.device}: {took}.",
            f"Reached here: {reached}.",
        ]

    def fallbacks(self) -> list[str]:
        """Operators that torch runs, and why."""
        found = {f"{line.op}: {line.reason}" for line in self.lines if line.implementation == "torch"}
        return sorted(found)

    def __str__(self) -> str:
        from tabulate import tabulate

        rows = [line.as_text() for line in self.lines]
        parts = ["\n".join(self.facts()), tabulate(rows, headers="keys", disable_numparse=True)]
        for title, texts in (("run by torch", self.fallbacks()), ("advice", self.advice)):
            if texts:
                parts.append(f"{title}:\n" + "\n".join(f"* {text}" for text in texts))
        return "\n\n".join(parts)

    def _repr_html_(self) -> str:
        return self._parts()

    def to_html(self) -> str:
        """A page of its own."""
        return page(f"Kernels of {self.model}", self._parts())

    def _parts(self) -> str:
        lists = "".join(
            f"<h2>{title}</h2>{bullets(texts)}"
            for title, texts in (("Run by torch", self.fallbacks()), ("Advice", self.advice))
            if texts
        )
        return f"{paragraphs(self.facts())}{table([line.as_text() for line in self.lines])}{lists}"


class _Calls:
    """A recorder that writes calls down and lets them run."""

    def __init__(self) -> None:
        self.found: list[Call] = []

    def operator(self, operator: Operator, tensors: tuple[Any, ...], attributes: dict[str, Any]) -> Any:
        """Run the call; its tensors are kept as they were."""
        kept = tuple(tensor.detach() if isinstance(tensor, torch.Tensor) else tensor for tensor in tensors)
        layer = "/".join(layer.name for layer in context.stack[1:]) or "-"
        self.found.append(Call(layer, operator, kept, attributes, dispatch(operator, kept, attributes)))
        with _recorded_by(None):
            return run_operator(operator, *tensors, **attributes)

    def seed(self, seed: Any, device: Any) -> Any:
        """A seed as without a recorder."""
        with _recorded_by(None):
            return seed.draw_on(device)

    def generator(self, seed: Any, device: Any) -> Any:
        """A generator as without a recorder."""
        from tkeras.random._seed import generator

        with _recorded_by(None):
            return generator(seed, device)


@contextmanager
def _recorded_by(recorder: Any) -> Iterator[None]:
    before, recording.active = recording.active, recorder
    try:
        yield
    finally:
        recording.active = before


def kernel_report(model: Any, batch: int, x: Any) -> KernelReport:
    """See :meth:`Model.kernel_report`."""
    inputs = _inputs(model, batch) if x is None else x
    first = flatten(inputs)[0]
    batch = int(first.shape[0])
    with _unchanged(model):
        calls = _calls(model, inputs)
        device = _device(model)
        step = seconds(lambda: _step(model, inputs), device)
    if not calls:
        raise ValueError(f"Expected a model whose layers call operators. {model.name} has none.")
    floats = (t for call in calls for t in call.tensors if t is not None and t.is_floating_point())
    reached = measure_ceilings(device, next((t.dtype for t in floats), torch.float32))
    lines = tuple(_line(call, device, step, reached) for call in calls)
    name = torch.cuda.get_device_name() if device == "cuda" else "the CPU"
    return KernelReport(model.name, name, batch, step, reached, lines, tuple(_advice(lines, step, device)))


def _device(model: Any) -> str:
    return next((variable.device.type for variable in model.variables), "cpu")


def _inputs(model: Any, batch: int) -> Any:
    """Random numbers of the model's own shapes; integers below the smallest vocabulary."""
    if getattr(model, "_plan", None) is None:
        raise ValueError(f"Expected `x`: {model.name} has no symbolic inputs, which would tell shapes.")
    sizes = [layer.input_dim for layer in model.modules() if hasattr(layer, "input_dim")]
    made = []
    for given in flatten(model.inputs):
        shape = (batch, *(16 if size is None else size for size in given.shape[1:]))
        if "int" in str(given.dtype):
            made.append(torch.randint(min(sizes, default=2), shape))
        else:
            made.append(torch.randn(shape))
    device = _device(model)
    made = [tensor.to(device) for tensor in made]
    return made[0] if len(made) == 1 else made


@contextmanager
def _unchanged(model: Any) -> Iterator[None]:
    """Moving statistics, seeds and gradients are what they were afterwards."""
    before = [(variable, variable.detach().clone(), variable.grad) for variable in model.variables]
    try:
        yield
    finally:
        with torch.no_grad():
            for variable, value, gradient in before:
                variable.copy_(value)
                variable.grad = gradient


def _calls(model: Any, inputs: Any) -> list[Call]:
    recorder = _Calls()
    with torch.no_grad(), _recorded_by(recorder):
        model(inputs, training=True)
    return recorder.found


def _step(model: Any, inputs: Any) -> None:
    outputs = flatten(model(inputs, training=True))
    sums = [output.float().sum() for output in outputs if output.requires_grad]
    if sums:
        torch.stack(sums).sum().backward()


def _line(call: Call, device: str, step: float, reached: Ceilings) -> Line:
    operator, tensors = call.operator, call.tensors
    kept, _ = operator.split(dict(call.attributes))
    fused = call.decision.implementation != "torch"
    with torch.no_grad():
        forward = seconds(lambda: _forward(operator, tensors, kept, fused), device)
        both = seconds(lambda: _both(operator, tensors, kept, fused), device) if _trains(call) else None
    total = forward if both is None else max(both, forward)
    flops, moved = _cost(call)
    bound, limit = _bound(flops, moved, reached)
    ours, theirs = _accuracy(call, kept, fused)
    return Line(
        call.layer,
        operator.name,
        " ".join("-" if t is None else "x".join(map(str, t.shape)) for t in tensors),
        _dtype(tensors),
        forward,
        None if both is None else max(both - forward, 0.0),
        total / step,
        None if flops is None else flops / forward / 1e9,
        None if moved is None else moved / forward / 1e9,
        bound,
        limit,
        ours,
        theirs,
        call.decision.implementation,
        call.decision.reason,
    )


def _dtype(tensors: tuple[Any, ...]) -> str:
    first = next((t.dtype for t in tensors if t is not None and t.is_floating_point()), "")
    return str(first).removeprefix("torch.")


def _trains(call: Call) -> bool:
    return call.operator.differentiable and any(t is not None and t.is_floating_point() for t in call.tensors)


def _forward(operator: Operator, tensors: tuple[Any, ...], attributes: dict[str, Any], fused: bool) -> Any:
    return (operator.infer if fused else operator.reference)(*tensors, **attributes)


def _both(operator: Operator, tensors: tuple[Any, ...], attributes: dict[str, Any], fused: bool) -> Any:
    needs = [tensor is not None and tensor.is_floating_point() for tensor in tensors]
    if fused:
        outputs, saved = operator.forward(*tensors, **attributes)
        return operator.backward(saved, _tuple(outputs), needs, **attributes)
    outputs = _tuple(operator.reference(*tensors, **attributes))
    return reference_gradients(operator, tensors, outputs, needs, attributes)


def _tuple(result: Any) -> tuple[Any, ...]:
    return result if isinstance(result, tuple) else (result,)


def _cost(call: Call) -> tuple[int | None, int | None]:
    shapes = [None if tensor is None else tuple(tensor.shape) for tensor in call.tensors]
    size = max((t.element_size() for t in call.tensors if t is not None and t.is_floating_point()), default=4)
    try:
        cost = call.operator.cost(shapes, size, **call.attributes)
    except TypeError:
        return None, None
    return cost.flops, cost.bytes


def _bound(flops: int | None, moved: int | None, reached: Ceilings) -> tuple[float | None, str]:
    """Seconds at the ceilings, and which of them counts."""
    if flops is None or moved is None:
        return None, ""
    product, copy = flops / reached.product / 1e9, moved / reached.copy / 1e9
    return max(product, copy), "product" if product > copy else "memory"


def _accuracy(call: Call, kept: dict[str, Any], fused: bool) -> tuple[float | None, float | None]:
    """Largest errors of the outputs against float64, ours and torch's; none of what is drawn at random."""
    operator, tensors = call.operator, call.tensors
    if kept.get("rate"):
        return None, None
    if fused:
        every = measure_errors(operator, tensors, kept)
        found = [error for error in every if error.what.startswith("output")]
    else:
        plain = _tuple(operator.reference(*tensors, **kept))
        wide = [t.double() if t is not None and t.is_floating_point() else t for t in tensors]
        found = errors("output", plain, plain, _tuple(operator.reference(*wide, **kept)))
    worst = max(found, key=lambda error: error.ours, default=None)
    return (None, None) if worst is None else (worst.ours, worst.theirs)


def _advice(lines: Sequence[Line], step: float, device: str) -> Iterator[str]:
    by_layer: dict[str, float] = {}
    for line in lines:
        by_layer[line.layer] = by_layer.get(line.layer, 0.0) + line.share
    layer = max(by_layer, key=lambda name: by_layer[name])
    yield f"Layer {layer} costs most: {by_layer[layer]:.0%} of the step."
    outside = 1.0 - sum(line.share for line in lines)
    if outside > _MUCH:
        yield f"{outside:.0%} of the step is outside operators: Python, autograd, torch code of layers."
    if device == "cuda" and any(line.dtype == "float32" and line.limit == "product" for line in lines):
        yield "Products run in float32: the dtype policy 'mixed_bfloat16' uses the tensor cores."
    short = [line for line in lines if line.forward < _SHORT]
    if device == "cuda" and len(short) > len(lines) / 2:
        yield "Most kernels take less than their launch: a larger batch costs little more time."
    if device == "cpu":
        yield "Without a GPU torch runs every operator; nothing is known here about kernels on one."
