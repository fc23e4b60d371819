"""The desk CSMS's files, fetched and uploaded with an HTTP client."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from controller.bench.csms_files import IMAGE_BYTES, KEPT_UPLOADS, MOST_UPLOAD_BYTES, FileServer, image


@pytest.fixture
def files() -> Iterator[FileServer]:
    server = FileServer()
    try:
        yield server
    finally:
        server.close()


def ask(
    files: FileServer, method: str, path: str, body: bytes | None = None, **headers: str
) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection(urlsplit(files.url).netloc, timeout=10)
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()
    finally:
        connection.close()


def test_firmware_whole_and_in_parts(files: FileServer) -> None:
    status, headers, content = ask(files, "GET", "/firmware/1.2.3")
    assert (status, content) == (200, image("1.2.3"))
    assert content.startswith(b"joulepost desk firmware 1.2.3\n")
    status, headers, rest = ask(files, "GET", "/firmware/1.2.3", Range="bytes=1000-")
    assert (status, rest) == (206, content[1000:])
    assert headers["Content-Range"] == f"bytes 1000-{IMAGE_BYTES - 1}/{IMAGE_BYTES}"
    status, _, part = ask(files, "GET", "/firmware/1.2.3", Range="bytes=5-9")
    assert (status, part) == (206, content[5:10])
    assert ask(files, "GET", "/firmware/1.2.3", Range=f"bytes={IMAGE_BYTES}-")[0] == 416


def test_uploads_are_kept_the_newest(files: FileServer) -> None:
    assert ask(files, "PUT", "/uploads/log%201.tar.gz", b"one")[0] == 201
    assert files.uploads == {"log 1.tar.gz": b"one"}
    assert ask(files, "GET", "/uploads/log%201.tar.gz")[::2] == (200, b"one")
    for number in range(KEPT_UPLOADS):
        ask(files, "PUT", f"/uploads/{number}", b"x")
    assert list(files.sizes()) == [str(number) for number in range(KEPT_UPLOADS)]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/", 404), ("GET", "/uploads/x", 404), ("PUT", "/firmware/x", 404), ("PUT", "/uploads/", 404)],
)
def test_nothing_else_is_served(files: FileServer, method: str, path: str, status: int) -> None:
    assert ask(files, method, path, b"" if method == "PUT" else None)[0] == status


def test_too_large_is_refused_before_it_is_read(files: FileServer) -> None:
    connection = http.client.HTTPConnection(urlsplit(files.url).netloc, timeout=10)
    connection.putrequest("PUT", "/uploads/x")
    connection.putheader("Content-Length", str(MOST_UPLOAD_BYTES + 1))
    connection.endheaders()
    assert connection.getresponse().status == 413
    connection.close()
