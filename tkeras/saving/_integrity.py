"""Checksums over whole files, so that a flipped or missing byte is noticed at loading.

Keras and other readers pass over them: a zip archive has its checksum in the comment at its end, an HDF5 file
in the user block in front.
"""

from __future__ import annotations

import hashlib
from typing import Any, BinaryIO

MARK = b"tkeras sha256:"
COMMENT = MARK + b"0" * 64
USER_BLOCK = 512
WRITER = "tkeras_sealed"  # attribute of HDF5 files that have a checksum
_CHUNK = 1 << 20


def _digest(file: BinaryIO, start: int, end: int | None) -> bytes:
    """sha256 in hexadecimal of the bytes from ``start`` to ``end`` (default: the end of the file)."""
    found = hashlib.sha256()
    file.seek(start)
    left = float("inf") if end is None else end - start
    while left > 0 and (chunk := file.read(int(min(left, _CHUNK)))):
        found.update(chunk)
        left -= len(chunk)
    return found.hexdigest().encode()


def seal_zip(file: BinaryIO) -> None:
    """Fill in the checksum of an archive that was written with :data:`COMMENT`."""
    size = file.seek(0, 2)
    digest = _digest(file, 0, size - 64)
    file.seek(size - 64)
    file.write(digest)


def check_zip(file: BinaryIO, name: str) -> bool:
    """Whether an archive is sealed; it is then unchanged.

    Raises:
        ValueError: it was changed after it was sealed.
    """
    size = file.seek(0, 2)
    if size < len(COMMENT):
        return False
    file.seek(size - len(COMMENT))
    comment = file.read(len(COMMENT))
    if not comment.startswith(MARK):
        return False
    if _digest(file, 0, size - 64) != comment[len(MARK) :]:
        raise ValueError(f"{name} is damaged or was changed: its checksum does not fit its contents.")
    return True


def seal_h5(path: Any) -> None:
    """Fill in the checksum of an HDF5 file with a user block of :data:`USER_BLOCK` bytes."""
    with open(path, "r+b") as file:
        digest = _digest(file, USER_BLOCK, None)
        file.seek(0)
        file.write(MARK + digest)


def check_h5(path: Any, name: str) -> bool:
    """Whether an HDF5 file is sealed; it is then unchanged.

    Raises:
        ValueError: it was changed after it was sealed.
    """
    with open(path, "rb") as file:
        block = file.read(USER_BLOCK)
        if not block.startswith(MARK):
            return False
        digest = block[len(MARK) : len(MARK) + 64]
        padding = block[len(MARK) + 64 :]
        if any(padding) or _digest(file, USER_BLOCK, None) != digest:
            raise ValueError(f"{name} is damaged or was changed: its checksum does not fit its contents.")
    return True
