"""The only place where names become objects: Keras' public names and what this process registered.

Nothing here imports, opens or evaluates what a name says; an unknown name is an error.
"""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Mapping
from contextvars import ContextVar, Token
from types import MappingProxyType
from typing import Any, TypeVar

from tkeras.config import DTypePolicy
from tkeras.graph._naming import to_snake_case

T = TypeVar("T")

_public: dict[str, Any] = {}
_public_names: dict[Any, str] = {}
_custom: dict[str, Any] = {}
_custom_names: dict[Any, str] = {}
_NONE: Mapping[str, Any] = MappingProxyType({})
_scope: ContextVar[Mapping[str, Any]] = ContextVar("custom_object_scope", default=_NONE)


def public(*names: str) -> Callable[[T], T]:
    """Decorator: files may name this object by Keras paths (``"keras.layers.Dense"``); the first is written.

    Raises:
        ValueError: another object has one of the names.
    """

    def register(obj: T) -> T:
        for name in names:
            if _public.setdefault(name, obj) is not obj:
                raise ValueError(f"The public name {name!r} is taken by {_public[name]!r}.")
        _public_names.setdefault(obj, names[0])
        return obj

    return register


def public_name(obj: Any) -> str | None:
    """The Keras path under which an object is written, None if it has none."""
    return _public_names.get(obj) if isinstance(obj, type) or inspect.isfunction(obj) else None


def public_object(name: str) -> Any:
    """The object of a Keras path, None if there is none.

    Paths inside Keras' source (``keras.src.layers.core.dense.Dense``), of ``tf_keras`` and of
    ``tensorflow.keras`` count as the public object of the same kind and name.
    """
    module, _, class_name = name.rpartition(".")
    root, *parts = [part for part in module.split(".") if part not in ("src", "_legacy", "api")]
    if root == "tensorflow" and parts[:1] == ["keras"]:
        root, parts = "keras", parts[1:]
    if root not in ("keras", "tf_keras", "tkeras"):
        return None
    exact = _public.get(".".join(("keras", *parts, class_name)))
    if exact is not None or not parts:
        return exact
    kinds = ("models" if part == "engine" else part for part in parts)
    names = (*(f"keras.{kind}.{class_name}" for kind in kinds), f"keras.{class_name}")
    return next((_public[name] for name in names if name in _public), None)


def register_keras_serializable(package: str = "Custom", name: str | None = None) -> Callable[[T], T]:
    """Decorator: let saved models name a class or function as ``package>name``.

    Args:
        package: prefix that keeps equal names of different authors apart.
        name: default: the name of the class or function.

    Raises:
        ValueError: a class without ``get_config``.
    """

    def register(obj: T) -> T:
        registered = f"{package}>{name or getattr(obj, '__name__', '')}"
        if inspect.isclass(obj) and not hasattr(obj, "get_config"):
            raise ValueError("Cannot register a class that does not have a get_config() method.")
        _custom[registered] = obj
        _custom_names[obj] = registered
        return obj

    return register


def get_custom_objects() -> dict[str, Any]:
    """The registered objects by name; changing the dict changes the registry."""
    return _custom


def get_registered_name(obj: Any) -> str:
    """``package>name`` of a registered object, else its ``__name__``."""
    return _custom_names.get(obj) or obj.__name__


def get_registered_object(
    name: str | None,
    custom_objects: Mapping[str, Any] | None = None,
    module_objects: Mapping[str, Any] | None = None,
) -> Any:
    """Look up in the open scopes, the registry, ``custom_objects`` and ``module_objects``, in this order."""
    for table in (_scope.get(), _custom, custom_objects, module_objects):
        if name is not None and table and name in table:
            return table[name]
    return None


def scoped_objects() -> Mapping[str, Any]:
    """The objects of the custom object scopes that are open now."""
    return _scope.get()


class CustomObjectScope:
    """Make names known inside a ``with`` block; inner blocks see the outer ones' names too.

    Args:
        custom_objects: name → class or function.
    """

    def __init__(self, custom_objects: Mapping[str, Any] | None):
        self.custom_objects = dict(custom_objects or {})
        self._tokens: list[Token[Mapping[str, Any]]] = []

    def __enter__(self) -> CustomObjectScope:
        self._tokens.append(_scope.set({**_scope.get(), **self.custom_objects}))
        return self

    def __exit__(self, *error: object) -> None:
        _scope.reset(self._tokens.pop())


custom_object_scope = CustomObjectScope


class Namespace:
    """The objects of one kind: what strings, dicts and callables given by a user stand for.

    Args:
        module: Keras path (``"keras.losses"``), also where objects are written as living.
        kind: word for error messages.
        default: what None stands for.
    """

    def __init__(self, module: str, kind: str, default: Any = None):
        self.module, self.kind, self.default = module, kind, default
        self.objects: dict[str, Any] = {}

    def export(self, *aliases: str, paths: tuple[str, ...] = ()) -> Callable[[T], T]:
        """Decorator: reach an object by its name, its name in snake case and ``aliases``.

        Args:
            aliases: further names, which win over snake-case names made from classes.
            paths: further full Keras paths.
        """

        def register(obj: T) -> T:
            name: str = obj.__name__  # pyright: ignore[reportAttributeAccessIssue]
            public(*(f"{self.module}.{key}" for key in (name, *aliases)), *paths)(obj)
            self.objects.setdefault(to_snake_case(name), obj)
            self.objects.update(dict.fromkeys((name, *aliases), obj))
            return obj

        return register

    def find(self, name: str) -> Any:
        """The object called ``name``, or the ValueError that lists the close matches."""
        found = get_registered_object(name, module_objects=self.objects)
        if found is None:
            close = difflib.get_close_matches(name, self.objects, n=3, cutoff=0.5)
            hint = f". Did you mean one of {close}?" if close else ""
            raise ValueError(f"Could not interpret {self.kind} identifier: {name}{hint}")
        return found

    def get(self, identifier: Any) -> Any:
        """An object from None, its name, its class, its configuration, or itself.

        Raises:
            ValueError: the identifier is none of these, or an unknown name.
        """
        if identifier is None:
            return self.default
        if isinstance(identifier, str):
            identifier = self.find(identifier)
        elif isinstance(identifier, dict):
            identifier = self.deserialize(identifier)
        if inspect.isclass(identifier):
            identifier = identifier()
        if not callable(identifier):
            raise ValueError(f"Could not interpret {self.kind} identifier: {identifier}")
        return identifier

    def serialize(self, obj: Any) -> Any:
        """The configuration that :meth:`deserialize` takes."""
        from tkeras.saving._serialization import serialize_keras_object

        return serialize_keras_object(obj)

    def deserialize(self, config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
        """An object from its name or configuration (also ``{"class_name", "config"}`` without a module)."""
        from tkeras.saving._serialization import deserialize_keras_object

        if isinstance(config, str):
            with CustomObjectScope(custom_objects):
                found = self.find(config)
            return found() if inspect.isclass(found) else found
        return deserialize_keras_object(config, custom_objects=custom_objects, module_objects=self.objects)


public("keras.DTypePolicy", "keras.dtype_policies.DTypePolicy", "keras.mixed_precision.Policy")(DTypePolicy)
