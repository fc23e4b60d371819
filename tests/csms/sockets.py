"""Servers for the tests of the link and the peer: a real websockets CSMS, and raw ones that misbehave.

Real sockets on loopback, also on virtual time.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from websockets.asyncio.server import ServerConnection, serve
from websockets.typing import Subprotocol

from controller.csms.link import Endpoint

VERSIONS = ("ocpp2.0.1", "ocpp1.6")


@asynccontextmanager
async def csms(
    handler: Callable[[ServerConnection], Awaitable[None]],
    subprotocols: tuple[str, ...] | None = VERSIONS,
    tls: ssl.SSLContext | None = None,
    **options: Any,
) -> AsyncIterator[int]:
    """A websockets server; yields its port."""
    offered = None if subprotocols is None else [Subprotocol(name) for name in subprotocols]
    async with serve(
        handler,
        "127.0.0.1",
        0,
        subprotocols=offered,
        ssl=tls,
        ping_interval=None,
        close_timeout=0.2,
        compression=None,
        **options,
    ) as server:
        yield server.sockets[0].getsockname()[1]


Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def raw_server(talk: Talk, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """A TCP server that does whatever ``talk`` does; yields its port."""
    tasks: set[asyncio.Task[Any]] = set()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await talk(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            tasks.discard(task)
            writer.transport.abort()

    server = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=tls, limit=1024)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def accepted(request: bytes, subprotocol: str = "ocpp1.6") -> bytes:
    """The server's part of the opening handshake (RFC 6455 4.2.2)."""
    key = next(
        line.split(b":", 1)[1].strip()
        for line in request.split(b"\r\n")
        if line.lower().startswith(b"sec-websocket-key:")
    )
    digest = hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + base64.b64encode(digest) + b"\r\n"
        b"Sec-WebSocket-Protocol: " + subprotocol.encode() + b"\r\n\r\n"
    )


@dataclass
class HalfOpen:
    """A websocket server of which something is dead: it does not read, or does not answer pings."""

    reads: bool = True
    pongs: bool = False
    pings: list[float] = field(default_factory=list)

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(accepted(await reader.readuntil(b"\r\n\r\n")))
        if not self.reads:
            reader._transport.pause_reading()  # type: ignore[attr-defined]
            await asyncio.Event().wait()
        while True:
            first, second = await reader.readexactly(2)
            length = second & 0x7F
            if length == 126:
                length = int.from_bytes(await reader.readexactly(2))
            elif length == 127:
                length = int.from_bytes(await reader.readexactly(8))
            mask, data = await reader.readexactly(4), await reader.readexactly(length)
            if first & 0x0F == 9:
                self.pings.append(asyncio.get_running_loop().time())
                if self.pongs:
                    plain = bytes(byte ^ mask[index % 4] for index, byte in enumerate(data))
                    writer.write(bytes((0x8A, len(plain))) + plain)


def endpoint(port: int, **options: Any) -> Endpoint:
    """Where the servers above are, as station CP1 with both versions."""
    values: dict[str, Any] = {"identity": "CP1", "subprotocols": VERSIONS, "open_timeout_s": 10} | options
    scheme = values.pop("scheme", "ws")
    return Endpoint(f"{scheme}://{values.pop('host', '127.0.0.1')}:{port}/ocpp", **values)
