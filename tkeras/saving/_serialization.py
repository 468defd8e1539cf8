"""Objects to and from Keras 3's plain dicts ``{"module", "class_name", "config", "registered_name"}``."""

from __future__ import annotations

import inspect
import types
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np
import torch

from tkeras.config import standardize_dtype, torch_dtype
from tkeras.graph import KerasTensor
from tkeras.saving._legacy_config import CLASSES, REFUSED, upgraded
from tkeras.saving._registry import (
    CustomObjectScope,
    get_custom_objects,
    get_registered_name,
    get_registered_object,
    public_name,
    public_object,
    scoped_objects,
)

_PLAIN = (str, int, float, bool)
_FUNCTION_HOMES = (
    "activations",
    "losses",
    "metrics",
    "initializers",
    "regularizers",
    "constraints",
    "optimizers",
    "ops",
)
_CLASSES_ELSEWHERE = ("keras.utils.FeatureSpace",)
_CLASS_HOMES = (
    *_FUNCTION_HOMES,
    "layers",
    "models",
    "dtype_policies",
    "mixed_precision",
    "random",
    "quantizers",
)
_safe_mode: ContextVar[bool | None] = ContextVar("safe_mode", default=None)
_shared_objects: ContextVar[dict[Any, Any] | None] = ContextVar("shared_objects", default=None)
_shared_configs: ContextVar[dict[int, tuple[Any, dict[str, Any]]] | None] = ContextVar(
    "shared_configs", default=None
)


@contextmanager
def safe_mode_scope(safe_mode: bool | None) -> Iterator[None]:
    """Inside, serialized Python code is refused unless ``safe_mode`` is False."""
    token = _safe_mode.set(safe_mode)
    try:
        yield
    finally:
        _safe_mode.reset(token)


def in_safe_mode() -> bool:
    """Whether serialized Python code is refused: True unless a caller said ``safe_mode=False``."""
    return _safe_mode.get() is not False


def enable_unsafe_deserialization() -> None:
    """Accept serialized Python code from now on, as if every loader were called with ``safe_mode=False``."""
    _safe_mode.set(False)


@contextmanager
def object_sharing_scope() -> Iterator[None]:
    """Inside, an object met twice is written once with a ``shared_object_id`` and read back as one object."""
    objects, configs = _shared_objects.set({}), _shared_configs.set({})
    try:
        yield
    finally:
        _shared_objects.reset(objects)
        _shared_configs.reset(configs)


def serialize_keras_object(obj: Any) -> Any:
    """A JSON-ready value or dict from which :func:`deserialize_keras_object` makes an equal object.

    Args:
        obj: None, numbers, strings, lists, tuples, dicts, slices, tensors, arrays, functions, or anything
            that has ``get_config``.

    Raises:
        TypeError: an object without ``get_config``.
    """
    if obj is None or type(obj) in _PLAIN:
        return obj
    if isinstance(obj, (list, tuple)):
        items = [serialize_keras_object(item) for item in obj]
        return tuple(items) if isinstance(obj, tuple) else items
    if isinstance(obj, dict):
        return {key: serialize_keras_object(value) for key, value in obj.items()}
    special = _serialize_special(obj)
    if special is not None:
        return special[0]
    config = _address(obj)
    config["config"] = _inner_config(obj)
    for key in ("build_config", "compile_config"):
        getter = getattr(obj, f"get_{key}", None)
        extra = getter() if getter is not None else None
        if extra is not None:
            config[key] = serialize_keras_object(extra)
    _record_config(obj, config)
    return config


def _serialize_special(obj: Any) -> tuple[Any] | None:
    """The value of a type that Keras writes in a form of its own, in a tuple; None for other types."""
    if isinstance(obj, bytes):
        return ({"class_name": "__bytes__", "config": {"value": obj.decode("utf-8")}},)
    if isinstance(obj, slice):
        parts = {key: serialize_keras_object(getattr(obj, key)) for key in ("start", "stop", "step")}
        return ({"class_name": "__slice__", "config": parts},)
    if obj is Ellipsis:
        return ({"class_name": "__ellipsis__", "config": {}},)
    if isinstance(obj, (torch.dtype, np.dtype)):
        return (standardize_dtype(obj),)
    if isinstance(obj, torch.Tensor):
        return ({"class_name": "__tensor__", "config": _values(obj)},)
    if isinstance(obj, np.ndarray) and obj.ndim > 0:
        return ({"class_name": "__numpy__", "config": _values(obj)},)
    if isinstance(obj, (np.ndarray, np.generic)):
        return (obj.item(),)
    if isinstance(obj, KerasTensor):
        history = obj._keras_history
        place = history and [history.operation.name, history.node_index, history.tensor_index]
        inner = {"shape": list(obj.shape), "dtype": obj.dtype, "keras_history": place}
        return ({"class_name": "__keras_tensor__", "config": inner},)
    if isinstance(obj, types.FunctionType) and obj.__name__ == "<lambda>":
        return (_lambda_config(obj),)
    return (obj,) if isinstance(obj, _PLAIN) else None


def _lambda_config(function: types.FunctionType) -> dict[str, Any]:
    """A mark in the place of a lambda: its code is not written."""
    warnings.warn(
        f"{function} is a lambda, whose code is not written. Give the function a name and register it with"
        " `register_keras_serializable`, or pass it again at loading: for a `Lambda` layer in"
        " `custom_objects` under the name of the layer.",
        stacklevel=2,
    )
    return {"class_name": "__lambda__", "config": {"value": None}}


def _values(array: torch.Tensor | np.ndarray) -> dict[str, Any]:
    return {"value": array.tolist(), "dtype": standardize_dtype(array.dtype)}


def _inner_config(obj: Any) -> Any:
    if isinstance(obj, types.FunctionType):
        return get_registered_name(obj)
    if hasattr(obj, "get_config") and not inspect.isclass(obj):
        config = obj.get_config()
        if not isinstance(config, dict):
            raise TypeError(f"The `get_config()` method of {obj} should return a dict. It returned: {config}")
        return serialize_keras_object(config)
    if hasattr(obj, "__name__"):
        return get_registered_name(obj)
    raise TypeError(
        f"Cannot serialize object {obj} of type {type(obj)}. "
        "To be serializable, a class must implement the `get_config()` method."
    )


def _address(obj: Any) -> dict[str, Any]:
    """Where the class of ``obj`` is found again."""
    cls = type(obj)
    name = public_name(cls)
    if name is not None:
        module, _, class_name = name.rpartition(".")
        return {"module": module, "class_name": class_name, "config": None, "registered_name": None}
    module = cls.__module__ if cls.__module__ != "__main__" else None
    return {
        "module": module,
        "class_name": cls.__name__,
        "config": None,
        "registered_name": get_registered_name(cls),
    }


def _record_config(obj: Any, config: dict[str, Any]) -> None:
    configs = _shared_configs.get()
    if configs is None:
        return
    _, first = configs.setdefault(
        id(obj), (obj, config)
    )  # the object stays alive, so that its id stays its own
    if first is not config:
        first["shared_object_id"] = config["shared_object_id"] = id(obj)


def deserialize_keras_object(
    config: Any,
    custom_objects: Mapping[str, Any] | None = None,
    safe_mode: bool | None = True,
    module_objects: Mapping[str, Any] | None = None,
) -> Any:
    """The object that :func:`serialize_keras_object` wrote.

    Args:
        config: a value or dict written by Keras or tkeras.
        custom_objects: name → class or function, beside those registered.
        safe_mode: False lets serialized lambdas be read; None means True.
        module_objects: where ``{"class_name", "config"}`` without a module is looked up.

    Raises:
        TypeError: the config is malformed or names an object that is not known here.
        ValueError: the config holds Python code and ``safe_mode`` is not False.
    """
    given = _safe_mode.get()
    known = {**(custom_objects or {}), **scoped_objects(), **get_custom_objects()}
    with CustomObjectScope(known), safe_mode_scope(safe_mode if given is None else given):
        return _read(config, module_objects)


def _read(config: Any, module_objects: Mapping[str, Any] | None = None) -> Any:
    if config is None:
        return None
    if isinstance(config, str):
        found = scoped_objects().get(config)
        return config if found is None else found
    if isinstance(config, (list, tuple)):
        return [_read(item) for item in config]
    if isinstance(config, _PLAIN):
        return config
    if not isinstance(config, dict):
        raise TypeError(f"Could not parse config: {config}")
    if "class_name" not in config or ("config" not in config and module_objects is None):
        if module_objects is not None:
            raise ValueError(f"Unknown `config` as a `dict`, config={config}")
        return {key: _read(value) for key, value in config.items()}
    reader = _SPECIAL.get(config["class_name"])
    if reader is not None:
        return reader(config["config"])
    return _read_object(config, module_objects)


def _read_object(config: dict[str, Any], module_objects: Mapping[str, Any] | None) -> Any:
    class_name, inner = config["class_name"], config.get("config")
    if class_name == "function":
        if not isinstance(inner, str):
            raise TypeError(f"Expected 'config' to be the name of a function. Received: {config}")
        return _resolve(inner, config, module_objects)
    inner = {} if inner is None else inner
    if class_name == "Sequential" and isinstance(inner, list):  # Keras 2.0
        inner = {"name": None, "layers": inner}
    if not isinstance(inner, dict):
        raise TypeError(f"Expected 'config' to be a dict for {class_name}. Received: {config}")
    shared, shared_id = _shared_objects.get(), config.get("shared_object_id")
    if shared is not None and shared_id is not None and shared_id in shared:
        return shared[shared_id]
    cls = _resolve(class_name, config, module_objects)
    if isinstance(cls, types.FunctionType):
        return cls
    if not hasattr(cls, "from_config"):
        raise TypeError(
            f"Unable to reconstruct an instance of '{class_name}' because the class is missing a "
            f"`from_config()` method. Full object config: {config}"
        )
    if (public_name(cls) or "").startswith("keras.layers."):
        inner = upgraded(cls.__name__, inner)
    instance = _instantiate(cls, inner, config)
    if shared is not None and shared_id is not None:
        shared[shared_id] = instance
    return instance


def _instantiate(cls: Any, inner: dict[str, Any], config: dict[str, Any]) -> Any:
    try:
        instance = cls.from_config(inner)
    except TypeError as error:
        raise TypeError(
            f"{cls} could not be deserialized properly. Please ensure that components that are Python object "
            "instances (layers, models, etc.) returned by `get_config()` are explicitly deserialized in the "
            f"model's `from_config()` method.\n\nconfig={config}.\n\nException encountered: {error}"
        ) from error
    build_config, compile_config = config.get("build_config"), config.get("compile_config")
    if build_config and not instance.built:
        instance.build_from_config(build_config)
        instance.built = True
    if compile_config:
        instance.compile_from_config(compile_config)
    return instance


def _resolve(name: str, config: dict[str, Any], module_objects: Mapping[str, Any] | None) -> Any:
    """The class or function that a config names: a registered one first, then a public one of Keras."""
    is_function = config["class_name"] == "function"
    module, registered = config.get("module"), config.get("registered_name", config["class_name"])
    custom = get_registered_object(name if is_function else registered)
    if custom is None and module is None:
        custom = get_registered_object(name)
    if custom is not None:
        return custom
    found = None
    if is_function and module in ("builtins", None):
        homes = (public_object(f"keras.{home}.{name}") for home in _FUNCTION_HOMES)
        found = next((obj for obj in homes if obj is not None), None) or _ending(name)
    elif isinstance(module, str):
        found = public_object(f"{module}.{name}")
        if found is not None and not _is_part_of_a_model(found, is_function):
            raise ValueError(
                f"'{module}.{name}' is not a part of models; a file cannot name it. Config: {config}"
            )
    if found is None and module_objects is not None:
        found = module_objects.get(name) or module_objects.get(name.lower())
    if found is None and "module" not in config and not is_function:
        found = _legacy_class(name)
    if found is not None and registered not in (None, "", name, config["class_name"]):
        raise ValueError(
            f"`registered_name={registered!r}` is not registered, while '{module}.{name}' is a built-in that "
            f"has no registered name. Full object config: {config}"
        )
    if found is None:
        raise TypeError(
            f"Could not locate {'function' if is_function else 'class'} '{name}'. Make sure custom classes "
            "and functions are decorated with `@keras.saving.register_keras_serializable()`, or are passed "
            f"in `custom_objects`. Full object config: {config}"
        )
    return found


def _legacy_class(name: str) -> Any:
    """A class by the bare name that Keras 2 wrote, where the place does not say what it is."""
    if name in REFUSED:
        raise ValueError(f"The file holds a layer of class {name}: {REFUSED[name]}.")
    name = CLASSES.get(name, name)
    homes = ("layers", "models", "optimizers.schedules")
    return next(filter(None, (public_object(f"keras.{home}.{name}") for home in homes)), None)


def _is_part_of_a_model(found: Any, is_function: bool) -> bool:
    """Whether files may name a public object: not those that load, save, download or train."""
    home = (public_name(found) or "").split(".")[1:-1]
    if is_function:
        return not inspect.isclass(found) and bool(home) and home[0] in _FUNCTION_HOMES
    return inspect.isclass(found) and (
        not home
        or home == ["src", "models", "functional"]
        or home[:2] == ["src", "layers"]
        or home[0] in _CLASS_HOMES
        or public_name(found) in _CLASSES_ELSEWHERE
    )


def _ending(name: str) -> Any:
    """A registered object of any package called ``name``."""
    matches = (obj for key, obj in scoped_objects().items() if key.endswith(f">{name}"))
    return next(matches, None) if ">" not in name else None


def _read_lambda(inner: Any) -> Any:
    if in_safe_mode():
        raise ValueError(
            "Requested the deserialization of a Python lambda. This carries a potential risk of arbitrary "
            "code execution and thus it is disallowed by default. If you trust the source of the artifact, "
            "pass the function itself: for a `Lambda` layer in `custom_objects` under the name of the layer."
        )
    raise ValueError(
        "Serialized Python code is never run, whatever `safe_mode` says. Register the function with "
        "`register_keras_serializable` before saving, or pass it at loading: for a `Lambda` layer in "
        "`custom_objects` under the name of the layer."
    )


def layer_from_config(data: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Any:
    """The layer or model of a configuration, that of Keras 2 included.

    Raises:
        ValueError: the configuration is that of something else.
    """
    from tkeras.layers import Layer

    layer = deserialize_keras_object(dict(data), custom_objects)
    if not isinstance(layer, Layer):
        raise ValueError(
            f"Unexpected object from deserialization, expected a layer, got a {type(layer)}: {data}"
        )
    return layer


def _read_keras_tensor(inner: Any) -> KerasTensor:
    tensor = KerasTensor(inner["shape"], dtype=inner["dtype"])
    tensor._pre_serialization_keras_history = inner["keras_history"]  # pyright: ignore[reportAttributeAccessIssue]
    return tensor


_SPECIAL: dict[str, Callable[[Any], Any]] = {
    "__bytes__": lambda inner: inner["value"].encode("utf-8"),
    "__slice__": lambda inner: slice(*(_read(inner[key]) for key in ("start", "stop", "step"))),
    "__ellipsis__": lambda inner: Ellipsis,
    "__tensor__": lambda inner: torch.tensor(inner["value"], dtype=torch_dtype(inner["dtype"])),
    "__numpy__": lambda inner: np.array(inner["value"], dtype=standardize_dtype(inner["dtype"])),
    "__keras_tensor__": _read_keras_tensor,
    "__lambda__": _read_lambda,
}
