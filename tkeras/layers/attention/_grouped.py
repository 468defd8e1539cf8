"""`GroupQueryAttention`."""

from __future__ import annotations

from typing import Any

from tkeras.layers.attention._heads import HeadsAttention
from tkeras.saving import public


@public("keras.layers.GroupQueryAttention", "keras.layers.GroupedQueryAttention")
class GroupedQueryAttention(HeadsAttention):
    """Grouped query attention (Ainslie et al., 2023): several heads of the query share one key and value.

    Args:
        head_dim: size of each head.
        num_query_heads: number of heads of the query.
        num_key_value_heads: number of heads of key and value, a divisor of ``num_query_heads``.
        dropout: fraction of the weights to drop in training.
        use_bias: whether the projections have biases.
        sliding_window: how many steps away a query looks, itself included.
        flash_attention: True for torch's flash kernel or an error; else torch chooses.
        kernel_initializer, bias_initializer, kernel_regularizer, bias_regularizer, activity_regularizer,
            kernel_constraint, bias_constraint: for every projection.
        use_gate: multiply what the heads give with a learned sigmoid of the query.
        seed: for the same draws in every run.

    For the call see `HeadsAttention.call`.
    """

    _config = ("head_dim", "num_query_heads", "num_key_value_heads", "activity_regularizer")

    def __init__(
        self,
        head_dim: int,
        num_query_heads: int,
        num_key_value_heads: int,
        dropout: float = 0.0,
        use_bias: bool = True,
        sliding_window: int | None = None,
        flash_attention: bool | None = None,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        use_gate: bool = False,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(
            head_dim, dropout, use_bias, use_gate, sliding_window, flash_attention,
            (kernel_initializer, kernel_regularizer, kernel_constraint),
            (bias_initializer, bias_regularizer, bias_constraint), seed,
            activity_regularizer=activity_regularizer, **kwargs,
        )  # fmt: skip
        if num_query_heads % num_key_value_heads:
            raise ValueError(
                "`num_query_heads` must be divisible by `num_key_value_heads`. "
                f"Received: num_query_heads={num_query_heads}, num_key_value_heads={num_key_value_heads}"
            )
        self.head_dim, self.num_query_heads = head_dim, num_query_heads
        self.num_key_value_heads = num_key_value_heads
        self._groups = num_query_heads // num_key_value_heads

    def build(self, query_shape: Any, value_shape: Any, key_shape: Any = None) -> None:
        """Create the projections ``query``, ``key``, ``gate``, ``value`` and ``attention_output``."""
        key_shape = value_shape if key_shape is None else key_shape
        queries, keys = (self.num_query_heads, self.head_dim), (self.num_key_value_heads, self.head_dim)
        self._query_dense = self._project("bqm,muh->bquh", queries, "uh", "query", query_shape)
        self._key_dense = self._project("bkm,mvh->bkvh", keys, "vh", "key", key_shape)
        if self.use_gate:
            self._gate_dense = self._project(
                "bqm,muh->bquh", queries, "uh", "gate", query_shape, activation="sigmoid"
            )
        self._value_dense = self._project("bkm,mvh->bkvh", keys, "vh", "value", value_shape)
        self._build_attention(4, (1,), -1)
        self._output_dense = self._project(
            "bquh,uhm->bqm", (query_shape[-1],), "m", "attention_output", (None, None, *queries)
        )


GroupQueryAttention = GroupedQueryAttention
