"""Which backend runs the operators: chosen for the process, or for a block of code."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch

from ._triton import triton_mode, use_triton

BACKENDS = ("auto", "triton", "torch", "interpret")

_scoped: ContextVar[str | None] = ContextVar("tkeras_backend", default=None)
_chosen = "auto"


def _prepare(name: str) -> str:
    """Check that this process can run backend ``name``; load Triton in interpreter mode for ``interpret``."""
    if name not in BACKENDS:
        raise ValueError(f"Expected a backend out of {', '.join(BACKENDS)}. Received: {name!r}")
    if name == "interpret":
        use_triton("interpreter")
    elif name == "triton":
        if triton_mode() == "interpreter":
            raise RuntimeError(
                "Expected Triton in compiled mode for backend 'triton'. Received: a process that imported it "
                "in interpreter mode (TRITON_INTERPRET=1). Start a new process without that variable."
            )
        if not torch.cuda.is_available():
            raise RuntimeError(
                "Expected a GPU for backend 'triton'. Received: a machine where torch sees none. Use 'auto' "
                "or 'torch', or 'interpret' to run the kernels on the CPU for debugging."
            )
    return name


def set_backend(backend: str) -> None:
    """Choose the backend of this process: ``"auto"``, ``"triton"``, ``"torch"`` or ``"interpret"``.

    ``auto`` runs the fused kernels on a GPU and torch elsewhere. ``interpret`` runs the same kernels on the
    CPU by Triton's interpreter and must be chosen before anything imports Triton; it sets
    ``TRITON_INTERPRET=1``, which child processes inherit. The environment variable ``TKERAS_BACKEND`` gives
    the initial choice.

    Raises:
        ValueError: unknown name.
        RuntimeError: this process or machine cannot run that backend.
    """
    global _chosen
    _chosen = _prepare(backend)


def get_backend() -> str:
    """The backend in force here."""
    return _scoped.get() or _chosen


@contextmanager
def backend_scope(name: str) -> Iterator[None]:
    """Use backend ``name`` inside a ``with`` block, in this thread or task only."""
    token = _scoped.set(_prepare(name))
    try:
        yield
    finally:
        _scoped.reset(token)


if "TKERAS_BACKEND" in os.environ:
    set_backend(os.environ["TKERAS_BACKEND"])
