"""The geometry of a convolution: sizes, padding, and which taps a pixel sees, as the conv templates take
it."""

from __future__ import annotations

from math import gcd, prod
from typing import NamedTuple

import torch

Sizes = tuple[int, int, int]


class Axis(NamedTuple):
    """One spatial axis: ``small`` windows of ``window`` taps over ``large`` elements and ``pad`` zeros
    before them.

    Window i sees element ``i * stride + tap * dilation - pad``. A convolution makes the small side of the
    large one, its input gradient and the transposed convolution the large side of the small one.
    """

    large: int
    small: int
    window: int
    stride: int
    dilation: int
    pad: int

    def gather(self) -> tuple[int, ...]:
        """What the templates take to make the small side: source, target, window, scale, step, shift,
        spread, cycle, dilation, lead."""
        return (self.large, self.small, self.window, self.stride, self.dilation, -self.pad, 1, 1, 0, 0)

    def scatter(self) -> tuple[int, ...]:
        """The same to make the large side."""
        common = gcd(self.stride, self.dilation)
        cycle, lead = self.stride // common, -self.pad % self.stride
        step = -(self.dilation // common)
        head = (self.small, self.large, self.window, 1, step, self.pad)
        return (*head, self.stride, cycle, self.dilation, lead)


_UNIT = Axis(1, 1, 1, 1, 1, 0)


class Plan(NamedTuple):
    """A convolution of ``batch`` images: three axes, those that are not there of size 1, and groups."""

    batch: int
    axes: tuple[Axis, Axis, Axis]
    groups: int = 1

    @property
    def large(self) -> Sizes:
        d, h, w = self.axes
        return d.large, h.large, w.large

    @property
    def small(self) -> Sizes:
        d, h, w = self.axes
        return d.small, h.small, w.small

    @property
    def taps(self) -> int:
        return prod(axis.window for axis in self.axes)

    def gather(self) -> tuple[int, ...]:
        return tuple(value for axis in self.axes for value in axis.gather())

    def scatter(self) -> tuple[int, ...]:
        return tuple(value for axis in self.axes for value in axis.scatter())


def plan(batch: int, axes: list[Axis], groups: int = 1) -> Plan:
    """A plan for one to three axes."""
    d, h, w = [*[_UNIT] * (3 - len(axes)), *axes]
    return Plan(batch, (d, h, w), groups)


def lifted(x: torch.Tensor) -> torch.Tensor:
    """View of a channels-last tensor as (batch, depth, height, width, channels)."""
    while x.dim() < 5:
        x = x.unsqueeze(1)
    return x
