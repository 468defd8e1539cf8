"""`Input` and `InputLayer`: where a graph starts."""

from __future__ import annotations

from typing import Any

from tkeras.config import floatx, standardize_dtype
from tkeras.graph import KerasTensor, Node
from tkeras.layers._layer import Layer
from tkeras.saving import public


@public("keras.layers.InputLayer")
class InputLayer(Layer):
    """The start of a graph of layers.

    Args:
        shape: shape of one sample, None for unknown sizes.
        batch_size: fixed batch size.
        dtype: element type; default ``floatx()``.
        batch_shape: the shape with the batch, instead of ``shape``.
        input_tensor: a symbolic tensor to stand for.
        optional: whether None may be passed.
        name: name of the layer and of its tensor.
    """

    def __init__(
        self,
        shape: Any = None,
        batch_size: int | None = None,
        dtype: Any = None,
        sparse: bool | None = None,
        ragged: bool | None = None,
        batch_shape: Any = None,
        input_tensor: KerasTensor | None = None,
        optional: bool = False,
        name: str | None = None,
        input_shape: Any = None,
        **kwargs: Any,
    ):
        if sparse or ragged:
            raise ValueError(
                "Sparse and ragged inputs are not supported: pass dense tensors, with masks where needed."
            )
        super().__init__(name=name, **kwargs)
        shape = input_shape if shape is None else shape
        if input_tensor is not None:
            batch_shape, dtype = input_tensor.shape, dtype or input_tensor.dtype
        if shape is None and batch_shape is None:
            raise ValueError("You must pass a `shape` argument, or a `batch_shape`.")
        if shape is not None and batch_shape is not None:
            raise ValueError(
                "You cannot pass both `shape` and `batch_shape` at the same time. "
                f"Received: shape={shape}, batch_shape={batch_shape}"
            )
        if batch_shape is None:
            given: Any = shape
            sizes = (given,) if isinstance(given, int) else tuple(given)
            batch_shape = (batch_size, *sizes)
        for size in batch_shape:
            if size is not None and (not isinstance(size, int) or size < 0):
                raise ValueError(
                    f"Cannot convert '{batch_shape}' to a shape. Found invalid dimension '{size}' of type"
                    f" '{type(size)}'."
                )
        self.batch_shape, self.optional = tuple(batch_shape), optional
        self._input_dtype = "string" if dtype == "string" else standardize_dtype(dtype or floatx())
        self.built = True
        tensor = KerasTensor(self.batch_shape, self._input_dtype, name=self.name)
        Node(self, (), {}, tensor)

    @property
    def dtype(self) -> str:
        """Element type of the input."""
        return self._input_dtype

    def call(self) -> Any:
        """Never run: models put their inputs in its place."""
        raise TypeError(f'InputLayer "{self.name}" is a placeholder and cannot be called.')

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {
            "batch_shape": self.batch_shape,
            "dtype": self.dtype,
            "sparse": False,
            "ragged": False,
            "name": self.name,
            "optional": self.optional,
        }


@public("keras.layers.Input", "keras.Input")
def Input(
    shape: Any = None,
    batch_size: int | None = None,
    dtype: Any = None,
    sparse: bool | None = None,
    ragged: bool | None = None,
    batch_shape: Any = None,
    name: str | None = None,
    tensor: KerasTensor | None = None,
    optional: bool = False,
) -> KerasTensor:
    """A symbolic input of a model; arguments as for `InputLayer`.

    Example:
        >>> inputs = Input(shape=(784,))
        >>> outputs = Dense(10, activation="softmax")(inputs)
    """
    layer = InputLayer(
        shape=shape, batch_size=batch_size, dtype=dtype, sparse=sparse, ragged=ragged, name=name,
        batch_shape=batch_shape, input_tensor=tensor, optional=optional,
    )  # fmt: skip
    return layer.output
