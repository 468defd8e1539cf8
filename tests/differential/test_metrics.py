"""Results after several batches, names of the state, and configurations against real Keras."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import torch

from tests.differential.carry import assert_close
from tkeras import metrics

B, C = 17, 5


def batch() -> dict[str, torch.Tensor]:
    """One of each kind of targets and predictions."""
    logits = torch.randn(B, C) * 2
    return {
        "numbers": torch.randn(B, C),
        "other_numbers": torch.randn(B, C),
        "positive": torch.rand(B, C),
        "other_positive": torch.rand(B, C),
        "logits": logits,
        "probabilities": torch.softmax(logits, -1),
        "other_probabilities": torch.softmax(torch.randn(B, C), -1),
        "chances": torch.sigmoid(logits),
        "binary": (torch.rand(B, C) > 0.5).float(),
        "binary_column": (torch.rand(B, 1) > 0.5).float(),
        "chances_column": torch.rand(B, 1),
        "binary_vector": (torch.rand(B) > 0.5).float(),
        "chances_vector": torch.rand(B),
        "one_hot": torch.eye(C)[torch.randint(0, C, (B,))],
        "labels": torch.randint(0, C, (B,)),
        "labels_column": torch.randint(0, C, (B, 1)),
        "guesses": torch.randint(0, C, (B,)),
        "sequence_labels": torch.randint(0, C, (B, 6)),
        "sequence_logits": torch.randn(B, 6, C),
        "ranked": torch.stack([torch.randperm(C) for _ in range(B)]),
    }


CASES: list[tuple[str, dict[str, Any], str, str]] = [
    ("Accuracy", {}, "labels", "guesses"),
    ("BinaryAccuracy", {}, "binary_column", "chances_column"),
    ("BinaryAccuracy", {}, "binary_vector", "chances_column"),
    ("BinaryAccuracy", {"threshold": 0.3}, "binary", "chances"),
    ("CategoricalAccuracy", {}, "one_hot", "probabilities"),
    ("SparseCategoricalAccuracy", {}, "labels", "probabilities"),
    ("SparseCategoricalAccuracy", {}, "labels_column", "probabilities"),
    ("SparseCategoricalAccuracy", {}, "sequence_labels", "sequence_logits"),
    ("TopKCategoricalAccuracy", {"k": 2}, "one_hot", "probabilities"),
    ("SparseTopKCategoricalAccuracy", {"k": 2}, "labels", "probabilities"),
    ("SparseTopKCategoricalAccuracy", {"k": 2}, "sequence_labels", "sequence_logits"),
    ("SparseTopKCategoricalAccuracy", {"k": 2, "from_sorted_ids": True}, "labels", "ranked"),
    ("MeanSquaredError", {}, "numbers", "other_numbers"),
    ("RootMeanSquaredError", {}, "numbers", "other_numbers"),
    ("MeanAbsoluteError", {}, "numbers", "other_numbers"),
    ("MeanAbsolutePercentageError", {}, "positive", "numbers"),
    ("MeanSquaredLogarithmicError", {}, "positive", "other_positive"),
    ("LogCoshError", {}, "numbers", "other_numbers"),
    ("CosineSimilarity", {}, "numbers", "other_numbers"),
    ("R2Score", {}, "numbers", "other_numbers"),
    ("R2Score", {"class_aggregation": None}, "numbers", "other_numbers"),
    (
        "R2Score",
        {"class_aggregation": "variance_weighted_average", "num_regressors": 3},
        "numbers",
        "positive",
    ),
    ("PearsonCorrelation", {}, "numbers", "positive"),
    ("ConcordanceCorrelation", {}, "numbers", "positive"),
    ("Hinge", {}, "binary", "numbers"),
    ("SquaredHinge", {}, "binary", "numbers"),
    ("CategoricalHinge", {}, "one_hot", "numbers"),
    ("KLDivergence", {}, "probabilities", "other_probabilities"),
    ("Poisson", {}, "positive", "other_positive"),
    ("BinaryCrossentropy", {"label_smoothing": 0.1}, "binary", "chances"),
    ("BinaryCrossentropy", {"from_logits": True}, "binary", "logits"),
    ("CategoricalCrossentropy", {}, "one_hot", "probabilities"),
    ("CategoricalCrossentropy", {"from_logits": True, "label_smoothing": 0.1}, "one_hot", "logits"),
    ("SparseCategoricalCrossentropy", {}, "labels", "probabilities"),
    ("SparseCategoricalCrossentropy", {"from_logits": True}, "sequence_labels", "sequence_logits"),
    ("SparseCategoricalCrossentropy", {"from_logits": True, "ignore_class": 1}, "labels", "logits"),
    ("F1Score", {}, "one_hot", "probabilities"),
    ("F1Score", {"average": "macro", "threshold": 0.4}, "binary", "chances"),
    ("FBetaScore", {"average": "weighted", "beta": 2.0}, "one_hot", "probabilities"),
    ("FBetaScore", {"average": "micro", "beta": 0.5, "threshold": 0.5}, "binary", "chances"),
    ("TruePositives", {}, "binary", "chances"),
    ("FalsePositives", {"thresholds": [0.2, 0.7]}, "binary", "chances"),
    ("TrueNegatives", {}, "binary_column", "chances_column"),
    ("FalseNegatives", {"thresholds": [0.0, 0.5, 1.0]}, "binary_vector", "chances_vector"),
    ("Precision", {}, "binary", "chances"),
    ("Precision", {"top_k": 2}, "binary", "chances"),
    ("Precision", {"class_id": 1, "thresholds": [0.1, 0.9]}, "one_hot", "probabilities"),
    ("Recall", {}, "binary_vector", "chances_vector"),
    ("Recall", {"top_k": 2, "class_id": 2}, "one_hot", "probabilities"),
    ("Recall", {"thresholds": [0.0, 0.25, 0.5, 0.75, 1.0]}, "binary_column", "chances_column"),
    ("SensitivityAtSpecificity", {"specificity": 0.5}, "binary_vector", "chances_vector"),
    (
        "SensitivityAtSpecificity",
        {"specificity": 0.5, "num_thresholds": 1},
        "binary_vector",
        "chances_vector",
    ),
    ("SpecificityAtSensitivity", {"sensitivity": 0.6}, "binary_vector", "chances_vector"),
    ("PrecisionAtRecall", {"recall": 0.4, "class_id": 3}, "one_hot", "probabilities"),
    ("RecallAtPrecision", {"precision": 0.5, "num_thresholds": 50}, "binary_vector", "chances_vector"),
    ("AUC", {}, "binary_vector", "chances_vector"),
    ("AUC", {"curve": "PR"}, "binary", "chances"),
    ("AUC", {"curve": "PR", "summation_method": "minoring"}, "binary_vector", "chances_vector"),
    ("AUC", {"curve": "PRGAIN", "summation_method": "majoring"}, "binary_vector", "chances_vector"),
    ("AUC", {"thresholds": [0.3, 0.6]}, "binary_vector", "chances_vector"),
    ("AUC", {"multi_label": True, "num_labels": C}, "binary", "chances"),
    ("AUC", {"multi_label": True, "label_weights": [1.0, 2.0, 0.0, 1.0, 0.5]}, "binary", "chances"),
    ("AUC", {"from_logits": True, "label_weights": [1.0, 2.0, 0.0, 1.0, 0.5]}, "binary", "logits"),
    ("AUC", {"thresholds": [0.3, 0.6], "multi_label": True, "curve": "PR"}, "binary", "chances"),
    ("IoU", {"num_classes": C, "target_class_ids": [0, 2]}, "labels", "guesses"),
    ("MeanIoU", {"num_classes": C, "ignore_class": 1}, "labels", "guesses"),
    ("OneHotIoU", {"num_classes": C, "target_class_ids": [1, 4]}, "one_hot", "probabilities"),
    ("OneHotMeanIoU", {"num_classes": C}, "one_hot", "probabilities"),
    ("BinaryIoU", {"target_class_ids": [1], "threshold": 0.3}, "binary_column", "chances_column"),
]


@pytest.mark.parametrize(("name", "arguments", "y_true", "y_pred"), CASES)
@pytest.mark.parametrize("weighted", [False, True])
def test_results(name: str, arguments: Any, y_true: str, y_pred: str, weighted: bool) -> None:
    ours, real = getattr(metrics, name)(**arguments), getattr(keras.metrics, name)(**arguments)
    for _ in range(3):
        data = batch()
        weight = torch.randint(0, 4, (B,)) if "IoU" in name else torch.rand(B)
        weight = weight if weighted else None
        for metric in (ours, real):
            metric.update_state(data[y_true], data[y_pred], weight)
        assert_close(ours.result(), real.result(), name)
    names = [[variable.path.split("/")[-1] for variable in metric.variables] for metric in (ours, real)]
    assert names[0] == names[1]
    for mine, theirs in zip(ours.variables, real.variables, strict=True):
        assert_close(mine.numpy(), theirs.numpy(), mine.name)
        assert mine.numpy().dtype == theirs.numpy().dtype
    assert ours._direction == getattr(real, "_direction", ours._direction)
    ours.reset_state()
    assert all(not variable.any() for variable in ours.variables)


@pytest.mark.parametrize(("name", "arguments", "y_true", "y_pred"), CASES)
def test_configurations(name: str, arguments: Any, y_true: str, y_pred: str) -> None:
    ours = getattr(metrics, name)(name="mine", **arguments)
    real = getattr(keras.metrics, name)(name="mine", **arguments)
    again = metrics.deserialize(keras.metrics.serialize(real))
    back = keras.metrics.deserialize(metrics.serialize(ours))
    assert type(again) is type(ours)
    assert again.get_config() == ours.get_config()
    assert type(back) is type(real)
    data = batch()
    for metric in (again, back):
        metric.update_state(data[y_true], data[y_pred])
    assert_close(again.result(), back.result(), name)


@pytest.mark.parametrize(
    ("values", "weight"),
    [
        (3.0, None),
        ([1.0, 2.0], [0.5, 2.0]),
        (np.ones((3, 4)), np.arange(3.0)),
        (torch.rand(3, 4), torch.rand(3, 4)),
        (torch.tensor(2.5), 7),
        (torch.rand(3, 4, 2), torch.rand(3, 1)),
    ],
)
@pytest.mark.parametrize("name", ["Mean", "Sum"])
def test_reductions(name: str, values: Any, weight: Any) -> None:
    ours, real = getattr(metrics, name)(), getattr(keras.metrics, name)()
    for _ in range(2):
        for metric in (ours, real):
            metric.update_state(values, weight)
    assert_close(ours.result(), real.result(), name)


@pytest.mark.parametrize("name", ["MeanSquaredError", "CosineSimilarity", "MeanAbsoluteError"])
@pytest.mark.parametrize("weighted", [False, True])
def test_masks(name: str, weighted: bool) -> None:
    y_true, mask = torch.randn(4, 6, 3), torch.rand(4, 6) > 0.4
    weight = torch.rand(4, 6) if weighted else None
    results = []
    y_pred = torch.randn(4, 6, 3)
    for module in (metrics, keras.metrics):
        metric, passed = getattr(module, name)(), y_pred.clone()
        passed._keras_mask = mask
        metric.update_state(y_true, passed, weight)
        results.append(metric.result())
    assert_close(*results, name)


FUNCTIONS = [
    ("accuracy", "labels", "guesses", {}),
    ("binary_accuracy", "binary", "chances", {"threshold": 0.3}),
    ("categorical_accuracy", "one_hot", "probabilities", {}),
    ("sparse_categorical_accuracy", "labels_column", "probabilities", {}),
    ("sparse_categorical_accuracy", "sequence_labels", "sequence_logits", {}),
    ("top_k_categorical_accuracy", "one_hot", "probabilities", {"k": 3}),
    ("sparse_top_k_categorical_accuracy", "sequence_labels", "sequence_logits", {"k": 3}),
    ("pearson_correlation", "numbers", "positive", {"axis": 0}),
    ("concordance_correlation", "numbers", "positive", {"axis": 0}),
]


@pytest.mark.parametrize(("name", "y_true", "y_pred", "arguments"), FUNCTIONS)
def test_functions(name: str, y_true: str, y_pred: str, arguments: Any) -> None:
    data = batch()
    real = getattr(keras.src.metrics.accuracy_metrics, name, None) or getattr(keras.metrics, name)
    values = [fn(data[y_true], data[y_pred], **arguments) for fn in (getattr(metrics, name), real)]
    assert_close(*values, name)


@pytest.mark.parametrize("name", sorted(keras.src.metrics.ALL_OBJECTS_DICT))
def test_every_name_of_keras_is_known(name: str) -> None:
    real = keras.src.metrics.ALL_OBJECTS_DICT[name]
    if real.__name__ not in ("Metric", "MeanMetricWrapper"):
        assert metrics._metric.METRICS.objects[name].__name__ == real.__name__
    assert hasattr(metrics, real.__name__)
