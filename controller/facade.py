"""The controller as the local API sees it: plain dictionaries out, commands in.

Owns: the shapes of ``controller.local.ports`` filled from the station, and subscribers.
Refuses to know: sockets, JSON-RPC, OCPP messages.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from controller.clock import Clock
from controller.csms.trace import masked
from controller.domain.access.tokens import IdToken
from controller.domain.charging.limits import lowest
from controller.domain.commands import (
    ChangeAvailability,
    ClearCache,
    ClearSecurityLog,
    Command,
    ContactorReplaced,
    OverrideDelay,
    RemoteStart,
    RemoteStop,
    Reset,
    ResetFaults,
    ResetKind,
    UnlockConnector,
    Verdict,
)
from controller.domain.events import (
    ChargingState,
    Event,
    FaultCleared,
    FaultRaised,
    FirmwareStatusChanged,
    ReservationMade,
    TokenAuthorized,
    TokenRefused,
)
from controller.domain.evse.evse import Evse
from controller.domain.faults import CONTACTOR_WELDED, STORAGE, describe
from controller.domain.inputs import TokenPresented
from controller.domain.policy import Policy
from controller.domain.views import EvseView
from controller.domain.why import reasons
from controller.inbox import Inbox
from controller.local.ports import EventQueue, Refused
from controller.settings.catalog import CATALOG, Mutability, Variable
from controller.settings.settings import Row, Settings
from controller.store.codec import Codec
from controller.store.ports import Entry, History, Journal

_TAG = "event"


REFUSED_AMONG, REFUSED_MS = 20, 120_000
"""``why`` names a refused token that is among so many of the newest entries, and not older than this."""


class Facade:
    """Satisfies ``controller.local.ports.Controller``."""

    def __init__(
        self,
        inbox: Inbox,
        journal: Journal,
        settings: Settings,
        codec: Codec,
        clock: Clock,
        identity: str,
        version: str,
        csms_status: Callable[[], Mapping[str, Any]],
        safety_status: Callable[[], Mapping[str, Any]],
        history: History,
    ) -> None:
        self._inbox = inbox
        self._journal = journal
        self._settings = settings
        self._codec = codec
        self._clock = clock
        self._identity = identity
        self._version = version
        self._csms_status = csms_status
        self._safety_status = safety_status
        self._history = history
        self._started_ms = clock.now().mono_ms
        self._subscribers: list[EventQueue] = []
        inbox.on_events.append(self._events)

    # ------------------------------------------------------------------ queries

    def status(self) -> Mapping[str, Any]:
        now = self._clock.now()
        station = self._inbox.station
        views = {view.evse_id: view for view in station.views(now)}
        return {
            "identity": self._identity,
            "version": self._version,
            "pid": os.getpid(),
            "uptime_s": (now.mono_ms - self._started_ms) // 1000,
            "operative": station.availability.operative,
            "csms": self._csms_status(),
            "safety": self._safety_status(),
            "journal_seq": self._journal.last_seq(),
            "certificate_expires_at_ms": station.certificates.expires_at_ms(),
            "firmware": _firmware(station.firmware.last),
            "evses": [
                {
                    **_evse(evse, views[evse_id], lowest(station.claims(evse_id, now)).limit_ma),
                    **_reservation(station.reservations.shown(evse_id)),
                }
                for evse_id, evse in station.evses.items()
            ],
        }

    def why(self, evse_id: int | None) -> Sequence[Mapping[str, Any]]:
        station = self._inbox.station
        if evse_id is not None and evse_id not in station.evses:
            raise ValueError(f"evse_id: found {evse_id}, expected one of {sorted(station.evses)}")
        wanted = sorted(station.evses) if evse_id is None else [evse_id]
        now = self._clock.now()
        rows = [{"evse_id": one, **asdict(reason)} for one in wanted for reason in reasons(station, one, now)]
        refused = self._refused(now.utc_ms)
        if refused is not None:
            for row in rows:
                if row["name"] == "not authorized":
                    row["value"] = f"token {refused.token.value} refused: {refused.status}"
                    row["source"], row["since_ms"] = refused.source, refused.at_ms
        return rows

    def _refused(self, utc_ms: int) -> TokenRefused | None:
        """The card somebody has just held to the station in vain."""
        first = max(0, self._journal.last_seq() - REFUSED_AMONG)
        for entry in reversed(self._journal.after(first, REFUSED_AMONG)):
            if isinstance(entry.event, TokenAuthorized):
                return None
            if isinstance(entry.event, TokenRefused):
                return entry.event if 0 <= utc_ms - entry.event.at_ms <= REFUSED_MS else None
        return None

    def faults(self, count: int) -> Sequence[Mapping[str, Any]]:
        station, now = self._inbox.station, self._clock.now()
        rows = [
            fault_line(view.evse_id, STORAGE, view.changed_at_ms, None)
            for view in station.views(now)
            if view.fault == STORAGE
        ]
        conflict = station.token_lists.conflict
        if conflict is not None:
            line = fault_line(0, conflict.fault, conflict.at_ms, None)
            line["cause"] += f" ({conflict.about})"
            rows.append(line)
        rows += [fault_line(0, name, at_ms, None) for name, at_ms in station.devices.faults.items()]
        for evse_id, evse in sorted(station.evses.items()):
            for name, at_ms in sorted(evse.keeper.faults.items(), key=lambda item: item[1]):
                line = fault_line(evse_id, name, at_ms, None)
                detail = evse.keeper.detail(name)
                line["cause"] += f" ({detail})" if detail else ""
                line["clears_by"] = evse.keeper.clears_by(name, station.policy)
                rows.append(line)
        return [*rows, *past(self._history.newest(("FaultRaised", "FaultCleared"), 2 * count + 50), count)]

    def contactors(self) -> Sequence[Mapping[str, Any]]:
        station = self._inbox.station
        return [_contactor(evse_id, evse, station.policy) for evse_id, evse in sorted(station.evses.items())]

    def settings_list(self) -> Sequence[Mapping[str, Any]]:
        return [_setting(row) for row in self._settings.rows()]

    def settings_get(self, name: str) -> Mapping[str, Any]:
        wanted = self._variable(name).full_name
        return next(_setting(row) for row in self._settings.rows() if row.name == wanted)

    async def settings_set(self, name: str, value: str) -> Mapping[str, Any]:
        variable = self._variable(name)
        if variable.computed or self._settings.readonly16(variable):
            raise Refused(f"{variable.full_name} is read-only", "ReadOnly")
        self._settings.set_by_name(name, value)
        status = "RebootRequired" if self._settings.needs_restart(variable) else "Accepted"
        row = self.settings_get(name)
        return {"status": status, "name": row["name"], "value": row["value"]}

    def _variable(self, name: str) -> Variable[Any]:
        variable = CATALOG.by_any_name(name)
        if variable is None:
            near = CATALOG.near(name)
            hint = f": did you mean {near}?" if near else "; see `joulepost settings list`"
            raise ValueError(f"no setting {name}{hint}")
        return variable

    def journal_tail(self, count: int, after: int | None) -> Sequence[Mapping[str, Any]]:
        first = max(0, self._journal.last_seq() - count) if after is None else after
        return [self._line(entry) for entry in self._journal.after(first, count)]

    def _line(self, entry: Entry) -> Mapping[str, Any]:
        """With true times: an entry keeps what the clock said, perhaps before it was set."""
        timekeeping = self._inbox.station.timekeeping
        at = (entry.boot_id, entry.utc_ms, entry.mono_ms)
        at_ms = entry.utc_ms + timekeeping.wrong_by_ms(*at)
        return self._event_line(timekeeping.dated(entry.event, *at), entry.seq, at_ms)

    def _event_line(self, event: Event, seq: int, at_ms: int) -> Mapping[str, Any]:
        data = masked(json.loads(self._codec.encode(event)))
        kind = data.pop(_TAG)
        data.pop("at_ms", None)
        return {"seq": seq, "at_ms": at_ms, "type": kind, "data": data}

    # ------------------------------------------------------------------ commands

    async def present_token(self, uid: str, evse_id: int | None) -> Mapping[str, Any]:
        self._known_evse(evse_id)
        verdict = self._inbox.take(TokenPresented(IdToken(uid), evse_id))
        return _answer(verdict)

    async def command(self, name: str, params: Mapping[str, Any]) -> Mapping[str, Any]:
        return _answer(await self._inbox.ask(_command(name, params)))

    def _known_evse(self, evse_id: int | None) -> None:
        known = sorted(self._inbox.station.evses)
        if evse_id is not None and evse_id not in known:
            raise ValueError(f"evse_id: found {evse_id}, expected one of {known}")

    # ------------------------------------------------------------------ subscribers

    def subscribe(self, queue: EventQueue) -> Callable[[], None]:
        self._subscribers.append(queue)
        return lambda: self._subscribers.remove(queue)

    @property
    def watched(self) -> bool:
        """Somebody subscribed."""
        return bool(self._subscribers)

    def changed(self) -> None:
        """The station's state may have changed: tell the subscribers."""
        if self._subscribers:
            status = self.status()
            for queue in self._subscribers:
                queue.offer("station", status)

    def frame(self, sent: bool, text: str) -> None:
        for queue in self._subscribers:
            queue.offer("frame", {"at_ms": self._clock.now().utc_ms, "sent": sent, "text": text})

    def log(self, level: str, text: str) -> None:
        for queue in self._subscribers:
            queue.offer("log", {"at_ms": self._clock.now().utc_ms, "level": level, "text": text})

    def _events(self, events: Sequence[Event], last_seq: int) -> None:
        if not self._subscribers:
            return
        at_ms = self._clock.now().utc_ms
        for seq, event in enumerate(events, last_seq - len(events) + 1):
            line = self._event_line(event, seq, at_ms)
            for queue in self._subscribers:
                queue.offer("event", line)


def word(view: EvseView) -> str:
    """One word for people; OCPP's own statuses are derived in ``csms``."""
    if view.fault is not None:
        return "Faulted"
    if not view.operative:
        return "Unavailable"
    if view.charging_state is not None:
        waiting = view.charging_state is ChargingState.EV_CONNECTED
        return "Preparing" if waiting else str(view.charging_state)
    if view.finishing:
        return "Finishing"
    if view.reserved:
        return "Reserved"
    return "Preparing" if view.plugged or view.authorized else "Available"


def _evse(evse: Evse, view: EvseView, limit_ma: int) -> Mapping[str, Any]:
    facts, reading, transaction = evse.facts, evse.meter.reading, evse.transaction
    register_wh = reading.energy_import_wh if reading else None
    digit = ""
    if facts is not None and facts.pilot in "ABCD":
        digit = "2" if facts.pwm else "1"
    held = transaction.token if transaction else evse.admission.held.token if evse.admission.held else None
    return {
        "evse_id": view.evse_id,
        "connector_id": view.connector_id,
        "status": word(view),
        "operative": view.operative,
        "scheduled_operative": evse.availability.scheduled,
        "plugged": view.plugged,
        "authorized": view.authorized,
        "token": held.value if held else None,
        "transaction_id": view.transaction_id,
        "charging_state": str(view.charging_state) if view.charging_state else None,
        "pilot": facts.pilot + digit if facts else "?",
        "high_mv": facts.high_mv if facts else 0,
        "low_mv": facts.low_mv if facts else 0,
        "duty_pm": facts.duty_pm if facts else 0,
        "offered_ma": facts.offered_ma if facts else 0,
        "limit_ma": limit_ma,
        "contactor_closed": facts.contactor_closed if facts else False,
        "current_ma": list(reading.current_ma) if reading else [None] * 3,
        "voltage_mv": list(reading.voltage_mv) if reading else [None] * 3,
        "power_w": reading.power_w if reading else None,
        "register_wh": register_wh,
        "energy_wh": (
            max(0, register_wh - transaction.started.register_wh)
            if transaction and register_wh is not None
            else None
        ),
        "fault": view.fault,
        "warning": view.warning,
        "inhibits": [name for name, _since in facts.inhibits] if facts else [],
        "operations": evse.contactor.wear.operations,
        "openings_under_load": evse.contactor.wear.under_load,
        "wake_ups": facts.wake_ups if facts else 0,
        "temperature_limit_ma": facts.temperature_limit_ma if facts else None,
        "hottest_mdeg_c": facts.hottest_mdeg_c if facts else None,
        "sensors_lost": facts.sensors_lost if facts else 0,
        "phases": facts.phases if facts else None,
    }


def _firmware(last: FirmwareStatusChanged | None) -> Mapping[str, Any] | None:
    """How far the newest update is or how it ended; None = there was none."""
    if last is None:
        return None
    return {"status": last.status.value, "info": last.info, "since_ms": last.at_ms}


def _reservation(shown: ReservationMade | None) -> Mapping[str, Any]:
    """The reservation for whose holder an EVSE is kept."""
    return {
        "reservation_id": shown.reservation_id if shown else None,
        "reserved_for": shown.token.value if shown else None,
        "reserved_until_ms": shown.expires_at_ms if shown else None,
    }


def fault_line(evse_id: int, name: str, since_ms: int, until_ms: int | None) -> dict[str, Any]:
    """A ``ports.FaultLine``: when, and the row of the catalogue."""
    fault = describe(name)
    return {
        "evse_id": evse_id,
        "name": name,
        "since_ms": since_ms,
        "until_ms": until_ms,
        "severity": str(fault.severity),
        "acts": str(fault.acts),
        "cause": fault.cause,
        "clears_by": fault.clears_by,
        "remedy": fault.remedy,
        "code16": fault.code16,
        "component201": fault.component201,
        "mrec": fault.mrec,
    }


def past(newest: Sequence[Entry], count: int) -> list[Mapping[str, Any]]:
    """The newest faults that are over, from journal entries, newest first."""
    ended: dict[tuple[int, str], int] = {}
    lines: list[Mapping[str, Any]] = []
    for entry in newest:
        event = entry.event
        if isinstance(event, FaultCleared):
            ended[event.evse_id, event.fault] = event.at_ms
        elif isinstance(event, FaultRaised):
            until_ms = ended.pop((event.evse_id, event.fault), None)
            if until_ms is not None:
                lines.append(fault_line(event.evse_id, event.fault, event.at_ms, until_ms))
    return lines[:count]


def _contactor(evse_id: int, evse: Evse, policy: Policy) -> Mapping[str, Any]:
    wear, facts = evse.contactor.wear, evse.facts
    close, open_ = wear.close, wear.open
    return {
        "evse_id": evse_id,
        "operations": wear.operations,
        "openings_under_load": wear.under_load,
        "close_us": close.recent_us if close.samples else None,
        "close_first_us": close.first_us if close.samples else None,
        "open_us": open_.recent_us if open_.samples else None,
        "open_first_us": open_.first_us if open_.samples else None,
        "slow": close.slow or open_.slow,
        "wear_permille": evse.contactor.permille(policy),
        "closed": facts.contactor_closed if facts else False,
        "welded": CONTACTOR_WELDED in evse.keeper.faults,
    }


def _setting(row: Row) -> Mapping[str, Any]:
    """``default`` None: computed, or a secret, or one of several places."""
    variable = CATALOG.by_any_name(row.name)
    secret = row.mutability is Mutability.WRITE_ONLY
    known = variable is not None and variable.default is not None and not secret
    return {
        "name": row.name,
        "key16": row.key16,
        "value": None if secret else row.value,
        "default": variable.kind.format(variable.default) if known and variable is not None else None,
        "mutability": str(row.mutability),
        "type": str(variable.kind.traits.data_type) if variable is not None else "",
        "unit": variable.kind.traits.unit if variable is not None else "",
        "allowed": row.expected,
        "source": str(row.source),
        "about": row.about,
    }


def _answer(verdict: Verdict | None) -> Mapping[str, Any]:
    return {} if verdict is None else {**asdict(verdict), "status": str(verdict.status)}


def _command(name: str, params: Mapping[str, Any]) -> Command:
    """Raises ``ValueError`` naming the command or the parameter."""
    evse_id = params.get("evse_id")
    match name:
        case "remote_start":
            optional = None if evse_id is None else _integer(params, "evse_id")
            return RemoteStart(IdToken(_text(params, "token")), optional)
        case "remote_stop":
            return RemoteStop(_text(params, "transaction_id"))
        case "change_availability":
            operative = params.get("operative")
            if not isinstance(operative, bool):
                raise ValueError(f"operative: found {operative!r}, expected true or false")
            return ChangeAvailability(_integer(params, "evse_id"), operative)
        case "unlock_connector":
            return UnlockConnector(_integer(params, "evse_id"), stop_transaction=True)
        case "reset":
            kind = params.get("kind", "Soft")
            if kind not in list(ResetKind):
                raise ValueError(f"kind: found {kind!r}, expected one of {', '.join(ResetKind)}")
            return Reset(ResetKind(kind))
        case "clear_cache":
            return ClearCache()
        case "clear_security_log":
            return ClearSecurityLog()
        case "reset_faults":
            return ResetFaults(_integer(params, "evse_id"))
        case "override_delay":
            return OverrideDelay(_integer(params, "evse_id"))
        case "contactor_replaced":
            return ContactorReplaced(_integer(params, "evse_id"))
    known = (
        "remote_start, remote_stop, change_availability, unlock_connector, reset, clear_cache, "
        "clear_security_log, reset_faults, override_delay, contactor_replaced"
    )
    raise ValueError(f"name: found {name!r}, expected one of {known}")


def _integer(params: Mapping[str, Any], key: str) -> int:
    value = params.get(key)
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError(f"{key}: found {value!r}, expected a whole number")
    return value


def _text(params: Mapping[str, Any], key: str) -> str:
    value = params.get(key)
    if not isinstance(value, str) or not 1 <= len(value) <= 36:
        raise ValueError(f"{key}: found {value!r}, expected a text of 1 to 36 characters")
    return value
