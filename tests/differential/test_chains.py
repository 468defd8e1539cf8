"""Every layer in its usual form: no chain of unfused calls where kernels run."""

from __future__ import annotations

import inspect
import math
from typing import Any

import pytest
import torch

from tests.chains import chains_of
from tests.differential.layer_checks import tkeras
from tests.differential.test_every_layer import NAMES, inputs_of, layer_of


def changes_images(name: str) -> bool:
    """Whether a layer prepares data ahead of the model, with no gradient through it: it draws a few numbers for
    each image and reads pixels where they say, in calls of torch."""
    return "augmentation" in getattr(tkeras.layers, name).__module__


_SUM = "autograd adds the gradients of the steps that share a kernel"
REVIEWED: dict[str, tuple[str, set[str]]] = {
    "CategoryEncoding": ("integers, no activation", {"lt>where"}),
    **{f"ConvLSTM{n}D": (_SUM, {"add>add"}) for n in (1, 2, 3)},
}
"""Layers that may have links of these names, and why."""


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", [name for name in NAMES if not changes_images(name)])
def test_no_chain(name: str) -> None:
    layer = layer_of(tkeras, name)
    tensors = [torch.from_numpy(array.copy()) for array in inputs_of(name)]
    options = {"training": True} if "training" in inspect.signature(layer.call).parameters else {}

    def run(*given: Any) -> Any:
        apart = "Attention" in name and name not in ("Attention", "AdditiveAttention")
        return layer(*given, **options) if apart or len(given) == 1 else layer(list(given), **options)

    links, reasons, *_ = chains_of(run, tensors, lambda: layer.trainable_weights)
    accepted = REVIEWED.get(name, ("", set()))[1]
    assert [link for link in links if link.names not in accepted] == []
    assert {link.names for link in links} == accepted, "REVIEWED names what is not there"
    assert reasons == set()


COLORS = (
    "MixUp", "RandomBrightness", "RandomColorDegeneration", "RandomContrast", "RandomHue", "RandomPosterization",
    "RandomSaturation", "RandomSharpness", "Solarization",
)  # fmt: skip


@pytest.mark.parametrize("name", COLORS)
def test_no_chain_over_the_pixels(name: str) -> None:
    """What is drawn, a number for each image, may take several calls."""
    layer = layer_of(tkeras, name)
    links, reasons, *_ = chains_of(lambda x: layer(x, training=True).detach(), [torch.rand(2, 8, 9, 3) * 255])
    assert [link for link in links if math.prod(link.shape) > 2] == []
    assert reasons == set()
