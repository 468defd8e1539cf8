"""Names, configurations and files of models."""

from tkeras.saving._functions import function_from_config as function_from_config
from tkeras.saving._functions import is_serialized_function as is_serialized_function
from tkeras.saving._operations import operation_from_config as operation_from_config
from tkeras.saving._operations import operation_to_config as operation_to_config
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
from tkeras.saving._serialization import layer_from_config as layer_from_config
from tkeras.saving._serialization import object_sharing_scope as object_sharing_scope
from tkeras.saving._serialization import safe_mode_scope as safe_mode_scope
from tkeras.saving._serialization import serialize_keras_object as serialize_keras_object

_OF_FILES = {"load_model": "_files", "model_from_json": "_files", "save_model": "_files"}
_OF_FILES |= {"load_weights": "_weights", "save_weights": "_weights"}


def __getattr__(name: str):  # files need models, which need the registry above
    if name in _OF_FILES:
        from tkeras.saving import _files, _weights

        return getattr(_files if _OF_FILES[name] == "_files" else _weights, name)
    raise AttributeError(f"module 'tkeras.saving' has no attribute {name!r}")
