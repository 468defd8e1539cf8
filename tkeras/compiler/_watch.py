"""What ATen does inside a torch function: draw random numbers, change tensors in place."""

from __future__ import annotations

from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

_READS = {torch.Tag.data_dependent_output, torch.Tag.dynamic_output_shape}


class ReadsValueError(RuntimeError):
    """A call that looks at the values of tensors."""


class Watch(TorchDispatchMode):
    """Notes whether anything draws random numbers, and which storages are written.

    Raises:
        ReadsValueError: a call's result as such, or its shape, depends on the values of tensors.

    Attributes:
        random: whether numbers were drawn.
        written: addresses of the storages that were changed.
    """

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """False: telling torch's compiler to stay away would import it, which takes seconds."""
        return False

    def __init__(self) -> None:
        super().__init__()
        self.random = False
        self.written: set[int] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        self.random |= torch.Tag.nondeterministic_seeded in func.tags
        if not _READS.isdisjoint(func.tags) and not _by_number(func, args):
            raise ReadsValueError(f"{func} needs the values of a tensor")
        schema = func._schema
        if schema.is_mutable:
            for index, argument in enumerate(schema.arguments):
                if argument.alias_info is not None and argument.alias_info.is_write:
                    value = args[index] if index < len(args) else kwargs.get(argument.name)
                    tensors = value if isinstance(value, (list, tuple)) else (value,)
                    self.written |= {storage_of(t) for t in tensors if isinstance(t, torch.Tensor)}
        return func(*args, **kwargs)


def _by_number(func: Any, args: Any) -> bool:
    """Whether a call takes elements at given places, so that only a mask's values would give its shape."""
    if func.overloadpacket is not torch.ops.aten.index:
        return False
    return not any(index is not None and index.dtype in (torch.bool, torch.uint8) for index in args[1])


def stand_ins(metas: list[torch.Tensor]) -> dict[int, torch.Tensor]:
    """Tensors of zeros for meta tensors, by id, with the same views of the same storages."""
    storages: dict[int, Any] = {}
    made: dict[int, torch.Tensor] = {}
    for meta in metas:
        key = storage_of(meta)
        if key not in storages:
            bytes_ = torch.zeros(meta.untyped_storage().nbytes(), dtype=torch.uint8)
            storages[key] = bytes_.untyped_storage()
        place = (int(meta.storage_offset()), tuple(meta.shape), tuple(meta.stride()))
        made[id(meta)] = torch.empty(0, dtype=meta.dtype).set_(storages[key], *place)
    return made


def storage_of(tensor: torch.Tensor) -> int:
    """The address of the storage, which views share."""
    return tensor.untyped_storage()._cdata
