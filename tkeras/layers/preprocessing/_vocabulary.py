"""What a lookup learns and holds: tokens, their order, their weights."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch


def tokens_of(vocabulary: Any, numbers: bool) -> list[Any]:
    """The tokens of a list, an array, a tensor or a file with one in each line.

    Args:
        numbers: whether tokens are integers rather than strings.
    """
    if isinstance(vocabulary, str):
        vocabulary = Path(vocabulary).read_text(encoding="utf-8").splitlines()
    elif isinstance(vocabulary, torch.Tensor):
        vocabulary = vocabulary.cpu().numpy()
    elif isinstance(vocabulary, dict) or not isinstance(vocabulary, Iterable):
        raise ValueError(
            "`vocabulary` must be a list, an array or the path of a file. "
            f"Received: vocabulary={vocabulary!r:.80}"
        )
    if isinstance(vocabulary, np.ndarray):
        vocabulary = vocabulary.tolist()
    if numbers:
        return [int(token) for token in vocabulary]
    return [token.decode() if isinstance(token, bytes) else str(token) for token in vocabulary]


def repeated(tokens: Sequence[Any]) -> list[Any]:
    """The tokens that occur more than once."""
    return [token for token, count in Counter(tokens).items() if count > 1]


class TokenCounts:
    """How often tokens occur, and in how many documents."""

    def __init__(self) -> None:
        self.tokens: Counter[Any] = Counter()
        self.documents: Counter[Any] = Counter()
        self.total = 0

    def add(self, documents: Iterable[Sequence[Any]]) -> None:
        """Count the tokens of documents."""
        for document in documents:
            self.tokens.update(document)
            self.documents.update(set(document))
            self.total += 1

    def ranked(self, without: Iterable[Any], most: int | None) -> list[Any]:
        """Tokens by falling frequency, equal ones in falling order, at most ``most``."""
        for token in without:
            self.tokens.pop(token, None)
        found = sorted(self.tokens.items(), key=lambda item: (item[1], item[0]), reverse=True)
        return [token for token, _ in found[:most]]

    def inverse_frequencies(self, tokens: Iterable[Any]) -> np.ndarray:
        """``log(1 + documents / (1 + documents with the token))``."""
        counts = np.array([self.documents[token] for token in tokens], dtype="float64")
        return np.log(1 + self.total / (1 + counts)).astype("float32")
