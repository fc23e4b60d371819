"""Files over HTTP and HTTPS: GET with Range, PUT, POST as a form. Blocking; runs in a thread.

Owns: requests and bodies on the wire, following redirects.
Refuses to know: what an answer means (``http_rules``).
"""

from __future__ import annotations

import http.client
import io
import secrets
import socket
import ssl
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from controller.domain.tasks.transfers import Location, TransferFault
from controller.transfer import http_rules as rules
from controller.transfer.errors import TransferError, cleaned
from controller.transfer.http_rules import Body, Head
from controller.transfer.line import Line
from controller.transfer.options import CHUNK_BYTES
from controller.transfer.part import Marks, Part
from controller.version import VERSION

Tell = Callable[[int, int | None], None]

_BROKEN = (OSError, http.client.HTTPException)


class _Watched(io.RawIOBase):
    """What a server sends, looked at as it comes. ``http.client`` reads on through any number of "100
    Continue" and of trailers, a byte an hour if need be: here it is a stall, or too much beside the file."""

    def __init__(self, raw: io.RawIOBase, line: Line) -> None:
        self._raw = raw
        self._line = line

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        count = self._raw.readinto(buffer)
        self._line.arrived(count or 0)
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Response(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *arguments: Any, line: Line, **named: Any) -> None:
        super().__init__(sock, *arguments, **named)
        self.fp = io.BufferedReader(_Watched(self.fp.detach(), line))


def fetch(source: Location, part: Part, line: Line, tell: Tell) -> int:
    """Download into ``part``. Returns at how many bytes it went on. Raises ``TransferError``, ``Cut``."""
    kept, marks = part.kept()
    response, body, where = _ask(source, kept, marks, line)
    if body is None:
        response.close()
        part.forget()
        kept, marks = 0, Marks()
        response, body, where = _ask(source, 0, marks, line)
        if body is None:
            raise TransferError(
                TransferFault.BAD_MESSAGE, f"{where}: a part was sent that nobody asked for; see the server"
            )
    part.begin(body.start, body.marks)
    with response:
        _take(response, part, where, line, tell)
    return body.start


def _ask(
    source: Location, kept: int, marks: Marks, line: Line
) -> tuple[http.client.HTTPResponse, Body | None, Location]:
    headers = rules.range_headers(kept, marks)
    where = source
    for _ in range(line.options.redirects + 1):
        response = _exchange("GET", where, {**headers, "Accept": "*/*"}, (), line)
        head = _head(response)
        if head.status not in rules.REDIRECTS:
            return response, rules.body_of(head, where, kept, marks), where
        response.close()
        where = rules.redirected(head, where, upload=False)
    raise _too_many(source, line)


def _take(response: http.client.HTTPResponse, part: Part, where: Location, line: Line, tell: Tell) -> None:
    line.resting()
    try:
        while chunk := response.read1(CHUNK_BYTES):
            line.moved(len(chunk))
            line.useful(len(chunk))
            part.write(chunk)
            tell(part.size, part.total)
    except TimeoutError as error:
        line.check()
        raise line.stalled() from error
    except _BROKEN as error:
        line.check()
        raise _cut_short(where, part, str(error) or type(error).__name__) from error
    line.check()
    if part.total is not None and part.size < part.total:
        raise _cut_short(where, part, "the connection ended")


def _cut_short(where: Location, part: Part, why: str) -> TransferError:
    total = "" if part.total is None else f" of {part.total}"
    return TransferError(
        TransferFault.INTERRUPTED,
        f"{where}: cut after {part.size}{total} bytes ({cleaned(why, where)}); try again",
    )


def send(path: Path, size: int, name: str, location: Location, line: Line, tell: Tell) -> Location:
    """Upload by PUT, or by POST where that does not exist. Returns where to.

    Raises ``TransferError``, ``Cut``.
    """
    target = location.within(name)
    head, where = _put(path, size, target, line, tell)
    if head.status in rules.METHOD_MISSING:
        head, where = _post(path, size, name, location, line, tell)
    if not 200 <= head.status < 300:
        raise rules.refused(head, where, f"upload to {where}")
    return where


def _put(path: Path, size: int, target: Location, line: Line, tell: Tell) -> tuple[Head, Location]:
    headers = {"Content-Type": "application/octet-stream", "Content-Length": str(size)}
    return _push("PUT", headers, lambda: _chunks(path, size, tell), target, line)


def _post(
    path: Path, size: int, name: str, location: Location, line: Line, tell: Tell
) -> tuple[Head, Location]:
    """RFC 7578; 2.0.1 N01.FR.19."""
    boundary = secrets.token_hex(16)
    safe = "".join(one if one.isascii() and one.isprintable() and one not in '"\\' else "_" for one in name)
    before = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="uploadfile"; filename="{safe}"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    ).encode("ascii")
    after = f"\r\n--{boundary}--\r\n".encode("ascii")
    headers = {
        "Content-Type": f"multipart/form-data; boundary={boundary}",
        "Content-Length": str(len(before) + size + len(after)),
    }

    def body() -> Iterator[bytes]:
        yield before
        yield from _chunks(path, size, tell)
        yield after

    return _push("POST", headers, body, location, line)


def _push(
    method: str,
    headers: Mapping[str, str],
    body: Callable[[], Iterable[bytes]],
    target: Location,
    line: Line,
) -> tuple[Head, Location]:
    where = target
    for _ in range(line.options.redirects + 1):
        with _exchange(method, where, headers, body(), line) as response:
            head = _head(response)
        if head.status not in rules.REDIRECTS:
            return head, where
        where = rules.redirected(head, where, upload=True)
    raise _too_many(target, line)


def _chunks(path: Path, size: int, tell: Tell) -> Iterator[bytes]:
    """The first ``size`` bytes of the file: what was announced."""
    done = 0
    try:
        with path.open("rb") as file:
            while done < size and (chunk := file.read(min(CHUNK_BYTES, size - done))):
                yield chunk
                done += len(chunk)
                tell(done, size)
    except OSError as error:
        raise _unreadable(path, error.strerror or str(error)) from error
    if done < size:
        raise _unreadable(path, f"it became shorter: {done} of {size} bytes")


def _unreadable(path: Path, why: str) -> TransferError:
    return TransferError(TransferFault.NO_SPACE, f"{path}: cannot be read: {why}; check the disk")


def _exchange(
    method: str, where: Location, headers: Mapping[str, str], body: Iterable[bytes], line: Line
) -> http.client.HTTPResponse:
    """One request and the head of its answer. Raises ``TransferError``, ``Cut``."""
    line.check()
    line.location = where
    sock = line.open(where.host, where.port)
    if where.secure:
        sock = line.secured(sock, where.host)
    connection = http.client.HTTPConnection(where.host, where.port)
    connection.sock = sock
    connection.response_class = partial(_Response, line=line)  # type: ignore[assignment]
    query = f"?{where.query}" if where.query else ""
    credentials = rules.authorization(where)
    broken: OSError | None = None
    line.resting()
    try:
        connection.putrequest(method, where.path + query, skip_host=True, skip_accept_encoding=True)
        connection.putheader("Host", where.authority)
        connection.putheader("User-Agent", f"Joulepost/{VERSION}")
        connection.putheader("Connection", "close")
        connection.putheader("Accept-Encoding", "identity")
        if credentials:
            connection.putheader("Authorization", credentials)
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders()
        try:
            for chunk in body:
                connection.send(chunk)
                line.moved(len(chunk))
        except (BrokenPipeError, ConnectionResetError, ssl.SSLError) as error:
            broken = error  # a server that has read enough may have said why
        return connection.getresponse()
    except TimeoutError as error:
        line.check()
        raise line.stalled() from error
    except _BROKEN as error:
        line.check()
        why = cleaned(str(broken or error) or type(error).__name__, where)
        if isinstance(error, http.client.HTTPException) and not isinstance(error, ConnectionError):
            raise TransferError(
                TransferFault.BAD_MESSAGE,
                f"{where}: found an answer that is no HTTP ({type(error).__name__}: {why}), expected an "
                "HTTP/1.1 server on this port",
            ) from error
        raise TransferError(
            TransferFault.INTERRUPTED, f"{method} {where}: the connection broke ({why}); try again"
        ) from error


def _head(response: http.client.HTTPResponse) -> Head:
    headers = response.headers
    return Head(
        status=response.status,
        reason=response.reason or "",
        lengths=tuple(headers.get_all("Content-Length") or ()),
        content_range=headers.get("Content-Range", ""),
        encoding=headers.get("Content-Encoding", ""),
        etag=headers.get("ETag", ""),
        modified=headers.get("Last-Modified", ""),
        location=headers.get("Location", ""),
        challenge=headers.get("WWW-Authenticate", ""),
        chunked="chunked" in headers.get("Transfer-Encoding", "").lower(),
    )


def _too_many(source: Location, line: Line) -> TransferError:
    return TransferError(
        TransferFault.BAD_MESSAGE,
        f"{source}: more than {line.options.redirects} redirects; see the server's configuration",
    )
