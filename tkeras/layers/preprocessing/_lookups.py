"""`StringLookup` and `IntegerLookup`."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from tkeras.layers.preprocessing._feature import decoded, is_text
from tkeras.layers.preprocessing._index_lookup import IndexLookup
from tkeras.saving import public


@public("keras.layers.StringLookup")
class StringLookup(IndexLookup):
    """Strings to indices of a vocabulary.

    Args:
        max_tokens: largest size of the vocabulary, mask and OOV tokens included.
        num_oov_indices: indices for strings that are not in the vocabulary, which are hashed over them; 0 to
            refuse such strings.
        mask_token: string of index 0; left out by encodings.
        oov_token: what stands for unknown strings in the vocabulary.
        vocabulary: strings, or the path of a file with one in each line; instead of :meth:`adapt`.
        idf_weights: one for each string, for ``"tf_idf"``.
        invert: whether to go from indices to strings.
        output_mode: ``"int"`` (int64 indices, the default), ``"one_hot"``, ``"multi_hot"``, ``"count"``,
            ``"tf_idf"``, which come in the compute type.
        pad_to_max_tokens: whether encodings have ``max_tokens`` elements even where there are fewer tokens.
        sparse: only False.
        encoding: of strings that are bytes.
        salt: an integer or two: hash unknown strings with SipHash64 instead of FarmHash64.

    Input: strings of any shape. Inverted: indices, to an array of strings.
    """

    _numbers = False

    def __init__(
        self,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        mask_token: str | None = None,
        oov_token: str | None = "[UNK]",
        vocabulary: Any = None,
        idf_weights: Any = None,
        invert: bool = False,
        output_mode: str = "int",
        pad_to_max_tokens: bool = False,
        sparse: bool = False,
        encoding: str = "utf-8",
        name: str | None = None,
        salt: Any = None,
        vocabulary_size: int | None = None,
        oov_method: str = "floormod",
        **kwargs: Any,
    ):
        super().__init__(name=name, **kwargs)
        if max_tokens is not None and max_tokens <= 1:
            raise ValueError(
                f"If set, `max_tokens` must be greater than 1. Received: max_tokens={max_tokens}"
            )
        if num_oov_indices < 0:
            raise ValueError(
                "`num_oov_indices` must be greater than or equal to 0. Received: "
                f"num_oov_indices={num_oov_indices}"
            )
        self.encoding = encoding
        self._init_lookup(
            max_tokens, num_oov_indices, mask_token, oov_token, vocabulary, idf_weights, invert, output_mode,
            sparse, pad_to_max_tokens, oov_method, salt, vocabulary_size,
        )  # fmt: skip

    def _tokens_in(self, inputs: Any) -> np.ndarray:
        if isinstance(inputs, torch.Tensor):
            inputs = inputs.cpu().numpy()
        if not is_text(inputs):
            raise ValueError(
                f"Layer '{self.name}' expects strings. Received: an array of {inputs.dtype} with shape "
                f"{inputs.shape}"
            )
        return decoded(inputs, self.encoding)

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {**super().get_config(), **self._lookup_config(), "encoding": self.encoding}


@public("keras.layers.IntegerLookup")
class IntegerLookup(IndexLookup):
    """Integers to consecutive indices of a vocabulary.

    Args:
        max_tokens: largest size of the vocabulary, mask and OOV tokens included.
        num_oov_indices: indices for integers that are not in the vocabulary; 0 to refuse such integers.
        mask_token: integer of index 0; left out by encodings.
        oov_token: what stands for unknown integers in the vocabulary.
        vocabulary: integers, or the path of a file with one in each line; instead of :meth:`adapt`.
        vocabulary_dtype: only ``"int64"``.
        idf_weights: one for each integer, for ``"tf_idf"``.
        invert: whether to go from indices to integers.
        output_mode: ``"int"`` (int64 indices, the default), ``"one_hot"``, ``"multi_hot"``, ``"count"``,
            ``"tf_idf"``, which come in the compute type.
        sparse: only False.
        pad_to_max_tokens: whether encodings have ``max_tokens`` elements even where there are fewer tokens.
        oov_method: how unknown integers are spread over several indices: ``"floormod"`` (remainder) or
            ``"farmhash"``.
        salt: an integer or two: SipHash64 instead of FarmHash64.

    Input: integers of any shape.
    """

    _numbers = True

    def __init__(
        self,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        mask_token: int | None = None,
        oov_token: int | None = -1,
        vocabulary: Any = None,
        vocabulary_dtype: str = "int64",
        idf_weights: Any = None,
        invert: bool = False,
        output_mode: str = "int",
        sparse: bool = False,
        pad_to_max_tokens: bool = False,
        oov_method: str = "floormod",
        salt: Any = None,
        name: str | None = None,
        vocabulary_size: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(name=name, **kwargs)
        if max_tokens is not None and max_tokens <= 1:
            raise ValueError(
                "If `max_tokens` is set for `IntegerLookup`, it must be greater than 1. Received: "
                f"max_tokens={max_tokens}"
            )
        if num_oov_indices < 0:
            raise ValueError(
                "The value of `num_oov_indices` argument for `IntegerLookup` must >= 0. Received: "
                f"num_oov_indices={num_oov_indices}"
            )
        if vocabulary_dtype != "int64":
            raise ValueError(
                "Only `vocabulary_dtype='int64'` is supported at this time. Received: "
                f"vocabulary_dtype={vocabulary_dtype}"
            )
        self.vocabulary_dtype = vocabulary_dtype
        self._init_lookup(
            max_tokens, num_oov_indices, mask_token, oov_token, vocabulary, idf_weights, invert, output_mode,
            sparse, pad_to_max_tokens, oov_method, salt, vocabulary_size,
        )  # fmt: skip

    def _tokens_in(self, inputs: Any) -> np.ndarray:
        if not isinstance(inputs, torch.Tensor):
            raise ValueError(f"Layer '{self.name}' expects integers. Received: {inputs!r:.80}")
        return np.array(inputs.long().cpu().numpy().tolist(), dtype=object).reshape(inputs.shape)

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {**super().get_config(), **self._lookup_config(), "vocabulary_dtype": self.vocabulary_dtype}
