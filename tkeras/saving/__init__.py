"""Names, configurations and files of models."""

from tkeras.saving._registry import CustomObjectScope as CustomObjectScope
from tkeras.saving._registry import Namespace as Namespace
from tkeras.saving._registry import custom_object_scope as custom_object_scope
from tkeras.saving._registry import get_custom_objects as get_custom_objects
from tkeras.saving._registry import get_registered_name as get_registered_name
from tkeras.saving._registry import get_registered_object as get_registered_object
from tkeras.saving._registry import public as public
from tkeras.saving._registry import public_name as public_name
from tkeras.saving._registry import public_object as public_object
from tkeras.saving._registry import register_keras_serializable as register_keras_serializable
from tkeras.saving._serialization import deserialize_keras_object as deserialize_keras_object
from tkeras.saving._serialization import enable_unsafe_deserialization as enable_unsafe_deserialization
from tkeras.saving._serialization import in_safe_mode as in_safe_mode
from tkeras.saving._serialization import object_sharing_scope as object_sharing_scope
from tkeras.saving._serialization import safe_mode_scope as safe_mode_scope
from tkeras.saving._serialization import serialize_keras_object as serialize_keras_object
from tkeras.saving._serialization import set_lambda_codec as set_lambda_codec


def __getattr__(name: str):  # weights need layers, which need the registry above
    if name in ("save_weights", "load_weights"):
        from tkeras.saving import _weights

        return getattr(_weights, name)
    raise AttributeError(f"module 'tkeras.saving' has no attribute {name!r}")
