"""Origins of the data sets: addresses and hashes as in Keras; those of Fashion-MNIST from its makers."""

from __future__ import annotations

from typing import Any

from tkeras.utils._get_file import get_file

_STORE = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"
_TORONTO = "https://www.cs.toronto.edu/~kriz/"

SOURCES: dict[str, tuple[str, str]] = {
    "mnist.npz": (
        _STORE + "mnist.npz",
        "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1",
    ),
    "boston_housing.npz": (
        _STORE + "boston_housing.npz",
        "f553886a1f8d56431e820c5b82552d9d95cfcb96d1e678153f8839538947dff5",
    ),
    "california_housing.npz": (
        _STORE + "california_housing.npz",
        "1a2e3a52e0398de6463aebe6f4a8da34fb21fbb6b934cf88c3425e766f2a1a6f",
    ),
    "imdb.npz": (_STORE + "imdb.npz", "69664113be75683a8fe16e3ed0ab59fda8886cb3cd7ada244f7d9544e4676b9f"),
    "imdb_word_index.json": (_STORE + "imdb_word_index.json", "bfafd718b763782e994055a2d397834f"),
    "reuters.npz": (
        _STORE + "reuters.npz",
        "d6586e694ee56d7a4e65172e12b3e987c03096cb01eab99753921ef915959916",
    ),
    "reuters_word_index.json": (_STORE + "reuters_word_index.json", "4d44cc38712099c9e383dc6e5f11a921"),
    "train-labels-idx1-ubyte.gz": (
        _STORE + "train-labels-idx1-ubyte.gz",
        "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
    ),
    "train-images-idx3-ubyte.gz": (
        _STORE + "train-images-idx3-ubyte.gz",
        "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
    ),
    "t10k-labels-idx1-ubyte.gz": (
        _STORE + "t10k-labels-idx1-ubyte.gz",
        "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
    ),
    "t10k-images-idx3-ubyte.gz": (
        _STORE + "t10k-images-idx3-ubyte.gz",
        "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
    ),
    "cifar-10-batches-py-target": (
        _TORONTO + "cifar-10-python.tar.gz",
        "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
    ),
    "cifar-100-python-target": (
        _TORONTO + "cifar-100-python.tar.gz",
        "85cd44d02ba6437773c5bbd22e183051d648de2e7d6b014e1ef29b855ba677a7",
    ),
}


def fetch(source: str, path: str | None = None, **options: Any) -> str:
    """The path of a file of :data:`SOURCES`, downloaded and checked if need be.

    Args:
        source: key in the table.
        path: name in the cache; default: the key.
        options: for `get_file`.
    """
    origin, digest = SOURCES[source]
    return get_file(path or source, origin, file_hash=digest, **options)
