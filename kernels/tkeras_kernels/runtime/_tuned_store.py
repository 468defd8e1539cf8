"""Tuning tables on disk: a JSON file for a device, the sources of the kernels and the versions below them."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

FORMAT = 2
SHIPPED = Path(__file__).parent.parent / "tuned"
"""Tables that come with the package."""
PARTS = ("choices", "configs", "tiles")
"""Who is faster by call, options by launch, tiles by what the tables were asked."""


def cache_folder() -> Path:
    """Where a user's own tables are: ``TKERAS_CACHE_DIR``, else ``tkeras`` in the user's cache folder."""
    given = os.environ.get("TKERAS_CACHE_DIR")
    if given:
        return Path(given) / "tuned"
    home = os.environ.get("XDG_CACHE_HOME")
    return (Path(home) if home else Path.home() / ".cache") / "tkeras" / "tuned"


@cache
def source_hash() -> str:
    """Of every file that decides what a kernel is."""
    package = Path(__file__).parent.parent
    digest = hashlib.sha256()
    folders = (package / name for name in ("expr", "operators", "templates"))
    files = [package / "library.py", package / "pointwise.py"]
    for file in sorted([*files, *(file for folder in folders for file in folder.rglob("*.py"))]):
        digest.update(file.relative_to(package).as_posix().encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:16]


def identity(device: str) -> dict[str, Any]:
    """What a table must have been measured with to count."""
    versions = {}
    for package in ("torch", "triton"):
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = "missing"
    return {"format": FORMAT, "device": device, "source": source_hash(), **versions}


def user_file(whose: Mapping[str, Any]) -> Path:
    """The user's table for an identity."""
    text = json.dumps(dict(whose), sort_keys=True)
    return cache_folder() / f"{hashlib.sha256(text.encode()).hexdigest()[:16]}.json"


def read(file: Path, whose: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The parts of a table; empty ones where there is no file, it is of another identity, or it is damaged,
    of which a warning tells."""
    empty: dict[str, dict[str, Any]] = {part: {} for part in PARTS}
    try:
        table = json.loads(file.read_text())
    except (FileNotFoundError, NotADirectoryError):
        return empty
    except (OSError, ValueError) as error:
        warnings.warn(f"Tuning table {file} cannot be read and is passed over: {error}", stacklevel=2)
        return empty
    if not isinstance(table, dict) or not all(isinstance(table.get(part), dict) for part in PARTS):
        warnings.warn(f"Tuning table {file} is damaged and passed over.", stacklevel=2)
        return empty
    if any(table.get(key) != value for key, value in whose.items()):
        return empty
    return {part: table[part] for part in PARTS}


def add(
    file: Path, whose: Mapping[str, Any], found: Mapping[str, Mapping[str, Any]], **facts: str
) -> str | None:
    """Add entries to a table, beside those that other processes have added; why not, if that fails.

    The file is replaced as a whole, so that no reader sees half of one.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with _locked(file.with_suffix(".lock")):
            kept = read(file, whose)
            parts = {part: dict(sorted({**kept[part], **found.get(part, {})}.items())) for part in PARTS}
            _replace(file, json.dumps({**whose, **facts, **parts}, indent=1) + "\n")
    except OSError as error:
        return f"{type(error).__name__}: {error}"
    return None


def _replace(file: Path, text: str) -> None:
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.stem}-", suffix=".tmp")
    try:
        with os.fdopen(handle, "w") as stream:
            stream.write(text)
        os.chmod(name, 0o644)
        os.replace(name, file)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)
        raise


@contextlib.contextmanager
def _locked(file: Path) -> Iterator[None]:
    """One writer at a time, where the system has locks."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    with file.open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield
