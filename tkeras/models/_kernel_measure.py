"""Measuring what :mod:`tkeras.models._kernel_report` shows."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch

from tkeras.graph._tree import flatten, map_structure
from tkeras.models._kernel_calls import Call, calls_of
from tkeras.models._kernel_report import KernelReport, Line
from tkeras_kernels.inspect import measure_errors
from tkeras_kernels.runtime import errors
from tkeras_kernels.tuning import Ceilings, eager_sample, measure_ceilings, seconds

_MUCH, _LITTLE = 0.3, 0.05
"""Shares of a step that are worth a word, and not."""
_FASTER = 1.3
"""How many times the rate of float32 makes another dtype worth a try."""
_FAR = 3.0
"""How many times its bound a call may take before it is called far from it."""
_SHORT = 20e-6
"""Seconds below which launching a kernel costs as much as running it."""
_SAMPLES = 9
_UNKNOWN = 16
"""Stands for an input's size that is not known."""


def kernel_report(model: Any, batch: int, x: Any) -> KernelReport:
    """See :meth:`Model.kernel_report`."""
    device = _device(model)
    inputs = drawn(model, _own_specs(model), batch) if x is None else _as_tensors(x, device)
    batch = int(flatten(inputs)[0].shape[0])
    with _unchanged(model):
        calls = calls_of(model, inputs)
        if not any(call.operator for call in calls):
            raise ValueError(f"Expected a model whose layers call operators. {model.name} has none.")
        device = _device(model)  # a model that was not built had no variables before
        clock = _Clock(device)
        step = clock(lambda: _step(model, inputs))
        twice = None if _keeps_batch(model) else _twice(model, inputs, clock)
        found = {dtype: None for call in calls if (dtype := _dtype(call)) is not None}
        reached = {_name(dtype): measure_ceilings(device, dtype) for dtype in found or [torch.float32]}
        lines = tuple(_line(call, device, step, reached) for call in calls)
    name = torch.cuda.get_device_name() if device == "cuda" else "the CPU"
    advice = tuple(_advice(lines, step, device, reached, batch, twice))
    if not clock.captured:
        advice += ("No CUDA graph takes the step: its time is that of its launches too.",)
    return KernelReport(model.name, name, batch, step, reached, lines, advice)


class _Clock:
    """Seconds of calls: on a CPU the best of several, since others use it too; on a GPU in a CUDA graph, and
    with their launches where one cannot be captured, which ``captured`` then says."""

    def __init__(self, device: str):
        self.device, self.captured = device, True

    def __call__(self, call: Callable[[], Any]) -> float:
        try:
            return seconds(call, self.device, _SAMPLES, min)
        except RuntimeError:
            if self.device != "cuda":
                raise
            self.captured = False
            sample = eager_sample(call)
            return statistics.median(sample() for _ in range(_SAMPLES))


def _device(model: Any) -> str:
    return next((variable.device.type for variable in model.weights), "cpu")


def _as_tensors(x: Any, device: str) -> Any:
    return map_structure(lambda leaf: torch.as_tensor(leaf, device=device), x)


def _own_specs(model: Any) -> Any:
    from tkeras.compiler._explain import default_specs

    if getattr(model, "_plan", None) is not None:
        return model.input
    try:
        return default_specs(model)
    except ValueError:
        raise ValueError(f"Expected `x`: {model.name} has no inputs yet that would tell shapes.") from None


def drawn(model: Any, specs: Any, batch: int) -> Any:
    """Random inputs of a model in the shapes of symbolic ones; integers below its smallest vocabulary."""
    sizes = [layer.input_dim for layer in model.modules() if hasattr(layer, "input_dim")]
    fixed, device = _keeps_batch(model), _device(model)

    def draw(spec: Any) -> torch.Tensor:
        first, *rest = spec.shape
        if fixed and first not in (None, batch):
            raise ValueError(f"Expected batch {first}, which {model.name} was made for. Received: {batch}")
        shape = (batch, *(_UNKNOWN if size is None else size for size in rest))
        dtype = str(spec.dtype)
        if "string" in dtype:
            raise ValueError(f"Expected `x`: {model.name} takes strings, which cannot be drawn.")
        if "int" in dtype or "bool" in dtype:
            return torch.randint(min(sizes, default=2), shape, device=device)
        return torch.randn(shape, device=device)

    return map_structure(draw, specs)


def _keeps_batch(model: Any) -> bool:
    """Whether the model takes batches of one size alone."""
    given = flatten(model.input) if getattr(model, "_plan", None) is not None else []
    stateful = any(getattr(layer, "stateful", False) for layer in model.modules())
    return stateful or any(spec.shape and spec.shape[0] is not None for spec in given)


@contextmanager
def _unchanged(model: Any) -> Iterator[None]:
    """Moving statistics, seeds, gradients and torch's random numbers are what they were afterwards."""
    state = torch.get_rng_state()
    before = [
        (variable, variable.detach().clone(), variable.grad)
        for variable in (*model.variables, *model.metrics_variables)
    ]
    try:
        yield
    finally:
        torch.set_rng_state(state)
        with torch.no_grad():
            for variable, value, gradient in before:
                variable.copy_(value)
                variable.grad = gradient


def _step(model: Any, inputs: Any) -> None:
    outputs = flatten(model(inputs, training=True))
    sums = [output.float().sum() for output in outputs if output.requires_grad]
    if sums:
        torch.stack(sums).sum().backward()


def _twice(model: Any, inputs: Any, clock: _Clock) -> float:
    """Seconds of a step on twice the batch."""
    doubled = map_structure(lambda leaf: torch.cat([leaf, leaf]), inputs)
    return clock(lambda: _step(model, doubled))


def _line(call: Call, device: str, step: float, reached: Mapping[str, Ceilings]) -> Line:
    clock = _Clock(device)
    with torch.enable_grad():
        forward, both = clock(call.run), _both(call)
        whole = forward if both is None else max(clock(both), forward)
    flops, moved = _cost(call)
    dtype = _dtype(call)
    ceilings = next(iter(reached.values())) if dtype is None else reached[_name(dtype)]
    bound, limit = _bound(flops, moved, ceilings)
    ours, theirs = _accuracy(call)
    return Line(
        call.layer,
        call.name,
        " ".join("-" if t is None else "x".join(map(str, t.shape)) or "()" for t in call.tensors),
        "" if dtype is None else _name(dtype),
        forward,
        None if both is None else whole - forward,
        whole / step,
        flops,
        moved,
        bound,
        limit,
        ours,
        theirs,
        call.decision.implementation,
        call.decision.reason + ("" if clock.captured else "; timed with its launches, no graph takes it"),
    )


def _both(call: Call) -> Callable[[], Any] | None:
    """Forward and backward of a call, or None where nothing needs gradients."""
    wanted = call.trained()
    roots = [output for output in call.run() if output.requires_grad]
    if not wanted or not roots:
        return None
    incoming = [torch.randn_like(root) for root in roots]

    def both() -> Any:
        made = [output for output in call.run() if output.requires_grad]
        return torch.autograd.grad(made, wanted, incoming, allow_unused=True)

    return both


def _dtype(call: Call) -> torch.dtype | None:
    return next((t.dtype for t in call.tensors if t is not None and t.is_floating_point()), None)


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def _cost(call: Call) -> tuple[int | None, int | None]:
    if call.operator is None:
        return None, None
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


def _accuracy(call: Call) -> tuple[float | None, float | None]:
    """Largest errors of the outputs against float64, ours and torch's; none of what is drawn at random."""
    operator = call.operator
    if operator is None or call.attributes.get("generator") is not None:
        return None, None
    kept, _ = operator.split(dict(call.attributes))
    tensors = tuple(None if tensor is None else tensor.detach() for tensor in call.tensors)
    with torch.no_grad():
        if call.decision.implementation != "torch":
            every = measure_errors(operator, tensors, kept)
            found = [error for error in every if error.what.startswith("output")]
        else:
            plain = _tuple(operator.reference(*tensors, **kept))
            wide = [t.double() if t is not None and t.is_floating_point() else t for t in tensors]
            found = errors("output", plain, plain, _tuple(operator.reference(*wide, **kept)))
    worst = max(found, key=lambda error: error.ours, default=None)
    return (None, None) if worst is None else (worst.ours, worst.theirs)


def _tuple(result: Any) -> tuple[Any, ...]:
    return result if isinstance(result, tuple) else (result,)


def _advice(
    lines: Sequence[Line],
    step: float,
    device: str,
    reached: Mapping[str, Ceilings],
    batch: int,
    twice: float | None,
) -> Iterator[str]:
    by_layer: dict[str, float] = {}
    for line in lines:
        by_layer[line.layer] = by_layer.get(line.layer, 0.0) + line.share
    layer = max(by_layer, key=lambda name: by_layer[name])
    yield f"Layer {layer} costs most: {by_layer[layer]:.0%} of the step."
    outside = 1.0 - sum(line.share for line in lines)
    if outside > _MUCH:
        yield f"{outside:.0%} of the step is outside these calls: Python, autograd, other code of layers."
    yield from _far(lines)
    if twice is not None:
        yield _batch_advice(batch, twice / step)
    yield from _dtype_advice(lines, device, reached)
    short = [line for line in lines if line.forward < _SHORT]
    if device == "cuda" and len(short) > len(lines) / 2:
        yield "Most kernels take less than their launch: a larger batch costs little more time."
    if any(line.implementation == "interpret" for line in lines):
        yield "Triton's interpreter ran kernels: their times here say nothing about a GPU."
    elif device == "cpu":
        yield "Without a GPU torch runs every operator; nothing is known here about kernels on one."


def _far(lines: Sequence[Line]) -> Iterator[str]:
    """The call that loses most time to its bound."""
    line = max(lines, key=lambda line: line.forward - (line.bound or line.forward))
    if line.bound and line.forward > max(_FAR * line.bound, _SHORT) and line.share > _LITTLE:
        times = line.forward / line.bound
        bound = f"{times:.1f}x what {line.limit} allows"
        yield f"Furthest from its bound: {line.layer}, whose forward takes {bound}."


def _batch_advice(batch: int, longer: float) -> str:
    gain = 2.0 / longer
    said = f"A batch of {2 * batch} takes {longer:.2f}x the time of {batch}"
    if gain > 1.1:
        return f"{said}: {gain:.2f}x the samples a second."
    return f"{said}: a larger one brings little." if gain > 0.9 else f"{said}: a smaller one is better."


def _dtype_advice(lines: Sequence[Line], device: str, reached: Mapping[str, Ceilings]) -> Iterator[str]:
    """Whether products in float32 would be faster in bfloat16 by what this device reaches."""
    near = (line for line in lines if line.bound and line.forward < _FAR * line.bound)
    share = sum(line.share for line in near if line.dtype == "float32" and line.limit == "product")
    if share < _LITTLE:
        return
    half = reached.get("bfloat16") or measure_ceilings(device, torch.bfloat16)
    times = half.product / reached["float32"].product
    said = f"{share:.0%} of the step is close to what float32 products allow; in bfloat16 this device reaches"
    if times > _FASTER:
        yield f"{said} {times:.1f}x the rate: try the dtype policy 'mixed_bfloat16'."
    else:
        yield f"{said} {times:.1f}x the rate: the dtype policy 'mixed_bfloat16' would not help."
