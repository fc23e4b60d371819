"""Servers that want the station's time, memory or disk: none of them gets it without bound."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from controller.domain.tasks.transfers import (
    LONGEST_LOCATION,
    LocationError,
    TransferFault,
    parse_location,
)
from controller.transfer import Options, TransferError, download
from controller.transfer.line import MOST_BESIDE_BYTES

QUICK = Options(connect_s=5, stall_s=5, keep_free_bytes=0)
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@contextmanager
def saying(
    first: bytes,
    then: bytes,
    every_s: float = 0,
    at_most: int = 8 * MOST_BESIDE_BYTES,
    greets: bool = False,
) -> Iterator[tuple[int, list[int]]]:
    """A server that answers with ``first`` and then repeats ``then`` until nobody listens any more, or
    ``at_most`` bytes were taken. Gives its port, and how much was taken (a list of one)."""
    taken = [0]
    listening = socket.create_server(("127.0.0.1", 0))

    def talk() -> None:
        connection, _ = listening.accept()
        with connection:
            connection.settimeout(10)
            try:
                if not greets:
                    connection.recv(65536)
                connection.sendall(first)
                while taken[0] < at_most:
                    connection.sendall(then)
                    taken[0] += len(then)
                    if every_s:
                        time.sleep(every_s)
            except OSError:
                return

    thread = threading.Thread(target=talk, daemon=True)
    thread.start()
    try:
        with listening:
            yield listening.getsockname()[1], taken
    finally:
        thread.join(10)
    assert not thread.is_alive()


def refused(url: str, target: Path, options: Options = QUICK) -> TransferError:
    with pytest.raises(TransferError) as caught:
        asyncio.run(download(parse_location(url), target, options))
    return caught.value


@pytest.mark.parametrize(
    ("first", "then"),
    [
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1000),
        (b"", b"HTTP/1.1 100 Continue\r\n" + b"X: " + b"y" * 60_000 + b"\r\n\r\n"),
        (b"HTTP/1.1 200 OK\r\n", b"X: " + b"y" * 60_000 + b"\r\n"),
        (CHUNKED + b"5\r\n12345\r\n0\r\n", b"X: trailer\r\n" * 1000),
        (CHUNKED, b"1;" + b"x" * 60_000 + b"\r\n1\r\n"),
    ],
    ids=["continue", "continue with headers", "headers", "trailers", "chunk extensions"],
)
def test_what_never_becomes_a_file_comes_to_an_end(tmp_path: Path, first: bytes, then: bytes) -> None:
    with saying(first, then) as (port, taken):
        error = refused(f"http://127.0.0.1:{port}/x", tmp_path / "x")
    assert error.fault is TransferFault.BAD_MESSAGE, str(error)
    assert taken[0] < 8 * MOST_BESIDE_BYTES, "it hung up before the server had enough"
    assert list(tmp_path.iterdir()) == [], "nothing to go on with"


@pytest.mark.parametrize("first", [b"HTTP/1.1 200 OK\r\nX: ", CHUNKED + b"5\r\n12345\r\n0\r\nX: "])
def test_a_header_or_trailer_of_a_byte_now_and_then_is_a_stall(tmp_path: Path, first: bytes) -> None:
    """Each byte comes in time for the socket; the time-out of the whole would come after six hours."""
    options = Options(connect_s=5, stall_s=0.3, keep_free_bytes=0)
    with saying(first, b"y", every_s=0.05, at_most=200) as (port, taken):
        error = refused(f"http://127.0.0.1:{port}/x", tmp_path / "x", options)
    assert error.fault is TransferFault.INTERRUPTED and "fewer than" in str(error), str(error)
    assert taken[0] < 200


def test_a_file_in_chunks_of_a_byte_is_a_file(tmp_path: Path) -> None:
    """Five times as much beside the file as in it is odd, and harmless as long as it is little."""
    with saying(CHUNKED + b"1\r\nx\r\n" * 5000, b"0\r\n\r\n", at_most=1) as (port, _taken):
        location = parse_location(f"http://127.0.0.1:{port}/x")
        got = asyncio.run(download(location, tmp_path / "x", QUICK))
    assert got.path.read_bytes() == b"x" * 5000


def test_an_ftp_server_that_talks_without_end_is_hung_up_on(tmp_path: Path) -> None:
    with saying(b"220 hi\r\n", b"230-" + b"x" * 8000 + b"\r\n", greets=True) as (port, taken):
        error = refused(f"ftp://u:p@127.0.0.1:{port}/x", tmp_path / "x")
    assert error.fault is TransferFault.BAD_MESSAGE and "characters of replies" in str(error)
    assert taken[0] < 8 * MOST_BESIDE_BYTES and len(str(error)) < 500


@pytest.mark.parametrize(
    "text",
    [
        "file:///etc/passwd",
        "unix:///run/joulepost/controller.sock",
        "gopher://files/x",
        "//files/x",
        "/etc/passwd",
        "http:/etc/passwd",
        "http:///etc/passwd",
        "ftp://u:p\r\nDELE x@files/x",
        "ftp://u:p%0d%0aDELE@files/x",
        "ftp://files/x%0d%0aDELE%20y",
        "http://files/x\r\nX-Evil: 1",
        "http://files:99999/x",
        "http://files/" + "x" * LONGEST_LOCATION,
        "x" * 1_000_000 + "://files",
    ],
)
def test_a_location_that_is_none_is_refused_in_few_words(text: str) -> None:
    with pytest.raises(LocationError) as caught:
        parse_location(text)
    assert len(str(caught.value)) < 300 and "DELE" not in str(caught.value)


@pytest.mark.parametrize("target", ["file:///etc/passwd", "unix:/run/x", "ftp://files/x", "gopher://files/"])
def test_no_redirect_leads_out_of_http(tmp_path: Path, target: str) -> None:
    answer = f"HTTP/1.1 302 Found\r\nLocation: {target}\r\nContent-Length: 0\r\n\r\n".encode()
    with saying(answer, b"", at_most=0) as (port, _taken):
        error = refused(f"http://127.0.0.1:{port}/x", tmp_path / "x")
    assert error.fault is TransferFault.BAD_MESSAGE and "redirect" in str(error)


@pytest.mark.parametrize("raised", [AssertionError("?"), AttributeError("x"), IndexError(), ValueError("no")])
def test_whatever_a_parser_raises_is_a_transfer_that_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, raised: Exception
) -> None:
    def broken(*_arguments: object) -> int:
        raise raised

    monkeypatch.setattr("controller.transfer.http.fetch", broken)
    assert refused("http://localhost/x", tmp_path / "x").fault is TransferFault.BAD_MESSAGE
