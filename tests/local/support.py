"""A controller for tests of the local API and the command line, and ways to serve it for real."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from controller.local.api import open_api
from controller.local.jsonrpc import LocalServer
from controller.local.ports import EventQueue, Refused


class SmallController:
    """Satisfies ``ports.Controller`` with two settings, one EVSE and a short journal."""

    def __init__(self) -> None:
        self.values = {"TxCtrlr.EVConnectionTimeOut": "60", "OCPPCommCtrlr.FieldLength": "2500"}
        self.queues: list[EventQueue] = []
        self.calls: list[tuple[str, Any]] = []

    def status(self) -> Mapping[str, Any]:
        return {
            "identity": "CP-1",
            "version": "0.1.0",
            "uptime_s": 90061,
            "csms": {"url": "ws://x/ocpp", "online": True, "protocol": "ocpp1.6", "undelivered": 0},
            "safety": {"linked": True, "age_ms": 12},
            "journal_seq": 3,
            "evses": [
                {
                    "evse_id": 1,
                    "status": "Charging",
                    "pilot": "C2",
                    "high_mv": 6010,
                    "contactor_closed": True,
                    "limit_ma": 16000,
                    "offered_ma": 16000,
                    "current_ma": [15900, 15800, None],
                    "power_w": 7300,
                    "energy_wh": 1234,
                    "token": "04A1B2C3",
                    "fault": None,
                }
            ],
        }

    def why(self, evse_id: int | None) -> Sequence[Mapping[str, Any]]:
        if evse_id not in (None, 1):
            raise ValueError(f"evse_id: expected 1..1, found {evse_id}")
        row = {"evse_id": 1, "source": "", "since_ms": None, "clears_by": ""}
        return [
            {**row, "kind": "verdict", "name": "EVSE 1", "value": "not charging: no vehicle"},
            {
                **row,
                "kind": "limit",
                "name": "rating",
                "value": "32 A",
                "source": "board",
                "clears_by": "never",
            },
        ]

    def faults(self, count: int) -> Sequence[Mapping[str, Any]]:
        row = {
            "evse_id": 1,
            "severity": "stop",
            "acts": "controller",
            "cause": "the vehicle draws more than it is offered",
            "clears_by": "30 s of normal current",
            "remedy": "try another vehicle",
            "code16": "OverCurrentFailure",
            "component201": "OverCurrentProtection",
            "mrec": "CX004",
        }
        now = {**row, "name": "over-current", "since_ms": 1_000, "until_ms": None}
        return [now, {**row, "name": "over-current", "since_ms": 500, "until_ms": 900}][: count + 1]

    def contactors(self) -> Sequence[Mapping[str, Any]]:
        return [
            {
                "evse_id": 1,
                "operations": 1234,
                "openings_under_load": 5,
                "close_us": 21_000,
                "close_first_us": 20_000,
                "open_us": None,
                "open_first_us": None,
                "slow": False,
                "wear_permille": 26,
                "closed": True,
                "welded": False,
            }
        ]

    def settings_list(self) -> Sequence[Mapping[str, Any]]:
        return [self.settings_get(name) for name in self.values]

    def settings_get(self, name: str) -> Mapping[str, Any]:
        if name not in self.values:
            raise ValueError(f"no setting {name!r}; did you mean TxCtrlr.EVConnectionTimeOut?")
        return {
            "name": name,
            "key16": None,
            "value": self.values[name],
            "mutability": "ReadWrite",
            "unit": "s",
        }

    async def settings_set(self, name: str, value: str) -> Mapping[str, Any]:
        self.settings_get(name)
        if name.startswith("OCPPComm"):
            raise Refused(f"{name} is read-only", "ReadOnly")
        self.values[name] = value
        return {"status": "Accepted", "name": name, "value": value}

    def journal_tail(self, count: int, after: int | None) -> Sequence[Mapping[str, Any]]:
        lines: list[dict[str, Any]] = [
            {"seq": seq, "at_ms": 1_700_000_000_000 + seq, "type": "SessionStarted", "data": {"evse_id": 1}}
            for seq in (1, 2, 3)
        ]
        return lines[-count:] if after is None else [one for one in lines if one["seq"] > after][:count]

    async def present_token(self, uid: str, evse_id: int | None) -> Mapping[str, Any]:
        self.calls.append(("token", (uid, evse_id)))
        return {"status": "Accepted"}

    async def command(self, name: str, params: Mapping[str, Any]) -> Mapping[str, Any]:
        self.calls.append((name, params))
        if name == "break":
            raise KeyError("a bug")
        if name == "late":
            raise TimeoutError("safety did not answer within 2 s")
        if name == "unlock_connector":
            return {"status": "UnlockFailed", "reason": "LockFault", "info": ""}
        return {"status": "Accepted"}

    def subscribe(self, queue: EventQueue) -> Callable[[], None]:
        self.queues.append(queue)
        return lambda: self.queues.remove(queue)


class Served:
    """A server in a thread of its own, so that blocking clients can be tested against it."""

    def __init__(self, server: LocalServer) -> None:
        self._server = server
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, name="served")

    def __enter__(self) -> Served:
        self._thread.start()
        self.run(self._server.start())
        return self

    def __exit__(self, *exc: object) -> None:
        self.run(self._server.close())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(10)
        assert not self._thread.is_alive()
        self.loop.close()

    def run(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(10)


@contextmanager
def served_controller(runtime: Path) -> Iterator[tuple[SmallController, Served]]:
    """``SmallController`` at RUNTIME/controller.sock."""
    controller = SmallController()
    with Served(open_api(controller, runtime)) as served:
        yield controller, served
