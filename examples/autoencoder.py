"""A convolutional autoencoder: encoder and decoder are models of their own and layers of the whole."""

import keras
import numpy as np
from keras import layers
from sklearn.datasets import load_digits

keras.utils.set_random_seed(3)
images = (load_digits().images / 16).astype("float32")[..., None]
noisy = np.clip(images + 0.3 * np.random.normal(size=images.shape), 0, 1).astype("float32")

encoder_input = keras.Input(shape=(8, 8, 1), name="image")
x = layers.Conv2D(16, 3, activation="relu", padding="same")(encoder_input)
x = layers.MaxPooling2D(2)(x)
x = layers.Conv2D(32, 3, activation="relu", padding="same")(x)
encoder = keras.Model(encoder_input, layers.Dense(32)(layers.Flatten()(x)), name="encoder")

decoder_input = keras.Input(shape=(32,), name="code")
x = layers.Reshape((4, 4, 16))(layers.Dense(256, activation="relu")(decoder_input))
x = layers.Conv2DTranspose(16, 3, activation="relu", padding="same")(x)
x = layers.UpSampling2D(2)(x)
x = layers.Conv2DTranspose(1, 3, activation="sigmoid", padding="same")(x)
decoder = keras.Model(decoder_input, x, name="decoder")

image = keras.Input(shape=(8, 8, 1))
autoencoder = keras.Model(image, decoder(encoder(image)), name="autoencoder")
autoencoder.summary(expand_nested=True)
autoencoder.compile(optimizer="adam", loss="mse")
autoencoder.fit(noisy, images, batch_size=64, epochs=12, verbose=2)

error = np.mean((autoencoder.predict(noisy[:200], verbose=0) - images[:200]) ** 2)
before = np.mean((noisy[:200] - images[:200]) ** 2)
print(f"squared error: {before:.4f} of the noisy images, {error:.4f} of the restored ones")
assert error < before
