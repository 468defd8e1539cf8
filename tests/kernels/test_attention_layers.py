"""Attention layers and ops on the attention kernels, run by the interpreter, beside torch."""

import pytest
import torch

from tkeras import layers, ops
from tkeras_kernels import runtime

pytestmark = pytest.mark.skipif(torch.cuda.is_available(), reason="tests/gpu runs these compiled")


def reasons():
    """What ran attention since the last reset."""
    return {
        (record.implementation, record.reason)
        for record in runtime.report()
        if record.operator == "attention"
    }


def both(layer, *inputs, **options):
    """Outputs and gradients of the inputs on the kernels and on torch; checks that the kernels ran."""
    found = []
    for backend in ("torch", "interpret"):
        tensors = [x.clone().requires_grad_() for x in inputs]
        with runtime.backend_scope(backend):
            runtime.reset_report()
            y = (
                layer(tensors, **options)
                if isinstance(layer, layers.Attention)
                else layer(*tensors, **options)
            )
            assert {implementation for implementation, _ in reasons()} == {backend}
            found.append((y, *torch.autograd.grad(y.square().sum(), tensors)))
    for a, b in zip(*found, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


Q, V = torch.Size((2, 5, 6)), torch.Size((2, 7, 6))
MASK = torch.rand(2, 5, 7, generator=torch.Generator().manual_seed(0)) > 0.5
MASK[0, 2] = False
LAYERS = {
    "heads": (lambda: layers.MultiHeadAttention(3, 4, value_dim=5), Q, V, {}),
    "heads-mask-causal": (
        lambda: layers.MultiHeadAttention(2, 4, sliding_window=3),
        Q,
        V,
        {"attention_mask": MASK, "use_causal_mask": True},
    ),
    "heads-zeros": (lambda: layers.MultiHeadAttention(2, 4, dropout=0.3), Q, V, {"attention_mask": MASK}),
    "heads-image": (
        lambda: layers.MultiHeadAttention(2, 3, attention_axes=2),
        (2, 3, 4, 5),
        (2, 3, 6, 5),
        {"attention_mask": torch.ones(2, 3, 4, 6).tril().bool()},
    ),
    "grouped": (lambda: layers.GroupQueryAttention(4, 4, 2, use_gate=True), Q, V, {"use_causal_mask": True}),
    "attention": (lambda: layers.Attention(use_scale=True), Q, V, {"use_causal_mask": True}),
    "attention-masks": (
        lambda: layers.Attention(),
        Q,
        V,
        {"mask": [torch.ones(2, 5).bool(), MASK[:, 2]]},
    ),
    "attention-axes": (lambda: layers.Attention(), (2, 3, 4, 5), (2, 3, 6, 5), {}),
}


@pytest.mark.parametrize(("make", "query", "value", "options"), LAYERS.values(), ids=LAYERS)
def test_layers(make, query, value, options):
    both(make(), torch.randn(query), torch.randn(value), **options)


def test_op():
    query, key = torch.randn(2, 5, 4, 3), torch.randn(2, 7, 2, 3)
    for options in (
        {"mask": MASK[:, None]},
        {"bias": torch.randn(4, 5, 7), "is_causal": True},
        {"scale": 0.3},
    ):
        both(lambda q, k, facts=options: ops.dot_product_attention(q, k, k, **facts), query, key)


def test_dropout_runs_inside_the_kernel():
    x = torch.randn(2, 40, 8)
    for layer in (layers.MultiHeadAttention(2, 4, dropout=0.5), layers.Attention(dropout=0.5)):
        arguments = ([x, x],) if isinstance(layer, layers.Attention) else (x, x)
        with runtime.backend_scope("interpret"):
            runtime.reset_report()
            still = layer(*arguments)
            assert torch.equal(still, layer(*arguments))
            first, second = (layer(*arguments, training=True) for _ in range(2))
            assert len(reasons()) == 1
        assert not torch.equal(first, second)
        assert not torch.equal(first, still)


def test_scores_are_asked_for():
    x = torch.randn(2, 5, 6)
    with runtime.backend_scope("interpret"):
        runtime.reset_report()
        layers.MultiHeadAttention(2, 4)(x, x, return_attention_scores=True)
        layers.Attention()([x, x], return_attention_scores=True)
        assert not reasons()
