"""``python -m tkeras coverage``: the list of names is Keras' own, what it says holds, the aims are met.

``python -m tests.test_coverage`` writes the list anew from the Keras that is installed.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import re
import types
import warnings
from pathlib import Path
from typing import Any

import pytest

from tkeras.cli import main
from tkeras.cli._coverage import entries, keras_names
from tkeras.cli._differences import DIFFERENT, LEFT_OUT

ROOT = Path(__file__).parent.parent
NAMES = ROOT / "tkeras" / "cli" / "keras_names.txt"
COMPARED = ("losses", "metrics", "optimizers", "initializers", "regularizers", "constraints")
BASES = {
    "Loss",
    "Metric",
    "Optimizer",
    "Initializer",
    "Regularizer",
    "Constraint",
    "deserialize",
    "serialize",
    "get",
}
HERE = Path(__file__).parent


def installed_names() -> list[str]:
    """The public names of the Keras that is installed: what its namespaces export."""
    os.environ["KERAS_BACKEND"] = "torch"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        keras = importlib.import_module("keras")
    found: set[str] = set()

    def visit(module: Any, path: str) -> None:
        for name in dir(module):
            value = getattr(module, name)
            if name.startswith("_") or name in ("src", "legacy"):
                continue
            if not isinstance(value, types.ModuleType):
                found.add(f"{path}.{name}")
            elif value.__name__.startswith("keras."):
                visit(value, f"{path}.{name}")

    visit(keras, "keras")
    return sorted(found)


@pytest.mark.skipif(importlib.util.find_spec("keras") is None, reason="Keras is not installed")
def test_the_list_is_that_of_keras() -> None:
    assert keras_names() == installed_names()


def test_reasons_are_given_for_names_that_exist() -> None:
    names = keras_names()
    assert set(DIFFERENT) <= set(names)
    for name in LEFT_OUT:
        assert any(other == name or other.startswith(f"{name}.") for other in names), name
    states = {entry.name: entry.state for entry in entries()}
    assert {states[name] for name in DIFFERENT} == {"different"}


@pytest.mark.parametrize(
    "namespace",
    [
        f"keras.{name}"
        for name in (*COMPARED, "activations", "layers", "callbacks", "random", "optimizers.schedules")
    ],
)
def test_nothing_is_missing_but_what_was_left_out(namespace: str) -> None:
    missing = [entry for entry in entries(namespace) if entry.state == "missing"]
    assert all(entry.name in LEFT_OUT for entry in missing), missing


@pytest.mark.parametrize(
    "namespace", ["keras.ops", "keras.ops.numpy", "keras.ops.nn", "keras.ops.image", "keras.ops.linalg"]
)
def test_nine_of_ten_ops_are_there(namespace: str) -> None:
    states = [entry.state for entry in entries(namespace)]
    assert states.count("missing") <= len(states) // 10


@pytest.mark.parametrize("namespace", [f"keras.{name}" for name in COMPARED])
def test_what_is_called_equal_is_compared_with_keras(namespace: str) -> None:
    """It is named in a differential test, under one of its names; layers and activations are listed by name."""
    text = "\n".join(source.read_text() for source in HERE.joinpath("differential").glob("*.py"))
    words = {word.replace("_", "").lower() for word in re.findall(r"\w+", text)}
    unknown = [
        entry.name
        for entry in entries(namespace)
        if entry.state == "equal"
        and words.isdisjoint(name.replace("_", "").lower() for name in aliases(entry.name))
    ]
    assert {name.rpartition(".")[2] for name in unknown} <= BASES


def aliases(name: str) -> set[str]:
    """The names in a namespace of the object that one of them is."""
    module = importlib.import_module(name.rpartition(".")[0].replace("keras", "tkeras", 1))
    value = getattr(module, name.rpartition(".")[2])
    return {other for other in dir(module) if getattr(module, other) is value}


def test_the_command_prints_tables_and_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["coverage", "--namespace", "layers"]) == 0
    printed = capsys.readouterr().out
    assert "keras.layers" in printed
    assert "JaxLayer" in printed
    assert main(["coverage", "--namespace", "keras.random", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert {"name": "keras.random.uniform", "state": "equal", "reason": ""} in listed
    assert main(["coverage", "--namespace", "nowhere"]) == 1
    assert "has no namespace 'keras.nowhere'" in capsys.readouterr().out


if __name__ == "__main__":
    NAMES.write_text("\n".join(installed_names()) + "\n")
