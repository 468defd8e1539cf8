"""Features learned on the digits 0 to 4, frozen, and a new head for 5 to 9 that sees few examples."""

import keras
from keras import layers
from sklearn.datasets import load_digits

keras.utils.set_random_seed(9)
digits = load_digits()
x, y = (digits.images / 16).astype("float32")[..., None], digits.target
low, high = y < 5, y >= 5

base = keras.Sequential(
    [
        keras.Input((8, 8, 1)),
        layers.Conv2D(24, 3, activation="relu"),
        layers.Conv2D(48, 3, activation="relu"),
        layers.Flatten(),
    ],
    name="base",
)
model = keras.Sequential([base, layers.Dense(48, activation="relu"), layers.Dense(5, activation="softmax")])
model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(x[low], y[low], epochs=5, batch_size=32, verbose=2)

before = base.get_weights()
base.trainable = False
new = keras.Model(base.input, layers.Dense(5, activation="softmax")(base.output), name="fine_tuned")
new.compile(
    optimizer=keras.optimizers.Adam(1e-2), loss="sparse_categorical_crossentropy", metrics=["accuracy"]
)
assert len(new.trainable_weights) == 2
few, labels = x[high][:150], y[high][:150] - 5
new.fit(few, labels, epochs=15, batch_size=16, verbose=2)
loss, accuracy = new.evaluate(x[high][150:], y[high][150:] - 5, verbose=0)
print(f"accuracy on digits the features never saw: {accuracy:.3f}")
assert accuracy > 0.85
assert all((old == now).all() for old, now in zip(before, base.get_weights(), strict=True))
