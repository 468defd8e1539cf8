"""Devices in a grid, and how tensors would lie on it."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, MutableMapping, Sequence
from typing import Any

import numpy as np
import torch


def list_devices(device_type: str | None = None) -> list[str]:
    """Names such as ``"gpu:0"`` of the devices of this process: GPUs where there are some, else the CPU.

    Args:
        device_type: ``"cpu"`` or ``"gpu"``; default: the fastest there is.
    """
    gpus = torch.cuda.device_count()
    kind = (device_type or ("gpu" if gpus else "cpu")).lower()
    if kind not in ("cpu", "gpu", "cuda"):
        raise ValueError(f"Expected `device_type` 'cpu' or 'gpu'. Received: device_type={device_type}")
    return ["cpu:0"] if kind == "cpu" else [f"gpu:{index}" for index in range(gpus)]


def get_device_count(device_type: str | None = None) -> int:
    """Number of :func:`list_devices`."""
    return len(list_devices(device_type))


class DeviceMesh:
    """A grid of devices with a name for each axis.

    Args:
        shape: sizes of the grid.
        axis_names: one for each size.
        devices: names; default: :func:`list_devices`.
    """

    def __init__(self, shape: Sequence[int], axis_names: Sequence[str], devices: Any = None):
        if not shape or not axis_names:
            raise ValueError(
                f"Shape and axis_names cannot be empty. Received: shape={shape}, axis_names={axis_names}"
            )
        if len(shape) != len(axis_names):
            raise ValueError(
                "Shape and axis_names should have same size. "
                f"Received: shape={shape}, axis_names={axis_names}"
            )
        grid = np.array(list_devices() if devices is None else devices)
        if math.prod(shape) != grid.size:
            raise ValueError(
                "Shape does not match the number of devices. "
                f"Received: shape={shape}; devices.shape={grid.shape}"
            )
        self.shape, self.axis_names, self.devices = shape, axis_names, grid.reshape(shape)

    def __repr__(self) -> str:
        return f"<DeviceMesh shape={self.shape}, axis_names={self.axis_names}>"


class TensorLayout:
    """Which axes of a mesh the axes of a tensor are cut along.

    Args:
        axes: a name of the mesh, or None, for each axis of the tensor.
        device_mesh: the mesh; can be set later, once.
    """

    def __init__(self, axes: Sequence[str | None], device_mesh: DeviceMesh | None = None):
        self.axes, self._mesh = tuple(axes), device_mesh
        self._check()

    @property
    def device_mesh(self) -> DeviceMesh | None:
        """The mesh."""
        return self._mesh

    @device_mesh.setter
    def device_mesh(self, mesh: DeviceMesh) -> None:
        if self._mesh is not None:
            raise ValueError(f"Cannot override device mesh value. Existing value is {self._mesh}")
        self._mesh = mesh
        self._check()

    def _check(self) -> None:
        used = {axis for axis in self.axes if axis is not None}
        if self._mesh is not None and not used <= {*self._mesh.axis_names}:
            raise ValueError(
                f"Invalid axis names for Layout. Valid axis names: { {*self._mesh.axis_names} }, Got {used}"
            )

    def __repr__(self) -> str:
        return f"<TensorLayout axes={self.axes}, device_mesh={self._mesh}>"


class LayoutMap(MutableMapping[str, TensorLayout]):
    """Layouts by the path of a variable, or by a pattern that its whole path matches.

    Args:
        device_mesh: of layouts that have none.
    """

    def __init__(self, device_mesh: DeviceMesh | None):
        self.device_mesh = device_mesh
        self._map: dict[str, TensorLayout] = {}

    def __getitem__(self, key: str) -> Any:
        if key in self._map:
            return self._map[key]
        matching = [pattern for pattern in self._map if re.fullmatch(pattern, key)]
        if len(matching) > 1:
            raise ValueError(
                f"Path '{key}' matches multiple layout specification keys: {matching}. Please make sure each "
                "tensor/variable path only matches at most one layout specification key in the LayoutMap."
            )
        return self._map[matching[0]] if matching else None

    def __setitem__(self, key: str, layout: Any) -> None:
        if key in self._map:
            raise ValueError(
                f"{key} already exist in the LayoutMap with value {self._map[key]}. Please make sure to not "
                "use duplicated keys."
            )
        if isinstance(layout, tuple):
            layout = TensorLayout(layout)
        if not isinstance(layout, TensorLayout):
            raise ValueError(f"{layout} should be a TensorLayout type, got {type(layout)}")
        if layout.device_mesh is None and self.device_mesh is not None:
            layout.device_mesh = self.device_mesh
        self._map[key] = layout

    def __delitem__(self, key: str) -> None:
        del self._map[key]

    def __len__(self) -> int:
        return len(self._map)

    def __iter__(self) -> Iterator[str]:
        return iter(self._map)
