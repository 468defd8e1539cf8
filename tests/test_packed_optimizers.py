"""Small variables side by side in memory: the same updates, and variables that stay what they were to users."""

from __future__ import annotations

import copy
import io
import pickle
from typing import Any

import pytest
import torch

import tkeras
from tkeras import layers, optimizers
from tkeras.graph import Variable
from tkeras.optimizers import _packed
from tkeras.training._compiled import FIT, Compiled

SHAPES = [(7, 3), (3,), (1,), (2, 3, 5), (0,), (17,)]
RULES = {
    "rmsprop": lambda **o: optimizers.RMSprop(0.01, **o),
    "rmsprop centered": lambda **o: optimizers.RMSprop(0.01, centered=True, momentum=0.5, **o),
    "rmsprop without memory": lambda **o: optimizers.RMSprop(0.01, rho=1.0, **o),
    "sgd": lambda **o: optimizers.SGD(0.01, **o),
    "sgd nesterov": lambda **o: optimizers.SGD(0.01, momentum=0.9, nesterov=True, **o),
    "adagrad": lambda **o: optimizers.Adagrad(0.01, **o),
    "adadelta": lambda **o: optimizers.Adadelta(0.01, **o),
    "ftrl": lambda **o: optimizers.Ftrl(0.01, **o),
    "adamax": lambda **o: optimizers.Adamax(0.01, **o),
    "nadam": lambda **o: optimizers.Nadam(0.01, **o),
    "lion": lambda **o: optimizers.Lion(0.01, **o),
}  # fmt: skip
OPTIONS: list[dict[str, Any]] = [
    {},
    {"weight_decay": 0.1, "global_clipnorm": 0.5},
    {"clipvalue": 0.1, "use_ema": True, "ema_overwrite_frequency": 2},
    {"gradient_accumulation_steps": 2, "loss_scale_factor": 4.0},
]


def trained(optimizer: Any, steps: int = 4) -> tuple[list[Variable], Any]:
    """Variables after some steps from the same start."""
    generator = torch.Generator().manual_seed(5)
    variables = [Variable(torch.randn(shape, generator=generator)) for shape in SHAPES]
    for _ in range(steps):
        optimizer.apply([torch.randn(shape, generator=generator) for shape in SHAPES], variables)
    return variables, optimizer._last.packed


@pytest.mark.parametrize("options", OPTIONS, ids=lambda options: next(iter(options), "plain"))
@pytest.mark.parametrize("name", RULES)
def test_the_same_as_one_by_one(name: str, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    optimizer = RULES[name](**options)
    ours, packed = trained(optimizer)
    assert packed is not None
    monkeypatch.setattr(_packed, "LIMIT", -1)
    other = RULES[name](**options)
    theirs, none = trained(other)
    assert none is None
    state = zip([*ours, *optimizer.variables], [*theirs, *other.variables], strict=True)
    for a, b in state:
        torch.testing.assert_close(a, b, rtol=2e-6, atol=1e-7)


def test_the_fused_rule_is_no_less_exact() -> None:
    generator = torch.Generator().manual_seed(1)
    starts = [torch.randn(100, generator=generator) for _ in range(2)]
    gradients = [
        [torch.randn(100, generator=generator) * 10.0**power for _ in starts] for power in range(-8, 3)
    ]
    rho, epsilon, rate = 0.9, 1e-7, 0.01
    variables = [Variable(start) for start in starts]
    optimizer = optimizers.RMSprop(rate, rho=rho)
    exact = [[start.double(), torch.zeros(100).double()] for start in starts]
    plain = [[start.clone(), torch.zeros(100)] for start in starts]
    for step in gradients:
        optimizer.apply(step, variables)
        for states in (exact, plain):
            for state, gradient in zip(states, step, strict=True):
                g = gradient.to(state[0].dtype)
                state[1] = rho * state[1] + (1 - rho) * g * g
                state[0] = state[0] - rate * g / torch.sqrt(state[1] + epsilon)
    assert optimizer._last is not None
    assert optimizer._last.packed is not None
    for variable, good, usual in zip(variables, exact, plain, strict=True):
        error, allowed = (variable - good[0]).abs().max(), (usual[0] - good[0]).abs().max()
        assert error <= 2 * allowed + 1e-7


def test_variables_stay_variables() -> None:
    optimizer = optimizers.RMSprop(0.01)
    variables, packed = trained(optimizer)
    assert packed is not None
    assert all(type(variable) is Variable and variable.is_leaf for variable in variables)
    assert len({variable.untyped_storage().data_ptr() for variable in variables}) == 1
    twin = copy.deepcopy(variables[0])
    assert twin.untyped_storage().nbytes() == twin.nbytes
    own, whole = len(pickle.dumps(Variable(torch.zeros(7, 3)))), variables[0].untyped_storage().nbytes()
    assert len(pickle.dumps(variables[0])) < own + whole // 4
    assert torch.equal(pickle.loads(pickle.dumps(variables[0])), variables[0])
    file = io.BytesIO()
    torch.save({"w": variables[0].detach()}, file)
    file.seek(0)
    assert torch.equal(torch.load(file)["w"], variables[0])
    before = [variable.detach().clone() for variable in variables]
    variables[1].assign(torch.ones(3))
    assert torch.equal(variables[1], torch.ones(3))
    for index in (0, 2, 3, 5):
        assert torch.equal(variables[index], before[index])
    optimizer.apply([torch.zeros(shape) for shape in SHAPES], variables)
    assert torch.equal(variables[1], torch.ones(3))


def test_memory_that_is_replaced_is_followed() -> None:
    optimizer, other = optimizers.SGD(0.5), optimizers.SGD(0.5)
    variables, packed = trained(optimizer, 1)
    assert packed is not None
    variables[0].data = torch.zeros(7, 3)
    optimizer.apply([torch.ones(shape) for shape in SHAPES], variables)
    assert torch.equal(variables[0], torch.full((7, 3), -0.5))
    before = [variable.detach().clone() for variable in variables]
    other.apply([torch.ones(shape) for shape in SHAPES], variables)  # puts them side by side again
    assert other._last is not None
    assert other._last.packed is not None
    optimizer.apply([torch.ones(shape) for shape in SHAPES], variables)
    for variable, old in zip(variables, before, strict=True):
        assert torch.equal(variable, old - 1.0)


def test_shared_memory_is_left_where_it_is() -> None:
    whole = torch.zeros(6)
    first, second = Variable(torch.zeros(3)), Variable(torch.zeros(3))
    first.data, second.data = whole[:3], whole[3:]
    optimizer = optimizers.SGD(1.0)
    optimizer.apply([torch.ones(3), torch.ones(3)], [first, second])
    assert torch.equal(whole, -torch.ones(6))


def test_autograd_sees_the_change() -> None:
    variables = [Variable(torch.ones(2, 2)), Variable(torch.ones(2))]
    optimizer = optimizers.SGD(0.1)
    optimizer.apply([torch.ones(2, 2), torch.ones(2)], variables)
    loss = (variables[0] @ variables[0] @ variables[1]).sum()
    optimizer.apply([torch.ones(2, 2), torch.ones(2)], variables)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_programs_write_gradients_where_the_update_reads_them() -> None:
    def model() -> Any:
        tkeras.utils.set_random_seed(2)
        made = tkeras.Sequential([tkeras.Input((5,)), layers.Dense(7, "relu"), layers.Dense(3)])
        made.compile(optimizers.RMSprop(0.01), "mse")
        return made

    batch = torch.rand(4, 5), torch.rand(4, 3)
    ours, theirs = model(), model()
    compiled = Compiled(ours, FIT, [batch])  # which is a step already
    packed = ours.optimizer._last.packed
    assert packed is not None
    assert len(compiled.schedule._homes) == 4
    theirs._learn(batch)
    for _ in range(3):
        for gradient in packed.gradients:
            gradient.fill_(torch.nan)
        compiled([batch])
        theirs._learn(batch)
    for a, b in zip(
        [*ours.variables, *ours.optimizer.variables],
        [*theirs.variables, *theirs.optimizer.variables],
        strict=True,
    ):
        torch.testing.assert_close(a, b, rtol=1e-6, atol=1e-7)
    ours.optimizer.clipvalue = 0.0  # an option that is set later counts in the next step
    before = [variable.detach().clone() for variable in ours.trainable_variables]
    compiled([batch])
    assert any(not torch.equal(a, b) for a, b in zip(ours.trainable_variables, before, strict=True))
    ours.optimizer.clipvalue = 1e-30
    before = [variable.detach().clone() for variable in ours.trainable_variables]
    compiled([batch])
    for variable, old in zip(ours.trainable_variables, before, strict=True):
        torch.testing.assert_close(variable.detach(), old, rtol=0, atol=1e-12)
