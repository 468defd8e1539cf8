"""Two sequences through one shared LSTM: do they come from the same source?"""

import keras
import numpy as np
from keras import layers

keras.utils.set_random_seed(5)
random = np.random.default_rng(5)
TIME, WIDTH = 24, 12


def sequences(speed):
    """One-hot walks around a ring, by a fixed speed from a random start."""
    start = random.integers(WIDTH, size=len(speed))
    place = (start[:, None] + speed[:, None] * np.arange(TIME)) % WIDTH
    return np.eye(WIDTH, dtype="float32")[place]


first = random.integers(1, 5, size=1500)
second = np.where(random.random(1500) < 0.5, first, random.integers(1, 5, size=1500))
a, b, same = sequences(first), sequences(second), (first == second).astype("float32")

input_a, input_b = keras.Input((TIME, WIDTH), name="a"), keras.Input((TIME, WIDTH), name="b")
shared = layers.LSTM(32)
encoded_a, encoded_b = shared(input_a), shared(input_b)
merged = layers.concatenate([encoded_a, encoded_b, layers.subtract([encoded_a, encoded_b])])
x = layers.Dense(32, activation="relu")(merged)
model = keras.Model([input_a, input_b], layers.Dense(1, activation="sigmoid")(x))
assert shared.get_output_at(0).shape == (None, 32)

model.compile(optimizer=keras.optimizers.Adam(5e-3), loss="binary_crossentropy", metrics=["accuracy"])
history = model.fit([a, b], same, epochs=12, batch_size=32, validation_split=0.2, verbose=2)
print(f"accuracy: {history.history['val_accuracy'][-1]:.3f}")
assert history.history["val_accuracy"][-1] > 0.8
