"""The field's pointwise equations, each written once, for expressions and tensors alike.

Activations are those of Keras 3.15, with its parameters and defaults. At a kink the derivative is the one
that torch gives (0 for relu at 0), and branches are ordered so that NaN stays NaN.

Update rules take ``(p, g, lr, step, *states)``: parameter, gradient, learning rate, the count of updates with
this one, and the optimizer's variables; they return the new ``p`` and states as a tuple.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from . import expr
from .expr import Value, erf, exp, expm1, log1p, maximum, sqrt, where

_SELU_ALPHA = 1.6732632423543772848170429916717
_SELU_SCALE = 1.0507009873554804934193349852946


def linear(x: Value) -> Value:
    """x."""
    return x


def exponential(x: Value) -> Value:
    """e**x."""
    return exp(x)


def sigmoid(x: Value) -> Value:
    """1 / (1 + exp(-x))."""
    return expr.sigmoid(x)


def log_sigmoid(x: Value) -> Value:
    """log(1 / (1 + exp(-x)))."""
    return expr.log_sigmoid(x)


def softplus(x: Value) -> Value:
    """log(1 + exp(x))."""
    return expr.softplus(x)


def tanh(x: Value) -> Value:
    """Hyperbolic tangent."""
    return expr.tanh(x)


def tanh_shrink(x: Value) -> Value:
    """x - tanh(x)."""
    return x - tanh(x)


def softsign(x: Value) -> Value:
    """x / (1 + |x|)."""
    return x / (1.0 + expr.abs(x))


def relu(
    x: Value, negative_slope: float = 0.0, max_value: float | None = None, threshold: float = 0.0
) -> Value:
    """x above the threshold, at most ``max_value``; ``negative_slope * (x - threshold)`` at and below it."""
    below = negative_slope * (x - threshold) if negative_slope else 0.0
    above = x
    if max_value is not None:
        positive = where(x < 0.0, 0.0, x) if threshold < 0 else x
        above = where(x >= max_value, max_value, positive)
    return where(x <= threshold, below, above)


def leaky_relu(x: Value, negative_slope: float = 0.2) -> Value:
    """x above 0, ``negative_slope * x`` below."""
    return relu(x, negative_slope)


def relu6(x: Value) -> Value:
    """min(max(x, 0), 6)."""
    return relu(x, max_value=6.0)


def elu(x: Value, alpha: float = 1.0) -> Value:
    """x above 0, alpha (exp(x) - 1) below (https://arxiv.org/abs/1511.07289)."""
    return where(x > 0.0, x, alpha * expm1(x))


def selu(x: Value) -> Value:
    """1.0507 elu(x, 1.6733) (https://arxiv.org/abs/1706.02515)."""
    return where(x > 0.0, _SELU_SCALE * x, _SELU_SCALE * _SELU_ALPHA * expm1(x))


def celu(x: Value, alpha: float = 1.0) -> Value:
    """x above 0, alpha (exp(x / alpha) - 1) below (https://arxiv.org/abs/1704.07483)."""
    return where(x > 0.0, x, alpha * expm1(x / alpha))


def gelu(x: Value, approximate: bool = False) -> Value:
    """x times the normal distribution function, or its tanh approximation (https://arxiv.org/abs/1606.08415)."""
    if approximate:
        return 0.5 * x * (1.0 + tanh(math.sqrt(2 / math.pi) * x * (1.0 + 0.044715 * (x * x))))
    return 0.5 * x * (1.0 + erf(x * math.sqrt(0.5)))


def silu(x: Value) -> Value:
    """x sigmoid(x) (https://arxiv.org/abs/1710.05941)."""
    return x * sigmoid(x)


swish = silu


def mish(x: Value) -> Value:
    """x tanh(softplus(x)) (https://arxiv.org/abs/1908.08681)."""
    return x * tanh(softplus(x))


def squareplus(x: Value, b: float = 4) -> Value:
    """(x + sqrt(x² + b)) / 2 (https://arxiv.org/abs/2112.11687), without its cancellation below 0."""
    root = sqrt(x * x + b)
    return where(x < 0.0, 0.5 * b / (root + expr.abs(x)), 0.5 * (x + root))


def hard_sigmoid(x: Value) -> Value:
    """x / 6 + 1/2 between -3 and 3, 0 below, 1 above."""
    return where(x <= -3.0, 0.0, where(x >= 3.0, 1.0, x / 6.0 + 0.5))


def hard_silu(x: Value) -> Value:
    """x hard_sigmoid(x) (https://arxiv.org/abs/1905.02244)."""
    return where(x <= -3.0, 0.0, where(x >= 3.0, x, x * (x + 3.0) / 6.0))


hard_swish = hard_silu


def hard_tanh(x: Value) -> Value:
    """x between -1 and 1, the bound outside."""
    return where(x <= -1.0, -1.0, where(x >= 1.0, 1.0, x))


def hard_shrink(x: Value, threshold: float = 0.5) -> Value:
    """0 where |x| <= threshold, else x."""
    return where(x < -threshold, x, where(x <= threshold, 0.0, x))


def soft_shrink(x: Value, threshold: float = 0.5) -> Value:
    """x moved towards 0 by the threshold, 0 where |x| is below it."""
    return where(x < -threshold, x + threshold, where(x <= threshold, 0.0, x - threshold))


def threshold(x: Value, threshold: float, default_value: float) -> Value:
    """x above the threshold, else the default value."""
    return where(x <= threshold, default_value, x)


def sparse_plus(x: Value) -> Value:
    """(x + 1)² / 4 between -1 and 1, 0 below, x above."""
    return where(x <= -1.0, 0.0, where(x >= 1.0, x, 0.25 * expr.square(x + 1.0)))


def sparse_sigmoid(x: Value) -> Value:
    """(x + 1) / 2 between -1 and 1, 0 below, 1 above (https://arxiv.org/abs/1901.02324)."""
    return where(x <= -1.0, 0.0, where(x >= 1.0, 1.0, 0.5 * (x + 1.0)))


Function = Callable[[Value], Value]


def simple_rnn_cell(z: Value, activation: Function = tanh) -> Value:
    """h = activation(z), where z = x W + h U + b (Elman, 1990)."""
    return activation(z)


def lstm_cell(
    i: Value,
    f: Value,
    g: Value,
    o: Value,
    c: Value,
    activation: Function = tanh,
    recurrent_activation: Function = sigmoid,
) -> tuple[Value, Value]:
    """One step of an LSTM (Hochreiter and Schmidhuber, 1997).

    Args:
        i, f, g, o: the pre-activations x W + h U + b of the input gate, forget gate, candidate and output
            gate, in the order in which Keras stores them.
        c: the cell state.

    Returns:
        The new h and c.
    """
    c = recurrent_activation(f) * c + recurrent_activation(i) * activation(g)
    return recurrent_activation(o) * activation(c), c


def gru_cell(
    z: Value,
    r: Value,
    x_h: Value,
    u_h: Value,
    h: Value,
    activation: Function = tanh,
    recurrent_activation: Function = sigmoid,
) -> Value:
    """One step of a GRU with the reset gate after the product, Keras' default (https://arxiv.org/abs/1406.1078v3).

    Args:
        z, r: the pre-activations x W + h U + b of the update and reset gates.
        x_h, u_h: the candidate's x W + b and h U + b_recurrent.
        h: the state.
    """
    return gru_cell_reset_before(z, x_h + recurrent_activation(r) * u_h, h, activation, recurrent_activation)


def gru_reset(r: Value, h: Value, recurrent_activation: Function = sigmoid) -> Value:
    """The state that enters the candidate's product when the reset gate is applied before it."""
    return recurrent_activation(r) * h


def gru_cell_reset_before(
    z: Value,
    a: Value,
    h: Value,
    activation: Function = tanh,
    recurrent_activation: Function = sigmoid,
) -> Value:
    """One step of a GRU from the candidate's whole pre-activation (https://arxiv.org/abs/1406.1078v1).

    Args:
        z: the pre-activation of the update gate.
        a: the candidate's pre-activation, x W + gru_reset(r, h) U + b.
        h: the state.
    """
    z = recurrent_activation(z)
    return z * h + (1.0 - z) * activation(a)


def _decay(p: Value, lr: Value, weight_decay: float | None) -> Value:
    return p - p * (weight_decay * lr) if weight_decay else p


def sgd(
    p: Value,
    g: Value,
    lr: Value,
    step: Value,
    *states: Value,
    momentum: float = 0.0,
    nesterov: bool = False,
    weight_decay: float | None = None,
) -> tuple[Value, ...]:
    """m = momentum m - lr g; p += m, or momentum m - lr g (Nesterov). States: m, where momentum is not 0."""
    p = _decay(p, lr, weight_decay)
    if not momentum:
        return (p - lr * g,)
    m = momentum * states[0] - lr * g
    return p + (momentum * m - lr * g if nesterov else m), m


def rmsprop(
    p: Value,
    g: Value,
    lr: Value,
    step: Value,
    *states: Value,
    rho: float = 0.9,
    momentum: float = 0.0,
    epsilon: float = 1e-7,
    centered: bool = False,
    weight_decay: float | None = None,
) -> tuple[Value, ...]:
    """v = mean of g²; p -= lr g / sqrt(v + epsilon) (Tieleman and Hinton, 2012).

    States: velocity; momentum, where it is not 0; average gradient, where centered.
    """
    p = _decay(p, lr, weight_decay)
    v = rho * states[0] + (1 - rho) * (g * g)
    new, spread = [v], v
    if centered:
        average = rho * states[-1] + (1 - rho) * g
        spread = v - average * average
        new.append(average)
    increment = lr * g / sqrt(spread + epsilon)
    if momentum:
        increment = momentum * states[1] + increment
        new.insert(1, increment)
    return (p - increment, *new)


def adam(
    p: Value,
    g: Value,
    lr: Value,
    step: Value,
    *states: Value,
    beta_1: float = 0.9,
    beta_2: float = 0.999,
    epsilon: float = 1e-7,
    amsgrad: bool = False,
    weight_decay: float | None = None,
) -> tuple[Value, ...]:
    """p -= lr sqrt(1 - b2^t) / (1 - b1^t) m / (sqrt(v) + epsilon) (https://arxiv.org/abs/1412.6980).

    1 - b^t is computed as -expm1(t log b), which keeps its digits in float32 at small t.
    States: m, v; the maximum of v, where amsgrad.
    """
    p = _decay(p, lr, weight_decay)
    m = states[0] + (g - states[0]) * (1 - beta_1)
    v = states[1] + (g * g - states[1]) * (1 - beta_2)
    largest = [maximum(states[2], v)] if amsgrad else []
    alpha = lr * sqrt(-expm1(step * log1p(beta_2 - 1.0))) / -expm1(step * log1p(beta_1 - 1.0))
    return (p - m * alpha / (sqrt(largest[0] if amsgrad else v) + epsilon), m, v, *largest)


def adamw(
    p: Value,
    g: Value,
    lr: Value,
    step: Value,
    *states: Value,
    weight_decay: float = 0.004,
    **parameters: Any,
) -> tuple[Value, ...]:
    """Adam after p -= weight_decay lr p (https://arxiv.org/abs/1711.05101)."""
    return adam(p, g, lr, step, *states, weight_decay=weight_decay, **parameters)


def _forgotten(beta: float, step: Value) -> Value:
    """1 - beta**step, with its digits in float32 at small steps."""
    return -expm1(step * log1p(beta - 1.0))


def _means(g: Value, m: Value, v: Value, beta_1: float, beta_2: float) -> tuple[Value, Value]:
    """Means of the gradient and of its square with ``g`` taken in."""
    return m + (g - m) * (1 - beta_1), v + (g * g - v) * (1 - beta_2)


def adagrad(
    p: Value, g: Value, lr: Value, step: Value, *states: Value, epsilon: float = 1e-7
) -> tuple[Value, ...]:
    """a += g²; p -= lr g / sqrt(a + epsilon) (Duchi et al., 2011). States: a."""
    a = states[0] + g * g
    return p - lr * g / sqrt(a + epsilon), a


def adadelta(
    p: Value, g: Value, lr: Value, step: Value, *states: Value, rho: float = 0.95, epsilon: float = 1e-7
) -> tuple[Value, ...]:
    """p -= lr d, d = g sqrt((b + epsilon) / (a + epsilon)) (https://arxiv.org/abs/1212.5701).

    States: a and b, the means of g² and of d².
    """
    a = rho * states[0] + (1 - rho) * (g * g)
    d = g * sqrt(states[1] + epsilon) / sqrt(a + epsilon)
    return p - lr * d, a, rho * states[1] + (1 - rho) * (d * d)


def adamax(
    p: Value,
    g: Value,
    lr: Value,
    step: Value,
    *states: Value,
    beta_1: float = 0.9,
    beta_2: float = 0.999,
    epsilon: float = 1e-7,
) -> tuple[Value, ...]:
    """p -= lr / (1 - b1^t) m / (u + epsilon), u = max(b2 u, |g|) (https://arxiv.org/abs/1412.6980, 7).

    States: m, u.
    """
    m = states[0] + (g - states[0]) * (1 - beta_1)
    u = maximum(beta_2 * states[1], expr.abs(g))
    return p - lr / _forgotten(beta_1, step) * m / (u + epsilon), m, u


def nadam_momentum(step: Value, beta_1: float = 0.9) -> Value:
    """Nadam's momentum at a step; its product over the steps so far enters the rule."""
    return beta_1 * (1.0 - 0.5 * exp(step * math.log(0.96)))


def nadam(
    p: Value,
    g: Value,
    lr: Value,
    step: Value,
    *states: Value,
    beta_1: float = 0.9,
    beta_2: float = 0.999,
    epsilon: float = 1e-7,
) -> tuple[Value, ...]:
    """Adam with Nesterov's momentum (Dozat, 2016).

    States: m, v; then, which is not returned, the product of :func:`nadam_momentum` up to this step.
    """
    m, v = _means(g, states[0], states[1], beta_1, beta_2)
    product, present = states[2], nadam_momentum(step, beta_1)
    coming = nadam_momentum(step + 1.0, beta_1)
    update = m * (coming / (1.0 - product * coming)) + g * ((1.0 - present) / (1.0 - product))
    return p - lr * update / (sqrt(v / _forgotten(beta_2, step)) + epsilon), m, v


def ftrl(
    p: Value,
    g: Value,
    lr: Value,
    step: Value,
    *states: Value,
    learning_rate_power: float = -0.5,
    l1_regularization_strength: float = 0.0,
    l2_regularization_strength: float = 0.0,
    l2_shrinkage_regularization_strength: float = 0.0,
    beta: float = 0.0,
) -> tuple[Value, ...]:
    """Follow the regularized leader (McMahan et al., 2013). States: the sum of g², and z."""
    l1, l2 = l1_regularization_strength, l2_regularization_strength + beta / (2.0 * lr)
    total = states[0] + g * g
    old, new = (_raised(value, -learning_rate_power) for value in (states[0], total))
    z = states[1] + g + 2.0 * l2_shrinkage_regularization_strength * p - (new - old) / lr * p
    return (expr.clip(z, -l1, l1) - z) / (new / lr + 2.0 * l2), total, z


def _raised(x: Value, power: float) -> Value:
    return sqrt(x) if power == 0.5 else expr.power(x, power)


def lion(
    p: Value, g: Value, lr: Value, step: Value, *states: Value, beta_1: float = 0.9, beta_2: float = 0.99
) -> tuple[Value, ...]:
    """p -= lr sign(b1 m + (1 - b1) g); m = b2 m + (1 - b2) g (https://arxiv.org/abs/2302.06675).

    States: m.
    """
    m = states[0]
    return p - lr * expr.sign(beta_1 * m + (1 - beta_1) * g), beta_2 * m + (1 - beta_2) * g


def lamb_update(
    g: Value,
    step: Value,
    m: Value,
    v: Value,
    beta_1: float = 0.9,
    beta_2: float = 0.999,
    epsilon: float = 1e-7,
) -> tuple[Value, Value, Value]:
    """Lamb's update before it is scaled, and the new m and v."""
    m, v = _means(g, m, v, beta_1, beta_2)
    scale = sqrt(v / _forgotten(beta_2, step)) + epsilon
    return m / _forgotten(beta_1, step) / scale, m, v


def lamb(p: Value, g: Value, lr: Value, step: Value, *states: Value, **parameters: Any) -> tuple[Value, ...]:
    """p -= lr ratio update, ratio = |p| / |update| over the variable (https://arxiv.org/abs/1904.00962).

    States: m, v; then, which is not returned, the ratio. Parameters: of :func:`lamb_update`.
    """
    update, m, v = lamb_update(g, step, states[0], states[1], **parameters)
    return p - lr * states[2] * update, m, v


def schedule_free_adamw(
    p: Value,
    g: Value,
    lr: Value,
    step: Value,
    *states: Value,
    beta_1: float = 0.9,
    beta_2: float = 0.999,
    epsilon: float = 1e-8,
    warmup_steps: int = 0,
) -> tuple[Value, ...]:
    """AdamW at a fast z; p mixes z with the mean x of its past (https://arxiv.org/abs/2405.15682).

    States: z, v. x is not stored: beta x = p - (1 - beta) z.
    """
    z, v = states[0], states[1] + (g * g - states[1]) * (1 - beta_2)
    if warmup_steps:
        lr = lr * expr.minimum(step / warmup_steps, 1.0)
    mean = (p - (1.0 - beta_1) * z) * (1.0 - 1.0 / step)
    z = z - lr * g / (sqrt(v / _forgotten(beta_2, step)) + epsilon)
    return mean + z * (1.0 - beta_1 + beta_1 / step), z, v
