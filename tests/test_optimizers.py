"""Arguments, state, custom rules and errors of the optimizers; their updates are compared in tests/differential."""

from __future__ import annotations

import copy
import pickle
import warnings
from typing import Any

import numpy as np
import pytest
import torch

from tkeras import optimizers
from tkeras.graph import Variable
from tkeras.optimizers._group import Group

BUILT_IN = [
    "Adadelta",
    "Adafactor",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Ftrl",
    "Lamb",
    "Lion",
    "Muon",
    "Nadam",
    "RMSprop",
    "SGD",
    "ScheduleFreeAdamW",
]


def some(*shapes: tuple[int, ...]) -> tuple[list[Variable], list[torch.Tensor]]:
    """Variables of ones and gradients of ones."""
    variables = [Variable(torch.ones(shape), name=f"v{index}") for index, shape in enumerate(shapes)]
    return variables, [torch.ones(shape) for shape in shapes]


@pytest.mark.parametrize("name", [*BUILT_IN, *map(str.lower, BUILT_IN), "RMSProp"])
def test_names(name: str) -> None:
    assert type(optimizers.get(name)).__name__.lower() == name.lower()


def test_identifiers() -> None:
    assert optimizers.get(None) is None
    own = optimizers.Adam()
    assert optimizers.get(own) is own
    assert isinstance(optimizers.get(optimizers.SGD), optimizers.SGD)
    assert optimizers.get({"class_name": "sgd", "config": {"momentum": 0.5}}).momentum == 0.5
    assert optimizers.get({"class_name": "SGD", "config": {"momentum": 0.5}}).momentum == 0.5
    with pytest.raises(ValueError, match=r"Could not interpret optimizer identifier: adamm.*adam"):
        optimizers.get("adamm")
    for wrong in (3, torch.optim.SGD([torch.zeros(1, requires_grad=True)])):
        with pytest.raises(ValueError, match="Could not interpret optimizer identifier"):
            optimizers.get(wrong)


@pytest.mark.parametrize("name", BUILT_IN)
def test_every_rule_descends(name: str) -> None:
    optimizer = getattr(optimizers, name)(learning_rate=20.0 if name == "Adadelta" else 0.05)
    target = torch.randn(4, 3)
    variable = Variable(torch.ones(4, 3))
    errors = []
    for _ in range(60):
        loss = (variable - target).square().sum()
        optimizer.apply([torch.autograd.grad(loss, variable)[0]], [variable])
        errors.append(float(loss.detach()))
    assert errors[-1] < 0.9 * errors[0]
    assert int(optimizer.iterations) == 60


@pytest.mark.parametrize("name", BUILT_IN)
def test_unknown_arguments_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"not recognized: \{'momentun'"):
        getattr(optimizers, name)(momentun=0.9)


def test_keras_2_spellings() -> None:
    assert float(optimizers.SGD(lr=0.5).learning_rate) == 0.5
    assert optimizers.Adam(epsilon=None).epsilon == 1e-7
    optimizer = optimizers.SGD(lr=1.0, decay=1.0)
    (variable,), gradients = some((1,))
    values = []
    for _ in range(3):
        optimizer.apply(gradients, [variable])
        values.append(float(variable.detach()))
    assert values == pytest.approx([0.0, -0.5, -0.5 - 1 / 3])
    assert optimizers.SGD.from_config(optimizer.get_config()).get_config()["decay"] == 1.0
    optimizer.lr = 0.25
    assert float(optimizer.lr * 4) == pytest.approx(0.25)


def test_learning_rate() -> None:
    optimizer = optimizers.SGD(0.1)
    assert optimizer.learning_rate.path.endswith("/learning_rate")
    optimizer.learning_rate = 0.2
    optimizer.learning_rate.assign(0.5 * optimizer.learning_rate)
    (variable,), gradients = some((2,))
    optimizer.apply(gradients, [variable])
    assert variable.tolist() == pytest.approx([0.9, 0.9])
    optimizer.learning_rate = lambda: 1.0
    optimizer.apply(gradients, [variable])
    assert variable.tolist() == pytest.approx([-0.1, -0.1])
    assert len(optimizer.variables) == 1
    scheduled = optimizers.SGD(optimizers.schedules.ExponentialDecay(1.0, 1, 0.5))
    with pytest.raises(TypeError, match="its learning rate is not settable"):
        scheduled.learning_rate = 0.1
    for wrong in ("fast", None, [0.1]):
        with pytest.raises(ValueError, match="Argument `learning_rate` should be float"):
            optimizers.SGD(wrong)


def test_own_schedule() -> None:
    class Halves(optimizers.schedules.LearningRateSchedule):
        def __call__(self, step: Any) -> torch.Tensor:
            return torch.as_tensor(0.5) ** step.float()

    optimizer = optimizers.SGD(Halves())
    (variable,), gradients = some((1,))
    for _ in range(3):
        optimizer.apply(gradients, [variable])
    assert float(variable.detach()) == pytest.approx(1 - 1.75)
    with pytest.raises(NotImplementedError, match="must override `get_config"):
        optimizer.get_config()


def test_own_rule() -> None:
    class Momentum(optimizers.Optimizer):
        def build(self, variables: Any) -> None:
            if self.built:
                return
            super().build(variables)
            self.momenta = self.add_optimizer_variables(variables, "momentum")

        def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
            momentum = self.momenta[self._get_variable_index(variable)]
            self.assign(momentum, momentum * 0.9 + gradient)
            self.assign_sub(variable, momentum * learning_rate)

    own, known = Momentum(0.1), optimizers.SGD(0.1, momentum=0.9)
    results = []
    for optimizer in (own, known):
        variables, gradients = some((3,), (2, 2))
        for _ in range(4):
            optimizer.apply_gradients(zip(gradients, variables, strict=True))
        results.append(variables)
    for a, b in zip(*results, strict=True):
        assert torch.allclose(a, b)
    assert [v.path.split("/")[-1] for v in own.variables[2:]] == ["v0_momentum", "v1_momentum"]
    with pytest.raises(NotImplementedError, match="must define `update_step`"):
        optimizers.Optimizer(0.1).apply(*reversed(some((1,))))


def test_own_rule_upon_a_built_in_one() -> None:
    class Logged(optimizers.Adam):
        seen = 0

        def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
            self.seen += 1
            super().update_step(gradient, variable, learning_rate)

    results = []
    for optimizer in (Logged(0.1), optimizers.Adam(0.1)):
        variables, gradients = some((3,), (2, 2))
        for _ in range(3):
            optimizer.apply(gradients, variables)
        results.append(variables)
    assert all(torch.allclose(a, b) for a, b in zip(*results, strict=True))


def test_missing_gradients() -> None:
    optimizer = optimizers.SGD(1.0)
    (first, second), gradients = some((1,), (1,))
    with pytest.warns(UserWarning, match=r"Gradients do not exist for variables \['v1'\]"):
        optimizer.apply([gradients[0], None], [first, second])
    assert (float(first.detach()), float(second.detach())) == (0.0, 1.0)
    optimizer.apply(gradients, [first, second])
    assert (float(first.detach()), float(second.detach())) == (-1.0, 0.0)
    with pytest.raises(ValueError, match="No gradients provided for any variable"):
        optimizer.apply([None, None], [first, second])


def test_variables_it_was_not_built_with() -> None:
    optimizer = optimizers.SGD()
    variables, gradients = some((1,))
    with pytest.raises(ValueError, match="must already be built"):
        optimizer.apply(gradients)
    optimizer.apply(gradients, variables)
    others, _ = some((1,))
    with pytest.raises(ValueError, match="Unknown variable"):
        optimizer.apply(gradients, others)
    with pytest.raises(ValueError, match="2 gradients for 1 variables"):
        optimizer.apply([*gradients, *gradients])


def test_options_are_checked() -> None:
    with pytest.raises(ValueError, match="Only one of `clipnorm`, `clipvalue`"):
        optimizers.SGD(clipnorm=1.0, clipvalue=1.0)
    with pytest.raises(ValueError, match="gradient_accumulation_steps=1"):
        optimizers.SGD(gradient_accumulation_steps=1)
    with pytest.raises(ValueError, match="ema_momentum=2"):
        optimizers.SGD(use_ema=True, ema_momentum=2.0)
    with pytest.raises(ValueError, match=r"ema_overwrite_frequency=0\.5"):
        optimizers.SGD(use_ema=True, ema_overwrite_frequency=0.5)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="momentum=2"):
        optimizers.SGD(momentum=2.0)
    with pytest.raises(ValueError, match="weight_decay"):
        optimizers.AdamW(weight_decay=None)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="degenerates to SignSGD"):
        optimizers.Lion(beta_1=0.0)
    with pytest.raises(ValueError, match="`learning_rate_power` needs to be negative"):
        optimizers.Ftrl(learning_rate_power=0.5)
    with pytest.raises(ValueError, match="decay_steps"):
        optimizers.schedules.CosineDecay(0.1, 0)
    with pytest.raises(ValueError, match="1 less than the length of values"):
        optimizers.schedules.PiecewiseConstantDecay([1], [0.1])


@pytest.mark.parametrize("name", ["SGD", "AdamW"])
def test_excluded_from_weight_decay(name: str) -> None:
    optimizer = getattr(optimizers, name)(learning_rate=0.5, weight_decay=0.5)
    variables, gradients = some((1,), (1,), (1,))
    variables[1].name = "bias"
    optimizer.exclude_from_weight_decay(var_list=[variables[0]], var_names=["bias"])
    optimizer.apply([gradient * 0 for gradient in gradients], variables)
    assert [float(variable.detach()) for variable in variables] == [1.0, 1.0, 0.75]


def test_gradients_are_left_as_they_are() -> None:
    for name in BUILT_IN:
        for options in (
            {},
            {"clipnorm": 0.1},
            {"loss_scale_factor": 2.0},
            {"gradient_accumulation_steps": 2},
        ):
            optimizer = getattr(optimizers, name)(**options)
            variables, gradients = some((3, 2), (2,))
            for _ in range(2):
                optimizer.apply(gradients, variables)
            assert all(bool((gradient == 1).all()) for gradient in gradients), (name, options)


def test_strides_do_not_matter() -> None:
    for name in BUILT_IN:
        results = []
        for layout in (torch.Tensor.contiguous, lambda x: x.T.contiguous().T):
            variable = Variable(torch.arange(12.0).reshape(3, 4))
            optimizer = getattr(optimizers, name)()
            optimizer.apply([layout(torch.arange(12.0).reshape(3, 4).sin())], [variable])
            results.append(variable)
        assert torch.allclose(*results, atol=1e-6), name


def test_mixed_dtypes() -> None:
    variables = [Variable(torch.ones(3)), Variable(torch.ones(3, dtype=torch.float64))]
    for name in ("SGD", "Adam", "RMSprop"):
        getattr(optimizers, name)(0.1).apply([torch.ones(3), torch.ones(3).double()], variables)
    assert torch.allclose(variables[0].double(), variables[1], atol=1e-6)


@pytest.mark.parametrize("move", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_copies_go_on(move: Any) -> None:
    optimizer = optimizers.Adam(0.1)
    variables, gradients = some((3,), (2,))
    optimizer.apply(gradients, variables)
    again, others = move((optimizer, variables))
    for _ in range(2):
        optimizer.apply(gradients, variables)
        again.apply(gradients, others)
    assert all(torch.equal(a, b) for a, b in zip(variables, others, strict=True))
    assert int(again.iterations) == int(optimizer.iterations) == 3


def test_state_in_and_out() -> None:
    variables, gradients = some((3,), (2,))
    optimizer = optimizers.Adam(0.1)
    with pytest.raises(ValueError, match="has not yet been built"):
        optimizer.set_weights([])
    optimizer.apply(gradients, variables)
    fresh = optimizers.Adam(0.1)
    fresh.build(variables)
    fresh.set_weights(optimizer.get_weights())
    assert all(
        np.array_equal(a, b) for a, b in zip(fresh.get_weights(), optimizer.get_weights(), strict=True)
    )
    with pytest.warns(UserWarning, match="Skipping variable loading for optimizer"):
        fresh.load_own_variables({"0": np.zeros(())})
    with pytest.raises(ValueError, match=r"Expected 6 arrays\. Received: 1"):
        fresh.set_weights([np.zeros(())])


def test_stateless_apply() -> None:
    variables, gradients = some((3,))
    optimizer = optimizers.SGD(0.5, momentum=0.9)
    optimizer.build(variables)
    after, state = optimizer.stateless_apply(optimizer.variables, gradients, variables)
    assert after[0].tolist() == [0.5] * 3
    assert int(state[0]) == 1
    assert variables[0].tolist() == [1.0] * 3
    assert int(optimizer.iterations) == 0


def test_accumulation_counts_updates() -> None:
    optimizer = optimizers.SGD(1.0, gradient_accumulation_steps=3)
    (variable,), gradients = some((1,))
    seen = []
    for factor in (1, 2, 3, 4, 5, 6):
        optimizer.apply([gradients[0] * factor], [variable])
        seen.append((float(variable.detach()), int(optimizer.iterations)))
    assert seen == [(1, 0), (1, 0), (-1, 1), (-1, 1), (-1, 1), (-6, 2)]


def test_averages() -> None:
    optimizer = optimizers.SGD(1.0, use_ema=True, ema_momentum=0.5)
    (variable,), gradients = some((1,))
    for _ in range(3):
        optimizer.apply(gradients, [variable])
    assert float(variable.detach()) == -2.0
    optimizer.finalize_variable_values([variable])
    assert float(variable.detach()) == -1.25
    with pytest.raises(ValueError, match=r"\(2\) to override does not match"):
        optimizer.finalize_variable_values([variable, variable])


def test_loss_scale_is_an_optimizer_around_one() -> None:
    with pytest.raises(ValueError, match=r"as `inner_optimizer`\. Received: sgd"):
        optimizers.LossScaleOptimizer("sgd")  # type: ignore[arg-type]
    outer = optimizers.LossScaleOptimizer(optimizers.SGD(0.25))
    assert outer.learning_rate is outer.inner_optimizer.learning_rate
    outer.learning_rate = 0.5
    assert float(outer.inner_optimizer.learning_rate) == 0.5
    assert float(outer.scale_loss(torch.tensor(1.0))) == 2.0**15


def test_optimizer_map() -> None:
    chosen = optimizers.OptimizerMap(
        optimizers.SGD(), {"head/.*": optimizers.Adam(), ".*/bias": optimizers.Lion()}
    )
    assert isinstance(chosen["head/kernel"], optimizers.Adam)
    assert isinstance(chosen["body/kernel"], optimizers.SGD)
    with pytest.raises(ValueError, match="Multiple optimizers assigned to variable head/bias"):
        chosen["head/bias"]
    with pytest.raises(ValueError, match="already exists"):
        chosen["head/.*"] = optimizers.SGD()
    with pytest.raises(ValueError, match="other than LossScaleOptimizer"):
        optimizers.OptimizerMap(optimizers.LossScaleOptimizer(optimizers.SGD()))
    again = optimizers.MultiOptimizer.from_config(optimizers.MultiOptimizer(chosen).get_config())
    assert len(again.optimizers) == 3
    with pytest.raises(AttributeError, match="Use those of its `optimizers`"):
        _ = again.learning_rate


def test_schedule_free_against_the_paper() -> None:
    """Defazio 2024, equations 6 to 8, with AdamW's scale."""
    random = np.random.default_rng(0)
    start = random.normal(size=5)
    variable = Variable(torch.tensor(start))
    optimizer = optimizers.ScheduleFreeAdamW(0.1)
    fast, mean, second = start.copy(), start.copy(), np.zeros(5)
    for step in range(1, 8):
        gradient = random.normal(size=5)
        optimizer.apply([torch.tensor(gradient)], [variable])
        second = 0.999 * second + 0.001 * gradient**2
        fast = fast - 0.1 * gradient / (np.sqrt(second / (1 - 0.999**step)) + 1e-8)
        mean = (1 - 1 / step) * mean + fast / step
        assert np.allclose(variable.numpy(), 0.1 * fast + 0.9 * mean, atol=1e-7)


def test_nothing_is_tracked_by_autograd() -> None:
    for name in BUILT_IN:
        optimizer = getattr(optimizers, name)(use_ema=True)
        variables, gradients = some((3, 2), (2,))
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            optimizer.apply([gradient.requires_grad_() * 1 for gradient in gradients], variables)
        assert all(variable.grad_fn is None for variable in [*variables, *optimizer.variables])
        assert all(variable.requires_grad for variable in variables)
        assert not any(variable.requires_grad for variable in optimizer.variables)


@pytest.mark.parametrize("name", BUILT_IN)
@pytest.mark.parametrize("options", [{}, {"weight_decay": 0.1, "clipnorm": 0.5, "use_ema": True}])
def test_rates_on_the_device(name: str, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """With rate and step count as tensors, as on a GPU, updates are the same as with Python numbers."""
    rates = {"learning_rate": optimizers.schedules.CosineDecay(0.1, 9, warmup_target=0.2, warmup_steps=2)}
    results, made = [], Group.__init__

    def on_device(self: Group, *args: Any) -> None:
        made(self, *args)
        self.on_cpu = False

    for init in (made, on_device):
        monkeypatch.setattr(Group, "__init__", init)
        variables, gradients = some((3, 4), (4,))
        optimizer = getattr(optimizers, name)(**rates, **options)
        for step in range(5):
            optimizer.apply([gradient * (step - 1.5) for gradient in gradients], variables)
        assert optimizer._last is not None
        assert isinstance(optimizer._rate(optimizer._last), torch.Tensor) is (init is on_device)
        results.append([*variables, *optimizer.variables])
    for a, b in zip(*results, strict=True):
        assert torch.allclose(a, b, atol=1e-6), a.path


def test_gradients_may_be_arrays() -> None:
    variable = Variable([1.0, 2.0])
    optimizers.SGD(0.5).apply([np.ones(2, "float32")], [variable])
    assert variable.numpy().tolist() == [0.5, 1.5]


def test_options_by_position_come_in_the_order_of_keras() -> None:
    adam = optimizers.Adam(0.1, 0.8, 0.9, 1e-6, True, 0.01, 1.0)
    assert (adam.amsgrad, adam.weight_decay, adam.clipnorm) == (True, 0.01, 1.0)
    with pytest.raises(TypeError, match="multiple values"):
        optimizers.SGD(0.1, learning_rate=0.2)
    with pytest.raises(TypeError, match="too many"):
        optimizers.SGD(*range(20))
