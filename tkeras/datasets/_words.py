"""Texts as lists of word numbers: markers, rare and frequent words, long texts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from tkeras.datasets._sources import fetch


def shuffled(rng: np.random.RandomState, texts: Any, labels: Any) -> tuple[Any, Any]:
    """Texts and labels in a random order."""
    order = np.arange(len(texts))
    rng.shuffle(order)
    return texts[order], labels[order]


def marked(texts: Any, start_char: int | None, index_from: int | None) -> list[list[int]]:
    """Texts with their numbers moved up by ``index_from``, and ``start_char`` in front of each."""
    shift = index_from or 0
    start = [] if start_char is None else [start_char]
    return [[*start, *(word + shift for word in text)] for text in texts]


def shorter(texts: list[list[int]], labels: Any, maxlen: int) -> tuple[list[list[int]], Any]:
    """The texts of fewer than ``maxlen`` words, with their labels."""
    kept = [(text, label) for text, label in zip(texts, labels, strict=True) if len(text) < maxlen]
    return [text for text, _ in kept], [label for _, label in kept]


def known(
    texts: list[list[int]], num_words: int | None, skip_top: int, oov_char: int | None
) -> list[list[int]]:
    """Texts with words outside ``[skip_top, num_words)`` replaced by ``oov_char``, or left out for None."""
    limit = num_words or max(max(text) for text in texts if text)
    if oov_char is None:
        return [[word for word in text if skip_top <= word < limit] for text in texts]
    return [[word if skip_top <= word < limit else oov_char for word in text] for text in texts]


def array_of(texts: Sequence[list[int]]) -> np.ndarray:
    """An array of lists."""
    return np.array(texts, dtype="object")


def word_index(source: str, path: str) -> dict[str, int]:
    """Word → number, before ``index_from`` is added."""
    with open(fetch(source, path)) as file:
        return json.load(file)
