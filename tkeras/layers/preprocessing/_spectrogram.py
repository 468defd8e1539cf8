"""`STFTSpectrogram` and `MelSpectrogram`: sound to images of frequency over time."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from tkeras import initializers, ops
from tkeras.bridge import call, mapped
from tkeras.config import epsilon, standardize_data_format
from tkeras.layers._input_spec import InputSpec
from tkeras.layers._layer import Layer
from tkeras.layers.preprocessing._feature import FeatureLayer
from tkeras.saving import public
from tkeras_kernels import expr, operators

_MODES = ("log", "magnitude", "psd", "real", "imag", "angle", "stft")
_WINDOWS = {"hann": (0.5, 0.5), "hamming": (0.54, 0.46)}


def _cosine_window(name: str, size: int, periodic: bool) -> np.ndarray:
    if name not in _WINDOWS:
        raise ValueError(f"Invalid window name '{name}' in parameter window='{name}'!")
    mean, swing = _WINDOWS[name]
    return mean - swing * np.cos(2 * math.pi * np.arange(size) / max(1, size - (not periodic)))


@public("keras.layers.STFTSpectrogram")
class STFTSpectrogram(Layer):
    """Short-time Fourier transform by convolution, whose kernels may be trained.

    Args:
        mode: ``"log"`` (of the magnitude, the default), ``"magnitude"``, ``"psd"``, ``"real"``, ``"imag"``,
            ``"angle"`` or ``"stft"`` (real parts, then imaginary ones).
        frame_length: samples of a frame.
        frame_step: from one frame to the next; default: half a frame.
        fft_length: that frames are padded to; default: the next power of two.
        window: ``"hann"``, ``"hamming"``, ``frame_length`` numbers, or None.
        periodic: whether a named window is periodic.
        scaling: of the window: ``"density"``, ``"spectrum"`` or None.
        padding: ``"valid"`` or ``"same"``.
        expand_dims: whether channels get an axis of their own.
        data_format: ``"channels_last"`` or ``"channels_first"``.

    Input: (batch, time, channels). Output: (batch, frames, channels · frequencies), expanded (batch, frames,
    frequencies, channels).
    """

    _config = (
        "mode", "frame_length", "frame_step", "fft_length", "window", "periodic", "scaling", "padding",
        "data_format", "expand_dims",
    )  # fmt: skip

    def __init__(
        self, mode: str = "log", frame_length: int = 256, frame_step: int | None = None,
        fft_length: int | None = None, window: Any = "hann", periodic: bool = False,
        scaling: str | None = "density", padding: str = "valid", expand_dims: bool = False,
        data_format: str | None = None, **kwargs: Any,
    ):  # fmt: skip
        super().__init__(**kwargs)
        _check(mode, frame_length, frame_step, fft_length, scaling, padding)
        self.mode, self.frame_length = mode, frame_length
        self.frame_step, self.fft_length = frame_step, fft_length
        self.window, self.periodic, self.scaling = window, periodic, scaling
        self.padding, self.expand_dims = padding.lower(), expand_dims
        self.data_format = standardize_data_format(data_format)
        self._step = frame_step or frame_length // 2
        self._size = fft_length or 2 ** math.ceil(math.log2(frame_length))
        self.input_spec = InputSpec(ndim=3)
        self._kernels()

    def _kernels(self) -> np.ndarray:
        """The windowed waves (frame_length, 1, frequencies) as complex numbers."""
        window = self.window
        if window is None:
            scaled = np.ones(self.frame_length)
        else:
            if isinstance(window, str):
                window = _cosine_window(window, self.frame_length, self.periodic)
            scaled = np.asarray(window, dtype="float64")
            if scaled.shape != (self.frame_length,):
                raise ValueError(
                    "The shape of `window` must be equal to [frame_length]. "
                    f"Received: window shape={scaled.shape}"
                )
            weights = {"density": np.sqrt((scaled**2).sum()), "spectrum": scaled.sum(), None: 1.0}
            scaled = scaled / weights[self.scaling]
        turns = np.outer(np.arange(self.frame_length), np.arange(self._size // 2 + 1)) / self._size
        return (np.exp(-2j * math.pi * turns) * scaled[:, None])[:, None]

    def build(self, input_shape: Any) -> None:
        """Create the kernels that the mode needs."""
        kernels = self._kernels()
        for part, without in (("real", "imag"), ("imag", "real")):
            if self.mode != without:
                value = initializers.Constant(getattr(kernels, part).tolist())
                setattr(self, f"{part}_kernel", self.add_weight(kernels.shape, value, name=f"{part}_kernel"))

    def _transformed(self, waves: Any, kernel: Any) -> Any:
        """(rows, 1, time) → (rows, frequencies, frames)."""
        return F.conv1d(waves, kernel.permute(2, 1, 0), stride=self._step)

    def call(self, inputs: Any) -> Any:
        """The spectrogram."""
        if not inputs.is_floating_point():
            raise TypeError(
                "Invalid input type. Expected `float16`, `float32` or `float64`. "
                f"Received: input type={inputs.dtype}"
            )
        last = self.data_format == "channels_last"
        waves = inputs.transpose(1, 2) if last else inputs
        batch, channels = waves.shape[:2]
        waves = waves.reshape(batch * channels, 1, -1)
        if self.padding == "same":
            total = max(
                0, (-(-waves.shape[-1] // self._step) - 1) * self._step + self.frame_length - waves.shape[-1]
            )
            waves = F.pad(waves, (total // 2, total - total // 2))
        found = self._measured(waves).unflatten(0, (batch, channels)).transpose(2, 3)
        if self.expand_dims:
            return found.permute(0, 2, 3, 1) if last else found
        return found.transpose(1, 2).flatten(2) if last else found.transpose(2, 3).flatten(1, 2)

    def _measured(self, waves: Any) -> Any:
        real = None if self.mode == "imag" else self._transformed(waves, self.real_kernel)
        imag = None if self.mode == "real" else self._transformed(waves, self.imag_kernel)
        if real is None or imag is None:
            return imag if real is None else real
        if self.mode == "stft":
            return torch.cat([real, imag], 1)
        if self.mode == "angle":
            return torch.atan2(imag, real)
        if self.mode == "psd":
            twice = torch.full((real.shape[1], 1), 2.0, dtype=real.dtype, device=real.device)
            twice[0] = 1.0
            if self._size % 2 == 0:
                twice[-1] = 1.0
            return mapped(_density, real, imag, twice)
        return mapped(_log_magnitude if self.mode == "log" else _magnitude, real, imag, least=epsilon())

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Shape of the spectrogram."""
        last = self.data_format == "channels_last"
        batch, time, channels = input_shape if last else (input_shape[0], *reversed(input_shape[1:]))
        if time is not None:
            same = self.padding == "same"
            time = -(-time // self._step) if same else (time - self.frame_length) // self._step + 1
        frequencies = (self._size // 2 + 1) * (2 if self.mode == "stft" else 1)
        if self.expand_dims:
            return (batch, time, frequencies, channels) if last else (batch, channels, time, frequencies)
        both = None if channels is None else channels * frequencies
        return (batch, time, both) if last else (batch, both, time)


def _power(real: Any, imag: Any) -> Any:
    return real * real + imag * imag


def _density(real: Any, imag: Any, times: Any) -> Any:
    return _power(real, imag) * times


def _magnitude(real: Any, imag: Any, least: float) -> Any:
    return expr.sqrt(expr.clip(_power(real, imag), least))


def _log_magnitude(real: Any, imag: Any, least: float) -> Any:
    return expr.log(_magnitude(real, imag, least))


def _raised(real: Any, imag: Any, exponent: float) -> Any:
    return expr.power(expr.sqrt(_power(real, imag)), exponent)


def _decibels(power: Any, least: float, reference: float) -> Any:
    return (10.0 / math.log(10.0)) * expr.log(expr.clip(power, least)) - reference


def _above(value: Any, floor: Any) -> Any:
    return expr.maximum(value, floor)


def _check(mode: Any, length: Any, step: Any, size: Any, scaling: Any, padding: Any) -> None:
    if mode not in _MODES:
        modes = ", ".join(_MODES)
        raise ValueError(f"Output mode is invalid, it must be one of {modes}. Received: mode={mode}")
    if not isinstance(length, int) or length <= 0:
        raise ValueError(f"`frame_length` should be a positive integer. Received: frame_length={length}")
    if step is not None and not 1 <= step <= length:
        raise ValueError(
            "`frame_step` should be a positive integer not greater than `frame_length`. "
            f"Received frame_step={step}, frame_length={length}"
        )
    if size is not None and size < length:
        raise ValueError(
            "`fft_length` should be not less than `frame_length`. "
            f"Received fft_length={size}, frame_length={length}"
        )
    if scaling not in (None, "density", "spectrum"):
        raise ValueError(
            f"Scaling is invalid, it must be `None`, 'density' or 'spectrum'. Received scaling={scaling}"
        )
    if str(padding).lower() not in ("valid", "same"):
        raise ValueError(f"Padding is invalid, it should be 'valid', 'same'. Received: padding={padding}")


@public("keras.layers.MelSpectrogram")
class MelSpectrogram(FeatureLayer):
    """Sound to the energy in bands of equal width on the mel scale.

    Args:
        fft_length: that windows are padded to.
        sequence_stride: samples from one window to the next.
        sequence_length: samples of a window; default: ``fft_length``.
        window: ``"hann"``, ``"hamming"``, ``sequence_length`` numbers, or None.
        sampling_rate: samples per second.
        num_mel_bins: number of bands.
        min_freq, max_freq: of the bands; the highest is by default half the sampling rate.
        power_to_db: whether to convert to decibels.
        top_db: how far below the loudest the quietest may be.
        mag_exp: 1 for magnitude, 2 for power.
        min_power, ref_power: smallest power, and the one of 0 decibels.

    Input: (time,) or (batch, time). Output: (…, num_mel_bins, frames).
    """

    _config = (
        "fft_length", "sequence_stride", "sequence_length", "window", "sampling_rate", "num_mel_bins",
        "min_freq", "max_freq", "power_to_db", "top_db", "mag_exp", "min_power", "ref_power",
    )  # fmt: skip

    def __init__(
        self, fft_length: int = 2048, sequence_stride: int = 512, sequence_length: int | None = None,
        window: Any = "hann", sampling_rate: int = 16000, num_mel_bins: int = 128, min_freq: float = 20.0,
        max_freq: float | None = None, power_to_db: bool = True, top_db: float = 80.0, mag_exp: float = 2.0,
        min_power: float = 1e-10, ref_power: float = 1.0, **kwargs: Any,
    ):  # fmt: skip
        super().__init__(**kwargs)
        self.fft_length, self.sequence_stride = fft_length, sequence_stride
        self.sequence_length = sequence_length or fft_length
        self.window, self.sampling_rate, self.num_mel_bins = window, sampling_rate, num_mel_bins
        self.min_freq, self.max_freq = min_freq, max_freq or int(sampling_rate / 2)
        self.power_to_db, self.top_db, self.mag_exp = power_to_db, top_db, mag_exp
        self.min_power, self.ref_power = min_power, ref_power

    def call(self, inputs: Any) -> Any:
        """The spectrogram."""
        inputs = inputs.to(self._compute_type)
        waves = inputs.unsqueeze(0) if inputs.ndim == 1 else inputs
        real, imag = ops.stft(
            waves, self.sequence_length, self.sequence_stride, self.fft_length, self.window, center=True
        )
        power = mapped(_raised, real, imag, exponent=float(self.mag_exp))
        found = torch.matmul(power, self._bands().to(power)).transpose(-1, -2)
        if self.power_to_db:
            found = self._decibels(found)
        return found.squeeze(0) if inputs.ndim == 1 else found

    def _bands(self) -> torch.Tensor:
        """What each frequency counts in each band (frequencies, num_mel_bins): triangles on the mel scale."""

        def mel(hertz: Any) -> Any:
            return 1127.0 * np.log(1.0 + np.asarray(hertz) / 700.0)

        count = self.fft_length // 2 + 1
        places = mel(np.linspace(0.0, self.sampling_rate / 2.0, count)[1:])[:, None]
        edges = np.linspace(mel(self.min_freq), mel(self.max_freq), self.num_mel_bins + 2)
        low, centre, high = edges[:-2], edges[1:-1], edges[2:]
        rising, falling = (places - low) / (centre - low), (high - places) / (high - centre)
        triangles = np.maximum(0.0, np.minimum(rising, falling))
        return torch.as_tensor(np.pad(triangles, ((1, 0), (0, 0))))

    def _decibels(self, power: Any) -> Any:
        reference = 10.0 * math.log10(max(self.min_power, self.ref_power))
        found = mapped(_decibels, power, least=self.min_power, reference=reference)
        loudest = call(operators.reduce_rows, found, reduction="max", axis=tuple(range(found.ndim)))
        return mapped(_above, found, loudest - self.top_db)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """(…, num_mel_bins, frames)."""
        time = input_shape[-1]
        frames = None if time is None else (time + self.sequence_stride) // self.sequence_stride
        return (*input_shape[:-1], self.num_mel_bins, frames)
