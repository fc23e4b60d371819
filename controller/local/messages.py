"""JSON-RPC 2.0 messages, one object a line: pure text in, text out.

Owns: the shape of requests, answers and notifications, error codes, and the bound of a line.
Refuses to know: sockets, asyncio, methods. Standard library only: the command line imports it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MAX_LINE_BYTES = 1 << 20
"""Longest line either side accepts (1 MiB, newline included)."""

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603
REFUSED = -32001
"""Understood, and will not be done (a rejected command, a read-only setting)."""
FAILED = -32002
"""Understood, tried, and failed (hardware, storage, no answer in time)."""


class RpcError(Exception):
    """An error answer. ``code`` as above or of JSON-RPC 2.0 section 5.1; ``data`` any JSON value."""

    def __init__(self, code: int, message: str, data: Any = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.data = data


@dataclass(frozen=True, slots=True)
class Request:
    """``id`` None = a notification: it is carried out and not answered (JSON-RPC 2.0 section 4.1)."""

    method: str
    params: Mapping[str, Any] | Sequence[Any]
    id: int | str | None


def encode(message: Mapping[str, Any]) -> bytes:
    """One line. JSON text never holds a raw newline, so the newline ends it."""
    return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def request(method: str, params: Mapping[str, Any], request_id: int) -> bytes:
    return encode({"jsonrpc": "2.0", "id": request_id, "method": method, "params": params})


def notification(method: str, params: Mapping[str, Any]) -> bytes:
    return encode({"jsonrpc": "2.0", "method": method, "params": params})


def result(request_id: int | str | None, value: Any) -> bytes:
    return encode({"jsonrpc": "2.0", "id": request_id, "result": value})


def error(request_id: int | str | None, err: RpcError) -> bytes:
    body: dict[str, Any] = {"code": err.code, "message": err.message}
    if err.data is not None:
        body["data"] = err.data
    return encode({"jsonrpc": "2.0", "id": request_id, "error": body})


def parse_object(line: bytes) -> dict[str, Any]:
    """One line as a JSON object. Raises ``RpcError`` PARSE_ERROR or INVALID_REQUEST."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as exc:
        raise RpcError(PARSE_ERROR, f"not a JSON text: {exc}") from exc
    if isinstance(value, list):
        raise RpcError(INVALID_REQUEST, "a batch: send one object a line instead")
    if not isinstance(value, dict):
        raise RpcError(INVALID_REQUEST, f"expected a JSON object, found {type(value).__name__}")
    return value


def parse_request(line: bytes) -> Request:
    """A request or notification. Raises ``RpcError`` ; the id for its answer comes from ``request_id``."""
    message = parse_object(line)
    if message.get("jsonrpc") != "2.0":
        raise RpcError(INVALID_REQUEST, f'expected "jsonrpc": "2.0", found {message.get("jsonrpc")!r}')
    method = message.get("method")
    if not isinstance(method, str):
        raise RpcError(INVALID_REQUEST, f'expected "method" to be a string, found {method!r}')
    params = message.get("params", {})
    if not isinstance(params, dict | list):
        raise RpcError(INVALID_REQUEST, f'expected "params" to be an object or an array, found {params!r}')
    found = message.get("id")
    if found is not None and (isinstance(found, bool) or not isinstance(found, int | str)):
        raise RpcError(INVALID_REQUEST, f'expected "id" to be an integer or a string, found {found!r}')
    return Request(method, params, found)


def request_id(line: bytes) -> int | str | None:
    """The id of a request that could not be read as one, for its error answer (null when unknown)."""
    try:
        found = parse_object(line).get("id")
    except RpcError:
        return None
    return found if isinstance(found, int | str) and not isinstance(found, bool) else None
