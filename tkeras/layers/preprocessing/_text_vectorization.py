"""`TextVectorization`: texts to sequences of word indices, or to bags of words."""

from __future__ import annotations

import re
import string
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from tkeras.config import default_device
from tkeras.graph import KerasTensor
from tkeras.layers.preprocessing._encoding import check_mode
from tkeras.layers.preprocessing._feature import FeatureLayer, as_data, batches, decoded, is_text
from tkeras.layers.preprocessing._index_lookup import MODES, check_vocabulary_in
from tkeras.layers.preprocessing._lookups import StringLookup
from tkeras.saving import (
    deserialize_keras_object,
    public,
    serialize_keras_object,
)

_SPACE = " \t\n\v\f\r"
_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)
_STANDARDIZE: dict[str | None, Callable[[str], str]] = {
    None: lambda text: text,
    "lower": lambda text: text.translate(_LOWER),
    "strip_punctuation": lambda text: text.translate(_NO_PUNCTUATION),
    "lower_and_strip_punctuation": lambda text: text.translate(_LOWER).translate(_NO_PUNCTUATION),
}
_SPLIT: dict[str, Callable[[str], list[str]]] = {
    "whitespace": lambda text: [word for word in re.split(f"[{_SPACE}]+", text) if word],
    "character": list,
}


def _with_ngrams(words: list[str], sizes: tuple[int, ...]) -> list[str]:
    """Runs of neighbouring words, joined by spaces, the sizes one after the other."""
    return [" ".join(words[start : start + size]) for size in sizes for start in range(len(words) - size + 1)]


@public("keras.layers.TextVectorization")
class TextVectorization(FeatureLayer):
    """Texts to tokens, and tokens to indices of a vocabulary that is given or learned by :meth:`adapt`.

    Args:
        max_tokens: largest size of the vocabulary, padding and OOV included.
        standardize: ``"lower_and_strip_punctuation"`` (default; of ASCII letters), ``"lower"``,
            ``"strip_punctuation"``, None, or a function from an array of strings to one.
        split: ``"whitespace"`` (default), ``"character"``, None, or a function from an array of strings to a
            list of lists of strings.
        ngrams: also take runs of up to so many tokens; a tuple: runs of these sizes only.
        output_mode: ``"int"`` (default): int64 indices padded with 0; ``"multi_hot"``, ``"count"``,
            ``"tf_idf"``: one vector for each text, in the compute type.
        output_sequence_length: number of indices, longer texts being cut; for ``"int"``.
        pad_to_max_tokens: whether vectors have ``max_tokens`` elements even where there are fewer tokens.
        vocabulary: tokens, or the path of a file with one in each line.
        idf_weights: one for each token, for ``"tf_idf"``.
        sparse, ragged: only False.
        encoding: of texts that are bytes.

    Input: strings (batch,) or (batch, 1). Output: (batch, tokens), or (batch, vocabulary).
    """

    def __init__(
        self,
        max_tokens: int | None = None,
        standardize: Any = "lower_and_strip_punctuation",
        split: Any = "whitespace",
        ngrams: Any = None,
        output_mode: str = "int",
        output_sequence_length: int | None = None,
        pad_to_max_tokens: bool = False,
        vocabulary: Any = None,
        idf_weights: Any = None,
        sparse: bool = False,
        ragged: bool = False,
        encoding: str = "utf-8",
        name: str | None = None,
        vocabulary_size: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(name=name, **kwargs)
        _check_choice(
            "standardize", standardize, ("lower_and_strip_punctuation", "lower", "strip_punctuation")
        )
        _check_choice("split", split, tuple(_SPLIT))
        output_mode = check_mode(
            "TextVectorization", "multi_hot" if output_mode == "binary" else output_mode, MODES
        )
        if not (
            ngrams is None
            or isinstance(ngrams, int)
            or (isinstance(ngrams, (tuple, list)) and all(isinstance(size, int) for size in ngrams))
        ):
            raise ValueError(
                f"`ngrams` must be None, an integer, or a tuple of integers. Received: ngrams={ngrams}"
            )
        _check_length(output_mode, output_sequence_length)
        if ragged:
            raise ValueError(
                "`ragged=True` is not supported: there are no ragged tensors on torch. Sequences are padded "
                f"with 0. Received: ragged={ragged} and output_mode={output_mode}"
            )
        self.max_tokens, self.standardize, self.split = max_tokens, standardize, split
        self.ngrams = tuple(ngrams) if isinstance(ngrams, list) else ngrams
        self._sizes = tuple(range(1, ngrams + 1)) if isinstance(ngrams, int) else tuple(ngrams or ())
        self.output_mode, self.output_sequence_length = output_mode, output_sequence_length
        self.pad_to_max_tokens, self.encoding = pad_to_max_tokens, encoding
        self.autocast = False
        self._lookup_layer = StringLookup(
            max_tokens, mask_token="", vocabulary=vocabulary, idf_weights=idf_weights,
            output_mode=output_mode, pad_to_max_tokens=pad_to_max_tokens, sparse=sparse, encoding=encoding,
            dtype=self.dtype_policy, vocabulary_size=vocabulary_size,
        )  # fmt: skip

    def adapt(self, data: Any, batch_size: int | None = None, steps: int | None = None) -> None:
        """Learn the vocabulary.

        Args:
            data: texts in an array or list, or an iterable of batches of them.
            batch_size: of an array or list; it does not change what is learned.
            steps: how many batches to take.
        """
        self.reset_state()
        found: Any = batches(data, None if batch_size else steps)
        if batch_size and steps:
            found = (batch[: batch_size * steps] for batch in found)
        for batch in found:
            self.update_state(batch)
        self.finalize_state()

    def update_state(self, data: Any) -> None:
        """Count the tokens of a batch of texts."""
        self._lookup_layer._counts.add(self._tokenized(np.atleast_1d(_texts(as_data(data), self))))

    def finalize_state(self) -> None:
        """Make the vocabulary of what was counted."""
        self._lookup_layer.finalize_state()

    def reset_state(self) -> None:
        """Forget what was counted."""
        self._lookup_layer.reset_state()

    def get_vocabulary(self, include_special_tokens: bool = True) -> list[str]:
        """The tokens in the order of their indices, with or without padding and OOV in front."""
        return self._lookup_layer.get_vocabulary(include_special_tokens)

    def vocabulary_size(self) -> int:
        """Number of indices."""
        return self._lookup_layer.vocabulary_size()

    def set_vocabulary(self, vocabulary: Any, idf_weights: Any = None) -> None:
        """Set the tokens, and their weights for ``"tf_idf"``."""
        self._lookup_layer.set_vocabulary(vocabulary, idf_weights)

    def _tokenized(self, texts: np.ndarray) -> list[list[str]]:
        """The tokens of each text; texts (batch,) or (batch, 1)."""
        if callable(self.standardize):
            texts = decoded(np.asarray(self.standardize(texts.astype(str))), self.encoding)
        else:
            change = _STANDARDIZE[self.standardize]
            texts = np.array([change(text) for text in texts.flat], dtype=object).reshape(texts.shape)
        if self.split is not None:
            if texts.ndim > 1:
                if texts.shape[-1] != 1:
                    raise ValueError(
                        "When using `TextVectorization` to tokenize strings, the input rank must be 1 or the "
                        f"last shape dimension must be 1. Received: inputs.shape={texts.shape} with "
                        f"rank={texts.ndim}"
                    )
                texts = texts.reshape(-1)
            if callable(self.split):
                rows: Any = self.split(texts.astype(str))
                words = [[str(word) for word in row] for row in rows]
            else:
                words = [_SPLIT[self.split](text) for text in texts]
        else:
            words = [[text] for text in texts] if texts.ndim == 1 else texts.reshape(len(texts), -1).tolist()
        return [_with_ngrams(row, self._sizes) for row in words] if self._sizes else words

    def call(self, inputs: Any) -> Any:
        """Indices (batch, tokens), or vectors (batch, vocabulary); of one text without the batch."""
        texts = _texts(inputs, self)
        rows = self._tokenized(np.atleast_1d(texts))
        single, lookup = texts.ndim == 0, self._lookup_layer
        encoded = self.output_mode != "int"
        length = self.output_sequence_length
        if length is None:
            length = max(map(len, rows), default=0)
        sizes = np.array([min(len(row), length) for row in rows], dtype="int64")
        found = np.full((len(rows), length), -1 if encoded else 0, dtype="int64")
        found[np.arange(length) < sizes[:, None]] = lookup.indices_of(
            token for row in rows for token in row[:length]
        )
        if encoded:
            made = lookup.encoded(torch.as_tensor(found, device=default_device()))
            return made[0] if single else made
        if self.split is None and not self._sizes and self.output_sequence_length is None:
            found = found.reshape(texts.shape)
        made = torch.as_tensor(found, device=default_device())
        return made[0] if single and made.ndim > 1 else made

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Shape of the output."""
        if self.output_mode == "int":
            if self.split is None and not self._sizes and self.output_sequence_length is None:
                return tuple(input_shape)
            return (input_shape[0], self.output_sequence_length)
        shape = tuple(input_shape)
        return (*(shape[:-1] if len(shape) > 1 else shape), self._lookup_layer._depth())

    def compute_output_spec(self, inputs: Any) -> Any:
        """Symbolic indices or vectors."""
        kind = "int64" if self.output_mode == "int" else self.compute_dtype
        return KerasTensor(self.compute_output_shape(inputs.shape), kind)

    def save_assets(self, dir_path: str) -> None:
        """Write a vocabulary that was learned."""
        self._lookup_layer.save_assets(dir_path)

    def load_assets(self, dir_path: str | None) -> None:
        """Read what :meth:`save_assets` wrote."""
        self._lookup_layer.load_assets(dir_path)

    def save_own_variables(self, store: Any) -> None:
        """The weights of inverse document frequency."""
        self._lookup_layer.save_own_variables(store)

    def load_own_variables(self, store: Any) -> None:
        """The weights of inverse document frequency."""
        self._lookup_layer.load_own_variables(store)

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments; a learned vocabulary is left to the assets of the file."""
        lookup = self._lookup_layer._lookup_config()
        return {
            **super().get_config(),
            "max_tokens": self.max_tokens,
            "standardize": serialize_keras_object(self.standardize),
            "split": serialize_keras_object(self.split),
            "ngrams": self.ngrams,
            "output_mode": self.output_mode,
            "output_sequence_length": self.output_sequence_length,
            "pad_to_max_tokens": self.pad_to_max_tokens,
            "sparse": False,
            "ragged": False,
            "vocabulary": lookup["vocabulary"],
            "idf_weights": lookup["idf_weights"],
            "encoding": self.encoding,
            "vocabulary_size": lookup["vocabulary_size"],
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """A layer from :meth:`get_config`; a vocabulary in it must be a list."""
        check_vocabulary_in(config, cls.__name__)
        functions = {
            key: deserialize_keras_object(config[key])
            for key in ("standardize", "split")
            if isinstance(config.get(key), dict)
        }
        return cls(**{**config, **functions})


def _check_choice(argument: str, value: Any, allowed: tuple[str, ...]) -> None:
    if not (value is None or callable(value) or value in allowed):
        raise ValueError(
            f"Unknown value for `{argument}` argument of TextVectorization. Allowed values are: {allowed}. "
            f"Received: {argument}={value}"
        )


def _check_length(output_mode: str, length: Any) -> None:
    if output_mode == "int" and not (length is None or isinstance(length, int)):
        raise ValueError(
            "`output_sequence_length` must be either None or an integer when `output_mode` is 'int'. "
            f"Received: output_sequence_length={length}"
        )
    if output_mode != "int" and length is not None:
        raise ValueError(
            "`output_sequence_length` must not be set if `output_mode` is not 'int'. Received "
            f"output_sequence_length={length}."
        )


def _texts(inputs: Any, layer: TextVectorization) -> np.ndarray:
    if not is_text(inputs):
        raise ValueError(f"Layer '{layer.name}' expects strings. Received: {inputs!r:.80}")
    return decoded(inputs, layer.encoding)
