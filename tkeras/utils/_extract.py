"""Archives, taken apart only where nothing in them can reach outside the folder."""

from __future__ import annotations

import os
import shutil
import stat
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO, Any

_MAX_RATIO = 100
_ALWAYS = 64 << 20  # bytes, that an archive of any size may expand to
_MAX_MEMBERS = 1_000_000

Member = tuple[str, int, Any]  # name, size in bytes, what opens it


def extract_archive(path: Path, folder: Path, kinds: Any = "auto") -> bool:
    """Unpack a tar or zip file into a folder, which is there whole or not at all.

    Args:
        path: the archive.
        folder: what it is unpacked into; one that exists is replaced.
        kinds: ``"auto"``, ``"tar"``, ``"zip"``, a list of them, or None for no kind.

    Returns:
        Whether the file is an archive of such a kind.

    Raises:
        ValueError: it holds links, devices, names that lead outside, or far more than its size.
    """
    kinds = ["tar", "zip"] if kinds == "auto" else [kinds] if isinstance(kinds, str) else list(kinds or ())
    unknown = [kind for kind in kinds if kind not in ("tar", "zip")]
    if unknown:
        raise ValueError(f"`archive_format` must be 'auto', 'tar' or 'zip'. Received: {unknown[0]}")
    if "tar" in kinds and tarfile.is_tarfile(path):
        with tarfile.open(path) as tar:
            _unpack(path, folder, ((m.name, m.size, _tar_opener(tar, m, path)) for m in tar))
    elif "zip" in kinds and zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            members = ((m.filename, m.file_size, _zip_opener(archive, m, path)) for m in archive.infolist())
            _unpack(path, folder, members)
    else:
        return False
    return True


def _tar_opener(tar: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> Any:
    """What opens a member; None for a folder."""
    if member.isdir():
        return None
    if not member.isreg():
        raise ValueError(f"{path}: member {member.name!r} is no plain file or folder; it is refused.")
    return lambda: tar.extractfile(member)


def _zip_opener(archive: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path) -> Any:
    """What opens a member; None for a folder."""
    kind = stat.S_IFMT(member.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise ValueError(f"{path}: member {member.filename!r} is no plain file or folder; it is refused.")
    return None if member.is_dir() else lambda: archive.open(member)


def _unpack(path: Path, folder: Path, members: Iterator[Member]) -> None:
    allowed = _ALWAYS + _MAX_RATIO * path.stat().st_size
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        for count, (name, _, opener) in enumerate(members):
            if count >= _MAX_MEMBERS:
                raise ValueError(f"{path} holds more than {_MAX_MEMBERS:,} members; it is refused.")
            target = temporary / _inside(name, path)
            if opener is None:
                target.mkdir(parents=True, exist_ok=True)
                continue
            if target.exists():
                raise ValueError(f"{path} holds {name!r} twice; it is refused.")
            target.parent.mkdir(parents=True, exist_ok=True)
            with opener() as source, open(target, "xb") as file:
                allowed -= _copy(source, file, allowed, path)
        os.chmod(temporary, 0o755)
        if folder.exists():
            shutil.rmtree(folder)
        os.replace(temporary, folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _inside(name: str, path: Path) -> PurePosixPath:
    """A name that stays inside the folder.

    Raises:
        ValueError: it does not.
    """
    pure = PurePosixPath(name)
    if pure.is_absolute() or ".." in pure.parts or "\\" in name or ":" in name or "\0" in name:
        raise ValueError(f"{path}: the name {name!r} leads outside the folder; it is refused.")
    return pure


def _copy(source: IO[bytes], target: IO[bytes], allowed: int, path: Path) -> int:
    """Copy a member; gives its size.

    Raises:
        ValueError: the archive expands to more than is allowed.
    """
    size = 0
    while block := source.read(1 << 20):
        size += len(block)
        if size > allowed:
            raise ValueError(f"{path} expands to more than {_MAX_RATIO} times its size; it is refused.")
        target.write(block)
    return size
