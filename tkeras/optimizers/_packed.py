"""Small variables side by side in memory, so that the update of all is a few calls on one tensor."""

from __future__ import annotations

import operator
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch.autograd.graph import increment_version
from torch.utils.weak import WeakTensorKeyDictionary

from tkeras.graph import Variable
from tkeras.optimizers._group import Group, each

LIMIT = 4 << 20
"""Bytes of all variables up to which their update costs more by the call than by the byte."""
_ALIGN = 64
_STRIDED = {torch.strided}
_AT: Any = WeakTensorKeyDictionary()
"""Where variables were put."""


class _Places:
    held = False


@contextmanager
def held_places() -> Iterator[None]:
    """No variable moves meanwhile: a schedule notes where each lies."""
    before, _Places.held = _Places.held, True
    try:
        yield
    finally:
        _Places.held = before


class Packed:
    """The variables of a group and their state as slices of one tensor each.

    Attributes:
        group: has one variable, which is all of them, with one tensor of each state.
        gradients: where the gradient of each variable belongs.
        taken: all of them as one.
    """

    def __init__(self, group: Group):
        variables = group.variables
        flat = _join(variables)
        self.group = Group([flat], [0], [flat] if group.decayed else [])
        self.group.scratch = torch.empty_like(flat)
        self.group.state = {name: [_join(slots)] for name, slots in group.state.items()}
        gradient = torch.zeros_like(flat)
        self.taken, self.gradients = [gradient], _slices(gradient, variables)
        self._seen: Sequence[torch.Tensor] = ()
        self._homes = _addresses(self.gradients)
        self._variables = variables
        moved = [*variables, *(slot for slots in group.state.values() for slot in slots)]
        self._pointers = [tensor.data_ptr for tensor in moved]
        self._places = _addresses(moved)

    def holds(self) -> bool:
        """Whether everything still lies where it was put."""
        return [pointer() for pointer in self._pointers] == self._places

    def take(self, gradients: Sequence[torch.Tensor]) -> list[torch.Tensor] | None:
        """The gradients as one; those that do not lie in their places yet are copied there, unless some are
        sparse."""
        if {gradient.layout for gradient in gradients} != _STRIDED:
            return None
        found = _addresses(gradients)
        if found != self._homes:
            pairs = zip(self.gradients, gradients, found, self._homes, strict=True)
            targets, sources = zip(*((t, g) for t, g, at, home in pairs if at != home), strict=True)
            each.copy_(targets, sources)
        else:
            self._seen = gradients
        return self.taken

    def took(self, gradients: Sequence[torch.Tensor]) -> bool:
        """Whether these very tensors were in their places before, and everything lies where it was put."""
        return all(map(operator.is_, gradients, self._seen)) and bool(self._seen) and self.holds()

    def changed(self) -> None:
        """Tell autograd that the variables have new values."""
        increment_version(self._variables)


def packable(group: Group) -> bool:
    """Whether the variables of a group are small, alike, and nobody else's."""
    variables = group.variables
    if _Places.held or not (group.on_cpu and group.uniform) or len(variables) < 2:
        return False
    if len(group.decayed) not in (0, len(variables)):
        return False
    if sum(variable.nbytes for variable in variables) > LIMIT:
        return False
    states = [*group.state.values()]
    alike = all(
        slot.shape == variable.shape and slot.dtype is variable.dtype
        for slots in states
        for slot, variable in zip(slots, variables, strict=True)
    )
    return alike and all(
        type(one) is Variable and _alone(one) for some in (variables, *states) for one in some
    )


def _alone(variable: Variable) -> bool:
    """Whether a variable's memory is its own, or where it was put before."""
    storage = variable.untyped_storage()
    if not variable.is_contiguous() or storage.is_shared():
        return False
    return storage.nbytes() == variable.nbytes or storage.data_ptr() == _AT.get(variable)


def _join(variables: Sequence[Variable]) -> torch.Tensor:
    """One tensor with the values of all, which become slices of it; zeros between them."""
    size = sum(_room(variable) for variable in variables)
    flat = torch.zeros(size, dtype=variables[0].dtype)
    for variable, piece in zip(variables, _slices(flat, variables), strict=True):
        piece.copy_(variable.detach())
        variable.data = piece
        _AT[variable] = flat.data_ptr()
    return flat


def _slices(flat: torch.Tensor, variables: Sequence[Variable]) -> list[torch.Tensor]:
    pieces, start = [], 0
    for variable in variables:
        pieces.append(flat[start : start + variable.numel()].view(variable.shape))
        start += _room(variable)
    return pieces


def _room(variable: Variable) -> int:
    """Elements from the start of a variable to that of the next."""
    unit = max(1, _ALIGN // variable.dtype.itemsize)
    return -(-variable.numel() // unit) * unit


def _addresses(tensors: Sequence[torch.Tensor]) -> list[int]:
    return [tensor.data_ptr() for tensor in tensors]
