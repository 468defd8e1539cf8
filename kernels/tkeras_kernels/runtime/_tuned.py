"""What was measured on this device: calls that torch's library wins, and the best number of warps of kernels.

Nothing is measured here unless ``TKERAS_TUNE=1`` asks for it; tables come with the package, or from the
user's cache, which goes first. A key has no exact size in it: every size counts as the next power of two.
"""

from __future__ import annotations

import functools
import inspect
import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from ..pointwise import Pointwise
from . import _tuned_store as store
from ._leaves import leaf_source

if TYPE_CHECKING:
    from ..operators import Operator, Tensors

_on = os.environ.get("TKERAS_TUNE", "0") not in ("", "0")
_tables: dict[str, dict[str, dict[str, Any]]] = {}
_measuring: ContextVar[bool] = ContextVar("tkeras_measuring", default=False)
_tried: ContextVar[Mapping[str, Options] | None] = ContextVar("tkeras_tried", default=None)


class Options(NamedTuple):
    """How a kernel is launched."""

    warps: int
    stages: int


def tuning() -> bool:
    """Whether calls are measured at their first use with a class of sizes."""
    return _on


def set_tuning(on: bool) -> None:
    """Measure from now on, or stop; the environment variable ``TKERAS_TUNE`` gives the initial choice."""
    global _on
    _on = on


def forget_tuning() -> None:
    """Read the tables again at the next use."""
    _tables.clear()


@contextmanager
def measuring() -> Iterator[None]:
    """Inside, no table is asked and nothing is measured."""
    token = _measuring.set(True)
    try:
        yield
    finally:
        _measuring.reset(token)


def is_measuring() -> bool:
    """Whether this is inside :func:`measuring`."""
    return _measuring.get()


@contextmanager
def trying(options: Mapping[str, Options]) -> Iterator[None]:
    """Launch these kernels, by :func:`launch_key`, with these options."""
    token = _tried.set(options)
    try:
        yield
    finally:
        _tried.reset(token)


def size_class(size: int) -> int:
    """The next power of two, so that batches of 100 and 128 share an entry."""
    return 1 << max(size - 1, 0).bit_length() if size else 0


def call_key(operator: Operator, tensors: Tensors, attributes: Mapping[str, Any], trains: bool) -> str:
    """A call by operator, dtype, classes of its sizes, functions and flags that are not the defaults.

    ``strides=(2, 2)`` is ``strides=2``: a layer and a case say it differently.
    """
    first = next(tensor for tensor in tensors if tensor is not None and tensor.is_floating_point())
    shapes = ",".join(
        "-" if tensor is None else "x".join(str(size_class(size)) for size in tensor.shape) or "1"
        for tensor in tensors
    )
    kept, _ = operator.split(dict(attributes))
    defaults = _defaults(type(operator))
    flags = ",".join(
        f"{name}={value.name if isinstance(value, Pointwise) else value}"
        for name, value in sorted((name, _short(value)) for name, value in kept.items())
        if isinstance(value, Pointwise | str | int | tuple) and value != defaults.get(name, None)
    )
    dtype = str(first.dtype).removeprefix("torch.")
    return f"{operator.name} {dtype} {shapes}{' ' * bool(flags)}{flags} {'train' if trains else 'infer'}"


@functools.cache
def _defaults(operator: type[Operator]) -> dict[str, Any]:
    parameters = inspect.signature(operator.reference).parameters
    return {name: _short(parameter.default) for name, parameter in parameters.items()}


def _short(value: Any) -> Any:
    """One number for a tuple of equal ones."""
    if not isinstance(value, tuple) or not all(isinstance(part, int) for part in value):
        return value
    return value[0] if len(set(value)) == 1 else value


def launch_key(kernel: Any, arguments: Sequence[Any], constants: Mapping[str, Any]) -> str:
    """A kernel by name, dtype, tiles, flags and leaves."""
    dtype = next((a.dtype for a in arguments if isinstance(a, torch.Tensor)), None)
    return f"{kernel.__name__} {str(dtype).removeprefix('torch.')} {_constants(constants)}"


def _constants(constants: Mapping[str, Any]) -> str:
    return ",".join(f"{name}={_text(value)}" for name, value in sorted(constants.items()))


def _text(value: Any) -> str:
    source = leaf_source(value)
    if source is None:
        return str(value)
    import hashlib

    return hashlib.sha256(source[0].encode()).hexdigest()[:8]


def table_for(device: torch.device) -> dict[str, dict[str, Any]]:
    """All entries that count on a device."""
    return named_table(device_name(device))


@functools.cache
def device_name(device: torch.device) -> str:
    """The maker's name of a GPU."""
    return torch.cuda.get_device_name(device)


def named_table(name: str) -> dict[str, dict[str, Any]]:
    """All entries for a device of this name: the user's over those of the package."""
    found = _tables.get(name)
    if found is None:
        whose = store.identity(name)
        found = {part: {} for part in store.PARTS}
        for file in (*sorted(store.SHIPPED.glob("*.json")), store.user_file(whose)):
            for part, entries in store.read(file, whose).items():
                found[part].update(entries)
        _tables[name] = found
    return found


def remember(name: str, found: Mapping[str, Mapping[str, Any]]) -> None:
    """Add entries for a device of this name, to the user's cache too."""
    table = named_table(name)
    for part, entries in found.items():
        table[part].update(entries)
    whose = store.identity(name)
    failed = store.add(store.user_file(whose), whose, found)
    if failed is not None:
        warnings.warn(
            f"The tuning cache was not written, results count for this process: {failed}", stacklevel=2
        )


def vendor_wins(operator: Operator, tensors: Tensors, attributes: Mapping[str, Any]) -> str | None:
    """Why torch's library should run a call that has a kernel, or None."""
    if _measuring.get():
        return None
    first = tensors[0]
    assert first is not None
    table = table_for(first.device)["choices"]
    if not (table or _on) or not operator.differentiable:
        return None
    trains = torch.is_grad_enabled() and any(t is not None and t.requires_grad for t in tensors)
    key = call_key(operator, tensors, attributes, trains)
    entry = table.get(key)
    if entry is None and _on and not torch.cuda.is_current_stream_capturing():
        from ..tuning import tune_call

        entry = tune_call(operator, tensors, attributes, trains)
    if entry is None or entry["winner"] != "torch":
        return None
    if entry.get("reason"):
        return f"kernel failed when it was tuned: {entry['reason']}"
    return f"{operator.vendor} {entry['ratio']:.2f}x faster here"


def launch_options(
    kernel: Any,
    on: torch.Tensor,
    arguments: Sequence[Any],
    constants: Mapping[str, Any],
    planned: Options,
) -> Options:
    """Warps and stages of a launch: what was found best here, else what the plan says."""
    tried = _tried.get()
    if tried is None:
        configs = table_for(on.device)["configs"]
        if not configs:
            return planned
        entry = configs.get(launch_key(kernel, arguments, constants))
        return planned if entry is None else Options(entry["warps"], entry["stages"])
    return tried.get(launch_key(kernel, arguments, constants), planned)
