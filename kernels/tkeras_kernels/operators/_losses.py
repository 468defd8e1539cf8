"""The pointwise equations of the field's losses, for :class:`ReduceRows` and for maps.

``target`` and ``prediction`` are expressions or tensors; what is returned is one number an element, of which
Keras' loss is the mean over the last axis.
"""

from __future__ import annotations

import math

from .. import expr
from ..expr import Value, log, log1p, maximum, softplus, where

_EPSILON = 1e-7


def squared_error(target: Value, prediction: Value) -> Value:
    """(prediction - target)²."""
    return expr.square(prediction - target)


def absolute_error(target: Value, prediction: Value) -> Value:
    """|prediction - target|."""
    return expr.abs(prediction - target)


def absolute_percentage_error(target: Value, prediction: Value, epsilon: float = _EPSILON) -> Value:
    """100 |target - prediction| / max(|target|, epsilon)."""
    return 100.0 * expr.abs((target - prediction) / maximum(expr.abs(target), epsilon))


def squared_logarithmic_error(target: Value, prediction: Value, epsilon: float = _EPSILON) -> Value:
    """(log(1 + prediction) - log(1 + target))², with both at least epsilon."""
    return expr.square(log1p(expr.clip(prediction, epsilon)) - log1p(expr.clip(target, epsilon)))


def huber(target: Value, prediction: Value, delta: float = 1.0) -> Value:
    """error² / 2 up to delta, delta (|error| - delta / 2) beyond (Huber, 1964)."""
    error = expr.abs(prediction - target)
    return where(error <= delta, 0.5 * error * error, delta * error - 0.5 * delta**2)


def log_cosh(target: Value, prediction: Value) -> Value:
    """log(cosh(prediction - target))."""
    error = prediction - target
    return error + softplus(-2.0 * error) - math.log(2.0)


def poisson(target: Value, prediction: Value, epsilon: float = _EPSILON) -> Value:
    """prediction - target log(prediction + epsilon)."""
    return prediction - target * log(prediction + epsilon)


def kl_divergence(target: Value, prediction: Value, epsilon: float = _EPSILON) -> Value:
    """target log(target / prediction), both within [epsilon, 1] (Kullback & Leibler, 1951)."""
    target, prediction = expr.clip(target, epsilon, 1.0), expr.clip(prediction, epsilon, 1.0)
    return target * log(target / prediction)


def hinge(target: Value, prediction: Value) -> Value:
    """max(1 - target prediction, 0), targets -1 or 1."""
    return maximum(1.0 - target * prediction, 0.0)


def squared_hinge(target: Value, prediction: Value) -> Value:
    """max(1 - target prediction, 0)², targets -1 or 1."""
    return expr.square(hinge(target, prediction))


def sigmoid_cross_entropy(target: Value, logit: Value) -> Value:
    """-target log(p) - (1 - target) log(1 - p) for p = sigmoid(logit), exact where p rounds to 0 or 1.

    The part that is linear in the logit stands alone, so that its slope and a hard label cancel exactly in
    the derivative and what is left of the sigmoid keeps its digits.
    """
    step = 0.5 + 0.5 * expr.sign(logit)
    return logit * (step - target) + softplus(-expr.abs(logit))


def products(target: Value, prediction: Value) -> tuple[Value, Value, Value]:
    """What a cosine is made of once summed."""
    return target * prediction, target * target, prediction * prediction


def cosine_similarity(dot: Value, target: Value, prediction: Value, epsilon: float = _EPSILON) -> Value:
    """-cos of the angle, from the sums of :func:`products`; a zero vector gives 0."""
    return (
        -dot
        * expr.minimum(expr.rsqrt(target), 1 / epsilon)
        * expr.minimum(expr.rsqrt(prediction), 1 / epsilon)
    )
