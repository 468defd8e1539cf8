"""Variables, symbolic tensors and name scopes against real Keras, one expression a line."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

import tkeras
from tests.differential.outcomes import agree, outcome

VARIABLES = """
    k.Variable([1, 2], trainable=False).dtype
    k.Variable(1, trainable=False).dtype
    k.Variable([True], trainable=False).dtype
    k.Variable([1, 2.0]).dtype
    k.Variable(np.ones(2)).dtype
    k.Variable(np.ones(2, "uint16"), trainable=False).dtype
    k.Variable(torch.ones(2, dtype=torch.float16)).dtype
    k.Variable(1 + 2j, trainable=False).dtype
    k.Variable("ones", shape=(2,))
    k.Variable("zeros", (2, 3), dtype="float16")
    k.Variable("ones")
    k.Variable(k.initializers.Ones(), (2,))
    k.Variable(k.initializers.Ones())
    k.Variable(lambda shape, dtype: k.ops.ones(shape, dtype), (2,))
    k.Variable(1.0, name="a/b")
    k.Variable(1.0, name=3)
    k.Variable(1.0, aggregation="mean").aggregation
    k.Variable(1.0, aggregation=None).aggregation
    k.Variable(1.0, aggregation="foo")
    k.Variable(1.0).synchronization
    k.Variable(1.0, synchronization="on_read").synchronization
    k.Variable(1.0, synchronization="foo")
    k.Variable(1.0, trainable=False).trainable
    repr(k.Variable([1.0, 2.0], name="q"))
    setattr(v, "regularizer", 3)
    setattr(v, "constraint", 3)
    v.assign(np.zeros(3))
    v.assign([[1, 2], [3, 4]])
    v.assign_add(np.ones((2, 2)))
    v.assign_sub(1.0)
    v.assign_add(np.ones(3))
    v + 1
    1 + v
    v / 2
    2 // v
    v % 2
    v @ v
    2**v
    -v
    abs(v)
    v < 2
    v != v
    v[0, 1]
    float(k.Variable(2.0))
    np.asarray(v)
    v.numpy()
    k.ops.sum(v)
    [v.name, v.path, v.trainable, v.ndim, v.shape, v.regularizer, v.constraint]
    k.name_scope(3)
    k.name_scope("a/b")
"""
SYMBOLIC = """
    x + 1
    1 - x
    k.ops.add(x, x)
    k.layers.Dense(4)(x)
    k.KerasTensor(3)
    k.KerasTensor(None)
    k.KerasTensor((2, "a"))
    k.KerasTensor((-1, 3))
    k.KerasTensor([2, 3])
    k.KerasTensor((2,), dtype="foo")
    len(k.KerasTensor((2, 1)))
    bool(x)
    float(x)
    int(x)
    iter(x)
    x != 0
    x != x
    x == x
    x & x
    x | True
    ~k.KerasTensor((2,), dtype="int32")
    x < 1
    1 < x
    x**2
    2**x
    x // 2
    x % 2
    -x
    abs(x)
    round(x)
    x @ k.KerasTensor((3, 4))
    x[0]
    x[:, 1:]
    x[..., None]
    x.reshape((3, -1))
    k.KerasTensor((2, 1)).squeeze()
    k.KerasTensor((2, 1)).squeeze(1)
    k.KerasTensor((2, 1)).squeeze(0)
    [x.sparse, x.ragged, x.ndim, x.shape, x.dtype, x.record_history]
    np.asarray(x)
"""


def lines(text: str) -> list[str]:
    return [line.strip() for line in text.strip().splitlines()]


@pytest.mark.parametrize("expression", lines(VARIABLES))
def test_variables(expression: str) -> None:
    results = []
    for library in (tkeras, keras):
        v = library.Variable(np.array([[1.0, 2.0], [3.0, 4.0]], "float32"), name="v")
        results.append(outcome(expression, library, {"v": v}))
    agree(*results, expression)


@pytest.mark.parametrize("expression", lines(SYMBOLIC))
def test_symbolic_tensors(expression: str) -> None:
    results = [
        outcome(expression, library, {"x": library.KerasTensor((None, 3))}) for library in (tkeras, keras)
    ]
    agree(*results, expression)


def test_name_scopes() -> None:
    paths = []
    library: Any
    for library in (tkeras, keras):
        one, two, found = object(), object(), []

        def path(library: Any = library) -> str:
            return library.Variable(1.0, name="x").path

        with library.name_scope("a", caller=one):
            with library.name_scope("a", caller=one):
                found.append(path())
            for options in (
                {"caller": two},
                {"caller": one, "deduplicate": False},
                {"override_parent": "z"},
                {"override_parent": ""},
            ):
                with library.name_scope("a", **options), library.name_scope("b"):
                    found.append(path())
        paths.append([*found, path()])
    assert paths[0] == paths[1]
