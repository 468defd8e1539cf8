"""``tf.config``: the devices of this machine."""

from __future__ import annotations

from typing import NamedTuple

import torch


class PhysicalDevice(NamedTuple):
    """A device by TensorFlow's name."""

    name: str
    device_type: str


def list_physical_devices(device_type: str | None = None) -> list[PhysicalDevice]:
    """The processor and the GPUs that torch sees."""
    found = [PhysicalDevice("/physical_device:CPU:0", "CPU")]
    found += [
        PhysicalDevice(f"/physical_device:GPU:{index}", "GPU") for index in range(torch.cuda.device_count())
    ]
    return [device for device in found if device_type in (None, device.device_type)]


def list_logical_devices(device_type: str | None = None) -> list[PhysicalDevice]:
    """The same devices."""
    return [
        PhysicalDevice(device.name.replace("physical_", ""), device.device_type)
        for device in list_physical_devices(device_type)
    ]


def set_memory_growth(device: PhysicalDevice, enable: bool) -> None:
    """Torch takes memory as it is needed, which is what True asks for.

    Raises:
        ValueError: False.
    """
    if not enable:
        raise ValueError("Memory always grows as needed here; `enable=False` is not supported.")


def run_functions_eagerly(run_eagerly: bool) -> None:
    """``tf.function`` is eager in any case."""


def is_gpu_available(cuda_only: bool = False, min_cuda_compute_capability: object = None) -> bool:
    """Whether torch sees a GPU."""
    return torch.cuda.is_available()


def gpu_device_name() -> str:
    """``"/device:GPU:0"``, or nothing."""
    return "/device:GPU:0" if torch.cuda.is_available() else ""


def is_built_with_cuda() -> bool:
    """Whether torch was built for CUDA."""
    return torch.version.cuda is not None
