from __future__ import annotations

import asyncio
from pathlib import Path

from controller.app import App
from controller.exhaustion import PERIOD_S, Exhaustion, Vitals, vitals, watch
from tests.support.cabin import Cabin
from tests.support.csms import FakeCsms
from tests.support.virtual_time import run_virtual


def test_each_crossing_is_told_once_until_it_is_clearly_better() -> None:
    one = Exhaustion()

    def look(memory_mb: int, free_mb: int = 1000) -> int:
        return len(one.look(Vitals(memory_mb, free_mb), 100, 50))

    assert [look(mb) for mb in (99, 100, 101, 150, 95, 101, 90, 100, 101)] == [0, 0, 1, 0, 0, 0, 0, 0, 1]
    assert [look(101, mb) for mb in (50, 49, 0, 51, 49, 55, 49)] == [0, 1, 0, 0, 0, 0, 1]
    assert Exhaustion().look(Vitals(10_000, 0), 0, 0) == [], "0 = no limit"


def test_this_process_can_be_measured(tmp_path: Path) -> None:
    found = vitals(tmp_path)
    assert 5 < found.memory_mb < 10_000 and found.free_mb > 0


def test_a_measure_that_fails_does_not_end_the_watch() -> None:
    async def main() -> None:
        told: list[str] = []
        results = iter([OSError("no /proc"), Vitals(200, 1000)])

        def measure() -> Vitals:
            result = next(results)
            if isinstance(result, OSError):
                raise result
            return result

        task = asyncio.create_task(watch(measure, lambda: (128, 64), told.append))
        await asyncio.sleep(PERIOD_S * 1.5)
        task.cancel()
        assert told == ["RAM: 200 MB used by the controller, limit 128 MB"]

    run_virtual(main())


def test_16_SEC_27_memory_exhaustion_reaches_the_csms(tmp_path: Path) -> None:
    async def main() -> None:
        found = Vitals(40, 1000)
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms) as cabin:
            await cabin.online()
            assert isinstance(cabin.app, App)
            task = asyncio.create_task(watch(lambda: found, cabin.app._limits, cabin.app._exhausted))
            await cabin.sleep(70)
            found = Vitals(40, 10)
            await cabin.sleep(70)
            await cabin.delivered()
            told = [one.payload for one in csms.of("SecurityEventNotification")]
            assert [one["type"] for one in told] == ["StartupOfTheDevice", "MemoryExhaustion"]
            assert told[1]["techInfo"] == "storage: 10 MB free, reserve 64 MB"
            assert any("10 MB free" in line for line in cabin.said)
            task.cancel()

    run_virtual(main())
