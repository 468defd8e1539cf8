"""Sounds in ``.wav`` files."""

from __future__ import annotations

import wave

import numpy as np
import torch

_KINDS = {1: "u1", 2: "<i2", 4: "<i4"}


def read_wave(path: str, sampling_rate: int | None = None) -> torch.Tensor:
    """The samples ``(samples, channels)`` of a PCM file, float32 from -1 to 1.

    Args:
        sampling_rate: that it must have.

    Raises:
        ValueError: it is no such file, or has another rate.
    """
    try:
        with wave.open(path) as file:
            rate, width, channels = file.getframerate(), file.getsampwidth(), file.getnchannels()
            content = file.readframes(file.getnframes())
    except (wave.Error, EOFError) as error:
        raise ValueError(f"{path} is no PCM sound: {error}") from error
    if sampling_rate is not None and rate != sampling_rate:
        raise ValueError(
            f"{path} has {rate} samples a second. Expected: sampling_rate={sampling_rate}; convert it first."
        )
    if width == 3:
        triples = np.frombuffer(content, "u1").reshape(-1, 3)
        filled = np.zeros((len(triples), 4), "u1")
        filled[:, 1:] = triples
        values = filled.view("<i4")[:, 0] / 2.0**31
    else:
        values = np.frombuffer(content, _KINDS[width]) / 2.0 ** (8 * width - 1) - (width == 1)
    return torch.from_numpy(values.reshape(-1, channels).astype("float32"))
