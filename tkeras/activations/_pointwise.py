"""Which activations a layer can fuse into the kernel before them."""

from __future__ import annotations

import functools
import types
from collections.abc import Callable
from typing import Any

from tkeras.activations import _activations
from tkeras.activations._activations import ACTIVATIONS
from tkeras_kernels import library
from tkeras_kernels.pointwise import Pointwise, pointwise

_ACROSS = {_activations.softmax, _activations.log_softmax, _activations.glu, _activations.sparsemax}
_OWN: dict[Any, Callable[..., Any]] = {
    function: getattr(library, function.__name__)
    for function in ACTIVATIONS.objects.values()
    if function not in _ACROSS
}


def pointwise_of(activation: Any) -> Pointwise | None:
    """The pointwise function that a layer fuses for ``activation``, or None where there is none to fuse.

    Args:
        activation: a function, a ``functools.partial`` of one with keywords, or any callable. Functions of a
            user count as pointwise: one that cannot be traced runs as torch code on the whole tensor.

    Returns:
        None for functions along an axis (softmax, log_softmax, glu, sparsemax), layers and other objects.
    """
    parameters: dict[str, Any] = {}
    while isinstance(activation, functools.partial):
        if activation.args:
            return None
        activation, parameters = activation.func, {**activation.keywords, **parameters}
    if not isinstance(activation, (types.FunctionType, types.BuiltinFunctionType)) or activation in _ACROSS:
        return None
    return pointwise(_OWN.get(activation, activation), **parameters)
