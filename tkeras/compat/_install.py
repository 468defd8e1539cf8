"""Answering ``import keras`` and ``import tensorflow`` with tkeras."""

from __future__ import annotations

import importlib.machinery
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from types import ModuleType

from tkeras.compat import _paths
from tkeras.compat._errors import MissingModuleError
from tkeras.compat._facade import Facade, exists

_HINT = "`python -m tkeras coverage` lists what tkeras has of Keras."
_NO_TENSORFLOW = "tensorboard.compat.notf"
"""Where a module of this name exists, TensorBoard takes its own stub instead of TensorFlow."""
_TENSORFLOW_HINT = (
    "The `tensorflow` here is a stand-in for the functions that Keras scripts use; write the line with "
    "`keras.ops` or torch instead, or run the script with the real TensorFlow."
)


def install_as_keras() -> None:
    """From now on ``import keras``, ``tensorflow.keras`` and their submodules give tkeras in this process.

    The real packages, if installed, stay as they are for other processes. Results of eager code behave as
    scripts expect: ``.numpy()``, ``float()`` and numpy functions take tensors that carry gradients.

    Raises:
        RuntimeError: the real keras or tensorflow is loaded already.
    """
    if any(isinstance(finder, _Finder) for finder in sys.meta_path):
        return
    loaded = [name for name in ("keras", "tf_keras", "tensorflow") if name in sys.modules]
    if loaded:
        raise RuntimeError(
            f"{loaded[0]} is imported already. Call `tkeras.install_as_keras()` before its first import."
        )
    from tkeras.compat._tensors import adapt_tensors

    adapt_tensors()
    sys.modules.setdefault(_NO_TENSORFLOW, ModuleType(_NO_TENSORFLOW))
    sys.meta_path.insert(0, _Finder())


def find(name: str) -> importlib.machinery.ModuleSpec | None:
    """Install at the first ``import keras`` of a process started with ``TKERAS_AS_KERAS=1``."""
    install_as_keras()
    return _Finder().find_spec(name, None)


class _Finder(MetaPathFinder):
    """Finds every module below the names of Keras and TensorFlow."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname.partition(".")[0] not in ("keras", "tf_keras", "tensorflow"):
            return None
        return importlib.machinery.ModuleSpec(fullname, _Loader(), is_package=True)


class _Loader(Loader):
    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        return _facade(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """All is done."""


def _facade(fullname: str) -> Facade:
    """The module of a name.

    Raises:
        MissingModuleError: there is none; the message says how to get on.
    """
    root = next((root for root in _paths.ROOTS if f"{fullname}.".startswith(f"{root}.")), None)
    if root is None:
        return _tensorflow(fullname)
    path = fullname.removeprefix(root).removeprefix(".")
    for refused, reason in _paths.REFUSED.items():
        if f"{path}.".startswith(f"{refused}."):
            raise MissingModuleError(f"{fullname} is not in tkeras: {reason}", name=fullname)
    behind = tuple(f"tkeras.{place}".rstrip(".") for place in _paths.places(path))
    behind = tuple(module for module in behind if exists(module))
    if not behind and path != "legacy":
        raise MissingModuleError(f"No module or name '{fullname}' in tkeras. {_HINT}", name=fullname)
    if path:
        return Facade(fullname, behind, {}, _HINT)
    own = {"__version__": _paths.VERSION, "version": lambda: _paths.VERSION}
    return Facade(fullname, behind, own, _HINT, _paths.modules())


def _tensorflow(fullname: str) -> Facade:
    path = fullname.removeprefix("tensorflow").removeprefix(".")
    module = f"tkeras.compat.tensorflow.{path}".rstrip(".")
    if any(part.startswith("_") for part in path.split(".")) or not exists(module):
        raise MissingModuleError(f"No module or name '{fullname}'. {_TENSORFLOW_HINT}", name=fullname)
    return Facade(fullname, (module,), {}, _TENSORFLOW_HINT)
