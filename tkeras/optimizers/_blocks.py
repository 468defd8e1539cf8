"""Large variables in blocks that a cache holds, so that an update reads and writes memory once."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from tkeras.optimizers._group import Group, Tensors

BLOCK = 1 << 19
"""Elements of a block: few enough for a cache, so many that calls do not count."""


class Blocks:
    """The variables of a group one block after the other, small ones together.

    Attributes:
        any: whether there are large ones.
    """

    def __init__(self, group: Group):
        self._group = group
        states = [*group.state.values()]
        arrays = zip(group.variables, *states, strict=True)
        self._large = [i for i, own in enumerate(arrays) if own[0].numel() > 2 * BLOCK and _alike(own)]
        self.any = bool(self._large) and group.on_cpu
        self._rests: dict[tuple[int, ...], Group] = {}
        if self.any:
            first = group.variables[self._large[0]]
            self._block = Group([first], [0], [])
            self._scratch = torch.empty(BLOCK, dtype=first.dtype)

    def __call__(self, gradients: Tensors) -> Iterator[tuple[Group, Tensors]]:
        """Parts of the variables, with their gradients, that make the whole; none is to be kept."""
        group, block = self._group, self._block
        large = [i for i in self._large if _fits(group.variables[i], gradients[i])]
        rest = tuple(i for i in range(len(gradients)) if i not in large)
        if rest:
            yield self._rest(rest), [in_order(gradients[i]) for i in rest]
        for i in large:
            whole = [
                group.variables[i],
                in_order(gradients[i]),
                *(slots[i] for slots in group.state.values()),
            ]
            pieces = [tensor.detach().view(-1).split(BLOCK) for tensor in whole]
            for variable, gradient, *states in zip(*pieces, strict=True):
                block.variables = [variable]
                block.state = {name: [state] for name, state in zip(group.state, states, strict=True)}
                alike = variable.dtype is self._scratch.dtype
                block.scratch = self._scratch[: len(variable)] if alike else None
                yield block, [gradient]

    def _rest(self, places: tuple[int, ...]) -> Group:
        found = self._rests.get(places)
        if found is None:
            group = self._group
            found = self._rests[places] = Group([group.variables[i] for i in places], [*places], [])
            found.state = {name: [slots[i] for i in places] for name, slots in group.state.items()}
        return found


def in_order(gradient: torch.Tensor) -> torch.Tensor:
    """A gradient row by row, as its variable lies; those of convolutions come transposed."""
    if gradient.layout is not torch.strided or gradient.is_contiguous():
        return gradient
    columns = gradient.movedim(-1, 0)
    if not columns.is_contiguous():
        return gradient.contiguous()
    return columns.flatten(1).t().contiguous().view(gradient.shape)  # torch transposes matrices in tiles


def _fits(variable: torch.Tensor, gradient: torch.Tensor) -> bool:
    return gradient.layout is torch.strided and gradient.dtype is variable.dtype


def _alike(tensors: tuple[torch.Tensor, ...]) -> bool:
    """Whether tensors lie in memory element beside element, all in one order and dtype."""
    first = tensors[0]
    return all(
        t.layout is torch.strided and t.is_contiguous() and t.shape == first.shape and t.dtype is first.dtype
        for t in tensors
    )
