"""The arguments of a call: conversion to tensors, and the masks that tensors carry."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from tkeras.config import default_device
from tkeras.graph import Variable
from tkeras.graph._tree import leaves, map_structure
from tkeras.layers._signature import CallSignature


def convert_all(structure: Any, kind: torch.dtype | None, numbers: bool) -> Any:
    """:func:`convert` on every leaf."""
    return map_structure(lambda leaf: convert(leaf, kind, numbers), structure)


def convert(value: Any, kind: torch.dtype | None, numbers: bool = True) -> Any:
    """An array, number or tensor as a tensor, floats in type ``kind``; other things as they are."""
    if isinstance(value, torch.Tensor):
        if (
            kind is not None
            and value.is_floating_point()
            and value.dtype is not kind
            and not _is_variable(value)
        ):
            mask = getattr(value, "_keras_mask", None)
            value = value.to(kind)
            if mask is not None:
                value._keras_mask = mask  # type: ignore[attr-defined]
        return value
    if isinstance(value, (np.ndarray, np.generic)) or (numbers and type(value) in (int, float)):
        if isinstance(value, np.ndarray) and value.dtype.kind in "OUS":
            return value
        tensor = torch.as_tensor(value, device=default_device())
        floating = tensor.is_floating_point()
        return (
            tensor.to(kind or torch.float32)
            if floating and (kind or not isinstance(value, np.ndarray))
            else tensor
        )
    return value


def floating(structure: Any, kind: torch.dtype) -> Any:
    """Tensors of integers and booleans in type ``kind``, with the masks they carry."""

    def cast(value: Any) -> Any:
        if not isinstance(value, torch.Tensor) or value.is_floating_point() or value.is_complex():
            return value
        made, mask = value.to(kind), getattr(value, "_keras_mask", None)
        if mask is not None:
            made._keras_mask = mask  # type: ignore[attr-defined]
        return made

    return map_structure(cast, structure)


def _is_variable(value: Any) -> bool:
    return isinstance(value, Variable)


def incoming_masks(signature: CallSignature, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The mask of the first argument in its structure, or None when no tensor carries one."""
    if args:
        first = args[0]
    else:
        first = kwargs.get(signature.first) if signature.first else None
    if isinstance(first, torch.Tensor):
        mask = getattr(first, "_keras_mask", None)
    else:
        mask = map_structure(lambda leaf: getattr(leaf, "_keras_mask", None), first)
        if all(leaf is None for leaf in leaves(mask)):
            mask = None
    if mask is None and kwargs.get("mask") is not None and signature.masks:
        return kwargs["mask"]
    if mask is None and len(signature.masks) > 1:
        given = signature.arguments(args, kwargs)
        if any(getattr(given.get(name), "_keras_mask", None) is not None for name, _ in signature.masks):
            return getattr(first, "_keras_mask", None) or False
    return mask


def with_masks(signature: CallSignature, args: Any, kwargs: dict[str, Any], masks: Any) -> dict[str, Any]:
    """Keyword arguments completed with the masks that the inputs carry."""
    given = signature.arguments(args, kwargs)
    for name, parameter in signature.masks:
        if given.get(parameter) is None and name in given:
            found = masks if parameter == "mask" else getattr(given[name], "_keras_mask", None)
            if found is not None and found is not False:
                kwargs[parameter] = found
    return kwargs
