"""Pooling to a given size."""

from __future__ import annotations

from typing import Any

from tkeras.bridge import call
from tkeras.config import standardize_data_format
from tkeras.layers._input_spec import InputSpec
from tkeras.layers._layer import Layer
from tkeras.layers._named import named
from tkeras.layers.convolution._spatial import join_shape, spatial, split_shape
from tkeras_kernels import operators


class BaseAdaptivePooling(Layer):
    """The maximum or average of windows that are as large as they must be for a given output size.

    Window ``i`` of ``n`` on an axis of size ``s`` reaches from ``floor(i·s / n)`` to ``ceil((i+1)·s / n)``.

    Args:
        output_size: spatial sizes of the output, an int or one an axis.
        data_format: ``"channels_last"`` (default) or ``"channels_first"``.
    """

    rank: int
    operator: Any
    _config = ("output_size", "data_format")

    def __init__(self, output_size: Any, data_format: str | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        if not isinstance(output_size, (int, tuple, list)):
            raise TypeError(
                f"`output_size` must be an integer or a tuple of {self.rank} integers. "
                f"Received: {output_size} of type {type(output_size)}"
            )
        self.output_size = spatial(output_size, self.rank, "output_size")
        self.data_format = standardize_data_format(data_format)
        self.input_spec = InputSpec(ndim=self.rank + 2)

    def call(self, inputs: Any) -> Any:
        """(batch, *spatial, channels) → (batch, *output_size, channels)."""
        return call(self.operator, inputs, output_size=self.output_size, data_format=self.data_format)

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, ...]:
        """(batch, *output_size, channels) in the layer's layout."""
        batch, _, channels = split_shape(input_shape, self.data_format)
        return join_shape(batch, self.output_size, channels, self.data_format)


def _adaptive(kind: str, operator: Any, rank: int) -> Any:
    doc = f"{kind} pooling to a given size in {rank}-D. Arguments: see `BaseAdaptivePooling`."
    facts = {"rank": rank, "operator": operator, "__doc__": doc}
    return named(BaseAdaptivePooling, facts, f"Adaptive{kind}Pooling{rank}D")


AdaptiveAveragePooling1D, AdaptiveAveragePooling2D, AdaptiveAveragePooling3D = (
    _adaptive("Average", operators.adaptive_average_pool, rank) for rank in (1, 2, 3)
)
AdaptiveMaxPooling1D, AdaptiveMaxPooling2D, AdaptiveMaxPooling3D = (
    _adaptive("Max", operators.adaptive_max_pool, rank) for rank in (1, 2, 3)
)
