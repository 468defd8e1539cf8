"""Whether recurrent kernels may use a grid that stays resident and synchronises at every step."""

from __future__ import annotations

_chosen = False


def set_grid_scan(on: bool) -> None:
    """Let recurrent layers whose weights exceed one multiprocessor's shared memory run in one launch.

    The programs of such a launch wait for each other at every step, so all must be resident at once. It is
    off unless asked for: elsewhere these layers take one launch a step. Other work on the device at the same
    time (another stream, MPS) may keep programs from starting.
    """
    global _chosen
    _chosen = bool(on)


def get_grid_scan() -> bool:
    """Whether :func:`set_grid_scan` has asked for it."""
    return _chosen
