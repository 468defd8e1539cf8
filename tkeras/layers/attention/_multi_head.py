"""`MultiHeadAttention`."""

from __future__ import annotations

from typing import Any

from tkeras import regularizers
from tkeras.layers.attention._equations import projection
from tkeras.layers.attention._heads import HeadsAttention
from tkeras.saving import public, serialize_keras_object


def _check_positive(**values: Any) -> None:
    for name, value in values.items():
        if not isinstance(value, int) or value <= 0:
            raise ValueError(
                f"Received an invalid value for argument `{name}`, expected a positive integer. "
                f"Received: {name}={value}"
            )


def _as_sequence(name: str, value: Any) -> Any:
    """An int as a tuple, None and ints as they are."""
    if value is not None and not isinstance(value, (int, tuple, list)):
        raise ValueError(f"Invalid `{name}`: expected an int, list or tuple. Received: {name}={value}")
    return (value,) if isinstance(value, int) else value


@public("keras.layers.MultiHeadAttention")
class MultiHeadAttention(HeadsAttention):
    """Multi-head attention (Vaswani et al., 2017): ``layer(query, value, key=value)``.

    Args:
        num_heads: number of heads.
        key_dim: size of each head for query and key.
        value_dim: size of each head for value; default ``key_dim``.
        dropout: fraction of the weights to drop in training.
        use_bias: whether the projections have biases.
        output_shape: last sizes of the output; default the last size of the query.
        attention_axes: the axes attended over; default all but batch, heads and features.
        sliding_window: how many steps away a query looks, itself included.
        flash_attention: True for torch's flash kernel or an error; else torch chooses.
        kernel_initializer, bias_initializer, kernel_regularizer, bias_regularizer, activity_regularizer,
            kernel_constraint, bias_constraint: for every projection.
        use_gate: multiply what the heads give with a learned sigmoid of the query.
        seed: for the same draws in every run.

    For the call see `HeadsAttention.call`. Queries, keys and values may have more axes than time.
    """

    _config = ("num_heads", "key_dim", "value_dim", "attention_axes")

    def __init__(
        self,
        num_heads: int,
        key_dim: int,
        value_dim: int | None = None,
        dropout: float = 0.0,
        use_bias: bool = True,
        output_shape: Any = None,
        attention_axes: Any = None,
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
        _check_positive(num_heads=num_heads, key_dim=key_dim)
        if value_dim is not None:
            _check_positive(value_dim=value_dim)
        super().__init__(
            key_dim, dropout, use_bias, use_gate, sliding_window, flash_attention,
            (kernel_initializer, kernel_regularizer, kernel_constraint),
            (bias_initializer, bias_regularizer, bias_constraint), seed, **kwargs,
        )  # fmt: skip
        self.num_heads, self.key_dim, self.value_dim = num_heads, key_dim, value_dim or key_dim
        self._projections_regularizer = regularizers.get(activity_regularizer)
        self._sizes = tuple(_as_sequence("output_shape", output_shape) or ())
        self.attention_axes = _as_sequence("attention_axes", attention_axes)

    @property
    def _heads_regularizer(self) -> Any:
        return self._projections_regularizer

    def build(self, query_shape: Any, value_shape: Any, key_shape: Any = None) -> None:
        """Create the projections ``query``, ``key``, ``gate``, ``value`` and ``attention_output``."""
        key_shape = value_shape if key_shape is None else key_shape
        if tuple(value_shape[1:-1]) != tuple(key_shape[1:-1]):
            raise ValueError(
                "All dimensions of `value` and `key`, except the last one, must be equal. "
                f"Received: value_shape={value_shape} and key_shape={key_shape}"
            )
        self._query_dense = self._to_heads("query", query_shape, self.key_dim)
        self._key_dense = self._to_heads("key", key_shape, self.key_dim)
        if self.use_gate:
            self._gate_dense = self._to_heads("gate", query_shape, self.value_dim, activation="sigmoid")
        self._value_dense = self._to_heads("value", value_shape, self.value_dim)
        rank = len(value_shape) + 1
        if self.attention_axes is None:
            self.attention_axes = tuple(range(1, rank - 2))
        axes = tuple(axis if axis >= 0 else rank - 1 + axis for axis in self.attention_axes)
        self.attention_axes = axes
        self._build_attention(rank, axes, tuple(range(rank - 1, rank - 1 + len(axes))))
        sizes = self._sizes or (query_shape[-1],)
        equation, new = projection(len(query_shape) - 1, 2, len(sizes))
        shape = (*query_shape[:-1], self.num_heads, self.value_dim)
        self._output_dense = self._project(equation, sizes, new, "attention_output", shape)

    def _to_heads(self, name: str, shape: Any, size: int, **facts: Any) -> Any:
        equation, new = projection(len(shape) - 1, 1, 2)
        return self._project(equation, (self.num_heads, size), new, name, tuple(shape), **facts)

    @property
    def query_dense(self) -> Any:
        """The projection of the query."""
        return self._query_dense

    @property
    def key_dense(self) -> Any:
        """The projection of the key."""
        return self._key_dense

    @property
    def value_dense(self) -> Any:
        """The projection of the value."""
        return self._value_dense

    @property
    def output_dense(self) -> Any:
        """The projection of what the heads give."""
        return self._output_dense

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {
            **super().get_config(),
            "output_shape": self._sizes or None,
            "activity_regularizer": serialize_keras_object(self._projections_regularizer),
        }
