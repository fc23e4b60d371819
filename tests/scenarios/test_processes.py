"""Real processes under abuse: killed, stopped, left alone, started again, while a car charges.

Each scenario has a station and a CSMS of its own. Most of their time is waiting, so all that were selected
run side by side, a few at a time, and each test tells how its own ended.
"""

from __future__ import annotations

import asyncio
import random
import time
from contextlib import suppress

import pytest
from websockets.exceptions import ConnectionClosed

from controller.local.client import Unreachable
from controller.local.messages import RpcError
from tests.scenarios.books import balance
from tests.support.csms import CallError
from tests.support.ledger import Ledger
from tests.support.processes import CARD, Processes, Scenarios, side_by_side

# ---------------------------------------------------------------------- the controller


async def power_cut(version: str) -> None:
    """SIGKILL mid-transaction, restart within the lease: nobody notices."""
    async with Ledger(version) as csms, Processes(csms.url, version) as station:
        await station.start("bench", "safety", "controller")
        await station.ready()
        await station.plug_and_swipe()
        operations = (await station.world())["operations"]
        wh = await station.meter_wh()
        await station.killed("controller")
        await station.until(lambda: _more_than(station, wh + 20), "energy flows on without the controller")
        assert await station.charges(), "the lease outlives the controller"
        await station.start("controller")
        await station.online()
        await station.linked()
        wh = await station.meter_wh()
        await station.until(lambda: _more_than(station, wh + 20), "the charge goes on")
        assert (await station.world())["operations"] == operations, "the contactor did not move"
        await station.stop_and_leave()
        (booked,) = await balance(station, csms)
        assert booked.stops[0] > wh
        states = [one["data"]["charging_state"] for one in await station.events("TransactionUpdated")]
        assert set(states) == {"Charging"}, "nobody was told of a pause that never was"


async def _more_than(station: Processes, wh: int) -> bool:
    return await station.meter_wh() > wh


async def left_alone() -> None:
    """No controller: the lease lapses, the vehicle is asked to stop, the contactor opens without load; a new
    controller goes on without a replug."""
    settings: dict[str, str | int | bool] = {"JoulepostCtrlr.PermitLease": 3}
    async with Ledger("ocpp1.6") as csms, Processes(csms.url, "ocpp1.6", settings=settings) as station:
        await station.start("bench", "safety", "controller")
        await station.ready()
        await station.plug_and_swipe()
        await station.killed("controller")
        began = time.monotonic()
        await station.opened(3 + 6 + 2)
        assert time.monotonic() - began > 1.5, "not before the lease lapsed"
        assert "under load" not in station.log("safety")
        await station.start("controller")
        await station.charging()
        evse = await station.evse()
        assert evse["openings_under_load"] == 0
        await station.stop_and_leave()
        await balance(station, csms)


async def upgrade() -> None:
    """SIGTERM and a new start during a charge, as an upgrade does: status 0, quickly, no interruption."""
    async with Ledger("ocpp2.0.1") as csms, Processes(csms.url, "ocpp2.0.1") as station:
        await station.start("bench", "safety", "controller")
        await station.ready()
        await station.plug_and_swipe()
        operations = (await station.world())["operations"]
        assert await station.terminated("controller", 5) == 0
        assert await station.charges()
        await station.start("controller")
        await station.online()
        await station.linked()
        assert await station.charges()
        assert (await station.world())["operations"] == operations, "the contactor did not move"
        await station.stop_and_leave()
        await balance(station, csms)


async def two_controllers() -> None:
    """A second controller on the same directory says who is there and ends; the first goes on."""
    async with Ledger("ocpp1.6") as csms, Processes(csms.url, "ocpp1.6") as station:
        await station.start("bench", "safety", "controller")
        await station.ready()
        station.spawn("second", station.command("controller"))
        assert await station.ended("second") == 1
        said = station.log("second")
        assert "Traceback" not in said
        assert "another controller uses it" in said
        assert str(station.pid("controller")) in said, "which one"
        assert "joulepost.db" in said
        assert "stop that" in said
        station.spawn("second safety", station.command("safety"))
        assert await station.ended("second safety") == 1
        said = station.log("second safety")
        assert "another safety process serves it; stop that one first" in said
        station.spawn("second bench", station.command("bench"))
        assert await station.ended("second bench") == 1
        assert "Traceback" not in station.log("second bench")
        assert (await station.station())["csms"]["online"]


async def reset() -> None:
    """Reset of the CSMS under `joulepost run`: the transaction ends, a new process boots as RemoteReset, and
    SIGTERM ends the whole family with status 0."""
    async with Ledger("ocpp2.0.1") as csms, Processes(csms.url, "ocpp2.0.1") as station:
        await station.start("run")
        await station.until(lambda: station.call("bench", "status"), "the bench answers")
        await station.ready()
        before = (await station.station())["pid"]
        await station.plug_and_swipe()
        assert (await csms.call("Reset", {"type": "Immediate"}))["status"] == "Accepted"
        await csms.until(lambda: len(csms.of("BootNotification")) == 2, 25, "it boots again")
        assert csms.of("BootNotification")[1].payload["reason"] == "RemoteReset"
        await station.online()
        assert (await station.station())["pid"] != before
        await station.linked()
        (booked,) = await balance(station, csms)
        assert booked.reason == "ImmediateReset"
        said = station.log("run")
        assert "asks to be started again" in said
        assert await station.terminated("run", 25) == 0
        with pytest.raises(Unreachable):
            await station.call("bench", "status")


# ---------------------------------------------------------------------- safety and bench


async def safety_killed() -> None:
    """The hardware gate opens the contactor; the transaction ends with every watt-hour, and a card starts the
    next one without a replug."""
    async with Ledger("ocpp1.6") as csms, Processes(csms.url, "ocpp1.6") as station:
        await station.start("bench", "safety", "controller")
        await station.ready()
        await station.plug_and_swipe()
        await station.killed("safety")
        await station.opened(2)
        await station.until(lambda: station.fault_is("safety-silent"), "the controller says so")
        why = await station.call("controller", "why", {"evse_id": 1})
        assert any("safety" in str(row) for row in why)
        await station.start("safety")
        await station.linked()
        await station.until(station.idle, "the transaction ends")
        await station.ready()
        await station.bench("swipe", uid=CARD)
        await station.charging()
        await station.stop_and_leave()
        books = await balance(station, csms, 2)
        assert [one.reason for one in books] == ["Reboot", "Local"]


async def no_safety() -> None:
    """A controller without a safety process says so within a few seconds, to people and to the CSMS."""
    async with Ledger("ocpp1.6") as csms, Processes(csms.url, "ocpp1.6") as station:
        await station.start("bench", "controller")
        await station.online()
        await station.until(lambda: station.fault_is("safety-silent"), "it is a fault", 5)
        assert "is it running? systemctl status joulepost-safety" in station.log("controller")
        await csms.until(
            lambda: any(one.payload["status"] == "Faulted" for one in csms.of("StatusNotification")), 5
        )
        await station.start("safety")
        await station.until(lambda: station.fault_is(None), "the fault clears", 5)


async def bench_killed() -> None:
    """The board is gone: the safety process says so, opens, lives on, and takes the new board."""
    async with Ledger("ocpp2.0.1") as csms, Processes(csms.url, "ocpp2.0.1") as station:
        await station.start("bench", "safety", "controller")
        await station.ready()
        await station.plug_and_swipe()
        await station.delivered()
        await station.killed("bench")
        await station.until(lambda: station.fault_is("board-silent"), "the controller is told", 5)
        said = station.log("safety")
        assert "inhibited: BOARD_SILENT" in said
        assert "contactor opens" in said
        assert 'start "joulepost bench"' in said, "what to do"
        await station.until(lambda: "meter of EVSE 1:" in station.log("controller"), "the meter is missed")
        await station.start("bench")  # a new world: nobody is plugged in, the meter begins at zero
        await station.until(lambda: station.fault_is(None), "the board is back")
        await station.until(station.idle, "the transaction ends")
        await station.until(
            lambda: "meter of EVSE 1: answers again" in station.log("controller"), "the meter is back"
        )
        (first,) = csms.check()
        assert first.stops[0] >= first.starts[0]
        await station.plug_and_swipe()
        await station.stop_and_leave()
        await station.delivered()
        books = csms.check()
        assert len(books) == 2
        assert books[1].stops[0] - books[1].starts[0] == await station.meter_wh()


async def terminated() -> None:
    """SIGTERM ends each with status 0 in bounded time; the safety process lets the vehicle go first."""
    async with Ledger("ocpp1.6") as csms, Processes(csms.url, "ocpp1.6") as station:
        await station.start("bench", "safety", "controller")
        await station.ready()
        await station.plug_and_swipe()
        assert await station.terminated("safety", 9) == 0
        assert await station.open(), "outputs off"
        assert "under load" not in station.log("safety")
        assert await station.terminated("controller", 5) == 0
        assert await station.terminated("bench", 5) == 0
        for name in ("bench", "safety", "controller"):
            assert "Traceback" not in station.log(name)
        assert not list(station.run.glob("*.sock")), "sockets are taken away"


# ---------------------------------------------------------------------- random abuse


async def random_kills() -> None:
    """Twenty kills at random moments of a busy day; afterwards the books balance."""
    dice = random.Random(20)
    settings: dict[str, str | int | bool] = {"SampledDataCtrlr.TxUpdatedInterval": 1}
    async with Ledger("ocpp1.6") as csms, Processes(csms.url, "ocpp1.6", settings=settings) as station:
        await station.start("bench", "safety", "controller")
        await station.ready()
        await station.plug_and_swipe()
        await station.until(lambda: _more_than(station, 0), "energy flows before the first kill")
        busy = [asyncio.create_task(_person(station)), asyncio.create_task(_busy_csms(csms))]
        try:
            for _kill in range(20):
                await asyncio.sleep(dice.uniform(0.05, 0.9))
                await station.restarted(dice.choice(["controller"] * 5 + ["safety"]))
        finally:
            for task in busy:
                task.cancel()
            ends = await asyncio.gather(*busy, return_exceptions=True)
        assert all(isinstance(end, asyncio.CancelledError) for end in ends), ends
        await station.online()
        await station.linked()
        if (await station.world())["plugged"]:
            await station.bench("unplug", force=True)
        await station.until(station.idle, "the last transaction ends", 30)
        books = await balance(station, csms, None)
        assert books, "something was charged"
        assert await station.meter_wh() > 0
        for name in ("bench", "safety", "controller"):
            assert "Traceback" not in station.log(name)


async def _person(station: Processes) -> None:
    """Plugs in, shows the card until it charges, stops after a while, drives away, comes back."""
    while True:
        with suppress(RpcError, Unreachable):
            if not (await station.world())["plugged"]:
                await station.bench("plug", settings={"max_ma": 16_000})
            for _attempt in range(3):
                await station.bench("swipe", uid=CARD)
                with suppress(AssertionError):
                    await station.until(station.charges, "it charges", 5)
                    break
            await asyncio.sleep(2)
            await station.bench("swipe", uid=CARD)
            with suppress(AssertionError):
                await station.until(station.open, "it stops", 5)
            await station.bench("unplug", force=True)
        await asyncio.sleep(0.1)


async def _busy_csms(csms: Ledger) -> None:
    while True:
        with suppress(AssertionError, CallError, TimeoutError, ConnectionClosed):  # nobody there just now
            await csms.call("GetConfiguration", {}, timeout_s=1)
            await csms.call("TriggerMessage", {"requestedMessage": "StatusNotification"}, timeout_s=1)
        await asyncio.sleep(0.1)


# ---------------------------------------------------------------------- all of them

SCENARIOS: Scenarios = {
    "random kills": random_kills,  # the longest first
    "left alone": left_alone,
    "safety killed": safety_killed,
    "bench killed": bench_killed,
    "reset": reset,
    "power cut 1.6": lambda: power_cut("ocpp1.6"),
    "power cut 2.0.1": lambda: power_cut("ocpp2.0.1"),
    "upgrade": upgrade,
    "terminated": terminated,
    "two controllers": two_controllers,
    "no safety": no_safety,
}


@pytest.fixture(scope="module")
def outcomes(request: pytest.FixtureRequest) -> dict[str, BaseException | None]:
    return side_by_side(SCENARIOS, request)


@pytest.mark.parametrize("name", list(SCENARIOS))
def test_processes(outcomes: dict[str, BaseException | None], name: str) -> None:
    end = outcomes[name]
    if end is not None:
        raise end
