"""`get_file`: a file from the network, kept on disk."""

from __future__ import annotations

import os
import urllib.parse
from pathlib import Path
from typing import Any

from tkeras.utils._download import download, file_matches
from tkeras.utils._extract import extract_archive
from tkeras.utils._home import keras_home


def get_file(
    fname: str | None = None,
    origin: str | None = None,
    untar: bool = False,
    md5_hash: str | None = None,
    file_hash: str | None = None,
    cache_subdir: str = "datasets",
    hash_algorithm: str = "auto",
    extract: bool = False,
    archive_format: Any = "auto",
    cache_dir: Any = None,
    force_download: bool = False,
) -> str:
    """Download a file unless it is there already.

    Unlike Keras, http needs a sha256 hash, ``file:`` is refused, and archives that hold links, names that
    lead outside or more than 100 times their size are not unpacked.

    Args:
        fname: name on disk; default: that of the address. For an archive to extract, the name of the folder,
            if it has no ending.
        origin: https address.
        untar: old name of ``extract``.
        md5_hash: old name of ``file_hash``.
        file_hash: hash that the file must have.
        cache_subdir: folder below ``cache_dir``, or an absolute one.
        hash_algorithm: ``"md5"``, ``"sha256"`` or ``"auto"``.
        extract: unpack a tar or zip file.
        archive_format: ``"auto"``, ``"tar"``, ``"zip"``, a list of them, or None.
        cache_dir: default: ``$KERAS_HOME``, else ``~/.keras``.
        force_download: download even if the file is there.

    Returns:
        The path of the file, or of the folder that was extracted.

    Raises:
        ValueError: no ``origin``, a path as ``fname``, an address or archive that is refused, another hash.
        ConnectionError: the file cannot be fetched.
    """
    if origin is None:
        raise ValueError('Please specify the "origin" argument (URL of the file to download).')
    if hash_algorithm not in ("auto", "md5", "sha256"):
        raise ValueError(
            f"`hash_algorithm` must be 'auto', 'md5' or 'sha256'. Received: hash_algorithm={hash_algorithm}"
        )
    if md5_hash is not None and file_hash is None:
        file_hash, hash_algorithm = md5_hash, "md5"
    name = os.path.basename(urllib.parse.urlsplit(origin).path) if fname is None else str(fname)
    if os.path.basename(name) != name or name in ("", ".", ".."):
        raise ValueError(
            "Paths are no longer accepted as the `fname` argument. To specify the file's parent directory,"
            f" use the `cache_dir` argument. Received: fname={fname}"
        )
    folder = Path(cache_dir if cache_dir is not None else keras_home(), cache_subdir)
    folder.mkdir(parents=True, exist_ok=True)
    extract = extract or untar
    path, unpacked = _places(folder, name, extract, fname is not None)
    fresh = force_download or _is_missing(path, file_hash, hash_algorithm)
    if fresh:
        download(origin, path, file_hash, hash_algorithm)
    if not extract:
        return str(path)
    if (fresh or not unpacked.exists()) and not extract_archive(path, unpacked, archive_format):
        raise ValueError(
            f"Could not extract archive: {path} is no archive of the kind {archive_format!r}. Received: "
            f"origin={origin}"
        )
    return str(unpacked)


def _places(folder: Path, name: str, extract: bool, named: bool) -> tuple[Path, Path]:
    """Where the file goes, and the folder that it is unpacked into."""
    if not extract:
        return folder / name, folder / name
    stem = name.removesuffix(".gz").removesuffix(".bz2").removesuffix(".xz")
    stem = os.path.splitext(stem)[0] if stem == name or stem.endswith(".tar") else stem
    if named and stem != name:
        return folder / name, folder / f"{stem}_extracted"
    return folder / f"{name}_archive", folder / name


def _is_missing(path: Path, digest: str | None, algorithm: str) -> bool:
    if not path.exists():
        return True
    if digest is None or file_matches(path, digest, algorithm):
        return False
    print(
        f"A local file was found at {path}, but it seems to be incomplete or outdated because the"
        f" {algorithm} file hash does not match the original value of {digest}, so the data are downloaded"
        " again."
    )
    return True
