"""The data sets, from a server on this machine, in files of the same form."""

import gzip
import io
import json
import os
import pickle
import socket

import numpy as np
import pytest

from tests.loopback import serve, sha256
from tests.test_get_file import tar
from tkeras import datasets
from tkeras.datasets import _sources, _unpickle

RNG = np.random.default_rng(5)
MNIST = {
    "x_train": RNG.integers(0, 255, (6, 28, 28), "uint8"), "y_train": np.arange(6, dtype="uint8"),
    "x_test": RNG.integers(0, 255, (2, 28, 28), "uint8"), "y_test": np.arange(2, dtype="uint8"),
}  # fmt: skip
HOUSES = {"x": RNG.normal(size=(700, 8)), "y": RNG.normal(size=700)}


def texts(count) -> np.ndarray:
    found = np.empty(count, object)
    found[:] = [RNG.integers(1, 50, RNG.integers(1, 30)).tolist() for _ in range(count)]
    return found


IMDB = {
    "x_train": texts(30),
    "y_train": RNG.integers(0, 2, 30),
    "x_test": texts(20),
    "y_test": RNG.integers(0, 2, 20),
}
REUTERS = {"x": texts(40), "y": RNG.integers(0, 46, 40)}


def npz(arrays) -> bytes:
    image = io.BytesIO()
    np.savez(image, **arrays)
    return image.getvalue()


def idx(array) -> bytes:
    return gzip.compress(bytes(8 if array.ndim == 1 else 16) + array.tobytes())


def cifar(count, *keys) -> bytes:
    content = {b"data": RNG.integers(0, 255, (count, 3072), "uint8")}
    content |= {key: RNG.integers(0, 10, count).tolist() for key in keys}
    return pickle.dumps(content, 2)


CIFAR10 = {f"cifar-10-batches-py/data_batch_{n}": cifar(3, b"labels") for n in range(1, 6)}
CIFAR10["cifar-10-batches-py/test_batch"] = cifar(2, b"labels")
CIFAR100 = {
    f"cifar-100-python/{part}": cifar(4, b"fine_labels", b"coarse_labels") for part in ("train", "test")
}
FILES = {
    "mnist.npz": npz(MNIST), "boston_housing.npz": npz(HOUSES), "california_housing.npz": npz(HOUSES),
    "imdb.npz": npz(IMDB), "reuters.npz": npz(REUTERS),
    "imdb_word_index.json": json.dumps({"the": 1}).encode(), "reuters_word_index.json": b'{"oil": 7}',
    "train-labels-idx1-ubyte.gz": idx(MNIST["y_train"]), "train-images-idx3-ubyte.gz": idx(MNIST["x_train"]),
    "t10k-labels-idx1-ubyte.gz": idx(MNIST["y_test"]), "t10k-images-idx3-ubyte.gz": idx(MNIST["x_test"]),
    "cifar-10-batches-py-target": tar(**CIFAR10), "cifar-100-python-target": tar(**CIFAR100),
}  # fmt: skip


@pytest.fixture
def server(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    with serve() as files:
        for name, content in FILES.items():
            files[f"/{name}"] = content
            monkeypatch.setitem(_sources.SOURCES, name, (f"{files.root}/{name}", sha256(content)))
        yield files


def same(found, expected) -> None:
    for ours, wanted in zip(found, expected, strict=True):
        np.testing.assert_array_equal(ours, wanted)


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_digits_and_clothes(server, name) -> None:
    for _ in range(2):
        train, test = getattr(datasets, name).load_data()
        same(train, (MNIST["x_train"], MNIST["y_train"]))
        same(test, (MNIST["x_test"], MNIST["y_test"]))
    assert len(server.asked) == {"mnist": 1, "fashion_mnist": 4}[name]


def test_cifar(server) -> None:
    (x, y), (x_test, y_test) = datasets.cifar10.load_data()
    assert (x.shape, y.shape, x_test.shape, y_test.shape) == (
        (15, 32, 32, 3),
        (15, 1),
        (2, 32, 32, 3),
        (2, 1),
    )
    first = pickle.loads(CIFAR10["cifar-10-batches-py/data_batch_2"])
    np.testing.assert_array_equal(x[4, 5, 6], first[b"data"][1].reshape(3, 32, 32)[:, 5, 6])
    assert y[3:6, 0].tolist() == first[b"labels"]
    coarse = pickle.loads(CIFAR100["cifar-100-python/test"])[b"coarse_labels"]
    assert datasets.cifar100.load_data("coarse")[1][1][:, 0].tolist() == coarse
    with pytest.raises(ValueError, match="`label_mode` must be one of"):
        datasets.cifar100.load_data("medium")


def test_houses(server) -> None:
    (x, y), (_, y_test) = datasets.california_housing.load_data("small", test_split=0.25)
    assert (x.shape, y_test.shape) == ((450, 8), (150,))
    rows = {row.tobytes(): target for row, target in zip(HOUSES["x"][:600], HOUSES["y"][:600], strict=True)}
    assert all(rows[row.tobytes()] == target for row, target in zip(x, y, strict=True))
    assert datasets.boston_housing.load_data(seed=1)[0][0].shape == (560, 8)
    with pytest.raises(ValueError, match="version=tiny"):
        datasets.california_housing.load_data("tiny")
    with pytest.raises(ValueError, match="test_split=2"):
        datasets.boston_housing.load_data(test_split=2)


def test_words(server) -> None:
    (x, y), _ = datasets.imdb.load_data(num_words=20, skip_top=5, maxlen=20, oov_char=None, start_char=None)
    originals = {(tuple(text), label) for text, label in zip(IMDB["x_train"], IMDB["y_train"], strict=True)}
    kept = {
        (tuple(w + 3 for w in text if 5 <= w + 3 < 20), label) for text, label in originals if len(text) < 20
    }
    assert {(tuple(text), label) for text, label in zip(x, y, strict=True)} == kept
    assert all(text[0] == 1 for text in datasets.imdb.load_data()[0][0])
    assert datasets.imdb.get_word_index() == {"the": 1}
    assert datasets.reuters.get_word_index() == {"oil": 7}
    assert datasets.reuters.get_label_names()[3] == "earn"
    with pytest.raises(ValueError, match="no sequence was kept"):
        datasets.imdb.load_data(maxlen=1)
    with pytest.raises(TypeError, match="words"):
        datasets.imdb.load_data(words=1)
    with pytest.warns(UserWarning, match="renamed `num_words`"):
        assert max(max(text) for text in datasets.imdb.load_data(nb_words=9)[0][0]) == 8


def test_another_file_than_the_known_one_is_refused(server) -> None:
    server["/imdb.npz"] = FILES["imdb.npz"] + b"x"
    with pytest.raises(ValueError, match="Incomplete or corrupted"):
        datasets.imdb.load_data()


def test_without_a_network(tmp_path, monkeypatch) -> None:
    def no_network(*args, **kwargs):
        raise OSError("Network is unreachable")

    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr(socket, "create_connection", no_network)
    with pytest.raises(ConnectionError, match=r"URL fetch failure on https://.*mnist.npz.*put it at"):
        datasets.mnist.load_data()


class Evil:
    def __reduce__(self):
        return os.system, ("exit 1",)


class EvilArray(np.ndarray):
    pass


@pytest.mark.parametrize(
    "content",
    [Evil(), [Evil()], np.array([Evil()], object), np.zeros(3).view(EvilArray), np.float64(1.0)],
    ids=["object", "list", "array", "subclass", "scalar"],
)
def test_pickles_hold_data_only(content) -> None:
    for protocol in (0, 2, 4):
        with pytest.raises(ValueError, match="refused"):
            _unpickle.load(io.BytesIO(pickle.dumps(content, protocol)), "the file")


def test_damaged_pickles(tmp_path) -> None:
    good = pickle.dumps({b"a": [1, 2], b"b": np.arange(5)}, 2)
    same(_unpickle.load(io.BytesIO(good), "f").values(), ([1, 2], np.arange(5)))
    for cut in range(0, len(good) - 1, 7):
        with pytest.raises(ValueError, match="f cannot be read"):
            _unpickle.load(io.BytesIO(good[:cut]), "f")
    (tmp_path / "a.npz").write_bytes(b"no zip")
    with pytest.raises(ValueError, match="cannot be read"):
        _unpickle.load_npz(str(tmp_path / "a.npz"))
