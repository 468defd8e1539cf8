"""`CSVLogger`: one line of values an epoch in a file."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable
from typing import Any, TextIO

import numpy as np

from tkeras.callbacks._callback import Callback


class CSVLogger(Callback):
    """Writes ``epoch`` and the values of each epoch to a CSV file.

    Args:
        filename: the file.
        separator: between the columns.
        append: go on with an existing file instead of replacing it.
    """

    def __init__(self, filename: Any, separator: str = ",", append: bool = False):
        super().__init__()
        self.sep, self.filename, self.append = separator, os.fspath(filename), append
        self.keys: list[str] = []
        self._file: TextIO | None = None
        self._writer: Any = None

    def on_train_begin(self, logs: Any = None) -> None:
        """Open the file."""
        self._has_header = False
        if self.append and os.path.exists(self.filename):
            with open(self.filename) as file:
                self._has_header = bool(file.readline())
        self._file = open(self.filename, "a" if self.append else "w", newline="")  # noqa: SIM115
        self._writer, self.keys = None, []

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Write a line; the values of the first epoch decide the columns."""
        logs = dict(logs or {})
        if self._writer is None:
            self.keys = sorted(logs)
            validated = any(key.startswith("val_") for key in self.keys)
            if self.keys and not validated:  # later epochs may be validated
                self.keys += [f"val_{key}" for key in self.keys]
            self._writer = csv.DictWriter(self._file, ["epoch", *self.keys], delimiter=self.sep)  # type: ignore[arg-type]
            if not self._has_header:
                self._writer.writeheader()
        row = {"epoch": epoch, **{key: _cell(logs.get(key, "NA")) for key in self.keys}}
        self._writer.writerow(row)
        self._stream().flush()

    def _stream(self) -> TextIO:
        assert self._file is not None, "a CSVLogger writes while a model trains"
        return self._file

    def on_train_end(self, logs: Any = None) -> None:
        """Close the file."""
        self._stream().close()
        self._file = self._writer = None


def _cell(value: Any) -> Any:
    """Sequences in brackets, in one cell."""
    if isinstance(value, str) or (isinstance(value, np.ndarray) and value.ndim == 0):
        return value
    if isinstance(value, Iterable):
        return f'"[{", ".join(map(str, value))}]"'
    return value
