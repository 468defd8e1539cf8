"""Limits on every call of `fit`, to try out a script quickly."""

from __future__ import annotations

import os

_state: dict[str, int | None] = {}


def _limit(name: str) -> int | None:
    if name not in _state:
        given = os.environ.get(f"KERAS_{name.upper()}")
        _state[name] = int(given) if given else None
    return _state[name]


def max_epochs() -> int | None:
    """The largest number of epochs of `fit`, None for no limit; ``KERAS_MAX_EPOCHS`` sets it too."""
    return _limit("max_epochs")


def set_max_epochs(max_epochs: int | None) -> None:
    """Limit the epochs of every call of `fit`; None for no limit."""
    _state["max_epochs"] = max_epochs


def max_steps_per_epoch() -> int | None:
    """The largest number of steps of an epoch of `fit`, `evaluate` or `predict`, None for no limit.

    ``KERAS_MAX_STEPS_PER_EPOCH`` sets it too.
    """
    return _limit("max_steps_per_epoch")


def set_max_steps_per_epoch(max_steps_per_epoch: int | None) -> None:
    """Limit the steps of every epoch; None for no limit."""
    _state["max_steps_per_epoch"] = max_steps_per_epoch


def limited(steps: int | None, available: int | None) -> int | None:
    """The steps of an epoch under the limit; ``steps`` where there is none."""
    limit = max_steps_per_epoch()
    if limit is None:
        return steps
    return min(count for count in (steps, available, limit) if count is not None)
