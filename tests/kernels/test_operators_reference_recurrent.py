"""Recurrent references against Keras layers on torch, of which parts compute in float32."""

from __future__ import annotations

import os
from typing import Any

os.environ["KERAS_BACKEND"] = "torch"

import keras
import pytest
import torch

from tkeras_kernels.operators import Operator
from tkeras_kernels.operators._references import gru, lstm, simple_rnn
from tkeras_kernels.operators._torch_lstm import one_run_a_row
from tkeras_kernels.pointwise import pointwise

BATCH, STEPS, WIDTH, UNITS = 5, 7, 3, 4
LAYERS = {"simple_rnn": keras.layers.SimpleRNN, "lstm": keras.layers.LSTM, "gru": keras.layers.GRU}
OPERATORS: dict[str, Operator] = {"simple_rnn": simple_rnn, "lstm": lstm, "gru": gru}
kinds = pytest.mark.parametrize("kind", OPERATORS)


KERAS = {"rtol": 1e-5, "atol": 1e-5}


def normal(*shape: int) -> torch.Tensor:
    return torch.randn(shape, dtype=torch.float64)


class Pair:
    """A Keras layer with random weights, and the same as a call of our operator."""

    def __init__(self, kind: str, **options: Any) -> None:
        self.kind = kind
        self.layer = LAYERS[kind](UNITS, return_state=True, dtype="float64", **options)
        self.layer.build((BATCH, STEPS, WIDTH))
        for weight in self.layer.weights:
            weight.assign(normal(*weight.shape) * 0.5)

    def weights(self) -> list[torch.Tensor | None]:
        cell = self.layer.cell
        found = [cell.kernel, cell.recurrent_kernel, cell.bias]
        return [None if weight is None else weight.value for weight in found]

    def states(self) -> list[torch.Tensor]:
        return [normal(BATCH, UNITS).requires_grad_() for _ in range(2 if self.kind == "lstm" else 1)]

    def check(
        self, x: torch.Tensor, states: list[torch.Tensor], mask: torch.Tensor | None = None, **options: Any
    ) -> None:
        """Equal outputs, last states and gradients of everything."""
        weights = self.weights()
        leaves = [x, *states, *(w for w in weights if w is not None)]
        expected = self.layer(x, initial_state=states, mask=mask)
        ours = OPERATORS[self.kind].reference(x, *weights, *states, mask=mask, **options)
        seeds = [torch.randn_like(y) for y in ours]
        for y, target in zip(ours, expected, strict=True):
            torch.testing.assert_close(y, target, **KERAS)
        for mine, theirs in zip(
            torch.autograd.grad(ours, leaves, seeds),
            torch.autograd.grad(expected, leaves, seeds),
            strict=True,
        ):
            torch.testing.assert_close(mine, theirs, **KERAS)


def inputs() -> torch.Tensor:
    return normal(BATCH, STEPS, WIDTH).requires_grad_()


@kinds
@pytest.mark.parametrize("return_sequences", [True, False])
@pytest.mark.parametrize("go_backwards", [True, False])
@pytest.mark.parametrize("use_bias", [True, False])
def test_is_that_of_keras(kind: str, return_sequences: bool, go_backwards: bool, use_bias: bool) -> None:
    options = {"return_sequences": return_sequences, "go_backwards": go_backwards}
    pair = Pair(kind, use_bias=use_bias, **options)
    pair.check(inputs(), pair.states(), **options)


def masks() -> dict[str, torch.Tensor]:
    right = torch.arange(STEPS) < torch.tensor([7, 3, 1, 5, 2]).unsqueeze(1)
    ragged = torch.rand(BATCH, STEPS, generator=torch.Generator().manual_seed(3)) > 0.5
    nothing = right.clone()
    nothing[2] = False
    return {"right": right, "left": right.flip(1), "ragged": ragged, "nothing": nothing}


@kinds
@pytest.mark.parametrize("mask", masks().values(), ids=masks().keys())
@pytest.mark.parametrize("return_sequences", [True, False])
@pytest.mark.parametrize("zero", [True, False])
@pytest.mark.parametrize("go_backwards", [True, False])
def test_mask(kind: str, mask: torch.Tensor, return_sequences: bool, zero: bool, go_backwards: bool) -> None:
    pair = Pair(kind, return_sequences=return_sequences, go_backwards=go_backwards)
    pair.layer.zero_output_for_mask = zero
    pair.check(
        inputs(),
        pair.states(),
        mask,
        return_sequences=return_sequences,
        zero_output_for_mask=zero,
        go_backwards=go_backwards,
    )


@pytest.mark.parametrize("kind", ["lstm", "gru"])
def test_activations(kind: str) -> None:
    pair = Pair(kind, activation="softsign", recurrent_activation="tanh")
    pair.check(
        inputs(),
        pair.states(),
        activation=pointwise(torch.nn.functional.softsign),
        recurrent_activation=pointwise(torch.tanh),
    )


@kinds
def test_linear_activation(kind: str) -> None:
    pair = Pair(kind, activation=None)
    pair.check(inputs(), pair.states(), activation=None)


@pytest.mark.parametrize("use_bias", [True, False])
@pytest.mark.parametrize("masked", [True, False])
def test_gru_reset_before(use_bias: bool, masked: bool) -> None:
    pair = Pair("gru", reset_after=False, use_bias=use_bias, return_sequences=True)
    mask = masks()["ragged"] if masked else None
    pair.check(inputs(), pair.states(), mask, reset_after=False, return_sequences=True)


@kinds
def test_states_default_to_zero(kind: str) -> None:
    x, weights = inputs(), Pair(kind).weights()
    zeros = [torch.zeros(BATCH, UNITS, dtype=torch.float64) for _ in range(2 if kind == "lstm" else 1)]
    operator = OPERATORS[kind]
    torch.testing.assert_close(operator.reference(x, *weights), operator.reference(x, *weights, *zeros))


GATES = {"simple_rnn": 1, "lstm": 4, "gru": 3, "gru_before": 3}


@pytest.mark.parametrize("kind", GATES)
@pytest.mark.parametrize("shared", [True, False])
def test_dropout_masks(kind: str, shared: bool) -> None:
    """Keras drops with one mask a gate for all steps; here its cell runs step by step with given masks."""
    name, options = ("gru", {"reset_after": False}) if kind == "gru_before" else (kind, {})
    pair = Pair(name, dropout=0.5, recurrent_dropout=0.5, return_sequences=True, **options)
    count = GATES[kind]
    input_mask = (torch.rand(1 if shared else count, BATCH, WIDTH) > 0.3).double() / 0.7
    recurrent_mask = (torch.rand(count, BATCH, UNITS) > 0.3).double() / 0.7
    cell = pair.layer.cell
    given = list(input_mask.expand(count, -1, -1))
    cell.get_dropout_mask = lambda step: given if count > 1 else given[0]
    cell.get_recurrent_dropout_mask = lambda step: list(recurrent_mask) if count > 1 else recurrent_mask[0]
    x, states = inputs(), pair.states()
    expected, hidden = [], list(states)
    for step in x.unbind(1):
        output, hidden = cell(step, hidden, training=True)
        expected.append(output)
    ours, *last = OPERATORS[name].reference(
        x,
        *pair.weights(),
        *states,
        input_mask=input_mask,
        recurrent_mask=recurrent_mask,
        return_sequences=True,
        **options,
    )
    torch.testing.assert_close(ours, torch.stack(expected, 1), **KERAS)
    torch.testing.assert_close(last, hidden, **KERAS)


def float32_and_exact(mask: torch.Tensor | None, states: bool, **options: Any) -> tuple[Any, Any]:
    """Results and first and second derivatives of one call in float32 and, by the plain loop, in float64.

    Dropping nothing of h for each gate is what keeps a call from torch's own kernels.
    """
    generator = torch.Generator().manual_seed(2)
    shapes = [(5, 7, 3), (3, 24), (6, 24), (24,), *([(5, 6)] * 2 if states else [])]
    values = [torch.randn(shape, generator=generator, dtype=torch.float64) * 0.5 for shape in shapes]
    found = []
    for dtype in (torch.float32, torch.float64):
        leaves = [value.to(dtype).requires_grad_() for value in values]
        nothing = torch.ones(4, 5, 6, dtype=dtype) if dtype == torch.float64 else None
        y = lstm.reference(*leaves, mask=mask, recurrent_mask=nothing, **options)
        first = torch.autograd.grad(sum(part.sin().sum() for part in y), leaves, create_graph=True)
        second = torch.autograd.grad(sum(part.square().sum() for part in first), leaves)
        found.append([tensor.detach().double() for tensor in (*y, *first, *second)])
    return tuple(found)


@pytest.mark.parametrize("mask", [None, *masks().values()], ids=["none", *masks().keys()])
@pytest.mark.parametrize("states", [True, False])
@pytest.mark.parametrize("return_sequences", [True, False])
@pytest.mark.parametrize("zero", [True, False])
def test_lstm_of_torch_in_float32(
    mask: torch.Tensor | None, states: bool, return_sequences: bool, zero: bool
) -> None:
    options = {"return_sequences": return_sequences, "zero_output_for_mask": zero}
    ours, exact = float32_and_exact(mask, states, **options)
    torch.testing.assert_close(ours, exact, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("row", "from_zero", "first"),
    [("11100", True, True), ("00110", True, False), ("00000", True, False), ("10100", False, False)],
)
def test_masks_of_one_run(row: str, from_zero: bool, first: bool) -> None:
    mask = torch.tensor([[True] * 5, [step == "1" for step in row]])
    assert one_run_a_row(mask, from_zero=True) is from_zero
    assert one_run_a_row(mask, from_zero=False) is first


def test_lstm_backward_twice() -> None:
    x = torch.randn(2, 5, 3, requires_grad=True)
    y, _, _ = lstm.reference(x, torch.randn(3, 16), torch.randn(4, 16))
    (once,) = torch.autograd.grad(y.sum(), x, retain_graph=True)
    (twice,) = torch.autograd.grad(y.sum(), x)
    torch.testing.assert_close(twice, once)
