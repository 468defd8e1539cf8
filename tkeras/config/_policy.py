"""Dtype policies: the type a layer computes in and the type its variables are kept in."""

from __future__ import annotations

from typing import Any

from tkeras.config._dtypes import standardize_dtype, torch_dtype
from tkeras.config._state import floatx


class DTypePolicy:
    """How a layer treats element types.

    Args:
        name: an element type such as ``"float32"`` (compute and variables alike), or ``"mixed_bfloat16"`` /
            ``"mixed_float16"`` (compute in 16 bits, variables in float32).

    Raises:
        ValueError: the name is none of these.
    """

    def __init__(self, name: Any = None):
        if name is not None and not isinstance(name, str):
            name = standardize_dtype(name)
        self._name = name = name or floatx()
        if name.startswith("mixed_"):
            compute, variable = name.removeprefix("mixed_"), "float32"
            if compute not in ("float16", "bfloat16"):
                raise ValueError(
                    f"Cannot convert '{name}' to a mixed precision DTypePolicy. "
                    "Valid policies are 'mixed_float16' and 'mixed_bfloat16'."
                )
        else:
            compute = variable = standardize_dtype(name)
        self._compute_dtype, self._variable_dtype = compute, variable
        self.compute_torch_dtype = None if compute == "string" else torch_dtype(compute)

    @property
    def name(self) -> str:
        """Name of the policy."""
        return self._name

    @property
    def compute_dtype(self) -> str:
        """Type that inputs are cast to and results come in."""
        return self._compute_dtype

    @property
    def variable_dtype(self) -> str:
        """Type that variables are kept in."""
        return self._variable_dtype

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {"name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> DTypePolicy:
        """A policy from :meth:`get_config`."""
        return cls(**config)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DTypePolicy) and other.name == self.name

    def __hash__(self) -> int:
        return hash(self._name)

    def __repr__(self) -> str:
        return f'<DTypePolicy "{self._name}">'


_default: list[DTypePolicy | None] = [None]


def dtype_policy() -> DTypePolicy:
    """The policy of layers that are given none: :func:`floatx` unless :func:`set_dtype_policy` changed it."""
    return _default[0] or DTypePolicy(floatx())


def set_dtype_policy(policy: str | DTypePolicy) -> None:
    """Set the policy of all layers built from now on."""
    _default[0] = get_policy(policy)


def get_policy(identifier: Any) -> DTypePolicy:
    """A policy from a policy, a name, an element type, a serialized policy, or None for the default."""
    if identifier is None:
        return dtype_policy()
    if isinstance(identifier, DTypePolicy):
        return identifier
    if isinstance(identifier, dict):
        return DTypePolicy(**identifier.get("config", identifier))
    return DTypePolicy(identifier)
