"""Large variables are updated block by block, as if at once."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from tkeras import optimizers
from tkeras.graph import Variable
from tkeras.optimizers import _blocks
from tkeras.optimizers._blocks import in_order

SHAPES = [(7, 5), (3,), (11, 2, 2), (6, 6)]
MADE: dict[str, dict[str, Any]] = {
    "RMSprop": {},
    "RMSprop, centered": {"momentum": 0.9, "centered": True},
    "SGD": {"momentum": 0.9, "nesterov": True},
    "Adagrad": {},
    "Adadelta": {},
    "Adamax": {},
    "Ftrl": {},
    "Lion": {"weight_decay": 0.1},
    "Nadam": {},
}


def trained(name: str, block: int | None, monkeypatch: pytest.MonkeyPatch) -> tuple[Any, list[torch.Tensor]]:
    monkeypatch.setattr(_blocks, "BLOCK", block or 1 << 40)
    generator = torch.Generator().manual_seed(3)
    variables = [Variable(torch.randn(shape, generator=generator)) for shape in SHAPES]
    optimizer = getattr(optimizers, name.split(",")[0])(0.1, **MADE[name])
    monkeypatch.setattr("tkeras.optimizers._packed.LIMIT", 0)
    optimizer.build(variables)
    for _ in range(3):
        gradients = [torch.randn(shape, generator=generator) for shape in SHAPES]
        gradients[3] = gradients[3].t()
        optimizer.apply(gradients, variables)
    return optimizer, [tensor.detach() for tensor in (*variables, *optimizer.variables)]


@pytest.mark.parametrize("name", MADE)
def test_blocks(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    _, whole = trained(name, None, monkeypatch)
    optimizer, parts = trained(name, 8, monkeypatch)
    assert (optimizer._last.blocks is None) is (name == "Nadam")
    torch.testing.assert_close(parts, whole, rtol=1e-5, atol=1e-6)


def test_every_element_once() -> None:
    variables = [Variable(torch.zeros(shape)) for shape in [(3 * _blocks.BLOCK + 5,), (4,)]]
    optimizer = optimizers.SGD(1.0)
    optimizer.build(variables)
    versions = [variable._version for variable in variables]
    optimizer.apply([torch.ones_like(variable) for variable in variables], variables)
    assert all((variable == -1).all() for variable in variables)
    assert all(v._version > before for v, before in zip(variables, versions, strict=True))


def test_transposed_gradients_are_laid_out_like_their_variables() -> None:
    for shape in ((3, 3, 17, 5), (1, 1, 129, 70), (4, 3), (2, 3, 3, 4, 6)):
        turned = torch.randn(shape[-1], *shape[:-1]).movedim(0, -1)
        assert not turned.is_contiguous()
        ours = in_order(turned)
        assert ours.is_contiguous()
        assert torch.equal(ours, turned)
    plain = torch.randn(3, 4)
    assert in_order(plain) is plain
    odd = torch.randn(4, 6)[:, ::2]
    assert in_order(odd).is_contiguous()
    assert torch.equal(in_order(odd), odd)
    sparse = torch.eye(3).to_sparse()
    assert in_order(sparse) is sparse
