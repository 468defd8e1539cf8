"""Estimators of scikit-learn around models, beside real Keras."""

from __future__ import annotations

from typing import Any

import keras.wrappers
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import tkeras.wrappers
from tests.differential.carry import assert_close

X = np.random.default_rng(0).normal(size=(30, 4)).astype("float32")
LABELS = np.array(list("abc"))[(X[:, 0] > 0).astype(int) + (X[:, 1] > 0)]
QUIET = {"epochs": 3, "verbose": 0, "batch_size": 30, "shuffle": False}


def maker(library: Any) -> Any:
    """A function that makes a small compiled model."""

    def make(X: Any, y: Any, loss: str = "categorical_crossentropy", activation: Any = "softmax") -> Any:
        inputs = library.Input((X.shape[1],))
        outputs = library.layers.Dense(y.shape[1], activation=activation, kernel_initializer="ones")(inputs)
        model = library.Model(inputs, outputs)
        model.compile("sgd", loss)
        return model

    return make


@pytest.mark.parametrize("labels", [LABELS, (X[:, 0] > 0).astype(int)])
def test_classifiers(labels: Any) -> None:
    found = []
    for library in (tkeras, keras):
        estimator = library.wrappers.SKLearnClassifier(maker(library), fit_kwargs=QUIET).fit(X, labels)
        found.append(
            (
                estimator.history_.history["loss"],
                estimator.predict(X).tolist(),
                estimator.classes_.tolist(),
                estimator.score(X, labels),
            )
        )
    (loss, *ours), (real_loss, *real) = found
    assert_close(loss, real_loss, "losses")
    assert ours == real


def test_regressors_and_transformers() -> None:
    arguments = {"model_kwargs": {"loss": "mse", "activation": None}, "fit_kwargs": QUIET}
    results = []
    for library in (tkeras, keras):
        regressor = library.wrappers.SKLearnRegressor(maker(library), **arguments).fit(X, X[:, 0])
        transformer = library.wrappers.SKLearnTransformer(maker(library), **arguments).fit(X, X[:, 1])
        results.append((regressor.predict(X), [regressor.score(X, X[:, 0])], transformer.transform(X)))
    for ours, real in zip(*results, strict=True):
        assert_close(ours, real, "prediction")


def test_estimators_are_scikit_learns() -> None:
    estimator = tkeras.wrappers.SKLearnClassifier(maker(tkeras), fit_kwargs=QUIET)
    with pytest.raises(NotFittedError):
        estimator.predict(X)
    assert make_pipeline(StandardScaler(), clone(estimator)).fit(X, LABELS).predict(X[:2]).shape == (2,)
    assert cross_val_score(estimator, X, LABELS, cv=2).shape == (2,)
    with pytest.raises(ValueError, match="X has 2 features"):
        estimator.fit(X, LABELS).predict(X[:, :2])


def test_a_model_is_cloned_unless_it_goes_on() -> None:
    model = maker(tkeras)(X, np.zeros((30, 3)))
    before = model.get_weights()
    estimator = tkeras.wrappers.SKLearnClassifier(model, fit_kwargs=QUIET).fit(X, LABELS)
    assert estimator.model_ is not model
    assert all(map(np.array_equal, model.get_weights(), before))
    going_on = tkeras.wrappers.SKLearnClassifier(model, warm_start=True, fit_kwargs=QUIET).fit(X, LABELS)
    losses = going_on.history_.history["loss"]
    assert going_on.model_ is model
    assert going_on.fit(X, LABELS).history_.history["loss"][0] < losses[-1]


def test_a_model_that_is_not_compiled_is_refused() -> None:
    model = tkeras.Sequential([tkeras.Input((4,)), tkeras.layers.Dense(3)])
    with pytest.raises(
        RuntimeError, match=r"Given model needs to be compiled, and have a loss and an optimizer."
    ):
        tkeras.wrappers.SKLearnClassifier(model).fit(X, LABELS)
