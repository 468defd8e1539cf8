"""A server of files on this machine alone."""

from __future__ import annotations

import contextlib
import hashlib
import http.server
import os
import threading
from collections.abc import Iterator
from typing import Any


class Files(dict[str, Any]):
    """Path → bytes, a status to answer with, or an address to redirect to; ``asked`` counts requests."""

    root = ""

    def __init__(self) -> None:
        self.asked: list[str] = []


@contextlib.contextmanager
def serve() -> Iterator[Files]:
    """Serve what is put into the dictionary."""
    files = Files()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            files.asked.append(self.path)
            found = files.get(self.path, 404)
            if isinstance(found, bytes):
                self.send_response(200)
                self.send_header("Content-Length", str(len(found)))
                self.end_headers()
                self.wfile.write(found)
            elif isinstance(found, str):
                self.send_response(302)
                self.send_header("Location", found)
                self.end_headers()
            else:
                self.send_response(found)
                self.end_headers()

        def log_message(self, *args: Any) -> None:
            """Silent."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    proxies = {name: os.environ.pop(name) for name in ("http_proxy", "HTTP_PROXY") if name in os.environ}
    files.root = f"http://127.0.0.1:{server.server_port}"
    try:
        yield files
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
        os.environ.update(proxies)


def sha256(content: bytes) -> str:
    """The hash of a file."""
    return hashlib.sha256(content).hexdigest()
