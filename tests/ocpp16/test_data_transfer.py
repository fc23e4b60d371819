"""DataTransfer (1.6 4.3, 5.6): strangers are told so, and the station's own extension answers."""

from __future__ import annotations

from pathlib import Path

from tests.support.cabin import Cabin
from tests.support.csms import FakeCsms, Payload
from tests.support.virtual_time import run_virtual


def test_16_CORE_135_16_CORE_136_data_transfer(tmp_path: Path) -> None:
    async def main() -> None:
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms, evses=2) as cabin:
            await cabin.online()
            before = len(cabin.events())

            async def send(**payload: str) -> Payload:
                return await csms.call("DataTransfer", payload)

            assert await send(vendorId="com.example") == {"status": "UnknownVendorId"}
            assert await send(vendorId="com.example", messageId="Why") == {"status": "UnknownVendorId"}
            assert await send(vendorId="Joulepost") == {"status": "UnknownMessageId"}
            assert await send(vendorId="Joulepost", messageId="Open") == {"status": "UnknownMessageId"}
            every = await send(vendorId="JOULEPOST", messageId="Why")
            assert every["status"] == "Accepted"
            assert "EVSE 1: not charging: no vehicle" in every["data"]
            assert "EVSE 2: not charging: no vehicle" in every["data"]
            one = await send(vendorId="Joulepost", messageId="Why", data="2")
            assert "EVSE 2" in one["data"] and "EVSE 1" not in one["data"]
            for nonsense in ("3", "x", "-1", "1; reboot"):
                refused = await send(vendorId="Joulepost", messageId="Why", data=nonsense)
                assert refused["status"] == "Rejected", nonsense
            assert len(cabin.events()) == before, "it only reads"
            await cabin.charging(2)
            told = (await send(vendorId="Joulepost", messageId="Why", data="2"))["data"]
            assert told.startswith("EVSE 2: charging, 32 A offered, limited by")

    run_virtual(main())
