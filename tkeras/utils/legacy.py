"""Configurations in the form of Keras 2: ``{"class_name", "config"}``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tkeras.saving import CustomObjectScope, get_registered_name, get_registered_object
from tkeras.saving import deserialize_keras_object as _deserialize


def serialize_keras_object(instance: Any) -> Any:
    """The class name and configuration of an object, the name of a function, None for None.

    Raises:
        ValueError: something else.
    """
    if instance is None:
        return None
    if hasattr(instance, "get_config") and not isinstance(instance, type):
        return {"class_name": get_registered_name(type(instance)), "config": instance.get_config()}
    if hasattr(instance, "__name__"):
        return get_registered_name(instance)
    raise ValueError(f"Cannot serialize {instance} because it doesn't implement `get_config()`.")


def deserialize_keras_object(
    identifier: Any,
    module_objects: Mapping[str, Any] | None = None,
    custom_objects: Mapping[str, Any] | None = None,
    printable_module_name: str = "object",
) -> Any:
    """The object of a configuration, or the function or class of a name.

    Args:
        identifier: what :func:`serialize_keras_object` gave.
        module_objects: names that are known here.
        custom_objects: further names.
        printable_module_name: word for messages.

    Raises:
        ValueError: an unknown name.
    """
    if identifier is None:
        return None
    if isinstance(identifier, Mapping):
        return _deserialize(dict(identifier), custom_objects=custom_objects, module_objects=module_objects)
    if isinstance(identifier, str):
        with CustomObjectScope(custom_objects):
            found = get_registered_object(identifier, module_objects=module_objects)
        if found is None:
            raise ValueError(f"Unknown {printable_module_name}: '{identifier}'.")
        return found() if isinstance(found, type) else found
    if callable(identifier):
        return identifier
    raise ValueError(f"Could not interpret serialized {printable_module_name}: {identifier}")
