"""`Config`: named values."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any


class Config:
    """A dictionary whose values are attributes too, and which can be frozen.

    Args:
        kwargs: the first values.
    """

    def __init__(self, **kwargs: Any):
        self.__dict__.update(_config=dict(kwargs), _frozen=False)

    _config: dict[str, Any]
    _frozen: bool

    @property
    def frozen(self) -> bool:
        """Whether changes are refused."""
        return self._frozen

    def freeze(self) -> None:
        """Refuse changes from now on."""
        self.__dict__["_frozen"] = True

    def unfreeze(self) -> None:
        """Allow changes again."""
        self.__dict__["_frozen"] = False

    def _check(self) -> None:
        if self._frozen:
            raise ValueError("Cannot mutate attribute(s) because the config is frozen.")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name not in self.__dict__.get("_config", {}):
            raise AttributeError(f"Unknown attribute: '{name}'.")
        return self._config[name]

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def __delattr__(self, name: str) -> None:
        del self[name]

    def __getitem__(self, name: str) -> Any:
        return self._config[name]

    def __setitem__(self, name: str, value: Any) -> None:
        self._check()
        self._config[name] = value

    def __delitem__(self, name: str) -> None:
        self._check()
        del self._config[name]

    def __contains__(self, name: object) -> bool:
        return name in self._config

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._config))

    def __len__(self) -> int:
        return len(self._config)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Config) and other._config == self._config

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<Config {self._config}>"

    def as_dict(self) -> dict[str, Any]:
        """The values."""
        return dict(self._config)

    def to_json(self) -> str:
        """The values as JSON."""
        return json.dumps(self._config)

    def keys(self) -> Any:
        """The names."""
        return self._config.keys()

    def values(self) -> Any:
        """The values."""
        return self._config.values()

    def items(self) -> Any:
        """Names with values."""
        return self._config.items()

    def get(self, keyname: str, value: Any = None) -> Any:
        """A value, or ``value`` where there is none."""
        return self._config.get(keyname, value)

    def pop(self, *args: Any) -> Any:
        """Take a value out."""
        self._check()
        return self._config.pop(*args)

    def update(self, *args: Any, **kwargs: Any) -> None:
        """Set several values."""
        self._check()
        self._config.update(*args, **kwargs)
