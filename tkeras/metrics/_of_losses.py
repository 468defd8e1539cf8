"""Means over all samples of loss functions."""

from __future__ import annotations

from typing import Any, ClassVar

from tkeras import losses
from tkeras.losses._loss import give_default_name
from tkeras.metrics._metric import METRICS, Function
from tkeras.metrics._reduction import MeanMetricWrapper
from tkeras.saving import public

for _function in (
    losses.binary_crossentropy,
    losses.binary_focal_crossentropy,
    losses.categorical_crossentropy,
    losses.categorical_focal_crossentropy,
    losses.categorical_hinge,
    losses.hinge,
    losses.huber,
    losses.kl_divergence,
    losses.log_cosh,
    losses.mean_absolute_error,
    losses.mean_absolute_percentage_error,
    losses.mean_squared_error,
    losses.mean_squared_logarithmic_error,
    losses.poisson,
    losses.sparse_categorical_crossentropy,
    losses.squared_hinge,
):
    public(f"keras.metrics.{_function.__name__}")(_function)


class _LossMetric(MeanMetricWrapper):
    """The metric of a loss function without parameters."""

    _direction = "down"
    function: ClassVar[Function]
    default_name: ClassVar[str | None] = None

    def __init__(self, name: str | None = None, dtype: Any = None):
        super().__init__(type(self).function, name, dtype)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        give_default_name(cls, _LossMetric.__init__)


@METRICS.export("mse", "MSE")
class MeanSquaredError(_LossMetric):
    """Mean of :func:`tkeras.losses.mean_squared_error`."""

    function = losses.mean_squared_error


@METRICS.export("mae", "MAE")
class MeanAbsoluteError(_LossMetric):
    """Mean of :func:`tkeras.losses.mean_absolute_error`."""

    function = losses.mean_absolute_error


@METRICS.export("mape", "MAPE")
class MeanAbsolutePercentageError(_LossMetric):
    """Mean of :func:`tkeras.losses.mean_absolute_percentage_error`."""

    function = losses.mean_absolute_percentage_error


@METRICS.export("msle", "MSLE")
class MeanSquaredLogarithmicError(_LossMetric):
    """Mean of :func:`tkeras.losses.mean_squared_logarithmic_error`."""

    function = losses.mean_squared_logarithmic_error


@METRICS.export("logcosh")
class LogCoshError(_LossMetric):
    """Mean of :func:`tkeras.losses.log_cosh`."""

    function = losses.log_cosh
    default_name = "logcosh"


@METRICS.export()
class Hinge(_LossMetric):
    """Mean of :func:`tkeras.losses.hinge`."""

    function = losses.hinge


@METRICS.export()
class SquaredHinge(_LossMetric):
    """Mean of :func:`tkeras.losses.squared_hinge`."""

    function = losses.squared_hinge


@METRICS.export()
class CategoricalHinge(_LossMetric):
    """Mean of :func:`tkeras.losses.categorical_hinge`."""

    function = losses.categorical_hinge


@METRICS.export("kld", "KLD", "kullback_leibler_divergence")
class KLDivergence(_LossMetric):
    """Mean of :func:`tkeras.losses.kl_divergence`."""

    function = losses.kl_divergence


@METRICS.export()
class Poisson(_LossMetric):
    """Mean of :func:`tkeras.losses.poisson`."""

    function = losses.poisson


@METRICS.export("bce", "BCE")
class BinaryCrossentropy(MeanMetricWrapper):
    """Mean of :func:`tkeras.losses.binary_crossentropy`."""

    _direction = "down"

    def __init__(
        self,
        name: str | None = "binary_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        label_smoothing: float = 0,
    ):
        arguments = {"from_logits": from_logits, "label_smoothing": label_smoothing}
        super().__init__(losses.binary_crossentropy, name, dtype, **arguments)


@METRICS.export()
class CategoricalCrossentropy(MeanMetricWrapper):
    """Mean of :func:`tkeras.losses.categorical_crossentropy`."""

    _direction = "down"

    def __init__(
        self,
        name: str | None = "categorical_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        label_smoothing: float = 0,
        axis: int = -1,
    ):
        arguments = {"from_logits": from_logits, "label_smoothing": label_smoothing, "axis": axis}
        super().__init__(losses.categorical_crossentropy, name, dtype, **arguments)


@METRICS.export()
class SparseCategoricalCrossentropy(MeanMetricWrapper):
    """Mean of :func:`tkeras.losses.sparse_categorical_crossentropy`."""

    _direction = "down"

    def __init__(
        self,
        name: str | None = "sparse_categorical_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        ignore_class: int | None = None,
        axis: int = -1,
    ):
        arguments = {"from_logits": from_logits, "ignore_class": ignore_class, "axis": axis}
        super().__init__(losses.sparse_categorical_crossentropy, name, dtype, **arguments)
