"""A module that shows the names of other modules under a name of its own."""

from __future__ import annotations

import importlib
import importlib.util
from types import ModuleType
from typing import Any

from tkeras.compat._errors import MissingNameError


class Facade(ModuleType):
    """``keras.layers`` before ``tkeras.layers``: reads, assignments and deletions go to the module behind.

    So a script that replaces ``keras.utils.get_file`` replaces it for tkeras too.

    Args:
        name: under which it is imported.
        behind: modules that are asked in turn.
        own: names of its own.
        hint: what an error for a missing name ends with.
        modules: below it, that ``import *`` takes.
    """

    def __init__(
        self,
        name: str,
        behind: tuple[str, ...],
        own: dict[str, Any],
        hint: str,
        modules: tuple[str, ...] = (),
    ):
        super().__init__(name, f"tkeras as {name}.")
        vars(self).update(own, __path__=[], _behind=behind, _hint=hint, _modules=modules)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(f"module '{self.__name__}' has no attribute '{name}'")
        module = self._module(name) if not name.startswith("_") else None
        if module is not None:
            return getattr(module, name)
        try:
            return importlib.import_module(f"{self.__name__}.{name}")
        except ImportError as error:
            raise MissingNameError(str(error)) from None

    def __setattr__(self, name: str, value: Any) -> None:
        module = None if isinstance(value, Facade) or name.startswith("__") else self._module(name)
        if module is None:
            super().__setattr__(name, value)
        else:
            setattr(module, name, value)

    def __delattr__(self, name: str) -> None:
        module = None if name in vars(self) else self._module(name)
        if module is None:
            super().__delattr__(name)
        else:
            delattr(module, name)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """A function that is not here can look like a private module, of which any name is taken.

        Raises:
            MissingNameError: always.
        """
        raise MissingNameError(f"No name '{self.__name__}' in tkeras. {vars(self)['_hint']}")

    def __dir__(self) -> list[str]:
        names = {name for name in vars(self) if not name.startswith("_")} | {*vars(self)["_modules"]}
        for module in map(importlib.import_module, self._behind):
            names |= {name for name in dir(module) if _public(module, name)}
        return sorted(names)

    @property
    def __all__(self) -> list[str]:
        """What ``from keras.layers import *`` takes."""
        return [name for name in dir(self) if name not in ("annotations",)]

    def _module(self, name: str) -> ModuleType | None:
        """The module behind that has a public name."""
        for module in map(importlib.import_module, self._behind):
            if _public(module, name):
                return module
        return None


def _public(module: ModuleType, name: str) -> bool:
    """Whether a module has a name that is no module: those get facades of their own."""
    value = getattr(module, name, None)
    return (
        not name.startswith("_")
        and (value is not None or name in vars(module))
        and not isinstance(value, ModuleType)
    )


def exists(module: str) -> bool:
    """Whether a module can be imported."""
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, AttributeError, ValueError):
        return False
