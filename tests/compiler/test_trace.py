"""Programs that traces give: they compute what the model computes, and say why there is none."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import tkeras
from tests import seed_models
from tkeras import layers
from tkeras.compiler import Program, TraceError, parse, trace
from tkeras.graph._tree import flatten

SEEDS: dict[str, list[tuple[int, ...]]] = {
    "mnist_model": [(3, 784)],
    "encoder": [(2, 28, 28, 1)],
    "toy_resnet": [(2, 32, 32, 3)],
    "headline_model": [(2, 12), (2, 5)],
    "ticket_model": [(2, 10), (2, 7), (2, 12)],
    "siamese_model": [(2, 10, 12), (2, 10, 12)],
    "ensemble": [(2, 128)],
}


def inputs_of(program: Program) -> list[torch.Tensor]:
    """Fresh random inputs; integers below 10."""
    return [
        torch.randn(value.type.shape) if value.type.dtype is torch.float32
        else torch.randint(10, value.type.shape, dtype=value.type.dtype)
        for value in program.inputs
    ]  # fmt: skip


def names(program: Program) -> list[str]:
    """The operators, with torch's functions by their own name."""
    return [op.name if op.name != "torch.call" else op.function.__name__ for op in program.ops]


def check(function: Any, program: Program, tensors: Any) -> None:
    """The program, also after a round trip through its text, equals the function."""
    program.verify()
    read = parse(str(program), program.bindings)
    assert str(read) == str(program)
    expected = flatten(function)
    for made in (program.run(tensors), read.run(tensors)):
        for ours, theirs in zip(flatten(made), expected, strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", SEEDS)
def test_seed_models(name: str) -> None:
    model = getattr(seed_models, name)(tkeras)
    shapes = SEEDS[name]
    symbols = [tkeras.KerasTensor(shape, t.dtype) for shape, t in zip(shapes, model.inputs, strict=True)]
    program = trace(model, symbols if len(symbols) > 1 else symbols[0])
    tensors = [x.abs() if name == "ticket_model" else x for x in inputs_of(program)]
    check(model(tensors if len(tensors) > 1 else tensors[0]), program, tensors)
    assert {op.layer for op in program.ops} <= {layer.name for layer in model._flat_layers()}


class Nested(tkeras.Model):
    """A subclassed model with a block inside, a torch function and an operator of Python."""

    def __init__(self) -> None:
        super().__init__()
        self.block = tkeras.Sequential([layers.Dense(5, activation="tanh"), layers.LayerNormalization()])
        self.head = layers.Dense(2)

    def call(self, inputs: Any, training: bool = False) -> Any:
        x = self.block(inputs) + torch.arange(5.0)
        x = torch.where(x > 0, x, 2 * x)
        return {"a": self.head(x), "b": tkeras.ops.sum(x, axis=-1)}


def test_subclassed_model_is_built_and_traced() -> None:
    model = Nested()
    program = trace(model, (4, 3))
    x = torch.randn(4, 3)
    check(model(x), program, x)
    assert names(program)[:2] == ["dense", "layer_norm"]
    assert sum(value.kind == "constant" for value in program.captured) == 1


def test_training_keeps_effects_in_order() -> None:
    model = tkeras.Sequential([
        tkeras.Input((4,)), layers.BatchNormalization(), layers.Dropout(0.5, seed=3), layers.GaussianNoise(0.1, seed=4),
    ])  # fmt: skip
    program = trace(model, (6, 4), training=True)
    effects = [name for op, name in zip(program.ops, names(program), strict=True) if op.effect]
    assert effects == ["copy_", "copy_", "random.generator", "dropout", "random.generator", "gaussian_noise"]
    x, state = torch.randn(6, 4), [v.clone() for v in model.weights]
    seeds = [layer.seed_generator.state.clone() for layer in model.layers[1:]]
    expected = model(x, training=True)
    after = [v.clone() for v in model.weights]
    for variable, value in zip(model.weights, state, strict=True):
        variable.assign(value)
    for layer, seed in zip(model.layers[1:], seeds, strict=True):
        layer.seed_generator.state.assign(seed)
    torch.testing.assert_close(program.run(x), expected)
    for variable, value in zip(model.weights, after, strict=True):
        torch.testing.assert_close(variable, value)
    assert parse(str(program), program.bindings).written()


def test_stateful_layer_carries_its_state() -> None:
    inputs = tkeras.Input((3, 2), batch_size=4)
    model = tkeras.Model(inputs, layers.LSTM(5, stateful=True)(inputs))
    x = torch.randn(4, 3, 2)
    program = trace(model, (4, 3, 2))
    first, second = model(x), model(x)
    model.layers[1].reset_state()
    torch.testing.assert_close(program.run(x), first)
    torch.testing.assert_close(program.run(x), second)


def test_masks_and_shared_layers() -> None:
    embedding, rnn = layers.Embedding(10, 4, mask_zero=True), layers.GRU(3)
    a, b = tkeras.Input((5,), dtype="int32"), tkeras.Input((5,), dtype="int32")
    model = tkeras.Model([a, b], layers.subtract([rnn(embedding(a)), rnn(embedding(b))]))
    tensors = [torch.randint(3, (4, 5), dtype=torch.int32) for _ in range(2)]
    check(model(tensors), trace(model, tensors), tensors)


def test_functions_in_place_and_under_no_grad() -> None:
    def function(x: torch.Tensor, y: torch.Tensor) -> Any:
        z = x * 2
        z.add_(y)
        z[0] = 1.0
        with torch.no_grad():
            w = z.exp()
        return z, w, x.T, z.max(1)[1]

    program = trace(function, ((3, 2), (3, 2)))
    tensors = [torch.randn(3, 2), torch.randn(3, 2)]
    check(function(*tensors), program, tensors)
    assert "detach" in names(program)
    with pytest.raises(TraceError, match="views is changed in place"):
        trace(lambda x: (view := x * 1, view.T, view.add_(1)), ((3, 2),))


class Doubled(torch.autograd.Function):
    """Twice the input, with a gradient of its own."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        return x * 2

    @staticmethod
    def backward(ctx: Any, dy: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
        return dy * 7


def test_custom_autograd_function_is_one_call() -> None:
    program = trace(lambda x: Doubled.apply(x) + 1, ((3,),))
    assert names(program) == ["apply", "add"]
    x = torch.randn(3, requires_grad=True)
    program.run(x).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [7.0] * 3


def branching(x: torch.Tensor) -> torch.Tensor:
    if x.sum() > 0:  # the line that ends the trace
        return x
    return -x


LINE = branching.__code__.co_firstlineno + 1


@pytest.mark.parametrize(
    "function",
    [branching, lambda x: x * x[0].item(), lambda x: x[x > 0], lambda x: np.sin(x), lambda x: torch.tensor(x.tolist())],
)  # fmt: skip
def test_control_flow_on_values_ends_the_trace(function: Any) -> None:
    with pytest.raises(TraceError, match=r"test_trace\.py:\d+") as info:
        trace(function, ((3,),))
    if function is branching:
        assert f"test_trace.py:{LINE}" in str(info.value)


def test_unknown_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="needs known sizes"):
        trace(lambda x: x, (tkeras.Input((3,)),))


def test_inputs_are_checked() -> None:
    program = trace(lambda x: x + 1, ((3,),))
    with pytest.raises(ValueError, match="expected 3xf32"):
        program.run(torch.zeros(4))
    with pytest.raises(ValueError, match="Expected 1 inputs"):
        program.run([])
