"""Certificates in use: real TLS, with what was installed and signed over OCPP (white paper A02, M04, M05)."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from controller.csms.wire import instant
from tests.ocpp16.test_certificates import (
    OPERATOR,
    SERIAL,
    csr,
    delete,
    give,
    hash_data,
    install,
    listed,
    trigger,
)
from tests.support import pki
from tests.support.cabin import Cabin
from tests.support.csms import FakeCsms
from tests.support.tls import authority, certificate, days, server_tls
from tests.support.virtual_time import run_virtual


def issued(ca: trustme.CA) -> pki.Issued:
    """An authority of the TLS tests as one that signs requests."""
    certificate_ = x509.load_pem_x509_certificate(ca.cert_pem.bytes())
    return pki.Issued(certificate_, load_pem_private_key(ca.private_key_pem.bytes(), None))


def sign(request: str, ca: trustme.CA, begins: int = -1) -> pki.Issued:
    """For the real day: OpenSSL asks no virtual clock."""
    return pki.sign_request(request, issued(ca), begins=days(begins), ends=days(365))


@asynccontextmanager
async def station(
    tmp_path: Path, secure: ssl.SSLContext, **settings: Any
) -> AsyncIterator[tuple[FakeCsms, FakeCsms, Cabin]]:
    """At a plain port with profile 1, without any root; and the same CSMS behind TLS."""
    settings = {"SecurityCtrlr.OrganizationName": OPERATOR, **settings}
    async with FakeCsms("ocpp1.6") as plain, FakeCsms("ocpp1.6", tls=secure) as locked:
        cabin = Cabin.build(
            tmp_path,
            plain,
            "ocpp1.6",
            settings=settings,
            password="first password 16",
            secure_url=locked.url,
            serial=SERIAL,
        )
        async with cabin:
            await cabin.online()
            cabin.clock.set_utc(round(days(0).timestamp() * 1000))
            for csms in (plain, locked):  # the real day; elsewhere they tell the virtual one
                csms.now = lambda: instant(cabin.clock.now().utc_ms)  # type: ignore[method-assign]
            yield plain, locked, cabin


async def upgrade(plain: FakeCsms, locked: FakeCsms, cabin: Cabin, profile: str) -> None:
    answer = await plain.call("ChangeConfiguration", {"key": "SecurityProfile", "value": profile})
    assert answer == {"status": "Accepted"}
    await locked.until(lambda: locked.connections >= 1 and cabin.station.online)


def shown(csms: FakeCsms) -> str:
    """Serial number of the client certificate that the CSMS sees."""
    assert csms._socket is not None
    peer = csms._socket.transport.get_extra_info("peercert")
    return str(peer["serialNumber"]).lstrip("0")


def serial(one: pki.Issued) -> str:
    return f"{one.certificate.serial_number:X}"


def test_16_SEC_11_16_SEC_18_16_SEC_22_from_an_empty_store_to_profile_3_and_a_new_certificate(
    tmp_path: Path,
) -> None:
    ca = authority("CSMS")

    async def main() -> None:
        async with station(tmp_path, server_tls(clients="CSMS")) as (plain, locked, cabin):
            assert await install(plain, issued(ca).pem) == "Accepted"
            assert await install(plain, issued(authority("Idle")).pem) == "Accepted"
            await trigger(plain)
            first = sign(await csr(plain), ca, begins=-2)
            assert await give(plain, first.pem) == "Accepted"
            await upgrade(plain, locked, cabin, "3")
            assert shown(locked) == serial(first)
            used = issued(ca).certificate
            assert await delete(locked, hash_data(used, used, hashes.SHA256)) == "Failed", "in use"
            idle = issued(authority("Idle")).certificate
            assert await delete(locked, hash_data(idle, idle, hashes.SHA256)) == "Accepted", "not in use"
            await cabin.charging()
            await trigger(locked)
            second = sign(await csr(locked), ca)
            assert await give(locked, second.pem) == "Accepted", "answered before the connection is left"
            await locked.until(lambda: locked.connections == 2 and cabin.station.online)
            assert shown(locked) == serial(second)
            await cabin.unplug()
            await locked.wait("StopTransaction")
            await cabin.restart(reboot=True)
            await cabin.online()
            assert shown(locked) == serial(second) and plain.connections == 1

    run_virtual(main())


def test_16_SEC_18_the_old_certificate_is_the_fallback_of_one_that_the_csms_refuses(tmp_path: Path) -> None:
    """Both lead to an installed root, but the CSMS trusts only the first."""
    ca, other = authority("CSMS"), authority("Other")

    async def main() -> None:
        async with station(tmp_path, server_tls(clients="CSMS")) as (plain, locked, cabin):
            await install(plain, issued(ca).pem)
            await install(plain, issued(other).pem)
            await trigger(plain)
            first = sign(await csr(plain), ca, begins=-2)
            assert await give(plain, first.pem) == "Accepted"
            await upgrade(plain, locked, cabin, "3")
            await trigger(locked)
            second = sign(await csr(locked), other)
            assert await give(locked, second.pem) == "Accepted"
            await locked.until(lambda: not cabin.station.online)
            await cabin.online()
            assert shown(locked) == serial(first) and plain.connections == 1

    run_virtual(main())


@pytest.mark.parametrize("moved", [True, False])
def test_16_SEC_24_the_csms_moves_to_a_new_root_or_does_not(tmp_path: Path, moved: bool) -> None:
    old = authority("CSMS")
    new = trustme.CA(parent_cert=old, organization_name="New")
    check = {"SecurityCtrlr.AdditionalRootCertificateCheck": True}

    async def main() -> None:
        async with station(tmp_path, server_tls(certificate()), **check) as (plain, locked, cabin):
            assert await install(plain, issued(old).pem) == "Accepted"
            assert await install(plain, issued(authority("Stranger")).pem) == "Rejected"
            await upgrade(plain, locked, cabin, "2")
            assert await install(locked, issued(new).pem) == "Accepted"
            assert len(await listed(locked)) == 2, "the old one stays as fallback"
            if moved:
                locked.tls = server_tls(new.issue_cert("127.0.0.1"))
            await locked.down()
            await cabin.until(lambda: not cabin.station.online, "the station notices")
            await locked.up()
            await cabin.online()
            await cabin.sleep(5)
            assert len(await listed(locked)) == (1 if moved else 2)
            data = hash_data(issued(new).certificate, issued(old).certificate, hashes.SHA256)
            assert await delete(locked, data) == ("Failed" if moved else "Accepted")
            await cabin.restart(reboot=True)
            await cabin.online()
            assert len(await listed(locked)) == 1 and plain.connections == 1

    run_virtual(main())
