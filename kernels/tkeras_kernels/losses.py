"""The pointwise equations of the field's losses, for the operators ``reduce_rows`` and ``map``.

``target`` and ``prediction`` are expressions or tensors; what is returned is one number an element, of which
Keras' loss is the mean over the last axis.
"""

from __future__ import annotations

import math

from . import expr
from .expr import Value, log, log1p, maximum, softplus, where

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


def binary_cross_entropy(target: Value, probability: Value, epsilon: float = _EPSILON) -> Value:
    """-target log(p) - (1 - target) log(1 - p) for p within [epsilon, 1 - epsilon]."""
    p = expr.clip(probability, epsilon, 1.0 - epsilon)
    return -(target * log(p) + (1.0 - target) * log(1.0 - p))


def binary_focal(
    target: Value,
    prediction: Value,
    gamma: float = 2.0,
    alpha: float | None = None,
    logits: bool = False,
    epsilon: float = _EPSILON,
) -> Value:
    """Binary cross-entropy times (1 - p)^gamma, p the probability of the target, and the weight of its class,
    alpha for 1 and 1 - alpha for 0 (Lin et al., 2018)."""
    probability = expr.sigmoid(prediction) if logits else prediction
    entropy = binary_cross_entropy(target, probability, epsilon)
    missed = 1.0 - (target * probability + (1.0 - target) * (1.0 - probability))
    loss = expr.power(missed, gamma) * entropy
    return loss if alpha is None else (target * alpha + (1.0 - target) * (1.0 - alpha)) * loss


def clipped_share(value: Value, total: Value, epsilon: float = _EPSILON) -> Value:
    """value / total within [epsilon, 1 - epsilon]."""
    return expr.clip(value / total, epsilon, 1.0 - epsilon)


def log_share(value: Value, total: Value, epsilon: float = _EPSILON) -> Value:
    """Logarithm of :func:`clipped_share`."""
    return log(clipped_share(value, total, epsilon))


def cross_entropy(target: Value, value: Value, total: Value, epsilon: float = _EPSILON) -> Value:
    """-target log(p) for p = value / total within [epsilon, 1 - epsilon]."""
    return -(target * log_share(value, total, epsilon))


def focal(
    target: Value, value: Value, total: Value, gamma: float, alpha: float, epsilon: float = _EPSILON
) -> Value:
    """alpha (1 - p)^gamma times :func:`cross_entropy`."""
    p = clipped_share(value, total, epsilon)
    return alpha * expr.power(1.0 - p, gamma) * (-(target * log(p)))


def generalized(p: Value, q: float) -> Value:
    """(1 - p^q) / q (Zhang & Sabuncu, 2018)."""
    return (1.0 - expr.power(p, q)) / q


def smoothed(target: Value, share: float, classes: int) -> Value:
    """A target of which a share is spread evenly over the classes."""
    return target * (1.0 - share) + share / classes


def weighted(value: Value, weight: Value) -> Value:
    """value weight."""
    return value * weight


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


def not_binary(target: Value) -> Value:
    """1 for a number that is neither 0 nor 1."""
    return where((target == 0.0) | (target == 1.0), 0.0, 1.0)


def signed(target: Value, others: Value) -> Value:
    """0 and 1 as -1 and 1, unless there are ``others`` among the targets."""
    return where(others > 0.0, target, 2.0 * target - 1.0)


def hinge_of(target: Value, prediction: Value, others: Value) -> Value:
    """:func:`hinge` of signed targets."""
    return hinge(signed(target, others), prediction)


def squared_hinge_of(target: Value, prediction: Value, others: Value) -> Value:
    """:func:`squared_hinge` of signed targets."""
    return squared_hinge(signed(target, others), prediction)


def other_score(target: Value, prediction: Value) -> Value:
    """The prediction for what is not the target, 0 for what is."""
    return (1.0 - target) * prediction


def margin(negative: Value, positive: Value) -> Value:
    """max(negative - positive + 1, 0)."""
    return maximum(negative - positive + 1.0, 0.0)


def overlaps(target: Value, prediction: Value) -> tuple[Value, Value, Value]:
    """What dice is made of once summed."""
    return target * prediction, target, prediction


def dice(overlap: Value, target: Value, prediction: Value, epsilon: float = _EPSILON) -> Value:
    """1 - 2 overlap / (target + prediction + epsilon)."""
    return 1.0 - 2.0 * overlap / (target + prediction + epsilon)


def misses(target: Value, prediction: Value) -> tuple[Value, Value, Value]:
    """What Tversky's index is made of once summed."""
    return target * prediction, (1.0 - prediction) * target, prediction * (1.0 - target)


def tversky(
    overlap: Value, missed: Value, wrong: Value, alpha: float, beta: float, epsilon: float = _EPSILON
) -> Value:
    """1 - overlap / (overlap + alpha missed + beta wrong + epsilon)."""
    return 1.0 - overlap / (overlap + missed * alpha + wrong * beta + epsilon)


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
