"""What the launches of the scan templates share: their arguments, constants and rooms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch

from ..runtime import get_matmul_precision, target_for
from ._cells import Cell


class Order(NamedTuple):
    """How sequences are walked, each set from its own end, and what comes out."""

    return_sequences: bool
    backwards: tuple[bool, ...]
    zero_output_for_mask: bool


class Saved(NamedTuple):
    """What the backward needs; see ``templates/_scan``."""

    values: torch.Tensor
    operands: tuple[torch.Tensor, ...]
    before: tuple[torch.Tensor, ...]


class Scan(NamedTuple):
    """One call of the template over sets of sequences that have weights of their own.

    Attributes:
        x: projected inputs (sets, batch, steps, columns * units), in the backward room for their gradient;
            steps lie one row after the other.
        kernel: (sets, units, gates * units).
        bias: (sets, gates * units) of the products, or None.
        starts: first states (sets, batch, units), None for zeros.
        mask: (sets * batch, steps) or None.
        dropped: (gates, sets * batch, units) or None.
    """

    x: torch.Tensor
    kernel: torch.Tensor
    bias: torch.Tensor | None
    starts: Sequence[torch.Tensor | None]
    mask: torch.Tensor | None
    dropped: torch.Tensor | None


def constants_of(on: torch.Tensor, cell: Cell, order: Order) -> dict[str, Any]:
    """Constants of every scan template."""
    target = target_for(on)
    has_tf32 = target.backend != "hip" or target.name == "gfx942"
    return {
        "GATES": cell.gates,
        "JOINED": cell.joined,
        "EXTRAS": cell.extras,
        "LATER": cell.later,
        "APART": cell.apart,
        "BACKWARDS": sum(backwards << i for i, backwards in enumerate(order.backwards)),
        "SEQUENCES": order.return_sequences,
        "ZEROS": order.zero_output_for_mask,
        "PRECISION": get_matmul_precision() if on.dtype == torch.float32 and has_tf32 else "ieee",
    }


def forward_leaves(cell: Cell) -> dict[str, Any]:
    """A cell, for kernels to inline."""
    operands = None if cell.operands is None else cell.operands.forward_leaf
    return {"STEP": cell.step.forward_leaf, "OPERANDS": operands}


def backward_leaves(cell: Cell) -> dict[str, Any]:
    """The derivatives of a cell, for kernels to inline."""
    inputs = cell.first + cell.extras + cell.states
    return {
        "BACK": cell.step.gradient_leaf((True,) * (cell.values + cell.states)),
        "OPERANDS_BACK": None if cell.operands is None else cell.operands.gradient_leaf((True,) * inputs),
    }


def room(x: torch.Tensor, cell: Cell, units: int) -> Saved:
    """h and operands are kept as the products take them, other states in float32."""
    lead = x.shape[:3]
    operands = tuple(x.new_empty((*lead, units)) for _ in range(cell.later))
    others = [x.new_empty((*lead, units), dtype=torch.float32) for _ in range(cell.states - 1)]
    return Saved(x.new_empty((*lead, cell.values * units)), operands, (x.new_empty((*lead, units)), *others))


def room_arguments(saved: Saved | None) -> tuple[Any, Any, Any]:
    """As kernels take it: None instead of nothing."""
    return (None, None, None) if saved is None else (saved.values, saved.operands or None, saved.before)


def products(scan: Scan, cell: Cell) -> torch.Tensor | None:
    """Room for the gradient of the products, or None where it is that of the projected input."""
    lead, units = scan.x.shape[:3], scan.kernel.shape[1]
    return None if cell.plain else scan.x.new_empty((*lead, cell.gates * units))


def flat(dy: torch.Tensor | None, rows: int) -> torch.Tensor | None:
    """(sets * batch, ...) of (sets, batch, ...)."""
    return None if dy is None else dy.reshape(rows, *dy.shape[2:])


def output_strides(dy: torch.Tensor | None, order: Order) -> tuple[int, int, int]:
    """Of rows, steps and units of the outputs' gradient."""
    if dy is None:
        return 0, 0, 0
    along = dy.stride()
    return (along[0], along[1], along[2]) if order.return_sequences else (along[0], 0, along[1])


def present(tensors: Sequence[torch.Tensor | None]) -> int:
    """A bit for each tensor that is there. A tuple of pointers that holds None does not compile with every
    Triton."""
    return sum(1 << i for i, tensor in enumerate(tensors) if tensor is not None)


def stood_in(tensors: Sequence[torch.Tensor | None], by: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """The tensors without gaps, and another one, which is left alone, for those that are None."""
    return tuple(by if tensor is None else tensor.contiguous() for tensor in tensors)


def as_bytes(mask: torch.Tensor | None) -> torch.Tensor | None:
    """A mask as kernels read it."""
    return None if mask is None else mask.bool().view(torch.uint8)


def strides_of(kept: torch.Tensor | None) -> tuple[int, ...]:
    """Of rows and steps of a mask."""
    return (0, 0) if kept is None else kept.stride()


def contiguous(tensor: torch.Tensor | None) -> torch.Tensor | None:
    """The same numbers without gaps."""
    return None if tensor is None else tensor.contiguous()
