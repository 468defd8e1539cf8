"""The functions of `Lambda` layers in configurations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tkeras.saving._registry import scoped_objects
from tkeras.saving._serialization import deserialize_keras_object


def function_from_config(config: Any, owner: str) -> Callable[..., Any]:
    """The function of a `Lambda` layer: a registered or public one by name, never code that the file holds.

    Args:
        config: what the layer's configuration says about the function.
        owner: name of the layer, under which ``custom_objects`` may give the function.

    Raises:
        ValueError: the file holds code and no function is given in its place.
        TypeError: the name of a function that is not known.
    """
    if isinstance(config, dict) and config.get("class_name") == "__lambda__":
        given = scoped_objects().get(owner)
        if callable(given):
            return given
    function = deserialize_keras_object(config)
    if not callable(function):
        raise TypeError(
            f"Layer '{owner}': could not find the function {function!r}. Register it with "
            "`register_keras_serializable`, or pass it in `custom_objects`."
        )
    return function


def is_serialized_function(config: Any) -> bool:
    """Whether a value of a configuration stands for a function."""
    return isinstance(config, dict) and config.get("class_name") in ("__lambda__", "function")
