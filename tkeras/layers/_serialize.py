"""Layers to and from their configurations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tkeras.layers._layer import Layer
from tkeras.saving import deserialize_keras_object, public, serialize_keras_object


@public("keras.layers.serialize")
def serialize(layer: Layer) -> dict[str, Any]:
    """A dictionary from which :func:`deserialize` makes the same layer, without weights."""
    return serialize_keras_object(layer)


@public("keras.layers.deserialize")
def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """A layer from :func:`serialize`, or from Keras 2's ``{"class_name": "Dense", "config": {…}}``.

    Raises:
        ValueError: the dictionary describes something else.
    """
    from tkeras import layers

    known = {name: kind for name, kind in vars(layers).items() if isinstance(kind, type)}
    layer = deserialize_keras_object(config, custom_objects=custom_objects, module_objects=known)
    if not isinstance(layer, Layer):
        raise ValueError(
            "`keras.layers.deserialize` was passed a `config` object that is not a `keras.layers.Layer`. "
            f"Received: {config}"
        )
    return layer
