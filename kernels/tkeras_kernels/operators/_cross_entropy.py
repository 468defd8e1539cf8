"""Cross-entropy from logits: one loss a row (softmax) or an element (sigmoid), not reduced."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F

from .. import losses
from ..pointwise import pointwise
from ._cross_entropy_launch import cross_entropy, cross_entropy_backward
from ._fit import unfit
from ._operator import Case, Cost, Operator, Tensors, register
from ._pointwise_launch import pointwise_launch
from ._work import Shapes, work

_SIGMOID = pointwise(losses.sigmoid_cross_entropy, arity=2)


class _CrossEntropy(Operator):
    flops_a_logit: int

    def unsupported(self, tensors: Tensors, attributes: Mapping[str, Any]) -> str | None:
        labels, logits = tensors
        assert labels is not None
        assert logits is not None
        if labels.shape != self.labels_shape(logits):
            return "shapes do not fit"
        if labels.is_complex() or labels.dtype == torch.float64:
            return f"no fused kernel for labels of {str(labels.dtype).removeprefix('torch.')}"
        if labels.device != logits.device:
            return "tensors on several devices"
        return unfit((logits, labels if labels.is_floating_point() else None))

    def labels_shape(self, logits: torch.Tensor) -> torch.Size:
        """The shape that labels must have."""
        return logits.shape

    def checked(self, labels: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
        """Labels that kernels can read.

        Raises:
            ValueError: their shape does not fit.
        """
        expected = self.labels_shape(logits)
        if labels.shape != expected:
            raise ValueError(
                f"{self.name}: expected labels of shape {tuple(expected)} for logits of shape "
                f"{tuple(logits.shape)}. Received: labels of shape {tuple(labels.shape)}"
            )
        return labels.view(torch.uint8) if labels.dtype == torch.bool else labels

    def cost(self, shapes: Shapes, itemsize: int, **attributes: Any) -> Cost:
        logits = shapes[1]
        assert logits is not None
        return work(self, shapes, itemsize, self.flops_a_logit * torch.Size(logits).numel(), **attributes)


class _SoftmaxCrossEntropy(_CrossEntropy):
    def unsupported(self, tensors: Tensors, attributes: Mapping[str, Any]) -> str | None:
        logits = tensors[1]
        assert logits is not None
        if not logits.dim() or not logits.shape[-1]:
            return "no classes"
        return super().unsupported(tensors, attributes)

    def loss_dtype(self, labels: torch.Tensor, logits: torch.Tensor) -> torch.dtype:
        """The dtype that the reference gives."""
        return logits.dtype

    def infer(self, labels: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
        labels = self.checked(labels, logits)
        return cross_entropy(labels, logits, self.loss_dtype(labels, logits), keep=False)[0]

    def forward(self, labels: torch.Tensor, logits: torch.Tensor) -> tuple[torch.Tensor, Tensors]:
        labels = self.checked(labels, logits)
        loss, stats = cross_entropy(labels, logits, self.loss_dtype(labels, logits), keep=True)
        return loss, (labels, logits, stats)

    def backward(
        self, saved: Tensors, gradients: Tensors, needs: Sequence[bool]
    ) -> tuple[torch.Tensor | None, ...]:
        labels, logits, stats = saved
        (dy,) = gradients
        assert labels is not None
        assert logits is not None
        assert stats is not None
        assert dy is not None
        wants_labels = needs[0] and labels.is_floating_point() and labels.dim() == logits.dim()
        return cross_entropy_backward(labels, logits, stats, dy, (wants_labels, needs[1]))


class SparseSoftmaxCrossEntropy(_SoftmaxCrossEntropy):
    """``logsumexp(logits) - logits[label]``."""

    name = "sparse_softmax_cross_entropy"
    saves = "logits, labels and logsumexp (as maximum and logarithm of the sum)"
    flops_a_logit = 4
    cases = (
        Case("classes", ((256,), (256, 10)), dtypes={0: torch.int64}),
        Case("imagenet", ((256,), (256, 1000)), dtypes={0: torch.int64}),
        Case("vocabulary", ((4, 512), (4, 512, 50_000)), dtypes={0: torch.int64}),
    )

    def reference(self, labels: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
        """Labels (*,) of any numeric dtype and logits (*, classes) to losses (*,); label -100 costs zero.

        Other labels outside the classes are refused on a CPU and give NaN in the kernels.
        """
        flat = F.cross_entropy(
            logits.reshape(-1, logits.shape[-1]), labels.reshape(-1).long(), reduction="none"
        )
        return flat.view(labels.shape)

    def labels_shape(self, logits: torch.Tensor) -> torch.Size:
        return logits.shape[:-1]

    def checked(self, labels: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
        labels = super().checked(labels, logits)
        return labels.long() if labels.is_floating_point() else labels


class SoftmaxCrossEntropy(_SoftmaxCrossEntropy):
    """``-sum(labels * log_softmax(logits))``."""

    name = "softmax_cross_entropy"
    saves = "logits, labels, logsumexp (as maximum and logarithm of the sum) and the sum of the labels"
    flops_a_logit = 6
    cases = (
        Case("classes", ((256, 10), (256, 10))),
        Case("imagenet", ((256, 1000), (256, 1000))),
    )

    def reference(self, labels: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
        """Labels, one-hot or smoothed, and logits (*, classes) to losses (*,)."""
        return -(labels * torch.log_softmax(logits, -1)).sum(-1)

    def loss_dtype(self, labels: torch.Tensor, logits: torch.Tensor) -> torch.dtype:
        return torch.promote_types(labels.dtype, logits.dtype)


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

    def forward(self, labels: torch.Tensor, logits: torch.Tensor) -> tuple[torch.Tensor, Tensors]:
        labels = self.checked(labels, logits)
        (loss,) = pointwise_launch(_SIGMOID.forward_leaf, (labels, logits), [logits.dtype])
        return loss, (labels, logits)

    def backward(
        self, saved: Tensors, gradients: Tensors, needs: Sequence[bool]
    ) -> tuple[torch.Tensor | None, ...]:
        arguments: Any = (*saved, *gradients)
        wanted = tuple(
            need and tensor.is_floating_point() for need, tensor in zip(needs, arguments, strict=False)
        )
        dtypes = [tensor.dtype for tensor, want in zip(arguments, wanted, strict=False) if want]
        found = iter(pointwise_launch(_SIGMOID.gradient_leaf(wanted), arguments, dtypes) if dtypes else ())
        return tuple(next(found) if want else None for want in wanted)


sparse_softmax_cross_entropy = register(SparseSoftmaxCrossEntropy())
softmax_cross_entropy = register(SoftmaxCrossEntropy())
sigmoid_cross_entropy = register(SigmoidCrossEntropy())
