"""The controller's local API: the methods of ``controller.sock``, for the command line and any program.

Owns: names, parameters and checks of the methods; documented in docs/local-api.md.
Refuses to know: how the controller does it (``ports.Controller``), and JSON-RPC itself.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

from controller.local.jsonrpc import LocalServer, Method, Stream
from controller.local.ports import Controller, EventQueue
from controller.local.sockets import socket_path

SOCKET_MODE = 0o660
"""Owner and group may read and change; others may nothing. The group is the one of the process."""

TOPICS = ("station", "event", "frame", "log")

CHANGING = frozenset({"settings.set", "token.present", "command"})
"""Methods that change something; all others only read."""


def methods(controller: Controller) -> dict[str, Method]:
    """The table of methods. Every function's docstring is its line in ``methods``."""

    def status() -> Mapping[str, Any]:
        """The whole station: CSMS, safety link, every EVSE."""
        return controller.status()

    def why(evse_id: int | None = None) -> list[Mapping[str, Any]]:
        """Every limit and inhibit with source, since when and what clears it."""
        return list(controller.why(evse_id))

    def faults(count: int = 20) -> list[Mapping[str, Any]]:
        """What is wrong now and what was, with cause and remedy."""
        if not 1 <= count <= 1000:
            raise ValueError(f"count: expected 1..1000, found {count}")
        return list(controller.faults(count))

    def contactors() -> list[Mapping[str, Any]]:
        """What each contactor has lived through."""
        return list(controller.contactors())

    def settings_list() -> list[Mapping[str, Any]]:
        """Every setting with value, default, 1.6 key and accepted values."""
        return list(controller.settings_list())

    def settings_get(name: str) -> Mapping[str, Any]:
        """One setting by Component.Variable or 1.6 key."""
        return controller.settings_get(name)

    async def settings_set(name: str, value: str) -> Mapping[str, Any]:
        """Change a setting; durable when answered."""
        return await controller.settings_set(name, value)

    def journal_tail(count: int = 20, after: int | None = None) -> list[Mapping[str, Any]]:
        """The newest entries, or the first ones above a sequence number."""
        if not 1 <= count <= 1000:
            raise ValueError(f"count: expected 1..1000, found {count}")
        if after is not None and after < 0:
            raise ValueError(f"after: expected 0 or more, found {after}")
        return list(controller.journal_tail(count, after))

    async def token_present(uid: str, evse_id: int | None = None) -> Mapping[str, Any]:
        """As if a card were held to a reader."""
        if not 1 <= len(uid) <= 36:
            raise ValueError(f"uid: expected 1..36 characters, found {len(uid)}")
        return await controller.present_token(uid, evse_id)

    async def command(name: str, params: dict[str, Any] | None = None) -> Mapping[str, Any]:
        """Do what a CSMS could ask: remote_start, remote_stop, reset, unlock_connector, ..."""
        return await controller.command(name, params or {})

    return {
        "status": status,
        "why": why,
        "faults": faults,
        "contactors": contactors,
        "settings.list": settings_list,
        "settings.get": settings_get,
        "settings.set": settings_set,
        "journal.tail": journal_tail,
        "token.present": token_present,
        "command": command,
    }


def streams(controller: Controller) -> dict[str, Stream]:
    """The table of streams: one, ``events``."""

    async def events(topics: list[str] | None = None) -> AsyncIterator[Mapping[str, Any]]:
        """What happens from now on; topics: station, event, frame, log (all by default)."""
        queue = EventQueue()
        end = controller.subscribe(queue)
        try:
            yield {"topic": "station", "data": controller.status(), "lost": 0}
            while True:
                topic, data, lost = await queue.take()
                if topics is None or topic in topics or lost:
                    yield {"topic": topic, "data": data, "lost": lost}
        finally:
            end()

    return {"events": events}


def open_api(controller: Controller, runtime: Path) -> LocalServer:
    """The server of RUNTIME/controller.sock: ``async with open_api(controller, runtime): ...``."""
    return LocalServer(
        socket_path(runtime, "controller"), SOCKET_MODE, methods(controller), streams(controller)
    )
