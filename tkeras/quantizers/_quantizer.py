"""Quantizers: objects that round tensors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

from tkeras.config import standardize_dtype
from tkeras.quantizers._rounding import abs_max_quantize
from tkeras.saving import Namespace, public

QUANTIZERS = Namespace("keras.quantizers", "quantizer")


@QUANTIZERS.export(paths=("keras.Quantizer",))
class Quantizer:
    """Rounds tensors; this one leaves them as they are.

    Args:
        output_dtype: type of the results.
    """

    def __init__(self, output_dtype: Any = "int8"):
        self.output_dtype = output_dtype

    def __call__(self, x: Any) -> Any:
        """``x`` in few bits."""
        return x

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        raise NotImplementedError(f"{self} does not implement get_config()")

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """A quantizer from :meth:`get_config`."""
        return cls(**config)


@QUANTIZERS.export()
class AbsMaxQuantizer(Quantizer):
    """See :func:`abs_max_quantize`.

    Args:
        axis: what shares a scale; may be given at the call instead; default: the last axis.
        value_range: lowest and highest result.
        epsilon: added to the magnitude.
        output_dtype: type of the results.
    """

    def __init__(
        self,
        axis: int | Sequence[int] | None = None,
        value_range: tuple[float, float] = (-127, 127),
        epsilon: float = 1e-7,
        output_dtype: Any = "int8",
    ):
        super().__init__(output_dtype)
        self.axis = axis if axis is None else (axis,) if isinstance(axis, int) else tuple(axis)
        self.value_range, self.epsilon = value_range, epsilon

    def __call__(self, x: Any, axis: int | Sequence[int] | None = None, to_numpy: bool = False) -> Any:
        """The rounded tensor and its scale."""
        axis = self.axis if axis is None else axis
        axis = -1 if axis is None else axis
        return abs_max_quantize(x, axis, self.value_range, self.output_dtype, self.epsilon, to_numpy)

    def get_config(self) -> dict[str, Any]:
        config = {
            "value_range": self.value_range,
            "epsilon": self.epsilon,
            "output_dtype": standardize_dtype(self.output_dtype),
        }
        return config if self.axis is None else {**config, "axis": self.axis}


def get(identifier: Any, **kwargs: Any) -> Any:
    """A quantizer from None, its name, class (made with ``kwargs``), configuration, or itself.

    Raises:
        ValueError: it is none of these.
    """
    if isinstance(identifier, str):
        identifier = QUANTIZERS.find(identifier)
    if isinstance(identifier, type):
        return identifier(**kwargs)
    return QUANTIZERS.get(identifier)


def serialize(initializer: Quantizer) -> Any:
    """The configuration that :func:`deserialize` takes."""
    return QUANTIZERS.serialize(initializer)


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """A quantizer from :func:`serialize`."""
    return QUANTIZERS.deserialize(config, custom_objects)


for _function in (get, serialize, deserialize):
    public(f"keras.quantizers.{_function.__name__}")(_function)
