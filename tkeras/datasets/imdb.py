"""IMDB: 50,000 reviews of films as lists of word numbers, with their sentiment."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from tkeras.datasets._sources import fetch
from tkeras.datasets._unpickle import load_npz
from tkeras.datasets._words import array_of, known, marked, shorter, shuffled, word_index
from tkeras.datasets.mnist import Split


def load_data(
    path: str = "imdb.npz",
    num_words: int | None = None,
    skip_top: int = 0,
    maxlen: int | None = None,
    seed: int | None = 113,
    start_char: int | None = 1,
    oov_char: int | None = 2,
    index_from: int | None = 3,
    **kwargs: Any,
) -> tuple[Split, Split]:
    """The reviews and their sentiment; words are numbered by how often they occur.

    Args:
        path: name of the file in the cache.
        num_words: words of higher numbers count as unknown.
        skip_top: so many of the most frequent words count as unknown.
        maxlen: leave out reviews of this length or longer.
        seed: of the order.
        start_char: put in front of each review; None for nothing.
        oov_char: what stands for unknown words; None leaves them out.
        index_from: added to the numbers of words.
        kwargs: ``nb_words``, the name of ``num_words`` in Keras 1.

    Returns:
        ``(x_train, y_train), (x_test, y_test)``: arrays of lists, and 0 or 1 for each.

    Raises:
        ValueError: ``maxlen`` leaves no review.
    """
    if "nb_words" in kwargs:
        warnings.warn("The `nb_words` argument in `load_data` has been renamed `num_words`.", stacklevel=2)
        num_words = kwargs.pop("nb_words")
    if kwargs:
        raise TypeError(f"Unrecognized keyword arguments: {kwargs}.")
    arrays = load_npz(fetch("imdb.npz", path))
    rng = np.random.RandomState(seed)
    train, train_labels = shuffled(rng, arrays["x_train"], arrays["y_train"])
    test, test_labels = shuffled(rng, arrays["x_test"], arrays["y_test"])
    train, test = marked(train, start_char, index_from), marked(test, start_char, index_from)
    if maxlen:
        train, train_labels = shorter(train, train_labels, maxlen)
        test, test_labels = shorter(test, test_labels, maxlen)
        if not train or not test:
            raise ValueError(
                f"After filtering for sequences shorter than maxlen={maxlen}, no sequence was kept. Increase"
                " maxlen."
            )
    texts = known(train + test, num_words, skip_top, oov_char)
    labels, cut = np.concatenate([train_labels, test_labels]), len(train)
    return (array_of(texts[:cut]), labels[:cut]), (array_of(texts[cut:]), labels[cut:])


def get_word_index(path: str = "imdb_word_index.json") -> dict[str, int]:
    """Word → number, before ``index_from`` is added."""
    return word_index("imdb_word_index.json", path)
