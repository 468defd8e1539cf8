"""Cross-entropy from logits: one loss a row (softmax) or an element (sigmoid), not reduced."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F

from ._operator import Case, Cost, Operator, register
from ._work import Shapes, work


class _CrossEntropy(Operator):
    flops_a_logit: int

    def cost(self, shapes: Shapes, itemsize: int, **attributes: Any) -> Cost:
        logits = shapes[1]
        assert logits is not None
        return work(self, shapes, itemsize, self.flops_a_logit * torch.Size(logits).numel(), **attributes)


class SparseSoftmaxCrossEntropy(_CrossEntropy):
    """``logsumexp(logits) - logits[label]``."""

    name = "sparse_softmax_cross_entropy"
    saves = "logits, labels and logsumexp"
    flops_a_logit = 4
    cases = (
        Case("classes", ((256,), (256, 10))),
        Case("imagenet", ((256,), (256, 1000))),
        Case("vocabulary", ((4, 512), (4, 512, 50_000))),
    )

    def reference(self, labels: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
        """Labels (*,) of any numeric dtype and logits (*, classes) to losses (*,); label -100 costs zero."""
        flat = F.cross_entropy(
            logits.reshape(-1, logits.shape[-1]), labels.reshape(-1).long(), reduction="none"
        )
        return flat.view(labels.shape)


class SoftmaxCrossEntropy(_CrossEntropy):
    """``-sum(labels * log_softmax(logits))``."""

    name = "softmax_cross_entropy"
    saves = "logits, labels and logsumexp"
    flops_a_logit = 6
    cases = (
        Case("classes", ((256, 10), (256, 10))),
        Case("imagenet", ((256, 1000), (256, 1000))),
    )

    def reference(self, labels: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
        """Labels, one-hot or smoothed, and logits (*, classes) to losses (*,)."""
        return -(labels * torch.log_softmax(logits, -1)).sum(-1)


class SigmoidCrossEntropy(_CrossEntropy):
    """``max(x, 0) - x * label + log1p(exp(-|x|))``."""

    name = "sigmoid_cross_entropy"
    saves = "logits and labels"
    flops_a_logit = 8
    cases = (
        Case("binary", ((256, 1), (256, 1))),
        Case("multi_label", ((256, 1000), (256, 1000))),
        Case("pixels", ((64, 784), (64, 784))),
    )

    def reference(self, labels: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
        """Labels and logits of one shape to losses of that shape."""
        return F.binary_cross_entropy_with_logits(logits, labels.to(logits.dtype), reduction="none")


sparse_softmax_cross_entropy = register(SparseSoftmaxCrossEntropy())
softmax_cross_entropy = register(SoftmaxCrossEntropy())
sigmoid_cross_entropy = register(SigmoidCrossEntropy())
