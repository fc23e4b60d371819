"""How fast does what happened offline reach the CSMS after reconnection?

    python -m benchmarks delivery [--messages 1000] [--rounds 3] [--ocpp 1.6 2.0.1]

The journal of a station is filled with transactions of ten messages each (start, eight meter values, end),
the real controller is started without a CSMS, and then the CSMS comes up. Counted are messages per second
from the first to the last, ordered, one at a time, each answered and its delivery made durable. Beside it the
same payloads in a bare loop of json and websockets, in a process of its own, to the same server: the round
trip alone. Rounds alternate; beside the medians stand the best ones, which tell most where other programs
run, too. Aim: at least 60 % of the bare loop.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.csms import Arrived, LightCsms
from benchmarks.figures import machine, table
from benchmarks.station import StationProcesses
from controller.domain.access.tokens import IdToken
from controller.domain.events import (
    ChargingState,
    Event,
    StoppedReason,
    TransactionEnded,
    TransactionStarted,
    TransactionUpdated,
    Trigger,
)
from controller.domain.inputs import Reading
from controller.domain.instant import Now
from controller.domain.metering.measurands import MeterSample, ReadingContext
from controller.domain.metering.values import Surroundings, sample
from controller.resume import boot_id
from controller.settings.catalog import SAMPLED_MEASURANDS
from controller.store.database import FILE_NAME, Database
from controller.store.journal import SqliteJournal

SUBPROTOCOL = {"1.6": "ocpp1.6", "2.0.1": "ocpp2.0.1"}
ACTIONS = ("StartTransaction", "MeterValues", "StopTransaction", "TransactionEvent")
PER_TRANSACTION = 10
FIRST_UTC_MS = 1_767_225_600_000
SAMPLE_MS = 60_000


def _sampled(register_wh: int, at_ms: int, context: ReadingContext) -> tuple[MeterSample, ...]:
    reading = Reading(
        evse_id=1,
        at_ms=0,
        energy_import_wh=register_wh,
        power_w=11_040,
        voltage_mv=(230_100, 229_900, 230_400),
        current_ma=(16_010, 15_990, 16_000),
    )
    taken = sample(reading, Surroundings(16_000), SAMPLED_MEASURANDS.default or (), context, at_ms)
    return () if taken is None else (taken,)


def offline_events(transactions: int) -> Iterator[Event]:
    """Transactions that began and ended without a connection, one after the other."""
    at_ms, register_wh = FIRST_UTC_MS, 1_000_000
    for number in range(transactions):
        name = f"offline-{number:05}"
        for seq_no in range(PER_TRANSACTION):
            at_ms += SAMPLE_MS
            register_wh += 184
            if seq_no == 0:
                yield TransactionStarted(
                    transaction_id=name,
                    evse_id=1,
                    connector_id=1,
                    seq_no=0,
                    trigger=Trigger.CABLE_PLUGGED_IN,
                    charging_state=ChargingState.EV_CONNECTED,
                    token=IdToken("04A1B2C3"),
                    group=None,
                    register_wh=register_wh,
                    samples=_sampled(register_wh, at_ms, ReadingContext.TRANSACTION_BEGIN),
                    offline=True,
                    at_ms=at_ms,
                )
            elif seq_no < PER_TRANSACTION - 1:
                yield TransactionUpdated(
                    transaction_id=name,
                    evse_id=1,
                    connector_id=1,
                    seq_no=seq_no,
                    trigger=Trigger.METER_VALUE_PERIODIC,
                    charging_state=ChargingState.CHARGING,
                    register_wh=register_wh,
                    samples=_sampled(register_wh, at_ms, ReadingContext.SAMPLE_PERIODIC),
                    offline=True,
                    at_ms=at_ms,
                )
            else:
                yield TransactionEnded(
                    transaction_id=name,
                    evse_id=1,
                    connector_id=1,
                    seq_no=seq_no,
                    trigger=Trigger.EV_DEPARTED,
                    charging_state=ChargingState.IDLE,
                    stopped_reason=StoppedReason.EV_DISCONNECTED,
                    token=None,
                    register_wh=register_wh,
                    samples=_sampled(register_wh, at_ms, ReadingContext.TRANSACTION_END),
                    offline=True,
                    at_ms=at_ms,
                )


def fill(directory: Path, messages: int) -> None:
    """Write the journal of a station that was offline for so many messages."""
    database = Database.open(directory / FILE_NAME)
    try:
        journal = SqliteJournal(database, boot_id())
        events = list(offline_events(messages // PER_TRANSACTION))
        journal.append(events, Now(1, events[-1].at_ms))
    finally:
        database.close()


def _per_s(arrived: list[Arrived]) -> float:
    return (len(arrived) - 1) / (arrived[-1].at_s - arrived[0].at_s)


async def measure_delivery(ocpp: str, messages: int, bytecode: Path) -> tuple[float, float, list[str]]:
    """Messages per second; seconds from the connection to the last message; the frames."""
    async with LightCsms() as csms:
        with StationProcesses(csms.url, SUBPROTOCOL[ocpp], bytecode) as station:
            await asyncio.to_thread(station.start_world)
            await csms.vanish()
            csms.arrived.clear()
            fill(station.home, messages)
            station.start_controller()
            while not (await asyncio.to_thread(station.status)).get("csms", {}).get("last_error"):
                station.pid("controller")  # raises when it has ended
                await asyncio.sleep(0.05)
            await csms.listen()
            arrived = await csms.count(ACTIONS, messages)
            found = [one.text for one in arrived]
            if len({json.loads(text)[1] for text in found}) != messages:
                raise RuntimeError(f"found {len(found)} messages, expected {messages} different ones")
            return _per_s(arrived), arrived[-1].at_s - csms.connected_at_s, found


async def measure_bare(ocpp: str, frames: list[str], file: Path) -> float:
    """Messages per second of the same payloads in a bare loop."""
    file.write_text(json.dumps([json.loads(text)[2:] for text in frames]))
    async with LightCsms() as csms:
        command = [sys.executable, "-m", "benchmarks.delivery", "--replay", str(file), "--url", csms.url]
        command += ["--ocpp", ocpp]
        process = await asyncio.to_thread(subprocess.Popen, command)
        try:
            arrived = await csms.count(ACTIONS, len(frames))
        finally:
            process.kill()
            process.wait()
        return _per_s(arrived)


async def replay(file: Path, url: str, ocpp: str) -> None:
    """The bare loop."""
    from websockets.asyncio.client import connect
    from websockets.typing import Subprotocol

    calls = json.loads(file.read_text())
    subprotocols = [Subprotocol(SUBPROTOCOL[ocpp])]
    async with connect(f"{url}/BARE", subprotocols=subprotocols, compression=None, proxy=None) as websocket:
        for number, (action, payload) in enumerate(calls):
            await websocket.send(json.dumps([2, str(number), action, payload]))
            json.loads(await websocket.recv())


async def run(options: argparse.Namespace, directory: Path) -> None:
    (directory / "bytecode").mkdir()
    print(f"delivery of {options.messages} messages that waited in the journal: {machine()}")
    rows: list[tuple[str, ...]] = [
        ("messages/s", "median", "of bare", "best", "of bare", "connection to last")
    ]
    for ocpp in options.ocpp:
        rates: list[float] = []
        bare: list[float] = []
        whole: list[float] = []
        for _ in range(options.rounds):
            rate, seconds, frames = await measure_delivery(ocpp, options.messages, directory / "bytecode")
            rates.append(rate)
            whole.append(seconds)
            bare.append(await measure_bare(ocpp, frames, directory / "frames"))
        cells: list[str] = []
        for ours, theirs in ((statistics.median(rates), statistics.median(bare)), (max(rates), max(bare))):
            cells += [f"{ours:,.0f}", f"{ours / theirs:.0%}"]
        rows.append((f"{ocpp} joulepost", *cells, f"{statistics.median(whole):.2f} s"))
        theirs_shown = [f"{statistics.median(bare):,.0f}", "100%", f"{max(bare):,.0f}", "100%", ""]
        rows.append((f"{ocpp} bare json + websockets", *theirs_shown))
    print(table(rows))
    print(f"{options.rounds} rounds, alternating; aim: at least 60 % of bare")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks delivery", description=__doc__.split("\n")[0])
    parser.add_argument("--messages", type=int, default=1000, metavar="N", help="a multiple of 10")
    parser.add_argument("--rounds", type=int, default=3, metavar="N")
    parser.add_argument("--ocpp", choices=list(SUBPROTOCOL), nargs="+", default=list(SUBPROTOCOL))
    parser.add_argument("--replay", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.messages < PER_TRANSACTION or options.messages % PER_TRANSACTION or options.rounds < 1:
        parser.error(f"--messages {options.messages}: expected a multiple of 10; --rounds: 1 or more")
    if options.replay:
        asyncio.run(replay(options.replay, options.url, options.ocpp[0]))
        return 0
    with tempfile.TemporaryDirectory(prefix="jpb-") as directory:
        asyncio.run(run(options, Path(directory)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
