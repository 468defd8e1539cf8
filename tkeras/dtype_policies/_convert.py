"""Policies to and from what stands for them."""

from __future__ import annotations

from typing import Any

from tkeras.config import DTypePolicy
from tkeras.config._policy import get_policy
from tkeras.dtype_policies._quantized import quantized_policy
from tkeras.saving import deserialize_keras_object, serialize_keras_object


def serialize(dtype_policy: DTypePolicy) -> dict[str, Any]:
    """The configuration of a policy."""
    return serialize_keras_object(dtype_policy)


def deserialize(config: Any, custom_objects: Any = None) -> DTypePolicy:
    """A policy from :func:`serialize`."""
    return deserialize_keras_object(config, custom_objects)


def get(identifier: Any) -> DTypePolicy:
    """A policy from a policy, a name, an element type, a configuration, or None for the default.

    Raises:
        ValueError: it is none of these.
    """
    if isinstance(identifier, dict):
        return deserialize(identifier)
    if isinstance(identifier, (int, float)):
        raise ValueError(
            "Cannot interpret `dtype` argument. Expected a string or an instance of DTypePolicy. "
            f"Received: dtype={identifier}"
        )
    quantized = quantized_policy(identifier) if isinstance(identifier, str) else None
    return get_policy(identifier) if quantized is None else quantized
