"""What ATen does inside a torch function: draw random numbers, change tensors in place."""

from __future__ import annotations

from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode


class Watch(TorchDispatchMode):
    """Notes whether anything draws random numbers, and which storages are written.

    Attributes:
        random: whether numbers were drawn.
        written: addresses of the storages that were changed.
    """

    def __init__(self) -> None:
        super().__init__()
        self.random = False
        self.written: set[int] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        self.random |= torch.Tag.nondeterministic_seeded in func.tags
        schema = func._schema
        if schema.is_mutable:
            for index, argument in enumerate(schema.arguments):
                if argument.alias_info is not None and argument.alias_info.is_write:
                    value = args[index] if index < len(args) else kwargs.get(argument.name)
                    tensors = value if isinstance(value, (list, tuple)) else (value,)
                    self.written |= {storage_of(t) for t in tensors if isinstance(t, torch.Tensor)}
        return func(*args, **kwargs)


def storage_of(tensor: torch.Tensor) -> int:
    """The address of the storage, which views share."""
    return tensor.untyped_storage()._cdata
