"""A layer and a recurrent cell of one's own, with a custom activation, in one model."""

import keras
import numpy as np
from keras import layers, ops


def snake(x):
    """A periodic activation."""
    return x + ops.square(ops.sin(x))


@keras.saving.register_keras_serializable(package="examples")
class Gated(layers.Layer):
    """``dense(x) * sigmoid(gate(x))``."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, input_shape):
        shape = (input_shape[-1], self.units)
        self.kernel = self.add_weight(shape=shape, initializer="glorot_uniform", name="kernel")
        self.gate = self.add_weight(shape=shape, initializer="glorot_uniform", name="gate")
        self.bias = self.add_weight(shape=(self.units,), initializer="zeros", name="bias")

    def call(self, inputs):
        values = ops.matmul(inputs, self.kernel) + self.bias
        return values * ops.sigmoid(ops.matmul(inputs, self.gate))

    def get_config(self):
        return {**super().get_config(), "units": self.units}


class MinimalCell(layers.Layer):
    """A recurrent cell with one gate."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = self.state_size = units

    def build(self, input_shape):
        self.kernel = self.add_weight(shape=(input_shape[-1], 2 * self.units), name="kernel")
        self.recurrent = self.add_weight(
            shape=(self.units, 2 * self.units), initializer="orthogonal", name="recurrent"
        )
        self.bias = self.add_weight(shape=(2 * self.units,), initializer="zeros", name="bias")

    def call(self, inputs, states):
        (h,) = states
        z = ops.matmul(inputs, self.kernel) + ops.matmul(h, self.recurrent) + self.bias
        gate, candidate = ops.split(z, 2, axis=-1)
        gate = ops.sigmoid(gate)
        h = gate * h + (1 - gate) * ops.tanh(candidate)
        return h, [h]


keras.utils.set_random_seed(8)
time = np.arange(1200) / 8
signal = np.sin(time) + 0.5 * np.sin(2.3 * time)
windows = np.lib.stride_tricks.sliding_window_view(signal, 25).astype("float32")
x, y = windows[:, :24, None], windows[:, 24]

model = keras.Sequential(
    [
        keras.Input((24, 1)),
        layers.RNN(MinimalCell(16)),
        layers.Dense(16, activation=snake),
        Gated(8),
        layers.Dense(1),
    ]
)
model.compile(optimizer=keras.optimizers.Adam(1e-2), loss="mae")
model.fit(x[:900], y[:900], epochs=8, batch_size=32, verbose=2)
error = model.evaluate(x[900:], y[900:], verbose=0)
print(f"mean absolute error of the next value: {error:.3f}")
assert error < 0.25
