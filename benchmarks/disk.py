"""How much does an hour of charging write to the disk?

    python -m benchmarks disk [--minutes 60] [--sample-s 60 10]

The controller runs as it ships on virtual time: real database file, real commits and syncs, a real websocket
to a CSMS that answers. The safety process is played: its reports of a charging vehicle arrive once a second,
and the meter counts 11 kW. The vehicle plugs in, a card is shown, an hour later the plug is pulled. Counted
are the bytes that Linux writes for this process (whole pages, /proc/self/io), commits, growth of the file.
What the file system adds (its own journal) and flash cards multiply is not in the figures.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.csms import LightCsms
from benchmarks.figures import machine, table, written_bytes
from controller.app import App
from controller.config import desk_config, parse_config
from controller.domain.access.tokens import IdToken
from controller.domain.inputs import EvseFacts, TokenPresented
from controller.store.database import FILE_NAME
from hal.interface import MeterIdentity, MeterReading
from hal.profile import load_profile
from tests.support.virtual_time import VirtualClock, VirtualLoop

SUBPROTOCOL = {"1.6": "ocpp1.6", "2.0.1": "ocpp2.0.1"}
REPORT_S = 1.0  # more of them than on a station would write no more
POWER_W = 11_040
CURRENT_MA = 16_000


class Meter:
    """Counts while ``charging``, on the loop's time."""

    def __init__(self) -> None:
        self.charging = False
        self._energy_wms = 1_000_000 * 3_600_000.0
        self._counted_s = asyncio.get_running_loop().time()

    async def read(self) -> MeterReading:
        now_s = asyncio.get_running_loop().time()
        if self.charging:
            self._energy_wms += POWER_W * (now_s - self._counted_s) * 1000
        self._counted_s = now_s
        power_w, current_ma = (POWER_W, CURRENT_MA) if self.charging else (0, 0)
        return MeterReading(
            energy_import_wh=int(self._energy_wms / 3_600_000),
            power_w=power_w,
            voltage_mv=(230_000, 230_000, 230_000),
            current_ma=(current_ma, current_ma, current_ma),
        )

    async def identify(self) -> MeterIdentity:
        return MeterIdentity("", "")

    async def close(self) -> None:
        pass


class Board:
    """One meter, no reader, no lamp."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self.readers = ()

    def meter(self, _evse_id: int) -> Meter:
        return self._meter

    def indicator(self, _evse_id: int) -> None:
        return None

    async def close(self) -> None:
        pass


@dataclass(frozen=True, slots=True)
class Written:
    """Of one charging session."""

    bytes: int
    commits: int
    events: int
    growth_bytes: int
    messages: int


async def charge(ocpp: str, minutes: float, sample_s: int, directory: Path) -> Written:
    """One session of so many minutes, from plug to plug, on the running virtual loop."""
    loop = asyncio.get_running_loop()
    clock = VirtualClock(loop)
    meter = Meter()
    async with LightCsms() as csms:
        csms.utc_s = lambda: clock.now().utc_ms / 1000
        settings: dict[str, str | int | bool] = {"SampledDataCtrlr.TxUpdatedInterval": sample_s}
        text = desk_config(directory, url=csms.url, versions=[SUBPROTOCOL[ocpp]], settings=settings)
        config = parse_config(text, directory / "station.toml")
        config.runtime_dir.mkdir()
        app = App(config, load_profile("simulated", 1), Board(meter), clock, _say, link=False)
        commits = 0

        def step(name: str) -> None:
            nonlocal commits
            commits += name == "committed"

        app.database._on_step = step  # the hook of the tests that cut the power there
        serving = asyncio.create_task(app.run())
        safety = asyncio.create_task(_report(app, meter, clock))
        await _until(lambda: app.station.online)
        await asyncio.sleep(5)
        app.inbox.checkpoint()
        before = (written_bytes(os.getpid()), commits, app.journal.last_seq(), _size(directory))
        seen = len(csms.arrived)
        app.inbox.take(TokenPresented(IdToken("04A1B2C3"), 1))
        meter.charging = True
        await asyncio.sleep(minutes * 60)
        meter.charging = False
        await _until(lambda: app.station.evses[1].transaction is None)
        await asyncio.sleep(5)
        after = (written_bytes(os.getpid()), commits, app.journal.last_seq(), _size(directory))
        messages = len(csms.arrived) - seen
        app.stop()
        await serving
        safety.cancel()
        await asyncio.gather(safety, return_exceptions=True)
    written, committed, events, growth = (late - early for early, late in zip(before, after, strict=True))
    return Written(written, committed, events, growth, messages)


async def _report(app: App, meter: Meter, clock: VirtualClock) -> None:
    """What the safety process would report."""
    while True:
        charging = meter.charging
        app.inbox.take(
            EvseFacts(
                evse_id=1,
                at_ms=clock.now().mono_ms,
                pilot="C" if charging else "A",
                pwm=charging,
                plug_no=7 if charging else 6,
                offered_ma=CURRENT_MA if charging else 0,
                contactor_closed=charging,
                rating_ma=32_000,
                cable_ma=32_000,
                locked=None,
                permit_held=charging,
                inhibits=(),
            )
        )
        await asyncio.sleep(REPORT_S)


async def _until(condition: Callable[[], bool]) -> None:
    for _ in range(600):
        if condition():
            return
        await asyncio.sleep(0.1)
    raise RuntimeError("the session did not come so far within a minute of its own time")


def _say(text: str) -> None:
    print(f"controller: {text}", file=sys.stderr)


def _size(directory: Path) -> int:
    """Of the database; the write-ahead log beside it stops growing at 4 MB."""
    return (directory / FILE_NAME).stat().st_size


def measure(ocpp: str, minutes: float, sample_s: int) -> Written:
    loop = VirtualLoop()
    try:
        asyncio.set_event_loop(loop)
        with tempfile.TemporaryDirectory(prefix="jpb-", dir=Path.home()) as directory:
            return loop.run_until_complete(charge(ocpp, minutes, sample_s, Path(directory)))
    finally:
        asyncio.set_event_loop(None)
        loop.close()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks disk", description=__doc__.split("\n")[0])
    parser.add_argument("--minutes", type=float, default=60.0, metavar="N", help="length of the session")
    parser.add_argument("--sample-s", type=int, nargs="+", default=[60, 10], metavar="SECONDS")
    parser.add_argument("--ocpp", choices=list(SUBPROTOCOL), nargs="+", default=list(SUBPROTOCOL))
    options = parser.parse_args()
    if options.minutes <= 0 or min(options.sample_s) < 1:
        parser.error("--minutes and --sample-s: expected more than 0")
    print(f"written to disk by a session of {options.minutes:g} minutes: {machine()}")
    rows = [("", "kB", "commits", "kB/commit", "events", "messages", "file grows kB")]
    for ocpp in options.ocpp:
        for sample_s in options.sample_s:
            one = measure(ocpp, options.minutes, sample_s)
            per_commit = f"{one.bytes / 1000 / max(1, one.commits):.1f}"
            name = f"{ocpp} sampled every {sample_s} s" + (" (default)" if sample_s == 60 else "")
            figures = (str(one.commits), per_commit, str(one.events), str(one.messages))
            rows.append((name, f"{one.bytes / 1000:,.0f}", *figures, f"{one.growth_bytes / 1000:,.0f}"))
    print(table(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
