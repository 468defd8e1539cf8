"""Summaries: the text of real Keras."""

import keras
import numpy as np
import pytest

import tkeras
from tests import seed_models

OPTIONS = [
    {}, {"show_trainable": True}, {"line_length": 60}, {"expand_nested": True}, {"expand_nested": True, "show_trainable": True},
    {"line_length": 78, "positions": [0.3, 0.6, 0.7, 1.0]},
]  # fmt: skip
MODELS = [
    "mnist_model",
    "encoder",
    "toy_resnet",
    "headline_model",
    "ticket_model",
    "siamese_model",
    "ensemble",
]


def texts(library, make, choices) -> list[list[str]]:
    """The lines of the summaries of a model made from scratch."""
    library.utils.clear_session()
    model = make(library)
    found = []
    for options in choices:
        lines = []
        model.summary(print_fn=lambda line, line_break=False, to=lines: to.append(line), **options)
        found.append([line.rstrip() for line in "\n".join(lines).strip().splitlines()])
    return found


@pytest.mark.parametrize("name", MODELS)
def test_same_text(name) -> None:
    make = getattr(seed_models, name)
    assert texts(tkeras, make, OPTIONS) == texts(keras, make, OPTIONS)


def deep(library):
    """Models inside models, partly frozen, with the state of an optimizer."""
    inner = library.Sequential([library.Input((3,)), library.layers.Dense(2)], name="inner")
    inputs = library.Input((3,))
    middle = library.Model(inputs, inner(inputs), name="mid")
    inputs = library.Input((3,))
    model = library.Model(inputs, library.layers.Dense(1)(middle(inputs)), name="top")
    middle.trainable = False
    model.compile("adam", "mse")
    model.train_on_batch(np.ones((2, 3)), np.ones((2, 1)))
    return model


def unbuilt(library):
    return library.Sequential([library.layers.Dense(2), library.layers.Dense(3)])


def subclassed(library):
    class Own(library.Model):
        def __init__(self):
            super().__init__(name="own")
            self.first, self.second = library.layers.Dense(2), library.layers.Dense(3)

        def call(self, x):
            return self.second(self.first(x))

    model = Own()
    model(library.ops.ones((2, 3)))
    return model


CHOICES = [{}, {"expand_nested": True, "show_trainable": True}]


@pytest.mark.parametrize(
    ("make", "choices"),
    [(deep, [*CHOICES, {"layer_range": ("mid", "dense.*")}]), (unbuilt, CHOICES), (subclassed, CHOICES)],
)
def test_same_text_of_deep_and_late_models(make, choices) -> None:
    assert texts(tkeras, make, choices) == texts(keras, make, choices)
