"""What the local API needs of a controller, and the shape of what it hands out.

Owns: the ``Controller`` Protocol (``controller.facade`` satisfies it), the dictionaries that travel over the
socket as typed dictionaries, the queue of a subscriber, and the error for "understood, but no".
Refuses to know: sockets, JSON-RPC, how a controller works. Standard library only.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, Protocol, TypedDict


class Refused(Exception):
    """The controller understood and will not do it: ``reason`` in one word, the message in plain text."""

    def __init__(self, message: str, reason: str = "Rejected") -> None:
        super().__init__(message)
        self.reason = reason


class CsmsStatus(TypedDict, total=False):
    """``registration``: "Accepted" | "Pending" | "Rejected" | "none"; ``protocol``: "ocpp1.6" ... or None;
    ``security_profile``: 0 to 3; ``security_note``: what is on trial or does not work, "" = nothing."""

    url: str
    online: bool
    registration: str
    protocol: str | None
    undelivered: int
    security_profile: int
    security_note: str


class SafetyStatus(TypedDict, total=False):
    """``linked``: reports arrive; ``why``: plain words when not; ``age_ms``: age of the newest report."""

    linked: bool
    why: str
    age_ms: int | None


class EvseStatus(TypedDict, total=False):
    """One EVSE. Units are in the names; ``None`` = not known or not fitted.

    ``pilot``: letter with digit, "A1", "B2", "C2", "E", "F". ``status``: the word for people
    (Available, Reserved, Preparing, Charging, SuspendedEV, SuspendedEVSE, Finishing, Unavailable, Faulted).
    ``charging_state``: 2.0.1 ChargingStateEnumType while a transaction runs. ``limit_ma``: the lowest
    claim; ``offered_ma``: what the pilot tells the vehicle now. ``energy_wh``: of the running transaction.
    ``reserved_for``: the token of the reservation whose holder has not come yet.
    """

    evse_id: int
    connector_id: int
    status: str
    operative: bool
    plugged: bool
    authorized: bool
    token: str | None
    transaction_id: str | None
    charging_state: str | None
    pilot: str
    high_mv: int
    low_mv: int
    duty_pm: int
    offered_ma: int
    limit_ma: int
    contactor_closed: bool
    current_ma: Sequence[int | None]
    voltage_mv: Sequence[int | None]
    power_w: int | None
    register_wh: int | None
    energy_wh: int | None
    reservation_id: int | None
    reserved_for: str | None
    reserved_until_ms: int | None
    fault: str | None
    inhibits: Sequence[str]
    operations: int
    openings_under_load: int
    wake_ups: int
    temperature_limit_ma: int | None
    hottest_mdeg_c: int | None
    sensors_lost: int
    phases: int | None


class StationStatus(TypedDict, total=False):
    """The whole station. ``certificate_expires_at_ms``: of its own certificate, None = it has none."""

    identity: str
    version: str
    pid: int
    uptime_s: int
    operative: bool
    csms: CsmsStatus
    safety: SafetyStatus
    journal_seq: int
    certificate_expires_at_ms: int | None
    evses: Sequence[EvseStatus]


class Reason(TypedDict):
    """One row of the answer to "why": ``domain.why.Reason`` with its EVSE.

    ``kind``: "verdict" (first row of each EVSE), "inhibit", "warning", "session" or "limit". ``since_ms``:
    UTC ms or None. ``clears_by``: in plain words, what ends it.
    """

    evse_id: int
    kind: str
    name: str
    value: str
    source: str
    since_ms: int | None
    clears_by: str
    remedy: str


class ContactorStatus(TypedDict, total=False):
    """A contactor's life. ``close_us``/``open_us``: recent travel, ``..._first_us``: when it was new, None =
    not measured. ``wear_permille``: of what it is rated for."""

    evse_id: int
    operations: int
    openings_under_load: int
    close_us: int | None
    close_first_us: int | None
    open_us: int | None
    open_first_us: int | None
    slow: bool
    wear_permille: int
    closed: bool
    welded: bool


class FaultLine(TypedDict):
    """A fault that was raised: ``until_ms`` None = it is still there. Codes as in ``domain.faults``."""

    evse_id: int
    name: str
    since_ms: int
    until_ms: int | None
    severity: str
    acts: str
    cause: str
    clears_by: str
    remedy: str
    code16: str
    component201: str
    mrec: str | None


class Setting(TypedDict):
    """One row of the settings catalogue. ``value`` None = write-only (a secret)."""

    name: str
    key16: str | None
    value: str | None
    default: str | None
    mutability: str  # "ReadWrite" | "ReadOnly" | "WriteOnly"
    type: str
    unit: str
    allowed: str


class SetResult(TypedDict):
    """``status``: "Accepted" | "RebootRequired" (a refusal raises ``Refused``)."""

    status: str
    name: str
    value: str | None


class JournalLine(TypedDict):
    """One journal entry: ``seq`` 1.. without gaps, ``at_ms`` UTC ms, ``type`` the event's class,
    ``data`` its other fields."""

    seq: int
    at_ms: int
    type: str
    data: Mapping[str, Any]


class CommandAnswer(TypedDict, total=False):
    """A ``domain.commands.Verdict`` for the wire."""

    status: str
    reason: str
    info: str
    transaction_id: str | None
    data: str | None


Topic = Literal["station", "event", "frame", "log"]
"""What a subscriber gets: "station" = ``StationStatus`` when something changed (at most a few times a
second), "event" = ``JournalLine``, "frame" = {"at_ms", "sent": true|false, "text"}, "log" = {"at_ms",
"level", "text"}."""


class EventQueue:
    """A bounded queue of one subscriber. ``offer`` never blocks and never raises: a subscriber that does
    not read loses the oldest items and is told how many (``lost``)."""

    def __init__(self, size: int = 256) -> None:
        self._queue: asyncio.Queue[tuple[str, Mapping[str, Any]]] = asyncio.Queue(size)
        self._lost = 0

    def offer(self, topic: Topic, data: Mapping[str, Any]) -> None:
        """Add one item, dropping the oldest when the subscriber is slow."""
        if self._queue.full():
            self._queue.get_nowait()
            self._lost += 1
        self._queue.put_nowait((topic, data))

    async def take(self) -> tuple[str, Mapping[str, Any], int]:
        """The next item and how many were lost before it. Safe to cancel."""
        topic, data = await self._queue.get()
        lost, self._lost = self._lost, 0
        return topic, data, lost


class Controller(Protocol):
    """What ``controller.local.api`` serves. Called in the event loop; queries must not block.

    ``Refused`` becomes a refusal on the wire (exit status 5), ``ValueError`` a bad parameter (2), ``OSError``
    and ``TimeoutError`` a failure (1); anything else is an internal error (1) and is logged.
    """

    def status(self) -> Mapping[str, Any]:
        """A ``StationStatus``."""

    def why(self, evse_id: int | None) -> Sequence[Mapping[str, Any]]:
        """``Reason`` rows for one EVSE, or for all. Raises ``ValueError`` for an unknown EVSE."""

    def faults(self, count: int) -> Sequence[Mapping[str, Any]]:
        """``FaultLine`` rows: what is wrong now, then the newest ``count`` (1..1000) that are over."""

    def contactors(self) -> Sequence[Mapping[str, Any]]:
        """A ``ContactorStatus`` per EVSE."""

    def settings_list(self) -> Sequence[Mapping[str, Any]]:
        """Every ``Setting``, in the catalogue's order."""

    def settings_get(self, name: str) -> Mapping[str, Any]:
        """The ``Setting`` by "Component.Variable" or 1.6 key. Raises ``ValueError`` when unknown."""

    async def settings_set(self, name: str, value: str) -> Mapping[str, Any]:
        """A ``SetResult``. Raises ``ValueError`` (unknown, bad value), ``Refused`` (read-only)."""

    def journal_tail(self, count: int, after: int | None) -> Sequence[Mapping[str, Any]]:
        """The newest ``count`` (1..1000) ``JournalLine``, or the first ``count`` above ``after``."""

    async def present_token(self, uid: str, evse_id: int | None) -> Mapping[str, Any]:
        """As if the card were held to a reader. Returns a ``CommandAnswer``."""

    async def command(self, name: str, params: Mapping[str, Any]) -> Mapping[str, Any]:
        """Do what a CSMS could ask: ``name`` is a class of ``domain.commands`` in snake case
        ("remote_start", "remote_stop", "change_availability", "unlock_connector", "reset",
        "clear_cache", "clear_security_log"), plus "reset_faults", "override_delay" and
        "contactor_replaced" {"evse_id"}. Returns a ``CommandAnswer``."""

    def subscribe(self, queue: EventQueue) -> Callable[[], None]:
        """Offer everything that happens to ``queue`` from now on. Returns the function that ends it."""
