"""`BuildMixin`: variables are made once, when the shape of the input is known."""

from __future__ import annotations

import functools
from typing import Any

from tkeras.graph import MetaMode, Version
from tkeras.graph._naming import name_scope
from tkeras.graph._tree import leaves
from tkeras.layers._context import context
from tkeras.layers._signature import build_parameters


class BuildMixin:
    """Wraps the ``build`` that a subclass defines: name scope, ``built`` flag, record of the shapes."""

    name: str
    built: bool

    def __init_subclass__(cls, **kwargs: Any):
        super().__init_subclass__(**kwargs)
        if "build" in cls.__dict__:
            cls.build = _wrapped(cls.__dict__["build"])  # type: ignore[method-assign]

    def build(self, input_shape: Any) -> None:
        """Create the variables; called once, before the first call, with the input's shape and batch."""
        self.__dict__.update(built=True, _shapes_built=input_shape and {"input_shape": input_shape})

    def _build_from(self, arguments: dict[str, Any]) -> None:
        """Build from the arguments of a call."""
        parameters = build_parameters(type(self).build)
        shapes = shapes_of(arguments)
        if len(parameters) == 1 and shapes:
            shapes = {parameters[0]: next(iter(shapes.values()))}
        else:
            shapes = {name: shape for name, shape in shapes.items() if name in parameters}
        if not shapes and len(parameters) == 1 and type(self).build is not BuildMixin.build and arguments:
            given = next(iter(arguments.values()))
            raise ValueError(
                f"Inputs to a layer should be tensors. Got {given!r:.80} (of type {type(given)}) as input "
                f"for layer '{self.name}'."
            )
        with MetaMode.paused():
            self.build(**shapes) if shapes else self.build(None)
        self.__dict__["built"] = True

    def build_from_config(self, config: dict[str, Any]) -> None:
        """Build from :meth:`get_build_config`."""
        if config:
            shapes = config.get("shapes_dict") or {"input_shape": config.get("input_shape")}
            parameters = build_parameters(type(self).build)
            shapes = {key: _tuples(value) for key, value in shapes.items()}
            (
                self.build(**shapes)
                if set(shapes) <= set(parameters)
                else self.build(next(iter(shapes.values())))
            )

    def get_build_config(self) -> dict[str, Any] | None:
        """The shapes the layer was built with."""
        shapes = self.__dict__.get("_shapes_built")
        if not shapes:
            return None
        return {"input_shape": next(iter(shapes.values()))} if len(shapes) == 1 else {"shapes_dict": shapes}


def _wrapped(build: Any) -> Any:
    if getattr(build, "_opens_scope", False):
        return build

    @functools.wraps(build)
    def wrapper(self: Any, *args: Any, **kwargs: Any) -> Any:
        if self.__dict__.get("_building"):  # super().build(...) of a subclass
            return build(self, *args, **kwargs)
        self.__dict__["_building"] = True
        context.stack.append(self)  # layers built inside are called outer/inner, as those called inside are
        *outer, own = (layer.name for layer in dict.fromkeys(context.stack))
        self._take_path("/".join((*outer, own)))
        autocast, context.autocast = context.autocast, None
        try:
            with name_scope(own, override_parent="/".join(outer)):
                build(self, *args, **kwargs)
        finally:
            context.stack.pop()
            context.autocast = autocast
            del self.__dict__["_building"]
        names = build_parameters(build)
        self.__dict__["_shapes_built"] = {**dict(zip(names, args, strict=False)), **kwargs}
        self.__dict__["built"] = True
        Version.bump()
        return None

    wrapper._opens_scope = True  # type: ignore[attr-defined]
    return wrapper


def shapes_of(arguments: dict[str, Any]) -> dict[str, Any]:
    """The shapes of those arguments of a call that are tensors, as ``x_shape``."""
    return {f"{name}_shape": _shape(value) for name, value in arguments.items() if _has_shape(value)}


def _has_shape(value: Any) -> bool:
    found = list(leaves(value))
    return bool(found) and all(hasattr(leaf, "shape") for leaf in found)


def _shape(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _shape(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_shape(item) for item in value]
    return tuple(value.shape)


def _tuples(shape: Any) -> Any:
    if isinstance(shape, dict):
        return {key: _tuples(value) for key, value in shape.items()}
    if isinstance(shape, (list, tuple)) and any(isinstance(item, (list, tuple, dict)) for item in shape):
        return [_tuples(value) for value in shape]
    return tuple(shape) if isinstance(shape, list) else shape
