"""`OwnVariables`: how a layer's own variables go into files and come back; subclasses may override both."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from typing import Any

from tkeras.graph import Variable


class OwnVariables:
    """The hooks of saving: variables by position, as Keras stores them."""

    name: str
    built: bool
    _variables: list[Variable]

    def _own_variables(self) -> list[Variable]:
        """The layer's own variables, trainable ones first."""
        return sorted(self._variables, key=lambda variable: not variable._declared_trainable)

    def save_own_variables(self, store: MutableMapping[str, Any]) -> None:
        """Put the layer's own variables into ``store``, as arrays by name."""
        for index, variable in enumerate(self._own_variables()):
            store[str(index)] = variable.numpy()

    def load_own_variables(self, store: Mapping[str, Any]) -> None:
        """Take the layer's own variables from ``store``.

        Raises:
            ValueError: another number of variables, or an array of another shape.
        """
        variables = self._own_variables()
        if len(store.keys()) != len(variables):
            hint = "" if variables or self.built else " The layer was never built; build it first."
            raise ValueError(
                f"Layer '{self.name}' expected {len(variables)} variables, but received {len(store.keys())} "
                f"variables during loading. Expected: {[variable.name for variable in variables]}.{hint}"
            )
        for index, variable in enumerate(variables):
            variable.assign(store[str(index)])
