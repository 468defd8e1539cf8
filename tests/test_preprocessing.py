"""ImageDataGenerator in fit, data frames, tokenizers: what the comparison with real Keras leaves open."""

import json
from itertools import chain

import numpy as np
import pytest

import tkeras
from tkeras import layers
from tkeras.preprocessing import image, sequence, text

Image = pytest.importorskip("PIL.Image")


@pytest.fixture
def folders(tmp_path):
    rng = np.random.default_rng(2)
    for name, count in (("cats", 5), ("dogs", 4)):
        (tmp_path / name / "deep").mkdir(parents=True)
        for index in range(count):
            folder = tmp_path / name / ("deep" if index == 1 else "")
            Image.fromarray(rng.integers(0, 255, (9, 7, 3), "uint8")).save(folder / f"{index}.png")
    (tmp_path / "cats" / "notes.txt").write_text("no image")
    return tmp_path


def classifier(shape, outputs):
    model = tkeras.Sequential(
        [tkeras.Input(shape), layers.Flatten(), layers.Dense(outputs, activation="softmax")]
    )
    model.compile("sgd", "categorical_crossentropy", metrics=["acc"])
    return model


def test_generators_in_fit(folders) -> None:
    generator = image.ImageDataGenerator(rescale=1 / 255, horizontal_flip=True, validation_split=0.25)
    options = {"target_size": (8, 6), "batch_size": 2, "seed": 3}
    train = generator.flow_from_directory(folders, subset="training", **options)
    validation = generator.flow_from_directory(folders, subset="validation", **options)
    assert (train.n, validation.n, train.class_indices) == (7, 2, {"cats": 0, "dogs": 1})
    seen = []

    class Count(tkeras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            seen.append(batch)

    model = classifier((8, 6, 3), 2)
    history = model.fit(train, epochs=2, validation_data=validation, verbose=0, callbacks=[Count()])
    assert seen == [0, 1, 2, 3] * 2
    assert set(history.history) == {"loss", "acc", "val_loss", "val_acc"}
    assert model.predict(validation, verbose=0).shape == (2, 2)
    assert len(model.evaluate(validation, verbose=0)) == 2
    model.fit_generator(train, steps_per_epoch=2, epochs=1, verbose=0)
    x, y = next(train)
    assert (x.shape, y.shape, x.dtype) == ((2, 8, 6, 3), (2, 2), np.float32)
    assert 0 <= x.min() <= x.max() <= 1


def test_rows_follow_the_seed() -> None:
    x = np.arange(10, dtype="float32").reshape(10, 1, 1, 1)
    flow = image.ImageDataGenerator().flow(x, np.arange(10), batch_size=4, seed=1)
    one = [next(flow)[1].tolist() for _ in range(6)]
    assert sorted(chain(*one[:3])) == sorted(chain(*one[3:])) == list(range(10))
    assert one[:3] != one[3:]
    again = image.ImageDataGenerator().flow(x, np.arange(10), batch_size=4, seed=1)
    assert [next(again)[1].tolist() for _ in range(6)] == one
    flow.reset()
    assert len(next(flow)[1]) == 4
    with pytest.raises(ValueError, match="has length 3"):
        flow[3]


def test_images_can_be_written(tmp_path) -> None:
    x = np.random.default_rng(1).random((3, 5, 4, 3))
    flow = image.ImageDataGenerator().flow(
        x, batch_size=3, save_to_dir=tmp_path, save_prefix="seen", save_format="png"
    )
    next(flow)
    assert len(list(tmp_path.glob("seen_*.png"))) == 3


def test_data_frames(folders) -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(
        {"filename": ["cats/0.png", "dogs/0.png", "cats/gone.png", "dogs/2.png"], "class": ["c", "d", "c", "d"],
         "age": [1.0, 2.0, 3.0, 4.0], "weight": [0.5, 1.0, 1.0, 2.0]}
    )  # fmt: skip
    generator = image.ImageDataGenerator()
    options = {"target_size": (4, 4), "shuffle": False, "directory": folders}
    with pytest.warns(UserWarning, match="1 invalid image filename"):
        flow = generator.flow_from_dataframe(frame, weight_col="weight", class_mode="sparse", **options)
    x, y, weight = next(flow)
    assert (x.shape, y.tolist(), weight.tolist()) == ((3, 4, 4, 3), [0, 1, 1], [0.5, 1.0, 2.0])
    good = frame[frame["filename"] != "cats/gone.png"]
    assert next(generator.flow_from_dataframe(good, y_col="age", class_mode="raw", **options))[
        1
    ].tolist() == [1, 2, 4]
    both = generator.flow_from_dataframe(good, y_col=["age", "weight"], class_mode="multi_output", **options)
    assert [part.tolist() for part in next(both)[1]] == [[1, 2, 4], [0.5, 1, 2]]
    only = generator.flow_from_dataframe(good, classes=["d"], class_mode="categorical", **options)
    assert next(only)[1].tolist() == [[1], [1]]
    assert next(generator.flow_from_dataframe(good, class_mode=None, **options)).shape == (3, 4, 4, 3)
    with pytest.raises(ValueError, match="no column 'breed'"):
        generator.flow_from_dataframe(good, y_col="breed", **options)
    with pytest.raises(TypeError, match="y_col must be a list"):
        generator.flow_from_dataframe(good, y_col="age", class_mode="multi_output", **options)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda g: g(zoom_range=(1, 2, 3)), "`zoom_range` should be"),
        (lambda g: g(fill_mode="mirror"), "fill_mode=mirror"),
        (lambda g: g(interpolation_order=3), "interpolation_order=3"),
        (lambda g: g(validation_split=2), "`validation_split` must be"),
        (lambda g: g(brightness_range=(1,)), "`brightness_range"),
        (lambda g: g().flow(np.ones((2, 3, 3))), "should have rank 4"),
        (lambda g: g().flow(np.ones((2, 3, 3, 1)), np.ones(3)), "same length"),
        (lambda g: g(validation_split=0.5).flow(np.ones((2, 3, 3, 1)), np.arange(2), subset="training"), "different number of classes"),
        (lambda g: g().flow(np.ones((2, 3, 3, 1)), subset="test"), "Invalid subset name"),
        (lambda g: g().fit(np.ones((3, 3, 1))), "should have rank 4"),
        (lambda g: g().flow_from_directory(".", class_mode="x"), "Invalid class_mode"),
        (lambda g: g().flow_from_directory(".", color_mode="x"), "Invalid color mode"),
        (lambda g: sequence.TimeseriesGenerator([1, 2], [1], 1), "of same length"),
        (lambda g: sequence.TimeseriesGenerator([1, 2], [1, 2], 5), "is disallowed"),
        (lambda g: text.Tokenizer().texts_to_matrix(["a"]), "Specify a dimension"),
        (lambda g: text.Tokenizer(num_words=3).texts_to_matrix(["a"], "x"), "Unknown vectorization mode"),
        (lambda g: text.Tokenizer(num_words=3).texts_to_matrix(["a"], "tfidf"), "before using tfidf"),
    ],
)  # fmt: skip
def test_wrong_arguments_are_explained(call, message) -> None:
    with pytest.raises(ValueError, match=message):
        call(image.ImageDataGenerator)


def test_statistics_have_to_be_found_first() -> None:
    generator = image.ImageDataGenerator(featurewise_center=True)
    with pytest.warns(UserWarning, match="hasn't been fit on any training data"):
        generator.standardize(np.ones((2, 2, 1)))
    with pytest.warns(UserWarning, match="overrides setting"):
        image.ImageDataGenerator(zca_whitening=True, featurewise_std_normalization=True)


def test_tokenizer_goes_through_json() -> None:
    tokenizer = text.Tokenizer(num_words=9, oov_token="?", analyzer=None)
    tokenizer.fit_on_texts(["the cat", "The dog, the end"])
    again = text.tokenizer_from_json(tokenizer.to_json())
    assert again.texts_to_sequences(["the bird"]) == tokenizer.texts_to_sequences(["the bird"]) == [[2, 1]]
    assert again.index_docs == tokenizer.index_docs
    assert json.loads(again.to_json()) == json.loads(tokenizer.to_json())
    with pytest.raises(TypeError, match="Unrecognized"):
        text.Tokenizer(words=3)
    with pytest.warns(UserWarning, match="renamed `num_words`"):
        assert text.Tokenizer(nb_words=3).num_words == 3


def test_time_series_in_fit() -> None:
    data, target = np.random.default_rng(0).normal(size=(50, 3)), np.arange(50.0)
    series = sequence.TimeseriesGenerator(data, target, length=5, batch_size=8)
    model = tkeras.Sequential([tkeras.Input((5, 3)), layers.Flatten(), layers.Dense(1)])
    model.compile("sgd", "mse")
    assert len(model.fit(series, epochs=2, verbose=0).history["loss"]) == 2
    assert json.loads(series.to_json())["config"]["start_index"] == 5
