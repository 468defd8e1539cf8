"""What attention with several heads is made of."""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel

from tkeras.bridge import call
from tkeras.initializers import Initializer
from tkeras.layers._layer import Layer
from tkeras.layers._weight_arguments import keep_weight_arguments
from tkeras.layers.activation import Softmax
from tkeras.layers.attention._equations import attention
from tkeras.layers.attention._masks import causal_mask, joint_mask, window_mask
from tkeras.layers.core import EinsumDense
from tkeras.layers.regularization import Dropout
from tkeras.random import drawn
from tkeras_kernels import operators

_LARGEST = {torch.float16: 65500.0}
_FLASH = "Please set dropout to 0.0 to use flash attention."


class HeadsAttention(Layer):
    """Projections to several heads, attention in each of them, and the projection back.

    Subclasses create the projections and say in :meth:`_repeated` how often keys and values are used.
    """

    _config = (
        "dropout", "use_bias", "use_gate", "sliding_window", "kernel_initializer", "bias_initializer",
        "kernel_regularizer", "bias_regularizer", "kernel_constraint", "bias_constraint", "seed",
    )  # fmt: skip
    _groups = 1  # queries for each key and value

    def __init__(
        self,
        size: int,
        dropout: float,
        use_bias: bool,
        use_gate: bool,
        sliding_window: int | None,
        flash_attention: bool | None,
        kernel: Any,
        bias: Any,
        seed: int | None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.supports_masking = True
        if sliding_window is not None and (not isinstance(sliding_window, int) or sliding_window <= 0):
            raise ValueError(
                "`sliding_window` must be `None` or a positive integer. Received: "
                f"sliding_window={sliding_window}"
            )
        if flash_attention and dropout > 0:
            raise ValueError(f"Dropout is not supported when flash attention is enabled. {_FLASH}")
        self.dropout, self.use_bias, self.use_gate = dropout, use_bias, use_gate
        self.sliding_window, self.seed = sliding_window, seed
        self._flash, self._scale = bool(flash_attention), 1.0 / math.sqrt(size)
        keep_weight_arguments(self, "kernel", *kernel)
        keep_weight_arguments(self, "bias", *bias)

    def _project(self, equation: str, sizes: Any, bias_axes: str, name: str, shape: Any, **facts: Any) -> Any:
        """A built projection called ``name`` for inputs of ``shape``; ``sizes`` are those of its new axes."""
        rank = len(equation.rpartition("->")[2])
        copies = {
            f"{role}_initializer": _copy(getattr(self, f"{role}_initializer")) for role in ("kernel", "bias")
        }
        shared = {
            f"{role}_{kind}": getattr(self, f"{role}_{kind}")
            for role in ("kernel", "bias")
            for kind in ("regularizer", "constraint")
        }
        layer = EinsumDense(
            equation, (*[None] * (rank - 1 - len(sizes)), *sizes), name=name, dtype=self.dtype_policy,
            bias_axes=bias_axes if self.use_bias else None, activity_regularizer=self._heads_regularizer,
            **copies, **shared, **facts,
        )  # fmt: skip
        layer.build(shape)
        return layer

    @property
    def _heads_regularizer(self) -> Any:
        return self.activity_regularizer

    def _build_attention(self, rank: int, axes: tuple[int, ...], softmax_axes: Any) -> None:
        self._key_query, self._scores_value = attention(rank, axes)
        self._axes, self._attended = axes, len(axes)
        self._softmax = Softmax(axis=softmax_axes, dtype=self.dtype_policy)
        self._dropout_layer = Dropout(self.dropout, seed=self.seed, dtype=self.dtype_policy)

    def call(
        self,
        query: Any,
        value: Any,
        key: Any = None,
        query_mask: Any = None,
        value_mask: Any = None,
        key_mask: Any = None,
        attention_mask: Any = None,
        return_attention_scores: bool = False,
        training: bool | None = None,
        use_causal_mask: bool = False,
    ) -> Any:
        """Attend from ``query`` (batch, queries, dim) to ``value`` and ``key`` (batch, keys, dim).

        Args:
            query, value, key: the key defaults to the value.
            query_mask, value_mask, key_mask: (batch, queries), (batch, keys): True for what counts.
            attention_mask: (batch, queries, keys), True where a query may look.
            return_attention_scores: also return the weights (batch, heads, queries, keys).
            use_causal_mask: no query looks at a later key.

        Returns:
            (batch, queries, output dim), or a pair with the weights.
        """
        key = value if key is None else key
        mask, causal = self._joined(
            query, value, query_mask, value_mask, key_mask, attention_mask, use_causal_mask
        )
        gate = self._gate_dense(query) if self.use_gate else None
        heads = self._query_dense(query), self._key_dense(key), self._value_dense(value)
        if return_attention_scores or heads[0].dim() != 4:
            mask = self._with_causal(mask, causal, query.shape[1], value.shape[1], query.device)
            causal = False
        scores = None
        if return_attention_scores:
            outputs, scores = self._attend_with_scores(*heads, mask, training)
        elif self._flash and heads[0].dim() == 4:
            outputs = self._attend_in_torch(*heads, mask, causal)
        else:
            outputs = self._attend(*heads, mask, causal, training)
        outputs = self._output_dense(outputs if gate is None else outputs * gate)
        return (outputs, scores) if return_attention_scores else outputs

    def _joined(self, query: Any, value: Any, *masks: Any) -> tuple[Any, bool]:
        """All masks but the causal one as one, and whether that one is left to the kernel."""
        *given, causal = masks
        window = None
        if self.sliding_window is not None:
            window = window_mask(query.shape[1], value.shape[1], self.sliding_window, query.device)
        return joint_mask(*given, window), causal

    def _with_causal(self, mask: Any, causal: bool, queries: int, keys: int, device: Any) -> Any:
        if not causal:
            return mask
        earlier = causal_mask(queries, keys, device)
        return earlier if mask is None else torch.logical_and(mask, earlier)

    def _expanded(self, mask: Any, rank: int) -> Any:
        """``mask`` with the axes of the heads that it lacks."""
        while mask is not None and mask.dim() < rank:
            mask = torch.unsqueeze(mask, max(-2 * self._attended - 1, -mask.dim() - 1))
        return mask

    def _attend(self, query: Any, key: Any, value: Any, mask: Any, causal: bool, training: Any) -> Any:
        """Attention without the weights in memory, over any axes; all are (batch, *axes, heads, features).

        A query that may look nowhere gives the mean of all values, as in Keras, and zeros where there is
        dropout, as Keras' masked softmax does.
        """
        shape, rank = query.shape, query.dim()
        mask = self._expanded(mask, rank + self._attended - 1)
        if rank != 4:
            mask = self._flat_mask(mask, query.shape, key.shape)
            query, key, value = map(self._flat, (query, key, value))
        rate = self.dropout if training else 0.0
        outputs = call(
            operators.attention, query, key, value, mask, scale=self._scale, causal=causal,
            unseen="zeros" if self.dropout > 0 else "mean", rate=rate,
            **(drawn(self._dropout_layer.seed_generator, query) if rate else {}),
        )  # fmt: skip
        return outputs if rank == 4 else self._unflat(outputs, shape)

    def _order(self, rank: int) -> tuple[list[int], list[int]]:
        """Axes that are not attended over, without heads and features, and those that are."""
        return [axis for axis in range(rank - 2) if axis not in self._axes], list(self._axes)

    def _flat(self, heads: Any) -> Any:
        """(batch, *axes, heads, features) as (batch, time, heads, features)."""
        apart, along = self._order(heads.dim())
        ordered = heads.permute(*apart, *along, -2, -1)
        sizes = ordered.shape
        return ordered.reshape(math.prod(sizes[: len(apart)]), -1, *sizes[-2:])

    def _unflat(self, outputs: Any, shape: Any) -> Any:
        """The result of attention as (batch, *axes, heads, features), of the query's ``shape`` up to the
        last."""
        apart, along = self._order(len(shape))
        order = [*apart, *along, len(shape) - 2, len(shape) - 1]
        sizes = [shape[axis] for axis in order[:-1]]
        return outputs.reshape(*sizes, outputs.shape[-1]).permute(*map(order.index, range(len(shape))))

    def _flat_mask(self, mask: Any, query: Any, key: Any) -> Any:
        """A mask of the scores over any axes as (batch, heads or 1, queries, keys)."""
        if mask is None:
            return None
        apart, along = self._order(len(query))
        before = [query[axis] for axis in apart]
        times = [[shape[axis] for axis in along] for shape in (query, key)]
        full = mask.expand(*before, mask.shape[len(before)], *times[0], *times[1])
        return full.reshape(math.prod(before), -1, *map(math.prod, times))

    def _attend_in_torch(self, query: Any, key: Any, value: Any, mask: Any, causal: bool) -> Any:
        """Attention on torch's flash kernel or not at all; all are (batch, time, heads, features)."""
        if mask is not None:
            mask = self._with_causal(mask, causal, query.shape[1], key.shape[1], query.device)
            far = -0.7 * _LARGEST.get(query.dtype, 3.38953e38)
            mask, causal = torch.where(self._expanded(mask, 4), 0.0, far).to(query.dtype), False
        query, key, value = (torch.transpose(heads, 1, 2) for heads in (query, key, value))
        options = {"attn_mask": mask, "is_causal": causal, "scale": self._scale}
        try:
            with sdpa_kernel([SDPBackend.FLASH_ATTENTION]):
                outputs = F.scaled_dot_product_attention(
                    query, key, value, enable_gqa=self._groups > 1, **options
                )
        except RuntimeError as error:
            raise RuntimeError(
                f'Layer "{self.name}": flash attention is not supported with the provided inputs. '
                f"Received: query.shape={tuple(query.shape)}, dtype={query.dtype}, mask={mask is not None}"
            ) from error
        return torch.transpose(outputs, 1, 2)

    def _attend_with_scores(
        self, query: Any, key: Any, value: Any, mask: Any, training: Any
    ) -> tuple[Any, Any]:
        """Attention over any axes, with dropout, and the weights before it."""
        if self._flash:
            raise ValueError(
                "Returning attention scores is not supported when flash attention is enabled. "
                "Please disable flash attention to access attention scores."
            )
        if self._groups > 1:
            key, value = (heads.repeat_interleave(self._groups, 2) for heads in (key, value))
        scores = torch.einsum(self._key_query, key, query * self._scale)
        scores = self._softmax(scores, mask=self._expanded(mask, scores.dim()))
        dropped = self._dropout_layer(scores, training=training)
        return torch.einsum(self._scores_value, dropped, value), scores


def _copy(initializer: Any) -> Any:
    """A new initializer of the same kind, which draws numbers of its own where no seed was given."""
    if isinstance(initializer, Initializer):
        return type(initializer).from_config(initializer.get_config())
    return initializer
