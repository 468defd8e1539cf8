"""`Tokenizer`: texts into numbers of words."""

from __future__ import annotations

import collections
import hashlib
import json
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

FILTERS = '!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n'


def text_to_word_sequence(
    input_text: str, filters: str = FILTERS, lower: bool = True, split: str = " "
) -> list[str]:
    """The words of a text.

    Args:
        filters: characters that count as ``split``.
        lower: write them small.
        split: between two words.
    """
    text = input_text.lower() if lower else input_text
    text = text.translate(str.maketrans(dict.fromkeys(filters, split)))
    return [word for word in text.split(split) if word]


def hashing_trick(
    text: str,
    n: int,
    hash_function: Any = None,
    filters: str = FILTERS,
    lower: bool = True,
    split: str = " ",
    analyzer: Callable[[str], Iterable[str]] | None = None,
) -> list[int]:
    """The words of a text as numbers from 1 to ``n - 1``, by their hash; different words may meet.

    Args:
        n: size of the space.
        hash_function: None for Python's ``hash`` (another one in each process), ``"md5"``, or a function.
        analyzer: finds the words, instead of ``filters``, ``lower`` and ``split``.
    """
    if hash_function is None:
        hash_function = hash
    elif hash_function == "md5":
        hash_function = _md5
    words = text_to_word_sequence(text, filters, lower, split) if analyzer is None else analyzer(text)
    return [hash_function(word) % (n - 1) + 1 for word in words]


def _md5(word: str) -> int:
    return int(hashlib.md5(word.encode(), usedforsecurity=False).hexdigest(), 16)


def one_hot(
    input_text: str,
    n: int,
    filters: str = FILTERS,
    lower: bool = True,
    split: str = " ",
    analyzer: Callable[[str], Iterable[str]] | None = None,
) -> list[int]:
    """`hashing_trick` with Python's ``hash``."""
    return hashing_trick(input_text, n, hash, filters, lower, split, analyzer)


class Tokenizer:
    """Numbers words by how often they occur in texts, and texts by their words.

    Args:
        num_words: only the most frequent words below this number are used; None for all.
        filters: characters that count as ``split``.
        lower: write words small.
        split: between two words.
        char_level: characters instead of words.
        oov_token: word number 1, which stands for unknown words.
        analyzer: finds the words of a text, instead of ``filters`` and ``split``.
        kwargs: ``document_count``, and ``nb_words``, the name of ``num_words`` in Keras 1.

    Attributes:
        word_index: number of each word, from 1.
        index_word: the inverse.
        word_counts: how often each word occurred.
        word_docs: in how many texts.
        document_count: texts seen.
    """

    def __init__(
        self,
        num_words: int | None = None,
        filters: str = FILTERS,
        lower: bool = True,
        split: str = " ",
        char_level: bool = False,
        oov_token: str | None = None,
        analyzer: Callable[[str], Iterable[str]] | None = None,
        **kwargs: Any,
    ):
        if "nb_words" in kwargs:
            warnings.warn(
                "The `nb_words` argument in `Tokenizer` has been renamed `num_words`.", stacklevel=2
            )
            num_words = kwargs.pop("nb_words")
        self.document_count = kwargs.pop("document_count", 0)
        if kwargs:
            raise TypeError(f"Unrecognized keyword arguments: {kwargs}")
        self.num_words, self.filters, self.lower, self.split = num_words, filters, lower, split
        self.char_level, self.oov_token, self.analyzer = char_level, oov_token, analyzer
        self.word_counts: collections.OrderedDict[str, int] = collections.OrderedDict()
        self.word_docs: dict[str, int] = collections.defaultdict(int)
        self.index_docs: dict[int, int] = collections.defaultdict(int)
        self.word_index: dict[str, int] = {}
        self.index_word: dict[int, str] = {}

    def _words(self, text: Any) -> list[str]:
        if not isinstance(text, str):
            return [str(word).lower() if self.lower else str(word) for word in text]
        if self.char_level:
            return list(text.lower() if self.lower else text)
        if self.analyzer is not None:
            return list(self.analyzer(text))
        return text_to_word_sequence(text, self.filters, self.lower, self.split)

    def fit_on_texts(self, texts: Iterable[Any]) -> None:
        """Count the words of texts (strings, or lists of words) and number them."""
        for text in texts:
            self.document_count += 1
            words = self._words(text)
            for word in words:
                self.word_counts[word] = self.word_counts.get(word, 0) + 1
            for word in set(words):
                self.word_docs[word] += 1
        ordered = sorted(self.word_counts, key=lambda word: self.word_counts[word], reverse=True)
        ordered = ordered if self.oov_token is None else [self.oov_token, *ordered]
        self.word_index = {word: index for index, word in enumerate(ordered, 1)}
        self.index_word = {index: word for word, index in self.word_index.items()}
        for word, count in self.word_docs.items():
            self.index_docs[self.word_index[word]] = count

    def fit_on_sequences(self, sequences: Iterable[Iterable[int]]) -> None:
        """Count the numbers in sequences, for :meth:`sequences_to_matrix`."""
        for sequence in sequences:
            self.document_count += 1
            for index in set(sequence):
                self.index_docs[index] += 1

    def texts_to_sequences(self, texts: Iterable[Any]) -> list[list[int]]:
        """Each text as a list of numbers of words."""
        return list(self.texts_to_sequences_generator(texts))

    def texts_to_sequences_generator(self, texts: Iterable[Any]) -> Iterator[list[int]]:
        """One list of numbers after the other."""
        unknown = None if self.oov_token is None else self.word_index.get(self.oov_token)
        for text in texts:
            found = (self._known(self.word_index.get(word), unknown) for word in self._words(text))
            yield [index for index in found if index is not None]

    def _known(self, index: int | None, unknown: int | None) -> int | None:
        """A number that is used, or what stands for unknown words."""
        return unknown if index is None or (self.num_words and index >= self.num_words) else index

    def sequences_to_texts(self, sequences: Iterable[Iterable[int]]) -> list[str]:
        """Each list of numbers as words with blanks between."""
        return list(self.sequences_to_texts_generator(sequences))

    def sequences_to_texts_generator(self, sequences: Iterable[Iterable[int]]) -> Iterator[str]:
        """One text after the other."""
        for sequence in sequences:
            words = []
            for index in sequence:
                word = self.index_word.get(index)
                if word is None or (self.num_words and index >= self.num_words):
                    word = self.oov_token
                if word is not None:
                    words.append(word)
            yield " ".join(words)

    def texts_to_matrix(self, texts: Iterable[Any], mode: str = "binary") -> np.ndarray:
        """Each text as a row with a column a word; see :meth:`sequences_to_matrix`."""
        return self.sequences_to_matrix(self.texts_to_sequences(texts), mode)

    def sequences_to_matrix(self, sequences: Any, mode: str = "binary") -> np.ndarray:
        """Each list of numbers as a row with a column a word.

        Args:
            mode: ``"binary"``, ``"count"``, ``"freq"`` or ``"tfidf"``.

        Raises:
            ValueError: another mode, or nothing to tell the number of columns by.
        """
        if mode not in ("binary", "count", "freq", "tfidf"):
            raise ValueError("Unknown vectorization mode:", mode)
        if not self.num_words and not self.word_index:
            raise ValueError("Specify a dimension (`num_words` argument), or fit on some text data first.")
        if mode == "tfidf" and not self.document_count:
            raise ValueError("Fit the Tokenizer on some data before using tfidf mode.")
        columns = self.num_words or len(self.word_index) + 1
        matrix = np.zeros((len(sequences), columns))
        for row, sequence in zip(matrix, sequences, strict=True):
            counts = collections.Counter(index for index in sequence if index < columns)
            for index, count in counts.items():
                row[index] = self._weight(mode, index, count, len(sequence))
        return matrix

    def _weight(self, mode: str, index: int, count: int, length: int) -> float:
        if mode == "tfidf":
            rarity = np.log(1 + self.document_count / (1 + self.index_docs.get(index, 0)))
            return (1 + np.log(count)) * rarity
        return {"binary": 1.0, "count": count, "freq": count / length}[mode]

    def get_config(self) -> dict[str, Any]:
        """The arguments, and what was counted as JSON."""
        counted = ("word_counts", "word_docs", "index_docs", "index_word", "word_index")
        names = ("num_words", "filters", "lower", "split", "char_level", "oov_token", "document_count")
        config = {name: getattr(self, name) for name in names}
        return config | {name: json.dumps(getattr(self, name)) for name in counted}

    def to_json(self, **kwargs: Any) -> str:
        """The class name and :meth:`get_config` as JSON."""
        return json.dumps({"class_name": type(self).__name__, "config": self.get_config()}, **kwargs)


def tokenizer_from_json(json_string: str) -> Tokenizer:
    """The tokenizer of :meth:`Tokenizer.to_json`."""
    config = json.loads(json_string)["config"]
    counted = {
        name: json.loads(config.pop(name))
        for name in ("word_counts", "word_docs", "index_docs", "index_word", "word_index")
    }
    tokenizer = Tokenizer(**config)
    tokenizer.word_counts = collections.OrderedDict(counted["word_counts"])
    tokenizer.word_docs = collections.defaultdict(int, counted["word_docs"])
    tokenizer.index_docs = collections.defaultdict(int, {int(k): v for k, v in counted["index_docs"].items()})
    tokenizer.index_word = {int(index): word for index, word in counted["index_word"].items()}
    tokenizer.word_index = counted["word_index"]
    return tokenizer
