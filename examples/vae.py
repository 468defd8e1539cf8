"""A variational autoencoder: a layer that samples, and a `train_step` of its own."""

import keras
import torch
from keras import layers, ops
from sklearn.datasets import load_digits


class Sampling(layers.Layer):
    """Draws from the normal distribution that mean and logarithm of the variance describe."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.seed_generator = keras.random.SeedGenerator(1337)

    def call(self, inputs):
        mean, log_variance = inputs
        noise = keras.random.normal(ops.shape(mean), seed=self.seed_generator)
        return mean + ops.exp(0.5 * log_variance) * noise


class VAE(keras.Model):
    """Reconstruction and Kullback-Leibler divergence, each with a tracker."""

    def __init__(self, encoder, decoder, **kwargs):
        super().__init__(**kwargs)
        self.encoder, self.decoder = encoder, decoder
        self.loss_tracker = keras.metrics.Mean(name="loss")
        self.reconstruction_tracker = keras.metrics.Mean(name="reconstruction")
        self.divergence_tracker = keras.metrics.Mean(name="divergence")

    @property
    def metrics(self):
        return [self.loss_tracker, self.reconstruction_tracker, self.divergence_tracker]

    def call(self, inputs):
        return self.decoder(self.encoder(inputs)[2])

    def train_step(self, data):
        images = data[0] if isinstance(data, tuple) else data
        mean, log_variance, code = self.encoder(images, training=True)
        restored = self.decoder(code, training=True)
        reconstruction = ops.mean(
            ops.sum(keras.losses.binary_crossentropy(images[..., None], restored[..., None]), 1)
        )
        divergence = -0.5 * ops.mean(
            ops.sum(1 + log_variance - ops.square(mean) - ops.exp(log_variance), axis=1)
        )
        loss = reconstruction + divergence
        self.zero_grad()
        loss.backward()
        weights = self.trainable_weights
        gradients = [weight.value.grad for weight in weights]
        with torch.no_grad():
            self.optimizer.apply(gradients, weights)
        self.loss_tracker.update_state(loss)
        self.reconstruction_tracker.update_state(reconstruction)
        self.divergence_tracker.update_state(divergence)
        return {metric.name: metric.result() for metric in self.metrics}


keras.utils.set_random_seed(4)
images = (load_digits().data / 16).astype("float32")

pixels = keras.Input(shape=(64,))
x = layers.Dense(48, activation="relu")(pixels)
mean, log_variance = layers.Dense(4, name="mean")(x), layers.Dense(4, name="log_variance")(x)
encoder = keras.Model(pixels, [mean, log_variance, Sampling()([mean, log_variance])], name="encoder")

code = keras.Input(shape=(4,))
x = layers.Dense(48, activation="relu")(code)
decoder = keras.Model(code, layers.Dense(64, activation="sigmoid")(x), name="decoder")

vae = VAE(encoder, decoder)
vae.compile(optimizer=keras.optimizers.Adam(3e-3))
history = vae.fit(images, epochs=12, batch_size=64, verbose=2)
losses = history.history["loss"]
print(f"loss {losses[0]:.2f} at first, {losses[-1]:.2f} at last")
assert losses[-1] < 0.85 * losses[0]
