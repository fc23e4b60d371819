"""The desk's certificate authority, and a station that meets the desk CSMS by TLS."""

from __future__ import annotations

import asyncio
import json
import ssl
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import pytest
from cryptography import x509
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from controller.bench.csms import CsmsOptions, DeskCsms
from controller.bench.csms_ca import DeskCa
from controller.bench.csms_files import image
from controller.bench.csms_orders import OrderError
from controller.certificates.x509 import new_key, signing_request
from controller.domain.commands import Status
from controller.firmware.signature import fault_of
from controller.firmware.trust import check

SUBPROTOCOL = [Subprotocol("ocpp1.6")]


def request() -> tuple[str, str]:
    """(Key, signing request) as a station makes them."""
    _, key = new_key()
    return key, signing_request(key, "My CPO", "SN-1")


def test_it_is_made_once_and_keeps_its_keys_to_itself(tmp_path: Path) -> None:
    certificate, key = DeskCa(tmp_path / "ca").server()
    first = certificate.read_text(), (tmp_path / "ca" / "root.pem").read_text()
    assert DeskCa(tmp_path / "ca").server() == (certificate, key)
    assert (certificate.read_text(), (tmp_path / "ca" / "root.pem").read_text()) == first
    for name in ("root.key", "server.key"):
        assert stat.S_IMODE((tmp_path / "ca" / name).stat().st_mode) == 0o600


def test_a_broken_request_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="PEM"):
        DeskCa(tmp_path).sign("no request")


@pytest.mark.parametrize("good", [True, False])
def test_its_firmware_is_what_a_station_takes(tmp_path: Path, good: bool) -> None:
    ca = DeskCa(tmp_path / "ca")
    certificate, signature = ca.sign_firmware(image("2.0.0"))
    now_ms = round(
        x509.load_pem_x509_certificate(certificate.encode()).not_valid_before_utc.timestamp() * 1000
    )
    assert check(certificate, [ca.root], [], now_ms + 1, print) == (Status.ACCEPTED, "")
    assert check(certificate, [], [], now_ms + 1, print)[0] is Status.INVALID_CERTIFICATE
    file = tmp_path / "image"
    file.write_bytes(image("2.0.0" if good else "2.0.1"))
    assert (fault_of(file, certificate, signature) is None) is good


def test_a_certificate_that_was_asked_for_opens_the_door_without_a_password(tmp_path: Path) -> None:
    """1.6 white paper A02, then profile 3."""
    ca = DeskCa(tmp_path / "ca")
    key, csr = request()

    async def main() -> None:
        options = CsmsOptions(password="0123456789abcdef", ca=ca, secure=True)
        async with DeskCsms(options) as csms:
            trusting = ssl.create_default_context(cafile=ca.root)
            url = csms.url.replace("wss://", "wss://CP-1:0123456789abcdef@") + "/CP-1"
            async with connect(url, subprotocols=SUBPROTOCOL, ssl=trusting) as station:
                assert csms.url.startswith("wss://127.0.0.1:")
                chain = await ask_for_certificate(station, csr)
            with pytest.raises(InvalidStatus):
                await connect(f"{csms.url}/CP-1", subprotocols=SUBPROTOCOL, ssl=trusting)
            (tmp_path / "own.pem").write_text(chain + key)
            trusting.load_cert_chain(tmp_path / "own.pem")
            async with connect(f"{csms.url}/CP-1", subprotocols=SUBPROTOCOL, ssl=trusting) as station:
                await station.send('[2,"1","Heartbeat",{}]')
                assert json.loads(await station.recv())[:2] == [3, "1"]

    asyncio.run(asyncio.wait_for(main(), 20))


async def ask_for_certificate(station: ClientConnection, csr: str) -> str:
    await station.send(json.dumps([2, "1", "SignCertificate", {"csr": csr}]))
    assert json.loads(await station.recv()) == [3, "1", {"status": "Accepted"}]
    call = json.loads(await station.recv())
    assert call[2] == "CertificateSigned"
    await station.send(json.dumps([3, call[1], {"status": "Accepted"}]))
    return str(call[3]["certificateChain"])


def test_without_an_authority_nothing_is_signed() -> None:
    async def main() -> None:
        async with (
            DeskCsms(CsmsOptions()) as csms,
            connect(f"{csms.url}/CP-1", subprotocols=SUBPROTOCOL) as station,
        ):
            await station.send(json.dumps([2, "1", "SignCertificate", {"csr": request()[1]}]))
            assert json.loads(await station.recv()) == [3, "1", {"status": "Rejected"}]
            with pytest.raises(OrderError, match="no certificate authority"):
                await csms.order(["update-firmware", "2.0.0", "--sign", "good"])

    asyncio.run(asyncio.wait_for(main(), 20))


def test_a_registration_can_be_put_off(tmp_path: Path) -> None:
    async def main() -> None:
        async with (
            DeskCsms(CsmsOptions()) as csms,
            connect(f"{csms.url}/CP-1", subprotocols=SUBPROTOCOL) as station,
        ):
            boot = [2, "1", "BootNotification", {"chargePointVendor": "V", "chargePointModel": "M"}]
            for words, expected in (
                (["registration", "pending", "--interval", "5"], ("Pending", 5)),
                (["registration", "rejected"], ("Rejected", 10)),
                (["registration", "accepted"], ("Accepted", 300)),
            ):
                assert (await csms.order(words))["accepted"] is True
                await station.send(json.dumps(boot))
                answer = json.loads(await station.recv())[2]
                assert (answer["status"], answer["interval"]) == expected

    asyncio.run(asyncio.wait_for(main(), 20))


def test_its_clock_can_be_wrong() -> None:
    async def main() -> None:
        async with (
            DeskCsms(CsmsOptions()) as csms,
            connect(f"{csms.url}/CP-1", subprotocols=SUBPROTOCOL) as station,
        ):
            await csms.order(["clock", "-7200"])
            await station.send(json.dumps([2, "1", "Heartbeat", {}]))
            told = datetime.fromisoformat(json.loads(await station.recv())[2]["currentTime"])
            assert timedelta(hours=1.9) < datetime.now(UTC) - told < timedelta(hours=2.1)
            with pytest.raises(OrderError, match="expected -31622400 to 31622400 s, found 99999999"):
                await csms.order(["clock", "99999999"])

    asyncio.run(asyncio.wait_for(main(), 20))


def test_a_new_password_is_what_the_station_comes_back_with() -> None:
    """White paper A01: after ChangeConfiguration of AuthorizationKey, in hexadecimal or as text."""

    async def main() -> None:
        async with DeskCsms(CsmsOptions(password="0123456789abcdef")) as csms:
            password = "0123456789abcdef"
            for value, after in ((b"fedcba9876543210".hex(), "fedcba9876543210"), ("text, 16 or more", "")):
                url = csms.url.replace("ws://", f"ws://CP-1:{quote(password)}@") + "/CP-1"
                async with connect(url, subprotocols=SUBPROTOCOL) as station:
                    order = asyncio.create_task(csms.order(["set", "AuthorizationKey", value]))
                    call = json.loads(await station.recv())
                    await station.send(json.dumps([3, call[1], {"status": "Accepted"}]))
                    await order
                password = after or value
            url = csms.url.replace("ws://", f"ws://CP-1:{quote(password)}@") + "/CP-1"
            async with connect(url, subprotocols=SUBPROTOCOL):
                pass
            with pytest.raises(InvalidStatus):
                await connect(csms.url.replace("ws://", "ws://CP-1:0123456789abcdef@") + "/CP-1")

    asyncio.run(asyncio.wait_for(main(), 20))
