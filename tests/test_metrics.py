"""Names, state, errors and cost of the metrics; their results are compared in tests/differential."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from tkeras import losses, metrics


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("mse", metrics.MeanSquaredError),
        ("MAE", metrics.MeanAbsoluteError),
        ("mean_squared_error", metrics.MeanSquaredError),
        ("RootMeanSquaredError", metrics.RootMeanSquaredError),
        ("root_mean_squared_error", metrics.RootMeanSquaredError),
        ("auc", metrics.AUC),
        ("precision", metrics.Precision),
        ("binary_accuracy", metrics.BinaryAccuracy),
        ("sparse_categorical_crossentropy", metrics.SparseCategoricalCrossentropy),
        ("f1_score", metrics.F1Score),
        ("kld", metrics.KLDivergence),
    ],
)
def test_names(name: str, kind: type) -> None:
    assert type(metrics.get(name)) is kind


def test_identifiers() -> None:
    assert metrics.get(None) is None
    assert metrics.get({"class_name": "AUC", "config": {"curve": "PR"}}).curve == "PR"
    with pytest.raises(ValueError, match="Could not interpret metric identifier: acuracy"):
        metrics.get("acuracy")


def test_automatic_names() -> None:
    first, second = metrics.Precision(), metrics.Precision()
    assert first.name.startswith("precision")
    assert first.name != second.name


def test_own_metric() -> None:
    class Largest(metrics.Metric):
        def __init__(self, name: str = "largest", **kwargs: Any):
            super().__init__(name=name, **kwargs)
            self.value = self.add_weight(shape=(), initializer="zeros", name="value")
            self.mean = metrics.Mean()

        def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
            self.value.assign(torch.maximum(self.value, y_pred.max()))
            self.mean.update_state(y_pred)

        def result(self) -> dict[str, Any]:
            return {"largest": self.value, "mean": self.mean.result()}

    metric = Largest()
    assert [variable.path for variable in metric.variables] == ["largest/value", "mean/total", "mean/count"]
    result = metric(None, torch.tensor([1.0, 4.0]))
    assert float(result["largest"]) == 4.0
    assert float(result["mean"]) == 2.5
    metric.reset_states()
    assert float(metric.result()["largest"]) == 0.0
    assert Largest.from_config(metric.get_config()).name == "largest"


def test_forgotten_constructor() -> None:
    class Forgetful(metrics.Metric):
        def __init__(self) -> None:
            self.inner = metrics.Mean()

    with pytest.raises(RuntimeError, match="You forgot to call"):
        Forgetful()


def test_functions_as_metrics() -> None:
    def share(y_true: Any, y_pred: Any, above: float) -> torch.Tensor:
        return (y_pred > above).float()

    metric = metrics.MeanMetricWrapper(share, name="share", above=0.5)
    metric.update_state(None, torch.tensor([0.2, 0.7, 0.9, 0.1]))
    assert float(metric.result()) == 0.5
    assert metrics.MeanMetricWrapper(losses.mean_squared_error)._direction == "down"


def test_before_the_first_batch() -> None:
    for name in ("Mean", "SparseCategoricalAccuracy", "Precision", "AUC", "MeanSquaredError", "Sum"):
        assert float(getattr(metrics, name)().result()) == 0.0


def test_no_graph_is_kept() -> None:
    y_pred = torch.randn(4, 3, requires_grad=True) * 1
    for name in ("CategoricalAccuracy", "MeanSquaredError", "AUC", "F1Score", "R2Score", "CosineSimilarity"):
        metric = getattr(metrics, name)()
        metric.update_state(torch.eye(4)[:, :3], torch.sigmoid(y_pred))
        assert all(variable.grad_fn is None and not variable.requires_grad for variable in metric.variables)
        assert not metric.result().requires_grad
    mean = metrics.Mean()
    mean.update_state(y_pred.sum())
    assert not mean.total.requires_grad


def test_accuracy_is_few_calls() -> None:
    metric = metrics.SparseCategoricalAccuracy()
    y_true, y_pred = torch.randint(0, 5, (8,)), torch.randn(8, 5)
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
        metric.update_state(y_true, y_pred)
    outer = [event.name for event in profile.events() if event.cpu_parent is None]
    assert sorted(outer) == ["aten::add_", "aten::add_", "aten::argmax", "aten::eq", "aten::sum"]


def test_results_do_not_change_later() -> None:
    total = metrics.Sum()
    total.update_state(torch.tensor([1.0, 2.0]))
    before = total.result()
    total.update_state(torch.tensor([5.0]))
    assert float(before) == 3.0


def test_stateless_forms() -> None:
    metric = metrics.Mean()
    after = metric.stateless_update_state(metric.variables, torch.tensor([2.0, 4.0]))
    assert float(metric.result()) == 0.0
    assert float(metric.stateless_result(after)) == 3.0
    assert [float(value) for value in metric.stateless_reset_state()] == [0.0, 0.0]
    with pytest.raises(ValueError, match="expected 2 variables"):
        metric.stateless_result([])


def test_errors() -> None:
    with pytest.raises(ValueError, match=r"Threshold values must be in \[0, 1\]. Received: \[1.5\]"):
        metrics.Precision(thresholds=[0.5, 1.5])
    with pytest.raises(ValueError, match='Invalid AUC curve value: "xyz"'):
        metrics.AUC(curve="xyz")
    with pytest.raises(ValueError, match='Invalid AUC summation method value: "sum"'):
        metrics.AUC(summation_method="sum")
    with pytest.raises(ValueError, match="num_thresholds=1"):
        metrics.AUC(num_thresholds=1)
    with pytest.raises(ValueError, match="only when `multi_label` is True"):
        metrics.AUC(num_labels=3)
    with pytest.raises(ValueError, match=r"rank 2.*y_pred.shape=\(4,\)"):
        metrics.AUC(multi_label=True).update_state(torch.zeros(4), torch.zeros(4))
    with pytest.raises(ValueError, match="Target class id 3 is out of range"):
        metrics.IoU(3, [3])
    with pytest.raises(ValueError, match="Invalid `average`"):
        metrics.F1Score(average="mean")
    with pytest.raises(ValueError, match="Received: beta=1"):
        metrics.FBetaScore(beta=1)  # an int, as in Keras
    with pytest.raises(ValueError, match=r"2D inputs.*y_pred.shape=\(4,\)"):
        metrics.F1Score().update_state(torch.zeros(4), torch.zeros(4))
    with pytest.raises(ValueError, match="`specificity` must be in the range"):
        metrics.SensitivityAtSpecificity(1.5)
    with pytest.raises(TypeError, match="unexpected keyword argument"):
        metrics.Mean(treshold=0.5)  # type: ignore[call-arg]
    with pytest.warns(UserWarning, match="weight as `float`, but dtype is `int`"):
        metrics.MeanIoU(2).update_state(torch.tensor([1]), torch.tensor([1]), torch.tensor([0.5]))
    with pytest.warns(UserWarning, match="Falling back to standard R2 score"):
        metrics.R2Score(num_regressors=9)(torch.randn(4, 1), torch.randn(4, 1))


@pytest.mark.parametrize("even", [False, True])
def test_counts_against_a_naive_oracle(even: bool) -> None:
    y_true, y_pred = torch.rand(200) > 0.6, torch.rand(200)
    weight = torch.rand(200)
    thresholds = [0.0, 0.25, 0.5, 0.75, 1.0] if even else [0.1, 0.15, 0.9]
    for name, targets, above in (
        ("TruePositives", True, True),
        ("FalsePositives", False, True),
        ("TrueNegatives", False, False),
        ("FalseNegatives", True, False),
    ):
        metric = getattr(metrics, name)(thresholds)
        metric.update_state(y_true, y_pred, weight)
        for index, threshold in enumerate(thresholds):
            chosen = (y_true == targets) & ((y_pred > threshold) == above)
            assert float(metric.result()[index]) == pytest.approx(float(weight[chosen].sum()), abs=1e-4)


def test_predictions_that_are_no_numbers_count_as_negative() -> None:
    metric = metrics.AUC(num_thresholds=5)
    metric.update_state(torch.tensor([1.0, 0.0]), torch.tensor([float("nan"), 0.5]))
    assert torch.isfinite(metric.result())
