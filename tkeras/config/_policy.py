"""Dtype policies: the type a layer computes in and the type its variables are kept in."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from tkeras.config._device import default_device
from tkeras.config._dtypes import is_float_dtype, standardize_dtype, torch_dtype
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
            if type(name) in (int, float):
                raise TypeError(
                    "'name' must be a string, such as 'mixed_float16'. "
                    f"Received: name={name} (of type {type(name)})"
                )
            name = standardize_dtype(name)
        self._name = name = name or floatx()
        compute, variable = self._parse_name(name)
        self._compute_dtype, self._variable_dtype = compute, variable
        self.compute_torch_dtype = None if compute == "string" else torch_dtype(compute)

    def _parse_name(self, name: str) -> tuple[str, str]:
        """The types of computation and of variables."""
        mixed = name.removeprefix("mixed_")
        try:
            if mixed != name and mixed in ("float16", "bfloat16"):
                return mixed, "float32"
            return standardize_dtype(name), standardize_dtype(name)
        except ValueError:
            raise ValueError(
                f"Cannot convert '{name}' to a mixed precision DTypePolicy. Valid policies include "
                "'mixed_float16', 'mixed_bfloat16', and the name of any float dtype such as 'float32'."
            ) from None

    def convert_input(self, x: Any, autocast: bool, dtype: Any) -> Any:
        """``x``, its arrays as tensors; with ``autocast`` floating point ones in the type ``dtype``."""
        wanted = torch_dtype(dtype)
        if isinstance(x, (np.ndarray, np.generic)):
            x = torch.as_tensor(x, device=default_device())
        if isinstance(x, torch.Tensor):
            return x.to(wanted) if autocast and x.is_floating_point() else x
        if autocast and hasattr(x, "_keras_history") and is_float_dtype(x.dtype):
            return x if x.dtype == standardize_dtype(dtype) else type(x)(x.shape, dtype, name=x.name)
        return x

    @property
    def quantization_mode(self) -> str | None:
        """None: the types of a plain policy are not quantized."""
        return None

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
    """Set the policy of all layers built from now on.

    Raises:
        ValueError: neither a policy nor the name of one.
    """
    if not isinstance(policy, (str, DTypePolicy, torch.dtype)):
        raise ValueError(
            "Invalid `policy` argument. Expected the string name of a policy (such as 'mixed_float16') or "
            f"a `DTypePolicy` instance. Received: policy={policy} (of type {type(policy)})"
        )
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
