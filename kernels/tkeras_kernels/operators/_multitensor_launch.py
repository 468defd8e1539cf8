"""Launching the multitensor template: tables of addresses, kept until a tensor moves."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any

import torch

from ..runtime import launch, target_for

Arrays = Sequence[Sequence[torch.Tensor]]
"""The tensors of each array, in one order: parameters, their states, their gradients."""
_BLOCKS = {"cuda": 1024, "hip": 2048, "interpret": 1 << 16}
"""Elements a program: 8 for each thread of 4 warps, two 16-byte loads of float32 from each array, which
leaves registers for six arrays."""
_JOIN_BLOCK = 128
_STORE = 64
"""Updates that can be captured between two that are not: the steps of a graph."""
_ALIGNED = 16


def unfit_memory(arrays: Arrays) -> str | None:
    """Why the tensors cannot be walked as they lie in memory, or None: dense, each like its first."""
    for tensors in zip(*arrays, strict=True):
        shape, strides = tensors[0].shape, tensors[0].stride()
        if any(tensor.shape != shape for tensor in tensors):
            return "shapes do not fit"
        if any(tensor.stride() != strides for tensor in tensors):
            return "a parameter, its state and its gradient lie differently in memory"
        if not _dense(tensors[0]):
            return "a tensor with gaps in memory"
    return None


def _dense(tensor: torch.Tensor) -> bool:
    if tensor.is_contiguous():
        return True
    axes = sorted(zip(tensor.stride(), tensor.shape, strict=True))
    expected = 1
    for stride, size in axes:
        if size != 1 and stride != expected:
            return False
        expected *= size
    return True


class Tables:
    """Where the tensors are and how they are cut into chunks; made anew when an address changes.

    A CUDA graph reads the host's copy of a table again at each replay, and pinned memory cannot be had while
    one is captured: so a store of it is laid in before, of which a captured update keeps a part for good.
    """

    def __init__(self) -> None:
        self._addresses: list[int] = []
        self._sizes: list[int] = []
        self._block = 0
        self._store: list[torch.Tensor] = []
        self._kept: list[torch.Tensor] = []
        self.likes: tuple[torch.Tensor, ...] = ()
        self.table: Any = None
        self.chunks: Any = None
        self.starts: Any = None

    def update(self, arrays: Arrays) -> None:
        """Look where the tensors are now."""
        first = arrays[0][0]
        sizes = [tensor.numel() for tensor in arrays[0]]
        block = _BLOCKS[target_for(first).backend]
        if sizes != self._sizes or block != self._block or self.chunks.device != first.device:
            self._cut(sizes, block, first.device)
        addresses = [tensor.data_ptr() for tensor in chain(*arrays)]
        captured = first.is_cuda and torch.cuda.is_current_stream_capturing()
        if addresses != self._addresses or captured:
            self._locate(addresses, len(arrays), first.device, captured)
            self.likes = tuple(array[0].new_empty(0) for array in arrays)

    def _cut(self, sizes: list[int], block: int, device: torch.device) -> None:
        counts = [-(-size // block) for size in sizes]
        chunks = [(tensor, chunk) for tensor, count in enumerate(counts) for chunk in range(count)]
        starts = [0]
        for count in counts:
            starts.append(starts[-1] + count)
        self._sizes, self._block, self._addresses, self._store = sizes, block, [], []
        self.chunks = torch.tensor(chunks, dtype=torch.int32).reshape(-1, 2).to(device)
        self.starts = torch.tensor(starts, dtype=torch.int32).to(device)

    def _locate(self, addresses: list[int], arrays: int, device: torch.device, captured: bool) -> None:
        count, block = len(self._sizes), self._block
        wholes = [
            0 if any(address % _ALIGNED for address in addresses[tensor::count]) else size // block * block
            for tensor, size in enumerate(self._sizes)
        ]
        table = torch.tensor([*addresses, *self._sizes, *wholes], dtype=torch.int64)
        if captured:
            table = self._stored(table)
        elif device.type == "cuda":
            if len(self._store) < _STORE:
                self._store = [*torch.empty((_STORE, table.numel()), dtype=torch.int64).pin_memory()]
            table = table.pin_memory()
        self.table = table.to(device, non_blocking=True).reshape(arrays + 2, count)
        self._addresses = [] if captured else addresses

    def _stored(self, table: torch.Tensor) -> torch.Tensor:
        """The table in memory that stays as it is."""
        if not self._store or self._store[-1].numel() != table.numel():
            raise RuntimeError("an update is captured in a CUDA graph before it has run once without one")
        self._kept.append(self._store.pop().copy_(table))
        return self._kept[-1]

    def run(
        self,
        function: Any,
        written: int,
        sums: int,
        scalars: Sequence[torch.Tensor],
        each: Sequence[torch.Tensor],
    ) -> torch.Tensor | None:
        """One launch; the sums of each tensor (N, sums) in float32, if there are any."""
        from ..templates._multitensor import join, multitensor

        count, parts = len(self._sizes), len(self.chunks)
        partial = self.chunks.new_empty((parts, sums), dtype=torch.float32) if sums else None
        if parts:
            arguments = (self.table, self.chunks, self.likes, tuple(scalars), tuple(each), partial, count)
            constants = {"FN": function, "WRITTEN": written, "SUMS": sums, "BLOCK": self._block}
            launch(multitensor, (parts,), self.table, arguments, constants)
        if partial is None:
            return None
        joined = partial.new_empty((count, sums))
        constants = {"SUMS": sums, "BLOCK": _JOIN_BLOCK}
        launch(join, (count, sums), joined, (partial, self.starts, joined), constants)
        return joined
