"""``model.kernel_report()`` and ``python -m tkeras report``."""

from __future__ import annotations

import sys
import types
from html.parser import HTMLParser
from typing import Any

import pytest
import torch

import tkeras
from tkeras import layers
from tkeras.cli import main
from tkeras.models import _kernel_report

pytestmark = pytest.mark.skipif(torch.cuda.is_available(), reason="times of a CPU")


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing here depends on a time: take each once, and the ceilings as given."""

    def once(call: Any, device: str) -> float:
        call()
        return 1e-3

    monkeypatch.setattr(_kernel_report, "seconds", once)
    monkeypatch.setattr(
        _kernel_report, "measure_ceilings", lambda device, dtype: _kernel_report.Ceilings(10.0, 20.0)
    )


def small() -> Any:
    words = tkeras.Input((6,), dtype="int32")
    hidden = layers.Embedding(11, 4, name="words")(words)
    hidden = layers.LSTM(5, name="memory")(hidden)
    hidden = layers.BatchNormalization(name="norm")(hidden)
    hidden = layers.Dropout(0.5, name="drop")(hidden)
    return tkeras.Model(words, layers.Dense(3, activation="relu", name="top")(hidden), name="small")


def test_every_operator_of_a_step_has_a_line() -> None:
    model = small()
    before = [variable.detach().clone() for variable in model.variables]
    report = model.kernel_report(batch=7)
    assert [(line.layer, line.op) for line in report.lines] == [
        ("words", "embedding"),
        ("memory/lstm_cell", "lstm"),
        ("norm", "batch_norm"),
        ("drop", "dropout"),
        ("top", "dense"),
    ]
    dense = report.lines[-1]
    assert dense.shapes == "7x5 5x3 3"
    assert dense.reason == "no GPU: tensors on cpu"
    assert dense.share == pytest.approx(1.0)
    assert dense.gflops == pytest.approx(2 * 7 * 5 * 3 / 1e-3 / 1e9)
    assert dense.bound == pytest.approx(max(210 / 20e9, 4 * (7 * 5 + 5 * 3 + 3 + 7 * 3) / 10e9))
    assert dense.error is not None
    assert dense.error < 1e-5
    assert report.lines[3].error is None
    for variable, value in zip(model.variables, before, strict=True):
        assert torch.equal(variable, value)
        assert variable.grad is None


class Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append(tag)


def test_it_reads_as_text_and_as_a_page() -> None:
    report = small().kernel_report(batch=2)
    text = str(report)
    assert text.startswith("small, batch 2 on the CPU: 1.000 ms forward and backward.")
    assert "embedding: no GPU: tensors on cpu" in text
    assert "costs most" in text
    page = Page()
    page.feed(report.to_html())
    assert page.tags.count("tr") == 1 + len(report.lines)
    assert "<table>" in report._repr_html_()


def test_a_batch_may_be_given() -> None:
    class Own(tkeras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.dense = layers.Dense(2)

        def call(self, inputs: Any) -> Any:
            return self.dense(inputs)

    model = Own()
    with pytest.raises(ValueError, match="Expected `x`"):
        model.kernel_report()
    assert model.kernel_report(x=torch.ones(3, 4)).batch == 3


def test_a_saved_model_and_one_in_a_module(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    model = small()
    file, page = tmp_path / "small.keras", tmp_path / "page.html"
    model.save(file)
    assert main(["report", str(file), "--batch", "2", "--html", str(page)]) == 0
    assert "small, batch 2" in capsys.readouterr().out
    assert page.read_text().startswith("<!doctype html>")
    module = types.ModuleType("a_module")
    module.__dict__.update(model=model, make=small, number=3, wrong=lambda: 3)
    monkeypatch.setitem(sys.modules, "a_module", module)
    assert main(["report", "a_module:model", "--batch", "1"]) == 0
    assert main(["report", "a_module:make", "--batch", "1"]) == 0
    capsys.readouterr()
    for name, text in (
        ("a_module:wrong", "to be a model. Received: int"),
        ("a_module:none", "no attribute 'none'"),
        ("no_module:model", "No module named 'no_module'"),
        (str(tmp_path / "none.keras"), "none.keras"),
    ):
        assert main(["report", name]) == 1
        assert text in capsys.readouterr().err
    assert main(["report", str(file), "--batch", "0"]) == 1
