"""The recurrent layers that make their own cell."""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import Any, TypeVar

from tkeras.layers._input_spec import InputSpec
from tkeras.layers.recurrent._cell import Cell
from tkeras.layers.recurrent._rnn import RNN

T = TypeVar("T", bound=type[RNN])


def forwards(cell: type[Cell]) -> Callable[[T], T]:
    """Decorator of a layer: the arguments of its cell become attributes of the layer, and configure it."""

    def decorate(layer: T) -> T:
        names = [name for kind in reversed(cell.__mro__) for name in vars(kind).get("_config", ())]
        for name in names:
            setattr(layer, name, property(attrgetter(f"cell.{name}"), doc=f"`{name}` of the cell."))
        layer._config = (*names, "activity_regularizer")
        return layer

    return decorate


class CellLayer(RNN):
    """An `RNN` that is described by the arguments of its cell instead of the cell."""

    _ndim = 3

    def __init__(self, cell: Cell, **kwargs: Any):
        super().__init__(cell, **kwargs)
        self.input_spec = InputSpec(ndim=self._ndim)

    @staticmethod
    def _shared(kwargs: dict[str, Any]) -> dict[str, Any]:
        """Those of the keyword arguments of the layer that its cell takes too, or alone."""
        shared = {"dtype": kwargs.get("dtype"), "trainable": kwargs.get("trainable", True)}
        if "implementation" in kwargs:
            shared["implementation"] = kwargs.pop("implementation")
        return shared

    @property
    def _channel_axis(self) -> int:
        return -1

    def build(self, sequences_shape: Any, initial_state_shape: Any = None) -> None:
        """Build the cell for one step, and the states of a stateful layer."""
        super().build(sequences_shape, initial_state_shape)
        axis = self._channel_axis
        self.input_spec = InputSpec(ndim=self._ndim, axes={axis: sequences_shape[axis]})

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return super(RNN, self).get_config()

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        """A layer from :meth:`get_config`."""
        return cls(**config)


def checked_cudnn(use_cudnn: bool | str) -> bool | str:
    """The argument of Keras, which says nothing here but must be one of its values."""
    if use_cudnn not in ("auto", True, False):
        raise ValueError(
            "Invalid value received for argument `use_cudnn`. Expected one of {'auto', True, False}. "
            f"Received: use_cudnn={use_cudnn}"
        )
    return use_cudnn
