"""Security profiles end to end: passwords, upgrades, falling back, TLS (white paper A00, A01, A05, 7)."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from controller.app import App
from controller.csms.client import Client
from controller.csms.wire import instant
from controller.domain.events import SecurityEvent
from controller.settings import catalog as c
from tests.support import pki
from tests.support.cabin import Cabin
from tests.support.csms import FakeCsms, Payload
from tests.support.tls import authority, certificate, client_files, days, root_file, server_tls
from tests.support.virtual_time import VirtualClock, run_virtual

FIRST = "first password 16"
NEW = bytes(range(0xF0, 0x100)) + b"\x00:\xff\n"
"""20 bytes, among them what a header cannot hold as it is, and the colon."""
USER = "DESK01"


def sent(password: bytes) -> str:
    return f"{USER}:{password.decode('latin-1')}"


async def change(csms: FakeCsms, key: str, value: str) -> str:
    answer = await csms.call("ChangeConfiguration", {"key": key, "value": value})
    return str(answer["status"])


async def read(csms: FakeCsms, key: str) -> Payload:
    answer = await csms.call("GetConfiguration", {"key": [key]})
    return dict(answer["configurationKey"][0])


def events(cabin: Cabin) -> list[SecurityEvent]:
    """Without those about starts."""
    about_starts = ("StartupOfTheDevice", "ResetOrReboot", "SettingSystemTime")
    return [event for event in cabin.happened(SecurityEvent) if event.type not in about_starts]


def app_of(cabin: Cabin) -> App:
    assert cabin.app is not None
    return cabin.app


def client_of(cabin: Cabin) -> Client:
    client = app_of(cabin).client
    assert client is not None
    return client


@asynccontextmanager
async def station(tmp_path: Path, csms: FakeCsms, evses: int = 1, **options: Any) -> AsyncIterator[Cabin]:
    """Online, on the real day: certificates are judged by it."""
    async with Cabin.build(tmp_path, csms, "ocpp1.6", evses=evses, **options) as cabin:
        await cabin.online()
        yield cabin


def play(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    run_virtual(main())


# ---------------------------------------------------------------------- the password


def test_16_SEC_03_every_connection_carries_the_identity_and_the_password(tmp_path: Path) -> None:
    async def main() -> None:
        async with FakeCsms("ocpp1.6") as csms:
            csms.admits = lambda given: given == sent(FIRST.encode())
            async with station(tmp_path, csms, password=FIRST) as cabin:
                for count in (2, 3):
                    await csms.hang_up()
                    await csms.until(lambda count=count: csms.connections == count)  # type: ignore[misc]
                await cabin.online()
                assert csms.passwords == [sent(FIRST.encode())] * 3

    play(main)


def test_16_SEC_01_without_a_profile_no_password_is_sent(tmp_path: Path) -> None:
    async def main() -> None:
        async with FakeCsms("ocpp1.6") as csms, station(tmp_path, csms) as cabin:
            assert (await read(csms, "SecurityProfile"))["value"] == "0"
            assert await change(csms, "AuthorizationKey", NEW.hex()) == "Accepted"
            await csms.hang_up()
            await csms.until(lambda: csms.connections == 2)
            await cabin.online()
            assert csms.passwords == [None, None], "profile 0 shows nothing; 1 has to be asked for"

    play(main)


@pytest.mark.parametrize("evses", [1, 2])
def test_16_SEC_06_a_new_password_is_used_after_the_answer_and_the_queue_is_kept(
    tmp_path: Path, evses: int
) -> None:
    async def main() -> None:
        async with FakeCsms("ocpp1.6") as csms, station(tmp_path, csms, evses, password=FIRST) as cabin:
            await cabin.charging(evses)
            await cabin.delivered()
            csms.admits = lambda given: given == sent(NEW)
            assert await change(csms, "AuthorizationKey", NEW.hex().upper()) == "Accepted"
            await csms.until(lambda: not cabin.station.online, what="the station leaves")
            await cabin.unplug(evses)  # the end of the transaction waits for the next connection
            await csms.wait("StopTransaction")
            await cabin.delivered()
            assert csms.connections == 2 and csms.passwords == [sent(FIRST.encode()), sent(NEW)]
            assert len(csms.of("BootNotification")) == 1 and len(csms.of("StartTransaction")) == 1
            assert app_of(cabin).settings[c.PASSWORD_BEFORE] == b"", "it worked: the old one is forgotten"
            await cabin.restart(reboot=True)
            await cabin.online()
            assert csms.passwords[-1] == sent(NEW)

    play(main)


def test_16_SEC_07_16_SEC_05_the_change_is_logged_and_nobody_sees_the_password(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", "controller")

    async def main() -> None:
        async with FakeCsms("ocpp1.6") as csms, station(tmp_path, csms, password=FIRST) as cabin:
            assert await change(csms, "AuthorizationKey", NEW.hex()) == "Accepted"
            await csms.until(lambda: csms.connections == 2 and cabin.station.online)
            assert [event.type for event in events(cabin)] == ["ReconfigurationOfSecurityParameters"]
            assert events(cabin)[0].info == "AuthorizationKey was changed"
            row = await read(csms, "AuthorizationKey")
            assert row == {"key": "AuthorizationKey", "readonly": False}
            everything = await csms.call("GetConfiguration", {})
            told = [one for one in csms.frames if one.startswith("<")]
            seen = repr((everything, told, cabin.events(), cabin.said, app_of(cabin).facade.settings_list()))
            seen += repr(app_of(cabin).facade.status()) + caplog.text
            for secret in (NEW.hex(), NEW.hex().upper(), repr(NEW), FIRST, FIRST.encode().hex()):
                assert secret not in seen
            assert "ReconfigurationOfSecurityParameters" not in repr(csms.of("SecurityEventNotification"))

    play(main)


@pytest.mark.parametrize(
    ("value", "status"),
    [
        ("00" * 16, "Accepted"),
        ("fF" * 20, "Accepted"),
        ("0123456789abcdef0123456789abcdef01", "Accepted"),  # 17 bytes
        ("00" * 15, "Rejected"),
        ("abcdef0123456789", "Rejected"),  # 8 bytes; taken as text it would be 16
        ("0" * 33, "Rejected"),  # half a byte
        ("00" * 21, "Rejected"),
        ("", "Rejected"),
        ("short", "Rejected"),
        ("a plain password", "Accepted"),  # 16 bytes that cannot be meant as hexadecimal
        ("fifteen letters", "Rejected"),
        ("x" * 40, "Accepted"),
        ("x" * 41, "Rejected"),
        ("ein Schlüssel ü", "Accepted"),  # 15 characters, 17 bytes
        ("tab\tin a password", "Rejected"),
    ],
)
def test_16_SEC_04_what_an_authorization_key_may_be(tmp_path: Path, value: str, status: str) -> None:
    async def main() -> None:
        async with FakeCsms("ocpp1.6") as csms, station(tmp_path, csms, password=FIRST) as cabin:
            assert await change(csms, "AuthorizationKey", value) == status
            await cabin.sleep(10)
            assert csms.connections == (2 if status == "Accepted" else 1)
            if status == "Rejected":
                assert app_of(cabin).settings[c.BASIC_AUTH_PASSWORD] == FIRST.encode()

    play(main)


def test_16_SEC_06_the_same_password_again_changes_nothing(tmp_path: Path) -> None:
    async def main() -> None:
        async with FakeCsms("ocpp1.6") as csms, station(tmp_path, csms, password=FIRST) as cabin:
            assert await change(csms, "AuthorizationKey", FIRST) == "Accepted"
            await cabin.sleep(10)
            assert csms.connections == 1 and events(cabin) == []

    play(main)


@pytest.mark.parametrize("reboot", [False, True])
def test_16_SEC_06_a_csms_that_refuses_the_new_password_does_not_lock_the_station_out(
    tmp_path: Path, reboot: bool
) -> None:
    async def main() -> None:
        async with FakeCsms("ocpp1.6") as csms, station(tmp_path, csms, password=FIRST) as cabin:
            csms.admits = lambda given: given == sent(FIRST.encode())
            assert await change(csms, "AuthorizationKey", NEW.hex()) == "Accepted"
            await csms.until(lambda: not cabin.station.online)
            if reboot:
                await cabin.restart(reboot=True)
            await cabin.online()
            await cabin.delivered()
            tried = csms.passwords[1:]
            assert tried[-1] == sent(FIRST.encode())
            assert 3 <= tried.count(sent(NEW)) <= 4 and tried.count(sent(FIRST.encode())) == 1
            assert set(tried[:-1]) == {sent(NEW)}, "the new one first, as often as other attempts"
            kinds = [event.type for event in events(cabin)]
            assert kinds.count("ReconfigurationOfSecurityParameters") == 1
            refusals = [one for one in events(cabin) if one.type == "FailedToAuthenticateAtCsms"]
            assert "401" in refusals[0].info and "the one before" in refusals[-1].info
            assert "refuses the new password" in app_of(cabin).facade.status()["csms"]["security_note"]
            # The CSMS takes the new one after all: the next connection finds that out.
            csms.admits = lambda given: given == sent(NEW)
            await csms.hang_up()
            await csms.until(lambda: not cabin.station.online)
            await cabin.online()
            await cabin.sleep(5)
            assert csms.passwords[-1] == sent(NEW)
            assert app_of(cabin).settings[c.PASSWORD_BEFORE] == b""
            assert app_of(cabin).facade.status()["csms"]["security_note"] == ""

    play(main)


def test_16_SEC_06_the_password_that_works_survives_one_that_never_did(tmp_path: Path) -> None:
    """Changed again while the old one is in use: that is the one to go back to, not the one that failed."""

    async def main() -> None:
        async with FakeCsms("ocpp1.6") as csms, station(tmp_path, csms, password=FIRST) as cabin:
            csms.admits = lambda given: given == sent(FIRST.encode())
            for value in (NEW.hex(), "11" * 16):
                assert await change(csms, "AuthorizationKey", value) == "Accepted"
                await csms.until(lambda: not cabin.station.online)
                await cabin.online()
            assert app_of(cabin).settings[c.PASSWORD_BEFORE] == FIRST.encode()

    play(main)


def test_a_csms_that_closes_with_policy_violation_counts_as_a_refusal(tmp_path: Path) -> None:
    async def main() -> None:
        async with FakeCsms("ocpp1.6") as csms, station(tmp_path, csms, password=FIRST) as cabin:
            converse = csms._converse

            async def choosy(socket: Any) -> None:
                if csms.passwords[-1] == sent(NEW):
                    await socket.close(1008, "who are you?")
                else:
                    await converse(socket)

            await csms.down()
            csms._converse = choosy  # type: ignore[method-assign]
            await csms.up()
            await csms.until(lambda: not cabin.station.online)
            await cabin.online()
            assert await change(csms, "AuthorizationKey", NEW.hex()) == "Accepted"
            await csms.until(lambda: not cabin.station.online)
            await cabin.online()
            assert csms.passwords[-1] == sent(FIRST.encode())
            assert "FailedToAuthenticateAtCsms" in [event.type for event in events(cabin)]

    play(main)


def test_16_SEC_25_refused_credentials_are_one_event_until_they_work(tmp_path: Path) -> None:
    async def main() -> None:
        async with FakeCsms("ocpp1.6") as csms, station(tmp_path, csms, password=FIRST) as cabin:
            csms.admits = lambda _given: False
            await csms.hang_up()
            await cabin.sleep(200)
            assert [event.type for event in events(cabin)] == ["FailedToAuthenticateAtCsms"]
            csms.admits = lambda _given: True
            await cabin.online()
            await cabin.sleep(1)
            csms.admits = lambda _given: False
            await csms.hang_up()
            await cabin.sleep(120)
            assert [event.type for event in events(cabin)] == ["FailedToAuthenticateAtCsms"] * 2

    play(main)


# ---------------------------------------------------------------------- upgrades


@pytest.mark.parametrize(("now", "asked"), [(0, "0"), (1, "0"), (1, "1"), (1, "-1"), (1, "4"), (1, "two")])
def test_16_SEC_02_equal_lower_and_unknown_profiles_are_rejected_without_reconnecting(
    tmp_path: Path, now: int, asked: str
) -> None:
    async def main() -> None:
        options = {"password": FIRST} if now else {}
        async with FakeCsms("ocpp1.6") as csms, station(tmp_path, csms, **options) as cabin:
            assert await change(csms, "SecurityProfile", asked) == "Rejected"
            await cabin.sleep(10)
            assert csms.connections == 1
            row = await read(csms, "SecurityProfile")
            assert row == {"key": "SecurityProfile", "readonly": False, "value": str(now)}
            assert events(cabin) == []

    play(main)


def test_16_SEC_12_an_upgrade_needs_key_root_and_certificate(tmp_path: Path) -> None:
    async def main() -> None:
        root = root_file(tmp_path)
        chain, key = client_files(tmp_path)
        old_chain, old_key = client_files(tmp_path, expired=True)
        cases: list[tuple[str, dict[str, Any], str]] = [
            ("1", {}, "Rejected"),
            ("2", {"ca_file": root}, "Rejected"),
            ("2", {"password": FIRST}, "Rejected"),
            ("2", {"password": "too short", "ca_file": root}, "Rejected"),
            ("3", {"certificate_file": chain, "key_file": key}, "Rejected"),
            ("3", {"ca_file": root}, "Rejected"),
            ("3", {"ca_file": root, "certificate_file": old_chain, "key_file": old_key}, "Rejected"),
            ("3", {"ca_file": key, "certificate_file": chain, "key_file": key}, "Rejected"),
            ("2", {"password": FIRST, "ca_file": root}, "Accepted"),
            ("3", {"ca_file": root, "certificate_file": chain, "key_file": key}, "Accepted"),
        ]
        for number, (profile, options, status) in enumerate(cases):
            home = tmp_path / str(number)
            home.mkdir()
            async with FakeCsms("ocpp1.6") as csms, station(home, csms, **options) as cabin:
                cabin.clock.set_utc(round(days(0).timestamp() * 1000))
                assert await change(csms, "SecurityProfile", profile) == status, (profile, options)
                if status == "Rejected":
                    await cabin.sleep(10)
                    assert csms.connections == 1
                    assert (await read(csms, "SecurityProfile"))["value"] in "01"

    play(main)


def test_16_SEC_13_from_0_to_1_and_never_back(tmp_path: Path) -> None:
    async def main() -> None:
        async with FakeCsms("ocpp1.6") as csms, station(tmp_path, csms) as cabin:
            assert await change(csms, "AuthorizationKey", NEW.hex()) == "Accepted"
            await cabin.sleep(10)
            assert csms.connections == 1, "profile 0 uses no password: nothing to reconnect for"
            csms.admits = lambda given: given == sent(NEW)
            assert await change(csms, "SecurityProfile", "1") == "Accepted"
            await csms.until(lambda: csms.connections == 2 and cabin.station.online)
            await cabin.sleep(5)
            assert app_of(cabin).settings[c.SECURITY_PROFILE_BEFORE] == -1, "it has worked"
            assert (await read(csms, "SecurityProfile"))["value"] == "1"
            for lower in ("0", "1"):
                assert await change(csms, "SecurityProfile", lower) == "Rejected"
            # The CSMS forgets the password: the station does not go back to profile 0, ever.
            csms.admits = lambda given: given is None
            await csms.hang_up()
            await cabin.sleep(200)
            await cabin.restart(reboot=True)
            await cabin.sleep(120)
            assert set(csms.passwords[1:]) == {sent(NEW)} and not cabin.station.online
            assert [event.info for event in events(cabin) if "profile" in event.info][-1:] == [
                "security profile 0 -> 1"
            ]

    play(main)


@asynccontextmanager
async def both_sides(
    tmp_path: Path, secure: ssl.SSLContext | None, **options: Any
) -> AsyncIterator[tuple[FakeCsms, FakeCsms, Cabin]]:
    """A CSMS with a plain port and a TLS port (A00.FR.006), and a station at the plain one."""
    tls = FakeCsms("ocpp1.6", tls=secure or server_tls())
    async with FakeCsms("ocpp1.6") as plain, tls as locked:
        options = {"ca_file": root_file(tmp_path), "password": FIRST, "secure_url": locked.url, **options}
        async with station(tmp_path, plain, **options) as cabin:
            cabin.clock.set_utc(round(days(0).timestamp() * 1000))
            if secure is None:
                await locked.down()
            yield plain, locked, cabin


@pytest.mark.parametrize("evses", [1, 2])
def test_16_SEC_13_from_1_to_2_the_station_comes_back_over_tls_with_its_queue(
    tmp_path: Path, evses: int
) -> None:
    async def main() -> None:
        async with both_sides(tmp_path, server_tls(), evses=evses) as (plain, locked, cabin):
            await cabin.charging(evses)
            await cabin.delivered()
            assert await change(plain, "SecurityProfile", "2") == "Accepted"
            await locked.until(lambda: locked.connections == 1)
            await cabin.unplug(evses)
            await locked.wait("StopTransaction")
            await cabin.delivered()
            assert (plain.connections, locked.connections) == (1, 1)
            assert locked.passwords == [sent(FIRST.encode())]
            assert "BootNotification" not in locked.actions, "it is the same CSMS"
            assert (await read(locked, "SecurityProfile"))["value"] == "2"
            assert app_of(cabin).facade.status()["csms"]["security_profile"] == 2
            # Now the TLS port vanishes: the plain one is never used again.
            await locked.down()
            await cabin.sleep(100)
            await cabin.restart(reboot=True)
            await cabin.sleep(100)
            assert plain.connections == 1 and len(plain.passwords) == 1
            await locked.up()
            await cabin.online()
            assert await change(locked, "SecurityProfile", "1") == "Rejected"

    play(main)


def test_16_SEC_13_without_secure_url_the_same_address_with_tls_is_tried(tmp_path: Path) -> None:
    async def main() -> None:
        options = {"password": FIRST, "ca_file": root_file(tmp_path)}
        async with FakeCsms("ocpp1.6") as csms, station(tmp_path, csms, **options) as cabin:
            cabin.clock.set_utc(round(days(0).timestamp() * 1000))
            assert await change(csms, "SecurityProfile", "2") == "Accepted"
            await csms.down()
            csms.tls = server_tls()
            await csms.up()
            await csms.until(lambda: csms.connections == 2 and cabin.station.online)
            await cabin.sleep(5)
            assert client_of(cabin).state.url.startswith("wss://127.0.0.1:")
            assert app_of(cabin).settings[c.SECURITY_PROFILE_BEFORE] == -1

    play(main)


@pytest.mark.parametrize("reboot", [False, True])
@pytest.mark.parametrize("why", ["nothing listens", "wrong host", "weak suites", "401"])
def test_16_SEC_13_an_upgrade_that_does_not_work_falls_back(tmp_path: Path, why: str, reboot: bool) -> None:
    secure = {
        "nothing listens": lambda: None,
        "wrong host": lambda: server_tls(certificate("csms.example.com")),
        "weak suites": lambda: server_tls(newest=ssl.TLSVersion.TLSv1_2, ciphers="AES128-SHA"),
        "401": server_tls,
    }[why]()

    async def main() -> None:
        async with both_sides(tmp_path, secure) as (plain, locked, cabin):
            locked.admits = lambda _given: False
            assert await change(plain, "SecurityProfile", "2") == "Accepted"
            await plain.until(lambda: not cabin.station.online)
            if reboot:
                await cabin.sleep(5)
                await cabin.restart(reboot=True)
                assert app_of(cabin).settings[c.SECURITY_PROFILE] == 2, "the trial goes on"
                assert app_of(cabin).settings[c.SECURITY_PROFILE_BEFORE] == 1
            await cabin.online()
            await cabin.delivered()
            assert plain.connections == 2 and locked.connections == 0
            assert (await read(plain, "SecurityProfile"))["value"] == "1"
            settings = app_of(cabin).settings
            assert (settings[c.SECURITY_PROFILE], settings[c.SECURITY_PROFILE_BEFORE]) == (1, -1)
            told = [event.info for event in events(cabin) if event.type.startswith("Reconfiguration")]
            assert told == [
                "security profile 1 -> 2",
                "security profile 2 -> 1: no connection was made with it",
            ]
            kinds = {event.type for event in events(cabin)}
            assert (
                kinds - {"ReconfigurationOfSecurityParameters"}
                == {
                    "nothing listens": set(),
                    "wrong host": {"InvalidCsmsCertificate", "CsmsFailedToAuthenticate"},
                    "weak suites": {"InvalidTLSCipherSuite"},
                    "401": {"FailedToAuthenticateAtCsms"},
                }[why]
            )
            # The operator repairs it and asks again.
            if why == "401":
                locked.admits = lambda _given: True
                assert await change(plain, "SecurityProfile", "2") == "Accepted"
                await locked.until(lambda: locked.connections == 1 and cabin.station.online)

    play(main)


def test_16_SEC_13_while_neither_works_both_are_tried_in_turn(tmp_path: Path) -> None:
    """A CSMS that switched over at once, and whose TLS port comes up only later, keeps the station."""

    async def main() -> None:
        async with both_sides(tmp_path, server_tls()) as (plain, locked, cabin):
            plain.admits = locked.admits = lambda _given: False
            assert await change(plain, "SecurityProfile", "2") == "Accepted"
            await cabin.sleep(120)
            assert len(plain.passwords) > 3 and len(locked.passwords) > 3
            note = app_of(cabin).facade.status()["csms"]["security_note"]
            assert note == "on trial, goes back to profile 1 if it does not work"
            locked.admits = lambda _given: True
            await cabin.online()
            assert (plain.connections, locked.connections) == (1, 1)
            assert (await read(locked, "SecurityProfile"))["value"] == "2"

    play(main)


@pytest.mark.parametrize("newest", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_16_SEC_11_16_SEC_13_profile_3_with_the_certificate_of_station_toml(
    tmp_path: Path, newest: ssl.TLSVersion
) -> None:
    async def main() -> None:
        chain, key = client_files(tmp_path, "Operator")
        secure = server_tls(newest=newest, ciphers="ALL", clients="Operator")
        async with both_sides(tmp_path, secure, certificate_file=chain, key_file=key) as (
            plain,
            locked,
            cabin,
        ):
            assert await change(plain, "SecurityProfile", "3") == "Accepted"
            await locked.until(lambda: locked.connections == 1 and cabin.station.online)
            await cabin.delivered()
            assert locked.passwords == [None], "no Basic header"
            assert await change(locked, "SecurityProfile", "2") == "Rejected"
            await cabin.charging()
            await locked.wait("StartTransaction")
            await cabin.restart(reboot=True)
            await cabin.online()
            assert locked.passwords == [None, None] and plain.connections == 1

    play(main)


def test_16_SEC_11_a_refused_client_certificate_is_told_and_falls_back(tmp_path: Path) -> None:
    async def main() -> None:
        chain, key = client_files(tmp_path, "Somebody")
        secure = server_tls(clients="Operator")
        async with both_sides(tmp_path, secure, certificate_file=chain, key_file=key) as (plain, _, cabin):
            assert await change(plain, "SecurityProfile", "3") == "Accepted"
            await plain.until(lambda: not cabin.station.online)
            await cabin.online()
            assert "FailedToAuthenticateAtCsms" in [event.type for event in events(cabin)]
            assert (await read(plain, "SecurityProfile"))["value"] == "1"

    play(main)


# ---------------------------------------------------------------------- TLS of a station in use


@pytest.mark.parametrize(
    ("bad", "kinds"),
    [
        (
            lambda: server_tls(certificate(ca="Somebody")),
            {"InvalidCsmsCertificate", "CsmsFailedToAuthenticate"},
        ),
        (
            lambda: server_tls(authority().issue_cert("127.0.0.1", not_before=days(-9), not_after=days(-1))),
            {"InvalidCsmsCertificate", "CsmsFailedToAuthenticate"},
        ),
        (
            lambda: server_tls(certificate("other.example.com")),
            {"InvalidCsmsCertificate", "CsmsFailedToAuthenticate"},
        ),
        (lambda: server_tls(newest=ssl.TLSVersion.TLSv1_1, ciphers="ALL:@SECLEVEL=0"), {"InvalidTLSVersion"}),
        (
            lambda: server_tls(newest=ssl.TLSVersion.TLSv1_2, ciphers="ECDHE-RSA-AES256-SHA"),
            {"InvalidTLSCipherSuite"},
        ),
    ],
    ids=["untrusted", "expired", "wrong host", "TLS 1.1", "weak suites"],
)
def test_16_SEC_08_16_SEC_09_16_SEC_10_a_csms_that_becomes_unsafe_is_left_and_logged_once(
    tmp_path: Path, bad: Callable[[], ssl.SSLContext], kinds: set[str]
) -> None:
    async def main() -> None:
        options = {"password": FIRST, "ca_file": root_file(tmp_path)}
        async with (
            FakeCsms("ocpp1.6", tls=server_tls()) as csms,
            station(tmp_path, csms, **options) as cabin,
        ):
            await cabin.charging()
            await cabin.delivered()
            await csms.down()
            csms.tls = bad()
            await csms.up()
            await cabin.sleep(120)
            assert csms.connections == 1 and len(csms.passwords) == 1, "nothing was sent to it"
            assert sorted(event.type for event in events(cabin)) == sorted(kinds)
            assert cabin.bay().current_ma > 0, "charging is not the CSMS's business"
            await csms.down()
            csms.tls = server_tls()
            await csms.up()
            await cabin.online()
            await cabin.delivered()
            assert "Heartbeat" in csms.actions or "MeterValues" in csms.actions
            pushed = {one.payload["type"] for one in csms.of("SecurityEventNotification")}
            assert pushed.isdisjoint(kinds), "not critical in 1.6: logged, not pushed (chapter 8)"

    play(main)


# ---------------------------------------------------------------------- the owner


def test_16_SEC_02_only_the_owner_lowers_the_profile_and_says_so_on_the_station(tmp_path: Path) -> None:
    async def main() -> None:
        async with both_sides(tmp_path, server_tls()) as (plain, locked, cabin):
            assert await change(plain, "SecurityProfile", "2") == "Accepted"
            await locked.until(lambda: locked.connections == 1 and cabin.station.online)
            await cabin.sleep(5)
            facade = app_of(cabin).facade
            assert (await facade.settings_set("SecurityCtrlr.SecurityProfile", "1"))["value"] == "1"
            await plain.until(lambda: plain.connections == 2)
            await cabin.restart()
            await plain.until(lambda: plain.connections == 3)
            await cabin.online()
            assert (await read(plain, "SecurityProfile"))["value"] == "1"
            assert "security profile 2 -> 1" in [event.info for event in events(cabin)]

    play(main)


# ---------------------------------------------------------------------- other events


def test_16_SEC_27_invalid_messages_are_logged_in_bounds(tmp_path: Path) -> None:
    async def main() -> None:
        async with FakeCsms("ocpp1.6") as csms, station(tmp_path, csms) as cabin:
            await csms.raw("this is no JSON")
            await csms.raw('[2,"a","ChangeConfiguration",{"key":"AuthorizationKey","value":12345678901234}]')
            await csms.raw('[9,"b",{}]')
            await cabin.sleep(1)
            infos = [event.info for event in events(cabin)]
            assert {event.type for event in events(cabin)} == {"InvalidMessages"} and len(infos) == 3
            assert infos[1] == "ChangeConfiguration: TypeConstraintViolation at value"
            for _ in range(500):
                await csms.raw("{")
            await cabin.sleep(5)
            assert len(events(cabin)) <= 10
            await csms.raw('[2,"c","Fnord",{}]')  # not implemented is not invalid
            await cabin.sleep(120)
            assert len(events(cabin)) <= 12
            assert csms._socket is not None
            csms._socket.transport.write(b"\x81\xff\x00\x00\x00\x00\x00\x00\x00\x01")  # a masked frame
            await csms.until(lambda: csms.connections == 2)
            await cabin.sleep(120)
            assert "broke the websocket rules" in events(cabin)[-1].info

    play(main)


def test_16_SEC_27_setting_the_clock_by_more_than_the_threshold(tmp_path: Path) -> None:
    async def main() -> None:
        async with FakeCsms("ocpp1.6", interval_s=20) as csms:
            drift_ms = 0
            clock = VirtualClock(asyncio.get_running_loop())
            csms.now = lambda: instant(clock.now().utc_ms + drift_ms)  # type: ignore[method-assign]
            async with station(tmp_path, csms) as cabin:
                for drift_ms, told in ((15_000, 0), (-10_000, 1), (86_390_000, 2)):
                    count = len(csms.of("Heartbeat"))
                    await csms.wait("Heartbeat", count + 1)
                    await cabin.sleep(5)
                    found = [e.info for e in cabin.happened(SecurityEvent) if e.type == "SettingSystemTime"]
                    assert len(found) == told, drift_ms
                assert found == ["by -25.0 s", "by +86400.0 s"]
                await cabin.delivered()
                pushed = [one.payload["type"] for one in csms.of("SecurityEventNotification")]
                assert pushed.count("SettingSystemTime") == 2

    play(main)


def test_16_SEC_27_cpo_name_is_a_security_parameter(tmp_path: Path) -> None:
    async def main() -> None:
        async with FakeCsms("ocpp1.6") as csms, station(tmp_path, csms) as cabin:
            assert await change(csms, "CpoName", "Operator Ltd") == "Accepted"
            await cabin.sleep(5)
            ((event),) = events(cabin)
            assert event.type == "ReconfigurationOfSecurityParameters" and "Operator Ltd" in event.info
            assert csms.connections == 1

    play(main)


# ---------------------------------------------------------------------- all of it


def test_16_SEC_01_16_SEC_11_16_SEC_12_16_SEC_13_a_factory_new_station_is_led_from_0_to_3(
    tmp_path: Path,
) -> None:
    """Everything over OCPP: key, root and certificate come from the CSMS, nothing from station.toml."""

    async def main() -> None:
        both = FakeCsms("ocpp1.6", tls=server_tls())
        third = FakeCsms("ocpp1.6", tls=server_tls(clients="CSMS"))
        async with FakeCsms("ocpp1.6") as plain, both, third:
            clock = VirtualClock(asyncio.get_running_loop(), round(days(0).timestamp() * 1000))
            for one in (plain, both):
                one.now = lambda: instant(clock.now().utc_ms)  # type: ignore[method-assign]
            options = {"secure_url": both.url, "serial": "JP-0042"}
            async with station(tmp_path, plain, **options) as cabin:
                assert await change(plain, "SecurityProfile", "1") == "Rejected"
                assert await change(plain, "AuthorizationKey", NEW.hex()) == "Accepted"
                assert await change(plain, "SecurityProfile", "2") == "Rejected", "no root"
                assert await change(plain, "SecurityProfile", "1") == "Accepted"
                await plain.until(lambda: plain.connections == 2 and cabin.station.online)
                await cabin.sleep(5)

                root = {"certificateType": "CentralSystemRootCertificate"}
                pem = authority().cert_pem.bytes().decode()
                answer = await plain.call("InstallCertificate", {**root, "certificate": pem})
                assert answer["status"] == "Accepted"
                assert await change(plain, "SecurityProfile", "3") == "Rejected", "no certificate"
                assert await change(plain, "SecurityProfile", "2") == "Accepted"
                await both.until(lambda: both.connections == 1 and cabin.station.online)
                await cabin.sleep(5)
                assert both.passwords == [sent(NEW)]
                assert app_of(cabin).settings[c.SECURITY_PROFILE_BEFORE] == -1

                assert await change(both, "CpoName", "CSMS") == "Accepted"
                trigger = {"requestedMessage": "SignChargePointCertificate"}
                assert (await both.call("ExtendedTriggerMessage", trigger))["status"] == "Accepted"
                csr = (await both.wait("SignCertificate")).payload["csr"]
                signer = pki.Issued(
                    x509.load_pem_x509_certificate(authority().cert_pem.bytes()),
                    load_pem_private_key(authority().private_key_pem.bytes(), None),
                )
                signed = pki.sign_request(csr, signer, begins=days(-1), ends=days(90))
                given = await both.call("CertificateSigned", {"certificateChain": signed.pem})
                assert given["status"] == "Accepted"
                await cabin.sleep(5)
                await both.down()  # what asks for no certificate makes room for what does
                both.tls = third.tls
                assert await change_offline(cabin, "3") == "Accepted"
                await both.up()
                await both.until(lambda: both.connections == 2 and cabin.station.online)
                await cabin.sleep(5)
                assert both.passwords[-1] is None
                await cabin.restart(reboot=True)
                await cabin.online()
                assert both.passwords[-1] is None and both.connections == 3
                assert plain.connections == 2

    play(main)


async def change_offline(cabin: Cabin, profile: str) -> str:
    """As the CSMS would, in the moment before it vanishes."""
    return app_of(cabin).settings.change_configuration("SecurityProfile", profile).value


def test_A01_the_password_of_2_0_1_has_the_same_way_back(tmp_path: Path) -> None:
    async def main() -> None:
        async with (
            FakeCsms("ocpp2.0.1") as csms,
            Cabin.build(tmp_path, csms, "ocpp2.0.1", password=FIRST) as cabin,
        ):
            await cabin.online()
            csms.admits = lambda given: given == sent(FIRST.encode())
            variable = {
                "component": {"name": "SecurityCtrlr"},
                "variable": {"name": "BasicAuthPassword"},
                "attributeValue": "another password",
            }
            answer = await csms.call("SetVariables", {"setVariableData": [variable]})
            assert answer["setVariableResult"][0]["attributeStatus"] == "Accepted"
            await csms.until(lambda: not cabin.station.online)
            await cabin.online()
            assert csms.passwords.count(sent(b"another password")) >= 3
            assert csms.passwords[-1] == sent(FIRST.encode())

    play(main)
