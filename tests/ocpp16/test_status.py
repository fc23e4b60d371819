"""The status of every connector through the table of 1.6 4.9, each change made by what really causes it.

Those around a reservation (A7, G1, G2, G8, G9, I7) are in ``test_reservation``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from controller.domain.events import FaultCleared, FaultRaised
from controller.settings.catalog import AUTH_ENABLED
from tests.support.cabin import Cabin
from tests.support.csms import FakeCsms
from tests.support.virtual_time import run_virtual

CARD = "04A2B3C4"
STATES = {
    "A": "Available",
    "B": "Preparing",
    "C": "Charging",
    "D": "SuspendedEV",
    "E": "SuspendedEVSE",
    "F": "Finishing",
    "G": "Reserved",
    "H": "Unavailable",
    "I": "Faulted",
}
NUMBERS = dict(zip("123456789", STATES.values(), strict=True))
TABLE = {
    "A": "2345789",
    "B": "134569",
    "C": "145689",
    "D": "135689",
    "E": "134689",
    "F": "1289",
    "G": "1289",
    "H": "123459",
    "I": "12345678",
}
ELSEWHERE = {"A7", "G1", "G2", "G8", "G9", "I7"}
Step = Callable[[Cabin, FakeCsms], Awaitable[None]]


def shown(csms: FakeCsms, connector_id: int = 1) -> list[dict[str, Any]]:
    told = [one.payload for one in csms.of("StatusNotification")]
    return [one for one in told if one["connectorId"] == connector_id]


async def until(cabin: Cabin, csms: FakeCsms, status: str) -> None:
    await cabin.until(lambda: shown(csms)[-1]["status"] == status, f"{status} is told", 120)


# ---------------------------------------------------------------------- what a driver, a vehicle, a CSMS does


async def plug(cabin: Cabin, csms: FakeCsms) -> None:
    await cabin.plug()


async def unplug(cabin: Cabin, csms: FakeCsms) -> None:
    await cabin.unplug()


async def swipe(cabin: Cabin, csms: FakeCsms) -> None:
    await cabin.swipe(CARD)


async def wait(cabin: Cabin, csms: FakeCsms) -> None:
    await cabin.sleep(10)


async def time_out(cabin: Cabin, csms: FakeCsms) -> None:
    """ConnectionTimeOut."""
    await cabin.sleep(61)


async def content(cabin: Cabin, csms: FakeCsms) -> None:
    """The vehicle opens S2."""
    cabin.bay().takes = False
    await cabin.sleep(1)


async def hungry(cabin: Cabin, csms: FakeCsms) -> None:
    cabin.bay().takes = True
    await cabin.sleep(1)


async def limit_0(cabin: Cabin, csms: FakeCsms) -> None:
    schedule = {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 0}]}
    profile = {
        "chargingProfileId": 9,
        "stackLevel": 1,
        "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": "Relative",
        "chargingSchedule": schedule,
    }
    answer = await csms.call("SetChargingProfile", {"connectorId": 1, "csChargingProfiles": profile})
    assert answer == {"status": "Accepted"}


async def lift(cabin: Cabin, csms: FakeCsms) -> None:
    assert await csms.call("ClearChargingProfile", {"id": 9}) == {"status": "Accepted"}


async def fault(cabin: Cabin, csms: FakeCsms) -> None:
    cabin.bay().inhibits = (("enclosure-open", cabin.clock.now().mono_ms),)
    await cabin.sleep(1)


async def repair(cabin: Cabin, csms: FakeCsms) -> None:
    cabin.bay().inhibits = ()
    await cabin.sleep(1)


async def remote_stop(cabin: Cabin, csms: FakeCsms) -> None:
    await cabin.delivered()
    assert await csms.call("RemoteStopTransaction", {"transactionId": 1}) == {"status": "Accepted"}


async def free_vend(cabin: Cabin, csms: FakeCsms) -> None:
    """The owner wants no cards."""
    assert cabin.app is not None
    cabin.app.settings.set(AUTH_ENABLED, "false")


async def patience(cabin: Cabin, csms: FakeCsms) -> None:
    change = {"key": "MinimumStatusDuration", "value": "6"}
    assert await csms.call("ChangeConfiguration", change) == {"status": "Accepted"}


def availability(kind: str, status: str) -> Step:
    async def ask(cabin: Cabin, csms: FakeCsms) -> None:
        answer = await csms.call("ChangeAvailability", {"connectorId": 1, "type": kind})
        assert answer == {"status": status}

    return ask


close, close_later = availability("Inoperative", "Accepted"), availability("Inoperative", "Scheduled")
open_ = availability("Operative", "Accepted")
PREPARING = [plug]
CHARGING = [plug, swipe]
SUSPENDED_EV, SUSPENDED_EVSE = [*CHARGING, content], [*CHARGING, limit_0]
FINISHING = [*CHARGING, swipe]

TRANSITIONS: dict[str, tuple[list[Step], list[Step]]] = {
    # change: (what leads to its first status, what makes the change)
    "A2": ([], [plug]),
    # Without authorization Preparing is passed so fast that MinimumStatusDuration hides it.
    "A3": ([free_vend, patience], [plug]),
    "A4": ([free_vend, patience, content], [plug]),
    "A5": ([free_vend, patience, limit_0], [plug]),
    "A8": ([], [close]),
    "A9": ([], [fault]),
    "B1": (PREPARING, [unplug]),
    "B3": (PREPARING, [swipe]),
    "B4": ([content, plug], [swipe, wait]),
    "B5": ([limit_0, plug], [swipe, wait]),
    "B6": (PREPARING, [time_out]),
    "B9": (PREPARING, [fault]),
    "C1": (CHARGING, [unplug]),
    "C4": (CHARGING, [content]),
    "C5": (CHARGING, [limit_0]),
    "C6": (CHARGING, [remote_stop]),
    "C8": ([*CHARGING, close_later], [unplug]),
    "C9": (CHARGING, [fault]),
    "D1": (SUSPENDED_EV, [unplug]),
    "D3": (SUSPENDED_EV, [hungry]),
    "D5": (SUSPENDED_EV, [limit_0]),
    "D6": (SUSPENDED_EV, [swipe]),
    "D8": ([*SUSPENDED_EV, close_later], [unplug]),
    "D9": (SUSPENDED_EV, [fault]),
    "E1": (SUSPENDED_EVSE, [unplug]),
    "E3": (SUSPENDED_EVSE, [lift]),
    "E4": ([*SUSPENDED_EVSE, content], [lift, wait]),
    "E6": (SUSPENDED_EVSE, [swipe]),
    "E8": ([*SUSPENDED_EVSE, close_later], [unplug]),
    "E9": (SUSPENDED_EVSE, [fault]),
    "F1": (FINISHING, [unplug]),
    "F2": (FINISHING, [swipe]),
    "F8": ([*CHARGING, close_later, swipe], [unplug]),
    "F9": (FINISHING, [fault]),
    "H1": ([close], [open_]),
    "H2": ([close, plug], [open_]),
    "H3": ([free_vend, patience, close, plug], [open_]),
    "H4": ([free_vend, patience, content, close, plug], [open_]),
    "H5": ([free_vend, patience, limit_0, close, plug], [open_]),
    "H9": ([close], [fault]),
    "I1": ([fault], [repair]),
    "I2": ([*PREPARING, fault], [repair]),
    "I3": ([*CHARGING, fault], [repair]),
    "I4": ([*SUSPENDED_EV, fault], [repair]),
    "I5": ([*SUSPENDED_EVSE, fault], [repair]),
    "I6": ([*FINISHING, fault], [repair]),
    "I8": ([close, fault], [repair]),
}


@pytest.mark.parametrize("change", TRANSITIONS)
def test_16_CORE_70_16_CORE_71_16_CORE_72_16_CORE_73_16_CORE_75_16_CORE_77_the_table(
    tmp_path: Path, change: str
) -> None:
    before, after = STATES[change[0]], NUMBERS[change[1]]
    lead, make = TRANSITIONS[change]

    async def main() -> None:
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms, evses=2) as cabin:
            await cabin.online()
            for step in lead:
                await step(cabin, csms)
            await until(cabin, csms, before)
            count = len(shown(csms))
            for step in make:
                await step(cabin, csms)

            def passed() -> list[str]:
                return [one["status"] for one in shown(csms)[count:]]

            await cabin.until(lambda: after in passed(), f"{after} is told")
            # The power is withdrawn first, then the transaction ends: a moment of Finishing (C6) may be told.
            first = passed()[0]
            assert first == after or (change in ("C1", "C8") and first == "Finishing"), passed()
            assert [one["status"] for one in shown(csms, 2)] == ["Available"], "the other connector"
            assert [one["status"] for one in shown(csms, 0)] == ["Available"], "16.CORE.69"

    run_virtual(main())


def test_16_CORE_70_every_change_of_the_table_is_made() -> None:
    assert TRANSITIONS.keys() | ELSEWHERE == {
        row + each for row, columns in TABLE.items() for each in columns
    }
    assert not TRANSITIONS.keys() & ELSEWHERE


def test_16_CORE_71_a_card_alone_and_a_remote_start_alone_are_preparing(tmp_path: Path) -> None:
    async def main() -> None:
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms) as cabin:
            await cabin.online()
            await cabin.swipe(CARD)
            await until(cabin, csms, "Preparing")
            await cabin.swipe(CARD)
            await until(cabin, csms, "Available")
            answer = await csms.call("RemoteStartTransaction", {"idTag": "REMOTE", "connectorId": 1})
            assert answer == {"status": "Accepted"}
            await until(cabin, csms, "Preparing")
            await cabin.sleep(62)
            assert shown(csms)[-1]["status"] == "Available"

    run_virtual(main())


def test_16_CORE_74_suspended_by_both_is_suspended_by_the_station(tmp_path: Path) -> None:
    async def main() -> None:
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms) as cabin:
            await cabin.online()
            await cabin.charging()
            await content(cabin, csms)
            await until(cabin, csms, "SuspendedEV")
            await limit_0(cabin, csms)
            await until(cabin, csms, "SuspendedEVSE")
            await cabin.sleep(30)
            await lift(cabin, csms)
            await until(cabin, csms, "SuspendedEV")
            assert [one["status"] for one in shown(csms)][-3:] == [
                "SuspendedEV",
                "SuspendedEVSE",
                "SuspendedEV",
            ]

    run_virtual(main())


def test_16_CORE_68_connectors_are_numbered_without_gaps(tmp_path: Path) -> None:
    async def main() -> None:
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms, evses=3) as cabin:
            await cabin.online()
            await cabin.sleep(2)
            told = [one.payload["connectorId"] for one in csms.of("StatusNotification")]
            assert told == [0, 1, 2, 3]

    run_virtual(main())


def test_16_CORE_69_16_CORE_78_16_CORE_80_connector_0_has_its_own_faults(tmp_path: Path) -> None:
    """A lost reader is a warning of the whole: a remote start still works. A full disk stops it."""

    async def main() -> None:
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms) as cabin:
            await cabin.online()
            await cabin.plug()
            assert cabin.board is not None
            cabin.board.reader.broken = "the line is dead"
            cabin.board.reader.shake()
            await cabin.until(
                lambda: shown(csms, 0)[-1]["errorCode"] == "ReaderFailure", "the reader is missed"
            )
            warning = shown(csms, 0)[-1]
            assert (warning["status"], warning["vendorErrorCode"]) == ("Available", "reader-silent")
            assert shown(csms)[-1]["errorCode"] == "NoError", "the connector has no fault"
            answer = await csms.call("RemoteStartTransaction", {"idTag": "REMOTE", "connectorId": 1})
            assert answer == {"status": "Accepted"}
            await cabin.until(lambda: cabin.bay().current_ma > 0, "it charges")
            cabin.board.reader.broken = ""
            await cabin.until(lambda: shown(csms, 0)[-1]["errorCode"] == "NoError", "the reader is back")
            assert {one["status"] for one in shown(csms, 0)} == {"Available"}
            assert [type(one) for one in cabin.events() if getattr(one, "fault", "") == "reader-silent"] == [
                FaultRaised,
                FaultCleared,
            ]

    run_virtual(main())


def test_16_CORE_77_16_CORE_80_the_fault_with_its_code_and_the_vendors(tmp_path: Path) -> None:
    async def main() -> None:
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms) as cabin:
            await cabin.online()
            await cabin.charging()
            cabin.bay().inhibits = (("residual-current", cabin.clock.now().mono_ms),)
            await until(cabin, csms, "Faulted")
            told = shown(csms)[-1]
            assert (told["errorCode"], told["vendorErrorCode"]) == ("GroundFailure", "CX002")
            assert told["info"] == "residual-current"
            cabin.bay().inhibits = ()
            await until(cabin, csms, "Charging")
            assert shown(csms)[-1]["errorCode"] == "NoError"
            assert "vendorErrorCode" not in shown(csms)[-1]

    run_virtual(main())


@pytest.mark.parametrize("seconds", [0, 5])
def test_16_CORE_79_minimum_duration_is_added_to_the_vendors(tmp_path: Path, seconds: int) -> None:
    """A pause of the vehicle of a few tenths of a second is none, whatever MinimumStatusDuration says."""

    async def main() -> None:
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms) as cabin:
            await cabin.online()
            answer = await csms.call(
                "ChangeConfiguration", {"key": "MinimumStatusDuration", "value": str(seconds)}
            )
            assert answer == {"status": "Accepted"}
            await cabin.charging()
            await until(cabin, csms, "Charging")
            count = len(shown(csms))
            cabin.bay().takes = False
            await cabin.sleep(0.3)
            cabin.bay().takes = True
            await cabin.sleep(3)
            assert len(shown(csms)) == count, "too short even with 0"
            cabin.bay().takes = False
            await cabin.sleep(3)
            told = [one["status"] for one in shown(csms)[count:]]
            assert told == (["SuspendedEV"] if seconds == 0 else [])
            await cabin.sleep(4)
            assert [one["status"] for one in shown(csms)[count:]] == ["SuspendedEV"]

    run_virtual(main())


def test_16_CORE_70_after_a_reconnection_only_what_changed(tmp_path: Path) -> None:
    async def main() -> None:
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms, evses=2) as cabin:
            await cabin.online()
            await cabin.sleep(2)
            count = len(csms.of("StatusNotification"))
            await cabin.offline()
            await cabin.plug(2)
            await cabin.unplug(2)
            await cabin.plug(1)
            await cabin.sleep(30)
            await csms.up()
            await cabin.online()
            await cabin.sleep(2)
            told = [one.payload for one in csms.of("StatusNotification")[count:]]
            assert [(one["connectorId"], one["status"]) for one in told] == [(1, "Preparing")]
            assert told[0]["timestamp"] < csms.now(), "when it happened, not when it could be told"

    run_virtual(main())
