"""The whole of an optimizer's step on one element, composed around an update rule of the library."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import library
from ..expr import Value, floor, maximum, minimum, where
from ..expr import abs as absolute

_LARGEST = 3.4028234663852886e38


def not_finite(g: Value) -> Value:
    """1 where ``g`` is infinite or NaN in float32, else 0."""
    return where(absolute(g) <= _LARGEST, 0.0, 1.0)


def updated(
    p: Value,
    *rest: Value,
    rule: str | Callable[..., Any],
    states: int = 0,
    steps: int = 1,
    loss_scale: float | None = None,
    clipvalue: float | None = None,
    decay: float | None = None,
    average: float | None = None,
    overwrite: int | None = None,
    extras: tuple[str, ...] = (),
    **parameters: Any,
) -> tuple[Value, ...]:
    """Unscale and clip the gradient, decay the parameter, apply the rule, keep the average.

    Args:
        p: the parameter.
        rest: the rule's states; the moving average of the parameter, with ``average``; the gradient; the
            learning rate; the number of calls before this one; then what ``extras`` names.
        rule: a function of the library by name, or one like them.
        states: how many the rule has.
        steps: calls that make one update.
        loss_scale: the gradient is divided by it.
        clipvalue: bound of the gradient.
        decay: share of the parameter, times the learning rate, taken off before the rule.
        average: momentum of the moving average, which starts as the parameter's first value.
        overwrite: the parameter becomes its average every so many updates.
        extras: "unscale": the gradient is divided by it. "finite": nothing changes where it is 0. "clip": the
            gradient is multiplied by it. "decay": as the argument. "product", "ratio": further states of the
            rule, which it does not change.
        parameters: of the rule.

    Returns:
        The new parameter, states and average.
    """
    kept = states + (average is not None)
    p_decayed, g, lr, step, extra = _prepared(p, rest, kept, steps, loss_scale, clipvalue, decay, extras)
    old = (p, *rest[:kept])
    fixed = [extra[name] for name in ("product", "ratio") if name in extra]
    function = getattr(library, rule) if isinstance(rule, str) else rule
    new = tuple(function(p_decayed, g, lr, step, *rest[:states], *fixed, **parameters))
    if average is not None:
        new = _averaged(new, old[-1], step, average, overwrite)
    if "finite" in extra:
        new = tuple(where(extra["finite"] > 0.5, a, b) for a, b in zip(new, old, strict=True))
    return new


def lamb_squares(
    p: Value,
    *rest: Value,
    states: int = 2,
    steps: int = 1,
    loss_scale: float | None = None,
    clipvalue: float | None = None,
    decay: float | None = None,
    average: float | None = None,
    extras: tuple[str, ...] = (),
    **parameters: Any,
) -> tuple[Value, Value]:
    """Squares of the parameter and of its update, as Lamb takes their norms; arguments of :func:`updated`."""
    kept = states + (average is not None)
    p, g, _, step, _ = _prepared(p, rest, kept, steps, loss_scale, clipvalue, decay, extras)
    update, _, _ = library.lamb_update(g, step, rest[0], rest[1], **parameters)
    return p * p, update * update


def _prepared(
    p: Value,
    rest: tuple[Value, ...],
    kept: int,
    steps: int,
    loss_scale: float | None,
    clipvalue: float | None,
    decay: float | None,
    extras: tuple[str, ...],
) -> tuple[Value, Value, Value, Value, dict[str, Value]]:
    """The decayed parameter, the gradient as the rule takes it, the rate, the step and the extras by name."""
    g, (lr, count, *more) = rest[kept], rest[kept + 1 :]
    extra = dict(zip(extras, more, strict=True))
    step = (floor((count + 0.5) / steps) if steps > 1 else count) + 1.0
    decay = extra.get("decay", decay)
    if decay is not None:
        p = p - p * (decay * lr)
    return p, _gradient(g, loss_scale, clipvalue, extra), lr, step, extra


def _gradient(g: Value, loss_scale: float | None, clipvalue: float | None, extra: dict[str, Value]) -> Value:
    if loss_scale is not None:
        g = g / loss_scale
    if "unscale" in extra:
        g = g / extra["unscale"]
    if "clip" in extra:
        g = g * extra["clip"]
    return g if clipvalue is None else maximum(minimum(g, clipvalue), -clipvalue)


def _averaged(
    new: tuple[Value, ...], average: Value, step: Value, momentum: float, overwrite: int | None
) -> tuple[Value, ...]:
    p = new[0]
    average = where(step <= 1.0, p, average + (p - average) * (1.0 - momentum))
    if overwrite:
        due = floor(step / overwrite + 0.5) * overwrite == step
        p = where(due, average, p)
    return (p, *new[1:], average)
