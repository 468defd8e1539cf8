"""`DTypePolicyMap`: policies by the paths of layers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any, Self

from tkeras.config import DTypePolicy, dtype_policy
from tkeras.dtype_policies._convert import deserialize, get, serialize
from tkeras.saving import public


@public("keras.dtype_policies.DTypePolicyMap")
class DTypePolicyMap(DTypePolicy, MutableMapping[str, DTypePolicy]):
    """Policies by path, or by a pattern that a whole path matches; a layer takes its own when it is built.

    Args:
        default_policy: for other paths; default: ``tkeras.config.dtype_policy()`` of that time.
        policy_map: path or pattern → policy.
    """

    def __init__(
        self,
        default_policy: DTypePolicy | str | None = None,
        policy_map: Mapping[str, DTypePolicy] | None = None,
    ):
        if policy_map is not None and not isinstance(policy_map, dict):
            raise TypeError(
                f"If specified, `policy_map` must be a dict. Received: policy_map={policy_map} of type "
                f"{type(policy_map)}"
            )
        self._default = None if default_policy is None else get(default_policy)
        self._map: dict[str, DTypePolicy] = dict(policy_map or {})
        self.compute_torch_dtype = self.default_policy.compute_torch_dtype

    @property
    def default_policy(self) -> DTypePolicy:
        """For paths that no key matches."""
        return dtype_policy() if self._default is None else self._default

    @property
    def name(self) -> str:
        """``map_`` and the name of the default policy."""
        return f"map_{self.default_policy.name}"

    @property
    def compute_dtype(self) -> str:
        """That of the default policy."""
        return self.default_policy.compute_dtype

    @property
    def variable_dtype(self) -> str:
        """That of the default policy."""
        return self.default_policy.variable_dtype

    @property
    def quantization_mode(self) -> str | None:
        """That of the default policy."""
        return self.default_policy.quantization_mode

    def __getitem__(self, key: str) -> DTypePolicy:
        if key in self._map:
            return self._map[key]
        matching = [pattern for pattern in self._map if re.fullmatch(pattern, key)]
        if len(matching) > 1:
            raise ValueError(
                f"Path '{key}' matches multiple dtype policy specification keys: {matching}. Please make "
                "sure each path only matches at most one dtype policy specification key in the "
                "DTypePolicyMap."
            )
        return self._map[matching[0]] if matching else self.default_policy

    def __setitem__(self, key: str, policy: DTypePolicy | str) -> None:
        if key in self._map:
            raise ValueError(
                f"{key} already exist in the DTypePolicyMap with value {self._map[key]}. Please make sure to "
                "not use duplicated keys."
            )
        try:
            self._map[key] = get(policy)
        except ValueError:
            raise ValueError(
                "Cannot interpret the assigned value by `keras.dtype_policies.get`. Received: "
                f"{policy} of type {type(policy)}"
            ) from None

    def __delitem__(self, key: str) -> None:
        del self._map[key]

    def __contains__(self, key: object) -> bool:
        return key in self._map

    def __len__(self) -> int:
        return len(self._map)

    def __iter__(self) -> Iterator[str]:
        return iter(self._map)

    def __eq__(self, other: object) -> bool:
        same = isinstance(other, DTypePolicyMap) and other.default_policy == self.default_policy
        return same and other._map == self._map  # pyright: ignore[reportAttributeAccessIssue]

    __hash__ = object.__hash__

    def __repr__(self) -> str:
        mapping = [(key, policy.name) for key, policy in self._map.items()]
        return f"<DTypePolicyMap default_policy={self.default_policy.name}, mapping={mapping}>"

    def get_config(self) -> dict[str, Any]:
        default = None if self._default is None else self._default.name
        return {
            "default_policy": default,
            "policy_map": {key: serialize(policy) for key, policy in self._map.items()},
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Self:
        policies = {
            key: deserialize(value, custom_objects) if isinstance(value, dict) else value
            for key, value in config["policy_map"].items()
        }
        return cls(config["default_policy"], policies)
