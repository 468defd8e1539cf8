"""Zip archives that somebody else made: members are read into memory, never extracted."""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_MAX_RATIO = 100
_MAX_MEMBERS = 100_000
_MAX_JSON = 64 << 20
_MAX_DEPTH = 200
_LINK = 0o120000
_DAMAGE = (
    zipfile.BadZipFile,
    OSError,
    EOFError,
    zlib.error,
    NotImplementedError,
    RuntimeError,
    ValueError,
    KeyError,
)


class Archive:
    """The members of an archive whose directory was looked through.

    Args:
        file: an open file.
        name: of the file, for messages.

    Raises:
        ValueError: no zip archive, or one that holds what no writer of models puts there.
    """

    def __init__(self, file: Any, name: str):
        self.file, self.name = file, name
        try:
            self._zip = zipfile.ZipFile(file)
        except _DAMAGE as error:
            raise ValueError(f"{name} is no zip archive, or a damaged one: {error}") from error
        infos = self._zip.infolist()
        if len(infos) > _MAX_MEMBERS:
            raise ValueError(f"{name} has {len(infos):,} members; it is refused.")
        self._members: dict[str, zipfile.ZipInfo] = {}
        for info in infos:
            self._check(info)
            self._members[info.filename] = info

    def _check(self, info: zipfile.ZipInfo) -> None:
        member, where = info.orig_filename, f"{self.name}: member {info.orig_filename!r}"
        if (
            member != info.filename
            or "\\" in member
            or ":" in member
            or member.startswith("/")
            or ".." in member.split("/")
        ):
            raise ValueError(f"{where} has a name that leads out of the archive; the archive is refused.")
        if member in self._members:
            raise ValueError(f"{where} is there twice; the archive is refused.")
        if (info.external_attr >> 16) & 0o170000 == _LINK:
            raise ValueError(f"{where} is a link; the archive is refused.")
        if info.file_size > _MAX_RATIO * max(info.compress_size, 1):
            raise ValueError(
                f"{where} declares {info.file_size:,} bytes and stores {info.compress_size:,}; the archive "
                "is refused."
            )

    def __contains__(self, member: str) -> bool:
        return member in self._members

    def names(self) -> list[str]:
        """Names of the members."""
        return list(self._members)

    def read(self, member: str, limit: int | None = None) -> bytes:
        """The contents of a member, its checksum checked.

        Raises:
            ValueError: absent, larger than ``limit``, or damaged.
        """
        info, where = self._members.get(member), f"{self.name}: member {member!r}"
        if info is None:
            raise ValueError(f"{self.name} has no member {member!r}. Members: {self.names()[:20]}")
        if limit is not None and info.file_size > limit:
            raise ValueError(f"{where} has {info.file_size:,} bytes; up to {limit:,} are read.")
        try:
            return self._zip.read(info)
        except _DAMAGE as error:
            raise ValueError(f"{where} is damaged: {error}") from error

    def json(self, member: str) -> dict[str, Any]:
        """A member as the JSON object that it holds."""
        return parse_json(self.read(member, _MAX_JSON), f"{self.name}: member {member!r}")


@contextmanager
def open_archive(source: Any, name: str) -> Iterator[Archive]:
    """The archive in an open file, or at a path."""
    if hasattr(source, "read"):
        yield Archive(source, name)
        return
    try:
        file = open(source, "rb")  # noqa: SIM115 - closed below
    except OSError as error:
        raise ValueError(f"{name} cannot be opened: {error}") from error
    with file:
        yield Archive(file, name)


def parse_json(text: bytes | str, where: str) -> dict[str, Any]:
    """A JSON object of bounded size and depth.

    Raises:
        ValueError: it is none.
    """
    if len(text) > _MAX_JSON:
        raise ValueError(f"{where} has {len(text):,} bytes; up to {_MAX_JSON:,} are read.")
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{where} is no JSON: {error}") from error
    if not isinstance(value, dict):
        raise ValueError(f"{where}: expected a JSON object. Received: {type(value).__name__}")
    _check_depth(value, where)
    return value


def _check_depth(value: Any, where: str) -> None:
    level = [value]
    for _ in range(_MAX_DEPTH):
        level = [
            item
            for holder in level
            for item in (holder.values() if isinstance(holder, dict) else holder)
            if isinstance(item, (dict, list))
        ]
        if not level:
            return
    raise ValueError(f"{where} is nested more than {_MAX_DEPTH} deep; it is refused.")
