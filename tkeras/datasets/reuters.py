"""Reuters: 11,228 newswires as lists of word numbers, in 46 topics."""

from __future__ import annotations

import numpy as np

from tkeras.datasets._sources import fetch
from tkeras.datasets._unpickle import load_npz
from tkeras.datasets._words import array_of, known, marked, shorter, shuffled, word_index
from tkeras.datasets.mnist import Split


def load_data(
    path: str = "reuters.npz",
    num_words: int | None = None,
    skip_top: int = 0,
    maxlen: int | None = None,
    test_split: float = 0.2,
    seed: int | None = 113,
    start_char: int | None = 1,
    oov_char: int | None = 2,
    index_from: int | None = 3,
) -> tuple[Split, Split]:
    """The newswires and their topics; words are numbered by how often they occur.

    Args:
        path: name of the file in the cache.
        num_words, skip_top, maxlen, seed, start_char, oov_char, index_from: as in `imdb.load_data`.
        test_split: fraction for the test.

    Returns:
        ``(x_train, y_train), (x_test, y_test)``: arrays of lists, and the number of a topic for each.
    """
    arrays = load_npz(fetch("reuters.npz", path))
    texts, labels = shuffled(np.random.RandomState(seed), arrays["x"], arrays["y"])
    texts = marked(texts, start_char, index_from)
    if maxlen:
        texts, labels = shorter(texts, labels, maxlen)
        if not texts:
            raise ValueError(
                f"After filtering for sequences shorter than maxlen={maxlen}, no sequence was kept. Increase"
                " maxlen."
            )
    texts = known(texts, num_words, skip_top, oov_char)
    cut = int(len(texts) * (1 - test_split))
    return (array_of(texts[:cut]), np.array(labels[:cut])), (array_of(texts[cut:]), np.array(labels[cut:]))


def get_word_index(path: str = "reuters_word_index.json") -> dict[str, int]:
    """Word → number, before ``index_from`` is added."""
    return word_index("reuters_word_index.json", path)


def get_label_names() -> tuple[str, ...]:
    """The topics by number."""
    return tuple(_TOPICS.split())


_TOPICS = """
cocoa grain veg-oil earn acq wheat copper housing money-supply coffee sugar trade reserves ship cotton carcass
crude nat-gas cpi money-fx interest gnp meal-feed alum oilseed gold tin strategic-metal livestock retail ipi
iron-steel rubber heat jobs lei bop zinc orange pet-chem dlr gas silver wpi hog lead
"""
