"""`FeatureSpace`: tables of numbers, integers and strings to one vector a row."""

from __future__ import annotations

from typing import Any

from tkeras.graph import KerasTensor, any_symbolic
from tkeras.layers._layer import Layer
from tkeras.layers.core import Input
from tkeras.layers.merging import concatenate
from tkeras.layers.preprocessing._category_encoding import CategoryEncoding
from tkeras.layers.preprocessing._discretization import Discretization
from tkeras.layers.preprocessing._feature import as_data
from tkeras.layers.preprocessing._feature_kinds import Cross, Feature, FeatureKinds
from tkeras.layers.preprocessing._hashing import HashedCrossing, Hashing
from tkeras.layers.preprocessing._index_lookup import IndexLookup
from tkeras.layers.preprocessing._normalization import Normalization
from tkeras.layers.preprocessing._text_vectorization import TextVectorization
from tkeras.saving import deserialize_keras_object, public, serialize_keras_object

_LEARNING = (Normalization, Discretization, IndexLookup, TextVectorization)


@public("keras.utils.FeatureSpace")
class FeatureSpace(FeatureKinds, Layer):
    """Preprocesses and encodes the columns of a table.

    Args:
        features: name → kind of column, such as ``"float_normalized"`` or
            ``FeatureSpace.string_categorical(max_tokens=10)``.
        output_mode: ``"concat"`` (default): one vector a row; ``"dict"``: the columns one by one.
        crosses: tuples of names, or ``FeatureSpace.cross(...)``, of columns that are hashed together.
        crossing_dim, hashing_dim, num_discretization_bins: sizes where a kind is given by its name.

    Input: name → column (batch,) or (batch, 1), or the values of a single row. Columns come out by sorted
        names,
    crosses last.
    """

    def __init__(
        self,
        features: Any,
        output_mode: str = "concat",
        crosses: Any = None,
        crossing_dim: int = 32,
        hashing_dim: int = 32,
        num_discretization_bins: int = 32,
        name: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(name=name, **kwargs)
        if not features:
            raise ValueError("The `features` argument cannot be None or empty.")
        if output_mode not in ("concat", "dict"):
            raise ValueError(
                "Invalid value for argument `output_mode`. Expected one of {'dict', 'concat'}. "
                f"Received: output_mode={output_mode}"
            )
        self.crossing_dim, self.hashing_dim = crossing_dim, hashing_dim
        self.num_discretization_bins, self.output_mode = num_discretization_bins, output_mode
        made = {key: self._feature(key, features[key]) for key in features}
        crossed = [self._cross(cross, made) for cross in crosses or ()]
        self.__dict__.update(features=made, crosses=crossed)
        self.preprocessors = {key: feature.preprocessor for key, feature in made.items()}
        self.crossers = {cross.name: HashedCrossing(cross.crossing_dim, name=cross.name) for cross in crossed}
        self._adapted = not self._learners()
        self.autocast = False

    features: dict[str, Feature]
    crosses: list[Cross]

    def _feature(self, name: str, value: Any) -> Feature:
        if isinstance(value, Feature):
            return value
        if isinstance(value, dict):
            return deserialize_keras_object(value)
        sizes = {
            "float_discretized": {"num_bins": self.num_discretization_bins},
            "string_hashed": {"num_bins": self.hashing_dim},
            "integer_hashed": {"num_bins": self.hashing_dim},
        }
        kinds = ("float", "float_normalized", "float_rescaled", "integer_categorical", "string_categorical")
        if value not in (*kinds, *sizes):
            raise ValueError(f"Invalid feature type: {value}")
        return getattr(self, value)(name=name, **sizes.get(value, {}))

    def _cross(self, value: Any, features: dict[str, Feature]) -> Cross:
        if isinstance(value, dict):
            value = deserialize_keras_object(value)
        cross = value if isinstance(value, Cross) else Cross(value, self.crossing_dim)
        if not set(cross.feature_names) <= set(features):
            raise ValueError(
                "All features referenced in the `crosses` argument should be present in the `features` dict. "
                f"Received unknown features: {cross.feature_names}"
            )
        return cross

    def _learners(self) -> list[str]:
        """Columns whose layers have something to learn."""
        return [
            name
            for name, feature in self.features.items()
            if isinstance(feature.preprocessor, _LEARNING) and not _given(feature.preprocessor)
        ]

    def adapt(self, dataset: Any) -> None:
        """Learn vocabularies, statistics and ranges.

        Args:
            dataset: a dictionary of columns, or an iterable of them.
        """
        rows = [dataset] if isinstance(dataset, dict) else list(dataset)
        if not rows or not all(isinstance(row, dict) for row in rows):
            raise ValueError(
                "`adapt()` can only be called on a dataset of dictionaries of columns. "
                f"Received: dataset={dataset!r:.100}"
            )
        for name in self._learners():
            layer: Any = self.features[name].preprocessor
            layer.adapt(iter([_column(row[name]) for row in rows]))
        self._adapted = self.built = True

    def _encoded(self, columns: dict[str, Any]) -> Any:
        """What the columns (batch, 1) become."""
        values = {name: self.preprocessors[name](columns[name]) for name in sorted(self.features)}
        crossed = {
            cross.name: self.crossers[cross.name]([values[name] for name in cross.feature_names])
            for cross in sorted(self.crosses, key=lambda cross: cross.name)
        }
        modes = {name: feature.output_mode for name, feature in self.features.items()}
        modes |= {cross.name: cross.output_mode for cross in self.crosses}
        layers = {**self.preprocessors, **self.crossers}
        found = {
            name: CategoryEncoding(_size_of(layers[name]), "one_hot", name=f"{name}_encoder")(value)
            if modes[name] == "one_hot"
            else value
            for name, value in {**values, **crossed}.items()
        }
        if self.output_mode == "dict":
            return found
        for name, value in found.items():
            kind = value.dtype if isinstance(value, KerasTensor) else str(value.dtype).removeprefix("torch.")
            if not kind.startswith(("float", "bfloat")):
                raise ValueError(
                    f"Cannot concatenate features because feature '{name}' has not been encoded (it has "
                    f"dtype "
                    f"{kind}). Consider using `output_mode='dict'`."
                )
        return concatenate(list(found.values()), axis=-1) if len(found) > 1 else next(iter(found.values()))

    def __call__(self, data: Any, *args: Any, **kwargs: Any) -> Any:
        """The vectors of the rows of a dictionary of columns, of a single row, or of symbolic columns."""
        missing = [name for name in self.features if not isinstance(data, dict) or name not in data]
        if missing:
            raise ValueError(
                f"Layer '{self.name}' expects the columns {list(self.features)}. Missing: {missing}"
            )
        if not self._adapted:
            raise ValueError(
                "You need to call `.adapt(dataset)` on the FeatureSpace before you can start using it."
            )
        if any_symbolic(data):
            return self._encoded(data)
        arrays = {name: as_data(data[name]) for name in self.features}
        single = all(array.ndim == 0 for array in arrays.values())
        found = self._encoded({name: _column(array) for name, array in arrays.items()})
        if not single:
            return found
        return {key: value[0] for key, value in found.items()} if isinstance(found, dict) else found[0]

    def get_inputs(self) -> dict[str, Any]:
        """Symbolic columns, to make a model of."""
        if "_symbols" not in self.__dict__:
            self.__dict__["_symbols"] = {
                name: Input((1,), dtype=feature.dtype, name=name) for name, feature in self.features.items()
            }
        return self.__dict__["_symbols"]

    def get_encoded_features(self) -> Any:
        """What the symbolic columns become."""
        if not self._adapted:
            raise ValueError(
                "You need to call `.adapt(dataset)` on the FeatureSpace before you can start using it."
            )
        return self._encoded(self.get_inputs())

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {
            "features": {key: serialize_keras_object(feature) for key, feature in self.features.items()},
            "output_mode": self.output_mode,
            "crosses": [serialize_keras_object(cross) for cross in self.crosses],
            "crossing_dim": self.crossing_dim,
            "hashing_dim": self.hashing_dim,
            "num_discretization_bins": self.num_discretization_bins,
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """A feature space from :meth:`get_config`."""
        return cls(**config)

    def get_build_config(self) -> dict[str, Any]:
        """The shapes that the layers of the columns were built with."""
        return {name: layer.get_build_config() or {} for name, layer in self.preprocessors.items()}

    def build_from_config(self, config: dict[str, Any]) -> None:
        """Build the layers of the columns; what they have learned is read from the file next."""
        for name, built in config.items():
            if name in self.preprocessors and built:
                self.preprocessors[name].build_from_config(built)
        self._adapted = self.built = True

    def save(self, filepath: Any) -> None:
        """Write a ``.keras`` file, for `tkeras.models.load_model`."""
        from tkeras.saving import save_model

        save_model(self, filepath)


def _given(layer: Any) -> bool:
    """Whether a layer that could learn was given what it needs."""
    known = ("input_vocabulary", "input_bin_boundaries", "input_mean")
    inner = getattr(layer, "_lookup_layer", layer)
    return any(getattr(inner, name, None) is not None for name in known)


def _column(value: Any) -> Any:
    """Values as (batch, 1)."""
    array = as_data(value)
    if array.ndim == 0:
        array = array.reshape(1)
    return array.reshape(-1, 1) if array.ndim == 1 else array


def _size_of(layer: Any) -> int:
    """How many integers a preprocessor may give."""
    if isinstance(layer, (IndexLookup, TextVectorization)):
        return layer.vocabulary_size()
    if isinstance(layer, Discretization):
        return len(layer.bin_boundaries or ()) + 1
    if isinstance(layer, (Hashing, HashedCrossing)):
        return layer.num_bins
    if isinstance(layer, CategoryEncoding):
        return layer.num_tokens or 0
    raise ValueError(
        f"Layer '{layer.name}' does not say how many values it gives, so they cannot be one-hot encoded."
    )
