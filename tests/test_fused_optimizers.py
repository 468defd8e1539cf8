"""Optimizers through the kernels: one launch a step, the numbers of the torch path, reasons where torch runs."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
import torch

from tkeras import optimizers
from tkeras.graph import Variable
from tkeras_kernels import runtime
from tkeras_kernels.operators import _multitensor_launch

pytestmark = pytest.mark.skipif(torch.cuda.is_available(), reason="this process compiles kernels")
SHAPES = [(7, 5), (5,), (3, 4, 2), ()]
FTRL = {
    "learning_rate": 0.1,
    "l1_regularization_strength": 0.01,
    "l2_regularization_strength": 0.1,
    "l2_shrinkage_regularization_strength": 0.05,
    "beta": 0.1,
    "learning_rate_power": -0.4,
}
RULES: list[tuple[str, dict[str, Any]]] = [
    ("SGD", {}),
    ("SGD", {"momentum": 0.9}),
    ("SGD", {"momentum": 0.9, "nesterov": True}),
    ("RMSprop", {}),
    ("RMSprop", {"momentum": 0.9, "centered": True, "rho": 0.8}),
    ("Adagrad", {}),
    ("Adadelta", {"learning_rate": 0.5}),
    ("Adam", {}),
    ("Adam", {"amsgrad": True, "beta_1": 0.8}),
    ("AdamW", {}),
    ("Adamax", {}),
    ("Nadam", {}),
    ("Lamb", {}),
    ("Lion", {}),
    ("Ftrl", {}),
    ("Ftrl", FTRL),
    ("ScheduleFreeAdamW", {"warmup_steps": 3}),
]
OPTIONS: list[dict[str, Any]] = [
    {"clipnorm": 0.5},
    {"clipvalue": 0.3},
    {"global_clipnorm": 0.7},
    {"weight_decay": 0.1},
    {"use_ema": True, "ema_momentum": 0.8},
    {"use_ema": True, "ema_momentum": 0.8, "ema_overwrite_frequency": 3},
    {"gradient_accumulation_steps": 3},
    {"loss_scale_factor": 4.0, "clipnorm": 0.5},
]
STEPS = 4


@pytest.fixture
def launches(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the kernels that the multitensor code launches."""
    names: list[str] = []
    launch = _multitensor_launch.launch

    def spy(kernel: Any, *arguments: Any, **options: Any) -> None:
        names.append(kernel.__name__)
        launch(kernel, *arguments, **options)

    monkeypatch.setattr(_multitensor_launch, "launch", spy)
    return names


def variables(dtype: torch.dtype) -> list[Variable]:
    return [Variable(torch.randn(shape).to(dtype), name=f"v{i}") for i, shape in enumerate(SHAPES)]


def train(optimizer: Any, backend: str, dtype: torch.dtype, steps: int = STEPS) -> list[torch.Tensor]:
    """Variables and state after a few steps with gradients that are the same for every dtype."""
    torch.manual_seed(1)
    trained = variables(dtype)
    with runtime.backend_scope(backend):
        for _ in range(steps):
            optimizer.apply([torch.randn(shape).to(dtype) for shape in SHAPES], trained)
    return [*trained, *(state for state in optimizer.variables if state.is_floating_point())]


def compare(name: str, arguments: dict[str, Any]) -> None:
    """At most twice the error of the torch path in float32, against the torch path in float64."""
    make = getattr(optimizers, name)
    runtime.reset_report()
    ours = train(make(**arguments), "interpret", torch.float32)
    assert {(r.operator, r.implementation) for r in runtime.report()} == {("update", "interpret")}
    exact = train(make(**arguments), "torch", torch.float64)
    plain = train(make(**arguments), "torch", torch.float32)
    wrong = [
        error
        for error in runtime.errors("value", ours, plain, exact)
        if error.ours > 2 * error.theirs + 16 * max(error.rounding, 1e-8)
    ]
    assert not wrong, wrong


@pytest.mark.parametrize(("name", "arguments"), RULES)
def test_every_rule(name: str, arguments: dict[str, Any], launches: list[str]) -> None:
    compare(name, arguments)
    each = ["multitensor", "join", "multitensor"] if name == "Lamb" else ["multitensor"]
    assert launches == each * STEPS


@pytest.mark.parametrize(
    ("name", "options"), [*(("RMSprop", o) for o in OPTIONS), ("Lamb", OPTIONS[-1]), ("Nadam", OPTIONS[6])]
)
def test_options(name: str, options: dict[str, Any]) -> None:
    compare(name, {"learning_rate": 0.05, **options})


def test_decay_passes_over_some_variables() -> None:
    results = []
    for backend in ("interpret", "torch"):
        optimizer = optimizers.AdamW(0.1, weight_decay=0.5)
        optimizer.exclude_from_weight_decay(var_names=["v1", "v3"])
        results.append(train(optimizer, backend, torch.float32))
    for a, b in zip(*results, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6)
    plain = train(optimizers.Adam(0.1), "torch", torch.float32)
    assert torch.allclose(plain[1], results[0][1], atol=1e-6)
    assert not torch.allclose(plain[0], results[0][0], atol=1e-3)


def test_changed_hyperparameters_and_rates_count_from_the_next_step() -> None:
    results = []
    for backend in ("interpret", "torch"):
        torch.manual_seed(3)
        optimizer, trained = optimizers.SGD(0.1, momentum=0.9), variables(torch.float32)
        with runtime.backend_scope(backend):
            for momentum, rate in ((0.9, 0.1), (0.5, 0.1), (0.5, 0.01)):
                optimizer.momentum, optimizer.learning_rate = momentum, rate
                optimizer.apply([torch.ones(shape) for shape in SHAPES], trained)
        results.append(trained)
    for a, b in zip(*results, strict=True):
        torch.testing.assert_close(a, b)


def both(optimizer: Any) -> Any:
    """The optimizer for some of the variables, another one for the others."""
    chosen = optimizers.OptimizerMap(optimizers.SGD(0.1, momentum=0.5), {".*[02]": optimizer})
    return optimizers.MultiOptimizer(chosen)


UNFUSED = {
    "Adafactor": lambda: optimizers.Adafactor(0.1),
    "Muon": lambda: optimizers.Muon(0.1),
    "several": lambda: both(optimizers.Adam(0.1)),
    "averages": lambda: optimizers.Adafactor(0.1, use_ema=True, clipnorm=1.0),
    "accumulated": lambda: optimizers.Adam(gradient_accumulation_steps=2),
}


@pytest.mark.parametrize("inner", ["Adam", "Nadam", *UNFUSED])
def test_loss_scaling_skips_what_is_not_finite_on_the_device(
    inner: str, launches: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The device is not asked whether the gradients are; one variable may have none."""
    results = []
    for backend in ("interpret", "torch"):
        torch.manual_seed(2)
        trained = variables(torch.float32)
        optimizer = optimizers.LossScaleOptimizer(
            UNFUSED[inner]() if inner in UNFUSED else getattr(optimizers, inner)(),
            initial_scale=8.0, dynamic_growth_steps=3,
        )  # fmt: skip
        optimizer.build(trained)
        with runtime.backend_scope(backend), warnings.catch_warnings(), monkeypatch.context() as patched:
            warnings.simplefilter("ignore", UserWarning)  # of the missing gradient
            if backend == "interpret":
                patched.setattr(torch.Tensor, "__bool__", None)
            for step in range(9):
                gradients: list[Any] = [8 * torch.randn(shape) for shape in SHAPES]
                if step in (2, 6):
                    gradients[1][2] = float("nan") if step == 2 else float("-inf")
                if step == 4:
                    gradients[0] = None
                optimizer.apply(gradients, trained)
        results.append([*trained, *optimizer.variables])
    assert optimizer.iterations == (3 if inner == "accumulated" else 7)
    assert float(optimizer.dynamic_scale) == 8 / 2 * 2 / 2
    assert inner in UNFUSED or launches.count("join") >= 9
    for a, b in zip(*results, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-6, atol=1e-6)


class Own(optimizers.Optimizer):
    """A formula of a user's own, with a state."""

    rule_states = ("trace",)

    @staticmethod
    def update_rule(p: Any, g: Any, lr: Any, step: Any, trace: Any) -> Any:
        trace = 0.9 * trace + torch.tanh(g) / torch.sqrt(step)
        return p - lr * trace, trace


class Branching(optimizers.Optimizer):
    """A formula with control flow on values."""

    @staticmethod
    def update_rule(p: Any, g: Any, lr: Any, step: Any) -> Any:
        return (p - lr * g if bool(step > 1) else p,)


def test_a_rule_of_ones_own_runs_as_one_kernel(launches: list[str]) -> None:
    options = {"learning_rate": 0.1, "weight_decay": 0.1, "clipvalue": 0.5, "use_ema": True}
    runtime.reset_report()
    found = [train(Own(**options), backend, torch.float32) for backend in ("interpret", "torch")]
    assert launches == ["multitensor"] * STEPS
    assert len(found[0]) == 4 + 1 + 2 * 4
    for a, b in zip(*found, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6)
    p, gradient = Variable(torch.ones(2), name="p"), torch.tensor([1.0, -2.0])
    Own(learning_rate=0.5).apply([gradient], [p])
    torch.testing.assert_close(p.data, 1 - 0.5 * torch.tanh(gradient))


class Signed(optimizers.Optimizer):
    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        self.assign_sub(variable, learning_rate * torch.sign(gradient))


@pytest.mark.parametrize(
    ("optimizer", "reason"),
    [
        (lambda: optimizers.Adafactor(), "sums over the rows and columns"),
        (lambda: optimizers.Muon(), "multiplies whole matrices"),
        (lambda: Signed(0.1), "its own update_step is torch code"),
        (lambda: Branching(0.1), "the rule is torch code: "),
    ],
    ids=["adafactor", "muon", "own", "branching"],
)
def test_what_torch_runs_and_why(optimizer: Any, reason: str) -> None:
    runtime.reset_report()
    ours = train(optimizer(), "interpret", torch.float32, steps=2)
    (record,) = runtime.report()
    assert (record.operator, record.implementation, record.count) == ("update", "torch", 2)
    assert reason in record.reason
    for a, b in zip(ours, train(optimizer(), "torch", torch.float32, steps=2), strict=True):
        assert torch.equal(a, b)


def test_a_kernel_that_fails_changes_nothing_and_torch_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = train(optimizers.Lamb(), "torch", torch.float32, steps=2)

    def broken(*arguments: Any, **options: Any) -> None:
        raise RuntimeError("no such instruction")

    monkeypatch.setattr("tkeras.optimizers._fused.update_", broken)
    runtime.reset_report()
    try:
        with pytest.warns(runtime.KernelWarning, match="update: kernel failed"):
            found = train(optimizers.Lamb(), "interpret", torch.float32, steps=2)
        assert [(r.implementation, r.count) for r in runtime.report()] == [("torch", 2)]
    finally:
        runtime.forget_failures()
    for a, b in zip(found, plain, strict=True):
        assert torch.equal(a, b)


def test_gradients_in_another_order_of_memory() -> None:
    results = []
    for backend in ("interpret", "torch"):
        variable = Variable(torch.arange(12.0).reshape(3, 4), name="v")
        with runtime.backend_scope(backend):
            optimizers.SGD(1.0).apply([torch.arange(12.0).reshape(4, 3).t()], [variable])
        results.append(variable)
    assert torch.equal(*results)
