"""The base of metrics: state that batches are added to, and a value made from it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import contextmanager
from typing import Any, Self, TypeVar

import torch

from tkeras import initializers
from tkeras.config import default_device, standardize_dtype, torch_dtype
from tkeras.graph import Variable, auto_name, name_scope
from tkeras.losses._arguments import to_tensor
from tkeras.saving import Namespace, public

T = TypeVar("T")
METRICS = Namespace("keras.metrics", "metric")


def metric_function(function: T) -> T:
    """Decorator: files may name this function ``keras.metrics.<name>``."""
    return public(f"keras.metrics.{function.__name__}")(function)  # pyright: ignore[reportAttributeAccessIssue]


@public("keras.metrics.Metric", "keras.Metric")
class Metric:
    """A metric: subclasses create state with :meth:`add_variable`, define ``update_state`` and ``result``.

    Args:
        dtype: type of the state; default: ``floatx()``.
        name: default: made from the class.
    """

    _direction: str | None = None
    _tracked_as_metric = True  # a layer that it is assigned to reports it

    def __init__(self, dtype: Any = None, name: str | None = None):
        self._variables: list[Variable] = []
        self._metrics: list[Metric] = []
        self.name = name or auto_name(type(self).__name__)
        self._dtype = standardize_dtype(getattr(dtype, "compute_dtype", dtype))
        self._torch_dtype = torch_dtype(self._dtype)

    @property
    def dtype(self) -> str:
        """Name of the type of the state."""
        return self._dtype

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, (Variable, Metric)):
            if "_variables" not in self.__dict__:
                raise RuntimeError("You forgot to call `super().__init__()` in the `__init__()` method.")
            kept: list[Any] = self._variables if isinstance(value, Variable) else self._metrics
            if not any(value is other for other in kept):
                kept.append(value)
        object.__setattr__(self, name, value)

    def add_variable(
        self,
        shape: Sequence[int],
        initializer: Any = "zeros",
        dtype: Any = None,
        aggregation: str = "sum",
        name: str | None = None,
    ) -> Variable:
        """A state variable, which does not train."""
        value = initializers.get(initializer)(tuple(shape), dtype=standardize_dtype(dtype))
        with name_scope(self.name.replace("/", ">")):
            variable = Variable(
                value.to(default_device()), trainable=False, aggregation=aggregation, name=name
            )
        self._variables.append(variable)
        return variable

    def add_weight(
        self, shape: Any = (), initializer: Any = "zeros", dtype: Any = None, name: str | None = None
    ) -> Variable:
        """A state variable; Keras 2's ``add_weight("name")`` works too."""
        if isinstance(shape, str):
            shape, name = (), shape
        return self.add_variable(shape, initializer or "zeros", dtype, name=name)

    @property
    def variables(self) -> list[Variable]:
        """The state, that of metrics kept as attributes included."""
        return [*self._variables, *(variable for metric in self._metrics for variable in metric.variables)]

    def reset_state(self) -> None:
        """Set the state to zero."""
        for variable in self.variables:
            variable.zero_()

    def reset_states(self) -> None:
        """Keras 2's name of :meth:`reset_state`."""
        self.reset_state()

    def update_state(self, *args: Any, **kwargs: Any) -> Any:
        """Add a batch to the state."""
        raise NotImplementedError(f"{type(self).__name__} must define `update_state`.")

    def result(self) -> Any:
        """The value, from the state: a tensor, or a dict of tensors."""
        raise NotImplementedError(f"{type(self).__name__} must define `result`.")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Add a batch, then give the value."""
        self.update_state(*args, **kwargs)
        return self.result()

    def stateless_update_state(self, metric_variables: Sequence[Any], *args: Any, **kwargs: Any) -> list[Any]:
        """The state that follows ``metric_variables`` after a batch; the metric's own stays."""
        with self._values(metric_variables):
            self.update_state(*args, **kwargs)
            return [variable.detach().clone() for variable in self.variables]

    def stateless_result(self, metric_variables: Sequence[Any]) -> Any:
        """The value of a given state."""
        with self._values(metric_variables):
            return self.result()

    def stateless_reset_state(self) -> list[Any]:
        """The state at the start."""
        with self._values(self.variables):
            self.reset_state()
            return [variable.detach().clone() for variable in self.variables]

    @contextmanager
    def _values(self, values: Sequence[Any]):
        own = self.variables
        if len(values) != len(own):
            raise ValueError(
                "Argument `metric_variables` must be a list of tensors corresponding 1:1 to "
                f"{type(self).__name__}().variables. Received list with length {len(values)}, but expected "
                f"{len(own)} variables."
            )
        before = [variable.detach().clone() for variable in own]
        for variable, value in zip(own, values, strict=True):
            variable.assign(value)
        try:
            yield
        finally:
            for variable, value in zip(own, before, strict=True):
                variable.assign(value)

    def _cast(self, x: Any) -> torch.Tensor:
        """A tensor in the metric's type, apart from any graph."""
        x = to_tensor(x, self._torch_dtype)
        return x.detach() if x.requires_grad else x

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {"name": self.name, "dtype": self.dtype}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """A metric from :meth:`get_config`."""
        return cls(**config)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}>"


Function = Callable[..., torch.Tensor]
