"""``tf.GradientTape`` over torch's autograd."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

import torch

from tkeras.graph._tree import flatten, pack_as

_active: list[GradientTape] = []


class GradientTape:
    """Gradients of what is computed in its ``with`` block.

    Variables that train and tensors that are watched have gradients; torch records the operations.

    Args:
        persistent: whether several gradients may be asked for.
        watch_accessed_variables: False: only what :meth:`watch` was given.
    """

    def __init__(self, persistent: bool = False, watch_accessed_variables: bool = True):
        self._persistent, self._all = persistent, watch_accessed_variables
        self._watched: set[int] = set()
        self._used = False
        self._enabled: Any = None

    def __enter__(self) -> Self:
        self._enabled = torch.enable_grad()
        self._enabled.__enter__()
        _active.append(self)
        return self

    def __exit__(self, *error: Any) -> None:
        _active.remove(self)
        self._enabled.__exit__(*error)

    def watch(self, tensor: Any) -> None:
        """Take gradients with respect to a tensor, or several.

        Raises:
            ValueError: a tensor of integers, or none at all.
        """
        for leaf in flatten(tensor):
            if not isinstance(leaf, torch.Tensor) or not leaf.is_floating_point():
                raise ValueError(f"GradientTape.watch: expected floating point tensors. Received: {leaf}")
            if not leaf.requires_grad:
                leaf.requires_grad_()
            self._watched.add(id(leaf))

    @contextmanager
    def stop_recording(self) -> Iterator[None]:
        """Within it, nothing is recorded."""
        with torch.no_grad():
            yield

    def gradient(
        self, target: Any, sources: Any, output_gradients: Any = None, unconnected_gradients: Any = "none"
    ) -> Any:
        """Gradients of the sum of ``target``, in the structure of ``sources``.

        Args:
            output_gradients: factors of the targets' elements.
            unconnected_gradients: ``"none"`` or ``"zero"``, for sources that the target does not depend on.

        Raises:
            RuntimeError: a second call on a tape that is not persistent.
        """
        self._take()
        flat, targets = flatten(sources), [t for t in flatten(target) if t is not None]
        factors = [None] * len(targets) if output_gradients is None else flatten(output_gradients)
        pairs = [(t, torch.ones_like(t) if g is None else g) for t, g in zip(targets, factors, strict=True)]
        pairs = [(t, g) for t, g in pairs if t.requires_grad]
        wanted = [leaf for leaf in flat if self._takes(leaf)]
        found: list[Any] = [None] * len(wanted)
        if pairs and wanted:
            again = bool(_active)
            found = list(
                torch.autograd.grad(
                    [t for t, _ in pairs],
                    wanted,
                    [g for _, g in pairs],
                    retain_graph=self._persistent or again,
                    create_graph=again,
                    allow_unused=True,
                )
            )
        results = iter(found)
        gradients = [next(results) if self._takes(leaf) else None for leaf in flat]
        if str(getattr(unconnected_gradients, "value", unconnected_gradients)).lower() == "zero":
            gradients = [
                torch.zeros_like(s) if g is None else g for s, g in zip(flat, gradients, strict=True)
            ]
        return pack_as(sources, gradients)

    def jacobian(self, target: Any, sources: Any, **options: Any) -> Any:
        """Derivatives of every element of ``target``: (*target, *source) for each source."""
        if set(options) - {"unconnected_gradients", "parallel_iterations", "experimental_use_pfor"}:
            raise TypeError(f"GradientTape.jacobian: unexpected arguments {sorted(options)}")
        self._take()
        flat = flatten(sources)
        basis = torch.eye(target.numel(), dtype=target.dtype, device=target.device)
        rows = [
            torch.autograd.grad(
                target,
                flat,
                row.view_as(target),
                retain_graph=True,
                create_graph=bool(_active),
                allow_unused=True,
            )
            for row in basis
        ]
        columns = [
            None if column[0] is None else torch.stack(column).reshape(*target.shape, *source.shape)
            for column, source in zip(zip(*rows, strict=True), flat, strict=True)
        ]
        return pack_as(sources, columns)

    def reset(self) -> None:
        """Forget what was watched and asked for."""
        self._watched.clear()
        self._used = False

    def _take(self) -> None:
        if self._used and not self._persistent:
            raise RuntimeError(
                "A non-persistent GradientTape can only be used to compute one set of gradients "
                "(or jacobians)"
            )
        self._used = True

    def _takes(self, leaf: Any) -> bool:
        return (
            isinstance(leaf, torch.Tensor) and leaf.requires_grad and (self._all or id(leaf) in self._watched)
        )
