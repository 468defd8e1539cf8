"""A convolutional network on handwritten digits, with one-hot labels and a learning rate that adapts."""

import keras
from keras import layers
from keras.utils import to_categorical
from sklearn.datasets import load_digits

keras.utils.set_random_seed(2)
digits = load_digits()
x = (digits.images / 16).astype("float32")[..., None]
y = to_categorical(digits.target, 10)
x_train, y_train, x_test, y_test = x[:1400], y[:1400], x[1400:], y[1400:]

model = keras.Sequential(
    [
        keras.Input(shape=(8, 8, 1)),
        layers.Conv2D(16, 3, padding="same", use_bias=False),
        layers.BatchNormalization(),
        layers.Activation("relu"),
        layers.Conv2D(32, 3, activation="relu"),
        layers.MaxPooling2D(2),
        layers.SeparableConv2D(32, 3, padding="same", activation="relu"),
        layers.GlobalAveragePooling2D(),
        layers.Dense(10, activation="softmax"),
    ]
)
model.compile(
    optimizer=keras.optimizers.RMSprop(learning_rate=2e-3),
    loss=keras.losses.CategoricalCrossentropy(label_smoothing=0.05),
    metrics=["accuracy", keras.metrics.TopKCategoricalAccuracy(k=3, name="top_3")],
)
slower = keras.callbacks.ReduceLROnPlateau(monitor="val_loss", factor=0.5, patience=2)
model.fit(x_train, y_train, epochs=12, validation_data=(x_test, y_test), callbacks=[slower], verbose=2)
scores = model.evaluate(x_test, y_test, return_dict=True, verbose=0)
print({name: round(value, 3) for name, value in scores.items()})
assert scores["accuracy"] > 0.85
