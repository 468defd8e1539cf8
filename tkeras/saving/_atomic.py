"""Files that are written whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def atomic_path(path: Any) -> Iterator[Path]:
    """A temporary path beside ``path`` that takes its place, whole, when the block ends without an error."""
    target = Path(os.fspath(path))
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        with open(temporary, "rb") as file:
            os.fsync(file.fileno())
        os.replace(temporary, target)
        _sync_folder(target.parent)
    finally:
        temporary.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """Make the new name last through a power cut, where folders can be opened."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def check_target(path: Path, overwrite: bool) -> None:
    """Refuse to write where a file may not be replaced, or where there is no folder.

    Raises:
        ValueError: either.
    """
    if path.exists() and not overwrite:
        raise ValueError(f"The file {path} exists and `overwrite` is False.")
    if not path.parent.is_dir():
        raise ValueError(f"The folder of {path} does not exist.")
