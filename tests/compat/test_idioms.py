"""The idioms of Keras' documentation, as scripts write them; data sets are replaced by small random ones."""

from __future__ import annotations

CONVNET = """
    import numpy as np
    import keras
    from keras import layers

    def load_data():
        random = np.random.default_rng(0)
        return tuple((random.integers(0, 256, (n, 28, 28)).astype("uint8"), random.integers(10, size=n)) for n in (96, 32))

    keras.datasets.mnist.load_data = load_data
    (x_train, y_train), (x_test, y_test) = keras.datasets.mnist.load_data()
    x_train = np.expand_dims(x_train.astype("float32") / 255, -1)
    x_test = np.expand_dims(x_test.astype("float32") / 255, -1)
    y_train = keras.utils.to_categorical(y_train, 10)
    y_test = keras.utils.to_categorical(y_test, 10)
    model = keras.Sequential([
        keras.Input(shape=(28, 28, 1)),
        layers.Conv2D(8, kernel_size=(3, 3), activation="relu"),
        layers.MaxPooling2D(pool_size=(2, 2)),
        layers.Flatten(),
        layers.Dropout(0.5),
        layers.Dense(10, activation="softmax"),
    ])
    model.summary()
    model.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
    model.fit(x_train, y_train, batch_size=32, epochs=1, validation_split=0.1)
    score = model.evaluate(x_test, y_test, verbose=0)
    print("Test loss:", score[0], "Test accuracy:", score[1])
"""

TEXT = """
    import numpy as np
    import keras
    from keras import layers

    random = np.random.default_rng(0)
    sequences = [list(random.integers(1, 200, size=n)) for n in random.integers(5, 40, size=64)]
    x = keras.utils.pad_sequences(sequences, maxlen=30)
    y = random.integers(2, size=64)
    inputs = keras.Input(shape=(None,), dtype="int32")
    embedded = layers.Embedding(200, 16, mask_zero=True)(inputs)
    hidden = layers.Bidirectional(layers.LSTM(8, return_sequences=True))(embedded)
    hidden = layers.Bidirectional(layers.LSTM(8))(hidden)
    model = keras.Model(inputs, layers.Dense(1, activation="sigmoid")(hidden))
    model.compile(optimizer="adam", loss="binary_crossentropy", metrics=["accuracy"])
    callbacks = [
        keras.callbacks.ModelCheckpoint("best.keras", save_best_only=True, monitor="loss"),
        keras.callbacks.LearningRateScheduler(lambda epoch, lr: lr * 0.9),
        keras.callbacks.CSVLogger("log.csv"),
    ]
    model.fit(x, y, batch_size=32, epochs=2, callbacks=callbacks, verbose=2)
    again = keras.saving.load_model("best.keras")
    np.testing.assert_allclose(again.predict(x, verbose=0).shape, (64, 1))
    assert open("log.csv").readline().startswith("epoch,accuracy,learning_rate,loss,val_")
"""

LOOP = """
    import numpy as np
    import tensorflow as tf
    from tensorflow import keras
    from tensorflow.keras import layers

    keras.utils.set_random_seed(0)
    x = np.random.default_rng(0).normal(size=(128, 8)).astype("float32")
    y = (x[:, 0] > 0).astype("int32")
    dataset = tf.data.Dataset.from_tensor_slices((x, y)).shuffle(buffer_size=128).batch(32).prefetch(tf.data.AUTOTUNE)
    inputs = keras.Input(shape=(8,))
    model = keras.Model(inputs, layers.Dense(2)(layers.Dense(16, activation=tf.nn.relu)(inputs)))
    optimizer = keras.optimizers.SGD(learning_rate=0.1)
    loss_fn = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    metric = keras.metrics.SparseCategoricalAccuracy()

    @tf.function
    def train_step(x, y):
        with tf.GradientTape() as tape:
            logits = model(x, training=True)
            loss_value = loss_fn(y, logits) + sum(model.losses)
        grads = tape.gradient(loss_value, model.trainable_weights)
        grads, _ = tf.clip_by_global_norm(grads, 1.0)
        optimizer.apply_gradients(zip(grads, model.trainable_weights))
        metric.update_state(y, logits)
        return loss_value

    for epoch in range(6):
        for step, (x_batch, y_batch) in enumerate(dataset):
            loss_value = train_step(x_batch, y_batch)
        accuracy = metric.result()
        tf.print("epoch", epoch, "loss", loss_value, "accuracy %.3f" % float(accuracy))
        metric.reset_state()
    assert float(accuracy) > 0.8

    class CustomModel(keras.Model):
        def train_step(self, data):
            x, y = data
            with tf.GradientTape() as tape:
                y_pred = self(x, training=True)
                loss = self.compute_loss(y=y, y_pred=y_pred)
            gradients = tape.gradient(loss, self.trainable_variables)
            self.optimizer.apply_gradients(zip(gradients, self.trainable_variables))
            for metric in self.metrics:
                if metric.name == "loss":
                    metric.update_state(loss)
                else:
                    metric.update_state(y, y_pred)
            return {m.name: m.result() for m in self.metrics}

    inputs = keras.Input((8,))
    model = CustomModel(inputs, layers.Dense(2, activation="softmax")(inputs))
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(dataset, epochs=2, verbose=0)
    assert set(history.history) == {"loss", "accuracy"}
"""

TRANSFORMER = """
    import numpy as np
    import keras
    from keras import layers, ops

    class TransformerBlock(layers.Layer):
        def __init__(self, embed_dim, num_heads, ff_dim, rate=0.1):
            super().__init__()
            self.att = layers.MultiHeadAttention(num_heads=num_heads, key_dim=embed_dim)
            self.ffn = keras.Sequential([layers.Dense(ff_dim, activation="relu"), layers.Dense(embed_dim)])
            self.layernorm1 = layers.LayerNormalization(epsilon=1e-6)
            self.layernorm2 = layers.LayerNormalization(epsilon=1e-6)
            self.dropout1 = layers.Dropout(rate)
            self.dropout2 = layers.Dropout(rate)

        def call(self, inputs):
            attn_output = self.dropout1(self.att(inputs, inputs))
            out1 = self.layernorm1(inputs + attn_output)
            return self.layernorm2(out1 + self.dropout2(self.ffn(out1)))

    class TokenAndPositionEmbedding(layers.Layer):
        def __init__(self, maxlen, vocab_size, embed_dim):
            super().__init__()
            self.token_emb = layers.Embedding(input_dim=vocab_size, output_dim=embed_dim)
            self.pos_emb = layers.Embedding(input_dim=maxlen, output_dim=embed_dim)

        def call(self, x):
            positions = self.pos_emb(ops.arange(start=0, stop=ops.shape(x)[-1], step=1))
            return self.token_emb(x) + positions

    inputs = layers.Input(shape=(12,))
    x = TokenAndPositionEmbedding(12, 50, 16)(inputs)
    x = TransformerBlock(16, 2, 16)(x)
    x = layers.GlobalAveragePooling1D()(x)
    model = keras.Model(inputs=inputs, outputs=layers.Dense(2, activation="softmax")(x))
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    tokens = np.random.randint(50, size=(64, 12))
    history = model.fit(tokens, (tokens[:, 0] > 25).astype("int32"), batch_size=16, epochs=2, verbose=0)
    assert np.isfinite(history.history["loss"]).all()
"""


def test_a_convnet_on_mnist(passes) -> None:
    assert "Test accuracy:" in passes(CONVNET)


def test_text_with_a_bidirectional_lstm_and_callbacks(passes, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    passes(TEXT)


def test_training_loops_on_a_tape(passes) -> None:
    assert "epoch 5" in passes(LOOP)


def test_a_transformer_block(passes) -> None:
    passes(TRANSFORMER)
