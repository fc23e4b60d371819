"""Which way in is tried when: no socket, every combination of what a CSMS may accept."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from controller.csms.access import Access, Address
from controller.csms.errors import CsmsError, LinkClosed, LinkError, LinkProblem
from controller.csms.link import Endpoint
from controller.domain.instant import Now
from controller.local.commands.status import render
from controller.settings import catalog as c
from controller.settings.settings import ConfigurationStatus, Settings
from tests.settings.support import MemoryValues, station
from tests.support.tls import client_files, days, root_file

OLD, NEW = b"the old password", bytes(range(16))
Way = tuple[int, bytes | None]
COMBINATIONS: tuple[Way, ...] = ((1, OLD), (1, NEW), (2, OLD), (2, NEW))
SUBSETS = [subset for size in range(1, 5) for subset in itertools.combinations(COMBINATIONS, size)]


class Clock:
    def now(self) -> Now:
        return Now(0, round(days(0).timestamp() * 1000))

    def set_utc(self, utc_ms: int, sure: bool = True) -> int:
        return 0


class Desk:
    """A station that can be restarted between two attempts."""

    def __init__(self, tmp_path: Path, **initial: str) -> None:
        self.values = MemoryValues()
        self.initial = initial
        self.address = Address(
            "ws://csms:80/ocpp", "CP", ("ocpp1.6",), ca_file=root_file(tmp_path), secure_url=None
        )
        self.told: list[tuple[str, str]] = []
        self.restart()

    def restart(self) -> None:
        self.settings: Settings = station(self.values, initial=self.initial)
        self.access = Access(
            self.address, self.settings, Clock(), lambda type_, info: self.told.append((type_, info))
        )

    def change(self, key: str, value: str) -> ConfigurationStatus:
        return self.settings.change_configuration(key, value)

    def attempt(self, accepted: Callable[[Endpoint], CsmsError | None]) -> Way | None:
        """The way that worked, None = none."""
        endpoint = self.access.endpoint()
        error = accepted(endpoint)
        if error is not None:
            self.access.failed(error)
            return None
        self.access.opened(())
        self.access.worked()
        return endpoint.security_profile, endpoint.password


def error(problem: LinkProblem) -> LinkError:
    return LinkError(problem, "wss://csms", "something", "something else", "do something")


def only(ways: Sequence[Way], answer: LinkProblem) -> Callable[[Endpoint], CsmsError | None]:
    def judge(endpoint: Endpoint) -> CsmsError | None:
        if (endpoint.security_profile, endpoint.password) in ways:
            return None
        if not any(profile == endpoint.security_profile for profile, _ in ways):
            return error(answer)  # this port is closed, or its certificate is wrong, or it says 401
        return error(LinkProblem.UNAUTHORIZED)

    return judge


@pytest.mark.parametrize("answer", [LinkProblem.UNAUTHORIZED, LinkProblem.REFUSED, LinkProblem.TLS_UNTRUSTED])
@pytest.mark.parametrize("attempts", [1, 2, 3, 4, 5, 7])
def test_16_SEC_06_16_SEC_13_whatever_a_csms_accepts_of_old_and_new_the_station_finds(
    tmp_path: Path, attempts: int, answer: LinkProblem
) -> None:
    """Profile and password changed at once, and the CSMS takes any of the four, or several, or one."""
    for ways in SUBSETS:
        desk = Desk(tmp_path, AuthorizationKey=OLD.decode(), SecurityProfile="1")
        desk.settings.assign(c.NETWORK_ATTEMPTS, attempts)
        assert desk.attempt(only([(1, OLD)], answer)) == (1, OLD)
        assert desk.change("AuthorizationKey", NEW.hex()) is ConfigurationStatus.ACCEPTED
        assert desk.change("SecurityProfile", "2") is ConfigurationStatus.ACCEPTED
        found = None
        for count in range(1, 20 * attempts + 20):
            if count == 2:
                desk.restart()  # a reboot in the middle
            found = desk.attempt(only(ways, answer))
            if found is not None:
                break
        assert found in ways, f"{ways}: locked out"
        assert desk.settings[c.SECURITY_PROFILE] == found[0]
        assert desk.settings[c.SECURITY_PROFILE_BEFORE] == -1
        # Whatever it was, the next connection finds it again, also after a restart.
        for restart in (False, True):
            if restart:
                desk.restart()
            tries = [desk.attempt(only([found], answer)) for _ in range(attempts + 3)]
            assert found in tries and set(tries) <= {found, None}


def test_16_SEC_13_what_has_worked_once_is_never_gone_below(tmp_path: Path) -> None:
    desk = Desk(tmp_path, AuthorizationKey=OLD.decode(), SecurityProfile="1")
    desk.attempt(lambda _endpoint: None)
    assert desk.change("SecurityProfile", "2") is ConfigurationStatus.ACCEPTED
    assert desk.attempt(lambda _endpoint: None) == (2, OLD)
    for number in range(300):
        if number % 50 == 0:
            desk.restart()
        endpoint = desk.access.endpoint()
        assert endpoint.security_profile == 2 and endpoint.url.startswith("wss://")
        desk.access.failed(error(list(LinkProblem)[number % len(LinkProblem)]))
    for lower in ("0", "1", "2"):
        assert desk.change("SecurityProfile", lower) is ConfigurationStatus.REJECTED


def test_an_open_websocket_over_which_nothing_is_said_proves_nothing(tmp_path: Path) -> None:
    desk = Desk(tmp_path, AuthorizationKey=OLD.decode(), SecurityProfile="1")
    desk.attempt(lambda _endpoint: None)
    desk.change("SecurityProfile", "2")
    seen = []
    for _ in range(6):
        seen.append(desk.access.endpoint().security_profile)
        desk.access.opened(())
        assert desk.access.on_trial is (desk.settings[c.SECURITY_PROFILE_BEFORE] != -1)
        desk.access.failed(LinkClosed("the CSMS closed the connection with code 1011", 1011))
    assert seen == [2, 2, 2, 1, 1, 1]
    assert desk.settings[c.SECURITY_PROFILE_BEFORE] == 1


@pytest.mark.parametrize(
    ("problem", "types"),
    [
        (LinkProblem.UNAUTHORIZED, ["FailedToAuthenticateAtCsms"]),
        (LinkProblem.FORBIDDEN, ["FailedToAuthenticateAtCsms"]),
        (LinkProblem.CLIENT_CERTIFICATE, ["FailedToAuthenticateAtCsms"]),
        (LinkProblem.TLS_UNTRUSTED, ["InvalidCsmsCertificate", "CsmsFailedToAuthenticate"]),
        (LinkProblem.TLS_DATE, ["InvalidCsmsCertificate", "CsmsFailedToAuthenticate"]),
        (LinkProblem.TLS_WRONG_HOST, ["InvalidCsmsCertificate", "CsmsFailedToAuthenticate"]),
        (LinkProblem.TLS_VERSION, ["InvalidTLSVersion"]),
        (LinkProblem.TLS_SUITE, ["InvalidTLSCipherSuite"]),
        (LinkProblem.TLS_FAILED, []),
        (LinkProblem.REFUSED, []),
        (LinkProblem.TIMEOUT, []),
        (LinkProblem.SERVER_ERROR, []),
    ],
)
def test_16_SEC_27_which_failure_is_which_event_once_until_a_connection_is_made(
    tmp_path: Path, problem: LinkProblem, types: list[str]
) -> None:
    desk = Desk(tmp_path, AuthorizationKey=OLD.decode(), SecurityProfile="1")
    for _ in range(100):
        assert desk.attempt(lambda _endpoint: error(problem)) is None
    assert [type_ for type_, _ in desk.told] == types
    assert all("/ocpp/CP: something" in info for _, info in desk.told)
    desk.attempt(lambda _endpoint: None)
    desk.attempt(lambda _endpoint: error(problem))
    assert [type_ for type_, _ in desk.told] == types * 2


def test_16_SEC_11_another_client_certificate_is_tried_when_one_is_refused(tmp_path: Path) -> None:
    chain, key = client_files(tmp_path)
    other_chain, other_key = client_files(tmp_path, "Operator")

    class One:
        def __init__(self, chain: Path, key: Path) -> None:
            self.chain, self.key = chain, key

    desk = Desk(tmp_path, SecurityProfile="3")
    desk.address = Address("wss://csms/ocpp", "CP", ("ocpp1.6",), chain=other_chain, key=other_key)
    desk.restart()
    desk.access._certificates.client_certificates = lambda: [One(chain, key)]  # type: ignore
    used = []
    for _ in range(4):
        used.append(desk.access.endpoint().chain)
        desk.access.failed(error(LinkProblem.CLIENT_CERTIFICATE))
    assert used == [chain, other_chain, chain, other_chain], "the installed one first"
    assert desk.access.endpoint().password is None
    desk.access.failed(error(LinkProblem.TIMEOUT))
    assert desk.access.endpoint().chain == chain, "the certificate was not to blame"


def test_url_of_each_profile() -> None:
    address = Address("ws://csms.example.com:9000/ocpp", "CP", ("ocpp1.6",))
    assert [address.url_for(profile) for profile in range(4)] == [
        "ws://csms.example.com:9000/ocpp",
        "ws://csms.example.com:9000/ocpp",
        "wss://csms.example.com:9000/ocpp",
        "wss://csms.example.com:9000/ocpp",
    ]
    elsewhere = Address("ws://a/x", "CP", ("ocpp1.6",), secure_url="wss://b/y")
    assert [elsewhere.url_for(profile) for profile in (1, 2, 3)] == ["ws://a/x", "wss://b/y", "wss://b/y"]


def test_status_shows_profile_and_what_is_on_trial(tmp_path: Path) -> None:
    desk = Desk(tmp_path, AuthorizationKey=OLD.decode(), SecurityProfile="1")
    desk.attempt(lambda _endpoint: None)
    assert "profile 1 (password)\n" in render({"csms": desk.access.state})
    desk.change("AuthorizationKey", NEW.hex())
    desk.change("SecurityProfile", "2")
    text = render({"csms": desk.access.state})
    assert "profile 2 (TLS and password); on trial, goes back to profile 1 if it does not work" in text
    assert "the new password has not worked yet" in text
