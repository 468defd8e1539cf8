"""`IndexLookup`: tokens to indices of a vocabulary and back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, MutableMapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tkeras.config import default_device
from tkeras.graph import KerasTensor
from tkeras.layers.preprocessing._encoding import ENCODINGS, check_mode, encode, encoded_shape
from tkeras.layers.preprocessing._feature import FeatureLayer, as_data, batches, decoded
from tkeras.layers.preprocessing._hash import hasher
from tkeras.layers.preprocessing._hashing import salt_of
from tkeras.layers.preprocessing._vocabulary import TokenCounts, repeated, tokens_of

MODES = ("int", *ENCODINGS, "tf_idf")
_FILE = "vocabulary.txt"
_DROPPED = -1


def check_vocabulary_in(config: Mapping[str, Any], layer: str) -> None:
    """Refuse a configuration that names a file instead of holding the vocabulary.

    Raises:
        ValueError: it does.
    """
    if isinstance(config.get("vocabulary"), str):
        raise ValueError(
            f"The configuration of a {layer} must hold its vocabulary as a list; files that a configuration "
            f"names are not opened. Received: vocabulary={config['vocabulary']!r}"
        )


class IndexLookup(FeatureLayer):
    """Looks tokens up in a vocabulary that is given or learned by :meth:`adapt`."""

    _numbers: bool

    def _init_lookup(
        self,
        max_tokens: int | None,
        num_oov_indices: int,
        mask_token: Any,
        oov_token: Any,
        vocabulary: Any,
        idf_weights: Any,
        invert: bool,
        output_mode: str,
        sparse: bool,
        pad_to_max_tokens: bool,
        oov_method: str,
        salt: Any,
        vocabulary_size: int | None,
    ) -> None:
        name = type(self).__name__
        if sparse:
            raise ValueError(
                "`sparse` may only be true if `output_mode` is `'one_hot'`, `'multi_hot'`, `'count'` or "
                f"`'tf_idf'`. Received: sparse={sparse} and output_mode={output_mode}"
                if output_mode == "int"
                else "`sparse=True` cannot be used with backend torch: the output is dense."
            )
        check_mode(name, output_mode, MODES)
        if invert and output_mode != "int":
            raise ValueError(
                f"`output_mode` must be `'int'` when `invert` is true. Received: output_mode={output_mode}"
            )
        if pad_to_max_tokens and max_tokens is None:
            raise ValueError(
                f"If pad_to_max_tokens is True, must set `max_tokens`. Received: max_tokens={max_tokens}"
            )
        if idf_weights is not None and output_mode != "tf_idf":
            raise ValueError(
                "`idf_weights` should only be set if `output_mode` is `'tf_idf'`. Received: "
                f"idf_weights={idf_weights} and output_mode={output_mode}"
            )
        if oov_method not in ("floormod", "farmhash"):
            raise ValueError(
                f"Unknown value for `oov_method` argument of {name}. Allowed values are: ('floormod', "
                f"'farmhash'). Received: oov_method={oov_method}"
            )
        self.max_tokens, self.num_oov_indices = max_tokens, num_oov_indices
        self.mask_token, self.oov_token = mask_token, oov_token
        self.invert, self.output_mode, self.sparse = invert, output_mode, False
        self.pad_to_max_tokens, self.oov_method = pad_to_max_tokens, oov_method
        self._key = salt_of(salt, name)
        self.salt = None if self._key is None else list(self._key)
        self.autocast = False
        self._announced = vocabulary_size  # by a file whose assets are still to be read
        self._tokens: Any = ()
        self._table: Any = {}
        self.idf_weights: np.ndarray | None = None
        self._counts = TokenCounts()
        self.input_vocabulary = self.input_idf_weights = None
        if vocabulary is not None:
            if output_mode == "tf_idf" and idf_weights is None:
                raise ValueError(
                    "When specifying the `vocabulary` argument, in TF-IDF output mode, the `idf_weights` "
                    "argument must also be provided."
                )
            tokens = tokens_of(vocabulary, self._numbers)
            self.set_vocabulary(tokens, idf_weights)
            self.__dict__["input_vocabulary"] = tokens
            if idf_weights is not None:
                self.__dict__["input_idf_weights"] = np.asarray(idf_weights).tolist()

    def _specials(self) -> list[Any]:
        """The mask token, where it has an index, and the token of what is not in the vocabulary."""
        masked = self.mask_token is not None and self.output_mode == "int"
        return [self.mask_token] * masked + [self.oov_token] * self.num_oov_indices

    def set_vocabulary(self, vocabulary: Any, idf_weights: Any = None) -> None:
        """Set the tokens instead of learning them.

        Args:
            vocabulary: a list, an array, or the path of a text file with a token in each line; with or
                without the mask and OOV tokens in front.
            idf_weights: of the same length; for ``output_mode="tf_idf"``.
        """
        if self.output_mode == "tf_idf" and idf_weights is None:
            raise ValueError("`idf_weights` must be set if output_mode is 'tf_idf'.")
        if self.output_mode != "tf_idf" and idf_weights is not None:
            raise ValueError(
                "`idf_weights` should only be set if `output_mode` is `'tf_idf'`. Received: "
                f"output_mode={self.output_mode} and idf_weights={idf_weights}"
            )
        given = tokens_of(vocabulary, self._numbers)
        if not given:
            raise ValueError(f"Cannot set an empty vocabulary. Received: vocabulary={vocabulary}")
        specials = self._specials()
        start = len(specials)
        tokens = given[start:] if given[:start] == specials else given
        self._check_tokens(tokens, specials)
        weights = None
        if idf_weights is not None:
            weights = np.asarray(idf_weights, dtype="float32")
            if len(weights) != len(given):
                raise ValueError(
                    "`idf_weights` must be the same length as vocabulary. "
                    f"len(idf_weights) is {len(weights)}; len(vocabulary) is {len(given)}"
                )
            if len(tokens) == len(given):
                weights = np.concatenate([np.full(start, weights.mean()), weights]).astype("float32")
        self._hold(tokens, weights)

    def _check_tokens(self, tokens: list[Any], specials: list[Any]) -> None:
        twice = repeated(tokens)
        if twice:
            raise ValueError(
                "The passed vocabulary has at least one repeated term. Please uniquify your dataset. The "
                f"repeated terms are: {twice}"
            )
        reserved = (("mask", self.mask_token), ("OOV", self.oov_token if self.invert else None))
        for kind, token in reserved:
            if token is not None and token in tokens:
                raise ValueError(
                    f"Found reserved {kind} token at unexpected location in `vocabulary`. Note that passed "
                    "`vocabulary` does not need to include the OOV and mask tokens. Either remove all mask "
                    "and OOV tokens, or include them only at the start of the vocabulary in precisely this "
                    f"order: {specials}. Received: {kind.lower()}_token={token} at vocabulary index "
                    f"[{tokens.index(token)}]"
                )
        size = len(specials) + len(tokens)
        if self.max_tokens is not None and size > self.max_tokens:
            raise ValueError(
                "Attempted to set a vocabulary larger than the maximum vocab size. Received vocabulary size "
                f"is {size}; `max_tokens` is {self.max_tokens}."
            )

    def _hold(self, tokens: list[Any], weights: np.ndarray | None) -> None:
        start = len(self._specials())
        table = {token: start + i for i, token in enumerate(tokens)}
        if self.mask_token is not None:
            table[self.mask_token] = 0 if self.output_mode == "int" else _DROPPED
        self.__dict__.update(_tokens=tuple(tokens), _table=table)
        if weights is not None:
            self.idf_weights = weights

    def get_vocabulary(self, include_special_tokens: bool = True) -> list[Any]:
        """The tokens in the order of their indices, with or without those in front."""
        return [*(self._specials() if include_special_tokens else ()), *self._tokens]

    def vocabulary_size(self) -> int:
        """Number of indices, those of mask and OOV included."""
        return len(self._specials()) + len(self._tokens)

    def adapt(self, data: Any, steps: int | None = None) -> None:
        """Learn the vocabulary: the most frequent tokens.

        Args:
            data: an array, tensor or list, or an iterable of them; each row is a document.
            steps: how many of an iterable to take.
        """
        self.reset_state()
        for batch in batches(data, steps):
            self.update_state(batch)
        self.finalize_state()

    def update_state(self, data: Any) -> None:
        """Count the tokens of a batch; one axis or none is a single document."""
        tokens = self._tokens_in(as_data(data))
        rows = tokens.reshape(1, -1) if tokens.ndim < 2 else tokens.reshape(tokens.shape[0], -1)
        self._counts.add(rows.tolist())

    def finalize_state(self) -> None:
        """Make the vocabulary of what was counted."""
        if not self._counts.total:
            return
        start = len(self._specials())
        most = None if self.max_tokens is None else self.max_tokens - start
        special = [token for token in (self.mask_token, self.oov_token) if token is not None]
        tokens = self._counts.ranked(special, most)
        weights = None
        if self.output_mode == "tf_idf":
            found = self._counts.inverse_frequencies(tokens)
            front = np.full(start, found.mean() if found.size else 0.0)
            weights = np.concatenate([front, found]).astype("float32")
        self._hold(tokens, weights)
        self.__dict__["input_vocabulary"] = None
        self._counts = TokenCounts()

    def reset_state(self) -> None:
        """Forget what was counted and, unless it was given, the vocabulary."""
        self._counts = TokenCounts()
        if self.input_vocabulary is None:
            self.__dict__.update(_tokens=(), _table={})

    def _tokens_in(self, inputs: Any) -> np.ndarray:
        """The inputs as an array of Python strings or numbers."""
        raise NotImplementedError(f"{type(self).__name__} must define `_tokens_in`.")

    def call(self, inputs: Any) -> Any:
        """Indices, their encoding or, inverted, tokens."""
        self._check_ready()
        if self.invert:
            return self._inverted(inputs)
        tokens = self._tokens_in(inputs)
        found = np.array(self.indices_of(tokens.ravel().tolist()), "int64").reshape(tokens.shape)
        indices = torch.as_tensor(found, device=default_device())
        return indices if self.output_mode == "int" else self.encoded(indices)

    def _check_ready(self) -> None:
        if not self._tokens:
            raise ValueError(
                f"Layer '{self.name}' has no vocabulary: pass `vocabulary`, or call `adapt(data)` or "
                "`set_vocabulary(tokens)` before you use it."
            )

    def indices_of(self, tokens: Iterable[Any]) -> list[int]:
        """The index of each token; -1 for the mask token where the output is encoded."""
        self._check_ready()
        get, unknown = self._table.get, self._unknown
        return [unknown(token) if (found := get(token)) is None else found for token in tokens]

    def encoded(self, indices: torch.Tensor) -> torch.Tensor:
        """The encoding of indices, of which negative ones are left out."""
        depth = self._depth()
        assert depth is not None
        kind: torch.dtype = self._compute_type
        if self.output_mode != "tf_idf":
            return encode(indices, self.output_mode, depth, kind)
        assert self.idf_weights is not None
        weights = np.zeros(depth, dtype="float32")
        weights[: len(self.idf_weights)] = self.idf_weights
        found = encode(indices, "count", depth, kind)
        return found * torch.as_tensor(weights).to(found)

    def _unknown(self, token: Any) -> int:
        count = self.num_oov_indices
        if count == 0:
            raise ValueError(
                f"When `num_oov_indices=0` all inputs should be in vocabulary, found OOV values [{token!r}], "
                "consider setting `num_oov_indices=1`."
            )
        first = len(self._specials()) - count
        if count == 1:
            return first
        if self._numbers and self.oov_method == "floormod":
            return first + token % count
        return first + hasher(self._key)(str(token).encode()) % count

    def _inverted(self, inputs: Any) -> Any:
        indices = inputs.cpu().numpy() if isinstance(inputs, torch.Tensor) else np.asarray(inputs)
        vocabulary = self.get_vocabulary()
        found = [
            vocabulary[index] if 0 <= index < len(vocabulary) else self.oov_token for index in indices.ravel()
        ]
        if self._numbers:
            made = np.array(found, dtype="int64").reshape(indices.shape)
            return torch.as_tensor(made, device=default_device())
        return decoded(np.array(found, dtype=object)).reshape(indices.shape)

    def _depth(self) -> int | None:
        if self.pad_to_max_tokens:
            return self.max_tokens
        return self.vocabulary_size() if self._tokens else self._announced

    def compute_output_spec(self, inputs: Any) -> Any:
        """Symbolic indices, encodings or tokens."""
        if self.output_mode == "int":
            return KerasTensor(inputs.shape, "string" if self.invert and not self._numbers else "int64")
        return KerasTensor(encoded_shape(inputs.shape, self.output_mode, self._depth()), self.compute_dtype)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Shape of the output."""
        return self.compute_output_spec(KerasTensor(input_shape)).shape

    def save_assets(self, dir_path: str) -> None:
        """Write a vocabulary that was learned; one that was given is in the configuration."""
        if self.input_vocabulary is None and self._tokens:
            lines = "\n".join(map(str, self.get_vocabulary()))
            Path(dir_path, _FILE).write_text(lines, encoding="utf-8", newline="\n")

    def load_assets(self, dir_path: str | None) -> None:
        """Read what :meth:`save_assets` wrote."""
        if self.input_vocabulary is not None or dir_path is None:
            return
        path = Path(dir_path, _FILE)
        if path.is_file():
            try:
                lines = path.read_bytes().decode("utf-8").split("\n")
                tokens = [int(line) for line in lines] if self._numbers else lines
            except ValueError as error:
                kind = "integers" if self._numbers else "text in UTF-8"
                raise ValueError(f"Layer '{self.name}': expected {kind} in {_FILE}.") from error
            start = len(self._specials())
            self._check_tokens(tokens[start:], self._specials())
            self._hold(tokens[start:], None)
            if self.idf_weights is not None and len(self.idf_weights) != len(tokens):
                raise ValueError(
                    f"Layer '{self.name}': expected {len(self.idf_weights)} tokens, as many as weights. "
                    f"Received: {len(tokens)} tokens in {_FILE}"
                )

    def save_own_variables(self, store: MutableMapping[str, Any]) -> None:
        """The weights of inverse document frequency."""
        if self.output_mode == "tf_idf" and self.idf_weights is not None:
            store["idf_weights"] = self.idf_weights

    def load_own_variables(self, store: Mapping[str, Any]) -> None:
        """The weights of inverse document frequency."""
        if self.output_mode == "tf_idf" and "idf_weights" in store:
            self.idf_weights = np.asarray(store["idf_weights"], dtype="float32")

    def _lookup_config(self) -> dict[str, Any]:
        """Constructor arguments; a learned vocabulary is left to the assets of the file."""
        lines = not self._numbers and any("\n" in token for token in self._tokens)
        kept = self.get_vocabulary() if lines and self.input_vocabulary is None else self.input_vocabulary
        weights = self.input_idf_weights
        if lines and self.idf_weights is not None:
            weights = self.idf_weights.tolist()
        return {
            "invert": self.invert, "max_tokens": self.max_tokens, "num_oov_indices": self.num_oov_indices,
            "oov_token": self.oov_token, "mask_token": self.mask_token, "output_mode": self.output_mode,
            "sparse": self.sparse, "pad_to_max_tokens": self.pad_to_max_tokens, "idf_weights": weights,
            "vocabulary": kept,
            "vocabulary_size": self.vocabulary_size() if self._tokens else self._announced,
            "oov_method": self.oov_method, "salt": self.salt,
        }  # fmt: skip

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """A layer from :meth:`get_config`; a vocabulary in it must be a list."""
        check_vocabulary_in(config, cls.__name__)
        return cls(**config)
