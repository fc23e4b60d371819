"""A CSMS that costs next to nothing: raw websockets and json, every CALL accepted, no check of anything.

Owns: the listening socket, the answers, when each CALL arrived. Refuses to know: whether a message is right
(the tests' CSMS and the ``ocpp`` package see to that).
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

SUBPROTOCOLS = ("ocpp1.6", "ocpp2.0.1", "ocpp2.1")
STUCK_S = 60.0


class Stuck(Exception):
    """Something expected did not arrive. The message says what, and what arrived instead."""


@dataclass(frozen=True, slots=True)
class Arrived:
    """A CALL of a station. ``at_s``: CLOCK_MONOTONIC. ``text``: the frame as it came."""

    at_s: float
    action: str
    payload: dict[str, Any]
    text: str


class LightCsms:
    """``async with LightCsms() as csms``: listens on a port of its own, on one loop.

    ``arrived``: all CALLs in order. ``utc_s``: what the CSMS says the time is, as seconds since 1970.
    """

    def __init__(self) -> None:
        self.arrived: list[Arrived] = []
        self.connected_at_s = 0.0
        self.utc_s = time.time
        self._server: Server | None = None
        self._port = 0
        self._station: ServerConnection | None = None
        self._news = asyncio.Event()
        self._wake_at = 0  # so many have to be there before ``_news`` is told
        self._answers: dict[str, asyncio.Future[tuple[float, Any]]] = {}
        self._numbers = itertools.count(1)
        self._transactions = itertools.count(1)

    async def __aenter__(self) -> Self:
        gc.collect()
        gc.disable()  # it would look through all that arrived, again and again: 15 ms, and none of it garbage
        await self.listen()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.vanish()
        gc.enable()

    async def listen(self) -> None:
        """Be there (again), at the same port."""
        self._server = await serve(
            self._converse,
            "127.0.0.1",
            self._port,
            subprotocols=[Subprotocol(name) for name in SUBPROTOCOLS],
            ping_interval=None,
            compression=None,
        )
        self._port = next(iter(self._server.sockets)).getsockname()[1]

    async def vanish(self) -> None:
        """Close the connection and the port."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
            self._server = None

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self._port}/ocpp"

    # ------------------------------------------------------------------ what arrives

    async def wait(self, action: str, since: int, **wanted: Any) -> tuple[int, Arrived]:
        """The first ``action`` in ``arrived`` from index ``since`` on with the values ``wanted``
        in its payload, with its index. Raises ``Stuck`` after a minute."""
        deadline = time.monotonic() + STUCK_S
        while True:
            for index in range(since, len(self.arrived)):
                one = self.arrived[index]
                if one.action == action and all(one.payload.get(key) == want for key, want in wanted.items()):
                    return index, one
            since = len(self.arrived)
            self._news.clear()
            try:
                async with asyncio.timeout(deadline - time.monotonic()):
                    await self._news.wait()
            except TimeoutError:
                last = [one.action for one in self.arrived[-8:]]
                raise Stuck(
                    f"{action} {wanted or ''}: not within {STUCK_S:g} s; the last of "
                    f"{len(self.arrived)} messages: {', '.join(last) or 'none'}"
                ) from None

    async def count(self, actions: tuple[str, ...], number: int) -> list[Arrived]:
        """Wait for so many CALLs of these actions. Raises ``Stuck`` when none comes for a minute."""
        seen = -1
        while True:
            found = [one for one in self.arrived if one.action in actions]
            if len(found) >= number:
                return found
            if len(self.arrived) == seen:
                raise Stuck(f"{', '.join(actions)}: found {len(found)}, expected {number}")
            seen = len(self.arrived)
            # Woken when it may be enough, not for each: the server's own time is not to be measured.
            self._wake_at = seen + number - len(found)
            self._news.clear()
            try:
                async with asyncio.timeout(STUCK_S):
                    await self._news.wait()
            except TimeoutError:
                pass  # look how many there are
            finally:
                self._wake_at = 0

    async def call(self, action: str, payload: dict[str, Any]) -> tuple[float, float, Any]:
        """A CALL to the station: when it was sent, when answered (CLOCK_MONOTONIC), the answer.

        Raises ``Stuck`` when there is no station or no CALLRESULT.
        """
        if self._station is None:
            raise Stuck(f"{action}: no station is connected")
        id_ = f"b{next(self._numbers)}"
        answer: asyncio.Future[tuple[float, Any]] = asyncio.get_running_loop().create_future()
        self._answers[id_] = answer
        frame = json.dumps([2, id_, action, payload])
        sent_at_s = time.monotonic()
        await self._station.send(frame)
        try:
            async with asyncio.timeout(STUCK_S):
                answered_at_s, message = await answer
        except TimeoutError:
            raise Stuck(f"{action}: no answer within {STUCK_S:g} s") from None
        if message[0] != 3:
            raise Stuck(f"{action}: found {message}, expected a CALLRESULT")
        return sent_at_s, answered_at_s, message[2]

    async def _converse(self, station: ServerConnection) -> None:
        self._station = station
        self.connected_at_s = time.monotonic()
        v16 = station.subprotocol == "ocpp1.6"
        try:
            async for text in station:
                at_s = time.monotonic()
                message = json.loads(text)
                if message[0] == 2:
                    _, id_, action, payload = message
                    await station.send(json.dumps([3, id_, self._answer(action, payload, v16)]))
                    self.arrived.append(Arrived(at_s, action, payload, str(text)))
                    if len(self.arrived) >= self._wake_at:
                        self._news.set()
                else:
                    self._answers.pop(message[1]).set_result((at_s, message))
        except ConnectionClosed:
            pass  # the station was stopped or started anew: what follows shows
        finally:
            if self._station is station:
                self._station = None

    def _answer(self, action: str, payload: dict[str, Any], v16: bool) -> dict[str, Any]:
        match action:
            case "BootNotification":
                return {"status": "Accepted", "interval": 86_400, "currentTime": self._now()}
            case "Heartbeat":
                return {"currentTime": self._now()}
            case "StartTransaction":
                return {"transactionId": next(self._transactions), "idTagInfo": {"status": "Accepted"}}
            case "Authorize":
                return {"idTagInfo" if v16 else "idTokenInfo": {"status": "Accepted"}}
            case "TransactionEvent" if "idToken" in payload:
                return {"idTokenInfo": {"status": "Accepted"}}
            case _:
                return {}

    def _now(self) -> str:
        return datetime.fromtimestamp(self.utc_s(), UTC).isoformat(timespec="milliseconds")[:-6] + "Z"
