"""The state of a model in an HDF5 file, in the layout of Keras 3: ``<path of the part>/vars/<index>``."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any

import numpy as np
import torch

from tkeras.layers._layer import Layer
from tkeras.layers._saving import OwnVariables
from tkeras.optimizers import Optimizer
from tkeras.random import SeedGenerator
from tkeras.saving._h5 import SafeGroup
from tkeras.saving._saveables import saveables

Assignment = tuple[torch.Tensor, np.ndarray]


class WriteStore(MutableMapping[str, Any]):
    """What ``save_own_variables`` fills: arrays by name, in the group ``vars`` of one part."""

    def __init__(self, file: Any, path: str, name: Any):
        self._file, self._path = file, f"{path}/vars" if path else "vars"
        self._group: Any = None
        if isinstance(name, str):
            self._make().attrs["name"] = name

    def _make(self) -> Any:
        if self._group is None:
            self._group = self._file.require_group(self._path)
        return self._group

    def __setitem__(self, key: str, value: Any) -> None:
        self._make()[key] = as_array(value)

    def __getitem__(self, key: str) -> np.ndarray:
        return self._make()[key][()]

    def __delitem__(self, key: str) -> None:
        del self._make()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._make())

    def __len__(self) -> int:
        return len(self._make())


class ReadStore(Mapping[str, Any]):
    """What ``load_own_variables`` reads: arrays by name; empty where the file has no such group."""

    def __init__(self, group: SafeGroup | None):
        self._group = group

    def __getitem__(self, key: str) -> np.ndarray:
        if self._group is None or key not in self._group:
            raise KeyError(key)
        return self._group.array(key)

    def __iter__(self) -> Iterator[str]:
        return iter(self._group.keys() if self._group is not None else ())

    def __len__(self) -> int:
        return len(self._group.keys()) if self._group is not None else 0


def as_array(value: Any) -> np.ndarray:
    """A tensor or array as an array that HDF5 can hold: bfloat16 as float32."""
    if isinstance(value, torch.Tensor):
        value = value.detach().cpu()
        value = (value.float() if value.dtype is torch.bfloat16 else value).numpy()
    return np.asarray(value)


def write_state(model: Any, file: Any, random_state: bool, optimizer: bool = True) -> None:
    """Write the variables of all parts of a model.

    Args:
        file: an open HDF5 file or group.
        random_state: also write where the random generators of layers stand, which Keras leaves out.
        optimizer: also write the optimizer's state.
    """
    skip = () if optimizer else (model.optimizer,)
    for path, part in saveables(model, skip).items():
        if isinstance(part, SeedGenerator):
            if random_state:
                WriteStore(file, path, None)["0"] = part.state
        elif isinstance(part, (Layer, Optimizer)):
            part.save_own_variables(WriteStore(file, path, part.name))
        elif isinstance(part, torch.nn.Module):
            WriteStore(file, path, None).update(part.state_dict())


def read_state(model: Any, root: SafeGroup, skip_mismatch: bool = False, skip: Any = ()) -> None:
    """Read the variables of all parts of a model; nothing is changed unless all of them fit.

    Args:
        skip_mismatch: leave parts alone whose variables are absent or of other shapes, with a warning.
        skip: parts to leave alone.

    Raises:
        ValueError: variables that are absent, of another number or of another shape.
    """
    assignments: list[Assignment] = []
    own_way: list[tuple[Any, ReadStore]] = []
    for path, part in saveables(model, skip).items():
        group = _group_of(root, path)
        if _loads_itself(part):
            own_way.append((part, ReadStore(group)))
            continue
        try:
            assignments += _assignments(part, group)
        except ValueError as error:
            if not skip_mismatch:
                raise ValueError(
                    f"{_label(part)} cannot take its weights from {root.file}: {error}"
                ) from error
            warnings.warn(f"{_label(part)} could not be loaded and is left as it is: {error}", stacklevel=4)
    assign(assignments)
    for part, store in own_way:
        part.load_own_variables(store)


def _label(part: Any) -> str:
    kind = "Layer" if isinstance(part, Layer) else type(part).__name__
    return f"{kind} '{getattr(part, 'name', '')}'"


def _group_of(root: SafeGroup, path: str) -> SafeGroup | None:
    """The variables of a part; Keras 2.13 had another word for ``layers``."""
    found = root.find(f"{path}/vars" if path else "vars")
    if found is None and "layers" in path and "_layer_checkpoint_dependencies" in root:
        found = root.find(f"{path.replace('layers', '_layer_checkpoint_dependencies')}/vars")
    return found


def _loads_itself(part: Any) -> bool:
    """Whether a part has a `load_own_variables` of its own making."""
    plain = (OwnVariables.load_own_variables, Optimizer.load_own_variables)
    return isinstance(part, (Layer, Optimizer)) and type(part).load_own_variables not in plain


def _assignments(part: Any, group: SafeGroup | None) -> list[Assignment]:
    """The variables of a part with their values from the file.

    Raises:
        ValueError: they do not fit.
    """
    if isinstance(part, Layer):
        return _by_index(part._own_variables(), group, part)
    if isinstance(part, Optimizer):
        return _of_optimizer(part, group)
    if isinstance(part, SeedGenerator):
        return [] if group is None else [(part.state, group.read("0", (2,)))]
    if isinstance(part, torch.nn.Module):
        state = part.state_dict()
        if state and group is None:
            raise ValueError("the file does not have them")
        return [
            (tensor, group.read(name, tuple(tensor.shape)))
            for name, tensor in state.items()
            if group is not None
        ]
    return []


def _by_index(variables: list[Any], group: SafeGroup | None, part: Any) -> list[Assignment]:
    count = 0 if group is None else len(group.keys())
    if count != len(variables):
        hint = "" if getattr(part, "built", True) else "; it was never built"
        raise ValueError(f"the file has {count} variables, the layer {len(variables)}{hint}")
    if group is None:
        return []
    return [
        (variable, group.read(str(index), tuple(variable.shape))) for index, variable in enumerate(variables)
    ]


def _of_optimizer(optimizer: Optimizer, group: SafeGroup | None) -> list[Assignment]:
    """Nothing for an optimizer that has no state yet, on one side or the other."""
    variables, count = optimizer.variables, 0 if group is None else len(group.keys())
    if group is None or not optimizer.built or count <= 2 < len(variables):
        return []
    if count != len(variables):
        warnings.warn(
            f"Skipping variable loading for optimizer '{optimizer.name}', because it has {len(variables)}"
            f" variables whereas the saved optimizer has {count} variables.",
            stacklevel=6,
        )
        return []
    return _by_index(variables, group, optimizer)


def assign(assignments: list[Assignment]) -> None:
    """Copy the values into the variables."""
    with torch.no_grad():
        for variable, value in assignments:
            variable.copy_(torch.from_numpy(np.ascontiguousarray(value)).reshape(variable.shape))
