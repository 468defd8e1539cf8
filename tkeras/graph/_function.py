"""`Function`: a graph of calls from given inputs to given outputs, as one operation."""

from __future__ import annotations

from typing import Any

from tkeras.graph._keras_tensor import KerasTensor
from tkeras.graph._operation import Operation
from tkeras.graph._plan import Plan
from tkeras.graph._tree import flatten, map_structure


class Function(Operation):
    """The computation of ``outputs`` from ``inputs``.

    Args:
        inputs: structure of symbolic tensors.
        outputs: structure of symbolic tensors made from them.
        name: default: a generated one.

    Raises:
        ValueError: something else than symbolic tensors, or outputs that need more than ``inputs``.
    """

    def __init__(self, inputs: Any, outputs: Any, name: str | None = None):
        super().__init__(name)
        for kind, structure in (("inputs", inputs), ("outputs", outputs)):
            wrong = [leaf for leaf in flatten(structure) if not isinstance(leaf, KerasTensor)]
            if wrong:
                raise ValueError(
                    f"`{kind}` must be KerasTensors. Received: {wrong[0]!r:.80} in {kind}={structure}"
                )
        self._plan = Plan(flatten(inputs), outputs)
        self._inputs, self._outputs = inputs, outputs

    @property
    def operations(self) -> list[Any]:
        """The layers and functions called, each once."""
        return list(self._plan.operations)

    @property
    def inputs(self) -> list[KerasTensor]:
        """The symbolic inputs, flat."""
        return flatten(self._inputs)

    @property
    def outputs(self) -> list[KerasTensor]:
        """The symbolic outputs, flat."""
        return flatten(self._outputs)

    def call(self, inputs: Any) -> Any:
        """The outputs for values in the structure of the inputs."""
        values = flatten(inputs)
        if len(values) != len(self.inputs):
            raise ValueError(
                f"Function '{self.name}' expects {len(self.inputs)} input(s). Received: {len(values)}"
            )
        return self._plan.run(values)

    def compute_output_spec(self, inputs: Any) -> Any:
        """Symbolic outputs for symbolic inputs."""
        if [t.shape for t in flatten(inputs)] == [t.shape for t in self.inputs]:
            return map_structure(lambda t: KerasTensor(t.shape, t.dtype), self._outputs)
        return self._plan.run(
            flatten(inputs), lambda operation, args, kwargs: operation.compute_output_spec(*args, **kwargs)
        )
