"""`InputSpec`: what a layer demands of its inputs, and the check."""

from __future__ import annotations

from typing import Any

from tkeras.config import standardize_dtype
from tkeras.graph._tree import flatten


class InputSpec:
    """Rank, sizes and type of one input.

    Args:
        dtype: element type.
        shape: expected shape, None for sizes that do not matter.
        ndim: exact rank.
        max_ndim: highest rank.
        min_ndim: lowest rank.
        axes: ``{axis: size}``.
        allow_last_axis_squeeze: accept a last axis of size 1 more or less.
        name: expected name of the tensor, for inputs given by dictionary.
        optional: whether None may be passed.
    """

    def __init__(
        self,
        dtype: Any = None,
        shape: Any = None,
        ndim: int | None = None,
        max_ndim: int | None = None,
        min_ndim: int | None = None,
        axes: dict[int, int | None] | None = None,
        allow_last_axis_squeeze: bool = False,
        name: str | None = None,
        optional: bool = False,
    ):
        self.dtype = None if dtype is None else standardize_dtype(dtype)
        self.shape = None if shape is None else tuple(shape)
        self.ndim = len(self.shape) if self.shape is not None else ndim
        self.max_ndim, self.min_ndim = max_ndim, min_ndim
        highest = max_ndim if self.ndim is None else self.ndim
        for axis in axes or {}:
            if highest is not None and axis >= highest:
                raise ValueError(f"Axis {axis} is greater than the maximum allowed value: {highest - 1}")
        self.axes = {int(axis): size for axis, size in (axes or {}).items()}
        self.allow_last_axis_squeeze, self.name, self.optional = allow_last_axis_squeeze, name, optional

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        keys = ("dtype", "shape", "ndim", "max_ndim", "min_ndim", "axes", "optional")
        return {key: getattr(self, key) for key in keys}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> InputSpec:
        """A spec from :meth:`get_config`."""
        return cls(**config)

    def problem(self, shape: Any) -> str | None:
        """What is wrong with a tensor of this shape, or None."""
        rank = len(shape)
        if self.shape is not None and self.allow_last_axis_squeeze and abs(rank - len(self.shape)) == 1:
            longer = shape if rank > len(self.shape) else self.shape
            if longer[-1] == 1:
                return None
        if self.shape is not None and (rank != len(self.shape) or _clash(self.shape, shape)):
            return f"expected shape={self.shape}, found shape={tuple(shape)}"
        if self.ndim is not None and rank != self.ndim:
            return f"expected ndim={self.ndim}, found ndim={rank}. Full shape received: {tuple(shape)}"
        if self.max_ndim is not None and rank > self.max_ndim:
            return f"expected max_ndim={self.max_ndim}, found ndim={rank}"
        if self.min_ndim is not None and rank < self.min_ndim:
            return (
                f"expected min_ndim={self.min_ndim}, found ndim={rank}. Full shape received: {tuple(shape)}"
            )
        for axis, size in self.axes.items():
            if size is not None and shape[axis] not in (size, None):
                return (
                    f"expected axis {axis} of input shape to have value {size}, but received input with shape"
                    f" {tuple(shape)}"
                )
        return None

    def __repr__(self) -> str:
        facts = {**self.get_config(), "axes": self.axes or None, "optional": None}
        return f"InputSpec({', '.join(f'{k}={v}' for k, v in facts.items() if v is not None)})"


def _clash(expected: tuple[int | None, ...], found: tuple[int | None, ...]) -> bool:
    return any(e is not None and f is not None and e != f for e, f in zip(expected, found, strict=True))


def check_input(input_spec: Any, inputs: Any, layer_name: str) -> None:
    """Compare inputs with the spec or specs of a layer.

    Raises:
        ValueError: naming the layer, what was expected and what was received.
    """
    specs, tensors = flatten(input_spec), flatten(inputs)
    if isinstance(inputs, dict) and all(spec.name for spec in specs):
        missing = [spec.name for spec in specs if spec.name not in inputs]
        if missing:
            raise ValueError(
                f'Missing data for input "{missing[0]}". Received the following keys: {list(inputs)}'
            )
        tensors = [inputs[spec.name] for spec in specs]
    if len(tensors) != len(specs):
        raise ValueError(
            f'Layer "{layer_name}" expects {len(specs)} input(s), but it received {len(tensors)} input'
            f" tensors. Inputs received: {[describe(tensor) for tensor in tensors]}"
        )
    for index, (spec, tensor) in enumerate(zip(specs, tensors, strict=True)):
        if spec is None or (tensor is None and spec.optional):
            continue
        if tensor is None or not hasattr(tensor, "shape"):
            raise ValueError(
                f"Inputs to a layer should be tensors. Got '{tensor}' (of type {type(tensor)}) as input for"
                f" layer '{layer_name}'."
            )
        problem = spec.problem(tuple(tensor.shape))
        if problem:
            raise ValueError(
                f"Input {index} with name '{spec.name}' of layer '{layer_name}' is incompatible with the "
                f"layer: {problem}"
            )


def describe(value: Any) -> str:
    """A tensor as shape and type, anything else as itself."""
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        return f"tensor(shape={tuple(value.shape)}, dtype={standardize_dtype(value.dtype)})"
    return repr(value)
