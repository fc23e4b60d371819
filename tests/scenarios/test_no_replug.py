"""No replug needed: whatever interrupted a charge, it can go on with the plug in place.

The most repeated complaint about charging stations. Each scenario plugs one vehicle in, once, lets something
end or hinder the charge, and charges again; the world's own record says that nobody touched the plug.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from controller.domain.commands import ResetFaults
from controller.domain.events import FirmwareStatus, TransactionEnded
from controller.local.exits import RESTART
from tests.support.csms import FakeCsms
from tests.support.file_servers import HttpFiles, http_server
from tests.support.firmware import image
from tests.support.house import House
from tests.support.virtual_time import run_virtual

CARD = "04A2B3C4"
OLD = "ocpp1.6"

Scenario = Callable[[House], Awaitable[None]]


def play(tmp_path: Path, scenario: Scenario, version: str = OLD, **options: Any) -> None:
    """Run it, and check that the plug went in once and never came out, and that the books are right."""

    async def whole() -> None:
        async with (
            FakeCsms(version) as csms,
            House.build(tmp_path, csms, version, **options) as house,
        ):
            plugs: list[str] = []
            record = house.world.record

            def note(evse_id: int, what: str) -> None:
                if "plugged" in what:
                    plugs.append(what)
                record(evse_id, what)

            house.world.record = note  # type: ignore[method-assign]
            await scenario(house)
            assert plugs == ["plugged in"], "nobody touched the plug"
            if house.station.evses[1].transaction is not None:
                await stop_by_card(house)
            await house.delivered()
            house.check_books()

    run_virtual(whole())


async def charge(house: House, **vehicle: Any) -> None:
    await house.online()
    house.world.plug(1, max_ma=16_000, **vehicle)
    await house.sleep(1)
    house.world.swipe(CARD)
    await house.until(house.charging, "current flows")
    await house.sleep(5)


async def stop_by_card(house: House) -> None:
    stops = len(house.happened(TransactionEnded))
    house.world.swipe(CARD)
    await house.until(lambda: len(house.happened(TransactionEnded)) > stops, "the transaction ends")
    await house.until(lambda: not house.closed(), "the contactor opens", 1)


async def again(house: House, timeout_s: float = 60) -> None:
    await house.until(house.charging, "charging again without a replug", timeout_s)


async def limit(house: House, amperes: float) -> None:
    """The CSMS sets a limit for whatever transaction runs."""
    answer = await house.csms.call(
        "SetChargingProfile",
        {
            "connectorId": 1,
            "csChargingProfiles": {
                "chargingProfileId": 1,
                "stackLevel": 0,
                "chargingProfilePurpose": "TxDefaultProfile",
                "chargingProfileKind": "Absolute",
                "chargingSchedule": {
                    "chargingRateUnit": "A",
                    "chargingSchedulePeriod": [{"startPeriod": 0, "limit": amperes}],
                    "startSchedule": "2026-01-01T00:00:00Z",
                },
            },
        },
    )
    assert answer["status"] == "Accepted"


# --------------------------------------------------------------------------- stops


@pytest.mark.parametrize("version", ["ocpp1.6", "ocpp2.0.1", "ocpp2.1"])
def test_after_a_stop_by_card(tmp_path: Path, version: str) -> None:
    async def scenario(house: House) -> None:
        await charge(house)
        for _ in range(3):
            await stop_by_card(house)
            await house.sleep(2)
            house.world.swipe(CARD)
            await again(house)

    play(tmp_path, scenario, version)


def test_after_a_remote_stop(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        await charge(house)
        await house.delivered()
        answer = await house.csms.call("RemoteStopTransaction", {"transactionId": 1})
        assert answer["status"] == "Accepted"
        await house.until(lambda: house.happened(TransactionEnded), "the transaction ends")
        await house.sleep(2)
        answer = await house.csms.call("RemoteStartTransaction", {"idTag": CARD, "connectorId": 1})
        assert answer["status"] == "Accepted"
        await again(house)

    play(tmp_path, scenario)


def test_after_a_forced_stop_of_a_vehicle_that_does_not_let_go(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        await charge(house, ignores_x1=True)
        await stop_by_card(house)
        assert house.safety.evses[0].state.contactor.openings_under_load == 1
        await house.sleep(2)
        house.world.swipe(CARD)
        await again(house)

    play(tmp_path, scenario)


# --------------------------------------------------------------------------- pauses and limits


def test_after_a_pause_of_the_vehicle(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        await charge(house)
        for pause_s in (3, 100):
            house.world.set_vehicle(1, wants_charge=False)
            await house.until(lambda: not house.closed(), "the vehicle pauses")
            await house.sleep(pause_s)
            house.world.set_vehicle(1, wants_charge=True)
            await again(house)
        assert house.safety.evses[0].state.wake.count == 0, "a vehicle that pauses is left alone"

    play(tmp_path, scenario)


@pytest.mark.parametrize("pause_s", [1, 4, 60])
def test_after_a_limit_of_zero(tmp_path: Path, pause_s: int) -> None:
    async def scenario(house: House) -> None:
        await charge(house)
        await limit(house, 0)
        await house.sleep(pause_s)
        await limit(house, 13)
        await again(house)
        await house.until(lambda: 12_000 < house.current_ma() <= 13_000, "13 A", 30)

    play(tmp_path, scenario)


def test_after_a_pause_in_which_the_vehicle_fell_asleep(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        await charge(house, sleeps_after_ms=60_000)
        await limit(house, 0)
        await house.until(lambda: house.world.evse(1).vehicle.asleep, "the vehicle sleeps", 200)
        await limit(house, 16)
        await again(house)
        assert house.station.evses[1].facts is not None
        assert house.station.evses[1].facts.wake_ups == 1

    play(tmp_path, scenario)


def test_after_the_wake_up_ladder_was_given_up(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        await house.online()
        house.world.plug(1, max_ma=16_000, asleep=True, deaf=True)
        await house.sleep(1)
        house.world.swipe(CARD)
        await house.sleep(120)
        state, evse = house.safety.evses[0].state, house.station.evses[1]
        assert state.wake.count == 1 and state.offered_ma and not house.closed()
        assert evse.transaction is not None and evse.transaction.charging_state == "SuspendedEV"
        states = [event.charging_state for event in house.events() if hasattr(event, "charging_state")]
        offered = states[states.index("SuspendedEV") :]
        assert set(offered) == {"SuspendedEV"}, "the pulse is no pause of the station"
        house.world.set_vehicle(1, asleep=False)
        await again(house)

    play(tmp_path, scenario)


def test_after_the_meter_was_silent(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        await charge(house)
        house.world.faults.set("meter_silent", 1)
        await house.sleep(120)
        house.world.faults.clear("meter_silent", 1)
        await again(house)

    play(tmp_path, scenario)


# --------------------------------------------------------------------------- faults

CLEARING_S = {
    "pilot_short": 20,
    "pwm_dead": 30,
    "pwm_wrong_duty": 30,
    "adc_dead": 20,
    "rcd_test_stuck": 90,
    "contactor_does_not_close": 90,
    "mirror_stuck_open": 90,
    "proximity_short": 20,
    "lock_feedback_lost": 60,
    "enclosure_open": 20,
    "board_silent": 20,
    "watchdog_dead": 90,
    "mains_off": 60,
}
"""Faults that clear by themselves, and so many seconds after the repair it charges again."""


@pytest.mark.parametrize("fault", CLEARING_S)
def test_after_a_fault_that_cleared(tmp_path: Path, fault: str) -> None:
    """1.5 s: shorter than the 3 s after which an unseen vehicle counts as another one."""

    async def scenario(house: House) -> None:
        await charge(house)
        if fault in ("rcd_test_stuck", "lock_feedback_lost"):  # found at the next start only
            await stop_by_card(house)
            house.world.faults.set(fault, 1)
            await house.sleep(2)
            house.world.swipe(CARD)
        else:
            house.world.faults.set(fault, 1)
        await house.sleep(1.5)
        assert not house.charging(), "the fault has its effect"
        house.world.faults.clear(fault, 1)
        await again(house, CLEARING_S[fault])

    play(tmp_path, scenario)


def test_after_the_emergency_stop_was_released(tmp_path: Path) -> None:
    """It ended the transaction; a card begins the next one (ISO 13850), and the plug stays."""

    async def scenario(house: House) -> None:
        await charge(house)
        house.world.faults.set("emergency_stop", 1)
        await house.until(lambda: house.happened(TransactionEnded), "the transaction ends")
        house.world.faults.clear("emergency_stop", 1)
        await house.sleep(10)
        assert not house.charging(), "nothing begins by itself"
        house.world.swipe(CARD)
        await again(house)

    play(tmp_path, scenario)


@pytest.mark.parametrize("fault", ["diode_missing", "pilot_leak", "rcd_trip", "contactor_welded"])
def test_after_a_fault_that_was_reset(tmp_path: Path, fault: str) -> None:
    """Latched: a technician looks, repairs and resets. The plug stays."""

    async def scenario(house: House) -> None:
        await charge(house)
        house.world.faults.set(fault, 1)
        if fault == "contactor_welded":
            house.world.set_vehicle(1, wants_charge=False)
        await house.sleep(2)
        assert house.safety.evses[0].state.inhibits.mask
        house.world.faults.clear(fault, 1)
        house.world.set_vehicle(1, wants_charge=True)
        await house.sleep(2)
        assert house.app is not None
        house.app.inbox.take(ResetFaults(1))
        await house.sleep(10)
        if house.station.evses[1].transaction is None:
            house.world.swipe(CARD)
        await again(house)

    play(tmp_path, scenario)


def test_after_a_long_short_hid_the_vehicle_it_takes_a_card_but_no_replug(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        await charge(house)
        house.world.faults.set("pilot_short", 1)
        await house.sleep(60)
        house.world.faults.clear("pilot_short", 1)
        await house.until(lambda: house.happened(TransactionEnded), "it counts as another vehicle")
        await house.sleep(5)
        house.world.swipe(CARD)
        await again(house)

    play(tmp_path, scenario)


# --------------------------------------------------------------------------- availability


def test_after_a_change_of_availability(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        await charge(house)

        async def change(kind: str) -> str:
            answer = await house.csms.call("ChangeAvailability", {"connectorId": 1, "type": kind})
            return str(answer["status"])

        assert await change("Inoperative") == "Scheduled"
        assert house.charging(), "a running transaction is not touched"
        await stop_by_card(house)
        await house.sleep(60)
        house.world.swipe(CARD)
        await house.sleep(20)
        assert not house.closed(), "out of order"
        assert await change("Operative") == "Accepted"
        await house.sleep(2)
        house.world.swipe(CARD)
        await again(house)

    play(tmp_path, scenario)


# --------------------------------------------------------------------------- restarts


@pytest.mark.parametrize("away_s", [0.5, 4, 12, 60])
def test_after_a_restart_of_the_controller(tmp_path: Path, away_s: float) -> None:
    async def scenario(house: House) -> None:
        await charge(house)
        await house.restart_controller(away_s)
        await again(house)
        await house.online()

    play(tmp_path, scenario)


@pytest.mark.parametrize("away_s", [1, 5, 60])
def test_after_a_restart_of_the_safety_process(tmp_path: Path, away_s: float) -> None:
    """Nobody knows who is plugged in: the transaction ends, and a card starts the next one."""

    async def scenario(house: House) -> None:
        await charge(house)
        house.kill_safety()
        await house.sleep(0.2)
        assert not house.closed(), "outputs off"
        await house.sleep(away_s)
        house.start_safety()
        await house.until(lambda: house.happened(TransactionEnded), "the transaction ends")
        assert house.happened(TransactionEnded)[0].stopped_reason == "Reboot"
        await house.sleep(5)
        house.world.swipe(CARD)
        await again(house)

    play(tmp_path, scenario)


def test_after_a_bug_in_the_core(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An exception in a step opens, forgets everything, and begins anew: a card, no replug."""

    async def scenario(house: House) -> None:
        await charge(house)
        evse = house.safety.evses[0]
        with monkeypatch.context() as patch:
            patch.setattr("controller.safety.core.step", _boom)
            await house.sleep(0.05)
        assert evse.faults
        await house.until(lambda: not house.closed(), "it opens", 0.1)
        await house.until(lambda: house.happened(TransactionEnded), "the transaction ends")
        await house.sleep(5)
        house.world.swipe(CARD)
        await again(house)

    play(tmp_path, scenario)


def _boom(*_: object) -> object:
    raise ZeroDivisionError("a bug")


# --------------------------------------------------------------------------- firmware


def test_16_FW_05_after_a_firmware_update_that_waited_for_the_charge(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        await charge(house)
        with http_server(HttpFiles(files={"/fw.bin": image("2.0.0")})) as files:
            asked = {"location": files.url("/fw.bin"), "retrieveDate": "2026-01-01T00:00:00Z"}
            assert await house.csms.call("UpdateFirmware", asked) == {}
            status = house.station.firmware
            await house.until(lambda: status.status == FirmwareStatus.INSTALL_SCHEDULED, "it waits")
        await house.sleep(2)
        assert house.charging(), "nobody is interrupted"
        await stop_by_card(house)
        await house.until(lambda: status.status == FirmwareStatus.INSTALLING, "the installation begins")
        house.world.swipe(CARD)
        await house.sleep(1)
        assert not house.closed(), "nothing new begins meanwhile"
        assert house._serving is not None
        assert await house._serving == RESTART
        await house.restart_controller(1)
        await house.until(lambda: house.station.firmware.status == FirmwareStatus.INSTALLED, "it runs")
        await house.online()
        house.world.swipe(CARD)
        await again(house)

    play(tmp_path, scenario)
