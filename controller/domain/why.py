"""Why is it not charging? Every limit and every reason of one EVSE, in words, with since-when and remedy.

Owns: the rows that ``joulepost why`` shows. Adds no rule of its own: it only reads the station.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from controller.domain.access.reservation import Reservations
from controller.domain.access.token_lists import TokenLists
from controller.domain.availability import Availability
from controller.domain.charging.limits import Claim, lowest
from controller.domain.devices import Devices
from controller.domain.evse import phases
from controller.domain.evse.charging_state import MINIMUM_OFFER_MA
from controller.domain.evse.evse import Evse
from controller.domain.faults import OWN, describe
from controller.domain.instant import Now
from controller.domain.policy import Policy

_LAST_S = 253_402_300_799
"""9999-12-31T23:59:59Z, the last instant that ``datetime`` can show."""


@dataclass(frozen=True, slots=True)
class Reason:
    """``kind``: "verdict", "session", "later", "limit", "inhibit" or "warning". ``since_ms`` UTC ms or
    None (always, unknown)."""

    kind: str
    name: str
    value: str
    source: str
    since_ms: int | None
    clears_by: str
    remedy: str = ""  # what a technician can do about a fault


class Seen(Protocol):
    """What is read of the station (``controller.domain.station``)."""

    @property
    def evses(self) -> Mapping[int, Evse]: ...
    @property
    def policy(self) -> Policy: ...
    @property
    def charging_allowed(self) -> bool: ...
    @property
    def availability(self) -> Availability: ...
    @property
    def devices(self) -> Devices: ...
    @property
    def reservations(self) -> Reservations: ...
    @property
    def token_lists(self) -> TokenLists: ...

    def claims(self, evse_id: int, now: Now) -> list[Claim]: ...


def reasons(station: Seen, evse_id: int, now: Now) -> list[Reason]:
    """The verdict first, then what it rests on. Raises ``KeyError`` for an unknown EVSE."""
    evse = station.evses[evse_id]
    rows: list[Reason] = []
    facts, transaction = evse.facts, evse.transaction
    if facts is not None:
        for name, since_mono_ms in facts.inhibits:
            fault = describe(name)
            since_ms = now.utc_ms - (now.mono_ms - since_mono_ms)
            rows.append(
                Reason(
                    "inhibit", name, fault.cause, "safety process", since_ms, fault.clears_by, fault.remedy
                )
            )
    else:
        cause = evse.reported.fault or ""
        fault = describe("safety-silent")
        rows.append(
            Reason("inhibit", "safety-silent", cause, "controller", None, fault.clears_by, fault.remedy)
        )
    rows.extend(_kept(station, evse_id, {row.name for row in rows}))
    conflict = station.token_lists.conflict
    if conflict is not None:
        fault = describe(conflict.fault)
        cause = f"{fault.cause} ({conflict.about})"
        rows.append(
            Reason("warning", fault.name, cause, "CSMS", conflict.at_ms, fault.clears_by, fault.remedy)
        )
    rows.extend(_of_the_station(station))
    if not station.availability.operative:
        rows.append(
            Reason("session", "station unavailable", "inoperative", "CSMS or technician", None, "Operative")
        )
    if not evse.availability.operative:
        rows.append(
            Reason("session", "EVSE unavailable", "inoperative", "CSMS or technician", None, "Operative")
        )
    if evse.availability.scheduled is False:
        value = "inoperative once the transaction is over and the vehicle gone"
        kind = "session" if transaction is None else "later"
        rows.append(Reason(kind, "EVSE unavailable", value, "CSMS or technician", None, "Operative"))
    hold = evse.availability.hold
    if hold is not None and transaction is None:
        rows.append(Reason("session", "firmware update", hold.why, "station", hold.since_ms, hold.clears_by))
    if not evse.plugged:
        rows.append(Reason("session", "no vehicle", "pilot state A", "pilot", None, "plug in"))
    reserved = station.reservations.shown(evse_id)
    if reserved is not None:
        until = _utc(reserved.expires_at_ms)
        what = f"for {reserved.token.value} until {until}"
        if reserved.evse_id == 0:
            what = f"any one EVSE, {what}"
        way = "the token it is for, CancelReservation, or its end"
        rows.append(Reason("session", "reserved", what, "CSMS", reserved.at_ms, way))
    if not station.charging_allowed:
        rows.append(
            Reason(
                "session",
                "not accepted",
                "the CSMS has never accepted this station",
                "registration",
                None,
                "its acceptance, or TxCtrlr.TxBeforeAcceptedEnabled",
            )
        )
    if evse.admission.timed_out:
        rows.append(
            Reason(
                "session",
                "timed out",
                "plugged in and not authorized in time",
                "EVConnectionTimeOut",
                None,
                "plug in again, or a remote start",
                "JoulepostCtrlr.ReplugAfterTimeOut = false lets a card start it at any time",
            )
        )
    kept = evse.plug.kept
    if kept is not None:
        clears_by = f"token {kept.token.value} or one of its group, or an unlock command"
        rows.append(Reason("session", "plug kept", "the plug stays locked", kept.why, kept.at_ms, clears_by))
    if transaction is None:
        if evse.admission.held is not None:
            held = evse.admission.held
            rows.append(
                Reason(
                    "session",
                    "authorized",
                    f"token {held.token.value} by {held.source}",
                    held.source,
                    now.utc_ms - (now.mono_ms - held.since_ms),
                    "plug in" if not evse.plugged else "a meter reading and a writable journal",
                )
            )
        else:
            rows.append(
                Reason("session", "not authorized", "no token", "", None, "present a card or start remotely")
            )
    elif transaction.stopping is not None:
        stopping = transaction.stopping
        rows.append(
            Reason(
                "session",
                "stopping",
                str(stopping.stopped_reason),
                str(stopping.trigger),
                stopping.at_ms,
                "the vehicle lets go, at most 6 s",
            )
        )
    else:
        rows.append(
            Reason(
                "session",
                "transaction",
                f"{transaction.id} {transaction.charging_state}",
                transaction.token.value if transaction.token else "",
                transaction.started.at_ms,
                "a stop",
            )
        )
    claims = station.claims(evse_id, now)
    rows.extend(_phases(station, evse_id, claims))
    rows.extend(
        Reason(
            "limit", claim.name, f"{claim.limit_ma / 1000:g} A", claim.source, claim.since_ms, _way_out(claim)
        )
        for claim in sorted(claims, key=lambda claim: claim.limit_ma)
    )
    deciding = lowest(claims)
    if facts is not None and facts.pwm and facts.contactor_closed:
        verdict = f"charging, {facts.offered_ma / 1000:g} A offered, limited by {deciding.name}"
    elif facts is not None and facts.pwm and not facts.inhibits:
        verdict = f"{facts.offered_ma / 1000:g} A offered, waiting for the vehicle (pilot {facts.pilot}2)"
    else:
        verdict = "not charging: " + _because(rows, deciding.limit_ma, deciding.name)
    rows.insert(0, Reason("verdict", f"EVSE {evse_id}", verdict, "", None, ""))
    return rows


def _utc(at_ms: int) -> str:
    return datetime.fromtimestamp(min(at_ms // 1000, _LAST_S), UTC).strftime("%F %H:%M:%S UTC")


def _way_out(claim: Claim) -> str:
    if claim.until_ms is None:
        return claim.clears_by
    return f"its schedule at {_utc(claim.until_ms)}; before that: {claim.clears_by}"


def _phases(station: Seen, evse_id: int, claims: Sequence[Claim]) -> list[Reason]:
    """One phase or three, where there is a switch; while it is on its way it is waited for."""
    evse = station.evses[evse_id]
    facts, wanted = evse.facts, evse.phases
    if facts is None or not evse.spec.has_phase_switch:
        return []
    claim = phases.asking(claims) if wanted == 1 else None
    source, since_ms, clears_by = "nobody asks for one", None, "a charging profile with numberPhases = 1"
    if claim is not None:
        source, since_ms, clears_by = claim.source, claim.since_ms, claim.clears_by
    if facts.phases == wanted:
        return [Reason("session", "phases", f"{wanted} of 3", source, since_ms, clears_by)]
    value = f"{facts.phases} of 3, {wanted} wanted"
    way = (
        "the vehicle lets go, the contactor opens, the dead time; more phases also the pause between changes"
    )
    return [Reason("session", "phase switch", value, source, since_ms, way)]


def _kept(station: Seen, evse_id: int, shown: set[str]) -> list[Reason]:
    """What the controller found itself, or remembers although the safety process does not see it (yet)."""
    keeper = station.evses[evse_id].keeper
    rows = []
    for name, at_ms in sorted(keeper.faults.items()):
        if name in shown:
            continue
        fault = describe(name)
        kind = "inhibit" if fault.blocking else "warning"
        source = "controller" if name in OWN else "remembered by the controller"
        cause = fault.cause + (f" ({keeper.detail(name)})" if keeper.detail(name) else "")
        clears_by = keeper.clears_by(name, station.policy)
        rows.append(Reason(kind, name, cause, source, at_ms, clears_by, fault.remedy))
    return rows


def _of_the_station(station: Seen) -> list[Reason]:
    rows = []
    for name, at_ms in sorted(station.devices.faults.items()):
        fault = describe(name)
        rows.append(Reason("warning", name, fault.cause, "controller", at_ms, fault.clears_by, fault.remedy))
    return rows


def _because(rows: list[Reason], limit_ma: int, limit_name: str) -> str:
    named = [row.name for row in rows if row.kind == "inhibit"]
    named += [
        row.name
        for row in rows
        if row.kind == "session" and row.name not in ("transaction", "authorized", "phases")
    ]
    if limit_ma < MINIMUM_OFFER_MA:
        named.append(f"limit {limit_name} below 6 A")
    return ", ".join(named) or "about to start"
