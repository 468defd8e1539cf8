"""Estimators around a model or a function that makes one."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, TransformerMixin
from sklearn.preprocessing import OneHotEncoder
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from tkeras.models import Model, clone_model


class SKLBase(BaseEstimator):
    """Base of the estimators.

    Args:
        model: a compiled model, of which a clone is trained, or a function of ``X``, ``y`` and
            ``model_kwargs`` that makes one.
        warm_start: whether to train the model itself, and to go on where the last `fit` ended.
        model_kwargs: for the function.
        fit_kwargs: for `Model.fit`.

    Attributes:
        model_: the trained model.
        history_: what `Model.fit` returned.
    """

    def __init__(
        self, model: Any, warm_start: bool = False, model_kwargs: Any = None, fit_kwargs: Any = None
    ):
        self.model, self.warm_start = model, warm_start
        self.model_kwargs, self.fit_kwargs = model_kwargs, fit_kwargs

    def _made(self, X: Any, y: Any) -> Any:
        if self.warm_start and hasattr(self, "model_"):
            return self.model_
        if isinstance(self.model, Model):
            if self.warm_start:
                return self.model
            clone = clone_model(self.model)
            clone.set_weights(self.model.get_weights())
            if getattr(self.model, "compiled", False):
                clone.compile_from_config(self.model.get_compile_config())
            return clone
        return self.model(X=X, y=y, **(self.model_kwargs or {}))

    def fit(self, X: Any, y: Any, **kwargs: Any) -> Any:
        """Train on ``X`` (samples, features) and ``y`` (samples,).

        Args:
            kwargs: for `Model.fit`, before those of ``fit_kwargs``.

        Raises:
            RuntimeError: the model is not compiled.
        """
        X, y = validate_data(self, X, y)
        y = self._targets(y)
        model = self._made(X, y)
        if not getattr(model, "compiled", False):
            raise RuntimeError("Given model needs to be compiled, and have a loss and an optimizer.")
        self.history_ = model.fit(X, y, **{**(self.fit_kwargs or {}), **kwargs})
        self.model_ = model
        return self

    def _targets(self, y: np.ndarray) -> np.ndarray:
        """What the model is trained to give."""
        return y.reshape(-1, 1) if y.ndim == 1 else y

    def _outputs(self, X: Any) -> np.ndarray:
        check_is_fitted(self, "model_")
        return self.model_.predict(validate_data(self, X, reset=False), verbose=0)


class SKLearnClassifier(ClassifierMixin, SKLBase):
    """A classifier; the model is trained on one column for each class. Arguments: see `SKLBase`.

    Attributes:
        classes_: the labels.
    """

    def _targets(self, y: np.ndarray) -> np.ndarray:
        check_classification_targets(y)
        self._target_encoder = OneHotEncoder(sparse_output=False).fit(y.reshape(-1, 1))
        self.classes_ = self._target_encoder.categories_[0]
        return np.asarray(self._target_encoder.transform(y.reshape(-1, 1)))

    def predict(self, X: Any) -> np.ndarray:
        """Labels (samples,)."""
        found = self._outputs(X).argmax(-1)
        return self.classes_[found]


class SKLearnRegressor(RegressorMixin, SKLBase):
    """A regressor. Arguments: see `SKLBase`."""

    def predict(self, X: Any) -> np.ndarray:
        """Numbers (samples,)."""
        found = self._outputs(X)
        return found.reshape(-1) if found.ndim == 2 and found.shape[1] == 1 else found


class SKLearnTransformer(TransformerMixin, SKLBase):
    """A transformer: `transform` gives the outputs of the model. Arguments: see `SKLBase`."""

    def transform(self, X: Any) -> np.ndarray:
        """Outputs (samples, …)."""
        return self._outputs(X)
