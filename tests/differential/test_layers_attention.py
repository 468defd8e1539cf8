"""Attention layers beside real Keras."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from tests.differential.layer_checks import (
    Case,
    L,
    booleans,
    check_masks,
    f32,
    keras,
    ours_of,
    suite,
    symbolic,
    tkeras,
)

Q, V, K = f32(2, 5, 6), f32(2, 7, 6, seed=1), f32(2, 7, 6, seed=2)
BIAS = {"bias_initializer": "normal"}
SCORES = {"return_attention_scores": True}
CAUSAL = {"use_causal_mask": True}
MASK = {"attention_mask": booleans(2, 5, 7)}
PENALTIES = {"kernel_regularizer": "l2", "bias_constraint": "max_norm"}
CASES: list[Case] = [
    ("attention", lambda: L.Attention(), ([Q, V],), {}),
    ("attention-key", lambda: L.Attention(use_scale=True), ([Q, f32(2, 7, 3), K],), {}),
    ("attention-concat", lambda: L.Attention(use_scale=True, score_mode="concat"), ([Q, V],), {}),
    ("attention-concat-plain", lambda: L.Attention(score_mode="concat", dropout=0.3, seed=1), ([Q, V, K],), {}),
    ("attention-scores", lambda: L.Attention(), ([Q, V],), SCORES),
    ("attention-causal", lambda: L.Attention(), ([Q, V, K],), {**CAUSAL, **SCORES}),
    ("attention-masks", lambda: L.Attention(), ([Q, V],), {"mask": [booleans(2, 5), booleans(2, 7)]}),
    ("attention-masks-causal", lambda: L.Attention(), ([Q, V],), {"mask": [booleans(2, 5), booleans(2, 7)], **CAUSAL}),
    ("attention-many-axes", lambda: L.Attention(), ([f32(2, 3, 5, 6), f32(2, 3, 7, 6)],), {}),
    ("additive", lambda: L.AdditiveAttention(), ([Q, V],), {}),
    ("additive-plain", lambda: L.AdditiveAttention(use_scale=False), ([Q, V, K],), {**CAUSAL, **SCORES}),
    ("additive-masks", lambda: L.AdditiveAttention(), ([Q, V],), {"mask": [booleans(2, 5), booleans(2, 7)]}),
    ("heads", lambda: L.MultiHeadAttention(3, 4, **BIAS), (Q, V), {}),
    ("heads-key", lambda: L.MultiHeadAttention(3, 4, value_dim=5), (Q, f32(2, 7, 3), f32(2, 7, 8)), {}),
    ("heads-plain", lambda: L.MultiHeadAttention(2, 4, use_bias=False, output_shape=9), (Q, V), {}),
    ("heads-output", lambda: L.MultiHeadAttention(2, 4, output_shape=(3, 2), **BIAS), (Q, V), {}),
    ("heads-scores", lambda: L.MultiHeadAttention(2, 4), (Q, Q), SCORES),
    ("heads-dropout", lambda: L.MultiHeadAttention(2, 4, dropout=0.2, seed=1), (Q, V), {}),
    ("heads-causal", lambda: L.MultiHeadAttention(2, 4), (Q, Q), CAUSAL),
    ("heads-causal-longer", lambda: L.MultiHeadAttention(2, 4), (Q, V), CAUSAL),
    ("heads-causal-scores", lambda: L.MultiHeadAttention(2, 4), (Q, Q), {**CAUSAL, **SCORES}),
    ("heads-mask", lambda: L.MultiHeadAttention(2, 4), (Q, V), MASK),
    ("heads-mask-causal", lambda: L.MultiHeadAttention(2, 4, dropout=0.1), (Q, V), {**MASK, **CAUSAL}),
    ("heads-mask-flat", lambda: L.MultiHeadAttention(2, 4), (Q, V), {"attention_mask": booleans(5, 7)}),
    ("heads-mask-heads", lambda: L.MultiHeadAttention(2, 4), (Q, V), {"attention_mask": booleans(2, 2, 5, 7)}),
    ("heads-mask-numbers", lambda: L.MultiHeadAttention(2, 4), (Q, V), {"attention_mask": booleans(2, 5, 7).astype("int32")}),
    ("heads-mask-nothing", lambda: L.MultiHeadAttention(2, 4), (Q, V), {"attention_mask": booleans(2, 5, 7) & False}),
    ("heads-mask-nothing-scores", lambda: L.MultiHeadAttention(2, 4, dropout=0.1), (Q, V), {"attention_mask": booleans(2, 5, 7) & False}),
    ("heads-value-mask", lambda: L.MultiHeadAttention(2, 4), (Q, V), {"value_mask": booleans(2, 7), "key_mask": booleans(2, 7)}),
    ("heads-window", lambda: L.MultiHeadAttention(2, 4, sliding_window=2), (Q, V), {}),
    ("heads-window-causal", lambda: L.MultiHeadAttention(2, 4, sliding_window=3), (Q, Q), {**CAUSAL, **SCORES}),
    ("heads-gate", lambda: L.MultiHeadAttention(2, 4, value_dim=3, use_gate=True, **BIAS), (Q, V), {}),
    ("heads-penalties", lambda: L.MultiHeadAttention(2, 4, **PENALTIES), (Q, V), {}),
    ("heads-image", lambda: L.MultiHeadAttention(2, 3, **BIAS), (f32(2, 3, 4, 5), f32(2, 2, 3, 5)), {}),
    ("heads-image-axis", lambda: L.MultiHeadAttention(2, 3, attention_axes=2), (f32(2, 3, 4, 5), f32(2, 3, 6, 5)), {}),
    ("heads-image-axes", lambda: L.MultiHeadAttention(2, 3, attention_axes=[1, -2]), (f32(2, 3, 4, 5), f32(2, 2, 6, 5)), {}),
    ("heads-image-mask", lambda: L.MultiHeadAttention(2, 3, attention_axes=2), (f32(2, 3, 4, 5), f32(2, 3, 6, 5)), {"attention_mask": booleans(2, 3, 4, 6)}),
    ("heads-image-dropout", lambda: L.MultiHeadAttention(2, 3, dropout=0.1), (f32(2, 3, 4, 5), f32(2, 2, 6, 5)), {}),
    ("grouped", lambda: L.GroupQueryAttention(4, 4, 2, **BIAS), (Q, V), {}),
    ("grouped-key", lambda: L.GroupQueryAttention(4, 6, 2), (Q, V, K), {}),
    ("grouped-one", lambda: L.GroupQueryAttention(4, 3, 1, use_bias=False), (Q, V), {}),
    ("grouped-all", lambda: L.GroupQueryAttention(4, 3, 3), (Q, V), {}),
    ("grouped-causal", lambda: L.GroupQueryAttention(4, 4, 2), (Q, Q), CAUSAL),
    ("grouped-mask", lambda: L.GroupQueryAttention(4, 4, 2), (Q, V), {**MASK, "query_mask": booleans(2, 5)}),
    ("grouped-dropout", lambda: L.GroupQueryAttention(4, 4, 2, dropout=0.2), (Q, V), {**MASK, **CAUSAL}),
    ("grouped-scores", lambda: L.GroupQueryAttention(4, 4, 2), (Q, V), SCORES),
    ("grouped-gate", lambda: L.GroupQueryAttention(4, 4, 2, use_gate=True, sliding_window=2, **PENALTIES), (Q, V), {}),
]  # fmt: skip


@pytest.fixture(autouse=True)
def _right_gradients() -> Any:
    """Torch's fused kernels take each weight of a query that sees nothing for 1 in backward: Keras gets its
    gradients, and ours are compared, without them."""
    with sdpa_kernel(SDPBackend.MATH):
        yield


test_equals_keras, _, test_configuration_equals_keras = suite(CASES)


@pytest.mark.parametrize(
    ("make", "inputs", "kwargs"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_symbolic_shapes_equal_keras(make: Any, inputs: Any, kwargs: Any) -> None:
    plain = {key: value for key, value in kwargs.items() if isinstance(value, bool)}
    for unknown in ((), (0,), (0, 1)):
        real = make()
        found = symbolic(tkeras, ours_of(real), inputs, unknown, plain)
        assert found == symbolic(keras, real, inputs, unknown, plain)


MASKED: list[Any] = [
    (lambda: L.Attention(), ([Q, V],), ([booleans(2, 5), booleans(2, 7)],)),
    (lambda: L.Attention(use_scale=True), ([Q, V],), ([booleans(2, 5), None],)),
    (lambda: L.AdditiveAttention(), ([Q, V],), ([None, booleans(2, 7)],)),
    (lambda: L.MultiHeadAttention(2, 4), (Q, V), (booleans(2, 5), booleans(2, 7))),
    (lambda: L.MultiHeadAttention(2, 4), (Q, V), (None, booleans(2, 7))),
    (lambda: L.MultiHeadAttention(2, 4, dropout=0.1), (Q, V, K), (booleans(2, 5), None, booleans(2, 7))),
    (lambda: L.GroupQueryAttention(4, 4, 2), (Q, V), (booleans(2, 5), booleans(2, 7))),
    (lambda: L.GroupQueryAttention(4, 4, 2), (Q, V), (None, booleans(2, 7))),
]


@pytest.mark.parametrize(("make", "inputs", "masks"), MASKED)
@pytest.mark.parametrize("causal", [False, True])
def test_masks_of_the_inputs_act_and_pass_as_in_keras(
    make: Any, inputs: Any, masks: Any, causal: bool
) -> None:
    check_masks(make, inputs, masks, {"use_causal_mask": causal})


def test_initial_weights_of_a_seed_equal_keras() -> None:
    facts = {"num_heads": 2, "key_dim": 4}
    real = L.MultiHeadAttention(**facts, kernel_initializer=keras.initializers.HeNormal(seed=3))
    ours = tkeras.layers.MultiHeadAttention(**facts, kernel_initializer=tkeras.initializers.HeNormal(seed=3))
    for layer in (ours, real):
        layer.build((2, 5, 6), (2, 7, 6))
    for a, b in zip(ours.get_weights(), real.get_weights(), strict=True):
        torch.testing.assert_close(torch.from_numpy(a), torch.from_numpy(b))
