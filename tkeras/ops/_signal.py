"""Fourier transforms and windows over sequences; complex numbers are pairs (real, imaginary)."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F

from tkeras.ops._convert import convert, floating, together
from tkeras.ops._op import op

Tensor = torch.Tensor
Pair = tuple[Tensor, Tensor]

_WINDOWS = {"hann": torch.hann_window, "hamming": torch.hamming_window}


def _complex(x: Any) -> Tensor:
    if not isinstance(x, (tuple, list)) or len(x) != 2:
        raise ValueError(f"Input `x` should be a tuple of two tensors - real and imaginary. Received: x={x}")
    real, imag = together(*x)
    if real.shape != imag.shape:
        raise ValueError(
            "Expected the real and imaginary parts to have the same shape. "
            f"Received: x[0].shape = {tuple(real.shape)}, x[1].shape = {tuple(imag.shape)}"
        )
    if not (real.is_floating_point() and imag.is_floating_point()):
        raise ValueError(f"At least one tensor in input `x` is not of type float. Received: x={x}.")
    return torch.complex(real, imag)


def _pair(z: Tensor) -> Pair:
    return z.real, z.imag


@op()
def fft(x: Any) -> Pair:
    """Fourier transform of the last axis of (real, imaginary)."""
    return _pair(torch.fft.fft(_complex(x)))


@op()
def fft2(x: Any) -> Pair:
    """Fourier transform of the last two axes of (real, imaginary)."""
    return _pair(torch.fft.fft2(_complex(x)))


@op()
def ifft2(x: Any) -> Pair:
    """Inverse of :func:`fft2`."""
    return _pair(torch.fft.ifft2(_complex(x)))


@op()
def rfft(x: Any, fft_length: int | None = None) -> Pair:
    """Fourier transform of the last axis of a real tensor: its ``fft_length // 2 + 1`` different terms."""
    return _pair(torch.fft.rfft(floating(x), n=fft_length))


@op()
def irfft(x: Any, fft_length: int | None = None) -> Tensor:
    """Inverse of :func:`rfft`; ``fft_length`` by default twice the number of terms without one."""
    return torch.fft.irfft(_complex(x), n=fft_length)


@op()
def extract_sequences(x: Any, sequence_length: int, sequence_stride: int) -> Tensor:
    """Windows (…, count, sequence_length) of the last axis, ``sequence_stride`` apart."""
    return convert(x).unfold(-1, sequence_length, sequence_stride).clone()


def _window(window: Any, length: int, like: Tensor) -> Tensor:
    """A periodic window by name, a given one, or ones for None."""
    if window is None:
        return torch.ones(length, dtype=like.dtype, device=like.device)
    if isinstance(window, str):
        if window not in _WINDOWS:
            raise ValueError(
                'If a string is passed to `window`, it must be one of "hann", "hamming". '
                f"Received: window={window}"
            )
        return _WINDOWS[window](length, periodic=True, dtype=like.dtype, device=like.device)
    window = convert(window, like.dtype, like)
    if tuple(window.shape) != (length,):
        raise ValueError(
            "The shape of `window` must be equal to [sequence_length]. "
            f"Received: window shape={tuple(window.shape)}"
        )
    return window


def _check(sequence_length: int, sequence_stride: int, fft_length: int) -> None:
    if not isinstance(sequence_stride, int) or sequence_stride <= 0:
        raise ValueError(
            f"`sequence_stride` must be a positive integer. Received: sequence_stride={sequence_stride}"
        )
    if fft_length < sequence_length:
        raise ValueError(
            "`fft_length` must equal or larger than `sequence_length`. "
            f"Received: sequence_length={sequence_length}, fft_length={fft_length}"
        )


@op()
def stft(
    x: Any,
    sequence_length: int,
    sequence_stride: int,
    fft_length: int,
    window: Any = "hann",
    center: bool = True,
) -> Pair:
    """Fourier transforms (…, count, fft_length // 2 + 1) of windows of the last axis.

    Args:
        x: real, float32 or float64.
        sequence_length: size of a window.
        sequence_stride: from one window to the next.
        fft_length: size that windows are padded to, half of the zeros on each side.
        window: "hann", "hamming", a tensor (sequence_length,) or None for ones.
        center: whether the first window is centred on the first element; the ends are reflected.
    """
    _check(sequence_length, sequence_stride, fft_length)
    x = convert(x)
    if x.dtype not in (torch.float32, torch.float64):
        raise TypeError(
            f"Invalid input type. Expected `float32` or `float64`. Received: input type={x.dtype}"
        )
    z = torch.stft(
        x.flatten(0, -2) if x.ndim > 2 else x,
        n_fft=fft_length,
        hop_length=sequence_stride,
        win_length=sequence_length,
        window=_window(window, sequence_length, x),
        center=center,
        return_complex=True,
    )
    return _pair(z.mT.reshape(*x.shape[:-1], z.shape[-1], z.shape[-2]))


@op()
def istft(
    x: Any,
    sequence_length: int,
    sequence_stride: int,
    fft_length: int,
    length: int | None = None,
    window: Any = "hann",
    center: bool = True,
) -> Tensor:
    """Inverse of :func:`stft`: windows weighted and added where they overlap.

    Divided by the sum of the squared weights there if ``center`` and ``sequence_length == fft_length``, else,
    as in Keras, by what that is far from the ends; by nothing where ``window`` is None.

    Args:
        x: (real, imaginary), each (…, count, fft_length // 2 + 1).
        length: size of the result; default: what the windows cover, if ``center`` without half of
            ``fft_length`` at each end.
    """
    _check(sequence_length, sequence_stride, fft_length)
    z = _complex(x)
    frames = torch.fft.irfft(z, n=fft_length)
    start = fft_length // 2 if center else 0
    weights = None if window is None else _window(window, sequence_length, frames)
    if weights is None:
        signal = _overlapped(frames, sequence_stride)
    elif center and sequence_length == fft_length:
        squares = _overlapped((weights * weights).expand(frames.shape[-2:]), sequence_stride)
        signal = _overlapped(frames * weights, sequence_stride) / torch.where(squares > 1e-11, squares, 1.0)
    else:
        signal = _overlapped(frames * _inverse_window(weights, sequence_stride, fft_length), sequence_stride)
    end = signal.shape[-1] - start if length is None else start + length
    return F.pad(signal[..., start:end], (0, max(0, end - signal.shape[-1])))


def _inverse_window(window: Tensor, stride: int, fft_length: int) -> Tensor:
    """A window by the sum of the squares of all windows that overlap it far from the ends of a signal."""
    before = (fft_length - len(window)) // 2
    window = F.pad(window, (before, fft_length - len(window) - before))
    squares = F.pad(window * window, (0, -fft_length % stride)).reshape(-1, stride).sum(0)
    return window / squares.repeat(-(-fft_length // stride))[:fft_length]


def _overlapped(frames: Tensor, stride: int) -> Tensor:
    """Frames (…, count, length) added at their places: (…, (count - 1) * stride + length)."""
    count, length = frames.shape[-2:]
    size = (count - 1) * stride + length
    columns = frames.reshape(-1, count, length).mT
    return F.fold(columns, (1, size), (1, length), stride=(1, stride)).reshape(*frames.shape[:-2], size)
