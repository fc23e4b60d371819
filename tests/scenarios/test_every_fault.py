"""Every row of the fault catalogue, raised and cleared in the simulated world while a car charges.

Each trial injects the cause (in volts, contacts, bytes or time, never by telling the station), and then looks
for the fault in the journal, in ``why``, in the 1.6 status and in the list of faults; the contactor has to
open where the catalogue says so; the cause is taken away, and after the fault has cleared the car charges
again, with or without a replug as the row's rule says.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from controller.certificates.store import Store
from controller.domain.access.tokens import AuthorizationStatus, IdToken, ListEntry, TokenInfo
from controller.domain.charging.profiles import (
    ChargingProfile,
    ChargingSchedule,
    ProfileKind,
    ProfilePurpose,
    RateUnit,
    SchedulePeriod,
)
from controller.domain.commands import ContactorReplaced, InstallProfile, ResetFaults, UpdateLocalList
from controller.domain.events import ContactorUsed, FaultCleared, FaultRaised, SessionEnded
from controller.domain.evse.wear import Wear
from controller.domain.faults import FAULTS, Acts, Severity
from controller.domain.inputs import ReaderChanged, RestartFailed, SafetyLost, TransactionAnswered
from controller.domain.why import reasons
from controller.safety.inhibits import CLEARING, Inhibit
from controller.store.ports import StorageError
from hal.simulated.faults import FAULTS as WORLD_FAULTS
from tests.support import pki
from tests.support.csms import FakeCsms, Payload
from tests.support.house import House
from tests.support.virtual_time import run_virtual

CARD = "04A2B3C4"
Deed = Callable[[House], Awaitable[None]]

NEVER_RAISED = {"starting"}
"""Part of every start: shown in ``why``, no fault in the journal. It has a test of its own."""


@dataclass
class Trial:
    """``before``: what is arranged before the car is plugged in. ``starting``: the cause is there before the
    car is to charge, because it shows only then. ``opens``: whether the real contacts open."""

    cause: Deed
    repair: Deed
    before: Deed | None = None
    starting: bool = False
    opens: bool = True
    again: Deed | None = None  # what a person does to charge again, where it is not (un)plugging


def world_fault(name: str, **more: object) -> Trial:
    async def cause(house: House) -> None:
        house.world.faults.set(name)

    async def repair(house: House) -> None:
        house.world.faults.clear(name)

    return Trial(cause, repair, **more)  # type: ignore[arg-type]


def mains(voltage_mv: int) -> Trial:
    async def cause(house: House) -> None:
        house.world.mains.voltage_mv = (230_000, voltage_mv, 230_000)
        house.world.settle()

    async def repair(house: House) -> None:
        house.world.mains.voltage_mv = (230_000, 230_000, 230_000)
        house.world.settle()

    return Trial(cause, repair)


async def limit_to_10_a(house: House) -> None:
    schedule = ChargingSchedule(RateUnit.A, (SchedulePeriod(0, 10_000),), starts_at_ms=0)
    purpose, kind = ProfilePurpose.TX_DEFAULT, ProfileKind.ABSOLUTE
    assert house.app is not None
    house.app.inbox.take(InstallProfile(1, ChargingProfile(1, 0, purpose, kind, schedule)))


async def ventilation(house: House, wanted: bool) -> None:
    house.world.set_vehicle(1, ventilation=wanted)


async def swipe(house: House) -> None:
    house.world.swipe(CARD)


async def weld(house: House) -> None:
    house.world.faults.set("contactor_welded")
    house.world.swipe(CARD)  # a weld shows when it is to open


async def replace_contactor(house: House) -> None:
    """Repaired with the supply disconnected; the technician resets and the driver shows the card again."""
    house.world.faults.clear("contactor_welded")
    await house.sleep(1)
    assert "contactor-welded" in house.station.evses[1].keeper.faults, "a weld is not forgotten by itself"
    assert house.app is not None
    house.app.inbox.take(ResetFaults(1))


async def silence(house: House) -> None:
    house.safety.reports = lambda *_args, **_more: []  # type: ignore[method-assign]
    await house.sleep(2)
    assert house.app is not None
    house.app.inbox.take(SafetyLost("no report for more than 2000 ms"))


async def hear(house: House) -> None:
    del house.safety.reports


async def late(house: House) -> None:
    house.safety.tick = partial(type(house.safety).tick, house.safety, late=True)  # type: ignore[method-assign]


async def on_time(house: House) -> None:
    del house.safety.tick


async def fill_disk(house: House) -> None:
    assert house.app is not None

    def full(what: str) -> None:
        raise StorageError(f"{what}: found a full disk, expected room; free some")

    house.app.database.transaction = full  # type: ignore[method-assign, assignment]
    house.world.swipe("0000")  # its refusal cannot be written


async def empty_disk(house: House) -> None:
    assert house.app is not None
    del house.app.database.transaction


async def old_contactor(house: House) -> None:
    """Its life so far stands in the journal; the next start of the controller reads it there."""
    assert house.app is not None
    now = house.clock.now()
    book = house.station.evses[1].contactor
    used = Wear(460_000, 100, run_ms=book.wear.run_ms, run_operations=book.wear.run_operations)
    house.app.journal.append([ContactorUsed(1, used, now.utc_ms)], now)
    await house.restart_controller(0.5)
    await house.online()


async def new_contactor(house: House) -> None:
    house.world.swipe(CARD)
    await house.until(lambda: not house.closed(), "the transaction is over", 20)
    await house.sleep(2)
    assert house.app is not None
    verdict = house.app.inbox.take(ContactorReplaced(1))
    assert verdict is not None and verdict.status == "Accepted"


async def contradict(house: House) -> None:
    """The list knows another person's token as good; the CSMS says that it is blocked."""
    assert house.app is not None
    token, good = IdToken("OTHER"), TokenInfo(AuthorizationStatus.ACCEPTED)
    await house.app.inbox.ask(UpdateLocalList(1, True, (ListEntry(token, good),)))
    bad = TokenInfo(AuthorizationStatus.BLOCKED)
    house.app.inbox.take(TransactionAnswered("tx", token, bad, started=True))


async def send_list(house: House) -> None:
    assert house.app is not None
    await house.app.inbox.ask(UpdateLocalList(2, True))


async def warm(house: House, degrees: int) -> None:
    house.world.evse(1).thermal.held_mdeg_c = degrees * 1000


async def reader(house: House, why: str | None) -> None:
    """The simulated reader has no line that could break."""
    assert house.app is not None
    house.app.inbox.take(ReaderChanged(1, why))


async def fail_to_reboot(house: House) -> None:
    assert house.app is not None
    house.app.inbox.take(RestartFailed("the command ended with 1"))


async def start_again(house: House) -> None:
    await house.restart_controller(0.5)
    await house.online()


async def expiring_certificate(house: House) -> None:
    """As a renewal that brought nothing for three weeks leaves it."""
    assert house.app is not None
    store = Store(house.app.config.storage_dir / "certificates")
    request = store.new_request("Operator", "SN-1")
    store.add_chain(pki.sign_request(request, pki.root(), ends=pki.T0 + 6 * pki.DAY).pem)
    await house.app.certificates.load()


async def renewed_certificate(house: House) -> None:
    assert house.app is not None
    store = Store(house.app.config.storage_dir / "certificates")
    store.add_chain(pki.sign_request(store.new_request("Operator", "SN-1"), pki.root()).pem)
    await house.app.certificates.load()


TRIALS: dict[str, Trial] = {
    "board-silent": world_fault("board_silent"),
    "pilot-fault": world_fault("pilot_supply_beyond"),
    "pilot-short": world_fault("pilot_short"),
    "diode-missing": world_fault("diode_missing"),
    "pwm-fault": world_fault("pwm_wrong_duty"),
    "ventilation-required": Trial(partial(ventilation, wanted=True), partial(ventilation, wanted=False)),
    "residual-current": world_fault("rcd_trip"),
    "residual-current-test": world_fault("rcd_test_dead", starting=True),
    "contactor-welded": Trial(weld, replace_contactor, opens=False, again=swipe),
    "contactor-did-not-close": world_fault("contactor_does_not_close"),
    "proximity-fault": world_fault("proximity_short"),
    "lock-fault": world_fault("lock_jam", starting=True),
    "loop-late": Trial(late, on_time),
    "over-temperature": world_fault("over_temperature"),
    "temperature-sensor-lost": world_fault("temperature_sensor_lost"),
    "emergency-stop": world_fault("emergency_stop", again=swipe),
    "enclosure-open": world_fault("enclosure_open"),
    "phase-switch-fault": world_fault("phase_feedback_stuck"),
    "over-current": world_fault("over_current", before=limit_to_10_a),
    "over-voltage": mains(260_000),
    "under-voltage": mains(170_000),
    "phase-missing": world_fault("phase_missing"),
    "meter-silent": world_fault("meter_silent"),
    "storage": Trial(fill_disk, empty_disk),
    "safety-silent": Trial(silence, hear),
    "local-list-conflict": Trial(contradict, send_list, opens=False),
    "temperature-high": Trial(partial(warm, degrees=66), partial(warm, degrees=40), opens=False),
    "reader-silent": Trial(partial(reader, why="lost"), partial(reader, why=None), opens=False),
    "certificate-expires": Trial(expiring_certificate, renewed_certificate, opens=False),
    "reset-failed": Trial(fail_to_reboot, start_again, opens=False),
    "contactor-worn": Trial(old_contactor, new_contactor, opens=False, again=swipe),
}


def test_every_row_has_its_trial() -> None:
    assert TRIALS.keys() | NEVER_RAISED == FAULTS.keys()


@pytest.mark.parametrize("name", TRIALS)
def test_is_raised_seen_cleared_and_charging_goes_on(name: str, tmp_path: Path) -> None:
    run_virtual(play(name, TRIALS[name], tmp_path))


async def play(name: str, trial: Trial, directory: Path) -> None:
    row = FAULTS[name]
    async with (
        FakeCsms("ocpp1.6") as csms,
        House.build(
            directory, csms, "ocpp1.6", settings={"JoulepostCtrlr.MeterStale": 5}, phase_switch=True
        ) as house,
    ):
        await house.online()
        if trial.before is not None:
            await trial.before(house)
        if trial.starting:
            await trial.cause(house)
        house.world.plug(1, max_ma=32_000)
        await house.sleep(1)
        house.world.swipe(CARD)
        if not trial.starting:
            await house.until(house.charging, "current flows")
            await house.sleep(8)
            await trial.cause(house)

        def named(status: Payload) -> bool:
            """StatusNotification names the fault (1.6 4.9)."""
            return (
                status["errorCode"] == row.code16
                and status.get("vendorErrorCode") == (row.mrec or name)
                and str(status.get("info")).split()[0] == name
                # Trouble with the vehicle's pilot is a warning in 1.6 (4.9).
                and (status["status"] == "Faulted") is (row.blocking and row.code16 != "EVCommunicationError")
            )

        def raised() -> bool:
            return row.name in shown(house)

        await house.until(raised, f"{name} is seen in why", 90)
        if row.severity not in (Severity.WARNING, Severity.DERATE) and trial.opens:
            within_s = 0.2 if row.acts is Acts.SAFETY else 15
            await house.until(lambda: not house.closed(), f"{name} opens the contactor", within_s)
        assert house.app is not None
        assert name in [line["name"] for line in house.app.facade.faults(5) if line["until_ms"] is None]
        await house.until(lambda: any(map(named, statuses(csms))), f"{name} is told to the CSMS", 30)

        await trial.repair(house)
        person = row.unplug and row.after_ms is None
        if person:
            await house.sleep(20)
            assert raised(), f"{name} does not clear by itself"
            assert not house.closed()
            await replug(house)
        await house.until(lambda: not raised(), f"{name} clears", 120)
        await house.until(lambda: history(house, name), f"{name} is in the journal, with its end")
        if trial.again is not None:
            await house.sleep(3)
            await trial.again(house)
        await house.until(house.charging, f"after {name} it charges again", 90)
        if not person:
            assert not house.happened(SessionEnded), "nobody had to unplug"
        await house.until(lambda: not named(statuses(csms)[-1]), "the CSMS knows that it is over", 30)


def shown(house: House) -> list[str]:
    """The inhibits and warnings of ``joulepost why``, and what is wrong with the station itself."""
    rows = reasons(house.station, 1, house.clock.now())
    for one in rows:
        if one.kind in ("inhibit", "warning") and one.name in FAULTS:
            assert one.clears_by and one.remedy
    return [one.name for one in rows]


def statuses(csms: FakeCsms) -> list[Payload]:
    return [one.payload for one in csms.of("StatusNotification")]


def history(house: House, name: str) -> bool:
    mine = [
        type(event)
        for event in house.events()
        if isinstance(event, (FaultRaised, FaultCleared)) and event.fault == name
    ]
    return mine[:1] == [FaultRaised] and mine[-1] is FaultCleared


async def replug(house: House) -> None:
    """The driver ends the transaction with the card, which releases the plug, and tries another outlet
    first."""
    house.world.swipe(CARD)
    await house.until(lambda: not house.world.evse(1).lock.bolted, "the plug is released")
    house.world.unplug(1)
    await house.until(lambda: house.happened(SessionEnded), "the session ends")
    await house.sleep(3)
    house.world.plug(1, max_ma=32_000)
    await house.sleep(1)
    house.world.swipe(CARD)


def test_starting_is_part_of_every_start_and_no_fault(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with FakeCsms("ocpp1.6") as csms, House.build(tmp_path, csms, "ocpp1.6") as house:
            assert Inhibit.STARTING in house.safety.evses[0].state.inhibits
            await house.online()
            await house.sleep(1)
            assert not house.safety.evses[0].state.inhibits.mask
            assert not house.happened(FaultRaised)

    run_virtual(scenario())


def test_the_clearing_rules_of_both_processes_are_the_same() -> None:
    for inhibit, rule in CLEARING.items():
        row = FAULTS[inhibit.name.lower().replace("_", "-")]
        assert (row.after_ms, row.unplug) == (rule.after_ms, rule.unplug), row.name
        assert row.acts is Acts.SAFETY
        if rule.after_ms is None:
            assert row.severity is Severity.HARD, row.name


def test_the_world_can_inject_what_the_trials_name() -> None:
    assert {"over_current", "phase_missing", "meter_silent"} <= WORLD_FAULTS.keys()
