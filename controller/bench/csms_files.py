"""Files of the desk CSMS over HTTP: firmware to fetch, uploads to take and give back. For desks: no password.

Owns: a small server in threads of its own, ranges (so that a download can be resumed), the uploads it got.
Refuses to know: OCPP.

A firmware image of the desk is a line with its version and a megabyte of nothing: enough for the simulated
installer, which reads the version from that line.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

IMAGE_BYTES = 1 << 20
MOST_UPLOAD_BYTES = 64 << 20
KEPT_UPLOADS = 20
_RANGE = re.compile(r"bytes=([0-9]+)-([0-9]*)\Z")


def image(version: str) -> bytes:
    """What the desk serves as firmware ``version``."""
    head = f"joulepost desk firmware {version}\n".encode()
    return head + bytes(IMAGE_BYTES - len(head))


class FileServer:
    """``uploads``: name -> content, the newest ``KEPT_UPLOADS``. Raises ``OSError`` when it cannot listen."""

    def __init__(self, host: str = "127.0.0.1", port: int = 0) -> None:
        self.uploads: dict[str, bytes] = {}
        self._lock = threading.Lock()
        owner = self

        class Handler(_Handler):
            server_of_files = owner

        self._server = ThreadingHTTPServer((host, port), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, name="csms files", daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def sizes(self) -> Mapping[str, int]:
        """Name and size of each upload, oldest first."""
        with self._lock:
            return {name: len(content) for name, content in self.uploads.items()}

    def content(self, kind: str, name: str) -> bytes | None:
        """A firmware image, or what was uploaded as ``name``. None: there is no such file."""
        if kind == "firmware" and name:
            return image(name)
        with self._lock:
            return self.uploads.get(name) if kind == "uploads" else None

    def keep(self, name: str, content: bytes) -> None:
        with self._lock:
            self.uploads.pop(name, None)
            self.uploads[name] = content
            while len(self.uploads) > KEPT_UPLOADS:
                self.uploads.pop(next(iter(self.uploads)))


class _Handler(BaseHTTPRequestHandler):
    server_of_files: FileServer
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet: the CSMS shows the station's own status messages."""

    def do_GET(self) -> None:
        kind, _, name = unquote(self.path).strip("/").partition("/")
        content = self.server_of_files.content(kind, name)
        if content is None:
            self.send_error(404, "only /firmware/VERSION and /uploads/NAME are served")
            return
        first, last = 0, len(content) - 1
        asked = _RANGE.match(self.headers.get("Range", ""))
        if asked is not None:
            first = int(asked[1])
            last = min(last, int(asked[2])) if asked[2] else last
            if first > last:
                self.send_error(416, "the range is beyond the file")
                return
        self.send_response(206 if asked else 200)
        if asked is not None:
            self.send_header("Content-Range", f"bytes {first}-{last}/{len(content)}")
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("ETag", f'"{name}"')
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("Content-Length", str(last - first + 1))
        self.end_headers()
        self.wfile.write(content[first : last + 1])

    def do_PUT(self) -> None:
        kind, _, name = unquote(self.path).strip("/").partition("/")
        size = self.headers.get("Content-Length", "")
        if kind != "uploads" or not name:
            self.send_error(404, "uploads go to /uploads/NAME")
        elif not size.isdecimal():
            self.send_error(411, "Content-Length is needed")
        elif int(size) > MOST_UPLOAD_BYTES:
            self.send_error(413, f"more than {MOST_UPLOAD_BYTES} bytes")
        else:
            self.server_of_files.keep(name, self.rfile.read(int(size)))
            self.send_response(201)
            self.send_header("Content-Length", "0")
            self.end_headers()
