"""`Feature` and `Cross`: how one column, or a combination of columns, is preprocessed and encoded."""

from __future__ import annotations

from typing import Any

from tkeras.layers.core import Identity
from tkeras.layers.preprocessing._discretization import Discretization
from tkeras.layers.preprocessing._hashing import Hashing
from tkeras.layers.preprocessing._lookups import IntegerLookup, StringLookup
from tkeras.layers.preprocessing._normalization import Normalization
from tkeras.layers.preprocessing._rescaling import Rescaling
from tkeras.saving import deserialize_keras_object, public, serialize_keras_object

_PLACE = "layers.preprocessing.feature_space"


def _internal(name: str) -> Any:
    """Decorator: a class that Keras keeps inside its source, under the path that its files have."""
    return public(f"keras.src.{_PLACE}.{name}", f"keras.{_PLACE}.{name}")


@_internal("TFDIdentity")
class TFDIdentity(Identity):
    """Passes its inputs on; the name that Keras' files have for it."""


@_internal("Feature")
class Feature:
    """A column.

    Args:
        dtype: of its values: ``"float32"``, ``"int32"`` or ``"string"``.
        preprocessor: a layer.
        output_mode: ``"float"``, ``"int"`` or ``"one_hot"``.
    """

    def __init__(self, dtype: str, preprocessor: Any, output_mode: str):
        if output_mode not in ("int", "one_hot", "float"):
            raise ValueError(
                "Invalid value for argument `output_mode`. Expected one of {'int', 'one_hot', 'float'}. "
                f"Received: output_mode={output_mode}"
            )
        self.dtype, self.output_mode = dtype, output_mode
        if isinstance(preprocessor, dict):
            preprocessor = deserialize_keras_object(preprocessor)
        self.preprocessor = preprocessor

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {
            "dtype": self.dtype,
            "preprocessor": serialize_keras_object(self.preprocessor),
            "output_mode": self.output_mode,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Feature:
        """A feature from :meth:`get_config`."""
        return cls(**config)


@_internal("Cross")
class Cross:
    """A combination of columns, hashed.

    Args:
        feature_names: of the columns.
        crossing_dim: number of bins.
        output_mode: ``"int"`` or ``"one_hot"``.
    """

    def __init__(self, feature_names: Any, crossing_dim: int, output_mode: str = "one_hot"):
        if output_mode not in ("int", "one_hot"):
            raise ValueError(
                "Invalid value for argument `output_mode`. Expected one of {'int', 'one_hot'}. "
                f"Received: output_mode={output_mode}"
            )
        self.feature_names, self.crossing_dim = tuple(feature_names), crossing_dim
        self.output_mode = output_mode

    @property
    def name(self) -> str:
        """The names of the columns, joined by ``_X_``."""
        return "_X_".join(self.feature_names)

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {
            "feature_names": self.feature_names,
            "crossing_dim": self.crossing_dim,
            "output_mode": self.output_mode,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Cross:
        """A cross from :meth:`get_config`."""
        return cls(**config)


class FeatureKinds:
    """The kinds of columns, as functions that make a `Feature`."""

    @classmethod
    def cross(cls, feature_names: Any, crossing_dim: int, output_mode: str = "one_hot") -> Cross:
        """Columns hashed together."""
        return Cross(feature_names, crossing_dim, output_mode)

    @classmethod
    def feature(cls, dtype: str, preprocessor: Any, output_mode: str) -> Feature:
        """Values that a layer of the user preprocesses."""
        return Feature(dtype, preprocessor, output_mode)

    @classmethod
    def float(cls, name: str | None = None) -> Feature:
        """Numbers as they are."""
        return Feature("float32", TFDIdentity(name=_named(name, "float"), dtype="float32"), "float")

    @classmethod
    def float_rescaled(cls, scale: Any = 1.0, offset: Any = 0.0, name: str | None = None) -> Feature:
        """``x · scale + offset``."""
        layer = Rescaling(scale=scale, offset=offset, name=_named(name, "float_rescaled"))
        return Feature("float32", layer, "float")

    @classmethod
    def float_normalized(cls, name: str | None = None) -> Feature:
        """Numbers shifted and scaled to mean 0 and variance 1."""
        return Feature("float32", Normalization(axis=-1, name=_named(name, "float_normalized")), "float")

    @classmethod
    def float_discretized(
        cls, num_bins: int, bin_boundaries: Any = None, output_mode: str = "one_hot", name: str | None = None
    ) -> Feature:
        """The range that numbers lie in."""
        layer = Discretization(bin_boundaries, num_bins, name=_named(name, "float_discretized"))
        return Feature("float32", layer, output_mode)

    @classmethod
    def integer_categorical(
        cls,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        output_mode: str = "one_hot",
        name: str | None = None,
    ) -> Feature:
        """Integers of a vocabulary."""
        layer = IntegerLookup(max_tokens, num_oov_indices, name=_named(name, "integer_categorical"))
        return Feature("int32", layer, output_mode)

    @classmethod
    def string_categorical(
        cls,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        output_mode: str = "one_hot",
        name: str | None = None,
    ) -> Feature:
        """Strings of a vocabulary."""
        layer = StringLookup(max_tokens, num_oov_indices, name=_named(name, "string_categorical"))
        return Feature("string", layer, output_mode)

    @classmethod
    def string_hashed(cls, num_bins: int, output_mode: str = "one_hot", name: str | None = None) -> Feature:
        """Strings hashed."""
        return Feature("string", Hashing(num_bins, name=_named(name, "string_hashed")), output_mode)

    @classmethod
    def integer_hashed(cls, num_bins: int, output_mode: str = "one_hot", name: str | None = None) -> Feature:
        """Integers hashed."""
        return Feature("int32", Hashing(num_bins, name=_named(name, "integer_hashed")), output_mode)


def _named(name: str | None, kind: str) -> str:
    from tkeras.graph import auto_name

    return f"{name or auto_name(kind)}_preprocessor"
