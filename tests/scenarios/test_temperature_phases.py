"""The whole station when it gets warm, when somebody presses the stop, and when phases change under way."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from controller.domain.events import TransactionEnded
from controller.domain.why import reasons
from hal.profile import BoardProfile, load_profile
from tests.support.csms import FakeCsms
from tests.support.house import House
from tests.support.virtual_time import run_virtual

VERSIONS = ("ocpp1.6", "ocpp2.0.1")

Scenario = Callable[[House], Awaitable[None]]


def play(
    tmp_path: Path,
    version: str,
    scenario: Scenario,
    profile: BoardProfile | None = None,
    transactions: int = 1,
) -> None:
    async def one() -> None:
        async with FakeCsms(version) as csms, House.build(tmp_path, csms, version, profile=profile) as house:
            csms.answers["StopTransaction"] = lambda stop: (
                {"idTagInfo": {"status": "Accepted"}} if "id_tag" in stop else {}
            )
            await house.online()
            await house.sleep(1)
            house.world.plug(1, max_ma=32_000)
            await house.sleep(1)
            house.world.swipe("04A2B3C4")
            await house.until(house.charging, "current flows")
            await house.sleep(8)
            await scenario(house)
            house.world.swipe("04A2B3C4")
            ends = lambda: len(house.happened(TransactionEnded))  # noqa: E731
            await house.until(lambda: ends() >= transactions, "the transaction ends")
            await house.delivered()
            house.check_books()
            assert ends() == transactions
            assert house.world.evse(1).phase_contactor.moved_live == 0, (
                "the phase switch never moved under load"
            )

    run_virtual(one())


def warm(house: House, degrees: float | None) -> None:
    house.world.evse(1).thermal.held_mdeg_c = None if degrees is None else round(degrees * 1000)


def offered(house: House) -> int:
    return house.safety.evses[0].state.offered_ma


def why(house: House) -> dict[str, Any]:
    return {row.name: row for row in reasons(house.station, 1, house.clock.now())}


def status(house: House) -> Any:
    assert house.app is not None
    return house.app.facade.status()["evses"][0]


@pytest.mark.parametrize("version", VERSIONS)
def test_warmer_is_less_too_warm_is_nothing_and_cool_starts_again_without_a_replug(
    tmp_path: Path, version: str
) -> None:
    async def scenario(house: House) -> None:
        assert offered(house) == 31_980 and "temperature" not in why(house)
        warm(house, 66)
        await house.until(lambda: offered(house) == 15_960, "half of the rating", 4)
        await house.until(lambda: house.current_ma() <= 16_000, "the vehicle follows", 6)
        await house.sleep(1)
        row = why(house)["temperature"]
        assert (row.value, row.source) == ("16 A", "hottest sensor 66.0 degrees C")
        assert status(house)["temperature_limit_ma"] == 16_000 and status(house)["hottest_mdeg_c"] == 66_000
        warm(house, 69)
        await house.until(lambda: offered(house) == 7_980, "a quarter", 4)
        warm(house, 75)
        await house.until(lambda: not house.closed(), "nothing", 8)
        assert house.safety.evses[0].state.contactor.openings_under_load == 0, "the vehicle could let go"
        await house.sleep(1)
        assert "over-temperature" in why(house) and status(house)["fault"] == "over-temperature"
        await house.sleep(30)
        warm(house, 62)
        await house.until(house.charging, "charging again", 15)
        await house.until(lambda: house.current_ma() > 31_000, "all of it", 15)
        assert status(house)["fault"] is None

    play(tmp_path, version, scenario)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_lost_sensor_stops_and_is_named(tmp_path: Path, version: str) -> None:
    async def scenario(house: House) -> None:
        house.world.faults.set("temperature_sensor_lost")
        await house.until(lambda: not house.closed(), "the contactor opens", 8)
        await house.sleep(1)
        assert "temperature-sensor-lost" in why(house)
        assert why(house)["temperature"].source == "sensors lost: 1"
        house.world.faults.clear("temperature_sensor_lost")
        await house.until(house.charging, "charging again without a replug", 25)

    play(tmp_path, version, scenario)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("fault", "name"), [("emergency_stop", "emergency-stop"), ("enclosure_open", "enclosure-open")]
)
def test_the_panel_opens_at_once_and_charging_goes_on_without_a_replug(
    tmp_path: Path, version: str, fault: str, name: str
) -> None:
    """An emergency stop ends the transaction: nothing begins by itself when it is released (ISO 13850)."""

    async def scenario(house: House) -> None:
        house.world.faults.set(fault)
        pressed_ms = house.clock.now().mono_ms
        await house.until(lambda: not house.closed(), "the contactor opens", 0.2)
        assert house.clock.now().mono_ms - pressed_ms <= 50, "one tick and the contactor's own time"
        await house.sleep(2)
        assert name in why(house)
        await house.sleep(20)
        assert not house.closed()
        house.world.faults.clear(fault)
        if fault == "emergency_stop":
            await house.sleep(15)
            assert not house.closed()
            house.world.swipe("04A2B3C4")
        await house.until(house.charging, "charging again without a replug", 15)

    play(tmp_path, version, scenario, transactions=2 if fault == "emergency_stop" else 1)


def profile_request(version: str, phases: int | None) -> dict[str, Any]:
    period: dict[str, Any] = {"startPeriod": 0, "limit": 16.0}
    if phases is not None:
        period["numberPhases"] = phases
    schedule = {
        "chargingRateUnit": "A",
        "chargingSchedulePeriod": [period],
        "startSchedule": "2026-01-01T00:00:00Z",
    }
    common = {
        "stackLevel": 0,
        "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": "Absolute",
    }
    if version == "ocpp1.6":
        return {
            "connectorId": 1,
            "csChargingProfiles": {**common, "chargingProfileId": 1, "chargingSchedule": schedule},
        }
    return {"evseId": 1, "chargingProfile": {**common, "id": 1, "chargingSchedule": [{"id": 0, **schedule}]}}


def live_phases(house: House) -> int:
    return sum(current > 0 for current in house.world.evse(1).meter.current_ma)


@pytest.mark.parametrize("version", VERSIONS)
def test_16_SC_25_three_to_one_to_three_phases_under_way(tmp_path: Path, version: str) -> None:
    async def scenario(house: House) -> None:
        assert live_phases(house) == 3 and status(house)["phases"] == 3
        assert why(house)["phases"].value == "3 of 3"
        answer = await house.csms.call("SetChargingProfile", profile_request(version, 1))
        assert answer["status"] == "Accepted"
        await house.until(lambda: not house.closed(), "x1, the vehicle lets go, open", 8)
        opened_ms = house.clock.now().mono_ms
        await house.sleep(1)
        assert why(house)["phase switch"].value == "3 of 3, 1 wanted"
        assert status(house)["charging_state"] == "SuspendedEVSE"
        await house.until(house.charging, "charging again", 15)
        assert house.clock.now().mono_ms - opened_ms >= 5_000, "the dead time"
        assert live_phases(house) == 1 and status(house)["phases"] == 1
        assert why(house)["phases"].source.startswith("TxDefaultProfile id 1")
        await house.sleep(10)
        answer = await house.csms.call("SetChargingProfile", profile_request(version, None))
        assert answer["status"] == "Accepted"
        await house.until(lambda: house.charging() and live_phases(house) == 3, "three phases again", 25)
        assert house.safety.evses[0].state.contactor.openings_under_load == 0
        # To one phase again is at once, back to three only after the pause of the board profile.
        await house.csms.call("SetChargingProfile", profile_request(version, 1))
        await house.until(lambda: house.charging() and live_phases(house) == 1, "one phase", 25)
        one_ms = house.clock.now().mono_ms
        await house.csms.call("SetChargingProfile", profile_request(version, None))
        await house.sleep(10)
        assert house.charging() and live_phases(house) == 1, "it goes on with one phase meanwhile"
        await house.until(lambda: house.charging() and live_phases(house) == 3, "three phases", 60)
        assert house.clock.now().mono_ms - one_ms >= 20_000

    simulated = load_profile("simulated")
    switch = simulated.evses[0].phase_switch
    assert switch is not None
    evse = replace(simulated.evses[0], phase_switch=replace(switch, three_phase_every_s=45))
    play(tmp_path, version, scenario, replace(simulated, evses=(evse,)))


@pytest.mark.parametrize("version", VERSIONS)
def test_a_stuck_phase_switch_is_a_fault_until_it_moves(tmp_path: Path, version: str) -> None:
    async def scenario(house: House) -> None:
        house.world.faults.set("phase_switch_stuck")
        await house.csms.call("SetChargingProfile", profile_request(version, 1))
        await house.until(lambda: "phase-switch-fault" in why(house), "the fault", 20)
        assert not house.closed()
        house.world.faults.clear("phase_switch_stuck")
        await house.until(lambda: house.charging() and live_phases(house) == 1, "charging with one phase", 25)

    play(tmp_path, version, scenario)
