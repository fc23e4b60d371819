"""An asyncio server of JSON-RPC 2.0, one object a line, on a Unix socket.

Owns: binding (stale files, a second server, file mode), connections, checking parameters against the
signature of a method, and streams.
Refuses to know: what a method does. Who may connect is decided by the mode of the socket file alone.

A method is a plain or async function; its parameters are checked against its annotations (``str``,
``int``, ``float``, ``bool``, ``list``, ``dict``, ``X | None``). ``Refused`` becomes code -32001,
``ValueError`` -32602, ``OSError`` and ``TimeoutError`` -32002. A stream is an async generator function:
``subscribe {"stream": NAME, ...}`` answers ``{"subscription": N}`` and then sends notifications
``item {"subscription": N, "item": ...}``; ``unsubscribe {"subscription": N}`` or hanging up ends it.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import inspect
import logging
import os
import stat
import types
import typing
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

from controller.local import messages
from controller.local.messages import (
    FAILED,
    INTERNAL_ERROR,
    INVALID_PARAMS,
    INVALID_REQUEST,
    MAX_LINE_BYTES,
    METHOD_NOT_FOUND,
    REFUSED,
    RpcError,
)
from controller.local.ports import Refused
from controller.local.sockets import check_length

MAX_CONNECTIONS = 64
MAX_SUBSCRIPTIONS = 8
"""Of one connection."""

Method = Callable[..., Any]
Stream = Callable[..., AsyncIterator[Any]]

log = logging.getLogger(__name__)


class LocalServerError(Exception):
    """The server cannot be started; the message says why and what to do."""


class AlreadyServed(LocalServerError):
    """Another living process serves this socket."""


class LocalServer:
    """Serve ``methods`` (and ``streams``) at ``path`` with file mode ``mode``.

    Two methods are always there: ``subscribe``/``unsubscribe`` and ``methods`` (names, parameters, first
    line of the docstring). Raises at ``start``: ``AlreadyServed``, ``PathTooLong``, ``OSError``.
    """

    def __init__(
        self,
        path: Path,
        mode: int,
        methods: Mapping[str, Method],
        streams: Mapping[str, Stream] | None = None,
    ) -> None:
        self.path = path
        self._mode = mode
        self._methods = {**methods, "methods": self._describe}
        self._streams = dict(streams or {})
        self._server: asyncio.Server | None = None
        self._lock_fd = -1
        self._connections: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> LocalServer:
        await self.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    async def start(self) -> None:
        check_length(self.path)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._lock_fd = _own(self.path)
        try:
            _remove_stale(self.path)
            before = os.umask(0o777 & ~self._mode)
            try:
                self._server = await asyncio.start_unix_server(
                    self._accept, self.path, limit=MAX_LINE_BYTES, backlog=16
                )
            finally:
                os.umask(before)
            self.path.chmod(self._mode)
        except BaseException:
            self._release()
            raise

    async def close(self) -> None:
        """Stop listening, hang up, remove the socket file. May be called twice."""
        if self._server is None:
            return
        self._server.close()
        for task in list(self._connections):
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        self._server = None
        with contextlib.suppress(FileNotFoundError):
            self.path.unlink()
        self._release()

    def _release(self) -> None:
        if self._lock_fd >= 0:
            os.close(self._lock_fd)
            self._lock_fd = -1

    # ------------------------------------------------------------------ connections

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        if len(self._connections) >= MAX_CONNECTIONS:
            writer.write(messages.error(None, RpcError(FAILED, f"more than {MAX_CONNECTIONS} connections")))
            writer.close()
            return
        self._connections.add(task)
        connection = _Connection(self, reader, writer)
        try:
            await connection.run()
        except (ConnectionError, asyncio.CancelledError):
            pass  # the peer hung up, or the server closes: nothing is left to be told
        finally:
            await connection.end()
            self._connections.discard(task)

    async def invoke(self, request: messages.Request) -> Any:
        """Check the parameters and run a method. Raises ``RpcError`` only."""
        method = self._methods.get(request.method)
        if method is None:
            raise RpcError(METHOD_NOT_FOUND, f"no method {request.method!r}: ask `methods` for the list")
        arguments = bind(method, request.params)
        try:
            found = method(**arguments)
            return await found if inspect.isawaitable(found) else found
        except Exception as exc:
            raise as_rpc_error(request.method, exc) from exc

    def stream(self, params: Mapping[str, Any] | typing.Sequence[Any]) -> AsyncIterator[Any]:
        """The generator of a ``subscribe`` request. Raises ``RpcError``."""
        if not isinstance(params, Mapping) or not isinstance(params.get("stream"), str):
            raise RpcError(INVALID_PARAMS, 'subscribe expects {"stream": NAME, ...}')
        name = params["stream"]
        stream = self._streams.get(name)
        if stream is None:
            known = ", ".join(sorted(self._streams)) or "none"
            raise RpcError(INVALID_PARAMS, f"no stream {name!r}; there are: {known}")
        return stream(**bind(stream, {key: value for key, value in params.items() if key != "stream"}))

    def _describe(self) -> list[dict[str, Any]]:
        """Every method and stream with its parameters."""
        found: list[dict[str, Any]] = []
        tables: tuple[tuple[str, Mapping[str, Callable[..., Any]]], ...] = (
            ("method", self._methods),
            ("stream", self._streams),
        )
        for kind, table in tables:
            for name, function in sorted(table.items()):
                doc = (inspect.getdoc(function) or "").split("\n")[0]
                parameters = inspect.signature(function).parameters.values()
                params = {one.name: inspect.formatannotation(one.annotation) for one in parameters}
                found.append({"name": name, "kind": kind, "params": params, "about": doc})
        return found


class _Connection:
    """Requests of one peer, one after the other; its subscriptions beside them."""

    def __init__(
        self, server: LocalServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._server = server
        self._reader = reader
        self._writer = writer
        self._pumps: dict[int, asyncio.Task[None]] = {}
        self._last = 0

    async def run(self) -> None:
        while True:
            try:
                line = await self._reader.readuntil(b"\n")
            except asyncio.IncompleteReadError:
                return
            except asyncio.LimitOverrunError:
                # What follows cannot be told from the rest of the line: say so and hang up.
                text = f"a line of more than {MAX_LINE_BYTES} bytes"
                await self._send(messages.error(None, RpcError(INVALID_REQUEST, text)))
                return
            if line.strip():
                await self._serve(line)

    async def _serve(self, line: bytes) -> None:
        try:
            request = messages.parse_request(line)
        except RpcError as exc:
            await self._send(messages.error(messages.request_id(line), exc))
            return
        try:
            if request.method == "subscribe":
                await self._subscribe(request)
                return
            answer = self._unsubscribe(request) if request.method == "unsubscribe" else None
            if answer is None:
                answer = await self._server.invoke(request)
            try:
                text = messages.result(request.id, answer)
            except (TypeError, ValueError) as exc:
                log.exception("answer of %s is not JSON", request.method)
                raise RpcError(INTERNAL_ERROR, f"answer of {request.method} is not JSON: {exc}") from exc
        except RpcError as exc:
            text = messages.error(request.id, exc)
        if request.id is not None:
            await self._send(text)

    async def _subscribe(self, request: messages.Request) -> None:
        if len(self._pumps) >= MAX_SUBSCRIPTIONS:
            raise RpcError(FAILED, f"more than {MAX_SUBSCRIPTIONS} subscriptions on one connection")
        items = self._server.stream(request.params)
        self._last += 1
        number = self._last
        await self._send(messages.result(request.id, {"subscription": number}))
        self._pumps[number] = asyncio.create_task(self._pump(number, items))

    def _unsubscribe(self, request: messages.Request) -> dict[str, Any]:
        number = request.params.get("subscription") if isinstance(request.params, Mapping) else None
        pump = self._pumps.pop(number, None) if isinstance(number, int) else None
        if pump is None:
            raise RpcError(INVALID_PARAMS, f"no subscription {number!r} on this connection")
        pump.cancel()
        return {"subscription": number}

    async def _pump(self, number: int, items: AsyncIterator[Any]) -> None:
        try:
            async for item in items:
                await self._send(messages.notification("item", {"subscription": number, "item": item}))
            await self._send(messages.notification("end", {"subscription": number}))
        except ConnectionError:
            self._writer.close()  # ends run() as well
        finally:
            self._pumps.pop(number, None)
            if isinstance(items, typing.AsyncGenerator):
                await items.aclose()

    async def _send(self, line: bytes) -> None:
        self._writer.write(line)
        await self._writer.drain()

    async def end(self) -> None:
        pumps = list(self._pumps.values())
        for pump in pumps:
            pump.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)
        self._writer.close()


# ---------------------------------------------------------------------- parameters


def bind(function: Callable[..., Any], params: Mapping[str, Any] | typing.Sequence[Any]) -> dict[str, Any]:
    """Parameters by name, checked against the function's annotations. Raises ``RpcError`` INVALID_PARAMS."""
    signature = inspect.signature(function)
    try:
        if isinstance(params, Mapping):
            bound = signature.bind(**params)
        else:
            bound = signature.bind(*params)
    except TypeError as exc:
        expected = ", ".join(str(parameter) for parameter in signature.parameters.values()) or "none"
        raise RpcError(INVALID_PARAMS, f"{exc}; parameters: {expected}") from exc
    hints = typing.get_type_hints(function)
    arguments: dict[str, Any] = {}
    for name, value in bound.arguments.items():
        hint = hints.get(name, Any)
        if not _fits(value, hint):
            expected = getattr(hint, "__name__", str(hint))
            raise RpcError(INVALID_PARAMS, f"{name}: expected {expected}, found {value!r}")
        arguments[name] = value
    return arguments


def _fits(value: Any, hint: Any) -> bool:
    if hint is Any:
        return True
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        return any(_fits(value, choice) for choice in typing.get_args(hint))
    if hint is None or hint is type(None):
        return value is None
    if isinstance(value, bool):
        return hint is bool
    if hint is float:
        return isinstance(value, int | float)
    return isinstance(value, origin or hint)


def as_rpc_error(method: str, exc: Exception) -> RpcError:
    """What a method raised, for the wire; an unforeseen one is logged with its traceback."""
    if isinstance(exc, RpcError):
        return exc
    if isinstance(exc, Refused):
        return RpcError(REFUSED, str(exc), {"reason": exc.reason})
    if isinstance(exc, ValueError):
        return RpcError(INVALID_PARAMS, str(exc))
    if isinstance(exc, OSError):  # TimeoutError is one
        return RpcError(FAILED, f"{method}: {exc.strerror or str(exc) or type(exc).__name__}")
    log.error("%s failed", method, exc_info=exc)
    return RpcError(INTERNAL_ERROR, f"{method} failed: {type(exc).__name__}: {exc}")


# ---------------------------------------------------------------------- the file


def _own(path: Path) -> int:
    """Take the lock beside the socket. The kernel frees it when the process dies, however it dies."""
    lock = path.with_name(path.name + ".lock")
    fd = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as exc:
        owner = os.pread(fd, 32, 0).decode(errors="replace").strip() or "unknown"
        os.close(fd)
        raise AlreadyServed(
            f"{path} is served by a living process (pid {owner}): stop it first, or use another --dir"
        ) from exc
    os.ftruncate(fd, 0)
    os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
    return fd


def _remove_stale(path: Path) -> None:
    """Remove the socket of a dead server; nothing else is ever removed."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(found.st_mode):
        raise FileExistsError(f"{path} exists and is not a socket: move it away or use another --dir")
    path.unlink()
