"""Finding arithmetic of torch in a row that the operators do not do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from tkeras_kernels import runtime

_MOVES = ("fill", "copy", "zero", "clone", "_to_copy", "detach")


class Link(NamedTuple):
    """A pointwise call of ATen on the result of another: phase, "first>second", shape of the result."""

    phase: str
    names: str
    shape: tuple[int, ...]


class Chains(TorchDispatchMode):
    """Lists the links of pointwise calls, copies and casts left out, on more than one element.

    Kernels of the interpreter write to memory that torch has only allocated, so what they compute is seen as
    the result of no call.
    """

    def __init__(self) -> None:
        super().__init__()
        self.links: list[Link] = []
        self.phase = "forward"
        self._made: dict[int, str | None] = {}
        self._kept: list[Any] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if any(r.alias_info is not None and not r.alias_info.is_write for r in func._schema.returns):
            return result
        name = func._schema.name.split("::")[1].rstrip("_")
        outputs = [
            leaf for leaf in tree_leaves(result) if isinstance(leaf, torch.Tensor) and leaf.numel() > 1
        ]
        pointwise = torch.Tag.pointwise in func.tags and name not in _MOVES
        if pointwise and outputs:
            inputs = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, torch.Tensor)]
            first = next(filter(None, (self._made.get(_memory(leaf)) for leaf in inputs)), None)
            if first is not None:
                self.links.append(Link(self.phase, f"{first}>{name}", tuple(outputs[0].shape)))
        for output in outputs:
            self._made[_memory(output)] = name if pointwise else None
            self._kept.append(output.untyped_storage())
        return result


def _memory(tensor: torch.Tensor) -> int:
    return tensor.untyped_storage()._cdata


class Found(NamedTuple):
    """Links of a call on the kernels and of its gradients; why operators ran on torch, if any did; results
    and gradients, on the kernels and on torch."""

    links: list[Link]
    reasons: set[str]
    ours: list[torch.Tensor]
    theirs: list[torch.Tensor]


def chains_of(
    function: Callable[..., Any],
    tensors: Sequence[torch.Tensor],
    weights: Callable[[], Sequence[torch.Tensor]] = tuple,
) -> Found:
    """Call on torch, which builds what is built once, then on the kernels.

    Args:
        weights: what gradients go to besides the tensors.
    """
    with runtime.backend_scope("torch"):
        theirs = _run(function, tensors, weights, Chains())
    runtime.reset_report()
    with runtime.backend_scope("interpret"), Chains() as found:
        ours = _run(function, tensors, weights, found)
    records = runtime.report()
    assert not any(record.failures for record in records)
    reasons = {f"{r.operator}: {r.reason}" for r in records if r.implementation == "torch"}
    return Found(found.links, reasons, ours, theirs)


def _run(function: Any, tensors: Any, weights: Any, found: Chains) -> list[torch.Tensor]:
    found.phase = "forward"
    leaves = [t.clone().requires_grad_() if t.is_floating_point() else t for t in tensors]
    results = [r for r in tree_leaves(function(*leaves)) if isinstance(r, torch.Tensor)]
    found.phase = "backward"
    roots = [r for r in results if r.requires_grad]
    wanted = [leaf for leaf in (*leaves, *weights()) if leaf.requires_grad]
    gradients: Any = ()
    if roots and wanted:
        cotangents = [torch.linspace(0.5, 1.5, root.numel()).view(root.shape) for root in roots]
        gradients = torch.autograd.grad(roots, wanted, cotangents, allow_unused=True)
    return [*(r.detach() for r in results), *(g for g in gradients if g is not None)]
