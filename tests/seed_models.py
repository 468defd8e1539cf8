"""The models of the documents that tkeras was written for, as functions of the library (tkeras or real Keras)."""

from __future__ import annotations

from typing import Any


def mnist_model(keras: Any) -> Any:
    """784-64-64-10: 55,050 parameters."""
    inputs = keras.Input(shape=(784,))
    x = keras.layers.Dense(64, activation="relu")(inputs)
    x = keras.layers.Dense(64, activation="relu")(x)
    return keras.Model(inputs=inputs, outputs=keras.layers.Dense(10)(x), name="mnist_model")


def encoder(keras: Any) -> Any:
    """28×28 images to 16 numbers: 18,672 parameters."""
    layers = keras.layers
    inputs = keras.Input(shape=(28, 28, 1), name="original_img")
    x = layers.Conv2D(16, 3, activation="relu")(inputs)
    x = layers.Conv2D(32, 3, activation="relu")(x)
    x = layers.MaxPooling2D(3)(x)
    x = layers.Conv2D(32, 3, activation="relu")(x)
    x = layers.Conv2D(16, 3, activation="relu")(x)
    return keras.Model(inputs, layers.GlobalMaxPooling2D()(x), name="encoder")


def toy_resnet(keras: Any) -> Any:
    """Two residual blocks on 32×32 images: 223,242 parameters."""
    layers = keras.layers
    inputs = keras.Input(shape=(32, 32, 3), name="img")
    x = layers.Conv2D(32, 3, activation="relu")(inputs)
    x = layers.Conv2D(64, 3, activation="relu")(x)
    block_1 = layers.MaxPooling2D(3)(x)
    x = layers.Conv2D(64, 3, activation="relu", padding="same")(block_1)
    x = layers.Conv2D(64, 3, activation="relu", padding="same")(x)
    block_2 = layers.add([x, block_1])
    x = layers.Conv2D(64, 3, activation="relu", padding="same")(block_2)
    x = layers.Conv2D(64, 3, activation="relu", padding="same")(x)
    block_3 = layers.add([x, block_2])
    x = layers.Conv2D(64, 3, activation="relu")(block_3)
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dense(256, activation="relu")(x)
    x = layers.Dropout(0.0)(x)
    return keras.Model(inputs, layers.Dense(10)(x), name="toy_resnet")


def headline_model(keras: Any, words: int = 1000, steps: int = 12, width: int = 16) -> Any:
    """A headline and five further numbers; a main and an auxiliary prediction."""
    layers = keras.layers
    main_input = keras.Input(shape=(steps,), dtype="int32", name="main_input")
    x = layers.Embedding(output_dim=width, input_dim=words)(main_input)
    lstm_out = layers.LSTM(8)(x)
    auxiliary_output = layers.Dense(1, activation="sigmoid", name="aux_output")(lstm_out)
    auxiliary_input = keras.Input(shape=(5,), name="aux_input")
    x = layers.concatenate([lstm_out, auxiliary_input])
    for _ in range(3):
        x = layers.Dense(16, activation="relu")(x)
    main_output = layers.Dense(1, activation="sigmoid", name="main_output")(x)
    return keras.Model(inputs=[main_input, auxiliary_input], outputs=[main_output, auxiliary_output])


def ticket_model(keras: Any, words: int = 100, tags: int = 12, departments: int = 4) -> Any:
    """Title, body and tags of a ticket; its priority and department."""
    layers = keras.layers
    title = keras.Input(shape=(None,), name="title")
    body = keras.Input(shape=(None,), name="body")
    tag = keras.Input(shape=(tags,), name="tags")
    title_features = layers.LSTM(16)(layers.Embedding(words, 8)(title))
    body_features = layers.LSTM(8)(layers.Embedding(words, 8)(body))
    x = layers.concatenate([title_features, body_features, tag])
    priority = layers.Dense(1, name="priority")(x)
    department = layers.Dense(departments, name="department")(x)
    return keras.Model(inputs=[title, body, tag], outputs=[priority, department])


def siamese_model(keras: Any, steps: int = 10, width: int = 12) -> Any:
    """One shared LSTM on two tweets."""
    layers = keras.layers
    a, b = keras.Input(shape=(steps, width)), keras.Input(shape=(steps, width))
    shared = layers.LSTM(6)
    merged = layers.concatenate([shared(a), shared(b)], axis=-1)
    return keras.Model(inputs=[a, b], outputs=layers.Dense(1, activation="sigmoid")(merged))


def ensemble(keras: Any) -> Any:
    """The average of three models."""

    def member() -> Any:
        inputs = keras.Input(shape=(128,))
        return keras.Model(inputs, keras.layers.Dense(1)(inputs))

    inputs = keras.Input(shape=(128,))
    return keras.Model(inputs, keras.layers.average([member()(inputs) for _ in range(3)]))
