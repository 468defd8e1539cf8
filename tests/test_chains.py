"""No layer, loss, penalty or projection is a chain of unfused calls where kernels run, and numbers are torch's.

Every layer in its usual form is looked at in tests/differential/test_chains.py.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch

from tests.chains import chains_of
from tkeras import activations, constraints, losses, regularizers
from tkeras import layers as L

pytestmark = [
    pytest.mark.skipif(torch.cuda.is_available(), reason="this process compiles kernels"),
    pytest.mark.filterwarnings("ignore:.*rms_scaling"),
]
TARGETS, SCORES = torch.rand(6, 5), torch.rand(6, 5) * 0.9 + 0.05
ONE_HOT, BINARY, CLASSES = torch.eye(5)[[0, 3, 1, 4, 2, 2]], (TARGETS > 0.5).float(), torch.arange(6) % 5
WEIGHTS = torch.rand(6)
LOSSES: list[tuple[str, dict[str, Any], torch.Tensor]] = [
    *((name, {}, TARGETS) for name in (
        "MeanSquaredError", "MeanAbsoluteError", "MeanAbsolutePercentageError", "MeanSquaredLogarithmicError",
        "LogCosh", "Poisson", "CosineSimilarity", "Huber", "Hinge", "SquaredHinge", "KLDivergence", "Dice",
        "Tversky",
    )),
    ("CosineSimilarity", {"axis": 0}, TARGETS), ("Huber", {"delta": 0.2}, TARGETS),
    ("Hinge", {}, BINARY), ("SquaredHinge", {}, BINARY), ("CategoricalHinge", {}, ONE_HOT),
    ("Tversky", {"alpha": 0.2, "beta": 0.7, "axis": 1}, TARGETS), ("Dice", {"axis": [1]}, BINARY),
    *(("BinaryCrossentropy", {"from_logits": logits, "label_smoothing": share}, BINARY)
      for logits in (True, False) for share in (0.0, 0.1)),
    *(("BinaryFocalCrossentropy", {"from_logits": logits, "apply_class_balancing": logits}, BINARY)
      for logits in (True, False)),
    *(("CategoricalCrossentropy", {"from_logits": logits, "label_smoothing": 0.1}, ONE_HOT) for logits in (True, False)),
    *(("CategoricalFocalCrossentropy", {"from_logits": logits}, ONE_HOT) for logits in (True, False)),
    *(("SparseCategoricalCrossentropy", {"from_logits": logits}, CLASSES) for logits in (True, False)),
    ("CategoricalGeneralizedCrossEntropy", {}, CLASSES),
]  # fmt: skip


def check(function: Any, tensors: Any, weights: Any = tuple, accepted: Any = ()) -> None:
    """No links but those accepted, nothing on torch, and the numbers of torch."""
    found = chains_of(function, tensors, weights)
    assert [link for link in found.links if link.names not in accepted] == []
    assert found.reasons == set()
    for ours, theirs in zip(found.ours, found.theirs, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize(("name", "options", "targets"), LOSSES)
def test_losses(name: str, options: dict[str, Any], targets: torch.Tensor) -> None:
    reductions = ("sum_over_batch_size", "sum", "none") if name == "MeanSquaredError" else ("mean",)
    for reduction in reductions:
        loss = getattr(losses, name)(**options, reduction=reduction)
        check(lambda scores, loss=loss: loss(targets, scores), [SCORES])
    if name not in ("Dice", "Tversky") and options.get("axis") != 0:
        loss = getattr(losses, name)(**options)
        check(lambda scores: loss(targets, scores, sample_weight=WEIGHTS), [SCORES])


@pytest.mark.parametrize("name", ["L1", "L2", "L1L2", "OrthogonalRegularizer"])
def test_penalties(name: str) -> None:
    options = {"l1": 0.1, "l2": 0.2} if name == "L1L2" else {}
    check(getattr(regularizers, name)(**options), [torch.randn(5, 7)])


@pytest.mark.parametrize(
    ("name", "options"),
    [("MaxNorm", {"max_value": 1.0, "axis": [0, 1]}), ("UnitNorm", {"axis": 1}), ("MinMaxNorm", {"rate": 0.7, "max_value": 0.8}), ("NonNeg", {})],
)  # fmt: skip
def test_projections(name: str, options: dict[str, Any]) -> None:
    """Weights are not differentiated through them."""
    constraint = getattr(constraints, name)(**options)
    with torch.no_grad():
        check(lambda w: constraint(w).detach(), [torch.randn(5, 7, 3)])


def f(*shape: int) -> torch.Tensor:
    return torch.randn(shape)


MASK = torch.tensor([[True, False, True, True], [True, True, False, False]])
SUMS = ("add>add", "mul>add", "add>where")
"""What torch's autograd adds up of gradients that reach one tensor from several places."""
LAYERS: dict[str, tuple[Any, Any, dict[str, Any], Any]] = {
    "softmax-mask": (L.Softmax, [f(2, 4)], {"mask": MASK}, ()),
    **{f"{kind.__name__}-three": (kind, [[f(2, 4), f(2, 4), f(2, 1)]], {}, ()) for kind in (L.Add, L.Multiply, L.Average, L.Maximum, L.Minimum)},
    "dot-cosine": (lambda: L.Dot(1, normalize=True), [[f(2, 4), f(2, 4)]], {}, ()),
    "attention-mask": (lambda: L.Attention(use_scale=True), [[f(2, 4, 3), f(2, 4, 3)]], {"mask": [MASK, MASK]}, ()),
    "attention-scores": (L.Attention, [[f(2, 4, 3), f(2, 4, 3)]], {"mask": [MASK, MASK], "return_attention_scores": True, "use_causal_mask": True}, ()),
    "attention-concat": (lambda: L.Attention(score_mode="concat", use_scale=True), [[f(2, 4, 3), f(2, 4, 3)]], {}, ()),
    "additive-mask": (lambda: L.AdditiveAttention(use_scale=False), [[f(2, 4, 3), f(2, 4, 3)]], {"mask": [MASK, MASK]}, ()),
    "heads-scores": (lambda: L.MultiHeadAttention(2, 3), [f(2, 4, 3), f(2, 4, 3)], {"return_attention_scores": True, "attention_mask": MASK[:, None].expand(2, 4, 4)}, SUMS),
    "average-mask": (L.GlobalAveragePooling1D, [f(2, 4, 3)], {"mask": MASK}, ()),
    "batch-mask": (L.BatchNormalization, [f(2, 4, 3)], {"mask": MASK, "training": True}, ()),
    "batch-renorm": (lambda: L.BatchNormalization(renorm=True), [f(2, 4, 3)], {"training": True}, ()),
    "layer-deviation": (lambda: L.LayerNormalization(rms_scaling=True), [f(2, 4, 3)], {}, ()),
    "group-wide": (lambda: L.GroupNormalization(1), [f(2, 5000)], {}, ()),
    "relu-parameters": (lambda: L.ReLU(6.0, 0.1, 0.2), [f(2, 4)], {}, ()),
    "upsample-bilinear": (lambda: L.UpSampling2D(2, interpolation="bilinear"), [f(2, 4, 4, 3)], {}, ()),
    "rescaling-list": (lambda: L.Rescaling([1.0, 2.0, 3.0], [0.0, 1.0, 2.0]), [f(2, 4, 3)], {}, ()),
    "normalization-invert": (lambda: L.Normalization(mean=1.0, variance=0.3, invert=True), [f(2, 4)], {}, ()),
    "spectral": (lambda: L.SpectralNormalization(L.Conv2D(4, 3)), [f(2, 4, 4, 3)], {}, ()),
    "lstm-mask": (lambda: L.LSTM(4, return_sequences=True), [f(2, 4, 3)], {"mask": MASK}, ()),
    **{f"bidirectional-{mode}": (lambda mode=mode: L.Bidirectional(L.LSTM(2, return_sequences=True), merge_mode=mode), [f(2, 2, 3)], {}, ()) for mode in ("ave", "sum")},
    "separable": (lambda: L.SeparableConv2D(4, 3, activation="gelu"), [f(2, 5, 5, 3)], {}, ()),
    "prelu-shared": (lambda: L.PReLU(shared_axes=[1]), [f(2, 4, 3)], {}, ()),
    "reverse-embedding": (lambda: L.ReversibleEmbedding(7, 4), [f(2, 5, 4)], {"reverse": True}, ()),
    "penalized": (lambda: L.Dense(4, activation="gelu", kernel_regularizer="l1_l2", activity_regularizer="l2"), [f(2, 4)], {}, SUMS),
    **{name: (lambda name=name: L.Activation(name), [f(2, 4)], {}, ()) for name in ("softsign", "sparse_plus", "squareplus", "tanh_shrink", "sparse_sigmoid", "hard_silu", "log_softmax")},
}  # fmt: skip


@pytest.mark.parametrize("name", LAYERS)
def test_other_forms_of_layers(name: str) -> None:
    make, inputs, options, accepted = LAYERS[name]
    layer = make()

    def run(*tensors: torch.Tensor) -> Any:
        left = iter(tensors)
        given = [[next(left) for _ in x] if isinstance(x, list) else next(left) for x in inputs]
        return [layer(*given, **options), *layer.losses]

    tensors = [t for x in inputs for t in (x if isinstance(x, list) else [x])]
    if "renorm" in name:  # each call moves the statistics that it is corrected towards
        links = chains_of(run, tensors, lambda: layer.trainable_weights).links
        assert {link.shape for link in links} == {(3,)}, "statistics of channels alone"
        return
    check(run, tensors, lambda: layer.trainable_weights, accepted)


def test_chains_are_found() -> None:
    """By what finds none elsewhere."""
    links = chains_of(lambda x: activations.relu(x) * 2 + 1, [f(3, 4)]).links
    assert [link.names for link in links if link.phase == "forward"] == ["relu>mul", "mul>add"]
    found = chains_of(L.UnitNormalization(dtype="float64"), [f(3, 4).double()])
    assert found.links
    assert found.reasons == {"unit_norm: no fused kernel for float64"}
