"""A small residual network with the functional API, saved and loaded again."""

import tempfile
from pathlib import Path

import keras
import numpy as np
from keras import layers
from sklearn.datasets import load_digits


def residual_block(x, filters, downsample):
    """Two convolutions with batch normalization, and a shortcut around them."""
    shortcut = x
    x = layers.Conv2D(filters, 3, strides=2 if downsample else 1, padding="same", use_bias=False)(x)
    x = layers.BatchNormalization(momentum=0.9)(x)
    x = layers.ReLU()(x)
    x = layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)
    x = layers.BatchNormalization(momentum=0.9)(x)
    if downsample:
        shortcut = layers.Conv2D(filters, 1, strides=2, use_bias=False)(shortcut)
    return layers.ReLU()(layers.add([x, shortcut]))


keras.utils.set_random_seed(7)
digits = load_digits()
x_all, y_all = (digits.images / 16).astype("float32")[..., None], digits.target

inputs = keras.Input(shape=(8, 8, 1))
x = layers.Conv2D(16, 3, padding="same", activation="relu")(inputs)
for filters, downsample in ((16, False), (32, True), (32, False)):
    x = residual_block(x, filters, downsample)
x = layers.GlobalAveragePooling2D()(x)
model = keras.Model(inputs, layers.Dense(10)(x), name="resnet")

schedule = keras.optimizers.schedules.CosineDecay(3e-3, decay_steps=270)
model.compile(
    optimizer=keras.optimizers.AdamW(schedule, weight_decay=1e-4),
    loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    metrics=["accuracy"],
)
model.fit(x_all[:1440], y_all[:1440], batch_size=32, epochs=6, verbose=2)
loss, accuracy = model.evaluate(x_all[1440:], y_all[1440:], verbose=0)
print(f"accuracy on held-out digits: {accuracy:.3f}")
assert accuracy > 0.85

with tempfile.TemporaryDirectory() as folder:
    path = Path(folder) / "resnet.keras"
    model.save(path)
    again = keras.models.load_model(path)
np.testing.assert_allclose(
    again.predict(x_all[:8], verbose=0), model.predict(x_all[:8], verbose=0), rtol=1e-5, atol=1e-5
)
