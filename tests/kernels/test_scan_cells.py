"""A user's own cell on the scan template: any traced step, gates joined or apart, several states."""

import pytest
import torch

from tests.kernels import fused_cases as cases
from tkeras_kernels import runtime
from tkeras_kernels.operators._cells import Cell
from tkeras_kernels.operators._scan_launch import Order, backward, forward
from tkeras_kernels.pointwise import pointwise

pytestmark = pytest.mark.skipif(torch.cuda.is_available(), reason="the interpreter runs these")


def step(f, x_g, u_g, h, c):
    """One coupled gate, a candidate whose parts stay apart, and a leak of h."""
    f = torch.sigmoid(f)
    c = f * c + (1.0 - f) * torch.tanh(x_g + 0.5 * u_g)
    return 0.9 * torch.tanh(c) + 0.1 * h, c


CELL = Cell(pointwise(step, arity=5), gates=2, joined=1, states=2)


def by_hand(projected, kernel, bias, h, c, mask):
    units, outputs = kernel.shape[0], []
    for t in range(projected.shape[1]):
        x, u = projected[:, t], h @ kernel + bias
        values = (x[:, :units] + u[:, :units], x[:, units:], u[:, units:])
        new_h, new_c = step(*values, h, c)
        kept = mask[:, t : t + 1]
        outputs.append(torch.where(kept, new_h, 0.0))
        h, c = torch.where(kept, new_h, h), torch.where(kept, new_c, c)
    return torch.stack(outputs, 1), h, c


def test_own_cell():
    batch, steps, units = 5, 4, 3
    shapes = [(batch, steps, 2 * units), (units, 2 * units), (2 * units,), (batch, units), (batch, units)]
    tensors = [torch.randn(shape) for shape in shapes]
    mask = torch.rand(batch, steps) > 0.3
    leaves = [tensor.double().requires_grad_() for tensor in tensors]
    expected = by_hand(*leaves, mask)
    seeds = [torch.randn_like(y) for y in expected]
    wanted = torch.autograd.grad(expected, leaves, seeds)
    order = Order(return_sequences=True, go_backwards=False, zero_output_for_mask=True)
    x, kernel, bias, *starts = tensors
    dy, *slopes = (seed.float() for seed in seeds)
    with runtime.backend_scope("interpret"), cases.poisoned():
        y, lasts, saved = forward(x, kernel, bias, starts, mask, None, CELL, order, saving=True)
        dx, du, dstarts = backward(saved, kernel, mask, None, dy, slopes, (True, True), CELL, order)
    close = {"rtol": 1e-5, "atol": 1e-5}
    for ours, theirs in zip((y, *lasts, dx, *dstarts), (*expected, wanted[0], *wanted[3:]), strict=True):
        torch.testing.assert_close(ours.double(), theirs.detach(), **close)
    flat = du.flatten(0, 1)
    torch.testing.assert_close(saved.before[0].flatten(0, 1).t() @ flat, wanted[1].float(), **close)
    torch.testing.assert_close(flat.sum(0), wanted[2].float(), **close)
