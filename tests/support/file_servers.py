"""Real HTTP(S) and FTP(S) servers on loopback, each in a thread, that can be told to misbehave."""

from __future__ import annotations

import base64
import contextlib
import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import trustme


@cache
def authority() -> trustme.CA:
    """A certificate authority for this test run."""
    return trustme.CA()


@cache
def stranger() -> trustme.CA:
    """Another one, which nobody trusts."""
    return trustme.CA()


def root_file(directory: Path) -> Path:
    path = directory / "roots.pem"
    authority().cert_pem.write_to_path(path)
    return path


@dataclass
class Request:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes = b""


@dataclass
class HttpFiles:
    """``files``: what GET finds by path. What an upload brought is in ``files``, too.

    ``cut_after``: the next answers end after so many bytes of the body. ``hold``: a request waits for this
    before it is answered. ``answer``: takes a request and the handler first; True = it has answered.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    etags: dict[str, str] = field(default_factory=dict)
    modified: str = ""
    user: str = ""
    password: str = ""
    ranges: bool = True
    put: bool = True
    cut_after: list[int] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    answer: Callable[[Request, BaseHTTPRequestHandler], bool] | None = None
    on_request: Callable[[Request], None] | None = None
    port: int = 0
    scheme: str = "http"

    def url(self, path: str, credentials: str = "") -> str:
        return f"{self.scheme}://{credentials}localhost:{self.port}{path}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    book: HttpFiles

    def log_message(self, format: str, *args: Any) -> None:
        return

    def _request(self) -> Request:
        length = int(self.headers.get("Content-Length", 0))
        body = b""
        while len(body) < length and (chunk := self.rfile.read(min(65536, length - len(body)))):
            body += chunk
        request = Request(self.command, self.path, dict(self.headers.items()), body)
        self.book.requests.append(request)
        return request

    def _handle(self) -> None:
        book = self.book
        request = self._request()
        if book.on_request is not None:
            book.on_request(request)
        if book.answer is not None and book.answer(request, self):
            return
        if book.user:
            pair = base64.b64encode(f"{book.user}:{book.password}".encode()).decode()
            if request.headers.get("Authorization") != f"Basic {pair}":
                self._plain(401, {"WWW-Authenticate": 'Basic realm="files"'})
                return
        if request.method == "GET":
            self._get(request)
        elif request.method == "PUT" and book.put:
            book.files[request.path] = request.body
            self._plain(201)
        elif request.method == "POST":
            found = re.search(rb'filename="([^"]+)"', request.body)
            kind = request.headers.get("Content-Type", "")
            boundary = kind.partition("boundary=")[2].encode()
            if found is None or not boundary:
                self._plain(400)
                return
            content = request.body.split(b"\r\n\r\n", 1)[1].rsplit(b"\r\n--" + boundary, 1)[0]
            book.files[request.path.rstrip("/") + "/" + found[1].decode()] = content
            self._plain(200)
        else:
            self._plain(405)

    do_GET = do_PUT = do_POST = _handle

    def _plain(self, status: int, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _get(self, request: Request) -> None:
        book = self.book
        content = book.files.get(request.path)
        if content is None:
            self._plain(404)
            return
        etag = book.etags.get(request.path, "")
        start = 0
        wanted = re.fullmatch(r"bytes=(\d+)-", request.headers.get("Range", ""))
        same = request.headers.get("If-Range") in (etag, book.modified)
        if wanted and book.ranges and same:
            start = int(wanted[1])
            if start >= len(content):
                self._plain(416, {"Content-Range": f"bytes */{len(content)}"})
                return
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        else:
            self.send_response(200)
        self.send_header("Content-Length", str(len(content) - start))
        if etag:
            self.send_header("ETag", etag)
        if book.modified:
            self.send_header("Last-Modified", book.modified)
        self.end_headers()
        body = content[start:]
        if book.cut_after:
            body = body[: book.cut_after.pop(0)]
            self.wfile.write(body)
            self.wfile.flush()
            self.hang_up()
            return
        self.wfile.write(body)

    def hang_up(self) -> None:
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        return  # a client that went away is what many tests are about


@contextlib.contextmanager
def http_server(book: HttpFiles | None = None, tls: trustme.CA | None = None) -> Iterator[HttpFiles]:
    """Serve ``book``; with ``tls`` behind a certificate of that authority for localhost."""
    book = book or HttpFiles()
    handler = type("Handler", (_Handler,), {"book": book})
    server = _Server(("127.0.0.1", 0), handler)
    if tls is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.issue_cert("localhost").configure_cert(context)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        book.scheme = "https"
    book.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield book
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass
class FtpFiles:
    """``root``: the user's home. ``refuse``: commands that get 502. ``cut_after``: the next data connections
    break after so many bytes, received or sent. ``commands``: what clients said, without passwords."""

    root: Path
    port: int = 0
    scheme: str = "ftp"
    refuse: set[str] = field(default_factory=set)
    cut_after: list[int] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    protected: list[bool] = field(default_factory=list)

    def url(self, path: str, credentials: str = "joule:post@") -> str:
        return f"{self.scheme}://{credentials}localhost:{self.port}{path}"


@contextlib.contextmanager
def ftp_server(root: Path, tls: trustme.CA | None = None, perm: str = "elradfmwMT") -> Iterator[FtpFiles]:
    """A user ``joule`` with password ``post``; with ``tls`` FTPS (AUTH TLS) on both connections."""
    from pyftpdlib.authorizers import DummyAuthorizer
    from pyftpdlib.handlers import DTPHandler, FTPHandler, TLS_DTPHandler, TLS_FTPHandler
    from pyftpdlib.ioloop import IOLoop
    from pyftpdlib.servers import FTPServer

    book = FtpFiles(root, scheme="ftps" if tls is not None else "ftp")
    base: Any = TLS_FTPHandler if tls is not None else FTPHandler
    data_base: Any = TLS_DTPHandler if tls is not None else DTPHandler

    class Data(data_base):  # type: ignore[misc]
        ac_in_buffer_size = 16384
        ac_out_buffer_size = 16384

        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            self.moved = 0
            self.most = book.cut_after.pop(0) if book.cut_after else None
            book.protected.append(tls is not None)

        def _count(self, count: int) -> None:
            self.moved += count
            if self.most is not None and self.moved >= self.most:
                self._resp = ("426 Connection closed; transfer aborted.", None)
                self.close()

        def send(self, data: bytes) -> int:
            sent: int = super().send(data)
            self._count(sent)
            return sent

        def recv(self, size: int) -> bytes:
            chunk: bytes = super().recv(size)
            if self.most is not None:
                chunk = chunk[: max(0, self.most - self.moved)]
                if self.file_obj is not None and self.moved + len(chunk) >= self.most:
                    self.file_obj.write(chunk)
            self._count(len(chunk))
            return chunk

    class Handler(base):  # type: ignore[misc]
        dtp_handler = Data
        use_sendfile = False

        def pre_process_command(self, line: str, cmd: str, arg: str) -> None:
            book.commands.append(cmd if cmd == "PASS" else line)
            if cmd in book.refuse:
                self.respond(f"502 {cmd} is not for you.")
                return
            super().pre_process_command(line, cmd, arg)

    authorizer = DummyAuthorizer()
    authorizer.add_user("joule", "post", str(root), perm=perm)
    Handler.authorizer = authorizer
    Handler.permit_foreign_addresses = True
    Handler.auth_failed_timeout = 0
    if tls is not None:
        certificate = root.parent / "ftp-server.pem"
        issued = tls.issue_cert("localhost")
        chain = b"".join(one.bytes() for one in issued.cert_chain_pems)
        certificate.write_bytes(issued.private_key_pem.bytes() + chain)
        Handler.certfile = str(certificate)
        Handler.tls_control_required = True
        Handler.tls_data_required = True
    loop = IOLoop()
    server = FTPServer(("127.0.0.1", 0), Handler, ioloop=loop)
    book.port = server.address[1]
    stop = threading.Event()

    def serve() -> None:
        while not stop.is_set():
            loop.loop(timeout=0.01, blocking=False)
        server.close_all()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield book
    finally:
        stop.set()
        thread.join()
