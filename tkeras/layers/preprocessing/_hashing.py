"""`Hashing` and `HashedCrossing`: strings and integers to a fixed number of bins, without a vocabulary."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from tkeras.config import default_device, is_int_dtype
from tkeras.graph import KerasTensor
from tkeras.layers.preprocessing._encoding import ENCODINGS, check_dense, check_mode, encode, encoded_shape
from tkeras.layers.preprocessing._feature import FeatureLayer, as_data, decoded, is_text
from tkeras.layers.preprocessing._hash import farm_hash, hasher, joined
from tkeras.saving import public

_CROSS_KEY = 0xDECAFCAFFE  # what TensorFlow starts the fingerprint of a cross with


def texts(value: Any) -> np.ndarray:
    """Strings, or integers as decimal strings, as an array of objects."""
    if isinstance(value, torch.Tensor):
        return np.vectorize(str, otypes=[object])(value.long().cpu().numpy())
    return decoded(value)


def salt_of(salt: Any, layer: str) -> tuple[int, int] | None:
    """A key of two numbers from one or two of them."""
    if salt is None:
        return None
    if isinstance(salt, int):
        return salt, salt
    if isinstance(salt, (tuple, list)) and len(salt) == 2 and all(isinstance(part, int) for part in salt):
        return salt[0], salt[1]
    raise ValueError(
        f"The `salt` argument for `{layer}` can only be a tuple of size 2 integers, or a single integer. "
        f"Received: salt={salt}."
    )


class Binned(FeatureLayer):
    """Base of layers whose output is one of ``num_bins`` indices, or its encoding."""

    num_bins: int
    output_mode: str

    def _init_bins(self, num_bins: Any, output_mode: str, sparse: bool) -> None:
        if num_bins is None or num_bins <= 0:
            raise ValueError(
                f"The `num_bins` for `{type(self).__name__}` cannot be `None` or non-positive values. "
                f"Received: num_bins={num_bins}."
            )
        self.num_bins, self.output_mode, self.sparse = num_bins, output_mode, check_dense(sparse)
        if output_mode == "int" and not is_int_dtype(self.compute_dtype):
            raise ValueError(
                "When `output_mode=\"int\"`, `dtype` should be an integer type, 'int32' or 'in64'. "
                f"Received: dtype={self.compute_dtype}"
            )
        self.autocast = False

    def _binned(self, indices: np.ndarray) -> torch.Tensor:
        found = torch.as_tensor(indices.astype("int64"), device=default_device())
        kind: torch.dtype = self._compute_type
        return (
            found.to(kind)
            if self.output_mode == "int"
            else encode(found, self.output_mode, self.num_bins, self._kind)
        )

    @property
    def _kind(self) -> torch.dtype:
        """Type of encodings: float32 where the layer's own type is of integers."""
        kind: torch.dtype = self._compute_type
        return kind if kind.is_floating_point else torch.float32

    def _spec(self, shape: Any) -> KerasTensor:
        if self.output_mode == "int":
            return KerasTensor(shape, self.compute_dtype)
        return KerasTensor(encoded_shape(shape, self.output_mode, self.num_bins), self._kind)


@public("keras.layers.Hashing")
class Hashing(Binned):
    """Hashes strings or integers into bins: FarmHash64, or SipHash64 under a salt, as Keras does.

    Args:
        num_bins: number of bins, the one of masked values included.
        mask_value: value that goes to bin 0, which then nothing else does.
        salt: an integer or two, the key of SipHash.
        output_mode: ``"int"`` (default), ``"one_hot"``, ``"multi_hot"`` or ``"count"``.
        sparse: only False.

    Input: strings or integers of any shape.
    """

    _config = ("num_bins", "salt", "mask_value", "output_mode", "sparse")

    def __init__(
        self,
        num_bins: int,
        mask_value: Any = None,
        salt: Any = None,
        output_mode: str = "int",
        sparse: bool = False,
        **kwargs: Any,
    ):
        if kwargs.get("dtype") is None:
            kwargs["dtype"] = "int64" if output_mode == "int" else "float32"
        super().__init__(**kwargs)
        if output_mode not in ("int", *ENCODINGS):
            raise ValueError(
                "Invalid value for argument `output_mode`. Expected one of "
                f"{('int', *ENCODINGS)}. Received: output_mode={output_mode}"
            )
        self._key = salt_of(salt, "Hashing")
        self.salt = None if self._key is None else list(self._key)
        self.mask_value = mask_value
        self._init_bins(num_bins, output_mode, sparse)

    def call(self, inputs: Any) -> Any:
        """Bins, or their encoding."""
        strings = texts(inputs)
        digest, bins = hasher(self._key), self.num_bins
        first = 0 if self.mask_value is None or bins <= 1 else 1
        found = {text: first + digest(text.encode()) % (bins - first) for text in set(strings.ravel())}
        if self.mask_value is not None:
            found[str(self.mask_value)] = 0
        return self._binned(np.array([found[text] for text in strings.flat], "int64").reshape(strings.shape))

    def compute_output_spec(self, inputs: Any) -> Any:
        """Symbolic bins."""
        return self._spec(inputs.shape)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Shape of the output."""
        return self._spec(input_shape).shape


@public("keras.layers.HashedCrossing")
class HashedCrossing(Binned):
    """Hashes combinations of features into bins.

    Args:
        num_bins: number of bins.
        output_mode: ``"int"`` (default) or ``"one_hot"``.
        sparse: only False.

    Input: two or more features of strings or integers, of one shape: (), (batch,) or (batch, 1).
    """

    def __init__(
        self,
        num_bins: int,
        output_mode: str = "int",
        sparse: bool = False,
        name: str | None = None,
        dtype: Any = None,
        **kwargs: Any,
    ):
        super().__init__(name=name, dtype=dtype or ("int64" if output_mode == "int" else "float32"), **kwargs)
        check_mode("HashedCrossing", output_mode, ("int", "one_hot"))
        self._init_bins(num_bins, output_mode, sparse)

    def _convert(
        self, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        if args and isinstance(args[0], (list, tuple)):
            args = ([as_data(feature) for feature in args[0]], *args[1:])
        return args, kwargs

    def call(self, inputs: Any) -> Any:
        """Bins (batch,) or (batch, 1), or their encoding."""
        self._check(inputs)
        result: list[int] = [_CROSS_KEY] * int(np.prod(inputs[0].shape))
        for feature in inputs:
            if is_text(feature):
                found = [farm_hash(text.encode()) for text in decoded(feature).flat]
            else:
                found = [int(value) & 0xFFFFFFFFFFFFFFFF for value in feature.reshape(-1).tolist()]
            result = [joined(before, value) for before, value in zip(result, found, strict=True)]
        bins = np.array([value % self.num_bins for value in result], dtype="int64")
        return self._binned(bins.reshape(tuple(inputs[0].shape)))

    def _check(self, inputs: Any) -> None:
        if not isinstance(inputs, (list, tuple)):
            raise ValueError(
                f"`HashedCrossing` should be called on a list or tuple of inputs. Received: inputs={inputs}"
            )
        if len(inputs) < 2:
            raise ValueError(
                f"`HashedCrossing` should be called on at least two inputs. Received: inputs={inputs}"
            )
        shapes = [tuple(feature.shape) for feature in inputs]
        if any(shape != shapes[0] for shape in shapes):
            raise ValueError(
                f"All `HashedCrossing` inputs should have equal shape. Received: inputs={inputs}"
            )
        if len(shapes[0]) > 2 or (len(shapes[0]) == 2 and shapes[0][1] != 1):
            raise ValueError(
                "All `HashedCrossing` inputs should have shape `()`, `(batch_size)` or `(batch_size, 1)`. "
                f"Received: inputs={inputs}"
            )
        for feature in inputs:
            numbers = isinstance(feature, torch.Tensor) and not feature.is_floating_point()
            symbolic = isinstance(feature, KerasTensor) and not feature.dtype.startswith("float")
            if not (numbers or symbolic or is_text(feature)):
                raise ValueError(
                    "All `HashedCrossing` inputs should have an integer or string dtype. "
                    f"Received: inputs={inputs}"
                )

    def compute_output_spec(self, inputs: Any) -> Any:
        """Symbolic bins."""
        self._check(inputs)
        return self._spec(inputs[0].shape)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Shape of the output."""
        return self._spec(input_shape[0]).shape

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {
            "num_bins": self.num_bins, "output_mode": self.output_mode, "sparse": self.sparse,
            "name": self.name, "dtype": self.dtype_policy.name,
        }  # fmt: skip
