"""`RemoteMonitor`: the values of each epoch sent to a server."""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
import warnings
from collections.abc import Mapping
from typing import Any

from tkeras.callbacks._callback import Callback

_SECONDS = 10.0


class RemoteMonitor(Callback):
    """Posts JSON to ``root + path`` after each epoch; a server that does not answer is warned about.

    Args:
        root: address of the server, http or https.
        path: where on it.
        field: name of the form field that holds the JSON.
        headers: further HTTP headers.
        send_as_json: send JSON itself instead of a form.

    Raises:
        ValueError: ``root`` is no http or https address.
    """

    def __init__(
        self,
        root: str = "http://localhost:9000",
        path: str = "/publish/epoch/end/",
        field: str = "data",
        headers: Mapping[str, str] | None = None,
        send_as_json: bool = False,
    ):
        super().__init__()
        if urllib.parse.urlsplit(root).scheme not in ("http", "https"):
            raise ValueError(f"`root` must be an http or https address. Received: root={root}")
        self.root, self.path, self.field = root, path, field
        self.headers, self.send_as_json = headers, send_as_json

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Send the values."""
        text = json.dumps({"epoch": epoch, **{key: _plain(value) for key, value in (logs or {}).items()}})
        if self.send_as_json:
            kind, body = "application/json", text
        else:
            kind = "application/x-www-form-urlencoded"
            body = urllib.parse.urlencode({self.field: text})
        headers = {"Content-Type": kind, **(self.headers or {})}
        request = urllib.request.Request(self.root + self.path, body.encode(), headers)
        try:
            with urllib.request.urlopen(request, timeout=_SECONDS):
                return
        except (urllib.error.URLError, OSError) as error:
            warnings.warn(f"Could not reach RemoteMonitor root server at {self.root}: {error}", stacklevel=2)


def _plain(value: Any) -> Any:
    """A value that JSON can hold."""
    return value.tolist() if hasattr(value, "tolist") else value
