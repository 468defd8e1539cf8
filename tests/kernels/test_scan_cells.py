"""A user's own cell on the scan template: any traced step, gates joined or apart, several states."""

import pytest
import torch

from tests.kernels import fused_cases as cases
from tkeras_kernels import runtime
from tkeras_kernels.operators import _scan_launch, _scan_steps
from tkeras_kernels.operators._cells import Cell
from tkeras_kernels.operators._scan_plan import Order, Scan
from tkeras_kernels.pointwise import pointwise

pytestmark = pytest.mark.skipif(torch.cuda.is_available(), reason="the interpreter runs these")


def operands(f, x_g, h, c):
    """The second gate multiplies c, the third something of the first."""
    return c, f * x_g + h


def step(f, u_g, p, x_g, h, c):
    """One coupled gate, a candidate whose parts stay apart, a leak of h, and an output of its own."""
    f = torch.sigmoid(f)
    c = f * c + (1.0 - f) * torch.tanh(x_g + 0.5 * u_g)
    h = 0.9 * torch.tanh(c + p) + 0.1 * h
    return h, c, h * torch.sigmoid(p)


CELL = Cell(
    pointwise(step, arity=6), 3, 1, 2, extras=1, operands=pointwise(operands, arity=4), later=2, apart=True
)


def by_hand(projected, kernel, bias, h, c, mask):
    units, outputs = kernel.shape[0], []
    u, b = kernel.split(units, 1), bias.split(units)
    for t in range(projected.shape[1]):
        x = projected[:, t].split(units, 1)
        f = x[0] + h @ u[0] + b[0]
        first, second = operands(f, x[1], h, c)
        new_h, new_c, y = step(f, first @ u[1] + b[1], second @ u[2] + b[2], x[1], h, c)
        kept = mask[:, t : t + 1]
        outputs.append(torch.where(kept, y, 0.0))
        h, c = torch.where(kept, new_h, h), torch.where(kept, new_c, c)
    return torch.stack(outputs, 1), h, c


@pytest.mark.parametrize("way", [_scan_launch, _scan_steps])
def test_own_cell(way):
    """Against autograd in float64; two sets of weights that run from opposite ends in one launch."""
    batch, steps, units = 5, 4, 3
    shapes = [(batch, steps, 2 * units), (units, 3 * units), (3 * units,), (batch, units), (batch, units)]
    masks = torch.rand(2, batch, steps) > 0.3
    sets = [[torch.randn(shape, dtype=torch.float64, requires_grad=True) for shape in shapes] for _ in "ab"]
    expected = [by_hand(*sets[0], masks[0])]
    x, *rest = sets[1]
    expected.append(by_hand(x.flip(1), *rest, masks[1].flip(1)))
    seeds = [[torch.randn_like(y) for y in results] for results in expected]
    wanted = [torch.autograd.grad(y, leaves, s) for y, leaves, s in zip(expected, sets, seeds, strict=True)]

    def stacked(parts):
        return [torch.stack(pair).float().detach() for pair in zip(*parts, strict=True)]

    x, kernel, bias, *starts = stacked(sets)
    dy, *slopes = stacked(seeds)
    order = Order(return_sequences=True, backwards=(False, True), zero_output_for_mask=True)
    scan = Scan(x, kernel, bias, starts, masks.flatten(0, 1), None)
    with runtime.backend_scope("interpret"), cases.poisoned():
        y, lasts, saved = way.forward(scan, CELL, order, saving=True)
        room = scan._replace(x=torch.empty_like(x))
        dx, du, dstarts = way.backward(room, saved, dy, slopes, (True, True), CELL, order)
    close = {"rtol": 1e-5, "atol": 1e-5}
    for ours, theirs in zip((y, *lasts), stacked(expected), strict=True):
        torch.testing.assert_close(ours, theirs, **close)
    wanted = stacked(wanted)
    for ours, theirs in zip((dx, *dstarts), (wanted[0], *wanted[3:]), strict=True):
        torch.testing.assert_close(ours, theirs, **close)
    products = (saved.before[0], *saved.operands)
    parts = [
        torch.einsum("sbti,sbtj->sij", left, right)
        for left, right in zip(products, du.split(units, -1), strict=True)
    ]
    torch.testing.assert_close(torch.cat(parts, -1), wanted[1], **close)
    torch.testing.assert_close(du.sum((1, 2)), wanted[2], **close)
