"""`skipgrams` and `make_sampling_table`: pairs of words for word2vec."""

from __future__ import annotations

import random
from typing import Any

import numpy as np


def make_sampling_table(size: int, sampling_factor: float = 1e-5) -> np.ndarray:
    """How likely each word is kept, if words are numbered by frequency and follow Zipf's law.

    Args:
        size: number of words.
        sampling_factor: smaller keeps fewer frequent words.

    Returns:
        ``(size,)``, from 0 to 1.
    """
    gamma = 0.577
    rank = np.arange(size)
    rank[0] = 1
    frequency = sampling_factor * (rank * (np.log(rank) + gamma) + 0.5 - 1.0 / (12.0 * rank))
    return np.minimum(1.0, frequency / np.sqrt(frequency))


def skipgrams(
    sequence: Any,
    vocabulary_size: int,
    window_size: int = 4,
    negative_samples: float = 1.0,
    shuffle: bool = True,
    categorical: bool = False,
    sampling_table: Any = None,
    seed: int | None = None,
) -> tuple[list[list[int]], list[Any]]:
    """Pairs of a word and one near it, labelled 1, and of a word and one drawn at random, labelled 0.

    Args:
        sequence: numbers of words; 0 is no word.
        vocabulary_size: words are drawn below it.
        window_size: words on either side that count as near.
        negative_samples: random pairs for each true one.
        shuffle: mix the pairs.
        categorical: labels ``[0, 1]`` and ``[1, 0]`` instead of 1 and 0.
        sampling_table: how likely each word is kept.
        seed: of the mixing.

    Returns:
        The pairs and their labels.
    """
    couples: list[list[int]] = []
    labels: list[Any] = []
    for place, word in enumerate(sequence):
        if not word or (sampling_table is not None and sampling_table[word] < random.random()):
            continue
        first, last = max(0, place - window_size), min(len(sequence), place + window_size + 1)
        near = [sequence[other] for other in range(first, last) if other != place and sequence[other]]
        couples += [[word, other] for other in near]
        labels += [[0, 1] if categorical else 1 for _ in near]
    if negative_samples > 0:
        words = [couple[0] for couple in couples]
        random.shuffle(words)
        count = int(len(labels) * negative_samples)
        couples += [
            [words[index % len(words)], random.randint(1, vocabulary_size - 1)] for index in range(count)
        ]
        labels += [[1, 0] if categorical else 0] * count
    if shuffle:
        seed = random.randint(0, 10**7) if seed is None else seed
        for values in (couples, labels):
            random.seed(seed)
            random.shuffle(values)
    return couples, labels
