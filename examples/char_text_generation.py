"""A character-level LSTM that learns to write like a module of Python's own library."""

import inspect
import textwrap

import keras
import numpy as np
from keras import layers

keras.utils.set_random_seed(10)
text = inspect.getsource(textwrap)[:6000]
characters = sorted(set(text))
index = {character: number for number, character in enumerate(characters)}
codes = np.array([index[character] for character in text])
LENGTH = 32
windows = np.lib.stride_tricks.sliding_window_view(codes, LENGTH + 1)[::2]
x, y = windows[:, :-1], windows[:, 1:]

model = keras.Sequential(
    [
        keras.Input((LENGTH,), dtype="int32"),
        layers.Embedding(len(characters), 24),
        layers.LSTM(96, return_sequences=True),
        layers.TimeDistributed(layers.Dense(len(characters))),
    ]
)
model.compile(
    optimizer=keras.optimizers.Adam(1e-2),
    loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
)
history = model.fit(x, y, batch_size=64, epochs=6, verbose=2)


def sample(logits, temperature):
    """The index of a character, drawn."""
    scaled = logits.astype("float64") / temperature
    chances = np.exp(scaled - scaled.max())
    return np.random.choice(len(characters), p=chances / chances.sum())


written = text[:LENGTH]
for _ in range(80):
    seed = np.array([[index[character] for character in written[-LENGTH:]]])
    written += characters[sample(model.predict(seed, verbose=0)[0, -1], 0.5)]
print(repr(written))
assert history.history["loss"][-1] < 2.0
