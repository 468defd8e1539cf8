"""Explanations, the command, and the structure of a step: launches and host reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import tkeras
from tests import seed_models
from tkeras import layers, losses
from tkeras.cli import main
from tkeras.compiler import Explanation
from tkeras.compiler._explain import default_specs, example_batch
from tkeras.compiler._figures import step_figures


def cnn() -> Any:
    inputs = tkeras.Input((10, 10, 3))
    x = layers.Conv2D(4, 3, use_bias=False, name="conv")(inputs)
    x = layers.BatchNormalization(name="norm")(x)
    x = layers.ReLU(name="act")(x)
    x = layers.MaxPooling2D(2)(x)
    return tkeras.Model(inputs, layers.Dense(2)(layers.Flatten()(x)))


def lstm() -> Any:
    return tkeras.Sequential([tkeras.Input((6, 4)), layers.LSTM(5), layers.Dense(3)])


def compiled(make: Any) -> Any:
    model = make()
    loss = losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", loss, metrics=["accuracy"])
    return model


def test_programs_say_operators_operands_attributes_layers() -> None:
    model = seed_models.siamese_model(tkeras)
    explained = model.explain()
    assert [op.name for op in explained.before.ops] == ["lstm", "lstm", "torch.call", "dense"]
    assert [op.name for op in explained.after.ops].count("lstm") == 1
    merged = next(op for op in explained.after.ops if op.name == "lstm")
    assert merged.layer == model.layers[2].name
    assert merged.inputs[0].type.shape == (64, 10, 12)
    assert merged.attributes["return_sequences"] is False
    assert [name for name, _ in explained.steps] == ["merge_shared", "remove_dead"]


def test_prints_as_text_and_html() -> None:
    explained = cnn().explain()
    text = str(explained)
    for part in (
        "before:\nprogram @",
        "after fold_batch_norm:",
        "after fuse_activations:",
        "kernels:",
        "no GPU",
    ):
        assert part in text
    html = explained._repr_html_()
    assert html.count("<pre>") == 3
    assert "program @" in html


def test_summary_has_a_column_of_kernels() -> None:
    lines: list[str] = []
    cnn().summary(kernels=True, print_fn=lines.append)
    assert "Kernel" in lines[0]
    assert "fused into" in lines[0]


def test_kernel_source_is_the_generated_code() -> None:
    dense = layers.Dense(3, activation=lambda x: x * tkeras.ops.sigmoid(1.5 * x))
    dense(tkeras.Input((4,)))
    assert "def apply(x):" in dense.kernel_source()
    assert "1.5" in dense.kernel_source()
    recurrent = lstm().layers[0]
    assert "# lstm: step" in recurrent.kernel_source()
    assert "no generated code" in cnn().layers[4].kernel_source()


# ATen calls of a step with SGD, softmax cross-entropy and accuracy. Of the MLP: 3 products with their activations
# forward, 2 for the loss and 2 for its gradient, 3 to count hits and 1 to add up the metrics, 3 + 2 products, 3 sums
# and 2 activations backward, 1 update of all weights and 1 of the step count.
EXPECTED = {"mlp": (lambda: seed_models.mnist_model(tkeras), 23), "cnn": (cnn, 31), "lstm": (lstm, 25)}


@pytest.mark.parametrize("name", EXPECTED)
def test_launches_and_host_reads_of_a_step(name: str) -> None:
    """The only value read on the host is the learning rate, which lies there."""
    make, launches = EXPECTED[name]
    model = compiled(make)
    weights = [w.clone() for w in model.weights]
    figures, _, _ = step_figures(model, example_batch(model, default_specs(model)))
    assert figures.launches[1] == launches
    assert figures.launches[1] <= figures.launches[0]
    assert figures.host_reads[1] == 1
    assert figures.saved[1] <= figures.saved[0]
    assert figures.planned[1] < figures.planned[0]
    assert all((before == after).all() for before, after in zip(weights, model.weights, strict=True))


def test_explains_the_step() -> None:
    explained = compiled(lstm).explain(training=True)
    assert isinstance(explained, Explanation)
    assert "launches a step" in str(explained)
    assert explained.step is not None
    kinds = [op.name for op in explained.step.ops]
    order = [kinds.index(name) for name in ("lstm", "dense", "dense.backward", "lstm.backward", "update")]
    assert order == sorted(order)
    assert any(
        op.function is not None and op.function.__name__ == "cross_entropy" for op in explained.before.ops
    )


MODULE = """
import tkeras
def model():
    return tkeras.Sequential([tkeras.Input((4,)), tkeras.layers.Dense(2), tkeras.layers.ReLU()])
class Free(tkeras.Model):
    def __init__(self):
        super().__init__()
        self.dense = tkeras.layers.Dense(2)
    def call(self, x):
        return self.dense(x) if x.sum() > 0 else x
"""


def test_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "own.py"
    file.write_text(MODULE)
    assert main(["explain", f"{file}:model", "--shape", "3,4"]) == 0
    text = capsys.readouterr().out
    assert "after fuse_activations" in text
    assert "3x2xf32" in text
    assert main(["explain", f"{file}:Free", "--shape", "3,4"]) == 1
    assert f"at {file}:10" in capsys.readouterr().err
    assert main(["explain", f"{file}:Free"]) == 1
    assert "pass `specs`" in capsys.readouterr().err
    assert main(["explain", f"{tmp_path}/none.py:x"]) == 1
    assert main(["explain", "nonsense"]) == 1
    assert "FILE_OR_MODULE:NAME" in capsys.readouterr().err
