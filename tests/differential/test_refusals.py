"""What layers refuse, in Keras' words."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
import torch

from tests.differential.layer_checks import keras, tkeras
from tests.differential.test_every_layer import ROWS

SHAPES = [(3,), (3, 4), (3, 4, 5), (3, 4, 5, 6), (3, 4, 5, 6, 7)]
OTHER_RANKS = re.compile(
    "Conv[123]D|Separable|Depthwise|Adaptive"
)  # Keras finds out in the middle of the call


def refusal(library: Any, name: str, shape: Any) -> str | None:
    """What a layer says to an input of this shape; None where it takes it."""
    arguments, inputs = ROWS[name]
    x = np.ones(shape, inputs[0].dtype)
    try:
        getattr(library.layers, name)(**arguments, name="layer")(torch.from_numpy(x))
    except Exception as error:  # noqa: BLE001 - Keras raises what its backend does
        text = re.sub(r"\x1b\[[0-9;]*m", "", str(error))
        inside = re.search(
            r"Exception encountered when calling .*?\n\n(.*?)\n\nArguments received", text, re.S
        )
        return (inside.group(1) if inside else text).strip()
    return None


@pytest.mark.parametrize("name", sorted(ROWS))
def test_wrong_ranks_are_refused_in_keras_words(name: str) -> None:
    """Where Keras checks them; otherwise it is enough that ours refuses as well, or does what Keras does."""
    for shape in SHAPES:
        real = refusal(keras, name, shape)
        if real is None or "is incompatible with the layer" not in real:
            continue
        ours = refusal(tkeras, name, shape)
        assert ours is not None
        if OTHER_RANKS.search(name):
            assert ours.replace("expected ndim", "expected min_ndim") == real.replace(
                "expected ndim", "expected min_ndim"
            )
        else:
            assert ours == real


@pytest.mark.parametrize("name", sorted(ROWS))
def test_unknown_keywords_are_refused(name: str) -> None:
    with pytest.raises(
        ValueError, match=re.escape(f"Unrecognized keyword arguments passed to {name}: {{'nope': 1}}")
    ):
        getattr(tkeras.layers, name)(**ROWS[name][0], nope=1)


def built(library: Any) -> Any:
    """A dense layer that expects four features."""
    layer = library.layers.Dense(2, name="layer")
    layer.build((None, 4))
    return layer


CALLS: list[Any] = [
    lambda k: built(k)(torch.ones(3, 5)),
    lambda k: k.layers.Add()(torch.ones(3)),
    lambda k: k.layers.Concatenate()(torch.ones(3, 4)),
    lambda k: k.layers.Dot(axes=1)(torch.ones(3, 4)),
    lambda k: k.layers.Dot(axes=1)([k.Input((3,)), k.Input((4,))]),
    lambda k: k.layers.Subtract()([k.Input((3,))] * 3),
    lambda k: k.layers.Dense(-1),
    lambda k: k.layers.Dropout(1.5),
    lambda k: k.layers.Conv2D(3, 3, groups=2),
    lambda k: k.layers.Conv2D(0, 3),
    lambda k: k.layers.Conv2D(2, 3, strides=2, dilation_rate=2),
    lambda k: k.layers.Conv1D(2, 3, padding="causal", data_format="x"),
    lambda k: k.layers.Permute((1, 3)),
    lambda k: k.layers.Layer(name="a/b"),
    lambda k: k.layers.ReLU(negative_slope=-1.0),
    lambda k: k.layers.ReLU(max_value=-1.0),
    lambda k: k.layers.DepthwiseConv2D(2, depth_multiplier=0),
    lambda k: k.layers.Conv2D(2, 3, groups=0),
    lambda k: k.layers.GaussianNoise(2.0),
    lambda k: k.layers.MultiHeadAttention(0, 2),
    lambda k: k.layers.Conv2D(3, (2, 2, 2)),
    lambda k: k.layers.Conv2D(3, 0),
    lambda k: k.layers.Conv2D(3, 2, strides=0),
    lambda k: k.layers.MaxPooling2D((2, 2, 2)),
    lambda k: k.layers.Embedding(-1, 2),
    lambda k: k.layers.Reshape((-1, -1)),
    lambda k: k.layers.Dense(2).stateless_call([], [], torch.ones(1, 3)),
    lambda k: built(k).stateless_call([], [], torch.ones(1, 4)),
]


@pytest.mark.parametrize("call", CALLS, ids=range(len(CALLS)))
def test_wrong_arguments_and_inputs_are_refused_in_keras_words(call: Any) -> None:
    messages = []
    for library in (tkeras, keras):
        with pytest.raises(ValueError) as caught:
            call(library)
        messages.append(re.sub(r"\x1b\[[0-9;]*m", "", str(caught.value)))
    inside = re.search(
        r"Exception encountered when calling .*?\n\n(.*?)\n\nArguments received", messages[1], re.S
    )
    assert messages[0] == (inside.group(1) if inside else messages[1])
