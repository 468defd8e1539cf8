"""`CategoryEncoding`: integers as one-hot, multi-hot or counts."""

from __future__ import annotations

from typing import Any

import torch

from tkeras.layers.preprocessing._encoding import ENCODINGS, check_dense, encode, encoded_shape
from tkeras.layers.preprocessing._feature import FeatureLayer, as_data
from tkeras.saving import public


@public("keras.layers.CategoryEncoding")
class CategoryEncoding(FeatureLayer):
    """Encodes integers below ``num_tokens``.

    Args:
        num_tokens: number of categories.
        output_mode: ``"one_hot"``, ``"multi_hot"`` or ``"count"``; the last two encode a row of the last axis
            as one vector.
        sparse: only False.

    Input: integers (batch, …, size). Output: (batch, …, num_tokens).
    """

    _config = ("num_tokens", "output_mode")

    def __init__(
        self,
        num_tokens: int | None = None,
        output_mode: str = "multi_hot",
        sparse: bool = False,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.sparse = check_dense(sparse)
        if output_mode not in ENCODINGS:
            raise ValueError(f"Unknown arg for output_mode: {output_mode}")
        if num_tokens is None:
            raise ValueError(
                "num_tokens must be set to use this layer. If the number of tokens is not known beforehand, "
                "use the IntegerLookup layer instead."
            )
        if num_tokens < 1:
            raise ValueError(f"`num_tokens` must be >= 1. Received: num_tokens={num_tokens}.")
        self.num_tokens, self.output_mode = num_tokens, output_mode

    def call(self, inputs: Any, count_weights: Any = None) -> Any:
        """Vectors of 0 and 1, or sums of ``count_weights`` (shape of the inputs) for ``"count"``."""
        if count_weights is not None:
            if self.output_mode != "count":
                raise ValueError(
                    "`count_weights` is not used when `output_mode` is not `'count'`. "
                    f"Received `count_weights={count_weights}`."
                )
            count_weights = as_data(count_weights).to(inputs.device)
        if (
            not inputs.is_meta
            and inputs.numel()
            and not (inputs.min() >= 0 and inputs.max() < self.num_tokens)
        ):
            raise ValueError(
                "Input values must be in the range 0 <= values < num_tokens with "
                f"num_tokens={self.num_tokens}"
            )
        kind: torch.dtype = self._compute_type
        return encode(inputs, self.output_mode, self.num_tokens, kind, count_weights)

    def compute_output_shape(self, input_shape: Any, count_weights_shape: Any = None) -> Any:
        """Shape of the encoding."""
        return encoded_shape(input_shape, self.output_mode, self.num_tokens)
