"""Containers that tell their layer what is put into them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

Tracker = Callable[[Any], None]


class TrackedList(list[Any]):
    """A list attribute of a layer: layers and variables put into it belong to the layer."""

    def __init__(self, values: Iterable[Any], track: Tracker):
        self._track = track
        super().__init__(wrap(value, track) for value in values)

    def append(self, value: Any) -> None:
        """Add and track one value."""
        super().append(wrap(value, self._track))

    def insert(self, index: Any, value: Any) -> None:
        """Insert and track one value."""
        super().insert(index, wrap(value, self._track))

    def extend(self, values: Iterable[Any]) -> None:
        """Add and track several values."""
        super().extend([wrap(value, self._track) for value in values])

    def __setitem__(self, index: Any, value: Any) -> None:
        value = (
            [wrap(v, self._track) for v in value] if isinstance(index, slice) else wrap(value, self._track)
        )
        super().__setitem__(index, value)

    def __iadd__(self, values: Iterable[Any]) -> TrackedList:
        self.extend(values)
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return list, (list(self),)

    def __deepcopy__(self, memo: dict[int, Any]) -> list[Any]:
        from copy import deepcopy

        return [deepcopy(value, memo) for value in self]


class TrackedDict(dict[Any, Any]):
    """A dictionary attribute of a layer: layers and variables put into it belong to the layer."""

    def __init__(self, values: Mapping[Any, Any], track: Tracker):
        self._track = track
        super().__init__({key: wrap(value, track) for key, value in values.items()})

    def __setitem__(self, key: Any, value: Any) -> None:
        super().__setitem__(key, wrap(value, self._track))

    def update(self, *args: Any, **kwargs: Any) -> None:
        """Merge and track values."""
        for key, value in dict(*args, **kwargs).items():
            self[key] = value

    def setdefault(self, key: Any, default: Any = None) -> Any:
        """The value of ``key``, tracked when it is new."""
        if key not in self:
            self[key] = default
        return self[key]

    def __reduce__(self) -> tuple[Any, ...]:
        return dict, (dict(self),)

    def __deepcopy__(self, memo: dict[int, Any]) -> dict[Any, Any]:
        from copy import deepcopy

        return {key: deepcopy(value, memo) for key, value in self.items()}


def wrap(value: Any, track: Tracker) -> Any:
    """Track a value; lists and dictionaries come back as tracked containers."""
    if type(value) in (list, TrackedList):
        return TrackedList(value, track)
    if type(value) in (dict, TrackedDict):
        return TrackedDict(value, track)
    if type(value) is tuple:
        return tuple(wrap(item, track) for item in value)
    track(value)
    return value
