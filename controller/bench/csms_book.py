"""What the desk CSMS knows of the stations that connected: plain records, kept in memory only.

Owns: stations, their statuses and transactions. Refuses to know: OCPP versions, sockets, the clock.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(slots=True)
class TransactionRecord:
    """``register_wh``: newest register told for it; ``ended_at`` None while it runs; instants RFC 3339."""

    id: str
    evse_id: int
    token: str | None
    started_at: str
    start_wh: int | None = None
    register_wh: int | None = None
    ended_at: str | None = None
    stopped_reason: str | None = None
    messages: int = 1
    reservation_id: int | None = None
    seq_nos: list[int] = field(default_factory=list)

    @property
    def energy_wh(self) -> int | None:
        if self.start_wh is None or self.register_wh is None:
            return None
        return self.register_wh - self.start_wh


@dataclass(slots=True)
class StationRecord:
    """``evses``: last status told, by EVSE (1.6: connector) id; 0 = the station itself.
    ``firmware_statuses``, ``log_statuses``: as told, the newest. ``security.events``: their types."""

    identity: str
    protocol: str = ""
    connected: bool = False
    connections: int = 0
    boots: int = 0
    vendor: str = ""
    model: str = ""
    firmware: str = ""
    evses: dict[int, str] = field(default_factory=dict)
    transactions: dict[str, TransactionRecord] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)
    firmware_statuses: list[str] = field(default_factory=list)
    log_statuses: list[str] = field(default_factory=list)
    security_events: list[str] = field(default_factory=list)

    def running(self, evse_id: int | None = None) -> list[TransactionRecord]:
        """Transactions that have not ended."""
        return [
            one
            for one in self.transactions.values()
            if one.ended_at is None and evse_id in (None, one.evse_id)
        ]

    def as_dict(self) -> dict[str, Any]:
        found = asdict(self)
        found["evses"] = {str(evse_id): status for evse_id, status in self.evses.items()}
        found["transactions"] = [
            {**asdict(one), "energy_wh": one.energy_wh} for one in self.transactions.values()
        ]
        return found


class Book:
    """All stations by identity, the tokens that are refused, and the next 1.6 transaction id."""

    def __init__(self) -> None:
        self.stations: dict[str, StationRecord] = {}
        self.blocked: set[str] = set()
        self.registration = "Accepted"  # the answer to the next BootNotification
        self.boot_interval_s: int | None = None
        self.clock_off_s = 0.0  # the time it tells stations is so many seconds ahead
        self._last_transaction = 0

    def station(self, identity: str) -> StationRecord:
        return self.stations.setdefault(identity, StationRecord(identity))

    def accepts(self, token: str) -> bool:
        return token.casefold() not in self.blocked

    def next_transaction_id(self) -> int:
        self._last_transaction += 1
        return self._last_transaction


def register_wh(meter_values: list[dict[str, Any]]) -> int | None:
    """The last Energy.Active.Import.Register in a 1.6 or 2.x ``meterValue`` array, in Wh.

    The measurand is the default of a sampled value in both versions (1.6 7.43, 2.0.1 SampledValueType).
    Keys in snake case, as the ``ocpp`` package hands them to handlers.
    """
    found: int | None = None
    for meter_value in meter_values:
        for sampled in meter_value.get("sampled_value", []):
            if sampled.get("measurand", "Energy.Active.Import.Register") != "Energy.Active.Import.Register":
                continue
            if sampled.get("phase"):
                continue
            unit_of_measure = sampled.get("unit_of_measure") or {}
            unit = sampled.get("unit") or unit_of_measure.get("unit", "Wh")
            factor = 10.0 ** int(unit_of_measure.get("multiplier", 0))
            factor *= 1000 if unit == "kWh" else 1
            found = round(float(sampled["value"]) * factor)
    return found
