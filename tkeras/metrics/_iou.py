"""Intersection over union, from a matrix of counts."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import torch

from tkeras.config import epsilon
from tkeras.losses._arguments import to_tensor
from tkeras.metrics._metric import METRICS, Metric

Tensor = torch.Tensor


@METRICS.export()
class IoU(Metric):
    """Mean over classes of ``true positives / (targets + predictions - true positives)``.

    Args:
        num_classes: number of classes.
        target_class_ids: the classes that count.
        name, dtype: see :class:`Metric`; the state is of type int32 by default.
        ignore_class: targets of this class are left out.
        sparse_y_true, sparse_y_pred: whether these are class numbers, rather than scores along ``axis``.
        axis: see above.
    """

    _direction = "up"

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ):
        super().__init__(name=name, dtype=dtype or "int32")
        if max(target_class_ids) >= num_classes:
            raise ValueError(
                f"Target class id {max(target_class_ids)} is out of range, which is [0, {num_classes})."
            )
        self.num_classes, self.target_class_ids = num_classes, list(target_class_ids)
        self.ignore_class, self.axis = ignore_class, axis
        self.sparse_y_true, self.sparse_y_pred = sparse_y_true, sparse_y_pred
        shape = (num_classes, num_classes)
        self.total_cm = self.add_variable(shape, dtype=self.dtype, name="total_confusion_matrix")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add a batch of targets, predictions and weights of one shape; classes out of range are left out."""
        y_true, y_pred = to_tensor(y_true), to_tensor(y_pred)
        y_true = (y_true if self.sparse_y_true else torch.argmax(y_true, self.axis)).reshape(-1).long()
        y_pred = (y_pred if self.sparse_y_pred else torch.argmax(y_pred, self.axis)).reshape(-1).long()
        classes = self.num_classes
        kept = (y_true >= 0) & (y_true < classes) & (y_pred >= 0) & (y_pred < classes)
        if self.ignore_class is not None:
            kept = kept & (y_true != self.ignore_class)
        places = torch.where(kept, y_true * classes + y_pred, 0)
        weight = self._weight(sample_weight, places) * kept
        counts = self.total_cm.new_zeros(classes * classes)
        counts = counts.scatter_add(0, places, weight.to(counts.dtype).expand(places.shape))
        self.total_cm.add_(counts.view(classes, classes))

    def _weight(self, sample_weight: Any, places: Tensor) -> Tensor:
        if sample_weight is None:
            return torch.ones((), dtype=self._torch_dtype, device=places.device)
        weight = to_tensor(sample_weight)
        if weight.is_floating_point() and not self._torch_dtype.is_floating_point:
            warnings.warn(
                "You are passing weight as `float`, but dtype is `int`. This may result in an incorrect "
                "weight due to type casting. Consider using integer weights.",
                stacklevel=3,
            )
        return torch.broadcast_to(weight.to(self._torch_dtype).reshape(-1), places.shape)

    def result(self) -> Tensor:
        counts = self.total_cm
        hits = torch.diagonal(counts)
        union = counts.sum(0) + counts.sum(1) - hits
        hits, union = hits[self.target_class_ids].float(), union[self.target_class_ids].float()
        present = union > 1e-9
        shares = torch.where(present, hits / (union + epsilon()), 0.0)
        return shares.sum() / (present.sum() + epsilon())

    config_keys: tuple[str, ...] = (
        "num_classes",
        "target_class_ids",
        "ignore_class",
        "sparse_y_true",
        "sparse_y_pred",
        "axis",
    )

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **{key: getattr(self, key) for key in self.config_keys}}


@METRICS.export()
class BinaryIoU(IoU):
    """IoU of the classes 0 and 1, of predictions that are 1 from ``threshold`` on."""

    config_keys = ("target_class_ids", "threshold")

    def __init__(
        self,
        target_class_ids: Sequence[int] = (0, 1),
        threshold: float = 0.5,
        name: str | None = None,
        dtype: Any = None,
    ):
        super().__init__(2, target_class_ids, name, dtype)
        self.threshold = threshold

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add a batch of targets, probabilities and weights of one shape."""
        super().update_state(y_true, to_tensor(y_pred) >= self.threshold, sample_weight)


@METRICS.export()
class MeanIoU(IoU):
    """IoU of all classes."""

    config_keys = ("num_classes", "ignore_class", "sparse_y_true", "sparse_y_pred", "axis")

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ):
        classes = range(num_classes)
        super().__init__(num_classes, classes, name, dtype, ignore_class, sparse_y_true, sparse_y_pred, axis)


@METRICS.export("OneHotIOU")
class OneHotIoU(IoU):
    """IoU of one-hot targets."""

    config_keys = ("num_classes", "target_class_ids", "ignore_class", "sparse_y_pred", "axis")

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ):
        super().__init__(num_classes, target_class_ids, name, dtype, ignore_class, False, sparse_y_pred, axis)


@METRICS.export("OneHotMeanIOU")
class OneHotMeanIoU(MeanIoU):
    """IoU of all classes of one-hot targets."""

    config_keys = ("num_classes", "ignore_class", "sparse_y_pred", "axis")

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ):
        super().__init__(num_classes, name, dtype, ignore_class, False, sparse_y_pred, axis)
