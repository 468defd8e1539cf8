"""Names, reductions, errors and cost of the losses; their values are compared in tests/differential."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import tkeras
from tkeras import activations, losses


@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("mse", losses.mean_squared_error),
        ("MSE", losses.mean_squared_error),
        ("mae", losses.mean_absolute_error),
        ("mape", losses.mean_absolute_percentage_error),
        ("msle", losses.mean_squared_logarithmic_error),
        ("bce", losses.binary_crossentropy),
        ("kld", losses.kl_divergence),
        ("kullback_leibler_divergence", losses.kl_divergence),
        ("logcosh", losses.log_cosh),
        ("cosine_proximity", losses.cosine_similarity),
        ("sparse_categorical_crossentropy", losses.sparse_categorical_crossentropy),
    ],
)
def test_names_of_functions(name: str, function: Any) -> None:
    assert losses.get(name) is function


def test_identifiers() -> None:
    assert losses.get(None) is None
    assert isinstance(losses.get("MeanSquaredError"), losses.MeanSquaredError)
    assert isinstance(losses.get(losses.Huber), losses.Huber)
    made = losses.get({"class_name": "Huber", "config": {"delta": 0.5}})
    assert made.get_config()["delta"] == 0.5
    with pytest.raises(ValueError, match=r"Could not interpret loss identifier: msee\. Did you mean .*mse"):
        losses.get("msee")
    with pytest.raises(ValueError, match="Could not interpret loss identifier: 3"):
        losses.get(3)


def test_unknown_arguments_are_refused() -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument 'logits'"):
        losses.BinaryCrossentropy(logits=True)  # type: ignore[call-arg]
    with pytest.raises(ValueError, match="Received: reduction=average"):
        losses.MeanSquaredError(reduction="average")
    with pytest.raises(ValueError, match="Received: q=1"):
        losses.CategoricalGeneralizedCrossEntropy(q=1.0)


@pytest.mark.parametrize("label", [-100, -1, 5, 1000])
@pytest.mark.parametrize("from_logits", [False, True])
def test_labels_outside_the_classes(label: int, from_logits: bool) -> None:
    y_true, y_pred = torch.tensor([0, label]), torch.rand(2, 5)
    message = rf"sparse_categorical_crossentropy: expected labels within \[0, 5\).*{label}"
    with pytest.raises(ValueError, match=message):
        losses.SparseCategoricalCrossentropy(from_logits=from_logits)(y_true, y_pred)
    with pytest.raises(ValueError, match=message):
        losses.sparse_categorical_crossentropy(y_true, y_pred, from_logits=from_logits)
    with pytest.raises(ValueError, match=message):
        losses.SparseCategoricalCrossentropy()(y_true, activations.softmax(y_pred))


def test_shapes_that_do_not_match() -> None:
    with pytest.raises(ValueError, match=r"target.shape=\(3, 4\), output.shape=\(3, 5\)"):
        losses.CategoricalCrossentropy()(torch.rand(3, 4), torch.rand(3, 5))
    with pytest.raises(ValueError, match=r"target.shape=\(3, 1\), output.shape=\(3, 5\)"):
        losses.BinaryCrossentropy()(torch.rand(3, 1), torch.rand(3, 5))
    with pytest.raises(ValueError, match=r"target.shape=\(4,\), output.shape=\(3, 5\)"):
        losses.SparseCategoricalCrossentropy()(torch.zeros(4), torch.rand(3, 5))
    with pytest.raises(ValueError, match=r"y_true.shape=\(3,\)"):
        losses.CTC()(torch.zeros(3), torch.rand(3, 4, 5))


def test_one_class_is_suspicious() -> None:
    with pytest.warns(SyntaxWarning, match="Consider using 'binary_crossentropy'"):
        losses.CategoricalCrossentropy()(torch.ones(3, 1), torch.ones(3, 1))


def test_arguments_are_attributes() -> None:
    assert losses.BinaryCrossentropy(from_logits=True).from_logits
    assert losses.Huber(0.5).delta == 0.5


@pytest.mark.parametrize("name", ["mse", "mae", "bce", "kld", "huber", "hinge", "squared_hinge", "poisson"])
def test_symbolic_tensors(name: str) -> None:
    inputs = tkeras.Input((3,)), tkeras.Input((3,))
    outputs = losses.get(name)(*inputs)
    assert outputs.shape == (None,)
    values = torch.rand(4, 3), torch.rand(4, 3)
    assert torch.allclose(tkeras.Model(inputs, outputs)(values), losses.get(name)(*values), atol=1e-6)


def test_own_loss() -> None:
    class Squared(losses.Loss):
        def call(self, y_true: Any, y_pred: Any) -> torch.Tensor:
            return (y_true - y_pred) ** 2

    loss = Squared()
    assert loss.name == "squared"
    assert loss.get_config() == {"name": "squared", "reduction": "sum_over_batch_size"}
    y_true, y_pred = np.array([1, 2, 3]), torch.tensor([1.0, 1.0, 1.0])
    assert float(loss(y_true, y_pred)) == pytest.approx(5 / 3)
    assert float(loss(y_true, y_pred, sample_weight=[0.0, 0.0, 1.5])) == pytest.approx(2.0)
    assert Squared(reduction="none")(y_true, y_pred).tolist() == [0.0, 1.0, 4.0]


def test_own_function_and_structures() -> None:
    def apart(y_true: Any, y_pred: Any) -> torch.Tensor:
        return (y_true["a"] - y_pred["a"]).abs() + y_pred["b"]

    loss = losses.LossFunctionWrapper(apart)
    predictions = {"a": torch.zeros(2), "b": torch.ones(2)}
    assert float(loss({"a": np.array([1.0, 3.0])}, predictions)) == 3.0


def test_types() -> None:
    for dtype in (torch.float16, torch.bfloat16, torch.float64):
        value = losses.MeanSquaredError()(torch.zeros(3, 2), torch.ones(3, 2, dtype=dtype))
        assert value.dtype == torch.float32
    assert losses.MeanSquaredError(dtype="float64")(torch.zeros(3), torch.ones(3)).dtype == torch.float64
    assert losses.SparseCategoricalCrossentropy(dtype="bfloat16").dtype == "bfloat16"


def test_large_labels_stay_exact() -> None:
    """Class numbers never pass through float32."""
    label = 2**24 + 1
    kept = losses.SparseCategoricalCrossentropy()._cast_targets(np.array([label]))
    assert kept.tolist() == [label]


def test_an_empty_batch_loses_nothing() -> None:
    assert float(losses.MeanSquaredError()(torch.zeros(0, 3), torch.zeros(0, 3))) == 0.0
    empty = losses.SparseCategoricalCrossentropy(from_logits=True)
    assert float(empty(torch.zeros(0, dtype=torch.long), torch.zeros(0, 3))) == 0.0


def test_saturated_softmax_keeps_its_gradient() -> None:
    logits = torch.tensor([[40.0, 0.0]], requires_grad=True)
    loss = losses.SparseCategoricalCrossentropy()(torch.tensor([1]), activations.softmax(logits))
    assert float(loss.detach()) == 40.0
    assert torch.autograd.grad(loss, logits)[0].tolist() == [[1.0, -1.0]]


def test_second_derivatives() -> None:
    logits, labels = torch.randn(4, 3, dtype=torch.float64, requires_grad=True), torch.tensor([0, 1, 2, 0])
    loss = losses.SparseCategoricalCrossentropy(from_logits=True, dtype="float64")
    assert torch.autograd.gradgradcheck(lambda z: loss(labels, z), (logits,))


@pytest.mark.parametrize("name", ["MeanSquaredError", "MeanAbsoluteError", "Huber"])
def test_the_quick_way_is_the_general_way(name: str) -> None:
    """What runs without weights equals the weighted way with weights of one."""
    loss = getattr(losses, name)()
    for shapes in (((9, 4), (9, 4)), ((9,), (9, 1)), ((9, 1), (9, 4))):
        y_true, y_pred = (torch.randn(shape) for shape in shapes)
        assert torch.allclose(loss(y_true, y_pred), loss(y_true, y_pred, torch.ones(9, 1)), atol=1e-6)


def test_sparse_cross_entropy_from_logits_is_one_call() -> None:
    y_true, y_pred = torch.randint(0, 5, (8, 1)), torch.randn(8, 5)
    loss = losses.SparseCategoricalCrossentropy(from_logits=True)
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
        value = loss(y_true, y_pred)
    assert torch.equal(value, F.cross_entropy(y_pred, y_true.squeeze(1)))
    outer = {event.name for event in profile.events() if event.cpu_parent is None}
    assert outer <= {"aten::squeeze", "aten::cross_entropy_loss"}


def test_ctc_inside_a_model() -> None:
    """A layer that adds the loss of its inputs, as models of handwriting do."""

    class Endpoint(tkeras.layers.Layer):
        def call(self, labels, signs):
            self.add_loss(tkeras.losses.CTC()(labels, signs))
            return signs

    labels, images = tkeras.Input((4,), dtype="int32"), tkeras.Input((12, 5))
    outputs = Endpoint()(labels, tkeras.layers.Dense(7)(images))
    model = tkeras.Model([images, labels], outputs)
    model.compile("sgd")
    x = [np.ones((2, 12, 5), "float32"), np.array([[1, 2, 0, 0], [3, 4, 5, 6]])]
    losses = model.fit(x, epochs=3, verbose=0).history["loss"]
    assert outputs.shape == (None, 12, 7)
    assert losses[2] < losses[0]
