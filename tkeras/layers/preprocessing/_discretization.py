"""`Discretization`: numbers to the index of the range they lie in."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from tkeras.graph import KerasTensor
from tkeras.layers.preprocessing._encoding import ENCODINGS, check_dense, check_mode, encode, encoded_shape
from tkeras.layers.preprocessing._feature import FeatureLayer, batches
from tkeras.saving import public


def _thinned(sketch: np.ndarray, epsilon: float) -> np.ndarray:
    """Of values with weights (2, size) about ``1 / epsilon``: those at equal shares of the weight."""
    if sketch.shape[1] * epsilon < 1:
        return sketch
    shares = epsilon + np.arange(0.0, 1.0, epsilon)
    weights = sketch[1].cumsum()
    places = weights / weights[-1]
    sums = np.interp(shares, places, weights)
    return np.stack([np.interp(shares, places, sketch[0]), np.diff(sums, prepend=0.0)]).astype("float32")


@public("keras.layers.Discretization")
class Discretization(FeatureLayer):
    """Puts numbers into ranges that are given or learned by :meth:`adapt`.

    Args:
        bin_boundaries: where a range ends and the next begins, rising; the outer ranges are unbounded.
        num_bins: how many ranges to learn instead, with about equal numbers of values.
        epsilon: tolerance of the learned boundaries.
        output_mode: ``"int"`` (default), ``"one_hot"``, ``"multi_hot"`` or ``"count"``.
        sparse: only False.

    Output: int32 indices in the shape of the inputs, or encodings in the compute type.
    """

    def __init__(
        self,
        bin_boundaries: Any = None,
        num_bins: int | None = None,
        epsilon: float = 0.01,
        output_mode: str = "int",
        sparse: bool = False,
        dtype: Any = None,
        name: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(name=name, dtype=dtype, **kwargs)
        if bin_boundaries is None and num_bins is None:
            raise ValueError("You need to set either `num_bins` or `bin_boundaries`.")
        if num_bins is not None and num_bins < 0:
            raise ValueError(
                f"`num_bins` must be greater than or equal to 0. Received: `num_bins={num_bins}`"
            )
        self.sparse = check_dense(sparse)
        self.output_mode = check_mode("Discretization", output_mode, ("int", *ENCODINGS))
        self.num_bins, self.epsilon = num_bins, epsilon
        self.input_bin_boundaries = bin_boundaries
        self.bin_boundaries = None if bin_boundaries is None else [float(b) for b in bin_boundaries]
        self._sketch = np.zeros((2, 0), dtype="float32")

    def adapt(self, data: Any, steps: int | None = None) -> None:
        """Learn the boundaries.

        Args:
            data: an array or tensor, or an iterable of them.
            steps: how many of an iterable to take.
        """
        if self.input_bin_boundaries is not None:
            raise ValueError(
                "Cannot adapt a Discretization layer that has been initialized with `bin_boundaries`, use "
                "`num_bins` instead."
            )
        self.reset_state()
        for batch in batches(data, steps):
            self.update_state(batch)
        self.finalize_state()

    def update_state(self, data: Any) -> None:
        """Take a batch into what the boundaries are computed from."""
        values = (data.cpu().numpy() if isinstance(data, torch.Tensor) else np.asarray(data)).astype(
            "float32"
        )
        values = values.reshape(-1)
        both = np.concatenate([np.stack([values, np.ones_like(values)]), self._sketch], axis=1)
        self._sketch = _thinned(both[:, np.argsort(both[0])], self.epsilon)

    def finalize_state(self) -> None:
        """Compute the boundaries."""
        if self.input_bin_boundaries is None and self.num_bins:
            self.bin_boundaries = _thinned(self._sketch, 1.0 / self.num_bins)[0, :-1].tolist()

    def reset_state(self) -> None:
        """Forget what was learned."""
        if self.input_bin_boundaries is None:
            self._sketch, self.bin_boundaries = np.zeros((2, 0), dtype="float32"), None

    def call(self, inputs: Any) -> Any:
        """Indices, or their encoding."""
        if self.bin_boundaries is None:
            raise ValueError(
                "You need to either pass the `bin_boundaries` argument at construction time or call "
                "`adapt(dataset)` before you can start using the `Discretization` layer."
            )
        values = inputs if inputs.is_floating_point() else inputs.float()
        edges = torch.tensor(self.bin_boundaries, dtype=values.dtype, device=values.device)
        indices = torch.bucketize(values, edges, right=True, out_int32=True)
        if self.output_mode == "int":
            return indices
        kind: torch.dtype = self._compute_type
        return encode(indices, self.output_mode, len(edges) + 1, kind)

    def compute_output_spec(self, inputs: Any) -> Any:
        """Symbolic indices or encodings."""
        if self.output_mode == "int":
            return KerasTensor(inputs.shape, "int32")
        depth = self.num_bins if self.bin_boundaries is None else len(self.bin_boundaries) + 1
        return KerasTensor(encoded_shape(inputs.shape, self.output_mode, depth), self.compute_dtype)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Shape of the output."""
        return self.compute_output_spec(KerasTensor(input_shape)).shape

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments; boundaries that were learned are among them, so nothing else is saved."""
        return {
            "bin_boundaries": self.bin_boundaries, "num_bins": self.num_bins, "epsilon": self.epsilon,
            "output_mode": self.output_mode, "sparse": self.sparse, "name": self.name,
            "dtype": self.dtype_policy.name,
        }  # fmt: skip
