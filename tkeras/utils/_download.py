"""One file from the network: https, checked against its hash, there whole or not at all."""

from __future__ import annotations

import hashlib
import http.client
import os
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

from tkeras.saving._atomic import atomic_path
from tkeras.utils._progbar import Progbar

_SECONDS = 60.0  # without a byte
_BLOCK = 1 << 18
_HASHES = {32: "md5", 64: "sha256"}


def hash_kind(digest: str, algorithm: str = "auto") -> str:
    """``"md5"`` or ``"sha256"``: as given, or by the length of a hash.

    Raises:
        ValueError: neither.
    """
    kind = _HASHES.get(len(digest), "") if algorithm == "auto" else algorithm
    if kind not in _HASHES.values():
        raise ValueError(
            f"Expected an md5 or sha256 hash. Received: file_hash={digest}, hash_algorithm={algorithm}"
        )
    return kind


def file_matches(path: Any, digest: str, algorithm: str = "auto") -> bool:
    """Whether a file has a hash."""
    with open(path, "rb") as file:
        found = hashlib.file_digest(file, hash_kind(digest, algorithm)).hexdigest()
    return found.lower() == digest.lower()


class _SameSafety(urllib.request.HTTPRedirectHandler):
    """Follows redirections, but never from https to something else."""

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        if req.type == "https" and urllib.parse.urlsplit(newurl).scheme != "https":
            raise urllib.error.URLError(f"redirected from https to {newurl}, which is refused")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _opener() -> urllib.request.OpenerDirector:
    """What opens http and https addresses, through the proxies of the environment, and nothing else."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler, urllib.request.HTTPHandler, urllib.request.HTTPSHandler,
        urllib.request.HTTPDefaultErrorHandler, urllib.request.HTTPErrorProcessor, _SameSafety,
    ):  # fmt: skip
        opener.add_handler(handler())
    return opener


def check_address(origin: str, digest: str | None, algorithm: str = "auto") -> None:
    """Refuse addresses whose content cannot be trusted.

    Raises:
        ValueError: neither https, nor http with a sha256 hash.
    """
    scheme = urllib.parse.urlsplit(origin).scheme
    hashed = digest is not None and hash_kind(digest, algorithm) == "sha256"
    if scheme != "https" and not (scheme == "http" and hashed):
        raise ValueError(
            "`origin` must be an https address; http is allowed with a sha256 `file_hash`. "
            f"Received: origin={origin}"
        )


def download(origin: str, path: Path, digest: str | None = None, algorithm: str = "auto") -> None:
    """Fetch a file.

    Args:
        origin: https address, or http with a sha256 hash.
        path: where it goes; what is there is replaced when the new file is complete.
        digest: hash that it must have.

    Raises:
        ValueError: another kind of address, or another hash.
        ConnectionError: it cannot be fetched.
    """
    check_address(origin, digest, algorithm)
    print(f"Downloading data from {origin}")
    with atomic_path(path) as temporary:
        try:
            _fetch(origin, temporary)
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", error)
            if isinstance(error, urllib.error.HTTPError):
                reason = f"{error.code} {error.reason}"
                error.close()
            raise ConnectionError(
                f"URL fetch failure on {origin}: {reason}. Without a network, get the file in another way and"
                f" put it at {path}"
            ) from error
        if digest is not None and not file_matches(temporary, digest, algorithm):
            raise ValueError(
                f"Incomplete or corrupted file detected. The {algorithm} file hash does not match the"
                f" provided value of {digest}. Received from: {origin}"
            )


def _fetch(origin: str, path: Path) -> None:
    request = urllib.request.Request(origin, headers={"User-Agent": "tkeras"})
    with _opener().open(request, timeout=_SECONDS) as answer, open(path, "wb") as file:
        size = int(answer.headers.get("Content-Length") or 0) or None
        bar = Progbar(size, unit_name="byte")
        read = 0
        while block := answer.read(_BLOCK):
            file.write(block)
            read += len(block)
            bar.update(read, finalize=False)
        if size is not None and read != size:
            raise http.client.IncompleteRead(b"", size - read)
        bar.finish({})
        file.flush()
        os.fsync(file.fileno())
