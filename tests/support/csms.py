"""A scriptable CSMS for tests: the server side of the ``ocpp`` package over real websockets.

Every message of the station goes through the package's schema check and route map (a second opinion on the
wire; what breaks it lands in ``violations``). Answers can be scripted to come late, twice, wrongly, never,
as a CALLERROR, or to be replaced by a hang-up:

    async with FakeCsms("ocpp1.6") as csms:
        csms.script("StartTransaction", never(), error("InternalError"))  # then as usual
        ...
        start = await csms.wait("StartTransaction")
        await csms.call("RemoteStopTransaction", {"transactionId": 1})
"""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import logging
import ssl
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self

import ocpp.messages
import ocpp.routing
import ocpp.v16
import ocpp.v16.call_result
import ocpp.v21
import ocpp.v21.call_result
import ocpp.v201
import ocpp.v201.call_result
from ocpp.charge_point import camel_to_snake_case
from ocpp.messages import Call, CallResult
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

# The package validates in a thread pool by default, which a virtual clock would have to wait for.
ocpp.messages.ASYNC_VALIDATION = False
logging.getLogger("ocpp").setLevel(logging.CRITICAL)

Payload = dict[str, Any]

UTC_MS = 1_767_225_600_000
"""What the CSMS says the time is at 1000 s of the loop, as ``VirtualClock`` does."""


@dataclass(frozen=True)
class Step:
    """What to do with one message instead of answering it as usual."""

    kind: str
    seconds: float = 0
    code: str = ""
    payload: Any = None
    text: str = ""


def usual() -> Step:
    return Step("usual")


def answer(payload: Payload) -> Step:
    """This payload, whether it fits the schema or not."""
    return Step("answer", payload=payload)


def late(seconds: float) -> Step:
    return Step("late", seconds=seconds)


def twice() -> Step:
    return Step("twice")


def never() -> Step:
    return Step("never")


def error(code: str, description: str = "") -> Step:
    return Step("error", code=code, text=description)


def garbage(text: str) -> Step:
    """This text instead of an answer."""
    return Step("garbage", text=text)


def hang_up() -> Step:
    """Take the message (it counts as processed) and close the connection instead of answering."""
    return Step("hang up")


@dataclass(frozen=True)
class Received:
    """A CALL of the station. ``at_s``: time of the loop. ``connection``: 1 for the first connection."""

    action: str
    payload: Payload
    id: str
    at_s: float
    connection: int


class CallError(Exception):
    """The station answered with a CALLERROR."""

    def __init__(self, code: str, description: str) -> None:
        super().__init__(f"{code}: {description}")
        self.code = code
        self.description = description


_MODULES = {
    "ocpp1.6": (ocpp.v16.ChargePoint, ocpp.v16.call_result, "1.6"),
    "ocpp2.0.1": (ocpp.v201.ChargePoint, ocpp.v201.call_result, "2.0.1"),
    "ocpp2.1": (ocpp.v21.ChargePoint, ocpp.v21.call_result, "2.1"),
}

_ACTIONS = (
    "Authorize",
    "BootNotification",
    "DataTransfer",
    "DiagnosticsStatusNotification",
    "FirmwareStatusNotification",
    "Heartbeat",
    "LogStatusNotification",
    "MeterValues",
    "NotifyEvent",
    "NotifyReport",
    "ReservationStatusUpdate",
    "SecurityEventNotification",
    "SignCertificate",
    "SignedFirmwareStatusNotification",
    "StartTransaction",
    "StatusNotification",
    "StopTransaction",
    "TransactionEvent",
)

Default = Callable[[Payload], Payload]


def _station_class(base: type, results: Any, csms: FakeCsms) -> type:
    """The package's ChargePoint with a handler for each action, all of which ask ``csms.answers``."""

    def handler(action: str) -> Any:
        def handle(self: Any, **payload: Any) -> Any:
            given = csms.answers[action](payload)
            return getattr(results, action)(**camel_to_snake_case(given))

        handle.__name__ = f"on_{action}"  # the package finds handlers by the function's name
        return ocpp.routing.on(action)(handle)

    members = {f"on_{action}": handler(action) for action in _ACTIONS if hasattr(results, action)}
    return type("Station", (base,), members)


class _Wire:
    """The package's connection: notes what it sends and applies the script to its answers."""

    def __init__(self, csms: FakeCsms, socket: ServerConnection, number: int) -> None:
        self._csms = csms
        self._socket = socket
        self.number = number
        self.step = usual()

    async def recv(self) -> str:
        raise NotImplementedError("the CSMS routes messages itself")

    async def send(self, frame: str) -> None:
        message = json.loads(frame)
        if message[0] == 4 and self.step.kind != "error":
            self._csms.violations.append(f"{message[2]}: {message[3]} {message[4]}")
        step = self.step
        match step.kind:
            case "late":
                self._csms.later(step.seconds, self.put, frame)
            case "twice":
                await self.put(frame)
                await self.put(frame)
            case "hang up":
                await self._socket.close()
            case _:
                await self.put(frame)

    async def put(self, frame: str) -> None:
        try:
            await self._socket.send(frame)
        except ConnectionClosed:
            self._csms.lost_answers += 1


class FakeCsms:
    """``subprotocols``: what it speaks, in its order of preference (the server picks). ``agrees`` False: it
    opens the websocket without picking one.

    ``tls``: its side of wss, to be changed before ``up``. ``passwords``: what each attempt to open a
    websocket brought as Basic authentication, "user:password" in latin-1; ``admits`` decides, False is
    answered 401.

    ``answers``: action -> function of the payload (snake_case) giving the usual answer in wire names;
    replace entries at will. ``received``: every CALL of the station, in order. ``frames``: every frame,
    "<" from the station.
    """

    def __init__(
        self,
        *subprotocols: str,
        interval_s: int = 300,
        port: int = 0,
        agrees: bool = True,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.tls = tls
        self.passwords: list[str | None] = []
        self.admits: Callable[[str | None], bool] = lambda _password: True
        self.speak(*subprotocols or tuple(_MODULES))
        self._port = port
        self._agrees = agrees
        self.interval_s = interval_s
        self.received: list[Received] = []
        self.frames: list[str] = []
        self.violations: list[str] = []
        self.lost_answers = 0
        self.connections = 0
        self.subprotocol = ""
        self.answers: dict[str, Default] = defaultdict(lambda: lambda _payload: {})
        self._transaction_ids = itertools.count(1)
        self.answers["BootNotification"] = lambda _p: self.boot("Accepted")
        self.answers["Heartbeat"] = lambda _p: {"currentTime": self.now()}
        self.answers["Authorize"] = lambda _p: self._token_answer()
        self.answers["StartTransaction"] = lambda _p: {
            "transactionId": next(self._transaction_ids),
            "idTagInfo": {"status": "Accepted"},
        }
        self.answers["TransactionEvent"] = lambda p: (
            {"idTokenInfo": {"status": "Accepted"}} if "id_token" in p else {}
        )
        self.answers["SignCertificate"] = lambda _p: {"status": "Accepted"}
        self.answers["DataTransfer"] = lambda _p: {"status": "UnknownVendorId"}
        self._scripts: dict[str, list[Step]] = defaultdict(list)
        self._always: dict[str, Step] = {}
        self._server: Server | None = None
        self._socket: ServerConnection | None = None
        self._something = asyncio.Event()
        self._waiting: dict[str, asyncio.Future[list[Any]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._numbers = itertools.count(1)

    def speak(self, *subprotocols: str) -> None:
        """From the next ``up`` on."""
        self._subprotocols = [Subprotocol(name) for name in subprotocols]

    # ------------------------------------------------------------------ life

    async def __aenter__(self) -> Self:
        await self.up()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.down()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def up(self) -> None:
        """Listen (again, on the same port)."""
        self._server = await serve(
            self._converse,
            "127.0.0.1",
            self._port,
            subprotocols=self._subprotocols,
            select_subprotocol=None if self._agrees else lambda _connection, _offered: None,
            ping_interval=None,
            compression=None,
            ssl=self.tls,
            process_request=self._admit,
        )
        self._port = next(iter(self._server.sockets)).getsockname()[1]

    async def down(self) -> None:
        """Vanish: close the connection and stop listening."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
            self._server = None

    @property
    def url(self) -> str:
        return f"{'ws' if self.tls is None else 'wss'}://127.0.0.1:{self._port}/ocpp"

    def _admit(self, socket: ServerConnection, request: Request) -> Response | None:
        given = request.headers.get("Authorization", "")
        password = base64.b64decode(given[6:]).decode("latin-1") if given.startswith("Basic ") else None
        self.passwords.append(password)
        self._something.set()
        if self.admits(password):
            return None
        return socket.respond(HTTPStatus.UNAUTHORIZED, "no\n")

    async def hang_up(self) -> None:
        """Close the present connection; the station may come back at once."""
        if self._socket is not None:
            await self._socket.close()

    # ------------------------------------------------------------------ script

    def script(self, action: str, *steps: Step) -> None:
        """The next messages with this action get these steps, one each; after that all is as usual."""
        self._scripts[action].extend(steps)

    def always(self, action: str, step: Step | None) -> None:
        """Every message with this action that has no scripted step; None = as usual again."""
        if step is None:
            self._always.pop(action, None)
        else:
            self._always[action] = step

    def now(self) -> str:
        """The virtual time, as a ``VirtualClock`` shows it."""
        ms = UTC_MS + round((asyncio.get_running_loop().time() - 1000) * 1000)
        return (
            datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        )

    def boot(self, status: str, interval_s: int | None = None) -> Payload:
        interval = self.interval_s if interval_s is None else interval_s
        return {"status": status, "interval": interval, "currentTime": self.now()}

    def _token_answer(self) -> Payload:
        name = "idTagInfo" if self.subprotocol == "ocpp1.6" else "idTokenInfo"
        return {name: {"status": "Accepted"}}

    # ------------------------------------------------------------------ what was received

    def of(self, action: str) -> list[Received]:
        return [one for one in self.received if one.action == action]

    @property
    def actions(self) -> list[str]:
        return [one.action for one in self.received]

    async def wait(self, action: str, count: int = 1, timeout_s: float = 3600) -> Received:
        """The ``count``-th message with this action since the start, waiting for it if need be."""
        await self.until(
            lambda: len(self.of(action)) >= count, timeout_s, f"{count} x {action}", poll_s=timeout_s
        )
        return self.of(action)[count - 1]

    async def until(
        self,
        condition: Callable[[], bool],
        timeout_s: float = 3600,
        what: str = "a condition",
        poll_s: float = 1,
    ) -> None:
        """Wait until ``condition`` holds; looked at after every frame and every ``poll_s`` seconds."""
        deadline_s = asyncio.get_running_loop().time() + timeout_s
        while not condition():
            left_s = deadline_s - asyncio.get_running_loop().time()
            if left_s <= 0:
                raise AssertionError(f"{what}: not within {timeout_s:g} s; received {self.actions}")
            self._something.clear()
            try:
                async with asyncio.timeout(min(left_s, poll_s)):
                    await self._something.wait()
            except TimeoutError:
                continue

    # ------------------------------------------------------------------ requests to the station

    async def call(
        self, action: str, payload: Payload, *, check: bool = True, timeout_s: float = 60
    ) -> Payload:
        """A CALL to the station. ``check``: request and answer against the package's schemas.

        Raises ``CallError`` for a CALLERROR, ``TimeoutError`` without an answer.
        """
        version = _MODULES[self.subprotocol][2]
        id_ = f"csms-{next(self._numbers)}"
        if check:
            await ocpp.messages.validate_payload(Call(id_, action, json.loads(json.dumps(payload))), version)
        future: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()
        self._waiting[id_] = future
        try:
            await self.raw(json.dumps([2, id_, action, payload]))
            async with asyncio.timeout(timeout_s):
                message = await future
        finally:
            del self._waiting[id_]
        if message[0] == 4:
            raise CallError(message[2], message[3])
        if check:
            result = CallResult(id_, json.loads(json.dumps(message[2])), action)
            await ocpp.messages.validate_payload(result, version)
        return dict(message[2])

    async def raw(self, text: str | bytes) -> None:
        """Any text to the station."""
        assert self._socket is not None, "no station is connected"
        await self._socket.send(text)

    def later(self, seconds: float, put: Callable[[str], Any], frame: str) -> None:
        async def wait() -> None:
            await asyncio.sleep(seconds)
            await put(frame)

        task = asyncio.create_task(wait())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # ------------------------------------------------------------------ one connection

    async def _converse(self, socket: ServerConnection) -> None:
        self.connections += 1
        if socket.subprotocol is None:
            await socket.wait_closed()
            return
        self._socket = socket
        self.subprotocol = str(socket.subprotocol)
        self._something.set()
        base, results, _version = _MODULES[self.subprotocol]
        wire = _Wire(self, socket, self.connections)
        station = _station_class(base, results, self)("station", wire)
        try:
            async for frame in socket:
                text = str(frame)
                self.frames.append(f"< {text}")
                await self._take(station, wire, text)
                self._something.set()
        except ConnectionClosed:
            pass  # the station broke the connection: the test sees what it did next
        finally:
            if self._socket is socket:
                self._socket = None
            self._something.set()

    async def _take(self, station: Any, wire: _Wire, text: str) -> None:
        message = json.loads(text)
        if message[0] != 2:
            future = self._waiting.get(message[1])
            if future is not None and not future.done():
                future.set_result(message)
            return
        id_, action, payload = message[1:]
        now_s = asyncio.get_running_loop().time()
        self.received.append(Received(action, payload, id_, now_s, wire.number))
        steps = self._scripts[action]
        wire.step = step = steps.pop(0) if steps else self._always.get(action, usual())
        match step.kind:
            case "never":
                return
            case "error":
                await wire.put(json.dumps([4, id_, step.code, step.text, {}]))
            case "answer":
                await wire.put(json.dumps([3, id_, step.payload]))
            case "garbage":
                await wire.put(step.text)
            case _:
                await station.route_message(text)
