"""A CSMS for the desk: accepts any station over OCPP 1.6, 2.0.1 and 2.1, shows every frame, takes orders.

Owns: the listening websocket (Basic password, TLS), the list of frames, and its control socket.
Refuses to know: controller, bench, safety: it can be pointed at any charging station. The answers are in
``csms_stations``, the orders in ``csms_orders``.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import hmac
import logging
import signal
import ssl
import sys
import threading
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from websockets.asyncio.server import Server, ServerConnection, basic_auth, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from controller.bench import csms_orders
from controller.bench.csms_book import Book, StationRecord
from controller.bench.csms_ca import DeskCa
from controller.bench.csms_files import FileServer, image
from controller.bench.csms_orders import OcppOrder, OrderError, OwnOrder
from controller.bench.csms_stations import PROTOCOLS, RequestFailed, StationSide, utc_now
from controller.bench.frames import Frame, FrameReader
from controller.local.jsonrpc import LocalServer
from controller.local.messages import FAILED, RpcError

KEPT_FRAMES = 5000

log = logging.getLogger(__name__)


class CsmsError(Exception):
    """The CSMS cannot be served as asked. The message says why and what to do."""


@dataclass(frozen=True, slots=True)
class CsmsOptions:
    """``port`` 0 = any free one. ``protocols``: accepted, best first. ``password``: Basic authentication with
    the identity as user name (OCPP-J security profile 1). ``cert``/``key``: PEM files for wss. ``ca``: signs
    the certificates of stations and firmware; with ``secure`` that of this CSMS as well, and whoever shows a
    certificate of it needs no password (profile 3)."""

    host: str = "127.0.0.1"
    port: int = 0
    protocols: tuple[str, ...] = PROTOCOLS[::-1]
    password: str | None = None
    cert: Path | None = None
    key: Path | None = None
    answer_timeout_s: float = 30.0
    ca: DeskCa | None = None
    secure: bool = False


class _Tap:
    """A websocket whose frames are noted on their way."""

    def __init__(self, socket: ServerConnection, note: Callable[[str, bool], None]) -> None:
        self._socket = socket
        self._note = note

    async def recv(self) -> str:
        while True:
            data = await self._socket.recv()
            if isinstance(data, str):
                self._note(data, True)
                return data
            self._note(f"<{len(data)} bytes binary>", True)  # OCPP-J 3.1: text frames only

    async def send(self, message: str) -> None:
        self._note(message, False)
        await self._socket.send(message)


class DeskCsms:
    """The CSMS itself. ``async with DeskCsms(options) as csms: ... csms.url ... await csms.order(...)``."""

    def __init__(self, options: CsmsOptions) -> None:
        self._options = options
        self.book = Book()
        self.frames: deque[Frame] = deque(maxlen=KEPT_FRAMES)
        self._frame_seq = 0
        self._readers: dict[str, FrameReader] = {}
        self._sides: dict[str, tuple[StationSide, ServerConnection]] = {}
        self._listeners: set[Callable[[Frame], None]] = set()
        self._server: Server | None = None
        self._files: FileServer | None = None
        self._passwords = [(options.password or "").encode()]  # the newest last; the one before still opens

    async def __aenter__(self) -> DeskCsms:
        await self.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    @property
    def url(self) -> str:
        """What a station is configured with; it appends its identity."""
        if self._server is None:
            raise CsmsError("the CSMS is not started")
        scheme = "wss" if self._options.cert or self._options.secure else "ws"
        port = next(iter(self._server.sockets)).getsockname()[1]
        host = self._options.host if self._options.host not in ("", "0.0.0.0", "::") else "127.0.0.1"
        return f"{scheme}://{host}:{port}/ocpp"

    @property
    def files(self) -> FileServer | None:
        """Where firmware is fetched and logs are uploaded, None before ``start``."""
        return self._files

    async def start(self) -> None:
        """Listen. Raises ``CsmsError``."""
        options = self._options
        if options.ca is not None:
            try:
                await asyncio.to_thread(options.ca.server)  # the root is there to be fetched, too
            except (OSError, ValueError) as exc:
                raise CsmsError(f"the desk's certificate authority: {exc}") from exc
        try:
            self._files = FileServer(options.host)
            self._server = await serve(
                self._station,
                options.host,
                options.port,
                subprotocols=[Subprotocol(name) for name in options.protocols],
                select_subprotocol=self._select,
                process_request=self._credentials() if options.password is not None else None,
                ssl=_tls(options),
                compression=None,
                ping_interval=20,
                max_size=1 << 20,
            )
        except OSError as exc:
            if exc.errno == errno.EADDRINUSE:
                raise CsmsError(
                    f"port {options.port} on {options.host} is in use (another CSMS?): "
                    "choose another with --port, or --port 0 for any free one"
                ) from exc
            raise CsmsError(f"cannot listen on {options.host}:{options.port}: {exc.strerror or exc}") from exc

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
        if self._files is not None:
            await asyncio.to_thread(self._files.close)
            self._files = None

    def listen(self, listener: Callable[[Frame], None]) -> Callable[[], None]:
        """Call ``listener`` with every frame from now on. Returns the function that ends it."""
        self._listeners.add(listener)
        return lambda: self._listeners.discard(listener)

    async def order(self, words: Sequence[str], identity: str | None = None) -> dict[str, Any]:
        """Carry out an order of ``csms_orders``. Returns identity, action, payload, answer, accepted.

        Raises ``OrderError`` (the words), ``RequestFailed`` (no or an error answer)."""
        record = self._find(identity)
        files = self._files.url if self._files else ""
        authority = self._options.ca
        sign = None if authority is None else lambda version: authority.sign_firmware(image(version))
        try:
            order = csms_orders.parse(words, record, utc_now(self.book.clock_off_s), files, sign)
        except OSError as exc:
            raise OrderError(f"the desk's certificate authority: {exc}") from exc
        if isinstance(order, OwnOrder):
            return self._own_order(order, record)
        return await self.request(record.identity, order)

    async def request(self, identity: str, order: OcppOrder) -> dict[str, Any]:
        """Send one CALL. Raises ``RequestFailed``."""
        if identity not in self._sides:
            raise RequestFailed(f"station {identity} is not connected")
        side, _ = self._sides[identity]
        answer = await side.request(order.action, order.payload, order.checked)
        if order.action == "ChangeConfiguration" and answer.get("status") == "Accepted":
            self._learn_password(order.payload)
        return {
            "identity": identity,
            "action": order.action,
            "payload": order.payload,
            "answer": answer,
            "accepted": csms_orders.accepted(order.action, answer),
        }

    # ------------------------------------------------------------------ stations

    def _find(self, identity: str | None) -> StationRecord:
        if identity is not None:
            if identity not in self.book.stations:
                known = ", ".join(self.book.stations) or "none yet"
                raise OrderError(f"no station {identity!r} has connected; known: {known}")
            return self.book.stations[identity]
        connected = [one for one in self.book.stations.values() if one.connected]
        if len(connected) == 1:
            return connected[0]
        if connected:
            raise OrderError("which station? give --id: " + ", ".join(one.identity for one in connected))
        raise OrderError(f"no station is connected: point one at {self.url}/IDENTITY")

    def _own_order(self, order: OwnOrder, record: StationRecord) -> dict[str, Any]:
        answer: dict[str, Any] = {}
        if order.name == "block":
            self.book.blocked.add(order.value.casefold())
        elif order.name == "allow":
            self.book.blocked.discard(order.value.casefold())
        elif order.name == "registration":
            self.book.registration, self.book.boot_interval_s = order.value, order.interval_s
        elif order.name == "clock":
            self.book.clock_off_s = int(order.value)
        elif order.name == "drop":
            if record.identity not in self._sides:
                raise OrderError(f"station {record.identity} is not connected")
            self._sides[record.identity][1].transport.abort()
        elif order.name == "help":
            answer = {"help": csms_orders.help_text()}
        return {
            "identity": record.identity,
            "action": order.name,
            "payload": {},
            "answer": answer,
            "accepted": True,
        }

    def _select(self, connection: ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol | None:
        """The best of ours that the station offers. None = the handshake goes on without one and this side
        closes (OCPP-J 1.6 3.2)."""
        return next((Subprotocol(name) for name in self._options.protocols if name in offered), None)

    def _credentials(self) -> Callable[[ServerConnection, Request], Awaitable[Response | None]]:
        """The password; not of a station that proved who it is by its certificate."""
        ask = basic_auth("joulepost desk", check_credentials=self._check)

        async def process(connection: ServerConnection, request: Request) -> Response | None:
            session = connection.transport.get_extra_info("ssl_object")
            if session is not None and session.getpeercert():
                return None
            return await ask(connection, request)

        return process

    def _learn_password(self, payload: Mapping[str, Any]) -> None:
        """1.6 white paper A01: the station comes back with what it was just given."""
        if str(payload.get("key")).casefold() == "authorizationkey":
            value = str(payload.get("value"))
            try:
                self._passwords.append(bytes.fromhex(value))
            except ValueError:
                self._passwords.append(value.encode())
            del self._passwords[:-2]

    async def _check(self, user: str, password: str) -> bool:
        # The identity has to be the user name as well; the path is compared in _station.
        return any(hmac.compare_digest(password.encode(), one) for one in self._passwords)

    async def _station(self, socket: ServerConnection) -> None:
        path = socket.request.path if socket.request is not None else ""
        identity = unquote(path.partition("?")[0].rsplit("/", 1)[-1])
        user = getattr(socket, "username", identity)
        if not identity or socket.subprotocol is None or user != identity:
            why = (
                "no identity in the path"
                if not identity
                else f"offers none of {', '.join(self._options.protocols)}"
                if socket.subprotocol is None
                else f"user name {user!r} is not the identity"
            )
            log.warning("station %r refused: %s", identity or path, why)
            await socket.close(1002, why[:100])
            return
        record = self.book.station(identity)
        if identity in self._sides:
            log.warning("%s connects again: the old connection is closed", identity)
            self._sides[identity][1].transport.abort()
        record.protocol = str(socket.subprotocol)
        record.connected = True
        record.connections += 1
        reader = FrameReader()
        tap = _Tap(socket, lambda text, from_station: self._note(reader, identity, text, from_station))
        options = self._options
        side = StationSide(record, tap, self.book, lambda: None, options.answer_timeout_s, options.ca)
        self._sides[identity] = (side, socket)
        log.info("%s connected with %s", identity, record.protocol)
        try:
            await side.serve()
        except ConnectionClosed as exc:
            log.info("%s disconnected: %s", identity, exc)
        finally:
            if self._sides.get(identity, (None, None))[1] is socket:
                del self._sides[identity]
                record.connected = False

    def _note(self, reader: FrameReader, identity: str, text: str, from_station: bool) -> None:
        self._frame_seq += 1
        line = reader.line(text, from_station)
        frame = Frame(self._frame_seq, utc_now(), identity, from_station, text, line)
        self.frames.append(frame)
        for listener in list(self._listeners):
            listener(frame)


def _tls(options: CsmsOptions) -> ssl.SSLContext | None:
    cert, key = options.cert, options.key
    if cert is None and options.ca is not None and options.secure:
        cert, key = options.ca.server()
    if cert is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2  # 2.0.1 A00.FR.313
    try:
        context.load_cert_chain(cert, key)
        if options.ca is not None and options.secure:
            context.load_verify_locations(options.ca.root)
            context.verify_mode = ssl.CERT_OPTIONAL
    except (OSError, ssl.SSLError) as exc:
        raise CsmsError(f"certificate {cert} (key {key or 'in the same file'}): {exc}") from exc
    return context


# ---------------------------------------------------------------------- control socket


def control(csms: DeskCsms) -> tuple[Mapping[str, Callable[..., Any]], Mapping[str, Any]]:
    """Methods and streams of csms.sock."""

    def status() -> dict[str, Any]:
        """Addresses, uploads, and every station with statuses and transactions."""
        files = csms.files
        return {
            "url": csms.url,
            "files": files.url if files else "",
            "uploads": dict(files.sizes()) if files else {},
            "stations": [one.as_dict() for one in csms.book.stations.values()],
        }

    def frames(after: int = 0, limit: int = 200) -> list[dict[str, Any]]:
        """Frames above a number, oldest first."""
        found = [frame.as_dict() for frame in csms.frames if frame.seq > after]
        return found[:limit]

    async def send(words: list[Any], identity: str | None = None) -> dict[str, Any]:
        """Carry out an order, e.g. ["remote-start", "04A1B2C3D4", "--evse", "1"]."""
        try:
            return await csms.order([str(word) for word in words], identity)
        except RequestFailed as exc:
            raise RpcError(FAILED, str(exc)) from exc

    async def watch() -> AsyncIterator[dict[str, Any]]:
        """Every frame from now on."""
        queue: asyncio.Queue[Frame] = asyncio.Queue()
        end = csms.listen(queue.put_nowait)
        try:
            while True:
                yield (await queue.get()).as_dict()
        finally:
            end()

    return {"status": status, "frames": frames, "send": send}, {"frames": watch}


async def run_csms(options: CsmsOptions, control_socket: Path, show: Callable[[str], None]) -> None:
    """Serve until SIGINT or SIGTERM; orders are read from standard input while it lasts.

    Raises ``CsmsError``, ``jsonrpc.AlreadyServed``, ``OSError``.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    csms = DeskCsms(options)
    methods, streams = control(csms)
    async with csms, LocalServer(control_socket, 0o660, methods, streams):
        show(f"CSMS for the desk at {csms.url}/IDENTITY ({', '.join(options.protocols)}); orders: `help`")
        csms.listen(lambda frame: show(f"{frame.at[11:23]} {frame.identity} {frame.line}"))
        tasks: set[asyncio.Task[None]] = set()

        def typed(line: str) -> None:
            task = loop.create_task(_typed(csms, line, show))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

        _read_lines(loop, typed)
        await stop.wait()


async def _typed(csms: DeskCsms, line: str, show: Callable[[str], None]) -> None:
    try:
        words = csms_orders.split(line)
        if not words:
            return
        if words[0] == "help":
            show(csms_orders.help_text())
            return
        found = await csms.order(words)
    except (OrderError, RequestFailed) as exc:
        show(f"! {exc}")
        return
    show(f"{'yes' if found['accepted'] else 'NO'}: {found['action']} {found['answer'] or ''}".rstrip())


def _read_lines(loop: asyncio.AbstractEventLoop, typed: Callable[[str], None]) -> None:
    """A thread, because making a terminal's standard input non-blocking would make its output so as well."""

    def read() -> None:
        for line in sys.stdin:
            with contextlib.suppress(RuntimeError):  # the loop has ended: so does the program
                loop.call_soon_threadsafe(typed, line)

    if sys.stdin is not None and not sys.stdin.closed:
        threading.Thread(target=read, name="typed orders", daemon=True).start()
