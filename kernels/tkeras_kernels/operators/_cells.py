"""Recurrent cells as the scan templates take them: leaves over pre-activations and states."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from .. import library
from ..pointwise import Pointwise, pointwise

Function = Callable[..., Any]


@dataclass(frozen=True)
class Cell:
    """One step, see ``templates/_scan``.

    Attributes:
        step: (gates, extras, states) to the new states, of which h is the first, and the output where it is
            ``apart``.
        gates: how many products with states there are.
        joined: how many of them, the first ones, have a column of the projected input added.
        extras: how many more columns of it enter ``step``.
        states: how many there are.
        operands: (gates before the ``later`` ones, extras, states) to what the ``later`` ones multiply; the
            others multiply h.
        later: how many gates, the last ones, multiply operands of their own.
        apart: whether the output is a result of its own, instead of h.
    """

    step: Pointwise
    gates: int
    joined: int
    states: int
    extras: int = 0
    operands: Pointwise | None = None
    later: int = 0
    apart: bool = False

    @property
    def first(self) -> int:
        """How many gates multiply h."""
        return self.gates - self.later

    @property
    def values(self) -> int:
        """How many arguments ``step`` has before the states."""
        return self.gates + self.extras

    @property
    def columns(self) -> int:
        """How many columns of units the projected input has."""
        return self.joined + self.extras

    @property
    def plain(self) -> bool:
        """Whether the gradients of the projected input are those of the products."""
        return self.joined == self.gates and not self.extras

    @property
    def reason(self) -> str | None:
        """Why no kernel can inline the cell, or None when one can."""
        return self.step.reason or (None if self.operands is None else self.operands.reason)


def _call(function: Pointwise | None) -> Function:
    """The function on symbols."""
    if function is None:
        return library.linear
    return lambda x: function.function(x, **function.parameters)


@lru_cache(maxsize=64)
def simple_rnn_cell(activation: Pointwise | None) -> Cell:
    """h = activation(z)."""
    act = _call(activation)
    return Cell(pointwise(lambda z, h: library.simple_rnn_cell(z, act), arity=2), 1, 1, 1)


@lru_cache(maxsize=64)
def lstm_cell(activation: Pointwise | None, recurrent_activation: Pointwise | None) -> Cell:
    """Gates i, f, g, o; states h, c."""
    act, gate = _call(activation), _call(recurrent_activation)

    def step(i: Any, f: Any, g: Any, o: Any, h: Any, c: Any) -> Any:
        return library.lstm_cell(i, f, g, o, c, act, gate)

    return Cell(pointwise(step, arity=6), 4, 4, 2)


@lru_cache(maxsize=64)
def gru_cell(activation: Pointwise | None, recurrent_activation: Pointwise | None, reset_after: bool) -> Cell:
    """Gates z, r and the candidate, of which x and h U stay apart where the reset gate comes between them."""
    act, gate = _call(activation), _call(recurrent_activation)
    if reset_after:

        def after(z: Any, r: Any, u_h: Any, x_h: Any, h: Any) -> Any:
            return library.gru_cell(z, r, x_h, u_h, h, act, gate)

        return Cell(pointwise(after, arity=5), 3, 2, 1, extras=1)

    def before(z: Any, r: Any, a: Any, h: Any) -> Any:
        return library.gru_cell_reset_before(z, a, h, act, gate)

    reset = pointwise(lambda z, r, h: library.gru_reset(r, h, gate), arity=3)
    return Cell(pointwise(before, arity=4), 3, 3, 1, operands=reset, later=1)
