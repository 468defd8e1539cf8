"""Random image layers in training: new draws at every step, eager and as a program; types; errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import tkeras
from tkeras import layers

X = (np.random.default_rng(0).random((4, 8, 8, 3)) * np.linspace(0, 1, 8)[:, None] * 255).astype("float32")


@pytest.mark.parametrize(
    "make",
    [
        lambda: layers.RandomFlip("horizontal", seed=1),
        lambda: layers.RandomRotation(0.3, seed=1),
        lambda: layers.RandomCrop(6, 6, seed=1),
        lambda: layers.Pipeline([layers.RandomBrightness(0.3, seed=1), layers.RandomContrast(0.3, seed=2)]),
    ],
)
@pytest.mark.filterwarnings("error")
def test_every_step_draws_anew_eager_and_as_a_program(make: Any) -> None:
    losses = []
    for program in (False, True):
        inputs = tkeras.Input((8, 8, 3))
        hidden = layers.Flatten()(make()(inputs))
        model = tkeras.Model(
            inputs, layers.Dense(1, kernel_initializer=tkeras.initializers.RandomNormal(seed=3))(hidden)
        )
        model.compile(tkeras.optimizers.SGD(0.0), "mse", jit_compile=program)
        losses.append(
            model.fit(X, np.zeros((4, 1)), epochs=6, batch_size=4, shuffle=False, verbose=0).history["loss"]
        )
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-5)
    assert len(np.unique(np.round(losses[0], 3))) > 2


@pytest.mark.parametrize(
    "name", ["RandomFlip", "RandomBrightness", "RandomSaturation", "RandomGrayscale", "AutoContrast"]
)
def test_integer_images_come_out_in_the_compute_type(name: str) -> None:
    arguments = {"factor": 0.3} if name in ("RandomBrightness", "RandomSaturation") else {}
    pixels = torch.randint(0, 256, (2, 5, 6, 3), dtype=torch.uint8)
    for training in (True, False):
        assert getattr(layers, name)(**arguments)(pixels, training=training).dtype == torch.float32
    half = getattr(layers, name)(**arguments, dtype="bfloat16")
    assert half(pixels, training=True).dtype == torch.bfloat16
    assert half(tkeras.Input((5, 6, 3), dtype="uint8")).dtype == "bfloat16"
    assert layers.Resizing(3, 3)(pixels).dtype == torch.uint8
    assert layers.Resizing(3, 3)(tkeras.Input((5, 6, 3), dtype="uint8")).dtype == "uint8"


def test_what_is_mixed_and_moved_together_is_checked() -> None:
    images, boxes = torch.rand(2, 8, 8, 3), {"boxes": torch.zeros(2, 1, 4), "labels": torch.zeros(2, 1)}
    with pytest.raises(ValueError, match="must be one-hot rows"):
        layers.MixUp()({"images": images, "labels": torch.tensor([0, 1])}, training=True)
    with pytest.raises(ValueError, match="give it `bounding_box_format`"):
        layers.RandomFlip()({"images": images, "bounding_boxes": boxes}, training=True)
    with pytest.raises(NotImplementedError, match="does not transform bounding boxes"):
        layers.RandomPerspective(bounding_box_format="xyxy")(
            {"images": images, "bounding_boxes": boxes}, training=True
        )
    with pytest.raises(ValueError, match="rank 3"):
        layers.RandomFlip()(torch.zeros(2, 2))
    more = layers.MaxNumBoundingBoxes(3, fill_value=-1)({"images": images, "bounding_boxes": boxes})
    assert more["bounding_boxes"]["boxes"].shape == (2, 3, 4)
    assert more["bounding_boxes"]["labels"].tolist() == [[0, -1, -1]] * 2


@pytest.mark.parametrize("kind", ["RandAugment", "AugMix"])
def test_policies_are_repeatable_and_stay_within_the_range(kind: str) -> None:
    x = torch.rand(3, 12, 14, 3) * 255
    first, again, other = (getattr(layers, kind)(seed=seed)(x, training=True) for seed in (4, 4, 5))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert first.min() >= 0
    assert first.max() <= 255
    masks = {"images": x, "segmentation_masks": torch.ones(3, 12, 14, 1)}
    assert getattr(layers, kind)(seed=4)(masks, training=True)["segmentation_masks"].shape == (3, 12, 14, 1)
