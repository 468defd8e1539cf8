"""Several updates, state and configurations of the optimizers against real Keras."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import torch

from tests.differential.carry import assert_close
from tkeras import optimizers
from tkeras.graph import Variable

IN_FLOAT64 = 4.0  # Keras rounds rates, constants and clipping factors to float32
SHAPES = [(7, 5), (5,), (3, 4, 2), ()]
RULES: list[tuple[str, dict[str, Any]]] = [
    ("SGD", {}),
    ("SGD", {"momentum": 0.9}),
    ("SGD", {"momentum": 0.9, "nesterov": True}),
    ("RMSprop", {}),
    ("RMSprop", {"momentum": 0.9, "centered": True, "rho": 0.8}),
    ("Adagrad", {"initial_accumulator_value": 0.2}),
    ("Adadelta", {"learning_rate": 0.5}),
    ("Adam", {}),
    ("Adam", {"amsgrad": True, "beta_1": 0.8, "beta_2": 0.9}),
    ("AdamW", {}),
    ("Adamax", {}),
    ("Nadam", {}),
    ("Lamb", {}),
    ("Lion", {}),
    ("Ftrl", {}),
    (
        "Ftrl",
        {
            "learning_rate": 0.1,
            "l1_regularization_strength": 0.01,
            "l2_regularization_strength": 0.1,
            "l2_shrinkage_regularization_strength": 0.05,
            "beta": 0.1,
        },
    ),
    ("Adafactor", {}),
    ("Adafactor", {"learning_rate": 0.5, "clip_threshold": 0.5}),
    ("Muon", {}),
    ("Muon", {"nesterov": False, "rms_rate": None, "exclude_layers": ["v0"]}),
]
OPTIONS: list[dict[str, Any]] = [
    {"clipnorm": 0.5},
    {"clipvalue": 0.3},
    {"global_clipnorm": 0.7},
    {"weight_decay": 0.1},
    {"use_ema": True, "ema_momentum": 0.8},
    {"use_ema": True, "ema_momentum": 0.8, "ema_overwrite_frequency": 3},
    {"gradient_accumulation_steps": 3},
    {"gradient_accumulation_steps": 2, "use_ema": True, "clipnorm": 1.0},
    {"loss_scale_factor": 4.0},
]
SCHEDULES: list[tuple[str, tuple[Any, ...]]] = [
    ("ExponentialDecay", (0.1, 3, 0.5)),
    ("ExponentialDecay", (0.1, 3, 0.5, True)),
    ("InverseTimeDecay", (0.1, 3, 0.5)),
    ("InverseTimeDecay", (0.1, 3, 0.5, True)),
    ("PiecewiseConstantDecay", ([2, 5], [0.1, 0.01, 0.001])),
    ("PolynomialDecay", (0.1, 4)),
    ("PolynomialDecay", (0.1, 4, 0.01, 2.0, True)),
    ("CosineDecay", (0.1, 5, 0.1)),
    ("CosineDecay", (0.01, 5, 0.1, "rise", 0.1, 3)),
    ("CosineDecayRestarts", (0.1, 3)),
    ("CosineDecayRestarts", (0.1, 3, 1.0, 0.9, 0.1)),
]


def train(ours: Any, real: Any, dtype: str, steps: int = 7) -> tuple[list[Any], list[Any]]:
    """The variables of both after the same updates, and both optimizers' states compared."""
    random = np.random.default_rng(0)
    start = [random.normal(size=shape).astype(dtype) for shape in SHAPES]
    mine = [Variable(torch.tensor(value), name=f"v{i}") for i, value in enumerate(start)]
    theirs = [keras.Variable(value, name=f"v{i}", dtype=dtype) for i, value in enumerate(start)]
    for _ in range(steps):
        gradients = [random.normal(size=shape).astype(dtype) for shape in SHAPES]
        ours.apply([torch.tensor(gradient) for gradient in gradients], mine)
        real.apply([torch.tensor(gradient) for gradient in gradients], theirs)
    return mine, theirs


def compare(ours: Any, real: Any, mine: list[Any], theirs: list[Any], ulps: float) -> None:
    for a, b in [*zip(mine, theirs, strict=True), *zip(ours.variables, real.variables, strict=True)]:
        assert_close(a.numpy(), b.numpy(), a.path, ulps)
        assert a.numpy().dtype == b.numpy().dtype, a.path


def made(module: Any, name: str, arguments: dict[str, Any]) -> Any:
    return getattr(module, name)(name="mine", **arguments)


@pytest.mark.parametrize(("name", "arguments"), RULES)
def test_updates_and_state_in_float64(name: str, arguments: Any) -> None:
    """In double precision, where little rounding hides a different formula."""
    ours, real = made(optimizers, name, arguments), made(keras.optimizers, name, arguments)
    compare(ours, real, *train(ours, real, "float64"), ulps=IN_FLOAT64)


@pytest.mark.parametrize(("name", "arguments"), RULES)
def test_updates_and_state_in_float32(name: str, arguments: Any) -> None:
    ours, real = made(optimizers, name, arguments), made(keras.optimizers, name, arguments)
    compare(ours, real, *train(ours, real, "float32"), ulps=64)
    places = [[variable.path for variable in optimizer.variables] for optimizer in (ours, real)]
    if name not in ("Nadam", "Adafactor"):  # where Keras makes variables outside of its own scope
        assert places[0] == places[1]


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("name", ["SGD", "RMSprop", "Adam", "Lion"])
def test_options(name: str, options: Any) -> None:
    arguments = {"learning_rate": 0.05, **options}
    ours, real = made(optimizers, name, arguments), made(keras.optimizers, name, arguments)
    mine, theirs = train(ours, real, "float64")
    compare(ours, real, mine, theirs, ulps=IN_FLOAT64)
    ours.finalize_variable_values(mine)
    real.finalize_variable_values(theirs)
    compare(ours, real, mine, theirs, ulps=IN_FLOAT64)


@pytest.mark.parametrize(("name", "arguments"), RULES)
def test_configurations(name: str, arguments: Any) -> None:
    ours = made(optimizers, name, {**arguments, "clipnorm": 2.0})
    real = made(keras.optimizers, name, {**arguments, "clipnorm": 2.0})
    assert ours.get_config() == real.get_config()
    assert optimizers.deserialize(keras.optimizers.serialize(real)).get_config() == ours.get_config()
    back = keras.saving.deserialize_keras_object(optimizers.serialize(ours))
    assert isinstance(back, type(real))
    assert back.get_config() == real.get_config()


@pytest.mark.parametrize(("name", "arguments"), RULES)
def test_state_moves_over(name: str, arguments: Any) -> None:
    """What Keras has after some updates goes on here as it does there."""
    ours, real = made(optimizers, name, arguments), made(keras.optimizers, name, arguments)
    first, theirs = train(made(optimizers, name, arguments), real, "float64", steps=3)
    ours.build(first)
    store: dict[str, Any] = {}
    real.save_own_variables(store)
    ours.load_own_variables(store)
    for a, b in zip(first, theirs, strict=True):
        a.assign(b.numpy())
    random = np.random.default_rng(1)
    for _ in range(3):
        gradients = [random.normal(size=shape) for shape in SHAPES]
        ours.apply([torch.tensor(gradient) for gradient in gradients], first)
        real.apply([torch.tensor(gradient) for gradient in gradients], theirs)
    compare(ours, real, first, theirs, ulps=IN_FLOAT64)


@pytest.mark.parametrize(("name", "arguments"), SCHEDULES)
def test_schedules(name: str, arguments: Any) -> None:
    ours = getattr(optimizers.schedules, name)(*arguments)
    real = getattr(keras.optimizers.schedules, name)(*arguments)
    wanted = [float(real(step)) for step in range(14)]
    assert_close([float(ours(step)) for step in range(14)], wanted, name)
    assert_close([float(ours(torch.tensor(step))) for step in range(14)], wanted, name)
    assert optimizers.schedules.serialize(ours) == keras.optimizers.schedules.serialize(real)
    again = optimizers.schedules.deserialize(keras.optimizers.schedules.serialize(real))
    assert again.get_config() == ours.get_config()
    mine, theirs = train(optimizers.SGD(ours), keras.optimizers.SGD(real), "float32")
    for a, b in zip(mine, theirs, strict=True):
        assert_close(a.numpy(), b.numpy(), name)


def test_schedule_inside_a_configuration() -> None:
    ours = optimizers.Adam(optimizers.schedules.CosineDecay(0.1, 5), name="mine")
    real = keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(0.1, 5), name="mine")
    assert ours.get_config() == real.get_config()
    assert optimizers.deserialize(keras.optimizers.serialize(real)).get_config() == ours.get_config()


def test_loss_scale() -> None:
    ours = optimizers.LossScaleOptimizer(optimizers.SGD(0.1, momentum=0.9), dynamic_growth_steps=3)
    real = keras.optimizers.LossScaleOptimizer(
        keras.optimizers.SGD(0.1, momentum=0.9), dynamic_growth_steps=3
    )
    compare(ours, real, *train(ours, real, "float32"), ulps=8)
    assert float(ours.scale_loss(torch.tensor(2.0))) == float(real.scale_loss(torch.tensor(2.0)))
    again = optimizers.deserialize(keras.optimizers.serialize(real))
    assert again.inner_optimizer.momentum == 0.9


def test_loss_scale_leaves_out_infinite_gradients() -> None:
    results = []
    for module, make in ((optimizers, Variable), (keras.optimizers, keras.Variable)):
        optimizer = module.LossScaleOptimizer(module.SGD(0.1), initial_scale=8.0)
        variable = make(np.ones(3, "float32"))
        for gradient in (np.inf, 1.0, np.nan):
            optimizer.apply([torch.full((3,), gradient)], [variable])
        results.append((variable.numpy(), optimizer.dynamic_scale.numpy(), optimizer.iterations.numpy()))
    for a, b in zip(*results, strict=True):
        assert_close(a, b, "after infinite gradients", ulps=4)


def test_constraints_follow_updates() -> None:
    results = []
    for module, make, constraint in (
        (optimizers, Variable, torch.relu),
        (keras.optimizers, keras.Variable, keras.constraints.NonNeg()),
    ):
        variable = make(np.linspace(-1, 1, 5, dtype="float32"))
        variable.constraint = constraint
        module.SGD(0.5).apply([torch.ones(5)], [variable])
        results.append(variable.numpy())
    assert_close(*results, "constrained")


def test_several_optimizers() -> None:
    results = []
    for module, make in ((optimizers, Variable), (keras.optimizers, keras.Variable)):
        variables = [make(np.ones(3), name=name, dtype="float64") for name in ("kernel", "bias")]
        chosen = module.OptimizerMap(module.SGD(0.1), {".*bias": module.Adam(0.5)})
        optimizer = module.MultiOptimizer(chosen)
        for _ in range(3):
            optimizer.apply([torch.ones(3).double(), torch.ones(3).double()], variables)
        results.append(np.stack([variable.numpy() for variable in variables]))
        assert len(optimizer.variables) == 8
    assert_close(*results, "several optimizers", IN_FLOAT64)


@pytest.mark.parametrize("name", sorted(keras.src.optimizers.ALL_OBJECTS_DICT))
def test_every_name_of_keras_is_known(name: str) -> None:
    real = keras.src.optimizers.ALL_OBJECTS_DICT[name]
    assert hasattr(optimizers, real.__name__)
