"""Recurrent cells as the scan template takes them: leaves over pre-activations and states."""

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
        step: (values, states) to the new states, of which h is the first.
        gates: how many products with h there are.
        joined: how many of them, the first ones, enter ``step`` added to the projected input.
        states: how many there are.
        reset: (values before the last gate, h) to the operand of the last gate; None where that is h.
    """

    step: Pointwise
    gates: int
    joined: int
    states: int
    reset: Pointwise | None = None

    @property
    def values(self) -> int:
        """How many arguments ``step`` has before the states."""
        return 2 * self.gates - self.joined

    @property
    def reason(self) -> str | None:
        """Why no kernel can inline the cell, or None when one can."""
        return self.step.reason or (None if self.reset is None else self.reset.reason)


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

        def after(z: Any, r: Any, x_h: Any, u_h: Any, h: Any) -> Any:
            return library.gru_cell(z, r, x_h, u_h, h, act, gate)

        return Cell(pointwise(after, arity=5), 3, 2, 1)

    def before(z: Any, r: Any, a: Any, h: Any) -> Any:
        return library.gru_cell_reset_before(z, a, h, act, gate)

    reset = pointwise(lambda z, r, h: library.gru_reset(r, h, gate), arity=3)
    return Cell(pointwise(before, arity=4), 3, 3, 1, reset)
