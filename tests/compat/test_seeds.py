"""Scripts in the spelling of Keras tutorials from 2016 to 2021, unedited."""

from __future__ import annotations

SEQUENTIAL = """
    import numpy as np
    from keras.models import Sequential, Model
    from keras.layers import Dense, Activation, Input, TimeDistributed
    from keras.utils.np_utils import to_categorical

    model = Sequential()
    model.add(Dense(units=64, activation='relu', input_dim=100))
    model.add(Dense(units=10, activation='softmax'))
    model.compile(loss='categorical_crossentropy', optimizer='sgd', metrics=['acc', 'top_k_categorical_accuracy'])
    labels = to_categorical(np.arange(64) % 10, num_classes=None)
    history = model.fit(np.random.random((64, 100)), labels, epochs=2, batch_size=32, verbose=0)
    assert set(history.history) == {'loss', 'acc', 'top_k_categorical_accuracy'}

    other = Sequential([Dense(32, input_shape=(784,)), Activation('relu'), Dense(10), Activation('softmax')])
    video = Input(shape=(20, 784))
    assert Model(video, TimeDistributed(other)(video)).output_shape == (None, 20, 10)
    for loss in ('cosine_proximity', 'logcosh', 'kullback_leibler_divergence', 'squared_hinge', 'poisson'):
        model.compile(loss=loss, optimizer='nadam')
        model.train_on_batch(np.random.random((8, 100)), labels[:8])
"""

HEADLINE = """
    import numpy as np
    import keras
    from keras.layers import Input, Embedding, LSTM, Dense
    from keras.models import Model

    main_input = Input(shape=(100,), dtype='int32', name='main_input')
    x = Embedding(output_dim=16, input_dim=1000, input_length=100)(main_input)
    lstm_out = LSTM(8)(x)
    auxiliary_output = Dense(1, activation='sigmoid', name='aux_output')(lstm_out)
    auxiliary_input = Input(shape=(5,), name='aux_input')
    x = keras.layers.concatenate([lstm_out, auxiliary_input])
    x = Dense(8, activation='relu')(x)
    main_output = Dense(1, activation='sigmoid', name='main_output')(x)
    model = Model(inputs=[main_input, auxiliary_input], outputs=[main_output, auxiliary_output])

    words = np.random.randint(1, 1000, size=(32, 100))
    numbers, labels = np.random.random((32, 5)), np.random.randint(2, size=(32, 1))
    model.compile(optimizer='rmsprop', loss='binary_crossentropy', loss_weights=[1., 0.2])
    model.fit([words, numbers], [labels, labels], epochs=1, batch_size=16, verbose=0)
    model.compile(optimizer='rmsprop', loss={'main_output': 'binary_crossentropy', 'aux_output': 'binary_crossentropy'},
                  loss_weights={'main_output': 1., 'aux_output': 0.2})
    history = model.fit({'main_input': words, 'aux_input': numbers}, {'main_output': labels, 'aux_output': labels},
                        epochs=1, batch_size=16, verbose=0)
    assert 'main_output_loss' in history.history and 'loss' in history.history
    lstm = LSTM(32)
    a, b = Input(shape=(28, 10)), Input(shape=(28, 10))
    first, second = lstm(a), lstm(b)
    assert lstm.get_output_at(0) is first and lstm.get_output_at(1) is second
    try:
        lstm.output
    except AttributeError as error:
        assert 'multiple inbound nodes' in str(error) and 'get_output_at' in str(error)
    else:
        raise AssertionError('ambiguous')
"""

EXTEND = """
    import keras

    def construct_model(classes):
        model = keras.applications.InceptionV3(include_top=False, input_shape=(75, 75, 3), weights=None)
        new_output = keras.layers.GlobalAveragePooling2D()(model.output)
        new_output = keras.layers.Dense(classes, activation='softmax')(new_output)
        return keras.engine.training.Model(model.inputs, new_output)

    model = construct_model(7)
    assert len(model.layers) == 313 and model.output_shape == (None, 7)
"""

FUNCTIONAL = """
    import numpy as np
    import tensorflow as tf
    from tensorflow import keras
    from tensorflow.keras import layers

    inputs = keras.Input(shape=(784,))
    assert inputs.shape == (None, 784) and inputs.dtype == tf.float32

    class CustomDense(layers.Layer):
        def __init__(self, units=32):
            super(CustomDense, self).__init__()
            self.units = units

        def build(self, input_shape):
            self.w = self.add_weight(shape=(input_shape[-1], self.units), initializer="random_normal", trainable=True)
            self.b = self.add_weight(shape=(self.units,), initializer="random_normal", trainable=True)

        def call(self, inputs):
            return tf.matmul(inputs, self.w) + self.b

        def get_config(self):
            return {"units": self.units}

    inputs = keras.Input((4,))
    model = keras.Model(inputs, CustomDense(10)(inputs))
    again = keras.Model.from_config(model.get_config(), custom_objects={"CustomDense": CustomDense})
    assert again.output_shape == (None, 10)

    units, timesteps, input_dim = 32, 10, 5
    inputs = keras.Input((None, units))
    x = layers.GlobalAveragePooling1D()(inputs)
    classifier = keras.Model(inputs, layers.Dense(1)(x))

    class CustomRNN(layers.Layer):
        def __init__(self):
            super(CustomRNN, self).__init__()
            self.units = units
            self.projection_1 = layers.Dense(units=units, activation="tanh")
            self.projection_2 = layers.Dense(units=units, activation="tanh")
            self.classifier = classifier

        def call(self, inputs):
            outputs = []
            state = tf.zeros(shape=(inputs.shape[0], self.units))
            for t in range(inputs.shape[1]):
                x = inputs[:, t, :]
                state = self.projection_1(x) + self.projection_2(state)
                outputs.append(state)
            features = tf.stack(outputs, axis=1)
            assert features.shape[1:] == (10, 32)
            return self.classifier(features)

    assert CustomRNN()(tf.zeros((1, timesteps, input_dim))).shape == (1, 1)
    inputs = keras.Input(batch_shape=(16, 12, input_dim))
    model = keras.Model(inputs, CustomRNN()(layers.Conv1D(32, 3)(inputs)))
    model.compile(optimizer="adam", loss="mse")
    model.fit(np.zeros((32, 12, input_dim)), np.zeros((32, 1)), batch_size=16, verbose=0)

    class MLP(keras.Model):
        def __init__(self, **kwargs):
            super(MLP, self).__init__(**kwargs)
            self.dense_1 = layers.Dense(64, activation='relu')
            self.dense_2 = layers.Dense(10)

        def call(self, inputs):
            return self.dense_2(self.dense_1(inputs))

    mlp = MLP()
    _ = mlp(tf.zeros((1, 32)))
    assert mlp.count_params() == 32 * 64 + 64 + 64 * 10 + 10

    vgg19 = tf.keras.applications.VGG19(weights=None, include_top=False, input_shape=(32, 32, 3))
    features_list = [layer.output for layer in vgg19.layers]
    feat_extraction_model = keras.Model(inputs=vgg19.input, outputs=features_list)
    extracted = feat_extraction_model(np.random.random((1, 32, 32, 3)).astype("float32"))
    assert len(extracted) == len(vgg19.layers)
"""


def test_sequential_models_of_2016(passes) -> None:
    passes(SEQUENTIAL)


def test_several_inputs_and_shared_layers(passes) -> None:
    passes(HEADLINE)


def test_extending_an_application(passes) -> None:
    passes(EXTEND)


def test_the_functional_guide_of_tensorflow(passes) -> None:
    passes(FUNCTIONAL)
