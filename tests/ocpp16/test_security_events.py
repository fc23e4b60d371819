"""Security events on the wire: white paper A04 and chapter 8."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.domain.events import SecurityEvent
from controller.domain.inputs import SecurityNoticed
from controller.domain.security.events import SECURITY_EVENTS
from tests.domain.security.test_noticing import CRITICAL_16
from tests.support.cabin import Cabin
from tests.support.csms import FakeCsms
from tests.support.csms import error as call_error
from tests.support.virtual_time import run_virtual


def told(csms: FakeCsms) -> list[str]:
    return [one.payload["type"] for one in csms.of("SecurityEventNotification")]


@pytest.mark.parametrize("evses", [1, 2])
def test_16_SEC_25_a_start_is_told_before_anything_else_that_is_delivered(tmp_path: Path, evses: int) -> None:
    async def main() -> None:
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms, evses=evses) as cabin:
            await cabin.online()
            await cabin.delivered()
            first = await csms.wait("SecurityEventNotification")
            assert first.payload["type"] == "StartupOfTheDevice"
            assert first.payload["timestamp"].startswith("2026-01-01T00:")
            assert csms.actions[0] == "BootNotification"
            assert told(csms) == ["StartupOfTheDevice"]
            await csms.call("Reset", {"type": "Soft"})
            await cabin.ended()
            cabin.start()
            await csms.wait("SecurityEventNotification", 3)
            assert told(csms) == ["StartupOfTheDevice", "ResetOrReboot", "StartupOfTheDevice"]

    run_virtual(main())


@pytest.mark.parametrize("status", ["Pending", "Rejected"])
def test_16_SEC_25_before_acceptance_nothing_but_the_boot_is_sent(tmp_path: Path, status: str) -> None:
    async def main() -> None:
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms) as cabin:
            csms.answers["BootNotification"] = lambda _p: csms.boot(status, 30)
            await csms.wait("BootNotification", 3)
            cabin.app.inbox.take(SecurityNoticed("MemoryExhaustion", "RAM"))  # type: ignore[union-attr]
            await cabin.sleep(20)
            assert set(csms.actions) == {"BootNotification"}
            csms.answers["BootNotification"] = lambda _p: csms.boot("Accepted")
            await csms.wait("SecurityEventNotification", 2)
            assert told(csms) == ["StartupOfTheDevice", "MemoryExhaustion"]

    run_virtual(main())


def test_16_SEC_25_16_SEC_27_critical_ones_are_queued_offline_over_a_reboot_and_come_in_order(
    tmp_path: Path,
) -> None:
    async def main() -> None:
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms) as cabin:
            await cabin.online()
            await cabin.delivered()
            await cabin.offline()
            for name in SECURITY_EVENTS:
                cabin.app.inbox.take(SecurityNoticed(name, f"about {name}"))  # type: ignore[union-attr]
                await cabin.sleep(1)
            await cabin.restart(reboot=True)
            await csms.up()
            await cabin.delivered()
            # The firmware block's two are pushed besides the critical ones (L01.FR.02, L01.FR.03).
            pushed = CRITICAL_16 | {"InvalidFirmwareSignature", "InvalidFirmwareSigningCertificate"}
            assert told(csms)[1:] == [n for n in SECURITY_EVENTS if n in pushed] + ["StartupOfTheDevice"]
            sent = csms.of("SecurityEventNotification")[1:-1]
            assert all(one.payload["techInfo"] == f"about {one.payload['type']}" for one in sent)
            stamps = [one.payload["timestamp"] for one in sent]
            assert stamps == sorted(stamps) and len(set(stamps)) == len(stamps), "when it happened"
            kept = [event.type for event in cabin.happened(SecurityEvent)]
            assert [one for one in kept if one in SECURITY_EVENTS][1:-1] == list(SECURITY_EVENTS)

    run_virtual(main())


def test_16_SEC_25_one_that_the_csms_fails_to_process_is_sent_again_and_blocks_nothing(
    tmp_path: Path,
) -> None:
    async def main() -> None:
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms) as cabin:
            csms.script("SecurityEventNotification", call_error("InternalError"))
            await cabin.online()
            await cabin.delivered()
            first, second = csms.of("SecurityEventNotification")
            assert first.payload == second.payload and first.id == second.id
            csms.always("SecurityEventNotification", call_error("NotSupported"))
            cabin.app.inbox.take(SecurityNoticed("SettingSystemTime", ""))  # type: ignore[union-attr]
            await cabin.delivered()
            assert told(csms)[2:] == ["SettingSystemTime"], "a CSMS without the extension is asked once"
            await cabin.charging()
            await csms.wait("StartTransaction")

    run_virtual(main())
