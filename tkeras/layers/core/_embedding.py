"""`Embedding`: integers to vectors."""

from __future__ import annotations

from typing import Any

import torch

from tkeras import constraints, initializers, regularizers
from tkeras.bridge import call
from tkeras.layers.core._without_adapters import WithoutAdapters
from tkeras.saving import public
from tkeras_kernels import operators


@public("keras.layers.Embedding")
class Embedding(WithoutAdapters):
    """Looks up a vector for every integer.

    Args:
        input_dim: number of different integers (largest + 1).
        output_dim: size of the vectors.
        embeddings_initializer, embeddings_regularizer, embeddings_constraint: for the table.
        mask_zero: whether 0 means padding, to be masked in later layers.
        weights: initial table, (input_dim, output_dim), or a list with it.

    Input: (batch, …) integers. Output: (batch, …, output_dim). Integers outside [0, input_dim) are an error;
    the kernels cannot raise one and give vectors of NaN.
    """

    _config = (
        "input_dim", "output_dim", "embeddings_initializer", "embeddings_regularizer", "activity_regularizer",
        "embeddings_constraint", "mask_zero",
    )  # fmt: skip
    _fixed = {"quantization_config": None}
    _integer_input = True

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        embeddings_initializer: Any = "uniform",
        embeddings_regularizer: Any = None,
        embeddings_constraint: Any = None,
        mask_zero: bool = False,
        weights: Any = None,
        **kwargs: Any,
    ):
        length = kwargs.pop("input_length", None)
        if length is not None and not any(
            key in kwargs for key in ("input_shape", "batch_input_shape", "batch_shape")
        ):
            kwargs["input_shape"] = tuple(length) if isinstance(length, (list, tuple)) else (length,)
        super().__init__(**kwargs)
        for name, value in (("input_dim", input_dim), ("output_dim", output_dim)):
            if not isinstance(value, int) or value <= 0:
                raise ValueError(
                    f"`{name}` must be a positive integer. Received: {name}={value} (of type"
                    f" {type(value).__name__})."
                )
        self.input_dim, self.output_dim, self.mask_zero = input_dim, output_dim, mask_zero
        self.input_length = length
        self.embeddings_initializer = initializers.get(embeddings_initializer)
        self.embeddings_regularizer = regularizers.get(embeddings_regularizer)
        self.embeddings_constraint = constraints.get(embeddings_constraint)
        self.supports_masking = mask_zero
        self._makes_masks = mask_zero
        self.autocast = False
        if weights is not None:
            self.build(None)
            self.set_weights(weights if isinstance(weights, (list, tuple)) else [weights])

    def build(self, input_shape: Any = None) -> None:
        """Create the table."""
        self.embeddings = self.add_weight(
            (self.input_dim, self.output_dim), self.embeddings_initializer,
            regularizer=self.embeddings_regularizer,
            constraint=self.embeddings_constraint, name="embeddings",
        )  # fmt: skip

    def call(self, inputs: Any) -> Any:
        """(batch, …) → (batch, …, output_dim)."""
        kind = self._compute_type
        cast = {} if kind is None or kind is self.embeddings.dtype else {"dtype": kind}
        try:
            return call(operators.embedding, inputs, self.embeddings, **cast)
        except IndexError as error:
            raise ValueError(
                f'Layer "{self.name}": indices must be in [0, {self.input_dim}). '
                f"Received values from {inputs.min().item():g} to {inputs.max().item():g}."
            ) from error

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """True where the integer is not 0."""
        return torch.ne(inputs, 0) if self.mask_zero else None

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, ...]:
        """The input's shape with ``output_dim`` appended."""
        return (*input_shape, self.output_dim)
