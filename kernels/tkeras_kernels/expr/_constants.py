"""Scalar tensors made while tracing: constants, unlike tensors that come from outside and may change."""

from __future__ import annotations

import threading
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

_FACTORIES = frozenset({torch.tensor, torch.scalar_tensor, torch.full, torch.zeros, torch.ones})
_PURE = frozenset({torch.sqrt, torch.exp, torch.log, torch.neg, torch.abs, torch.reciprocal, torch.pow})
_active = threading.local()


class Recorder(TorchFunctionMode):
    """While active, remembers the scalar tensors that torch's factories make from Python numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.known: dict[int, torch.Tensor] = {}

    def __enter__(self) -> Recorder:
        self._outer = getattr(_active, "recorder", None)
        _active.recorder = self
        return super().__enter__()

    def __exit__(self, *error: Any) -> None:
        _active.recorder = self._outer
        super().__exit__(*error)

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if isinstance(result, torch.Tensor) and result.ndim == 0 and self._is_constant(func, args):
            self.known[id(result)] = result
        return result

    def _is_constant(self, func: Any, args: Any) -> bool:
        inputs = [a for a in args if isinstance(a, torch.Tensor)]
        return func in _FACTORIES | _PURE and all(id(i) in self.known for i in inputs)


def scalar_constant(tensor: torch.Tensor) -> float | None:
    """The value of a scalar tensor made during the present trace, else None."""
    recorder = getattr(_active, "recorder", None)
    if recorder is None or id(tensor) not in recorder.known:
        return None
    with torch._C.DisableTorchFunction():
        return float(tensor.item())
