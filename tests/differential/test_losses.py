"""Values, gradients, weights, masks and configurations of the losses against real Keras."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import torch

from tests.differential.carry import assert_close
from tkeras import losses

B, C = 17, 5
REDUCTIONS = ("sum_over_batch_size", "mean", "sum", "none", None, "mean_with_sample_weight")


def numbers() -> torch.Tensor:
    return torch.randn(B, C)


def positive() -> torch.Tensor:
    return torch.rand(B, C)


def logits() -> torch.Tensor:
    return torch.randn(B, C) * 2


def probabilities() -> torch.Tensor:
    return torch.softmax(logits(), -1)


def chances() -> torch.Tensor:
    return torch.sigmoid(logits())


def one_hot() -> torch.Tensor:
    return torch.eye(C)[torch.randint(0, C, (B,))]


def binary() -> torch.Tensor:
    return (torch.rand(B, C) > 0.5).float()


def signs() -> torch.Tensor:
    return binary() * 2 - 1


def labels() -> torch.Tensor:
    return torch.randint(0, C, (B,))


def column() -> torch.Tensor:
    return torch.randint(0, C, (B, 1))


def units() -> torch.Tensor:
    return torch.nn.functional.normalize(numbers(), dim=-1)


Make = Callable[[], torch.Tensor]
CASES: list[tuple[str, dict[str, Any], Make, Make]] = [
    ("MeanSquaredError", {}, numbers, numbers),
    ("MeanAbsoluteError", {}, numbers, numbers),
    ("MeanAbsolutePercentageError", {}, positive, numbers),
    ("MeanSquaredLogarithmicError", {}, positive, positive),
    ("CosineSimilarity", {}, numbers, numbers),
    ("Huber", {"delta": 0.7}, numbers, numbers),
    ("LogCosh", {}, numbers, numbers),
    ("Poisson", {}, positive, positive),
    ("KLDivergence", {}, probabilities, probabilities),
    ("Hinge", {}, binary, numbers),
    ("Hinge", {}, signs, numbers),
    ("SquaredHinge", {}, binary, numbers),
    ("CategoricalHinge", {}, one_hot, numbers),
    ("BinaryCrossentropy", {}, binary, chances),
    ("BinaryCrossentropy", {"label_smoothing": 0.1}, binary, chances),
    ("BinaryCrossentropy", {"from_logits": True}, binary, logits),
    ("BinaryCrossentropy", {"from_logits": True, "label_smoothing": 0.1}, binary, logits),
    ("BinaryFocalCrossentropy", {"apply_class_balancing": True, "alpha": 0.3}, binary, chances),
    ("BinaryFocalCrossentropy", {"from_logits": True, "gamma": 1.5}, binary, logits),
    ("CategoricalCrossentropy", {}, one_hot, probabilities),
    ("CategoricalCrossentropy", {"label_smoothing": 0.1}, one_hot, probabilities),
    ("CategoricalCrossentropy", {"from_logits": True}, probabilities, logits),
    ("CategoricalCrossentropy", {"from_logits": True, "label_smoothing": 0.1}, one_hot, logits),
    ("CategoricalFocalCrossentropy", {}, one_hot, probabilities),
    ("CategoricalFocalCrossentropy", {"from_logits": True, "label_smoothing": 0.1}, one_hot, logits),
    ("SparseCategoricalCrossentropy", {}, labels, probabilities),
    ("SparseCategoricalCrossentropy", {}, column, probabilities),
    ("SparseCategoricalCrossentropy", {"from_logits": True}, labels, logits),
    ("SparseCategoricalCrossentropy", {"from_logits": True}, column, logits),
    ("SparseCategoricalCrossentropy", {"from_logits": True, "ignore_class": 2}, labels, logits),
    ("SparseCategoricalCrossentropy", {"ignore_class": 2}, labels, probabilities),
    ("CategoricalGeneralizedCrossEntropy", {"q": 0.4}, labels, probabilities),
    ("Circle", {"gamma": 8.0, "margin": 0.3}, labels, units),
    ("Dice", {"axis": (1,)}, binary, chances),
    ("Tversky", {"alpha": 0.3, "beta": 0.6, "axis": (1,)}, binary, chances),
]
WHOLE: list[tuple[str, dict[str, Any], Make, Make]] = [
    ("CosineSimilarity", {"axis": 0}, numbers, numbers),
    ("CategoricalCrossentropy", {"from_logits": True, "axis": 0}, one_hot, logits),
    ("Dice", {}, binary, chances),
    ("Tversky", {"alpha": 0.3}, binary, chances),
    ("Circle", {"remove_diagonal": False}, labels, units),
]
EACH = pytest.mark.parametrize(("name", "arguments", "y_true", "y_pred"), CASES)


def check(ours: Any, real: Any, y_true: Any, y_pred: Any, weight: Any = None, mask: Any = None) -> None:
    """Equal values, and gradients in a random direction."""
    leaves = [y_pred.clone().requires_grad_() for _ in range(2)]
    values = []
    for loss, leaf in zip((ours, real), leaves, strict=True):
        passed = leaf * 1
        if mask is not None:
            passed._keras_mask = mask
        values.append(loss(y_true, passed, weight))
    direction = torch.randn_like(values[1])
    for value in values:
        (value * direction).sum().backward()
    assert_close(values[0].detach(), values[1].detach(), "value")
    assert_close(leaves[0].grad, leaves[1].grad, "gradient")


@EACH
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_values_and_gradients(name: str, arguments: Any, y_true: Make, y_pred: Make, reduction: Any) -> None:
    ours = getattr(losses, name)(reduction=reduction, **arguments)
    real = getattr(keras.losses, name)(reduction=reduction, **arguments)
    targets, predictions = y_true(), y_pred()
    for weight in (None, torch.rand(B), torch.rand(B, 1)):
        if weight is None or weight.ndim == 1 or reduction not in (None, "none"):
            check(ours, real, targets, predictions, weight)
    if name != "Circle":
        check(ours, real, targets, predictions, mask=torch.rand(B) > 0.4)
        check(ours, real, targets, predictions, torch.rand(B), mask=torch.rand(B) > 0.4)


@pytest.mark.parametrize(("name", "arguments", "y_true", "y_pred"), WHOLE)
def test_over_other_axes(name: str, arguments: Any, y_true: Make, y_pred: Make) -> None:
    ours, real = getattr(losses, name)(**arguments), getattr(keras.losses, name)(**arguments)
    check(ours, real, y_true(), y_pred())


@EACH
def test_functions_and_configurations(name: str, arguments: Any, y_true: Make, y_pred: Make) -> None:
    ours, real = getattr(losses, name)(**arguments), getattr(keras.losses, name)(**arguments)
    if isinstance(real.get_config().get("name"), str):
        assert {**losses.serialize(ours)["config"], **keras.losses.serialize(real)["config"]} == (
            losses.serialize(ours)["config"]
        )
    again = losses.deserialize(keras.losses.serialize(real))
    assert type(again) is type(ours)
    back = keras.saving.deserialize_keras_object(losses.serialize(ours))
    assert type(back) is type(real)
    targets, predictions = y_true(), y_pred()
    values = [loss.fn(targets, predictions, **arguments) for loss in (ours, real)]
    assert_close(*values, name)


def test_sequences_labels_and_masks() -> None:
    y_true, y_pred = torch.randint(0, C, (B, 6)), torch.randn(B, 6, C)
    ours = losses.SparseCategoricalCrossentropy(from_logits=True)
    real = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    check(ours, real, y_true, y_pred)
    check(ours, real, y_true, y_pred, torch.rand(B, 6), torch.rand(B, 6) > 0.5)
    check(ours, real, y_true, y_pred, mask=torch.zeros(B, 6, dtype=torch.bool))


@pytest.mark.parametrize(
    "shapes", [((B,), (B, 1)), ((B, 1), (B,)), ((B,), (B,)), ((B, 3, 1), (B, 3)), ((B, 1), (B, 4))]
)
@pytest.mark.parametrize("name", ["MeanSquaredError", "MeanAbsoluteError", "Huber", "LogCosh"])
def test_ranks(name: str, shapes: Any) -> None:
    y_true, y_pred = (torch.randn(shape) for shape in shapes)
    check(getattr(losses, name)(), getattr(keras.losses, name)(), y_true, y_pred)


def test_binary_vectors() -> None:
    for shapes in (((B,), (B, 1)), ((B, 1), (B, 1)), ((B,), (B,))):
        y_true, y_pred = (torch.rand(shapes[0]) > 0.5).float(), torch.rand(shapes[1])
        check(losses.BinaryCrossentropy(), keras.losses.BinaryCrossentropy(), y_true, y_pred)


def test_ctc() -> None:
    y_true = torch.tensor([[1, 2, 0], [3, 0, 0], [4, 4, 1]])
    check(losses.CTC(), keras.losses.CTC(), y_true, torch.randn(3, 7, C))


def test_arrays_and_integer_targets() -> None:
    y_true, y_pred = np.arange(12).reshape(4, 3), np.random.default_rng(0).normal(size=(4, 3))
    for name in ("MeanSquaredError", "MeanAbsoluteError"):
        ours, real = getattr(losses, name)()(y_true, y_pred), getattr(keras.losses, name)()(y_true, y_pred)
        assert_close(ours, real, name)
        assert ours.dtype == torch.float32


def test_softmax_then_cross_entropy() -> None:
    """From the activation's output ours goes on from the logits; the numbers are the same."""
    from tkeras import activations

    x = torch.randn(B, C, requires_grad=True)
    y = labels()
    pairs = [
        (losses.SparseCategoricalCrossentropy(), keras.losses.SparseCategoricalCrossentropy(), y),
        (losses.CategoricalCrossentropy(), keras.losses.CategoricalCrossentropy(), torch.eye(C)[y]),
    ]
    for ours, real, target in pairs:
        values = [ours(target, activations.softmax(x)), real(target, torch.softmax(x, -1))]
        assert_close(*(value.detach() for value in values), "value")
        assert_close(*(torch.autograd.grad(value, x)[0] for value in values), "gradient")
    target = binary()
    values = [
        losses.BinaryCrossentropy()(target, activations.sigmoid(x)),
        keras.losses.BinaryCrossentropy()(target, torch.sigmoid(x)),
    ]
    assert_close(*(torch.autograd.grad(value, x)[0] for value in values), "gradient")


@pytest.mark.parametrize("name", sorted(keras.src.losses.ALL_OBJECTS_DICT))
def test_every_name_of_keras_is_known(name: str) -> None:
    real = keras.src.losses.ALL_OBJECTS_DICT[name]
    assert losses._loss.LOSSES.objects.get(name, losses.Loss).__name__ in (real.__name__, "Loss")
    assert hasattr(losses, real.__name__)
