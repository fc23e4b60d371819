"""How many CALLs per second a charging station answers: ours, the ``ocpp`` package's, and a bare loop.

    python -m benchmarks.rpc_throughput [--calls 3000] [--rounds 5] [--windows 1 8]

Two workloads: 1.6 TriggerMessage (small) and 2.0.1 GetVariables with eight variables. Three stations, each in
a process of its own, face the same load generator in another: ``joulepost`` (link, rpc, schema checks of
request and answer, peer), ``ocpp`` (its ChargePoint, schema checks on, as it comes) and ``bare`` (json +
websockets, no checks: a lower bound of the work). The generator keeps a window of CALLs in flight and counts
CALLRESULTs: one, as OCPP-J 4.1.1 has it, where two processes waking each other takes most of the time; and
eight, which saturates the station, so that the rate is the inverse of its CPU time. Rounds are interleaved
and medians printed, because the machine has other things to do; CPU time per CALL suffers least from those.

Aims: joulepost at least 3 times ocpp, and at least 60 % of bare.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import time
from typing import Any, Final

STATIONS: Final = ("joulepost", "ocpp", "bare")
WARM_UP: Final = 200
VARIABLES: Final = [
    {"component": {"name": "OCPPCommCtrlr"}, "variable": {"name": f"Variable{number}"}} for number in range(8)
]
WORKLOADS: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "TriggerMessage": ("ocpp1.6", {"requestedMessage": "Heartbeat", "connectorId": 1}),
    "GetVariables": ("ocpp2.0.1", {"getVariableData": VARIABLES}),
}


def answer(action: str, payload: dict[str, Any]) -> dict[str, Any]:
    """What each station answers, in wire names."""
    if action == "TriggerMessage":
        return {"status": "Accepted"}
    results = [
        {
            "attributeStatus": "Accepted",
            "attributeValue": "30",
            "component": item["component"],
            "variable": item["variable"],
        }
        for item in payload["getVariableData"]
    ]
    return {"getVariableResult": results}


class Meter:
    """CPU time of this process from the end of the warm-up to the last CALL."""

    def __init__(self, calls: int) -> None:
        self._count, self._calls, self._start = 0, calls, 0.0

    def tick(self) -> None:
        self._count += 1
        if self._count == WARM_UP:
            self._start = time.process_time()
        elif self._count == WARM_UP + self._calls:
            print(json.dumps({"cpu_us": (time.process_time() - self._start) / self._calls * 1e6}), flush=True)


# ---- the load generator: a process of its own


async def generate(workload: str, calls: int, window: int) -> None:
    from websockets.asyncio.server import ServerConnection, serve

    subprotocol, payload = WORKLOADS[workload]
    tail = f',"{workload}",{json.dumps(payload)}]'
    finished = asyncio.Event()

    async def load(websocket: ServerConnection) -> None:
        async def run(first: int, count: int) -> float:
            start, sent, answered = time.perf_counter(), 0, 0
            while answered < count:
                while sent < count and sent - answered < window:
                    await websocket.send(f'[2,"call-{first + sent}"{tail}')
                    sent += 1
                frame = str(await websocket.recv())
                if not frame.replace(" ", "").startswith(f'[3,"call-{first + answered}"'):
                    raise SystemExit(f"found {frame[:200]}, expected the answer to call-{first + answered}")
                answered += 1
            return count / (time.perf_counter() - start)

        await run(0, WARM_UP)
        rate = await run(WARM_UP, calls)
        print(json.dumps({"per_s": rate}), flush=True)
        finished.set()

    async with serve(load, "127.0.0.1", 0, subprotocols=[subprotocol], compression=None) as server:  # type: ignore[list-item]
        print(server.sockets[0].getsockname()[1], flush=True)
        await finished.wait()


# ---- the stations: each a process of its own


async def station_joulepost(url: str, subprotocol: str, meter: Meter) -> None:
    from controller.clock import SystemClock
    from controller.csms.link import Endpoint, connect
    from controller.csms.peer import Peer
    from controller.csms.rpc import DIALECTS, Request, Rpc
    from controller.csms.schema import Schemas

    async def serve(request: Request) -> dict[str, Any]:
        meter.tick()
        return answer(request.action, request.payload)

    link = await connect(Endpoint(url, "CP1", (subprotocol,), ping_interval_s=60))
    rpc = Rpc(DIALECTS[subprotocol], Schemas.installed(subprotocol))
    await Peer(link, rpc, SystemClock(), serve).run()


async def station_ocpp(url: str, subprotocol: str, meter: Meter) -> None:
    from ocpp.routing import on
    from ocpp.v16 import ChargePoint as ChargePoint16
    from ocpp.v16 import call_result as result16
    from ocpp.v201 import ChargePoint as ChargePoint201
    from ocpp.v201 import call_result as result201
    from websockets.asyncio.client import connect
    from websockets.exceptions import ConnectionClosed

    class Station16(ChargePoint16):  # type: ignore[misc]
        @on("TriggerMessage")  # type: ignore[untyped-decorator]
        def trigger(self, **_: Any) -> Any:
            meter.tick()
            return result16.TriggerMessage(status="Accepted")

    class Station201(ChargePoint201):  # type: ignore[misc]
        @on("GetVariables")  # type: ignore[untyped-decorator]
        def variables(self, get_variable_data: list[dict[str, Any]], **_: Any) -> Any:
            meter.tick()
            results = [
                {
                    "attribute_status": "Accepted",
                    "attribute_value": "30",
                    "component": item["component"],
                    "variable": item["variable"],
                }
                for item in get_variable_data
            ]
            return result201.GetVariables(get_variable_result=results)

    kind = Station16 if subprotocol == "ocpp1.6" else Station201
    async with connect(f"{url}/CP1", subprotocols=[subprotocol], proxy=None) as websocket:  # type: ignore[list-item]
        try:
            await kind("CP1", websocket).start()
        except ConnectionClosed:
            pass  # the generator has its numbers


async def station_bare(url: str, subprotocol: str, meter: Meter) -> None:
    from websockets.asyncio.client import connect

    async with connect(f"{url}/CP1", subprotocols=[subprotocol], proxy=None) as websocket:  # type: ignore[list-item]
        async for frame in websocket:
            _, message_id, action, payload = json.loads(frame)
            meter.tick()
            await websocket.send(json.dumps([3, message_id, answer(action, payload)]))


RUN_STATION: Final = {"joulepost": station_joulepost, "ocpp": station_ocpp, "bare": station_bare}


# ---- one measurement, and all of them


def _python(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "benchmarks.rpc_throughput", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=dict(os.environ))


def _line(process: subprocess.Popen[str], what: str) -> str:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise SystemExit(f"{what}: the process ended without a result, status {process.wait()}")
    return line


def measure(station: str, workload: str, calls: int, window: int) -> tuple[float, float]:
    """CALLs answered per second, and CPU microseconds of the station per CALL."""
    subprotocol = WORKLOADS[workload][0]
    generator = _python("--generate", workload, "--calls", str(calls), "--window", str(window))
    try:
        url = f"ws://127.0.0.1:{int(_line(generator, 'generator'))}/ocpp"
        client = _python(
            "--station", station, "--url", url, "--subprotocol", subprotocol, "--calls", str(calls)
        )
        try:
            per_s = float(json.loads(_line(generator, "generator"))["per_s"])
            cpu_us = float(json.loads(_line(client, station))["cpu_us"])
            generator.wait(timeout=30)
            client.wait(timeout=30)
        finally:
            client.kill()
            client.communicate()
    finally:
        generator.kill()
        generator.communicate()
    return per_s, cpu_us


def compare(calls: int, rounds: int, window: int) -> None:
    """Prints one table per workload."""
    print(f"\n{calls} CALLs, {window} in flight, median of {rounds} rounds; Python {sys.version.split()[0]}")
    for workload, (subprotocol, _) in WORKLOADS.items():
        results: dict[str, list[tuple[float, float]]] = {station: [] for station in STATIONS}
        for _ in range(rounds):
            for station in STATIONS:
                results[station].append(measure(station, workload, calls, window))
        rate = {name: statistics.median(r[0] for r in found) for name, found in results.items()}
        cpu = {name: statistics.median(r[1] for r in found) for name, found in results.items()}
        print(
            f"\n{subprotocol} {workload:<18}{'CALLs/s':>10}{'of bare':>10}{'of ocpp':>10}{'CPU us/CALL':>14}"
        )
        for name in STATIONS:
            print(
                f"  {name:<26}{rate[name]:>10,.0f}{rate[name] / rate['bare']:>9.0%}"
                f"{rate[name] / rate['ocpp']:>10.1f}x{cpu[name]:>13.0f}"
            )
        met = rate["joulepost"] >= 3 * rate["ocpp"] and rate["joulepost"] >= 0.6 * rate["bare"]
        print(f"  aim (3x ocpp, 60 % of bare): {'met' if met else 'MISSED'}")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--calls", type=int, default=3000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--windows", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--window", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--generate", choices=list(WORKLOADS), help=argparse.SUPPRESS)
    parser.add_argument("--station", choices=STATIONS, help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    parser.add_argument("--subprotocol", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.generate:
        asyncio.run(generate(options.generate, options.calls, options.window))
        return 0
    if options.station:
        asyncio.run(RUN_STATION[options.station](options.url, options.subprotocol, Meter(options.calls)))
        return 0
    for window in options.windows:
        compare(options.calls, options.rounds, window)
    return 0


if __name__ == "__main__":
    sys.exit(main())
