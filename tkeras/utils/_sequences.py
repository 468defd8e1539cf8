"""`pad_sequences`."""

from __future__ import annotations

from typing import Any

import numpy as np


def pad_sequences(
    sequences: Any,
    maxlen: int | None = None,
    dtype: Any = "int32",
    padding: str = "pre",
    truncating: str = "pre",
    value: Any = 0.0,
) -> np.ndarray:
    """Sequences of different lengths as one array.

    Args:
        sequences: sequences of numbers, or of equal things (arrays of one shape).
        maxlen: length of the result; default: that of the longest.
        dtype: of the result; ``object`` for strings.
        padding: ``"pre"`` or ``"post"``: where ``value`` fills up.
        truncating: ``"pre"`` or ``"post"``: where longer ones are cut.
        value: what fills up.

    Returns:
        Array of shape ``(len(sequences), maxlen, …)``.

    Raises:
        ValueError: not sequences, unlike entries, or another ``padding`` or ``truncating``.
    """
    if not hasattr(sequences, "__len__"):
        raise ValueError("`sequences` must be iterable.")
    for name, given in (("Padding", padding), ("Truncating", truncating)):
        if given not in ("pre", "post"):
            raise ValueError(f'{name} type "{given}" not understood')
    for sequence in sequences:
        if not hasattr(sequence, "__len__"):
            raise ValueError(f"`sequences` must be a list of iterables. Found non-iterable: {sequence!s}")
    inner = next((np.asarray(sequence).shape[1:] for sequence in sequences if len(sequence)), ())
    length = max(map(len, sequences), default=0) if maxlen is None else maxlen
    text = np.issubdtype(dtype, np.str_)
    if isinstance(value, str) and dtype is not object and not text:
        raise ValueError(
            f"`dtype` {dtype} is not compatible with `value`'s type: {type(value)}\nYou should set"
            " `dtype=object` for variable length strings."
        )
    result = np.full((len(sequences), length, *inner), value, dtype=dtype)
    for index, sequence in enumerate(sequences):
        row = result[index]
        if not len(sequence) or not length:
            continue
        part = np.asarray(sequence[-length:] if truncating == "pre" else sequence[:length], dtype=dtype)
        if part.shape[1:] != inner:
            raise ValueError(
                f"Shape of sample {part.shape[1:]} of sequence at position {index} is different from"
                f" expected shape {inner}"
            )
        if padding == "post":
            row[: len(part)] = part
        else:
            row[-len(part) :] = part
    return result
