"""Distributions over the one device that a process of tkeras has."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch

from tkeras.distribution._mesh import DeviceMesh, LayoutMap, TensorLayout, list_devices

_SEVERAL = (
    "More than one device is torch.distributed's business: a model is a torch module, so wrap it in "
    "DistributedDataParallel or FSDP and start the script with torchrun."
)
_active: ContextVar[Distribution | None] = ContextVar("distribution", default=None)


class Distribution:
    """Where variables and batches lie. Here that is one device; a grid of several is refused.

    Args:
        device_mesh: the grid.
        batch_dim_name: its axis for batches.
        auto_shard_dataset: whether several processes share a data set; there is one.

    Raises:
        ValueError: the grid has several devices.
    """

    num_processes = num_model_replicas = 1
    data_shard_id = 0

    def __init__(
        self, device_mesh: DeviceMesh, batch_dim_name: str | None = None, auto_shard_dataset: bool = True
    ):
        if device_mesh.devices.size != 1:
            raise ValueError(f"{_SEVERAL} Received: device_mesh={device_mesh}")
        self.device_mesh, self.auto_shard_dataset = device_mesh, auto_shard_dataset
        self.batch_dim_name = batch_dim_name or device_mesh.axis_names[0]

    def get_data_layout(self, data_shape: Sequence[int]) -> TensorLayout:
        """The layout of a batch."""
        return TensorLayout([self.batch_dim_name] + [None] * (len(data_shape) - 1), self.device_mesh)

    def get_variable_layout(self, variable: Any) -> TensorLayout:
        """The layout of a variable."""
        return TensorLayout([None] * len(variable.shape), self.device_mesh)

    def get_tensor_layout(self, path: str) -> TensorLayout | None:
        """The layout of a layer's output, None where there is none."""
        return None

    def distribute_dataset(self, dataset: Any) -> Any:
        """The part of a data set for this process: all of it."""
        return dataset

    @contextmanager
    def scope(self) -> Iterator[None]:
        """Make it the current distribution inside a ``with`` block."""
        token = _active.set(self)
        try:
            yield
        finally:
            _active.reset(token)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} device_mesh={self.device_mesh}>"


class DataParallel(Distribution):
    """Batches are shared out, variables copied.

    Args:
        device_mesh: the grid, of one axis.
        devices: or the names of the devices; default: all of ``list_devices()``.
        auto_shard_dataset: see :class:`Distribution`.
    """

    def __init__(
        self,
        device_mesh: DeviceMesh | None = None,
        devices: Sequence[str] | None = None,
        auto_shard_dataset: bool = True,
    ):
        if device_mesh is not None and not isinstance(device_mesh, DeviceMesh):
            raise ValueError(
                "Expect `mesh` to be an instance of `DeviceMesh`. "
                f"Received: mesh={device_mesh} (of type {type(device_mesh)})"
            )
        if device_mesh is None:
            names = list_devices() if devices is None else list(devices)
            device_mesh = DeviceMesh((len(names),), ["batch"], names)
        super().__init__(device_mesh, device_mesh.axis_names[0], auto_shard_dataset)


class ModelParallel(Distribution):
    """Variables are cut as a :class:`LayoutMap` says.

    Args:
        layout_map: layouts of variables and outputs.
        batch_dim_name: axis of the grid for batches; default: its first.
        auto_shard_dataset: see :class:`Distribution`.
    """

    def __init__(
        self,
        *,
        layout_map: LayoutMap | None = None,
        batch_dim_name: str | None = None,
        auto_shard_dataset: bool = True,
    ):
        if layout_map is None:
            raise ValueError("You must specify a layout_map argument.")
        if not isinstance(layout_map, LayoutMap) or layout_map.device_mesh is None:
            raise ValueError(
                f"Expected a LayoutMap with a device mesh. Received: layout_map={layout_map} "
                f"(of type {type(layout_map)})"
            )
        super().__init__(layout_map.device_mesh, batch_dim_name, auto_shard_dataset)
        self._layouts = layout_map

    def get_variable_layout(self, variable: Any) -> TensorLayout:
        found = self._layouts[variable.path]
        return super().get_variable_layout(variable) if found is None else found

    def get_tensor_layout(self, path: str) -> TensorLayout | None:
        return self._layouts[path]


def distribution() -> Distribution | None:
    """The current distribution, or None."""
    return _active.get()


def set_distribution(value: Distribution | None) -> None:
    """Make ``value`` the current distribution."""
    if value is not None and not isinstance(value, Distribution):
        raise ValueError(f"Expected a Distribution or None. Received: value={value}")
    _active.set(value)


def distribute_tensor(tensor: torch.Tensor, layout: TensorLayout) -> torch.Tensor:
    """The tensor on the one device of the layout's mesh.

    Raises:
        ValueError: the mesh has several devices, or there is none.
    """
    mesh = layout.device_mesh
    if mesh is None:
        raise ValueError(f"Expected a layout with a device mesh. Received: layout={layout}")
    if mesh.devices.size != 1:
        raise ValueError(f"{_SEVERAL} Received: layout={layout}")
    return tensor.to(str(mesh.devices.flat[0]).replace("gpu", "cuda"))


def initialize(
    job_addresses: str | None = None, num_processes: int | None = None, process_id: int | None = None
) -> None:
    """Nothing to do for one process.

    Raises:
        ValueError: several processes are asked for.
    """
    if job_addresses is not None or (num_processes or 1) != 1 or process_id:
        raise ValueError(
            f"{_SEVERAL} Received: job_addresses={job_addresses}, num_processes={num_processes}, "
            f"process_id={process_id}"
        )
