"""Initializers that draw nothing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Self

import torch
from torch.signal import windows

from tkeras.config import default_device, torch_dtype
from tkeras.initializers._initializer import INITIALIZERS, Initializer
from tkeras.saving import deserialize_keras_object, serialize_keras_object

_WINDOWS = ("bartlett", "blackman", "cosine", "hamming", "hann", "nuttall")


@INITIALIZERS.export("zeros", "zero")
class Zeros(Initializer):
    """All zeros."""

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> torch.Tensor:
        return torch.zeros(tuple(shape), dtype=torch_dtype(dtype), device=default_device())


@INITIALIZERS.export("ones", "one")
class Ones(Initializer):
    """All ones."""

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> torch.Tensor:
        return torch.ones(tuple(shape), dtype=torch_dtype(dtype), device=default_device())


@INITIALIZERS.export("constant")
class Constant(Initializer):
    """One value everywhere.

    Args:
        value: a number, or an array that broadcasts to the shape.
    """

    def __init__(self, value: Any = 0.0):
        self.value = value

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> torch.Tensor:
        value = torch.as_tensor(self.value, dtype=torch_dtype(dtype), device=default_device())
        return value.expand(tuple(shape)).clone()

    def get_config(self) -> dict[str, Any]:
        return {"value": serialize_keras_object(self.value)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        return cls(deserialize_keras_object(config["value"]))


@INITIALIZERS.export("identity", "IdentityInitializer")
class Identity(Initializer):
    """``gain`` on the diagonal of a matrix, zero elsewhere."""

    def __init__(self, gain: float = 1.0):
        self.gain = gain

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> torch.Tensor:
        if len(shape) != 2:
            raise ValueError(
                "Identity matrix initializer can only be used for 2D matrices. "
                f"Received: shape={tuple(shape)} of rank {len(shape)}."
            )
        return self.gain * torch.eye(*shape, dtype=torch_dtype(dtype), device=default_device())

    def get_config(self) -> dict[str, Any]:
        return {"gain": self.gain}


@INITIALIZERS.export("stft", "STFTInitializer")
class STFT(Initializer):
    """Convolution kernel (frame_length, channels, fft_length) of a short-time Fourier transform.

    Differs from Keras: the names of ``window`` are those of ``torch.signal.windows`` that take no parameter.

    Args:
        side: ``"real"`` or ``"imag"``.
        window: a name, an array (frame_length,), or None.
        scaling: ``"density"`` (root of the sum of squares of the window), ``"spectrum"`` (its sum), or None.
        periodic: whether a named window is periodic rather than symmetric.
    """

    def __init__(
        self,
        side: str = "real",
        window: Any = "hann",
        scaling: str | None = "density",
        periodic: bool = False,
    ):
        if side not in ("real", "imag"):
            raise ValueError(f"side should be 'real' or 'imag', not {side}")
        if scaling not in (None, "density", "spectrum"):
            raise ValueError(
                f"Scaling is invalid, it must be `None`, 'density' or 'spectrum'. Received scaling={scaling}"
            )
        if isinstance(window, str) and window not in _WINDOWS:
            raise ValueError(
                f"Unknown window. Expected an array or one of {_WINDOWS}. Received: window={window!r}"
            )
        self.side, self.window, self.scaling, self.periodic = side, window, scaling, periodic

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> torch.Tensor:
        kind = torch_dtype(dtype)
        frame_length, _, fft_length = shape
        frequency = torch.arange(fft_length, dtype=kind).reshape(1, 1, -1) / ((fft_length - 1) * 2)
        time = torch.arange(frame_length, dtype=kind).reshape(-1, 1, 1)
        angle = -2 * time * frequency * math.pi
        kernel = torch.cos(angle) if self.side == "real" else torch.sin(angle)
        if self.window is not None:
            kernel = kernel * self._scaled_window(frame_length, kind)
        return kernel.expand(tuple(shape)).clone()

    def _scaled_window(self, frame_length: int, kind: torch.dtype) -> torch.Tensor:
        window = self.window
        if isinstance(window, str):
            make = getattr(windows, window)
            window = make(frame_length, sym=not self.periodic, dtype=torch.float64)
        window = torch.as_tensor(window).to(kind)
        if tuple(window.shape) != (frame_length,):
            raise ValueError(
                "The shape of `window` must be equal to [frame_length]. "
                f"Received: window shape={tuple(window.shape)}, frame_length={frame_length}"
            )
        if self.scaling == "density":
            window = window / window.square().sum().sqrt()
        elif self.scaling == "spectrum":
            window = window / window.abs().sum()
        return window.reshape(-1, 1, 1)

    def get_config(self) -> dict[str, Any]:
        return {"side": self.side, "window": self.window, "periodic": self.periodic, "scaling": self.scaling}
