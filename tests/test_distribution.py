"""Meshes, layouts and distributions: one device works, more are refused with the way to go."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import tkeras
from tkeras import distribution

ONE = distribution.DeviceMesh((1,), ["batch"], ["cpu:0"])
TWO = distribution.DeviceMesh((1, 2), ["a", "b"], ["cpu:0", "cpu:1"])


def test_devices_of_a_process() -> None:
    assert distribution.list_devices("cpu") == ["cpu:0"]
    assert distribution.get_device_count("gpu") == torch.cuda.device_count()
    with pytest.raises(ValueError, match="device_type"):
        distribution.list_devices("tpu")


def test_a_model_trains_in_a_distribution() -> None:
    spread = distribution.DataParallel(devices=["cpu:0"])
    distribution.set_distribution(spread)
    try:
        assert distribution.distribution() is spread
        model = tkeras.Sequential([tkeras.layers.Dense(1)])
        model.compile("sgd", "mse")
        x = np.ones((4, 3), "float32")
        assert model.fit(x, x[:, :1], verbose=0).history["loss"][0] >= 0
    finally:
        distribution.set_distribution(None)
    with spread.scope():
        assert distribution.distribution() is spread
    assert distribution.distribution() is None
    assert spread.get_data_layout((4, 2)).axes == ("batch", None)
    assert spread.get_variable_layout(model.layers[0].kernel).axes == (None, None)
    assert torch.equal(
        distribution.distribute_tensor(torch.ones(2), distribution.TensorLayout([None], ONE)), torch.ones(2)
    )


@pytest.mark.parametrize(
    "call",
    [
        lambda: distribution.DataParallel(devices=["cpu:0", "cpu:1"]),
        lambda: distribution.DataParallel(TWO),
        lambda: distribution.ModelParallel(layout_map=distribution.LayoutMap(TWO)),
        lambda: distribution.distribute_tensor(torch.ones(2), distribution.TensorLayout([None], TWO)),
        lambda: distribution.initialize(num_processes=2),
    ],
)
def test_several_devices_are_refused(call) -> None:
    with pytest.raises(ValueError, match="torchrun"):
        call()


def test_layouts_of_variables() -> None:
    layouts = distribution.LayoutMap(ONE)
    layouts["d.*kernel"] = distribution.TensorLayout([None, "batch"])
    layouts["d.*bias"] = ("batch",)
    spread = distribution.ModelParallel(layout_map=layouts)
    dense = tkeras.layers.Dense(2, name="d")
    dense.build((None, 3))
    assert spread.get_variable_layout(dense.kernel).axes == (None, "batch")
    assert spread.get_tensor_layout("other") is None
    distribution.initialize()
