"""``python -m perf models``: every workload trains, alike everywhere; rounds are summarised, failures are red."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import tkeras
from perf import _aims, _torch_models, _train, models, readme
from perf._models import WORKLOADS, initialise

OURS = ("tkeras", "tkeras compiled")


@pytest.mark.parametrize("name", ["mlp", "char_lstm"])
@pytest.mark.parametrize("contender", [*OURS, "torch"])
def test_contenders_train_alike(name: str, contender: str) -> None:
    found = models.checked(_train.train(name, contender, 0.01, batch=4))
    assert found["steps"] >= 3
    assert found["steps_per_second"] > 0
    assert 0 < found["first_step_seconds"] < found["third_step_seconds"]
    assert found["peak_megabytes"] > 50
    assert found["launches"] > 20
    assert found["first_loss"] == pytest.approx({"mlp": 2.51, "char_lstm": 2.32}[name], abs=0.01)


def arrays(workload: Any, rows: int) -> tuple[list[Any], list[Any]]:
    inputs, targets = workload.data(rows)
    return [torch.from_numpy(value) for value in inputs], [torch.from_numpy(value) for value in targets]


def in_order(layer: Any) -> tuple[str, bool]:
    """ResNet50's layers by name, the convolution before its normalization."""
    head, _, kind = layer.name.rpartition("_")
    return head or kind, kind == "bn"


@pytest.mark.parametrize("name", WORKLOADS)
def test_plain_torch_does_the_same_arithmetic(name: str) -> None:
    """As many parameters; with the weights carried over the same outputs, and Keras' losses of them."""
    workload = WORKLOADS[name]
    model, plain = workload.build(tkeras), _torch_models.MODELS[name]()
    trained = sum(weight.numel() for weight in plain.parameters() if weight.requires_grad)
    assert trained == sum(variable.numel() for variable in model.trainable_variables)
    layers = [layer for layer in model.layers if layer.weights]
    if name == "resnet50":
        layers.sort(key=in_order)
    for layer, views in zip(layers, _torch_models.layers(plain), strict=True):
        for variable, view in zip(layer.weights, views, strict=True):
            if variable.ndim == 1:
                fresh = torch.rand(variable.shape) / 5 + 0.9
            else:
                fresh = torch.randn(variable.shape) * (variable.shape[-1] / variable.numel()) ** 0.5
            if name == "resnet50" and layer is layers[-1]:
                fresh = fresh / 50  # no softmax of large numbers, which hides them
            variable.assign(fresh)
            view.copy_(fresh)
    inputs, targets = arrays(workload, 2)
    with torch.no_grad():
        ours, theirs = model(inputs if len(inputs) > 1 else inputs[0]), plain.eval()(*inputs)
        ours = ours if isinstance(ours, list) else [ours]
        pairs = zip(ours, theirs if isinstance(theirs, tuple) else [theirs], strict=True)
        for a, b in pairs:
            assert 1e-4 < a.std() < 1.0
            torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)
        losses = [loss for loss, _ in workload.targets]
        wanted = sum(
            tkeras.losses.get(loss)(target, output).mean()
            for loss, target, output in zip(losses, targets, ours, strict=True)
        )
        torch.testing.assert_close(_train.torch_loss(theirs, targets, losses), wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["autoencoder", "ticket"])
def test_all_begin_with_the_same_weights(name: str) -> None:
    model, plain = WORKLOADS[name].build(tkeras), _torch_models.MODELS[name]()
    initialise(model)
    _torch_models.initialise(plain)
    theirs = [view for views in _torch_models.layers(plain) for view in views]
    for ours, other in zip((v for layer in model.layers for v in layer.weights), theirs, strict=True):
        assert np.array_equal(ours.numpy(), other.numpy())


def output(rate: float, first: float = 2.0, last: float = 1.0, early: float = 1.9) -> dict[str, Any]:
    return {
        "steps": 3,
        "steps_per_second": rate,
        "import_seconds": 1.0,
        "first_step_seconds": 0.5,
        "third_step_seconds": 0.75,
        "first_loss": first,
        "early_loss": early,
        "last_loss": last,
        "peak_megabytes": 100.0,
        "launches": None,
        "versions": {},
    }


@pytest.mark.parametrize(("first", "last"), [(2.0, 2.2), (2.0, float("nan")), (float("nan"), 1.0)])
def test_a_loss_that_grows_is_red(first: float, last: float) -> None:
    with pytest.raises(models.WrongTrainingError, match="red: the loss went from"):
        models.checked(output(1.0, first, last))


def test_who_does_not_begin_as_the_others_is_red() -> None:
    honest = {name: [output(1.0)] for name in (*OURS, "torch")}
    lazy, cheating = {"keras jax": [output(9.0, early=2.1)]}, {"keras torch": [output(9.0, first=1.0)]}
    found = models.apart("mlp", honest | lazy | cheating)
    assert found == {
        "keras jax": "red: its early loss is 2.1, that of the others 1.9",
        "keras torch": "red: its first loss is 1, that of the others 2",
    }
    assert models.apart("toy_resnet", honest | lazy) == {}
    made = models.results({}, 1, {"mlp": honest | lazy}, [], "complete")
    assert "keras jax" not in [row["contender"] for row in made["models"]["mlp"]]
    assert made["not_measured"][0]["what"] == "keras jax"


def test_ratios_are_of_the_same_round() -> None:
    found = {
        "tkeras": [output(10.0), output(20.0), output(30.0)],
        "tkeras compiled": [output(20.0), output(30.0), output(40.0)],
        "torch": [output(5.0), output(5.0), output(30.0)],
    }
    ours, _, theirs = rows = models.summarised(found)
    assert (ours["steps_per_second"], ours["tkeras_over_it"]) == (20.0, 1.0)
    assert (theirs["tkeras_over_it"], theirs["program_over_it"]) == (2.0, 4.0)
    text = models.table(rows)
    assert "program / it" in text
    assert "launches" in text
    assert _aims.rival(rows) == ("torch", 2.0, 4.0)


def made(*yardsticks: float) -> dict[str, Any]:
    """Results of two models, ours 10 and 12 steps a second, with Keras on torch and on JAX."""
    found = {
        name: {
            "tkeras": [output(10.0)],
            "tkeras compiled": [output(12.0)],
            "keras torch": [{**output(rate), "peak_megabytes": 90.0, "third_step_seconds": 0.8}],
            "keras jax": [output(16.0)] if name == "mlp" else [output(1.0)],
        }
        for name, rate in zip(("mlp", "headline"), yardsticks, strict=True)
    }
    facts = {
        "processor": "P", "cores": "2", "threads": "2", "load": "0.1", "command": "c", "date": "d", "torch": "2",
    }  # fmt: skip
    failed = [{"model": "mlp", "what": "torch", "reason": "failed: no compiler"}]
    return models.results(facts, 1, found, failed, "out of time after 3 minutes")


def test_losses_come_first_with_the_aims_beside() -> None:
    results = made(4.0, 4.0)
    assert [*_aims.losses(results["models"])] == [
        "mlp: 0.75x the steps a second of keras jax",
        "mlp: peak memory is 1.11x keras torch's",
        "headline: peak memory is 1.11x keras torch's",
    ]
    assert _aims.aimed("mlp", results["models"]["mlp"]) == "≥ 4.0 (missed), then ≥ 5.7 (missed)"
    assert _aims.aimed("headline", results["models"]["headline"]) == "≥ 2.3 (reached)"
    text = models.text(results)
    assert text.startswith("\nMissed:\n* mlp: 0.75x")
    assert "Aim over keras torch: ≥ 2.3 (reached); measured: 3.00" in text
    assert "Not complete: out of time after 3 minutes." in text
    assert "not measured: mlp torch: failed: no compiler" in text


def test_the_readme_shows_ratios_aims_and_losses(tmp_path: Path) -> None:
    models.write(tmp_path / "models-cpu.json", made(4.0, 4.0))
    assert [file.name for file in tmp_path.iterdir()] == ["models-cpu.json"]
    text = readme.section(tmp_path)
    assert text.index("* mlp: 0.75x the steps a second of keras jax") < text.index("| model ")
    (row,) = [line for line in text.splitlines() if line.startswith("| mlp (64)")]
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells == [
        "mlp (64)", "keras jax: 0.75", "2.50 / 3.00", "0.62 / 0.75", "≥ 4.0 (missed), then ≥ 5.7 (missed)",
    ]  # fmt: skip
    assert "out of time after 3 minutes, after 1 to 1 rounds" in text


ROW_KEYS = {
    "contender", "rounds", "values", "steps", "steps_per_second", "import_seconds", "first_step_seconds",
    "third_step_seconds", "peak_megabytes", "launches", "tkeras_over_it", "program_over_it",
}  # fmt: skip


def test_the_schema_is_stable() -> None:
    results = json.loads(json.dumps(made(4.0, 4.0)))
    assert results["schema"] == models.SCHEMA == 2
    assert {*results} == {
        "schema", "kind", "environment", "end", "rounds", "models", "not_measured",
    }  # fmt: skip
    assert all({*row} == ROW_KEYS for rows in results["models"].values() for row in rows)
    assert all({*entry} == {"model", "what", "reason"} for entry in results["not_measured"])


def test_what_is_not_installed_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    gone = ("jax", "tensorflow")
    monkeypatch.setattr(models.importlib.util, "find_spec", lambda name: None if name in gone else True)
    monkeypatch.delenv("PERF_JAX", raising=False)
    assert models.absent("keras jax") == "jax not installed"
    assert models.absent("torch") == ""
    monkeypatch.setenv("PERF_TENSORFLOW", str(tmp_path))
    assert models.absent("keras tensorflow") == "tensorflow not installed"
    (tmp_path / "tensorflow").mkdir()
    (tmp_path / "tensorflow" / "__init__.py").touch()
    assert models.absent("keras tensorflow") == ""


@pytest.fixture
def processes(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """Every process that would have been started; torch.compile fails, JAX is not there."""
    runs: list[tuple[str, str]] = []

    def run(name: str, contender: str, seconds: float, counted: bool) -> dict[str, Any]:
        assert counted == ((name, contender) not in runs)
        runs.append((name, contender))
        if contender == "torch.compile":
            raise models.WrongTrainingError("failed: no compiler")
        if len(runs) == 9:
            raise KeyboardInterrupt
        return output(10.0)

    monkeypatch.setattr(models, "_in_process", run)
    monkeypatch.setattr(models, "absent", lambda contender: "no" if contender == "keras jax" else "")
    monkeypatch.setattr(models, "_limit", lambda threads: None)
    return runs


def test_an_interrupted_run_keeps_what_it_has(
    processes: list[Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "found.json"
    chosen = ["tkeras", "torch.compile", "keras torch", "keras jax"]
    arguments = ["mlp", "ticket", "--rounds", "5", "--json", str(file), "--contenders", *chosen]
    assert models.main(arguments) == 130
    every = [(name, contender) for name in ("mlp", "ticket") for contender in chosen[:3]]
    assert processes[:6] == every
    assert processes[6:] == [place for place in every if place[1] != "torch.compile"][:3]
    found = json.loads(file.read_text())
    assert found["end"] == "interrupted"
    assert {row["contender"]: row["rounds"] for row in found["models"]["mlp"]} == {
        "tkeras": 2,
        "keras torch": 2,
    }
    assert {entry["reason"] for entry in found["not_measured"]} == {"no", "failed: no compiler"}
    assert "Not complete: interrupted." in capsys.readouterr().out


def test_no_process_starts_when_the_time_is_over(processes: list[Any], tmp_path: Path) -> None:
    options = argparse.Namespace(rounds=1, names=["mlp"], contenders=["tkeras"], minutes=-1.0, seconds=1.0)
    with pytest.raises(models.OutOfTimeError):
        next(models.measuring(options, {"mlp": {}}, []))
    assert processes == []


def test_slower_than_the_base_is_1(
    processes: list[Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base, wrong = tmp_path / "base.json", tmp_path / "wrong.json"
    arguments = ["mlp", "--rounds", "2", "--contenders", "tkeras", "keras torch"]
    assert models.main([*arguments, "--json", str(base)]) == 0
    processes.clear()
    assert models.main([*arguments, "--base", str(base)]) == 0
    better = json.loads(base.read_text())
    better["models"]["mlp"][0]["values"] = [20.0, 20.0]
    base.write_text(json.dumps(better))
    processes.clear()
    assert models.main([*arguments, "--base", str(base)]) == 1
    assert "+100.0%" in capsys.readouterr().out
    wrong.write_text("[]")
    with pytest.raises(SystemExit):
        models.main([*arguments, "--base", str(wrong)])
    assert "--base" in capsys.readouterr().err
