"""Counters of changes, so that what was derived from a model knows when to look again."""

from __future__ import annotations


class Version:
    """Counts changes of models.

    Attributes:
        count: grows whenever a layer gains or loses variables or layers, or trainability changes.
        settings: grows whenever an attribute of a layer gets another value.
    """

    count = 0
    settings = 0

    @classmethod
    def bump(cls) -> None:
        """Say that some structure changed."""
        cls.count += 1
