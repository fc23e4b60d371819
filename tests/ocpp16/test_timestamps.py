"""True timestamps from a station whose clock is set late: no battery-backed clock, no CSMS for a while."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from controller.domain.events import ClockSet, TransactionEnded, TransactionStarted
from tests.support.cabin import Cabin
from tests.support.csms import FakeCsms
from tests.support.ledger import Ledger
from tests.support.virtual_time import run_virtual

OFFLINE: dict[str, str | int | bool] = {
    "AuthCtrlr.OfflineTxForUnknownIdEnabled": True,
    "SampledDataCtrlr.TxUpdatedInterval": 120,
}
YEAR_MS = 365 * 86_400_000


def at_ms(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)


def true_ms(cabin: Cabin) -> int:
    """What a right clock shows now."""
    return at_ms(cabin.csms.now())


def close(text: str, expected_ms: int) -> bool:
    return abs(at_ms(text) - expected_ms) <= 1_500


async def charge(cabin: Cabin, seconds: float = 300) -> tuple[int, int]:
    """One session. Returns when its transaction began and ended, by a right clock."""
    before = len(cabin.happened(TransactionStarted))
    await cabin.plug()
    await cabin.swipe("CARD")
    await cabin.until(lambda: len(cabin.happened(TransactionStarted)) > before, "it starts")
    began_ms = true_ms(cabin)
    await cabin.sleep(seconds)
    await cabin.swipe("CARD", settle_s=0)
    await cabin.until(lambda: len(cabin.happened(TransactionEnded)) > before, "it ends")
    ended_ms = true_ms(cabin)
    await cabin.unplug()
    return began_ms, ended_ms


def check(csms: FakeCsms, number: int, times: tuple[int, int]) -> None:
    """The CSMS was told the true times of the session, everywhere."""
    began_ms, ended_ms = times
    start, stop = csms.of("StartTransaction")[number].payload, csms.of("StopTransaction")[number].payload
    assert close(start["timestamp"], began_ms), (start, began_ms)
    assert close(stop["timestamp"], ended_ms), (stop, ended_ms)
    first, last = stop["transactionData"][0], stop["transactionData"][-1]
    assert close(first["timestamp"], began_ms) and close(last["timestamp"], ended_ms)
    for one in csms.of("MeterValues"):
        if one.payload.get("transactionId") == stop["transactionId"]:
            (value,) = one.payload["meterValue"]
            since_ms = at_ms(value["timestamp"]) - began_ms
            assert (since_ms + 1_500) % 120_000 < 3_000, "on the grid of the sampling interval"


@pytest.mark.parametrize("wrong_ms", [0, -YEAR_MS, YEAR_MS], ids=["1970", "a year behind", "a year ahead"])
def test_16_CORE_65_16_CORE_60_a_station_without_a_clock_charges_offline_and_reboots(
    tmp_path: Path, wrong_ms: int
) -> None:
    """Two sessions in the run before, two in this one; then the CSMS tells the time."""

    async def one() -> None:
        async with Ledger("ocpp1.6") as csms, Cabin.build(tmp_path, csms, settings=OFFLINE) as cabin:
            await accepted_once(cabin)
            wrong = 1_000_000 if wrong_ms == 0 else true_ms(cabin) + wrong_ms
            await cabin.kill()
            cabin.clock.set_utc(wrong)
            await cabin.restart(reboot=True)
            floored = wrong_ms <= 0  # never before what the journal has already
            earlier = [await charge(cabin), await charge(cabin)]
            await cabin.kill()
            cabin.clock.set_utc(wrong)  # the machine starts with the time of its image again
            await cabin.restart(reboot=True, after_s=600)
            these = [await charge(cabin), await charge(cabin)]
            await csms.up()
            await cabin.online()
            await cabin.delivered()
            csms.check()
            check(csms, 2, these[0])
            check(csms, 3, these[1])
            # Rule 3: nobody can know how long it was off before and after that run.
            off_ms = 602_000 if floored else 0
            for number, (began_ms, _ended_ms) in enumerate(earlier):
                told_ms = at_ms(csms.of("StartTransaction")[number].payload["timestamp"])
                if floored:
                    assert abs(told_ms - began_ms) <= off_ms
                else:
                    assert abs(told_ms - began_ms - YEAR_MS) <= 3_000, "as it was told, and plausible"
            stamps = [at_ms(one.payload["timestamp"]) for one in csms.of("StartTransaction")]
            if floored:
                assert stamps == sorted(stamps), "order is kept"

    run_virtual(one())


async def accepted_once(cabin: Cabin) -> None:
    """A first acceptance, and then the CSMS is away."""
    await cabin.online()
    await cabin.delivered()
    await cabin.offline()


def test_a_first_run_without_any_clock_is_dated_as_near_as_can_be(tmp_path: Path) -> None:
    """Out of the box, 1970, offline, two runs of the machine: the step found at last is that of both."""

    async def one() -> None:
        async with Ledger("ocpp1.6") as csms:
            await csms.down()
            settings = {**OFFLINE, "TxCtrlr.TxBeforeAcceptedEnabled": True}
            cabin = Cabin.build(tmp_path, csms, settings=settings)
            cabin.clock.set_utc(1_000_000)
            await play(csms, cabin)

    async def play(csms: Ledger, cabin: Cabin) -> None:
        async with cabin:
            first = await charge(cabin)
            await cabin.restart(reboot=True, after_s=0.5)
            second = await charge(cabin)
            await csms.up()
            await cabin.online()
            await cabin.delivered()
            csms.check()
            check(csms, 0, first)
            check(csms, 1, second)

    run_virtual(one())


def test_16_CORE_65_the_clock_is_set_in_the_middle_of_a_transaction(tmp_path: Path) -> None:
    async def one() -> None:
        async with (
            Ledger("ocpp1.6") as csms,
            Cabin.build(tmp_path, csms, settings=OFFLINE, evses=2) as cabin,
        ):
            await accepted_once(cabin)
            await cabin.kill()
            cabin.clock.set_utc(cabin.clock.now().utc_ms + YEAR_MS)
            await cabin.restart(reboot=True)
            began = []
            for evse_id, uid in ((1, "ONE"), (2, "TWO")):
                await cabin.charging(evse_id, uid)
                began.append(at_ms(csms.now()))
                await cabin.sleep(200)
            await csms.up()
            await cabin.online()
            await cabin.delivered()
            (step,) = [one for one in cabin.happened(ClockSet) if one.corrects][-1:]
            assert abs(step.step_ms + YEAR_MS) < 2_000
            await cabin.sleep(200)
            for uid in ("ONE", "TWO"):
                await cabin.swipe(uid, settle_s=10)
            await cabin.delivered()
            csms.check()
            for number, uid in enumerate(("ONE", "TWO")):
                (start,) = [one.payload for one in csms.of("StartTransaction") if one.payload["idTag"] == uid]
                (stop,) = [one.payload for one in csms.of("StopTransaction") if one.payload["idTag"] == uid]
                assert abs(at_ms(start["timestamp"]) - began[number]) < 3_000
                assert start["timestamp"] == stop["transactionData"][0]["timestamp"]
            statuses: list[dict[str, Any]] = [one.payload for one in csms.of("StatusNotification")]
            now_ms = at_ms(csms.now())
            assert all(at_ms(one["timestamp"]) <= now_ms for one in statuses), "no status from the future"

    run_virtual(one())


def test_16_CORE_14_a_restart_of_the_program_goes_on_with_the_time_it_was_told(tmp_path: Path) -> None:
    """The kernel of this machine still says 1970: the offset is this program's own, and durable."""

    async def one() -> None:
        async with Ledger("ocpp1.6") as csms, Cabin.build(tmp_path, csms, settings=OFFLINE) as cabin:
            await cabin.online()
            wrong_ms = cabin.clock.now().utc_ms
            cabin.clock.set_utc(1_000_000)
            await cabin.restart(reboot=True)
            await cabin.online()
            await cabin.delivered()
            assert abs(cabin.clock.now().utc_ms - true_ms(cabin)) < 1_500
            await cabin.offline()
            await cabin.kill()
            cabin.clock.set_utc(2_000_000)  # what a new process reads from the kernel
            await cabin.restart()
            times = await charge(cabin)
            assert abs(cabin.clock.now().utc_ms - true_ms(cabin)) < 1_500
            assert wrong_ms < true_ms(cabin)
            await csms.up()
            await cabin.online()
            await cabin.delivered()
            check(csms, 0, times)

    run_virtual(one())
