"""`Variable`: a torch parameter with Keras' methods."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from tkeras.config import default_device, standardize_dtype, torch_dtype
from tkeras.graph._naming import auto_name, check_name, scoped_path
from tkeras.graph._version import Version


class Variable(torch.nn.Parameter):
    """State of a layer, optimizer or metric: a ``torch.nn.Parameter`` that Keras code can assign, name and
    freeze.

    It is its own value: torch functions take it directly, gradients arrive in ``.grad``. Operations on it
        give plain
    tensors. Differs from Keras: ``dtype`` is the torch type (``tkeras.backend.standardize_dtype`` gives the
    name).

    Args:
        initializer: the value (tensor, array, number), a callable ``(shape, dtype=...) -> tensor``, or the
            name of an initializer.
        shape: required with a callable.
        dtype: element type; default: that of the value, ``floatx()`` with a callable.
        trainable: whether gradients are taken (only floating point variables have any).
        autocast: whether a mixed-precision layer computes with it in its compute type.
        aggregation, synchronization, layout: how replicas are kept equal; kept as attributes, since on one
            device there are none. A ``layout`` is refused.
        name: last part of ``path``.

    Raises:
        ValueError: a callable without a shape, or a value whose shape is not ``shape``.
    """

    __torch_function__: Any = torch._C._disabled_torch_function_impl  # results are plain tensors, at no cost

    def __new__(
        cls,
        initializer: Any,
        shape: Any = None,
        dtype: Any = None,
        trainable: bool = True,
        autocast: bool = True,
        aggregation: str | None = "none",
        synchronization: str | None = "auto",
        name: str | None = None,
        layout: None = None,
    ) -> Variable:
        _check_replicas(aggregation, synchronization, layout)
        data = _initial_value(initializer, shape, dtype).contiguous()
        self = torch.nn.Parameter.__new__(cls, data, bool(trainable) and data.is_floating_point())
        name = name or auto_name(cls.__name__)
        self._name, self._path = check_name(name), scoped_path(name)
        self._trainable = self._declared_trainable = bool(trainable)
        self.autocast, self.aggregation = autocast, aggregation or "none"
        self.synchronization = synchronization or "none"
        self._regularizer = self._constraint = None
        self.overwrite_with_gradient = False
        return self

    def __init__(self, *args: Any, **kwargs: Any):
        """All is done in ``__new__``, where torch makes parameters."""

    _name: str
    _path: str
    _trainable: bool
    _declared_trainable: bool
    autocast: bool
    aggregation: str
    synchronization: str
    _regularizer: Callable[[torch.Tensor], torch.Tensor] | None
    _constraint: Callable[[torch.Tensor], torch.Tensor] | None
    overwrite_with_gradient: bool

    @property
    def regularizer(self) -> Callable[[torch.Tensor], torch.Tensor] | None:
        """Gives a loss of the value; can be set."""
        return self._regularizer

    @regularizer.setter
    def regularizer(self, value: Callable[[torch.Tensor], torch.Tensor] | None) -> None:
        self._regularizer = _check_callable("regularizer", "keras.regularizers.Regularizer", value)

    @property
    def constraint(self) -> Callable[[torch.Tensor], torch.Tensor] | None:
        """What the value becomes after each update; can be set."""
        return self._constraint

    @constraint.setter
    def constraint(self, value: Callable[[torch.Tensor], torch.Tensor] | None) -> None:
        self._constraint = _check_callable("constraint", "keras.constraints.Constraint", value)

    @property
    def name(self) -> str:
        """Last part of the path."""
        return self._name

    @name.setter
    def name(self, value: str) -> None:
        self._name = value
        self._path = "/".join((*self._path.split("/")[:-1], value))

    @property
    def path(self) -> str:
        """Where the variable was made, as in ``sequential/dense/kernel``."""
        return self._path

    @property
    def trainable(self) -> bool:
        """Whether an optimizer may change it; setting it stops or starts its gradient."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = bool(value)
        self.requires_grad_(self._trainable and self.is_floating_point())
        Version.bump()

    @property
    def value(self) -> Variable:
        """The variable itself, which is the tensor."""
        return self

    def assign(self, value: Any) -> Variable:
        """Copy ``value`` (same shape) into the variable."""
        _before_assignment(self)
        value = torch.as_tensor(value)
        if value.shape != self.shape:
            raise ValueError(
                "The shape of the target variable and the shape of the target value in"
                f" `variable.assign(value)` must match. variable.shape={tuple(self.shape)}, Received:"
                f" value.shape={tuple(value.shape)}. Target variable: {self}"
            )
        with torch.no_grad():
            self.copy_(value)
        return self

    def assign_add(self, value: Any) -> Variable:
        """Add ``value`` in place."""
        _before_assignment(self)
        with torch.no_grad():
            self.add_(torch.as_tensor(value, device=self.device))
        return self

    def assign_sub(self, value: Any) -> Variable:
        """Subtract ``value`` in place."""
        _before_assignment(self)
        with torch.no_grad():
            self.sub_(torch.as_tensor(value, device=self.device))
        return self

    def numpy(self) -> np.ndarray:
        """The value as an array on the host."""
        data = self.detach().cpu()
        return (data.float() if data.dtype == torch.bfloat16 else data).numpy()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        array = self.numpy()
        return array.astype(dtype) if dtype is not None else array.copy() if copy else array

    def __float__(self) -> float:
        return float(self.detach())

    def __int__(self) -> int:
        return int(self.detach())

    def __deepcopy__(self, memo: dict[int, Any]) -> Variable:
        if id(self) not in memo:
            memo[id(self)] = _rebuild(self.detach().clone(), self._facts())
        return memo[id(self)]

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        data = self.detach()
        if data.untyped_storage().nbytes() > data.nbytes:  # optimizers put small variables side by side
            data = data.clone()
        return _rebuild, (data, self._facts())

    def _facts(self) -> dict[str, Any]:
        return {key: value for key, value in self.__dict__.items() if not callable(value) or value is None}

    def __repr__(self, *, tensor_contents: Any = None) -> str:
        dtype = standardize_dtype(self.dtype)
        value = self.numpy() if self.device.type != "meta" else "meta"
        return f"<Variable path={self._path}, shape={tuple(self.shape)}, dtype={dtype}, value={value}>"

    def __hash__(self) -> int:
        return id(self)


_assignment_hooks: list[Callable[[Variable], None]] = []


def _before_assignment(variable: Variable) -> None:
    for hook in _assignment_hooks:
        hook(variable)


def _rebuild(data: torch.Tensor, facts: dict[str, Any]) -> Variable:
    variable = Variable(data, trainable=facts["_trainable"], name=facts["_name"])
    vars(variable).update(facts)
    return variable


def _check_callable(attribute: str, example: str, value: Any) -> Any:
    if value is not None and not callable(value):
        raise ValueError(
            f"Invalid value for attribute `{attribute}`. Expected a callable (such as a `{example}` "
            f"instance) or `None`. Received: {attribute}={value}"
        )
    return value


def _check_replicas(aggregation: Any, synchronization: Any, layout: Any) -> None:
    for name, value, known in (
        ("aggregation", aggregation, ("none", "mean", "sum", "only_first_replica")),
        ("synchronization", synchronization, ("none", "on_read", "on_write", "auto")),
    ):
        if value is not None and value not in known:
            raise ValueError(
                f"Invalid value for argument `{name}`. Expected one of `None`, "
                f"{', '.join(f'`{other!r}`' for other in known)}. Received: {name}={value}"
            )
    if layout is not None:
        raise ValueError(
            "Variable: a `layout` needs several devices. Distribute the model with torch.distributed "
            f"instead. Received: layout={layout}"
        )


_NARROW = {"uint16": "int32", "uint32": "int64"}  # torch has few functions of these


def _host_type(value: Any) -> torch.dtype | None:
    """Keras' type of Python numbers and lists of them: int32, ``floatx()``, bool."""
    if isinstance(value, (list, tuple)):
        kinds = {kind for item in value if (kind := _host_type(item)) is not None}
        return functools.reduce(torch.promote_types, kinds) if kinds else torch_dtype(None)
    if isinstance(value, (bool, int, float)):
        return torch_dtype(type(value) if not isinstance(value, float) else None)
    return None


def _initial_value(initializer: Any, shape: Any, dtype: Any) -> torch.Tensor:
    if isinstance(initializer, str):
        from tkeras import initializers

        initializer = initializers.get(initializer)
    if callable(initializer) and not isinstance(initializer, torch.Tensor):
        if shape is None:
            raise ValueError(
                "When creating a Variable from an initializer, the `shape` argument should be specified. "
                f"Received: initializer={initializer} and shape={shape}"
            )
        with torch.no_grad():
            return torch.as_tensor(initializer(tuple(shape), dtype=standardize_dtype(dtype))).to(
                default_device()
            )
    if dtype is None and isinstance(initializer, np.ndarray):
        dtype = _NARROW.get(initializer.dtype.name)
    target = _host_type(initializer) if dtype is None else torch_dtype(dtype)
    if isinstance(initializer, torch.Tensor):
        data = initializer.detach().to(target or initializer.dtype)
        data = data.clone() if data.data_ptr() == initializer.data_ptr() else data
    else:
        data = torch.tensor(initializer, dtype=target, device=default_device())
    if shape is not None and tuple(shape) != tuple(data.shape):
        raise ValueError(f"The value has shape {tuple(data.shape)}, but `shape` says {tuple(shape)}.")
    return data
