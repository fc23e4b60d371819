"""What the controller costs: start, idle CPU, memory, and how long RemoteStart takes.

    python -m benchmarks controller [--starts 10] [--idle-s 60] [--remote-starts 100] [--ocpp 1.6 2.0.1]

Bench, safety process and controller run as on a desk; the CSMS is raw websockets in this process. A start is
timed from before the process is made until BootNotification arrives. RemoteStart to Started is timed at the
CSMS, too: from sending the request until StartTransaction or TransactionEvent(Started) arrives, with the
vehicle plugged in, and with the schema checks and durable commits of every day.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
from pathlib import Path

from benchmarks.csms import LightCsms
from benchmarks.figures import cpu_s, distribution, distribution_heading, machine, memory, table
from benchmarks.station import StationProcesses

SUBPROTOCOL = {"1.6": "ocpp1.6", "2.0.1": "ocpp2.0.1"}
PHASES = (
    ("interpreter", "python"),
    ("imports, configuration, board", "imports"),
    ("database, settings, replay, local API", "wired"),
    ("import of websockets", "connect"),
    ("websocket handshake, BootNotification", "boot"),
)


async def measure_starts(
    ocpp: str, starts: int, bytecode: Path
) -> tuple[list[float], dict[str, list[float]]]:
    """Milliseconds of each start, the first on an empty directory; and of each phase in as many more."""
    times: list[float] = []
    phases: dict[str, list[float]] = {name: [] for name, _ in PHASES}
    async with LightCsms() as csms:
        with StationProcesses(csms.url, SUBPROTOCOL[ocpp], bytecode) as station:
            await asyncio.to_thread(station.start_world)
            marks = station.home / "marks"
            watched = [sys.executable, "-m", "benchmarks.start_marks", str(marks)]
            watched += station.controller_command()
            # One more than is counted of the second kind: it makes the bytecode of start_marks itself.
            for number in range(2 * starts + 1):
                argv = None if number < starts else watched
                seen = len(csms.arrived)
                began_s = station.start_controller(argv)
                _, boot = await csms.wait("BootNotification", seen)
                if argv is None:
                    times.append((boot.at_s - began_s) * 1000)
                elif number > starts:
                    at_s = {**json.loads(marks.read_text()), "boot": boot.at_s}
                    before_s = began_s
                    for name, mark in PHASES:
                        phases[name].append((at_s[mark] - before_s) * 1000)
                        before_s = at_s[mark]
                await asyncio.sleep(0.3)  # it reports its statuses, and the machine comes to rest
                await asyncio.to_thread(station.stop_controller)
    return times, phases


async def measure_idle(ocpp: str, idle_s: float, settle_s: float, bytecode: Path) -> list[tuple[str, ...]]:
    """Rows of the table: CPU and memory of controller and safety process, nobody charging."""
    async with LightCsms() as csms:
        with StationProcesses(csms.url, SUBPROTOCOL[ocpp], bytecode) as station:
            await asyncio.to_thread(station.start_world)
            station.start_controller()
            await csms.wait("BootNotification", len(csms.arrived))
            await asyncio.sleep(settle_s)
            pids = {name: station.pid(name) for name in ("controller", "safety")}
            before_s = {name: cpu_s(pid) for name, pid in pids.items()}
            await asyncio.sleep(idle_s)
            percent = {name: (cpu_s(pid) - before_s[name]) / idle_s * 100 for name, pid in pids.items()}
            rows = []
            for name, pid in pids.items():
                used = memory(pid)
                aim = "below 45 MB" if name == "controller" else "below 16 MB"
                cpu = f"{percent[name]:.2f}"
                rows.append((name, cpu, f"{used.resident:.1f}", f"{used.private:.1f}", aim))
            return [*rows, ("both", f"{sum(percent.values()):.2f}", "", "", "below 2 % of one core")]


async def measure_remote_starts(
    ocpp: str, count: int, bytecode: Path
) -> tuple[list[float], list[float], float]:
    """Milliseconds from RemoteStart to its answer and to Started; resident MiB of the controller after it."""
    answered: list[float] = []
    started: list[float] = []
    async with LightCsms() as csms:
        with StationProcesses(csms.url, SUBPROTOCOL[ocpp], bytecode) as station:
            await asyncio.to_thread(station.start_world)
            station.start_controller()
            await csms.wait("BootNotification", len(csms.arrived))
            await asyncio.sleep(2.0)  # the meter was read, the safety process heard
            await asyncio.to_thread(station.bench, "plug")
            await asyncio.sleep(1.0)
            for number in range(1, count + 1):
                seen = len(csms.arrived)
                sent_s, answered_s, answer = await csms.call(*_start(ocpp, number))
                if answer["status"] != "Accepted":
                    raise RuntimeError(f"remote start {number}: found {answer}, expected Accepted")
                action, began, ended = _messages(ocpp)
                seen, one = await csms.wait(action, seen, **began)
                answered.append((answered_s - sent_s) * 1000)
                started.append((one.at_s - sent_s) * 1000)
                await csms.call(*_stop(ocpp, number, one.payload))
                await csms.wait("StopTransaction" if ocpp == "1.6" else action, seen, **ended)
                await asyncio.sleep(0.05)
            resident = memory(station.pid("controller")).resident
    return answered, started, resident


def _start(ocpp: str, number: int) -> tuple[str, dict[str, object]]:
    if ocpp == "1.6":
        return "RemoteStartTransaction", {"connectorId": 1, "idTag": "BENCHMARK"}
    token = {"idToken": "BENCHMARK", "type": "Central"}
    return "RequestStartTransaction", {"evseId": 1, "remoteStartId": number, "idToken": token}


def _messages(ocpp: str) -> tuple[str, dict[str, object], dict[str, object]]:
    """The action that begins a transaction, and what tells its begin and its end from other messages."""
    if ocpp == "1.6":
        return "StartTransaction", {}, {}
    return "TransactionEvent", {"eventType": "Started"}, {"eventType": "Ended"}


def _stop(ocpp: str, number: int, began: dict[str, object]) -> tuple[str, dict[str, object]]:
    if ocpp == "1.6":
        return "RemoteStopTransaction", {"transactionId": number}  # the CSMS counts them
    info = began["transactionInfo"]
    assert isinstance(info, dict)
    return "RequestStopTransaction", {"transactionId": info["transactionId"]}


async def run(options: argparse.Namespace, bytecode: Path) -> None:
    print(f"controller: {machine()}")
    print("\nprocess start to BootNotification at the CSMS (aim on a desktop core: below 200 ms)")
    rows = [distribution_heading("")]
    split = [("of which, median", "ms", "share")]
    for ocpp in options.ocpp:
        times, phases = await measure_starts(ocpp, options.starts, bytecode)
        rows.append(distribution(f"{ocpp} first start, empty storage", times[:1], "ms", 0))
        if times[1:]:
            rows.append(distribution(f"{ocpp} later starts", times[1:], "ms", 0))
        whole = sum(statistics.median(values) for values in phases.values())
        for name, values in phases.items():
            middle = statistics.median(values)
            split.append((f"{ocpp} {name}", f"{middle:.0f}", f"{middle / whole:.0%}"))
    print(table(rows))
    print(table(split))

    print(f"\nidle for {options.idle_s:g} s, online, 1 EVSE with meter and reader, {options.ocpp[0]}")
    heading = ("", "CPU % of a core", "resident MB", "private MB", "aim")
    idle = await measure_idle(options.ocpp[0], options.idle_s, options.settle_s, bytecode)
    print(table([heading, *idle]))

    print("\nRemoteStart to Started at the CSMS (aim on a desktop core: below 2.5 ms)")
    rows = [distribution_heading("")]
    after = []
    for ocpp in options.ocpp:
        answered, started, resident = await measure_remote_starts(ocpp, options.remote_starts, bytecode)
        rows.append(distribution(f"{ocpp} to the answer", answered, "ms"))
        rows.append(distribution(f"{ocpp} to Started", started, "ms"))
        after.append(f"{resident:.1f} MB ({ocpp})")
    print(table(rows))
    print(f"resident memory of the controller after these: {', '.join(after)}")


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks controller", description=__doc__.split("\n")[0]
    )
    parser.add_argument("--starts", type=int, default=10, metavar="N")
    parser.add_argument("--idle-s", type=float, default=60.0, metavar="SECONDS")
    parser.add_argument("--settle-s", type=float, default=5.0, metavar="SECONDS", help="before that minute")
    parser.add_argument("--remote-starts", type=int, default=100, metavar="N")
    parser.add_argument("--ocpp", choices=list(SUBPROTOCOL), nargs="+", default=list(SUBPROTOCOL))
    options = parser.parse_args()
    if options.starts < 1 or options.remote_starts < 1 or options.idle_s <= 0:
        parser.error("--starts, --remote-starts and --idle-s: expected more than 0")
    with tempfile.TemporaryDirectory(prefix="jpb-") as bytecode:
        asyncio.run(run(options, Path(bytecode)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
