"""`ReversibleEmbedding`."""

from __future__ import annotations

from typing import Any

import torch

from tkeras.bridge import call
from tkeras.config import torch_dtype
from tkeras.layers._layer import specs
from tkeras.layers.core._embedding import Embedding
from tkeras.saving import public
from tkeras_kernels import operators
from tkeras_kernels.expr import tanh
from tkeras_kernels.pointwise import pointwise


def _soft_cap(x: Any, cap: float) -> Any:
    """``cap · tanh(x / cap)``: x near 0, never beyond ``cap``."""
    return tanh(x / cap) * cap


@public("keras.layers.ReversibleEmbedding")
class ReversibleEmbedding(Embedding):
    """An embedding that also maps vectors back to logits over the integers: ``layer(x, reverse=True)``.

    Args:
        input_dim: number of different integers (largest + 1).
        output_dim: size of the vectors.
        tie_weights: whether the way back uses the same table, or one of its own.
        embeddings_initializer, embeddings_regularizer, embeddings_constraint: for the table.
        mask_zero: whether 0 means padding, to be masked in later layers.
        reverse_dtype: type in which the way back is computed.
        logit_soft_cap: bound of the logits: ``cap · tanh(logits / cap)``.
    """

    _config = ("tie_weights", "reverse_dtype", "logit_soft_cap")

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        tie_weights: bool = True,
        embeddings_initializer: Any = "uniform",
        embeddings_regularizer: Any = None,
        embeddings_constraint: Any = None,
        mask_zero: bool = False,
        reverse_dtype: str | None = None,
        logit_soft_cap: float | None = None,
        **kwargs: Any,
    ):
        self.__dict__["tie_weights"] = tie_weights  # `weights=` builds the layer in the constructor
        super().__init__(
            input_dim, output_dim, embeddings_initializer, embeddings_regularizer, embeddings_constraint,
            mask_zero, **kwargs,
        )  # fmt: skip
        self.tie_weights, self.reverse_dtype, self.logit_soft_cap = tie_weights, reverse_dtype, logit_soft_cap
        self._cap = None if logit_soft_cap is None else pointwise(_soft_cap, cap=logit_soft_cap)

    def build(self, input_shape: Any = None) -> None:
        """Create the table and, where the weights are not tied, ``reverse_embeddings``."""
        super().build(input_shape)
        if not self.tie_weights:
            shape = (self.output_dim, self.input_dim)
            self.reverse_embeddings = self.add_weight(
                shape, self.embeddings_initializer, name="reverse_embeddings"
            )

    def call(self, inputs: Any, reverse: bool = False) -> Any:
        """(batch, …) → (batch, …, output_dim); in reverse (…, output_dim) → (…, input_dim)."""
        if not reverse:
            outputs = super().call(inputs)
            if self.mask_zero:
                outputs._keras_mask = super().compute_mask(inputs)
            return outputs
        kernel = self.embeddings.t() if self.tie_weights else self.reverse_embeddings
        kind = torch.promote_types(inputs.dtype, kernel.dtype)
        if self.reverse_dtype is not None:
            kind = torch_dtype(self.reverse_dtype)
        return call(operators.dense, inputs.to(kind), kernel.to(kind), activation=self._cap)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """None: ``call`` marks the vectors, logits have no mask."""
        return None

    def compute_output_shape(self, input_shape: Any, reverse: bool = False) -> tuple[Any, ...]:
        """The input's shape with ``output_dim`` appended, or in reverse with ``input_dim`` last."""
        if reverse:
            return (*tuple(input_shape)[:-1], self.input_dim)
        return super().compute_output_shape(input_shape)

    def compute_output_spec(self, inputs: Any, reverse: bool = False) -> Any:
        """Symbolic vectors or logits."""
        return specs(self.compute_output_shape(inputs.shape, reverse), self.compute_dtype)
