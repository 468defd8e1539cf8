"""A bound on what a configuration from a file can make torch allocate."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

_SLACK = 64 << 20  # bytes for constants that are not in the file
_FACTOR = 40  # initial values take several passes before the file's values replace them
_ITEM = 8  # bytes, the largest common element
_SHAPED = {torch.zeros, torch.ones, torch.empty, torch.rand, torch.randn}
_SIZE_AT = {torch.full: 0, torch.randint: -1}
_COUNTED = {torch.arange, torch.linspace, torch.logspace, torch.eye, torch.randperm}
_WIDENED = {
    torch.broadcast_to: 1,
    torch.Tensor.expand: 1,
    torch.Tensor.broadcast_to: 1,
    torch.Tensor.new_zeros: 1,
    torch.Tensor.new_ones: 1,
    torch.Tensor.new_empty: 1,
}
_REPEATED = {torch.tile: 1, torch.Tensor.tile: 1, torch.Tensor.repeat: 1}


class AllocationBudget(TorchFunctionMode):
    """Inside, functions that make tensors stop at a bound that follows from the size of the file.

    Args:
        file_size: bytes of the weights in the file.
        where: the file and member, for messages.
    """

    def __init__(self, file_size: int, where: str):
        self.left = _SLACK + _FACTOR * file_size
        self.where = where
        super().__init__()

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if str(kwargs.get("device", "")) != "meta":
            elements = _elements(func, args, kwargs)
            if elements:
                self.left -= elements * _ITEM
                if self.left < 0:
                    raise ValueError(
                        f"{self.where} asks for tensors of {elements:,} elements, far more than the weights "
                        "in the file account for; it is refused."
                    )
        return func(*args, **kwargs)


def _elements(func: Any, args: Any, kwargs: dict[str, Any]) -> int:
    """How many elements a call makes, 0 for functions that are not looked at."""
    if func in _SHAPED:
        return _product(kwargs.get("size", args))
    if func in _SIZE_AT:
        return _product(kwargs["size"] if "size" in kwargs else args[_SIZE_AT[func]])
    if func in _COUNTED:
        return _count(func, args, kwargs)
    if func in _WIDENED:
        return _product(kwargs.get("size", args[_WIDENED[func] :]))
    if func in _REPEATED:
        return _product(args[_REPEATED[func] :]) * args[0].numel()
    return 0


def _product(size: Any) -> int:
    sizes = size[0] if isinstance(size, (list, tuple)) and len(size) == 1 and not _is_int(size[0]) else size
    numbers: Any = [sizes] if _is_int(sizes) else sizes
    return math.prod(max(int(number), 1) for number in numbers if _is_int(number))


def _is_int(value: Any) -> bool:
    return isinstance(value, int)


def _count(func: Any, args: Any, kwargs: dict[str, Any]) -> int:
    numbers = [value for value in args if isinstance(value, (int, float))]
    if func is torch.eye:
        rows = kwargs.get("n", numbers[0] if numbers else 0)
        return int(rows) * int(kwargs.get("m", numbers[1] if len(numbers) > 1 else rows) or rows)
    if func is torch.arange:
        start = kwargs.get("start", numbers[0] if len(numbers) > 1 else 0)
        end = kwargs.get("end", numbers[1] if len(numbers) > 1 else numbers[0] if numbers else 0)
        step = kwargs.get("step", numbers[2] if len(numbers) > 2 else 1) or 1
        return int(max(0, (end - start) / step)) if all(map(_is_number, (start, end, step))) else 0
    return int(
        kwargs.get("steps", numbers[2] if len(numbers) > 2 else numbers[0] if func is torch.randperm else 0)
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float))
