"""A CSMS that means harm, on the wire: the station lives and charges on, and nothing is filled up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.support import pki
from tests.support.cabin import Cabin
from tests.support.csms import FakeCsms
from tests.support.virtual_time import run_virtual

OPERATOR, SERIAL = "Joule", "JP-0042"
CENTRAL, MAKER = "CentralSystemRootCertificate", "ManufacturerRootCertificate"


def build(tmp_path: Path, csms: FakeCsms, **more: Any) -> Cabin:
    settings = {"SecurityCtrlr.OrganizationName": OPERATOR, **more.pop("settings", {})}
    options = {"password": "0123456789abcdef", "serial": SERIAL, **more}
    return Cabin.build(tmp_path, csms, "ocpp1.6", settings=settings, **options)


def test_16_SEC_17_16_SEC_23_16_SEC_33_no_certificate_ends_the_controller(tmp_path: Path) -> None:
    """Each of these once raised what nobody caught; in a task of the program that was its end."""

    async def main() -> None:
        async with FakeCsms("ocpp1.6") as csms, build(tmp_path, csms) as cabin:
            await cabin.online()
            await cabin.charging()
            app = cabin.app
            leaf = pki.name(OPERATOR, SERIAL)
            pems = [one.pem for ca in (False, True) for one in pki.nasty(None, ca, leaf).values()]
            for pem in pems:
                for use in (CENTRAL, MAKER):
                    answer = await csms.call(
                        "InstallCertificate", {"certificateType": use, "certificate": pem}
                    )
                    assert answer["status"] in ("Accepted", "Rejected")
                answer = await csms.call("CertificateSigned", {"certificateChain": pem})
                assert answer == {"status": "Rejected"}
            assert cabin.app is app and cabin.station.online and cabin.bay().current_ma > 0

    run_virtual(main())
