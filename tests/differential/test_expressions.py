"""Expressions on losses, metrics, optimizers and small objects: the same outcome as in real Keras."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
import pytest
import torch

import tkeras
from tests.differential.outcomes import WORDS, agree, outcome

FILES = sorted((Path(__file__).parent / "expressions").glob("*.txt"))


class Pair(NamedTuple):
    """A named tuple to walk through."""

    x: Any
    y: Any


def names(k: Any) -> dict[str, Any]:
    """What the expressions call by short names."""
    labels = np.array([0, 1, 1, 2])

    def variable(value: Any = (1.0, 2.0), name: str | None = None) -> Any:
        return k.Variable(np.array(value, "float32"), name=name)

    def run(metric: Any, *args: Any, **kwargs: Any) -> Any:
        metric.update_state(*args, **kwargs)
        return metric.result()

    def step(optimizer: Any, count: int = 1) -> Any:
        made = variable()
        for _ in range(count):
            optimizer.apply([torch.tensor((1.0, -1.0))], [made])
        return made

    def built(optimizer: Any) -> Any:
        optimizer.build([variable(name="a"), variable(name="b")])
        return optimizer

    return {
        "M": k.metrics,
        "O": k.optimizers,
        "S": k.optimizers.schedules,
        "I": k.initializers,
        "R": k.regularizers,
        "C": k.constraints,
        "A": k.activations,
        "Rn": k.random,
        "U": k.utils,
        "T": k.tree,
        "Sv": k.saving,
        "Sq": k.preprocessing.sequence,
        "Im": k.preprocessing.image,
        "K": lambda *shape, d="float32": k.KerasTensor(shape, d),
        "ones": lambda *shape: torch.ones(shape),
        "Q": k.quantizers,
        "D": k.dtype_policies,
        "xq": np.array([[1.0, -2.0, 0.5], [0.0, 4.0, -1.0]], "float32"),
        "aq": np.array([[-8, 7], [1, -1], [3, -4]], "int8"),
        "Pair": Pair,
        "OD": OrderedDict,
        "V": variable,
        "run": run,
        "step": step,
        "built": built,
        "x": torch.tensor([[1.0, -2.0, 3.0], [-0.5, 0.25, 0.0]]),
        "y": np.array([[0.0, 1], [1, 0], [1, 1], [0, 0]], "float32"),
        "a": np.arange(6.0).reshape(2, 3),
        "p": np.array([[0.1, 0.8], [0.6, 0.4], [0.2, 0.7], [0.9, 0.3]], "float32"),
        "w": np.array([1.0, 2, 0.5, 0], "float32"),
        "yi": labels,
        "lg": np.array([[0.9, 0.05, 0.05], [0.2, 0.5, 0.3], [0.6, 0.3, 0.1], [0, 0, 1.0]], "float32"),
        "oh": np.eye(3, dtype="float32")[labels],
    }


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_outcomes_are_those_of_keras(file: Path) -> None:
    scopes = {library: names(library) for library in (tkeras, keras)}
    wrong = []
    for expression in filter(None, map(str.strip, file.read_text().splitlines())):
        results = []
        for library, scope in scopes.items():
            library.utils.clear_session(free_memory=False)
            results.append(outcome(expression, library, scope))
        try:
            agree(*results, expression, 1 if file.stem == "ops" else WORDS)
        except AssertionError as error:
            wrong.append(str(error).splitlines()[0])
    assert not wrong, "\n".join(wrong)
