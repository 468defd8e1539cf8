"""Real Keras beside tkeras: on its torch backend, with its own warnings left out; skipped where it is missing."""

from __future__ import annotations

import importlib.util
import os
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

os.environ["KERAS_BACKEND"] = "torch"
HERE = Path(__file__).parent
FOUND = importlib.util.find_spec("keras") is not None

if FOUND:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import keras  # noqa: F401 - first import, while its warnings are off


class _WithoutKeras(pytest.Module):
    def collect(self) -> Iterator[pytest.Item]:
        pytest.skip("compares with real Keras, which is not installed (pip install keras==3.15.1)")


def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector) -> pytest.Module | None:
    """Skip the modules of this folder where there is no Keras to compare with."""
    return None if FOUND else _WithoutKeras.from_parent(parent, path=module_path)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let real Keras warn."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.filterwarnings("ignore:::keras"))
