"""The base of losses: one value a sample, then the weighted reduction."""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable, Mapping
from typing import Any, Self

import torch

from tkeras.bridge import on_kernels, reduced
from tkeras.config import get_backend, standardize_dtype, torch_dtype
from tkeras.graph import auto_name
from tkeras.losses._arguments import same_rank, to_tensor
from tkeras.saving import Namespace, deserialize_keras_object, public, serialize_keras_object
from tkeras_kernels import losses as equations

LossFunction = Callable[..., torch.Tensor]
FusedMean = Callable[..., torch.Tensor | None]
LOSSES = Namespace("keras.losses", "loss")

_REDUCTIONS = ("sum_over_batch_size", "sum", None, "none", "mean", "mean_with_sample_weight")
_WHOLE = ("sum_over_batch_size", "sum", "mean")
_MEANS = ("sum_over_batch_size", "mean", "mean_with_sample_weight")
_fused: dict[LossFunction, FusedMean] = {}
_integer_labels: set[LossFunction] = set()


def fuses(function: LossFunction) -> Callable[[FusedMean], FusedMean]:
    """Decorator: on a CPU this gives the mean of ``function`` over the batch in few calls, or None."""

    def register(fused: FusedMean) -> FusedMean:
        _fused[function] = fused
        return fused

    return register


def integer_labels(function: LossFunction) -> LossFunction:
    """Decorator: the targets of this function are class numbers and stay integers."""
    _integer_labels.add(function)
    return function


def standardize_reduction(reduction: str | None) -> str | None:
    """``reduction``, if it is one.

    Raises:
        ValueError: it is not.
    """
    if reduction == "auto":
        return "sum_over_batch_size"
    if reduction not in _REDUCTIONS:
        raise ValueError(
            "Invalid value for argument `reduction`. "
            f"Expected one of {set(_REDUCTIONS)}. Received: reduction={reduction}"
        )
    return reduction


@public("keras.losses.Loss", "keras.Loss")
class Loss:
    """A loss: subclasses define ``call(y_true, y_pred)``, one value a sample.

    Args:
        name: default: made from the class.
        reduction: ``"sum_over_batch_size"`` or ``"mean"`` (sum / number of values),
            ``"mean_with_sample_weight"`` (sum / sum of weights), ``"sum"``, or ``"none"`` / None. Keras 2's
            ``"auto"`` is the first.
        dtype: type that targets and predictions are cast to; default: ``floatx()``.
    """

    def __init__(
        self, name: str | None = None, reduction: str | None = "sum_over_batch_size", dtype: Any = None
    ):
        self.name = name or auto_name(type(self).__name__)
        self.reduction = standardize_reduction(reduction)
        self._dtype = standardize_dtype(getattr(dtype, "compute_dtype", dtype))
        self._torch_dtype = torch_dtype(self._dtype)

    @property
    def dtype(self) -> str:
        """Name of the type that the loss computes in."""
        return self._dtype

    def call(self, y_true: Any, y_pred: Any) -> torch.Tensor:
        """One value a sample."""
        raise NotImplementedError(f"{type(self).__name__} must define `call(y_true, y_pred)`.")

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> torch.Tensor:
        """The loss, reduced.

        Args:
            y_true: targets; arrays, tensors, or nested lists and dicts of them.
            y_pred: predictions; a mask in ``y_pred._keras_mask`` leaves samples out.
            sample_weight: weights of the samples, any shape that broadcasts to the values.
        """
        mask = getattr(y_pred, "_keras_mask", None)
        values = self.call(self._cast_targets(y_true), _map(self._cast, y_pred))
        own_mask = getattr(values, "_keras_mask", None)
        if own_mask is not None:
            mask = own_mask if mask is None else mask & own_mask
        return reduce_weighted(values, sample_weight, mask, self.reduction, self._torch_dtype)

    def _cast(self, x: Any) -> Any:
        return to_tensor(x, self._torch_dtype)

    def _cast_targets(self, y_true: Any) -> Any:
        return _map(self._cast, y_true)

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {"name": self.name, "reduction": self.reduction}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """A loss from :meth:`get_config`."""
        return cls(**config)


@public("keras.losses.LossFunctionWrapper")
class LossFunctionWrapper(Loss):
    """A loss from a function ``(y_true, y_pred, **kwargs)`` that gives one value a sample."""

    def __init__(
        self,
        fn: LossFunction,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        dtype: Any = None,
        **kwargs: Any,
    ):
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.fn, self._fn_kwargs = fn, kwargs
        if not _takes_fn(type(self)):
            self.__dict__.update(kwargs)
        known = getattr(fn, "__hash__", None) is not None
        self._fused_mean = _fused.get(fn) if known and self.reduction in _MEANS else None
        self._keeps_targets = known and fn in _integer_labels

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> torch.Tensor:
        if (
            self._fused_mean is not None
            and sample_weight is None
            and type(y_pred) is torch.Tensor
            and type(y_true) is torch.Tensor
            and y_pred.dtype is self._torch_dtype
            and y_pred.is_cpu
            and y_pred.numel()
            and not hasattr(y_pred, "_keras_mask")
            and get_backend() != "interpret"
        ):
            loss = self._fused_mean(y_true, y_pred, **self._fn_kwargs)
            if loss is not None:
                return loss
        return super().__call__(y_true, y_pred, sample_weight)

    def call(self, y_true: Any, y_pred: Any) -> torch.Tensor:
        """The function, on targets and predictions of one rank."""
        if isinstance(y_pred, torch.Tensor) and isinstance(y_true, torch.Tensor):
            y_true, y_pred = same_rank(y_true, y_pred)
        return self.fn(y_true, y_pred, **self._fn_kwargs)

    def _cast_targets(self, y_true: Any) -> Any:
        return to_tensor(y_true) if self._keeps_targets else super()._cast_targets(y_true)

    def get_config(self) -> dict[str, Any]:
        config = {**super().get_config(), **serialize_keras_object(self._fn_kwargs)}
        return {**config, "fn": serialize_keras_object(self.fn)} if _takes_fn(type(self)) else config

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        return cls(**deserialize_keras_object(config)) if "fn" in config else cls(**config)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}({getattr(self.fn, '__name__', self.fn)}, kwargs={self._fn_kwargs})>"


class FunctionLoss(LossFunctionWrapper):
    """The class of a loss function that takes no parameters."""

    function: LossFunction
    default_name: str | None = None

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str | None = None, dtype: Any = None
    ):
        super().__init__(type(self).function, reduction, name, dtype)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        give_default_name(cls, FunctionLoss.__init__)


def give_default_name(cls: Any, init: Any) -> None:
    """Let the ``__init__`` of a class made from a function have the function's name as its default name."""
    if "function" not in cls.__dict__:
        return
    name = cls.default_name or cls.function.__name__
    parameters = [p for p in inspect.signature(init).parameters.values() if p.default is not p.empty]
    defaults = tuple(name if p.name == "name" else p.default for p in parameters)
    code, places, closure = init.__code__, init.__globals__, init.__closure__
    cls.__init__ = types.FunctionType(code, places, "__init__", defaults, closure)


def _takes_fn(cls: type) -> bool:
    """Whether objects of the class are made from a function: the wrapper itself and subclasses of a user."""
    return not cls.__module__.startswith("tkeras.losses.") or cls is LossFunctionWrapper


def _map(function: Callable[[Any], Any], structure: Any) -> Any:
    """Apply a function to the leaves of nested dicts, tuples, and lists that hold tensors or arrays."""
    if isinstance(structure, torch.Tensor):
        return function(structure)
    if isinstance(structure, Mapping):
        return {key: _map(function, value) for key, value in structure.items()}
    if (
        isinstance(structure, (list, tuple))
        and structure
        and not isinstance(structure[0], (int, float, list))
    ):
        return type(structure)(_map(function, value) for value in structure)
    return function(structure)


def reduce_weighted(
    values: torch.Tensor, sample_weight: Any, mask: Any, reduction: str | None, dtype: torch.dtype | None
) -> torch.Tensor:
    """Values times weights, without what the mask leaves out, reduced; values (), (batch,) or (batch, …).

    Means divide by the number of values that the mask keeps.
    """
    values = to_tensor(values, dtype)
    weight = None if sample_weight is None else to_tensor(sample_weight, values.dtype, values.device)
    if mask is not None:
        weight = _mask_weight(weight, to_tensor(mask, device=values.device), values.dtype, reduction)
    if weight is not None:
        values, weight = same_rank(values, weight)
        if reduction in _WHOLE and weight.ndim and values.numel() and on_kernels(values, weight):
            kind = "sum" if reduction == "sum" else "mean"
            pair = (values, weight) if values.ndim else (weight, values)
            return reduced(equations.weighted, *pair, reduction=kind, axis=None)
        values = values * weight
    if reduction in (None, "none") or values.ndim == 0:
        return values
    if reduction == "sum" or values.numel() == 0:
        return values.sum()
    if reduction == "mean_with_sample_weight" and weight is not None:
        total = weight.sum()
        return torch.where(total == 0, 0.0, values.sum() / torch.where(total == 0, 1.0, total))
    return values.mean()


def _mask_weight(weight: Any, mask: torch.Tensor, dtype: torch.dtype, reduction: str | None) -> torch.Tensor:
    kept = mask.to(dtype)
    if reduction in ("mean", "sum_over_batch_size"):
        kept = torch.where(mask.bool(), mask.numel() / kept.sum().clamp(min=1), 0.0)
    if weight is None:
        return kept
    kept, weight = same_rank(kept, weight)
    return weight * kept
