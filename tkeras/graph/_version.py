"""A counter of structural changes, so that cached views of a model know when to look again."""

from __future__ import annotations


class Version:
    """Grows whenever a layer gains or loses variables or layers, or trainability changes."""

    count = 0

    @classmethod
    def bump(cls) -> None:
        """Say that some structure changed."""
        cls.count += 1
