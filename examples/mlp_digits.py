"""A multilayer perceptron on handwritten digits, with the functional API."""

import keras
from keras import layers
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

keras.utils.set_random_seed(1)
images, labels = load_digits(return_X_y=True)
x_train, x_test, y_train, y_test = train_test_split(images / 16, labels, test_size=0.2, random_state=1)

inputs = keras.Input(shape=(64,))
x = layers.Dense(64, activation="relu")(inputs)
x = layers.Dropout(0.2)(x)
x = layers.Dense(64, activation="gelu")(x)
model = keras.Model(inputs, layers.Dense(10, activation="softmax")(x), name="digits")
model.summary()

model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
stop = keras.callbacks.EarlyStopping(patience=5, restore_best_weights=True)
model.fit(x_train, y_train, batch_size=32, epochs=15, validation_split=0.1, callbacks=[stop], verbose=2)
loss, accuracy = model.evaluate(x_test, y_test, verbose=0)
print(f"accuracy on held-out digits: {accuracy:.3f}")
assert accuracy > 0.93
