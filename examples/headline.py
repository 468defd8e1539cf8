"""Several inputs and outputs: a headline as words and some numbers, a main and an auxiliary prediction."""

import keras
import numpy as np
from keras import layers

keras.utils.set_random_seed(6)
random = np.random.default_rng(6)
WORDS, LENGTH = 200, 20
headlines = random.integers(1, WORDS, size=(1000, LENGTH))
numbers = random.normal(size=(1000, 5)).astype("float32")
clicks = ((headlines < 40).sum(1) + numbers[:, 0] > 4).astype("float32")

main_input = keras.Input(shape=(LENGTH,), dtype="int32", name="main_input")
x = layers.Embedding(input_dim=WORDS, output_dim=32)(main_input)
lstm_out = layers.LSTM(16)(x)
auxiliary_output = layers.Dense(1, activation="sigmoid", name="aux_output")(lstm_out)

auxiliary_input = keras.Input(shape=(5,), name="aux_input")
x = layers.concatenate([lstm_out, auxiliary_input])
for _ in range(2):
    x = layers.Dense(32, activation="relu")(x)
main_output = layers.Dense(1, activation="sigmoid", name="main_output")(x)

model = keras.Model(
    inputs=[main_input, auxiliary_input],
    outputs={"main_output": main_output, "aux_output": auxiliary_output},
)
model.compile(
    optimizer="rmsprop",
    loss={"main_output": "binary_crossentropy", "aux_output": "binary_crossentropy"},
    loss_weights={"main_output": 1.0, "aux_output": 0.2},
    metrics={"main_output": ["accuracy"]},
)
history = model.fit(
    {"main_input": headlines, "aux_input": numbers},
    {"main_output": clicks, "aux_output": clicks},
    epochs=8,
    batch_size=32,
    verbose=2,
)
print(f"accuracy: {history.history['main_output_accuracy'][-1]:.3f}")
assert history.history["main_output_accuracy"][-1] > 0.7
