"""The calls that are compared for a case of an operator."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from perf._honesty import Tensors, redraw, tuple_of
from perf._vendor import vendor
from perf._work import work
from tkeras_kernels.inspect import DTYPES as _DTYPES
from tkeras_kernels.inspect import case_attributes, case_tensors
from tkeras_kernels.operators import Case, Operator, reference_gradients
from tkeras_kernels.runtime import Decision, dispatch

Function = Callable[..., Any]
DTYPES = {**_DTYPES, "fp32": torch.float32}
"""In tf32 the products of float32 are, kernels' and torch's alike."""


@dataclass
class Contest:
    """A case in one dtype and pass: its inputs, the plain reference, and who competes.

    Attributes:
        ours: what tkeras runs here, and why.
        contenders: ours first; functions of the inputs.
        missing: contenders that cannot be measured here, with the reason.
        apart: contenders with inputs of their own, which are held against themselves in float64.
        own_numbers: contenders that draw random numbers of their own, which nothing can be held against.
    """

    op: str
    case: str
    dtype: str
    pass_: str
    inputs: list[torch.Tensor | None]
    reference: Function
    ours: Decision
    flops: int | None
    bytes: int | None
    positive: bool
    contenders: dict[str, Function] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    apart: dict[str, list[torch.Tensor | None]] = field(default_factory=dict)
    own_numbers: frozenset[str] = frozenset()
    graphed: tuple[str, ...] = ("tkeras", "torch in a graph", "bare vendor call")

    def inputs_of(self, name: str) -> list[torch.Tensor | None]:
        """What a contender is called with."""
        return self.apart.get(name, self.inputs)

    def reference_of(self, name: str) -> Function:
        """What its numbers are held against."""
        return self.contenders[name] if name in self.apart else self.reference


def contest(
    operator: Operator, case: Case, dtype: str, pass_: str, device: str, compiled: bool
) -> Contest | str:
    """Draw inputs and gather the contenders, or why there are none.

    Args:
        compiled: whether torch.compile is one of them.
    """
    attributes = case_attributes(operator, case, device)
    inputs = [_drawn(tensor, case) for tensor in case_tensors(case, DTYPES[dtype], device)]
    plain = _reference(operator, attributes, pass_)
    positive = _has_nan(plain(*inputs))
    if positive:
        redraw(inputs, positive)
    if not _agree(plain(*inputs), plain(*inputs)):
        return "random: two calls of the reference differ"
    decision = dispatch(operator, tuple(inputs), attributes)
    random = attributes.get("seed") is not None
    if random and decision.implementation == "torch":
        return "random: torch draws other numbers than the kernels, which do not run here"
    flops, moved = work(operator, case, dtype, pass_)
    found = Contest(operator.name, case.name, dtype, pass_, inputs, plain, decision, flops, moved, positive)
    if decision.implementation == "torch":
        found.contenders["tkeras"] = plain
    else:
        found.contenders["tkeras"] = _fused(operator, attributes, pass_)
    if random:
        plain = _reference(operator, {**attributes, "seed": None}, pass_)
        found.own_numbers = frozenset(("torch", "torch.compile", "torch in a graph"))
    found.contenders["torch"] = plain
    if compiled and pass_ == "forward":
        found.contenders["torch.compile"] = torch.compile(plain, dynamic=False)
    else:
        found.missing["torch.compile"] = "of the forward only" if compiled else "left out by --quick"
    if device == "cuda":
        found.contenders["torch in a graph"] = plain
    else:
        found.missing["torch in a graph"] = "no GPU, no CUDA graphs"
    bare = vendor(operator.name, case, DTYPES[dtype], pass_, device)
    if isinstance(bare, str):
        found.missing["bare vendor call"] = bare
    else:
        found.contenders["bare vendor call"], found.apart["bare vendor call"] = bare.call, bare.inputs
    return found


class _Ones:
    """Gradients of the outputs: made once a dtype, from shapes that are found on meta tensors."""

    def __init__(self, operator: Operator, attributes: Mapping[str, Any]) -> None:
        self.operator, self.attributes = operator, attributes
        self.known: dict[torch.dtype, tuple[torch.Tensor, ...]] = {}

    def __call__(self, tensors: Tensors) -> tuple[torch.Tensor, ...]:
        first = next(tensor for tensor in tensors if tensor is not None and tensor.is_floating_point())
        found = self.known.get(first.dtype)
        if found is None:
            meta = [None if tensor is None else tensor.to("meta") for tensor in tensors]
            unseeded = {name: value for name, value in self.attributes.items() if name != "seed"}
            outputs = tuple_of(self.operator.reference(*meta, **unseeded))
            made = [
                torch.ones(out.shape, dtype=out.dtype, device=first.device)
                for out in outputs
                if out is not None
            ]
            found = self.known[first.dtype] = tuple(made)
        return found


def _reference(operator: Operator, attributes: Mapping[str, Any], pass_: str) -> Function:
    ones = _Ones(operator, attributes)

    def forward(*tensors: Any) -> Any:
        return operator.reference(*tensors, **attributes)

    def both(*tensors: Any) -> Any:
        return reference_gradients(operator, tensors, ones(tensors), _needs(tensors), attributes)

    return torch.no_grad()(forward if pass_ == "forward" else both)


def _fused(operator: Operator, attributes: Mapping[str, Any], pass_: str) -> Function:
    kept, epilogue = operator.split(dict(attributes))
    ones = _Ones(operator, attributes)

    def forward(*tensors: Any) -> Any:
        result = operator.infer(*tensors, **kept)
        return result if epilogue is None else epilogue(result)

    def both(*tensors: Any) -> Any:
        _, saved = operator.forward(*tensors, **kept)
        return operator.backward(saved, ones(tensors), _needs(tensors), **kept)

    return torch.no_grad()(forward if pass_ == "forward" else both)


def _needs(tensors: Tensors) -> list[bool]:
    return [tensor is not None and tensor.is_floating_point() for tensor in tensors]


def _has_nan(result: Any) -> bool:
    return any(output is not None and bool(output.isnan().any()) for output in tuple_of(result))


def _agree(first: Any, second: Any) -> bool:
    pairs = zip(tuple_of(first), tuple_of(second), strict=True)
    return all(a is None or torch.equal(a, b) for a, b in pairs)  # pyright: ignore[reportArgumentType]


def _drawn(tensor: torch.Tensor | None, case: Case) -> torch.Tensor | None:
    """Normal numbers; whole ones below every size of the float arguments, which makes valid indices."""
    if tensor is None:
        return None
    if tensor.is_floating_point():
        return tensor.normal_()
    if tensor.dtype == torch.bool:
        return tensor.fill_(True)
    floats = [shape for position, shape in enumerate(case.shapes) if shape and position not in case.dtypes]
    return tensor.random_(max(1, min(min(shape) for shape in floats)))
