"""`Attention` and `AdditiveAttention`: weighted averages of values by the likeness of queries and keys."""

from __future__ import annotations

import math
from typing import Any

import torch

from tkeras.bridge import call, mapped
from tkeras.layers._layer import Layer
from tkeras.layers.attention._masks import causal_mask
from tkeras.layers.regularization._dropout import drop
from tkeras.random import SeedGenerator, drawn
from tkeras.saving import public
from tkeras_kernels import expr, operators

_FORMS = "namely [query, value] or [query, value, key]"


def _lowered(score: Any, allowed: Any, far: float) -> Any:
    return expr.where(allowed > 0.5, score, score - far)


def _concatenated(query: Any, key: Any, scale: Any = 1.0) -> Any:
    return expr.tanh((query + key) * scale)


def _added(query: Any, key: Any, scale: Any = 1.0) -> Any:
    return expr.tanh(query + key) * scale


@public("keras.layers.Attention")
class Attention(Layer):
    """Dot-product attention (Luong et al., 2015): ``softmax(query · keyᵀ) · value``.

    Args:
        use_scale: multiply the scores with a learned number.
        score_mode: ``"dot"``, or ``"concat"`` for ``Σ tanh(query + key)`` times a learned number.
        dropout: fraction of the weights to drop in training.
        seed: for the same draws in every run.

    Inputs: a list of query (batch, queries, dim), value (batch, keys, value dim) and key (batch, keys, dim),
    which defaults to the value. Output: (batch, queries, value dim), and with ``return_attention_scores`` the
    weights (batch, queries, keys).
    """

    _casts_integers = True

    _config = ("use_scale", "score_mode", "dropout", "seed")

    def __init__(
        self,
        use_scale: bool = False,
        score_mode: str = "dot",
        dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if score_mode not in ("dot", "concat"):
            raise ValueError(
                "Invalid value for argument score_mode. Expected one of {'dot', 'concat'}. "
                f"Received: score_mode={score_mode}"
            )
        self.use_scale, self.score_mode, self.dropout, self.seed = use_scale, score_mode, dropout, seed
        self.supports_masking = True
        self.seed_generator = SeedGenerator(seed) if dropout > 0 else None

    def build(self, input_shape: Any) -> None:
        """Create ``scale`` and ``concat_score_weight``, both scalars, where they are asked for."""
        self._check(input_shape)
        self.scale = self.add_weight((), "ones", name="scale") if self.use_scale else None
        self.concat_score_weight: Any = None
        if self.score_mode == "concat":
            self.concat_score_weight = self.add_weight((), "ones", name="concat_score_weight")

    def call(
        self,
        inputs: Any,
        mask: Any = None,
        training: bool = False,
        return_attention_scores: bool = False,
        use_causal_mask: bool = False,
    ) -> Any:
        """Attend; ``mask`` is a list of the masks of query and value, True for what counts."""
        self._check(inputs, mask)
        query, value = inputs[0], inputs[1]
        key = inputs[2] if len(inputs) > 2 else value
        query_mask, value_mask = (mask[0], mask[1]) if mask else (None, None)
        weights = None
        if return_attention_scores or not self._fits(query, key, value, value_mask):
            weights = self._weights(query, key, value_mask, use_causal_mask)
            dropped = (
                drop(weights, self.dropout, self.seed_generator) if training and self.dropout else weights
            )
            outputs = torch.matmul(dropped, value)
        else:
            outputs = self._attend(query, key, value, value_mask, use_causal_mask, training)
        if query_mask is not None:
            outputs = torch.where(torch.unsqueeze(query_mask, -1), outputs, 0.0)
        return (outputs, weights) if return_attention_scores else outputs

    def _fits(self, query: Any, key: Any, value: Any, value_mask: Any) -> bool:
        """Whether this is attention as the operator has it."""
        same = query.shape[:-2] == key.shape[:-2] == value.shape[:-2]
        plain = type(self)._scores is Attention._scores and self.score_mode == "dot"
        return plain and same and (value_mask is None or query.dim() == 3)

    def _attend(self, query: Any, key: Any, value: Any, value_mask: Any, causal: bool, training: bool) -> Any:
        """(batch, queries, value dim), without the weights in memory."""
        before = query.shape[:-2]
        if self.scale is not None:
            query = query * self.scale
        heads = (torch.unsqueeze(x.reshape(math.prod(before), *x.shape[-2:]), 2) for x in (query, key, value))
        mask = None if value_mask is None else value_mask.bool()[:, None, None]
        rate = self.dropout if training else 0.0
        source = drawn(self.seed_generator, query) if rate else {}
        outputs = call(operators.attention, *heads, mask, scale=1.0, causal=causal, rate=rate, **source)
        return outputs.reshape(*query.shape[:-1], value.shape[-1])

    def _weights(self, query: Any, key: Any, value_mask: Any, causal: bool) -> Any:
        """(batch, queries, keys)."""
        scores = self._scores(query, key)
        allowed = None if value_mask is None else torch.unsqueeze(value_mask, -2)
        if causal:
            earlier = causal_mask(*scores.shape[-2:], device=scores.device)
            allowed = earlier if allowed is None else torch.logical_and(allowed, earlier)
        if allowed is not None:
            far = 65504.0 if scores.dtype is torch.float16 else 1e9
            scores = mapped(_lowered, scores, allowed.to(scores.dtype), far=far)
        return call(operators.softmax, scores, axis=-1)

    def _scores(self, query: Any, key: Any) -> Any:
        """(batch, queries, keys)."""
        if self.score_mode == "dot":
            scores = torch.matmul(query, torch.transpose(key, -2, -1))
            return scores if self.scale is None else scores * self.scale
        scale = () if self.scale is None else (self.scale,)
        pairs = mapped(_concatenated, torch.unsqueeze(query, -2), torch.unsqueeze(key, -3), *scale)
        return pairs.sum(-1) * self.concat_score_weight

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """The mask of the query."""
        self._check(inputs, mask)
        return mask[0] if mask else None

    def _check(self, inputs: Any, mask: Any = None) -> None:
        kind = type(self).__name__
        if not isinstance(inputs, list):
            raise ValueError(
                f"{kind} layer must be called on a list of inputs, {_FORMS}. Received: inputs={inputs}."
            )
        if len(inputs) not in (2, 3):
            raise ValueError(
                f"{kind} layer accepts inputs list of length 2 or 3, {_FORMS}. Received length: "
                f"{len(inputs)}."
            )
        if mask is not None and (not isinstance(mask, list) or len(mask) not in (2, 3)):
            raise ValueError(
                f"{kind} layer mask must be a list of length 2 or 3, namely [query_mask, value_mask]. "
                f"Received: mask={mask}."
            )


@public("keras.layers.AdditiveAttention")
class AdditiveAttention(Attention):
    """Additive attention (Bahdanau et al., 2015): ``softmax(Σ scale · tanh(query + key)) · value``.

    Args:
        use_scale: learn one number for each feature of the sum.
        dropout: fraction of the weights to drop in training.
        seed: for the same draws in every run.
    """

    def __init__(self, use_scale: bool = True, dropout: float = 0.0, **kwargs: Any):
        super().__init__(use_scale=use_scale, dropout=dropout, **kwargs)

    def build(self, input_shape: Any) -> None:
        """Create ``scale`` (dim,), where it is asked for."""
        self._check(input_shape)
        self.scale = None
        if self.use_scale:
            self.scale = self.add_weight((input_shape[0][-1],), "glorot_uniform", name="scale")

    def _scores(self, query: Any, key: Any) -> Any:
        scale = () if self.scale is None else (self.scale,)
        return mapped(_added, torch.unsqueeze(query, -2), torch.unsqueeze(key, -3), *scale).sum(-1)

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        config = super().get_config()
        del config["score_mode"]
        return config
