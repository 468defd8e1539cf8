"""The ATen calls of one run, with every tensor as a place in a storage."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode

from tkeras.compiler._program import map_values

Tensor = torch.Tensor


@dataclass(frozen=True)
class Ref:
    """A tensor: a storage, and where and how its elements lie in it."""

    storage: int
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]
    dtype: torch.dtype


@dataclass(eq=False)
class Call:
    """One call of an ATen operator, or of a Python function that runs as it is.

    Attributes:
        function: the operator.
        args, kwargs: with tensors as :class:`Ref`.
        results: what came back, in its structure.
        reads, writes: storages.
        fresh: storages that the call makes.
        label: what it belongs to, for people.
        pinned: whether it must run although nothing reads its results.
    """

    function: Any
    args: Any
    kwargs: dict[str, Any]
    results: Any
    reads: set[int]
    writes: set[int]
    fresh: list[int]
    label: str = ""
    pinned: bool = False

    @property
    def name(self) -> str:
        """Of the operator."""
        packet = getattr(self.function, "overloadpacket", None)
        return packet.__name__ if packet is not None else getattr(self.function, "__name__", "call")


class TapeError(RuntimeError):
    """Why a run cannot be replayed."""


@dataclass(eq=False)
class Tape:
    """What one run did.

    Attributes:
        calls: in order.
        outside: storages that exist apart from the run: inputs, variables, constants; with their storage.
        sizes: bytes of every storage.
        values: storages made in the recorded run from what never changes.
    """

    calls: list[Call] = field(default_factory=list)
    outside: dict[int, Any] = field(default_factory=dict)
    sizes: dict[int, int] = field(default_factory=dict)
    values: dict[int, Any] = field(default_factory=dict)


class TapeRecorder(TorchDispatchMode):
    """Records every ATen call inside it.

    Args:
        outside: tensors that exist already and may change between runs.

    Attributes:
        fixed: storages that never change, with those made from them alone.
    """

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """False: telling torch's compiler to stay away would import it, which takes seconds."""
        return False

    def __init__(self, outside: list[Tensor]):
        super().__init__()
        self.tape = Tape()
        self.label = ""
        self.fixed: set[int] = set()
        self._storages: dict[int, int] = {}
        self._weak: list[StorageWeakRef] = []
        for tensor in outside:
            self.outside(tensor)

    def outside(self, tensor: Tensor) -> Ref:
        """Note a tensor that exists apart from the run."""
        storage = tensor.untyped_storage()
        if storage._cdata not in self._storages:
            self.tape.outside[self._add(storage)] = storage
        return self.ref(tensor)

    def _add(self, storage: Any) -> int:
        index = len(self._storages)
        self._storages[storage._cdata] = index
        self.tape.sizes[index] = storage.nbytes()
        self._weak.append(StorageWeakRef(storage))  # its address is not used again; its memory may be
        return index

    def ref(self, tensor: Tensor) -> Ref:
        """The place of a tensor."""
        if tensor.layout is not torch.strided or tensor.is_quantized:
            raise TapeError(f"a tensor of layout {tensor.layout}")
        if tensor.is_conj() or tensor.is_neg():
            raise TapeError("a lazily conjugated tensor")
        index = self._storages.get(tensor.untyped_storage()._cdata)
        if index is None:
            return self.outside(tensor)
        shape, stride = tuple(tensor.shape), tuple(tensor.stride())
        return Ref(index, int(tensor.storage_offset()), shape, stride, tensor.dtype)

    def refs(self, structure: Any) -> Any:
        """The structure with tensors as places."""
        return map_values(lambda leaf: self.ref(leaf) if isinstance(leaf, Tensor) else leaf, structure)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        given, named = self.refs(args), self.refs(kwargs)
        made = func(*args, **kwargs)
        if func is torch.ops.aten._local_scalar_dense.default:
            raise TapeError(f"the value of a tensor is read on the host in {self.label}")
        reads = storages_in((given, named))
        writes = _written(func._schema, given, named)
        draws = torch.Tag.nondeterministic_seeded in func.tags
        fresh = self._fresh(made, keep=not draws and reads <= self.fixed)
        results = self.refs(made)
        self.tape.calls.append(Call(func, given, named, results, reads, writes, fresh, self.label))
        return made

    def _fresh(self, made: Any, keep: bool) -> list[int]:
        """The storages that a call made."""
        fresh = []
        for leaf in _leaves(made):
            if isinstance(leaf, Tensor) and leaf.untyped_storage()._cdata not in self._storages:
                fresh.append(self._add(leaf.untyped_storage()))
                if keep:
                    self.fixed.add(fresh[-1])
                    self.tape.values[fresh[-1]] = leaf.untyped_storage()
        return fresh

    def python(self, function: Callable[..., Any], args: Any, writes: Any = ()) -> Any:
        """Record a Python function that runs as it is, now and at every replay."""
        given = self.refs(args)
        with _paused():
            made = function(*args)
        fresh = self._fresh(made, keep=False)
        written = storages_in(self.refs(list(writes)))
        results = self.refs(made)
        call = Call(function, given, {}, results, storages_in(given), written, fresh, self.label, True)
        self.tape.calls.append(call)
        return made


def _paused() -> Any:
    from torch.utils._python_dispatch import _disable_current_modes

    return _disable_current_modes()


def _leaves(structure: Any) -> list[Any]:
    found: list[Any] = []
    map_values(found.append, structure)
    return found


def refs_in(structure: Any) -> list[Ref]:
    """The places in a structure."""
    if isinstance(structure, Ref):
        return [structure]
    if isinstance(structure, dict):
        structure = list(structure.values())
    if isinstance(structure, (list, tuple)):
        return [ref for item in structure for ref in refs_in(item)]
    return []


def storages_in(structure: Any) -> set[int]:
    """The storages in a structure."""
    return set(map(operator.attrgetter("storage"), refs_in(structure)))


def _written(schema: Any, args: Any, kwargs: Any) -> set[int]:
    written: set[int] = set()
    if schema.is_mutable:
        for index, argument in enumerate(schema.arguments):
            if argument.alias_info is not None and argument.alias_info.is_write:
                written |= storages_in(args[index] if index < len(args) else kwargs.get(argument.name))
    return written
