"""``model.kernel_report()`` and ``python -m tkeras report``."""

from __future__ import annotations

import dataclasses
import sys
import types
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest
import torch

import tkeras
from tkeras import layers
from tkeras.cli import main
from tkeras.models import _kernel_measure
from tkeras_kernels.tuning import Ceilings

pytestmark = pytest.mark.skipif(torch.cuda.is_available(), reason="times of a CPU")


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing here depends on a time: take each once, and the ceilings as given."""

    def once(call: Any, device: str, rounds: int = 1, middle: Any = None) -> float:
        call()
        return 1e-3

    def ceilings(device: str, dtype: torch.dtype) -> Ceilings:
        return Ceilings(10.0, 60.0 if dtype == torch.bfloat16 else 20.0)

    monkeypatch.setattr(_kernel_measure, "seconds", once)
    monkeypatch.setattr(_kernel_measure, "measure_ceilings", ceilings)


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
    assert text.startswith("small, batch 2 on the CPU: 1.000 ms forward and backward, eager,")
    assert "* embedding, lstm, batch_norm, dropout, dense: no GPU: tensors on cpu" in text
    assert "costs most" in text
    assert "A batch of 4 takes 1.00x the time of 2: 2.00x the samples a second." in text
    page = Page()
    page.feed(report.to_html())
    assert page.tags.count("tr") == 1 + len(report.lines)
    assert page.tags.count("svg") == 1
    assert not {"script", "link", "img"} & {*page.tags}
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
    assert model.kernel_report(x=np.ones((3, 4), "float32")).batch == 3
    assert model.kernel_report(batch=5).batch == 5  # it knows its shape by now
    fixed = tkeras.Input(batch_shape=(4, 3))
    with pytest.raises(ValueError, match="Expected batch 4"):
        tkeras.Model(fixed, layers.Dense(2)(fixed)).kernel_report()
    text = tkeras.Input((1,), dtype="string")
    numbers = layers.Hashing(10, output_mode="one_hot")(text)
    with pytest.raises(ValueError, match="takes strings"):
        tkeras.Model(text, layers.Dense(2)(numbers)).kernel_report()


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
    module.__dict__.update(late=lambda: tkeras.Sequential([layers.Embedding(9, 2), layers.Dense(2)]))
    module.__dict__.update(takes=lambda keras: model, text="model")
    for name, text in (
        ("late", "--shape"), ("takes", "without arguments"), ("text", "without arguments"),
    ):  # fmt: skip
        assert main(["report", f"a_module:{name}"]) == 1
        assert text in capsys.readouterr().err
    assert main(["report", "a_module:late", "--shape", "4:int32", "--batch", "3"]) == 0
    assert "3x4 9x2" in capsys.readouterr().out


class Scale(layers.Layer):
    """Code of its own, without an operator."""

    def build(self, input_shape: Any) -> None:
        self.scale = self.add_weight((input_shape[-1],), "ones")

    def call(self, inputs: Any) -> Any:
        return torch.cumsum(inputs, -1) * self.scale


def convolutions() -> Any:
    stack = [
        tkeras.Input((12, 12, 1)), layers.Conv2D(2, 3, activation="relu", name="conv"), layers.MaxPooling2D(name="pool"),
        layers.Flatten(name="flat"), Scale(name="own"), layers.Dropout(0.5, name="drop"), layers.Dense(3, name="top"),
    ]  # fmt: skip
    return tkeras.Sequential(stack)


def masked() -> Any:
    words = tkeras.Input((5,), dtype="int32")
    hidden = layers.Embedding(9, 4, mask_zero=True, name="words")(words)
    return tkeras.Model(words, layers.Bidirectional(layers.LSTM(3, name="lstm"), name="both")(hidden))


def transformer() -> Any:
    inputs = tkeras.Input((5, 8))
    seen = layers.MultiHeadAttention(2, 4, name="look")(inputs, inputs)
    return tkeras.Model(
        inputs, layers.LayerNormalization(name="norm")(layers.Add(name="sum")([inputs, seen]))
    )


def half() -> Any:
    inputs = tkeras.Input((4,))
    hidden = layers.Dense(4, dtype="mixed_bfloat16", name="half")(inputs)
    return tkeras.Model(inputs, layers.Dense(2, dtype="float32", name="whole")(hidden))


EXPECTED = {
    convolutions: ["conv conv", "pool max_pool", "own Scale", "drop dropout", "top dense"],
    masked: ["words embedding", "both/forward_lstm/lstm_cell lstm", "both/backward_lstm/lstm_cell lstm"],
    transformer: [
        "look/query dense", "look/key dense", "look/value dense", "look attention", "look/attention_output dense",
        "sum Add", "norm layer_norm",
    ],
    half: ["half dense", "whole dense"],
}  # fmt: skip


@pytest.mark.parametrize("make", EXPECTED, ids=lambda make: make.__name__)
def test_calls_of_many_models(make: Any) -> None:
    """Each call has its line, in order; layers of torch code too, but not those that only look differently at
    memory; everything that trains has a backward."""
    model = make()
    state = [variable.detach().clone() for variable in model.variables]
    report = model.kernel_report(batch=2)
    assert [f"{line.layer} {line.op}" for line in report.lines] == EXPECTED[make]
    assert all(line.backward is not None for line in report.lines)
    assert all((line.error is None) == (line.op in ("Scale", "Add", "dropout")) for line in report.lines)
    assert all(torch.equal(a, b) for a, b in zip(model.variables, state, strict=True))
    assert all(not layer._forward_hooks for layer in model._flat_layers())


def test_own_code_is_a_fallback_and_each_dtype_has_its_ceiling() -> None:
    assert "Scale: the layer's own code, no operator" in convolutions().kernel_report(2).fallbacks()
    first, second = (report := half().kernel_report(2)).lines
    assert (first.dtype, second.dtype) == ("bfloat16", "float32")
    assert {name: reached.product for name, reached in report.ceilings.items()} == {
        "bfloat16": 60.0,
        "float32": 20.0,
    }
    assert first.bound == pytest.approx(2 * (2 * 4 + 4 * 4 + 4 + 2 * 4) / 10e9)


def test_backward_takes_gradients_of_what_trains_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first layer's input needs none: what is timed is what the step does."""
    wanted: list[int] = []
    grad = torch.autograd.grad

    def count(outputs: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        wanted.append(len(inputs))
        return grad(outputs, inputs, *args, **kwargs)

    monkeypatch.setattr(torch.autograd, "grad", count)
    inputs = tkeras.Input((4,))
    hidden = layers.Dense(4)(inputs)
    tkeras.Model(inputs, layers.Dense(2)(hidden)).kernel_report(2)
    assert wanted == [2, 3]


def test_advice_follows_the_numbers() -> None:
    def line(**changes: Any) -> Any:
        (own,) = (found := tkeras.Sequential([tkeras.Input((3,)), layers.Dense(2)]).kernel_report(2)).lines
        assert found.step == 1e-3
        return dataclasses.replace(own, **changes)

    reached = {"float32": Ceilings(10.0, 20.0)}

    def advice(lines: list[Any], longer: float, device: str = "cpu") -> str:
        return " ".join(_kernel_measure._advice(lines, 1e-3, device, reached, 8, longer * 1e-3))

    slow = line(share=0.5, forward=4e-4, bound=1e-4, limit="memory")
    text = advice([slow], 2.0)
    assert "whose forward takes 4.0x what memory allows" in text
    assert "50% of the step is outside these calls" in text
    assert "A batch of 16 takes 2.00x the time of 8: a larger one brings little." in text
    assert "bfloat16" not in text
    fast = line(share=0.9, forward=2e-4, bound=1e-4, limit="product")
    text = advice([fast], 2.5)
    assert "reaches 3.0x the rate: try the dtype policy 'mixed_bfloat16'" in text
    assert "outside these calls" not in text
    assert "a smaller one is better" in text
    reached["float32"] = Ceilings(10.0, 60.0)
    assert "would not help" in advice([fast], 2.5)
    assert "less than their launch" in advice([line(forward=1e-6)], 1.0, "cuda")


def test_what_no_graph_takes_is_timed_with_its_launches(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any) -> float:
        raise RuntimeError("operation not permitted when stream is capturing")

    monkeypatch.setattr(_kernel_measure, "seconds", refuse)
    monkeypatch.setattr(_kernel_measure, "eager_sample", lambda call: lambda: 2.0)
    clock = _kernel_measure._Clock("cuda")
    assert clock(lambda: None) == 2.0
    assert not clock.captured
    with pytest.raises(RuntimeError, match="capturing"):
        _kernel_measure._Clock("cpu")(lambda: None)
