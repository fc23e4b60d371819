"""What a request of OCPP 1.6 costs when a whole station takes it: schema check, domain, journal, answer.

    python -m benchmarks calls [--calls 1000] [--rounds 3]

Two stations, each a process of its own, face the same CSMS (raw websockets in this process), one CALL at a
time, as OCPP-J 4.1.1 has it: ``joulepost`` is the real controller with bench and safety process beside it,
``ocpp`` is the package's own ChargePoint with its own schema checks and handlers that only return an answer:
no domain, no disk. Rounds are interleaved; medians are printed. SetChargingProfile is committed to the
journal with a sync before its answer leaves; the others ask and change nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.csms import LightCsms
from benchmarks.figures import cpu_s, machine, memory, table
from benchmarks.station import StationProcesses

PROFILE = {
    "chargingProfileId": 1,
    "stackLevel": 0,
    "chargingProfilePurpose": "TxDefaultProfile",
    "chargingProfileKind": "Absolute",
    "chargingSchedule": {
        "chargingRateUnit": "A",
        "startSchedule": "2026-01-01T00:00:00Z",
        "chargingSchedulePeriod": [{"startPeriod": 900 * n, "limit": 6.0 + n % 10} for n in range(24)],
    },
}
REQUESTS: dict[str, dict[str, Any]] = {
    "GetConfiguration": {"key": ["HeartbeatInterval", "MeterValueSampleInterval", "NoSuchKey"]},
    "RemoteStopTransaction": {"transactionId": 4711},
    "ChangeAvailability": {"connectorId": 1, "type": "Operative"},
    "SetChargingProfile": {"connectorId": 1, "csChargingProfiles": PROFILE},
}
WARM_UP = 50


def request(action: str, number: int) -> dict[str, Any]:
    """The same profile again would not be written."""
    payload = REQUESTS[action]
    if action != "SetChargingProfile":
        return payload
    return {**payload, "csChargingProfiles": {**PROFILE, "stackLevel": number % 2}}


async def load(csms: LightCsms, pid: int, action: str, calls: int) -> tuple[float, float, float]:
    """CALLs per second, CPU microseconds and resident MiB of the station."""
    for number in range(WARM_UP):
        await csms.call(action, request(action, number))
    before_s, began_s = cpu_s(pid), time.perf_counter()
    for number in range(calls):
        await csms.call(action, request(action, number))
    took_s = time.perf_counter() - began_s
    return calls / took_s, (cpu_s(pid) - before_s) / calls * 1e6, memory(pid).resident


async def measure_joulepost(calls: int, bytecode: Path) -> dict[str, tuple[float, float, float]]:
    async with LightCsms() as csms:
        with StationProcesses(csms.url, "ocpp1.6", bytecode) as station:
            await asyncio.to_thread(station.start_world)
            station.start_controller()
            await csms.wait("BootNotification", len(csms.arrived))
            await asyncio.sleep(1)
            return {one: await load(csms, station.pid("controller"), one, calls) for one in REQUESTS}


async def measure_package(calls: int) -> dict[str, tuple[float, float, float]]:
    async with LightCsms() as csms:
        command = [sys.executable, "-m", "benchmarks.calls", "--url", csms.url]
        child = await asyncio.create_subprocess_exec(*command)
        try:
            await csms.wait("Heartbeat", 0)
            return {one: await load(csms, child.pid, one, calls) for one in REQUESTS}
        finally:
            child.terminate()
            await child.wait()


async def package_station(url: str) -> None:
    """The ``ocpp`` package's ChargePoint, as it comes."""
    from ocpp.routing import on
    from ocpp.v16 import ChargePoint, call_result
    from websockets.asyncio.client import connect
    from websockets.exceptions import ConnectionClosed

    def handler(action: str, answer: Callable[[dict[str, Any]], Any]) -> Any:
        def handle(self: Any, **payload: Any) -> Any:
            return answer(payload)

        handle.__name__ = f"on_{action}"
        return on(action)(handle)

    values = [
        {"key": key, "readonly": False, "value": "300"} for key in REQUESTS["GetConfiguration"]["key"][:2]
    ]
    answers = {
        "GetConfiguration": lambda _p: call_result.GetConfiguration(values, ["NoSuchKey"]),
        "RemoteStopTransaction": lambda _p: call_result.RemoteStopTransaction("Rejected"),
        "ChangeAvailability": lambda _p: call_result.ChangeAvailability("Accepted"),
        "SetChargingProfile": lambda _p: call_result.SetChargingProfile("Accepted"),
    }
    members = {f"on_{action}": handler(action, answer) for action, answer in answers.items()}
    station = type("Station", (ChargePoint,), members)
    async with connect(f"{url}/CP1", subprotocols=["ocpp1.6"], proxy=None) as websocket:  # type: ignore[list-item]
        await websocket.send('[2,"1","Heartbeat",{}]')  # tells the CSMS that it is there
        try:
            await station("CP1", websocket).start()
        except ConnectionClosed:
            pass  # the CSMS has its numbers


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--calls", type=int, default=1000, metavar="N")
    parser.add_argument("--rounds", type=int, default=3, metavar="N")
    parser.add_argument("--url", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.url:
        asyncio.run(package_station(options.url))
        return 0
    print(f"{machine()}\n{options.calls} CALLs each, one in flight, median of {options.rounds} rounds\n")
    ours, theirs = [], []
    with tempfile.TemporaryDirectory() as bytecode:
        for _ in range(options.rounds):
            ours.append(asyncio.run(measure_joulepost(options.calls, Path(bytecode))))
            theirs.append(asyncio.run(measure_package(options.calls)))
    rows = [("request", "CALLs/s", "of ocpp", "CPU us", "of ocpp", "resident MiB", "")]
    for action in REQUESTS:
        mine = [statistics.median(one[action][index] for one in ours) for index in range(3)]
        other = [statistics.median(one[action][index] for one in theirs) for index in range(3)]
        rows.append(
            (
                action,
                f"{mine[0]:,.0f}",
                f"{mine[0] / other[0]:.1f}x",
                f"{mine[1]:.0f}",
                f"{mine[1] / other[1]:.0%}" if other[1] else "-",  # too few calls for a tick of the CPU clock
                f"{mine[2]:.1f}",
                f"(ocpp: {other[0]:,.0f}/s, {other[1]:.0f} us, {other[2]:.1f} MiB)",
            )
        )
    print(table(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
