"""TriggerMessage (1.6 5.17): the answer first, then what was asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.cabin import Cabin
from tests.support.csms import FakeCsms
from tests.support.virtual_time import run_virtual


async def trigger(csms: FakeCsms, message: str, connector_id: int | None = None, check: bool = True) -> str:
    payload: dict[str, object] = {"requestedMessage": message}
    if connector_id is not None:
        payload["connectorId"] = connector_id
    return str((await csms.call("TriggerMessage", payload, check=check))["status"])


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("DiagnosticsStatusNotification", [{"status": "Idle"}]),
        ("FirmwareStatusNotification", [{"status": "Idle"}]),
        ("Heartbeat", [{}]),
    ],
)
@pytest.mark.parametrize("connector_id", [None, 0, 1, 99])
def test_16_TRIG_01_16_TRIG_02_16_TRIG_04_16_TRIG_07_messages_of_the_whole_station(
    tmp_path: Path, message: str, expected: list[dict[str, str]], connector_id: int | None
) -> None:
    """A connectorId means nothing to them: not even one that does not exist."""

    async def main() -> None:
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms) as cabin:
            await cabin.online()
            await cabin.sleep(2)
            assert csms.of(message) == [], "idle statuses only when asked for (4.4, 4.5)"
            assert await trigger(csms, message, connector_id) == "Accepted"
            await csms.wait(message, 1, 10)
            assert [one.payload for one in csms.of(message)] == expected
            answers = [n for n, frame in enumerate(csms.frames) if frame.startswith('< [3,"csms-')]
            sent = [n for n, frame in enumerate(csms.frames) if f'"{message}"' in frame]
            assert answers[-1] < sent[-1], "16.TRIG.01"

    run_virtual(main())


def test_16_TRIG_02_what_is_not_implemented_or_unknown(tmp_path: Path) -> None:
    async def main() -> None:
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms) as cabin:
            await cabin.online()
            for message in ("StartTransaction", "LogStatusNotification", "Nonsense", ""):
                assert await trigger(csms, message, check=False) == "NotImplemented", message

    run_virtual(main())


def test_16_TRIG_03_16_TRIG_04_statuses(tmp_path: Path) -> None:
    async def main() -> None:
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms, evses=2) as cabin:
            await cabin.online()
            await cabin.plug(2)
            await cabin.sleep(2)

            async def told(connector_id: int | None) -> list[tuple[int, str]]:
                csms.received.clear()
                assert await trigger(csms, "StatusNotification", connector_id) == "Accepted"
                await cabin.sleep(2)
                payloads = [one.payload for one in csms.of("StatusNotification")]
                return [(one["connectorId"], one["status"]) for one in payloads]

            assert await told(None) == [(0, "Available"), (1, "Available"), (2, "Preparing")]
            assert await told(0) == [(0, "Available")]
            assert await told(2) == [(2, "Preparing")]
            for message in ("StatusNotification", "MeterValues"):
                assert await trigger(csms, message, 3) == "Rejected"

    run_virtual(main())
