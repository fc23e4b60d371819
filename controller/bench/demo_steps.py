"""One charging session as the demo tells it: steps with what is done and what must then be seen.

Owns: the story, its expectations in words and as pure checks of a ``Snapshot``, and its timeouts.
Refuses to know: processes, terminals, time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from controller.bench.demo_station import DemoStation, Snapshot

TOKEN = "04A1B2C3D4"
OTHER_TOKEN = "0BADCAFE"
"""Not the one the EVSE is reserved for."""
NEW_FIRMWARE = "99.0.0"
LIMIT_A = 10
LIMIT_DUTY_PM = 167
"""IEC 61851-1 Table A.7: duty = current / 0.6 A: 10 A is 16.7 %."""
VEHICLE_MA = 16_000
"""What the vehicle draws when it may."""
VEHICLE_OBEYS_MS = 1000
"""How fast it follows a new duty; the standard allows 5 s, which is long to watch."""
BILL_TOLERANCE_WH = 2
"""Each of the two registers of a bill is rounded to 1 Wh."""


@dataclass(slots=True)
class Story:
    """What one step leaves for the next."""

    transactions_before: int = 0
    energy_before_wh: float = 0.0
    energy_seen_wh: float = 0.0
    transaction_id: str = ""
    notes: list[str] = field(default_factory=list)
    reserved: bool = False
    firmware_told: int = 0
    composite_a: list[float] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Step:
    """``act`` once, then ``seen`` must become true within ``timeout_s``. ``dwell_s``: for people to watch, on
    a live screen only."""

    name: str
    expect: str
    timeout_s: float
    seen: Callable[[Snapshot, Story], bool]
    act: Callable[[DemoStation, Snapshot, Story], object] | None = None
    dwell_s: float = 0.0


def steps(ocpp: str) -> tuple[Step, ...]:
    """The session, in order. 1.6 also shows a reservation, the composite schedule and a firmware update."""
    if ocpp != "1.6":
        return _session()
    shown: list[Step] = []
    for step in _session():
        shown.append(step)
        if step.name == ONLINE:
            shown += _reservation()
        elif step.name == LIMITED:
            shown.append(_composite())
    return (*shown, _firmware())


ONLINE = "the station is online"
LIMITED = f"the CSMS limits it to {LIMIT_A} A"


def _reservation() -> list[Step]:
    return [
        Step(
            f"the CSMS reserves EVSE 1 for {TOKEN}",
            "the CSMS told Reserved",
            10,
            lambda now, story: now.told == "Reserved",
            _reserve,
            dwell_s=2,
        ),
        Step(
            "another card is refused",
            f"{OTHER_TOKEN} refused, still Reserved, no transaction",
            10,
            lambda now, story: (
                OTHER_TOKEN in [token.upper() for token in now.refused]
                and now.told == "Reserved"
                and len(now.transactions) == story.transactions_before
            ),
            lambda station, now, story: station.bench("swipe", uid=OTHER_TOKEN),
            dwell_s=2,
        ),
    ]


def _composite() -> Step:
    def ask(station: DemoStation, now: Snapshot, story: Story) -> None:
        schedule = station.order("composite", "600", "--evse", "1").get("chargingSchedule", {})
        story.composite_a = [one["limit"] for one in schedule.get("chargingSchedulePeriod", [])]

    return Step(
        "the composite schedule says so",
        f"one period of {LIMIT_A} A for the next 600 s",
        10,
        lambda now, story: story.composite_a == [LIMIT_A],
        ask,
    )


def _firmware() -> Step:
    told = ["Downloading", "Downloaded", "Installing", "Installed"]

    def update(station: DemoStation, now: Snapshot, story: Story) -> None:
        story.firmware_told = len(now.firmware_statuses)
        station.order("update-firmware", NEW_FIRMWARE)

    return Step(
        f"the CSMS installs firmware {NEW_FIRMWARE}",
        f"{', '.join(told)} told in this order, and version {NEW_FIRMWARE} after the restart",
        60,
        lambda now, story: (
            list(now.firmware_statuses[story.firmware_told :]) == told and now.firmware == NEW_FIRMWARE
        ),
        update,
        dwell_s=2,
    )


def _session() -> tuple[Step, ...]:
    return (
        Step(
            ONLINE,
            "safety linked, registered at the CSMS, EVSE 1 Available there",
            30,
            lambda now, story: (
                bool(now.station["safety"].get("linked"))
                and bool(now.station["csms"].get("online"))
                and now.told == "Available"
            ),
        ),
        Step(
            "a vehicle is plugged in",
            "pilot state B, and the CSMS told Preparing (or still Reserved) in 1.6, Occupied in 2.0.1",
            10,
            lambda now, story: (
                now.evse["pilot"].startswith("B") and now.told in ("Preparing", "Occupied", "Reserved")
            ),
            _plug,
        ),
        Step(
            "a card is tapped",
            f"a transaction for {TOKEN} at the CSMS",
            15,
            _transaction_started,
            lambda station, now, story: station.bench("swipe", uid=TOKEN),
        ),
        Step(
            "it charges",
            f"contactor closed and the vehicle's {VEHICLE_MA / 1000:g} A",
            30,
            _charges,
            dwell_s=3,
        ),
        Step(
            "energy is metered",
            "a meter value above the start register at the CSMS",
            30,
            lambda now, story: bool(_mine(now, story).get("energy_wh")),
        ),
        Step(
            LIMITED,
            f"duty {LIMIT_DUTY_PM / 10} % and at most {LIMIT_A} A, contactor still closed",
            20,
            _limited,
            lambda station, now, story: station.order("set-limit", str(LIMIT_A)),
            dwell_s=3,
        ),
        Step(
            "the CSMS lifts the limit",
            f"the duty before the limit and {VEHICLE_MA / 1000:g} A again",
            20,
            lambda now, story: _charges(now, story) and now.wire["wire"]["duty_pm"] > LIMIT_DUTY_PM + 3,
            lambda station, now, story: station.order("clear-limit"),
            dwell_s=2,
        ),
        Step(
            "the CSMS stops it",
            "no current when the contactor opens, transaction ended with Remote, plug unlocked",
            20,
            _stopped,
            lambda station, now, story: station.order("remote-stop", story.transaction_id),
        ),
        Step(
            "the vehicle is unplugged",
            "pilot state A, and the CSMS told Available",
            10,
            lambda now, story: now.evse["pilot"].startswith("A") and now.told == "Available",
            lambda station, now, story: station.bench("unplug", evse=1),
        ),
        Step(
            "the bill is right",
            f"CSMS and meter agree within {BILL_TOLERANCE_WH} Wh, and no frame broke OCPP",
            5,
            _bill,
        ),
    )


def _reserve(station: DemoStation, now: Snapshot, story: Story) -> None:
    story.transactions_before = len(now.transactions)
    story.reserved = True
    station.order("reserve", TOKEN, "--evse", "1")


def _plug(station: DemoStation, now: Snapshot, story: Story) -> None:
    story.transactions_before = len(now.transactions)
    story.energy_before_wh = now.energy_wh
    station.bench("plug", evse=1, settings={"max_ma": VEHICLE_MA, "obey_ms": VEHICLE_OBEYS_MS})


def _mine(now: Snapshot, story: Story) -> dict[str, object]:
    for one in now.transactions:
        if one["id"] == story.transaction_id:
            return dict(one)
    return {}


def _transaction_started(now: Snapshot, story: Story) -> bool:
    new = now.transactions[story.transactions_before :]
    if len(new) != 1 or str(new[0]["token"]).upper() != TOKEN:
        return False
    story.transaction_id = new[0]["id"]
    return not story.reserved or new[0]["reservation_id"] is not None  # it is the reservation that began


def _charges(now: Snapshot, story: Story) -> bool:
    return bool(now.wire["contacts_closed"]) and now.current_ma > VEHICLE_MA - 200


def _limited(now: Snapshot, story: Story) -> bool:
    duty = now.wire["wire"]["duty_pm"]
    return (
        abs(duty - LIMIT_DUTY_PM) <= 3
        and 0 < now.current_ma <= LIMIT_A * 1000 + 100
        and bool(now.wire["contacts_closed"])
    )


def _stopped(now: Snapshot, story: Story) -> bool:
    mine = _mine(now, story)
    return (
        not now.wire["contacts_closed"]
        and mine.get("stopped_reason") == "Remote"
        and not now.wire["locked"]
        and not now.evse["openings_under_load"]
    )


def _bill(now: Snapshot, story: Story) -> bool:
    billed = _mine(now, story).get("energy_wh")
    story.energy_seen_wh = now.energy_wh - story.energy_before_wh
    if not isinstance(billed, int):
        return False
    story.notes = [f"CSMS {billed} Wh, meter {story.energy_seen_wh:.1f} Wh", *now.violations]
    return abs(billed - story.energy_seen_wh) <= BILL_TOLERANCE_WH and billed > 0 and not now.violations
