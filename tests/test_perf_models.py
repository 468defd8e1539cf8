"""``python -m perf models``: every workload trains, rounds are summarised, failures are red."""

from __future__ import annotations

from typing import Any

import pytest

import tkeras
from perf import models
from perf._models import WORKLOADS

SMALL = ("mlp", "char_lstm")


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("contender", ["tkeras", "tkeras compiled", "torch"])
def test_contenders_train_alike(name: str, contender: str) -> None:
    found = models.checked(models.train(name, contender, steps=4, batch=4))
    assert found["steps_per_second"] > 0
    assert found["first_step_seconds"] > 0
    assert found["peak_megabytes"] > 50
    assert found["first_loss"] == pytest.approx(2.3, abs=0.7)
    assert found["last_loss"] < found["first_loss"]


@pytest.mark.parametrize("name", [name for name in WORKLOADS if name not in ("mlp", "resnet50")])
def test_models_take_their_data(name: str) -> None:
    """Shapes of outputs and of targets fit, in tkeras and in plain torch."""
    import torch

    workload = WORKLOADS[name]
    inputs, targets = workload.data(2)
    model = workload.build(tkeras)
    outputs = model.predict(inputs if len(inputs) > 1 else inputs[0], verbose=0)
    outputs = outputs if isinstance(outputs, list) else [outputs]
    for output, target, (loss, size) in zip(outputs, targets, workload.targets, strict=True):
        if loss == "sparse_categorical_crossentropy":
            assert output.shape == (*target.shape, size)
        else:
            assert output.shape == target.shape
    if workload.torch is not None:
        plain = workload.torch()(*[torch.from_numpy(value) for value in inputs])
        assert tuple(plain.shape) == outputs[0].shape


def output(rate: float, first: float = 2.0, last: float = 1.0) -> dict[str, Any]:
    return {
        "steps_per_second": rate,
        "first_step_seconds": 0.5,
        "first_loss": first,
        "last_loss": last,
        "peak_megabytes": 100.0,
    }


@pytest.mark.parametrize(("first", "last"), [(2.0, 2.2), (2.0, float("nan")), (float("nan"), 1.0)])
def test_a_loss_that_grows_is_red(first: float, last: float) -> None:
    with pytest.raises(models.WrongTrainingError, match="red: the loss went from"):
        models.checked(output(1.0, first, last))


def test_ratios_are_of_the_same_round() -> None:
    found = {
        "tkeras": [output(10.0), output(20.0), output(30.0)],
        "torch": [output(5.0), output(5.0), output(30.0)],
    }
    ours, theirs = models.summarised(found)
    assert (ours["steps_per_second"], ours["tkeras_over_it"]) == (20.0, 1.0)
    assert theirs["tkeras_over_it"] == 2.0
    text = models.table([ours, theirs])
    assert "tkeras / it" in text
    assert "launches" in text


def test_what_cannot_be_measured_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models.importlib.util, "find_spec", lambda name: None if name == "jax" else True)
    assert models.absent("mlp", "keras jax") == "jax not installed"
    assert models.absent("headline", "torch.compile") == "no plain torch model is written"
    assert models.absent("mlp", "torch") == ""
    runs: list[str] = []

    def run(name: str, contender: str, steps: int) -> dict[str, Any]:
        runs.append(contender)
        if contender == "torch.compile":
            raise models.WrongTrainingError("failed: no compiler")
        return output(10.0)

    monkeypatch.setattr(models, "_in_process", run)
    rows, missing = models.measure("mlp", 2, 1)
    assert [row["contender"] for row in rows] == ["tkeras", "tkeras compiled", "torch", "keras torch"]
    assert missing == {"keras jax": "jax not installed", "torch.compile": "failed: no compiler"}
    assert runs[:5] == ["tkeras", "tkeras compiled", "torch", "torch.compile", "keras torch"]
    assert runs.count("torch.compile") == 1
