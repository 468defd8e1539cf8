"""Both directions of a `Bidirectional` in one launch, and the layers of `RNN` on the kernels."""

import pytest
import torch

from tests.test_device_seeds import states
from tkeras import layers
from tkeras.layers.recurrent._cell import Cell
from tkeras_kernels import runtime

pytestmark = pytest.mark.skipif(torch.cuda.is_available(), reason="the interpreter runs these")


@pytest.fixture(autouse=True)
def same_masks(monkeypatch):
    """Torch drops what the kernels drop."""
    draw = Cell._draw

    def draw_on_kernels(self, like, rate):
        with runtime.backend_scope("interpret"):
            return draw(self, like, rate)

    monkeypatch.setattr(Cell, "_draw", draw_on_kernels)


def run(layer, x, **options):
    """Outputs and gradients of the weights, and what the report says of recurrent operators."""
    runtime.reset_report()
    found = layer(x, **options)
    found = list(found) if isinstance(found, (tuple, list)) else [found]
    loss = sum((y * torch.linspace(-1, 1, y.numel()).view_as(y)).sum() for y in found)
    gradients = torch.autograd.grad(loss, layer.trainable_variables)
    names = ("lstm", "gru", "simple_rnn", "scan", "several")
    return [*found, *gradients], [r for r in runtime.report() if r.operator in names]


def both_ways(layer, x, **options):
    """The same on torch and on the interpreted kernels; the report of the latter."""
    layer(x)
    drawn = states(layer)
    starts = [state.clone() for state in drawn]
    expected, _ = run(layer, x, **options)
    for state, start in zip(drawn, starts, strict=True):
        state.assign(start)
    with runtime.backend_scope("interpret"):
        found, records = run(layer, x, **options)
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=2e-6)
    return records


@pytest.mark.parametrize("merge", ["concat", None])
@pytest.mark.parametrize(
    "make",
    [
        lambda **k: layers.LSTM(3, **k),
        lambda **k: layers.GRU(3, reset_after=False, use_bias=False, **k),
        lambda **k: layers.SimpleRNN(3, dropout=0.3, recurrent_dropout=0.3, **k),
    ],
    ids=["lstm", "gru", "simple_rnn"],
)
def test_both_directions_in_one_launch(make, merge):
    layer = layers.Bidirectional(make(return_sequences=merge is None), merge_mode=merge)
    mask = torch.tensor([[True, True, False, True], [False, True, True, True]])
    (record,) = both_ways(layer, torch.randn(2, 4, 5), mask=mask, training=True)
    assert (record.operator, record.implementation, record.failures) == ("several", "interpret", 0)
    assert "2 calls in one launch" in record.reason


def test_states_of_both_directions():
    layer = layers.Bidirectional(layers.LSTM(3, return_state=True, stateful=True))
    starts = [torch.randn(2, 3) for _ in range(4)]
    (record,) = both_ways(layer, torch.randn(2, 4, 5), initial_state=starts)
    assert record.operator == "several"


@pytest.mark.parametrize(
    "layer",
    [
        lambda: layers.Bidirectional(layers.LSTM(3), backward_layer=layers.LSTM(2, go_backwards=True)),
        lambda: layers.Bidirectional(layers.LSTM(3, activity_regularizer="l2")),
    ],
    ids=["of two sizes", "watched"],
)
def test_directions_that_are_called_by_themselves(layer):
    (record,) = both_ways(layer(), torch.randn(2, 4, 5))
    assert (record.operator, record.implementation, record.count) == ("lstm", "interpret", 2)


def test_cells_on_top_of_each_other_are_one_launch_each():
    layer = layers.RNN([layers.GRUCell(3), layers.LSTMCell(2), layers.SimpleRNNCell(3)])
    records = both_ways(layer, torch.randn(2, 4, 5))
    assert [(r.operator, r.implementation, r.count) for r in records] == [
        ("gru", "interpret", 1), ("lstm", "interpret", 1), ("simple_rnn", "interpret", 1)
    ]  # fmt: skip


@pytest.mark.parametrize("implementation", [1, 2])
def test_dropout_of_inputs_and_states(implementation):
    layer = layers.LSTM(
        3, dropout=0.4, recurrent_dropout=0.4 * (implementation == 1), implementation=implementation,
        return_sequences=True, go_backwards=True, activation="gelu", recurrent_activation="hard_sigmoid",
    )  # fmt: skip
    (record,) = both_ways(layer, torch.randn(3, 4, 5), training=True)
    assert (record.operator, record.implementation) == ("lstm", "interpret")
