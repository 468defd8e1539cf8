"""Data sets: the same files read by real Keras."""

import keras
import numpy as np
import pytest

from tests.test_datasets import FILES
from tkeras import datasets
from tkeras.datasets import _housing, _sources, imdb, reuters

CASES = [
    ("boston_housing", {"seed": 3, "test_split": 0.3}), ("boston_housing", {}), ("california_housing", {"version": "small"}),
    ("imdb", {}), ("imdb", {"num_words": 20, "skip_top": 3}), ("imdb", {"maxlen": 12, "seed": 1}),
    ("imdb", {"start_char": None, "oov_char": None, "num_words": 30}), ("imdb", {"index_from": 0, "start_char": 7}),
    ("reuters", {}), ("reuters", {"num_words": 15, "test_split": 0.4}), ("reuters", {"maxlen": 20, "oov_char": None}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "options"), CASES)
def test_same_splits(tmp_path, monkeypatch, name, options) -> None:
    path = tmp_path / f"{name}.npz"
    path.write_bytes(FILES[path.name])
    for module in (_housing, imdb, reuters):
        monkeypatch.setattr(module, "fetch", lambda *args, **kwargs: str(path))
    real = getattr(keras.src.datasets, name)
    monkeypatch.setattr(real, "get_file", lambda *args, **kwargs: str(path))
    for ours, theirs in zip(
        getattr(datasets, name).load_data(**options), real.load_data(**options), strict=True
    ):
        for one, other in zip(ours, theirs, strict=True):
            assert len(one) == len(other)
            assert [np.asarray(a).tolist() for a in one] == [np.asarray(b).tolist() for b in other]


def test_same_names() -> None:
    assert datasets.reuters.get_label_names() == tuple(keras.datasets.reuters.get_label_names())
    assert _sources.SOURCES.keys() >= {"mnist.npz"}
