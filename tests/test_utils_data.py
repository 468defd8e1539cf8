"""Data sets from folders and arrays, PyDataset with workers, splitting, small utilities."""

import os
import threading
import time
import wave
from pathlib import Path

import numpy as np
import pytest
import torch

import tkeras
from tkeras import layers, utils
from tkeras.utils._stream import Dataset

Image = pytest.importorskip("PIL.Image")


@pytest.fixture
def pictures(tmp_path):
    for label, (name, count) in enumerate((("b", 3), ("a", 4), ("c", 1))):
        (tmp_path / name).mkdir()
        for index in range(count):
            colour = np.full((6, 4 + index, 3), 50 * label + index, "uint8")
            Image.fromarray(colour).save(tmp_path / name / f"{index}.PNG")
    (tmp_path / "a" / "notes.md").write_text("no image")
    return tmp_path


def linear(shape):
    model = tkeras.Sequential([tkeras.Input(shape), layers.Flatten(), layers.Dense(3)])
    model.compile("sgd", tkeras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model


def test_images_from_folders(pictures, capsys) -> None:
    data = utils.image_dataset_from_directory(pictures, image_size=(3, 5), batch_size=3, shuffle=False)
    assert "Found 8 files belonging to 3 classes." in capsys.readouterr().out
    assert data.class_names == ["a", "b", "c"]
    assert [Path(path).parent.name for path in data.file_paths] == ["a"] * 4 + ["b"] * 3 + ["c"]
    batches = list(data)
    assert [tuple(x.shape) for x, _ in batches] == [(3, 3, 5, 3), (3, 3, 5, 3), (2, 3, 5, 3)]
    assert torch.cat([y for _, y in batches]).tolist() == [0] * 4 + [1] * 3 + [2]
    assert batches[0][1].dtype is torch.int32
    colours = torch.cat([x for x, _ in batches])[:, 0, 0, 0].tolist()
    assert colours == [50, 51, 52, 53, 0, 1, 2, 100]
    history = linear((3, 5, 3)).fit(data, validation_data=data, epochs=2, verbose=0)
    assert len(history.history["val_loss"]) == 2
    assert linear((3, 5, 3)).predict(data.map(lambda x, y: x), verbose=0).shape == (8, 3)


def test_subsets_and_orders(pictures) -> None:
    options = {"image_size": (2, 2), "batch_size": None, "seed": 3, "verbose": False}
    train, validation = utils.image_dataset_from_directory(
        pictures, validation_split=0.25, subset="both", **options
    )
    assert (len(train), len(validation)) == (6, 2)
    assert not set(train.file_paths) & set(validation.file_paths)
    alone = utils.image_dataset_from_directory(
        pictures, validation_split=0.25, subset="validation", **options
    )
    assert alone.file_paths == validation.file_paths
    first, second = ([int(x[0, 0, 0]) for x, _ in train] for _ in range(2))
    assert sorted(first) == sorted(second)
    assert first != second
    again, _ = utils.image_dataset_from_directory(pictures, validation_split=0.25, subset="both", **options)
    assert [int(x[0, 0, 0]) for x, _ in again] == first


@pytest.mark.parametrize(
    ("options", "label"),
    [
        ({"label_mode": "categorical"}, [0, 1, 0]),
        ({"class_names": ["c", "b", "a"]}, 1),
        ({"labels": [5, 5, 5, 5, 7, 7, 7, 5]}, 7),
        ({"label_mode": None}, None),
        ({"labels": None}, None),
    ],
)
def test_labels(pictures, options, label) -> None:
    data = utils.image_dataset_from_directory(
        pictures, image_size=(2, 2), batch_size=None, shuffle=False, **options
    )
    names = [Path(path).parent.name for path in data.file_paths]
    element = list(data)[names.index("b")]
    assert (element.shape == (2, 2, 3)) if label is None else (element[1].tolist() == label)


def test_two_classes(pictures) -> None:
    (pictures / "c" / "0.PNG").unlink()
    (pictures / "c").rmdir()
    data = utils.image_dataset_from_directory(
        pictures,
        label_mode="binary",
        image_size=(4, 4),
        color_mode="grayscale",
        crop_to_aspect_ratio=True,
        data_format="channels_first",
    )
    x, y = next(iter(data))
    assert (x.shape, y.shape, y.dtype) == ((7, 1, 4, 4), (7, 1), torch.float32)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"labels": "folders"}, "pass `labels='inferred'`"),
        ({"labels": [1]}, "match the number of files"),
        ({"labels": None, "class_names": ["a"]}, "only pass `class_names`"),
        ({"class_names": ["a", "x"]}, "did not match the names"),
        ({"label_mode": "x"}, "label_mode=x"),
        ({"label_mode": "binary"}, "exactly 2 class_names"),
        ({"validation_split": 2}, "between 0 and 1"),
        ({"validation_split": 0.5}, "If `subset` is set"),
        ({"validation_split": 0.5, "subset": "test", "seed": 1}, "`subset` must be"),
        ({"validation_split": 0.5, "subset": "training"}, "provide a `seed`"),
        ({"validation_split": 0.01, "subset": "validation", "seed": 1}, "has no files"),
        ({"color_mode": "cmyk"}, "color_mode=cmyk"),
        ({"format": "grain"}, "format=grain"),
    ],
)
def test_wrong_folders_are_explained(pictures, options, message) -> None:
    with pytest.raises(ValueError, match=message):
        utils.image_dataset_from_directory(pictures, **options)


def test_no_files(tmp_path) -> None:
    with pytest.raises(ValueError, match="No files with the endings"):
        utils.text_dataset_from_directory(tmp_path)


def test_texts_and_sounds(tmp_path) -> None:
    for name in ("x", "y"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "t.txt").write_text(f"text {name} ü", encoding="utf-8")
        for width, size in ((2, 10), (3, 7)):
            with wave.open(str(tmp_path / name / f"{width}.wav"), "wb") as file:
                file.setnchannels(2)
                file.setsampwidth(width)
                file.setframerate(800)
                file.writeframes((2 ** (8 * width - 2)).to_bytes(width, "little") * 2 * size)
    texts = utils.text_dataset_from_directory(tmp_path, shuffle=False, max_length=6, label_mode="binary")
    words, labels = next(iter(texts))
    assert words.tolist() == ["text x", "text y"]
    assert labels.tolist() == [[0], [1]]
    sounds, labels = next(iter(utils.audio_dataset_from_directory(tmp_path, shuffle=False)))
    assert sounds.shape == (4, 10, 2)
    assert torch.equal(sounds[0], torch.full((10, 2), 0.5))
    assert sounds[1, 6:8, 0].tolist() == [0.5, 0]
    cut = utils.audio_dataset_from_directory(tmp_path, output_sequence_length=8, shuffle=False)
    assert next(iter(cut))[0].shape == (4, 8, 2)
    with pytest.raises(ValueError, match="has 800 samples a second"):
        list(utils.audio_dataset_from_directory(tmp_path, sampling_rate=16000))
    with pytest.raises(ValueError, match="`ragged=True` is not supported"):
        utils.audio_dataset_from_directory(tmp_path, ragged=True)
    (tmp_path / "x" / "2.wav").write_bytes(b"RIFF")
    with pytest.raises(ValueError, match="is no PCM sound"):
        list(utils.audio_dataset_from_directory(tmp_path))


def test_methods_of_data_sets() -> None:
    data = Dataset(lambda: iter(range(10)), 10)
    assert [x.tolist() for x in data.map(torch.tensor).batch(4)] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert len(data.map(torch.tensor).batch(4, drop_remainder=True)) == 2 == len(list(data.batch(4, True)))
    assert list(data.skip(3).take(2)) == [3, 4]
    assert list(data.take(2).repeat(3)) == [0, 1] * 3
    assert list(data.map(lambda x: 2 * x, num_parallel_calls=3)) == list(range(0, 20, 2))
    assert list(data.prefetch(2)) == list(range(10))
    mixed = list(data.shuffle(4, seed=1))
    assert sorted(mixed) == list(range(10)) != mixed
    made = []
    kept = data.map(lambda x: made.append(x) or x).cache()
    assert list(kept) == list(kept) == made
    assert [type(x) for x in data.map(torch.tensor).as_numpy_iterator()] == [np.ndarray] * 10
    assert (data.cardinality(), len(data.shuffle(3))) == (10, 10)


def test_errors_and_ends_of_threads() -> None:
    def broken(x):
        if x == 5:
            raise RuntimeError("five")
        return x

    before = threading.active_count()
    for data in (
        Dataset(lambda: iter(range(100)), 100).map(broken, 2),
        Dataset(lambda: map(broken, range(100)), 100).prefetch(),
    ):
        with pytest.raises(RuntimeError, match="five"):
            list(data)
        for _ in data:
            break
    deadline = time.monotonic() + 5
    while threading.active_count() > before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert threading.active_count() <= before


class Numbers(utils.PyDataset):
    """Batch ``i`` holds the number ``i``; remembers who made it."""

    def __init__(self, size=6, **kwargs):
        super().__init__(**kwargs)
        self.size, self.begun, self.ended = size, 0, 0

    def __len__(self):
        return self.size

    def __getitem__(self, index):
        if self.workers > 1:
            time.sleep(0.02 * (index % 2 == 0))
        return np.full((2, 1), index, "float32"), np.full((2, 1), os.getpid(), "int64")

    def on_epoch_begin(self):
        self.begun += 1

    def on_epoch_end(self):
        self.ended += 1


class Watch(tkeras.Model):
    """Sees batches."""

    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(1)
        self.seen = []

    def call(self, x):
        return self.dense(x)

    def train_step(self, data):
        x, y = data
        self.seen.append((int(x[0]), int(y[0])))
        return {"loss": 0.0}


@pytest.mark.parametrize(
    "options",
    [{}, {"workers": 3, "max_queue_size": 2}, {"workers": 2, "use_multiprocessing": True}],
    ids=["loop", "threads", "processes"],
)
def test_workers_keep_the_order(options) -> None:
    data, model = Numbers(**options), Watch()
    model.compile("sgd", "mse", run_eagerly=True)
    model.fit(data, epochs=2, shuffle=False, verbose=0)
    assert [number for number, _ in model.seen] == [*range(6)] * 2
    others = {maker for _, maker in model.seen} - {os.getpid()}
    assert bool(others) == bool(options.get("use_multiprocessing"))
    assert (data.begun, data.ended) == (2, 2)
    model.seen.clear()
    torch.manual_seed(4)
    model.fit(data, epochs=2, verbose=0)
    order = [number for number, _ in model.seen]
    assert sorted(order[:6]) == sorted(order[6:]) == [*range(6)]
    assert order[:6] != order[6:]


def test_sequences_without_super_and_without_end() -> None:
    class Old(utils.Sequence):
        def __init__(self):
            self.asked = []

        def __getitem__(self, index):
            self.asked.append(index)
            return np.ones((2, 1)), np.ones((2, 1))

    data = Old()
    model = Watch()
    model.compile("sgd", "mse")
    with pytest.warns(UserWarning, match=r"should call `super\(\).__init__"):
        model.fit(data, steps_per_epoch=3, epochs=2, verbose=0)
    assert data.asked == [*range(6)]
    assert data.num_batches is None
    data.workers, data.max_queue_size = 4, 3
    assert (data.workers, data.max_queue_size, data.use_multiprocessing) == (4, 3, False)
    with pytest.raises(NotImplementedError, match="__getitem__"):
        utils.PyDataset()[0]


@pytest.mark.parametrize(
    ("rate", "stride", "start", "end"),
    [(1, 1, None, None), (2, 3, None, None), (1, 2, 4, 20), (3, 1, None, 25)],
)
def test_windows(rate, stride, start, end) -> None:
    data = np.arange(30, dtype="int64") * 10
    made = utils.timeseries_dataset_from_array(
        data,
        np.arange(30),
        4,
        sequence_stride=stride,
        sampling_rate=rate,
        batch_size=3,
        start_index=start,
        end_index=end,
    )
    low, high = start or 0, end or 30
    starts = [i for i in range(low, high, stride) if i + 3 * rate < high]
    x, y = (torch.cat(part).tolist() for part in zip(*made, strict=True))
    assert y == starts
    assert x == [[10 * (i + rate * step) for step in range(4)] for i in starts]
    assert len(made) == -(-len(starts) // 3)


def test_windows_without_targets_in_random_order() -> None:
    data = np.arange(20.0).reshape(10, 2)
    made = utils.timeseries_dataset_from_array(data, None, 3, batch_size=None, shuffle=True, seed=1)
    first, second = ([int(x[0, 0]) for x in made] for _ in range(2))
    assert sorted(first) == sorted(second) == [*range(0, 16, 2)]
    assert first != second
    for options, message in (({"start_index": 99}, "start_index"), ({"end_index": 99}, "end_index"), ({"sampling_rate": 0}, "sampling_rate"),
                             ({"start_index": 5, "end_index": 4}, "higher than"), ({"format": "grain"}, "format"), ({"sequence_stride": 10}, "stride")):  # fmt: skip
        with pytest.raises(ValueError, match=message):
            utils.timeseries_dataset_from_array(data, None, 3, **options)


@pytest.mark.parametrize(
    ("options", "sizes"),
    [
        ({"left_size": 0.8}, (8, 2)),
        ({"right_size": 3}, (7, 3)),
        ({"left_size": 2, "right_size": 0.5}, (2, 5)),
    ],
)
def test_splits(options, sizes) -> None:
    x, y = np.arange(20).reshape(10, 2), np.arange(10)
    left, right = utils.split_dataset((x, y), **options)
    assert (len(left), len(right)) == sizes
    assert [int(label) for _, label in [*left, *right]] == [*range(sum(sizes))]
    np.testing.assert_array_equal(left[1][0], x[1])
    mixed, rest = utils.split_dataset(torch.arange(10), left_size=5, shuffle=True, seed=0)
    assert sorted(int(n) for n in [*mixed, *rest]) == [*range(10)] != [int(n) for n in [*mixed, *rest]]
    batches = list(utils.split_dataset([1, 2, 3, 4], left_size=3)[0].batch(2))
    assert [batch.tolist() for batch in batches] == [[1, 2], [3]]
    assert len(utils.split_dataset(torch.utils.data.TensorDataset(torch.ones(4)), left_size=1)[1]) == 3
    assert len(utils.split_dataset((n for n in range(5)), right_size=2)[0]) == 3


@pytest.mark.parametrize(
    "options",
    [{}, {"left_size": 2.0}, {"left_size": 11}, {"left_size": 0.7, "right_size": 0.7}, {"left_size": 6, "right_size": 6},
     {"left_size": 0.01}, {"left_size": 1, "preferred_backend": "jax"}],
)  # fmt: skip
def test_wrong_splits(options) -> None:
    with pytest.raises(ValueError, match=r"Received|one of the parts is empty"):
        utils.split_dataset(np.arange(10), **options)
    with pytest.raises(ValueError, match="different lengths"):
        utils.split_dataset((np.ones(3), np.ones(4)), left_size=1)
    with pytest.raises(TypeError, match="Expected: int or float"):
        utils.split_dataset(np.ones(3), left_size="a")


def test_configurations() -> None:
    config = utils.Config(rate=0.1)
    config.steps = 3
    config["name"] = "x"
    assert (config.rate, config["steps"], "name" in config, len(config)) == (0.1, 3, True, 3)
    assert config.as_dict() == {"rate": 0.1, "steps": 3, "name": "x"} == dict(config.items())
    assert config == utils.Config(**config.as_dict())
    config.freeze()
    with pytest.raises(ValueError, match="frozen"):
        config.rate = 1
    config.unfreeze()
    del config.rate
    assert config.pop("steps") == 3
    with pytest.raises(AttributeError, match="rate"):
        _ = config.rate


def test_progress_averages(capsys) -> None:
    bar = utils.Progbar(4, interval=0, stateful_metrics=["now"])
    for step in range(1, 5):
        bar.update(step, [("loss", step), ("now", step)])
    assert "loss: 2.5000 - now: 4.0000" in capsys.readouterr().out
    bar = utils.Progbar(4, verbose=2)
    bar.add(2, [("loss", 1.0)])
    bar.add(2, [("loss", 3.0)])
    assert "4/4 - 0s" in (out := capsys.readouterr().out)
    assert "loss: 2.0000" in out
    with pytest.raises(ValueError, match="not both"):
        utils.Progbar(1, stateful_metrics=[], stateless_metrics=[])


def test_interactive_logging(capsys) -> None:
    model = linear((2,))
    utils.disable_interactive_logging()
    try:
        assert not utils.is_interactive_logging_enabled()
        model.fit(np.ones((4, 2)), np.zeros(4), epochs=1)
    finally:
        utils.enable_interactive_logging()
    assert "━" not in capsys.readouterr().out
    model.fit(np.ones((4, 2)), np.zeros(4), epochs=1)
    assert "━" in capsys.readouterr().out


def test_sources_of_symbols() -> None:
    a, b = tkeras.Input((2,), name="a"), tkeras.Input((2,), name="b")
    out = layers.Dense(1)(layers.add([layers.Dense(2)(b), a]))
    assert utils.get_source_inputs(out) == [b, a]
    assert utils.get_source_inputs(a) == [a]
