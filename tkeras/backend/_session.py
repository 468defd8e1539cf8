"""`clear_session`."""

from __future__ import annotations

from tkeras.graph import reset_uids
from tkeras.random import reset_global_seed_generator


def clear_session() -> None:
    """Let automatic names and unseeded random numbers start over; models that exist go on working."""
    reset_uids()
    reset_global_seed_generator()
