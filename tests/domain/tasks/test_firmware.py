"""The firmware update as a state machine: what is told when, what waits for what, what a restart finds."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from controller.domain import why
from controller.domain.access.tokens import AuthorizationStatus, IdToken, TokenInfo
from controller.domain.commands import (
    ChangeAvailability,
    RemoteStart,
    Reset,
    ResetKind,
    Status,
    UpdateFirmware,
    Verdict,
)
from controller.domain.effects import (
    AskAuthorize,
    CheckSigningCertificate,
    ConfirmInstallation,
    DropFirmware,
    FetchFirmware,
    InstallFirmware,
    Restart,
    Settled,
    VerifyFirmware,
)
from controller.domain.events import (
    FirmwareStatus,
    FirmwareStatusChanged,
    SecurityEvent,
    TokenRefused,
    TransactionStarted,
)
from controller.domain.evse.spec import EvseSpec
from controller.domain.inputs import (
    AuthorizeAnswered,
    FirmwareFetched,
    FirmwareNotFetched,
    FirmwareVerified,
    InstallationEnded,
    InstallOutcome,
    PolicyChanged,
    SigningCertificateChecked,
    Tick,
)
from controller.domain.station import Station, replay
from controller.domain.tasks.firmware import FirmwareSpec
from controller.domain.tasks.transfers import MOST_RETRIES
from controller.domain.views import Progress
from tests.domain.conftest import POLICY, Hand

INSTALLER = FirmwareSpec(supported=True)
DIGEST = "ab" * 32
PEM = "-----BEGIN CERTIFICATE-----"


class Updating(Hand):
    """A station with an installer, in the hands of somebody who plays network, signatures and installer."""

    def __init__(self, evses: int = 1, spec: FirmwareSpec = INSTALLER, **policy: Any) -> None:
        super().__init__(evses, replace(POLICY, **policy), firmware=spec)
        self.spec = spec
        self.boots = 0
        self.begin("0.1.0")

    def begin(self, version: str, boot_reason: str = "PowerUp", rebooted: bool = True) -> None:
        self.boots += rebooted
        outcome = self.station.start(version, boot_reason, self.now, f"boot-{self.boots}")
        self.events.extend(outcome.events)
        for spec in self.specs:
            self.facts("A", evse_id=spec.evse_id)
            self.read(spec.evse_id)

    def restart(self, version: str = "0.1.0", rebooted: bool = True, seconds: float = 5) -> None:
        """The journal gives the same station to a new run of the program."""
        fresh = Station(
            [EvseSpec(spec.evse_id) for spec in self.specs],
            self.station.policy,
            self.book,
            lambda: next(self.ids),
            firmware=self.spec,
        )
        replay(fresh, self.events)
        checkpoint = self.station.firmware.checkpoint()
        assert fresh.firmware.checkpoint() == checkpoint, "the journal rebuilds the durable state"
        short = Station(self.specs, self.station.policy, self.book, lambda: "", firmware=self.spec)
        replay(short, checkpoint)
        assert short.firmware.checkpoint() == checkpoint, "and so does the checkpoint"
        self.station = fresh
        self.effects.clear()
        self.mono_ms += round(seconds * 1000)
        self.utc_ms += round(seconds * 1000)
        self.begin(version, rebooted=rebooted)
        self.tick()

    def tick(self) -> None:
        self.give(Tick())

    def ask(self, **changes: Any) -> Verdict | None:
        """UpdateFirmware as 1.6 sends it, without a signature."""
        order = UpdateFirmware("http://files/new.bin", self.utc_ms, retries=0, retry_interval_s=0)
        return self.give(replace(order, **changes))

    def ask_signed(self, status: Status = Status.ACCEPTED, info: str = "", **changes: Any) -> Verdict:
        """The request, the check of its certificate, and the answer that follows."""
        assert self.ask(request_id=42, certificate=PEM, signature="c2ln", **changes) is None
        number = self.outcome.deferred
        assert number is not None
        assert CheckSigningCertificate(number, PEM) in self.outcome.effects
        self.give(SigningCertificateChecked(number, status, info))
        (settled,) = [one for one in self.outcome.effects if isinstance(one, Settled)]
        assert settled.deferred == number
        return settled.verdict

    @property
    def update(self) -> int:
        order = self.station.firmware.order
        assert order is not None
        return order.number

    def fetched(self) -> None:
        self.give(FirmwareFetched(self.update, DIGEST))

    def verified(self) -> None:
        self.give(FirmwareVerified(self.update))

    def installed(self, outcome: InstallOutcome, version: str = "", info: str = "") -> None:
        self.give(InstallationEnded(self.update, outcome, version, info))

    def told(self) -> list[str]:
        return [event.status.value for event in self.of(FirmwareStatusChanged)]  # type: ignore[attr-defined]

    def last(self) -> FirmwareStatusChanged:
        event = self.of(FirmwareStatusChanged)[-1]
        assert isinstance(event, FirmwareStatusChanged)
        return event

    def done(self, kind: type) -> list[Any]:
        return [one for one in self.effects if isinstance(one, kind)]

    def security(self) -> list[str]:
        """Types of the events about firmware."""
        types = [event.type for event in self.of(SecurityEvent)]  # type: ignore[attr-defined]
        return [type_ for type_ in types if "Firmware" in type_]

    def allow(self, evse_id: int = 1) -> None:
        turn = self.station._turn(self.now)
        evse = self.station.evses[evse_id]
        evse.admission.grant(turn, IdToken("04AA"), None, "csms", evse.plugged)
        self.events.extend(turn.events)

    def start_charging(self, evse_id: int = 1) -> None:
        self.online()
        self.allow(evse_id)
        self.plug(evse_id)
        self.read(evse_id)
        self.charge(evse_id)


@pytest.fixture
def station() -> Updating:
    return Updating()


# ---------------------------------------------------------------------- the plain course


def test_16_FW_01_the_answer_comes_first_and_the_download_with_the_next_turn(station: Updating) -> None:
    assert station.ask() == Verdict(Status.ACCEPTED)
    assert station.told() == []
    station.tick()
    assert station.told() == ["Downloading"]
    assert station.done(FetchFirmware) == [FetchFirmware(1, "http://files/new.bin")]


def test_16_FW_01_nothing_is_downloaded_before_the_retrieve_date(station: Updating) -> None:
    station.ask(retrieve_at_ms=station.utc_ms + 60_000)
    station.tick()
    assert station.told() == ["DownloadScheduled"]
    assert station.station.next_deadline_ms() is not None
    station.sleep(59)
    assert station.told() == ["DownloadScheduled"]
    station.sleep(1)
    assert station.told() == ["DownloadScheduled", "Downloading"]


def test_16_FW_01_the_plan_follows_the_clock_when_it_is_set(station: Updating) -> None:
    station.ask(retrieve_at_ms=station.utc_ms + 3_600_000)
    station.tick()
    station.utc_ms += 3_600_000  # the CSMS set it
    station.tick()
    assert station.told() == ["DownloadScheduled", "Downloading"]


def test_16_FW_02_16_FW_04_every_step_is_told_and_a_valid_image_is_installed_at_once(
    station: Updating,
) -> None:
    station.ask()
    station.tick()
    station.fetched()
    assert station.told() == ["Downloading", "Downloaded", "Installing"]
    assert station.done(InstallFirmware) == [InstallFirmware(1, DIGEST)]
    station.installed(InstallOutcome.INSTALLED, "0.2.0")
    assert station.told() == ["Downloading", "Downloaded", "Installing", "Installed"]
    assert station.security() == ["FirmwareUpdated"]
    assert station.done(DropFirmware) == [DropFirmware(1)]


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        (InstallOutcome.FAILED, "InstallationFailed"),
        (InstallOutcome.UNVERIFIED, "InstallVerificationFailed"),
    ],
)
def test_16_FW_02_a_failed_installation_is_told_and_ends_the_update(
    station: Updating, outcome: InstallOutcome, status: str
) -> None:
    station.ask()
    station.tick()
    station.fetched()
    station.installed(outcome, info="no room")
    assert station.told()[-1] == status
    assert station.last().info == "no room"
    assert station.security() == []
    assert station.ask() == Verdict(Status.ACCEPTED)


# ---------------------------------------------------------------------- retries


def test_16_FW_03_retries_and_interval_are_those_of_the_request(station: Updating) -> None:
    station.ask(retries=2, retry_interval_s=30)
    station.tick()
    for attempt in (1, 2):
        station.give(FirmwareNotFetched(1, "connection reset"))
        assert station.told()[-1] == "DownloadPaused"
        assert station.last().attempt == attempt
        station.sleep(29)
        assert station.told()[-1] == "DownloadPaused"
        station.sleep(1)
        assert station.told()[-1] == "Downloading"
        assert station.last().again
    station.give(FirmwareNotFetched(1, "connection reset"))
    assert station.told()[-1] == "DownloadFailed"
    assert len(station.done(FetchFirmware)) == 3
    station.sleep(300)
    assert station.told()[-1] == "DownloadFailed"


def test_16_FW_03_without_retries_in_the_request_the_station_has_its_own(station: Updating) -> None:
    station.ask(retries=None, retry_interval_s=None)
    station.tick()
    while station.told()[-1] != "DownloadFailed":
        station.give(FirmwareNotFetched(1, "no route"))
        station.sleep(60)
    assert len(station.done(FetchFirmware)) == 4


def test_16_FW_03_retries_of_zero_mean_one_attempt(station: Updating) -> None:
    station.ask(retries=0)
    station.tick()
    station.give(FirmwareNotFetched(1, "404"))
    assert station.told() == ["Downloading", "DownloadFailed"]


def test_a_request_for_ever_is_tried_every_ten_seconds_and_not_for_ever(station: Updating) -> None:
    """Each attempt is two entries in the journal: nobody fills the disk with one request."""
    station.ask(retries=2**31 - 1, retry_interval_s=0)
    station.tick()
    for _ in range(60):
        if station.told()[-1] == "Downloading":
            station.give(FirmwareNotFetched(1, "connection refused"))
        station.sleep(1)
    assert len(station.done(FetchFirmware)) <= 7
    order = station.station.firmware.order
    assert order is not None and order.retries == MOST_RETRIES


def test_a_url_of_a_megabyte_does_not_reach_the_journal(station: Updating) -> None:
    verdict = station.ask(location="http://files/" + "x" * 1_000_000)
    assert verdict is not None and verdict.status is Status.REJECTED and verdict.reason == "InvalidURL"
    assert station.ask(location="http://files/" + "x" * 1_000_000, certificate=PEM) == verdict
    assert station.station.firmware.order is None


def test_where_a_finished_update_came_from_is_not_kept(station: Updating) -> None:
    """The URL may hold a password. The journal forgets it in time, the checkpoint at once."""
    station.ask(location="ftp://joule:post@files/x")
    station.tick()
    order = station.station.firmware.order
    assert order is not None and "post" in order.location
    station.give(FirmwareNotFetched(1, "404"))
    assert station.told()[-1] == "DownloadFailed"
    assert "post" not in repr(station.station.checkpoint())


def test_16_FW_03_what_no_retry_can_help_fails_at_once(station: Updating) -> None:
    station.ask(retries=5)
    station.tick()
    station.give(FirmwareNotFetched(1, "sftp is not supported", final=True))
    assert station.told() == ["Downloading", "DownloadFailed"]


def test_16_FW_03_the_wait_between_attempts_goes_on_over_a_restart(station: Updating) -> None:
    station.ask(retries=1, retry_interval_s=30)
    station.tick()
    station.give(FirmwareNotFetched(1, "reset"))
    station.restart(seconds=10)
    assert station.told()[-1] == "DownloadPaused"
    station.sleep(19)
    assert station.told()[-1] == "DownloadPaused"
    station.sleep(1)
    assert station.told()[-1] == "Downloading"
    station.give(FirmwareNotFetched(1, "reset"))
    assert station.told()[-1] == "DownloadFailed", "the attempt before the restart counts"


def test_16_FW_03_a_clock_that_jumps_back_does_not_lengthen_the_wait_beyond_its_interval(
    station: Updating,
) -> None:
    station.ask(retries=1, retry_interval_s=30)
    station.tick()
    station.give(FirmwareNotFetched(1, "reset"))
    station.utc_ms -= 86_400_000
    station.restart(seconds=1)
    station.sleep(30)
    assert station.told()[-1] == "Downloading"


# ---------------------------------------------------------------------- signed


def test_16_SEC_33_the_certificate_is_checked_before_the_answer(station: Updating) -> None:
    assert station.ask_signed(Status.INVALID_CERTIFICATE, "expired") == Verdict(
        Status.INVALID_CERTIFICATE, "InvalidCertificate", "expired"
    )
    assert station.ask_signed(Status.REVOKED_CERTIFICATE, "on the list").status is Status.REVOKED_CERTIFICATE
    assert station.security() == ["InvalidFirmwareSigningCertificate"] * 2
    station.sleep(5)
    assert station.told() == []
    assert station.ask_signed() == Verdict(Status.ACCEPTED)
    station.tick()
    assert station.told() == ["Downloading"]


def test_16_SEC_33_an_update_goes_on_when_another_one_is_refused(station: Updating) -> None:
    station.ask_signed()
    station.tick()
    station.ask_signed(Status.INVALID_CERTIFICATE)
    station.fetched()
    assert station.told() == ["Downloading", "Downloaded"]


def test_16_SEC_34_16_SEC_35_16_SEC_36_each_step_carries_the_request_id(station: Updating) -> None:
    station.ask_signed(retrieve_at_ms=station.utc_ms + 5000, retries=1)
    station.sleep(6)
    station.give(FirmwareNotFetched(1, "reset"))
    station.sleep(10)
    station.fetched()
    assert station.done(VerifyFirmware) == [VerifyFirmware(1, PEM, "c2ln", DIGEST)]
    station.verified()
    station.installed(InstallOutcome.INSTALLED)
    assert station.told() == [
        "DownloadScheduled",
        "Downloading",
        "DownloadPaused",
        "Downloading",
        "Downloaded",
        "SignatureVerified",
        "Installing",
        "Installed",
    ]
    assert {event.request_id for event in station.of(FirmwareStatusChanged)} == {42}  # type: ignore[attr-defined]


def test_16_SEC_35_a_wrong_signature_ends_the_update_with_a_security_event(station: Updating) -> None:
    station.ask_signed()
    station.tick()
    station.fetched()
    station.give(FirmwareVerified(1, "the signature is wrong"))
    assert station.told()[-1] == "InvalidSignature"
    assert station.security() == ["InvalidFirmwareSignature"]
    station.sleep(10)
    assert station.done(InstallFirmware) == []
    assert station.done(DropFirmware) == [DropFirmware(1)]


def test_16_SEC_37_installation_waits_for_its_date(station: Updating) -> None:
    station.ask_signed(install_at_ms=station.utc_ms + 60_000)
    station.tick()
    station.fetched()
    station.verified()
    assert station.told()[-1] == "InstallScheduled"
    assert not station.station.evses[1].availability.hold, "until then everybody may charge"
    station.restart(seconds=30)
    station.sleep(29)
    assert station.told()[-1] == "InstallScheduled"
    station.sleep(1)
    assert station.told()[-1] == "Installing"


def test_16_SEC_41_an_unsigned_update_from_before_the_profile_was_raised_is_not_installed(
    station: Updating,
) -> None:
    station.ask(install_at_ms=station.utc_ms + 60_000)
    station.tick()
    station.fetched()
    assert station.told()[-1] == "InstallScheduled"
    station.give(PolicyChanged(replace(station.station.policy, unsigned_firmware=False)))
    station.sleep(61)
    assert station.told()[-1] == "InstallationFailed" and station.done(InstallFirmware) == []
    assert not station.station.evses[1].availability.hold


def test_16_SEC_37_an_install_date_in_the_past_means_now(station: Updating) -> None:
    station.ask_signed(install_at_ms=station.utc_ms - 1)
    station.tick()
    station.fetched()
    station.verified()
    assert station.told()[-2:] == ["SignatureVerified", "Installing"]


@pytest.mark.parametrize("profile_wants_signature", [True, False])
def test_16_SEC_41_an_unsigned_update_is_refused_where_signatures_are_required(
    profile_wants_signature: bool,
) -> None:
    station = Updating(unsigned_firmware=not profile_wants_signature)
    verdict = station.ask()
    assert verdict is not None
    assert verdict.status is (Status.NOT_SUPPORTED if profile_wants_signature else Status.ACCEPTED)
    station.sleep(2)
    assert bool(station.told()) is not profile_wants_signature


def test_a_station_without_installer_supports_no_update() -> None:
    station = Updating(spec=FirmwareSpec(False))
    for changes in ({}, {"certificate": PEM, "request_id": 1}):
        verdict = station.ask(**changes)
        assert verdict is not None
        assert verdict.status is Status.NOT_SUPPORTED


# ---------------------------------------------------------------------- cancel and replace


REPLACEABLE = ["DownloadScheduled", "Downloading", "DownloadPaused", "Downloaded", "InstallScheduled"]


def bring_to(station: Updating, status: str, dated: bool | None = None) -> None:
    """A signed update, as far as ``status``. ``dated``: with an install date that is still to come."""
    later = station.utc_ms + 3_600_000
    scheduled = status == "DownloadScheduled"
    if dated is None:
        dated = status == "InstallScheduled"
    station.ask_signed(
        retrieve_at_ms=later if scheduled else station.utc_ms,
        install_at_ms=later if dated else None,
        retries=1,
        retry_interval_s=60,
    )
    station.tick()
    if status == "DownloadPaused":
        station.give(FirmwareNotFetched(station.update, "reset"))
    if status not in ("DownloadScheduled", "Downloading", "DownloadPaused", "DownloadFailed"):
        station.fetched()
    if status == "DownloadFailed":
        station.give(FirmwareNotFetched(station.update, "no", final=True))
    if status == "InvalidSignature":
        station.give(FirmwareVerified(station.update, "wrong"))
    elif status not in ("Downloaded", *REPLACEABLE[:3], "DownloadFailed"):
        station.verified()
    if status == "InstallRebooting":
        station.installed(InstallOutcome.REBOOT, "0.2.0")
    elif status == "Installed":
        station.installed(InstallOutcome.INSTALLED, "0.2.0")
    elif status == "InstallationFailed":
        station.installed(InstallOutcome.FAILED, info="no")
    elif status == "InstallVerificationFailed":
        station.installed(InstallOutcome.UNVERIFIED, info="no")
    assert station.told()[-1] == status


@pytest.mark.parametrize("status", REPLACEABLE)
def test_16_SEC_40_a_new_request_replaces_one_that_can_be_stopped(station: Updating, status: str) -> None:
    bring_to(station, status)
    before = len(station.told())
    assert station.ask_signed().status is Status.ACCEPTED_CANCELED
    assert DropFirmware(1) in station.effects
    station.tick()
    assert station.told()[before:] == ["Downloading"]
    station.give(FirmwareFetched(1, DIGEST))
    station.give(FirmwareNotFetched(1, "cancelled"))
    station.give(FirmwareVerified(1))
    assert station.told()[before:] == ["Downloading"], "late answers for the old update mean nothing"
    station.fetched()
    assert station.told()[-1] == "Downloaded"


@pytest.mark.parametrize("status", ["Installing", "InstallRebooting"])
def test_16_SEC_40_an_installation_cannot_be_cancelled(station: Updating, status: str) -> None:
    bring_to(station, status)
    verdict = station.ask(request_id=43, certificate=PEM)
    assert verdict is not None and verdict.status is Status.REJECTED
    verdict = station.ask()
    assert verdict is not None and verdict.status is Status.REJECTED


def test_16_SEC_40_an_installation_that_began_during_the_check_is_not_cancelled_either(
    station: Updating,
) -> None:
    bring_to(station, "Downloaded")
    station.ask(request_id=43, certificate=PEM)
    number = station.outcome.deferred
    assert number is not None
    station.verified()
    assert station.told()[-1] == "Installing"
    station.give(SigningCertificateChecked(number, Status.ACCEPTED))
    (settled,) = [one for one in station.outcome.effects if isinstance(one, Settled)]
    assert settled.verdict.status is Status.REJECTED


@pytest.mark.parametrize("status", ["DownloadFailed", "InvalidSignature", "Installed", "InstallationFailed"])
def test_16_SEC_40_a_finished_update_is_not_cancelled_by_the_next(station: Updating, status: str) -> None:
    bring_to(station, status)
    assert station.ask_signed().status is Status.ACCEPTED


# ---------------------------------------------------------------------- transactions


@pytest.mark.parametrize("evses", [1, 2])
def test_16_FW_05_16_SEC_38_installation_waits_for_transactions_and_nobody_else_begins(evses: int) -> None:
    station = Updating(evses)
    station.start_charging(1)
    station.ask_signed()
    station.tick()
    station.fetched()
    station.verified()
    assert station.told()[-1] == "InstallScheduled"
    views = {view.evse_id: view for view in station.station.views(station.now)}
    assert views[1].operative, "who charges goes on"
    assert station.limit_ma(1) > 0
    if evses == 2:
        assert not views[2].operative
        wish = next(wish for wish in station.station.permits(station.now) if wish.evse_id == 2)
        assert wish.unavailable
        rows = why.reasons(station.station, 2, station.now)
        assert any(row.name == "firmware update" and "running transactions" in row.value for row in rows)
        station.swipe("04BB")
        (ask,) = station.done(AskAuthorize)
        station.give(AuthorizeAnswered(ask.ask_id, TokenInfo(AuthorizationStatus.ACCEPTED)))
        assert [event.status for event in station.of(TokenRefused)] == ["NoFreeEvse"]  # type: ignore[attr-defined]
        verdict = station.give(RemoteStart(IdToken("04BB"), 2))
        assert verdict is not None and "new firmware waits" in verdict.info
        station.plug(2)
        station.read(2)
        assert len(station.of(TransactionStarted)) == 1
        station.unplug(2)
    station.unplug(1)
    station.read(1)
    assert station.told()[-1] == "Installing"
    views = {view.evse_id: view for view in station.station.views(station.now)}
    assert not any(views[evse_id].operative for evse_id in range(1, evses + 1)), "those that became free, too"
    assert all(evse.availability.operative for evse in station.station.evses.values()), (
        "the operator's word is kept apart"
    )
    station.installed(InstallOutcome.FAILED)
    views = {view.evse_id: view for view in station.station.views(station.now)}
    assert all(view.operative for view in views.values())


def test_16_FW_05_an_operators_unavailable_stays_after_the_installation() -> None:
    station = Updating(2)
    station.give(ChangeAvailability(2, False))
    station.ask()
    station.tick()
    station.fetched()
    station.installed(InstallOutcome.INSTALLED)
    views = {view.evse_id: view for view in station.station.views(station.now)}
    assert views[1].operative
    assert not views[2].operative


def test_16_FW_05_a_card_shown_before_the_plug_waits_for_nothing(station: Updating) -> None:
    """Authorized and not yet plugged is no transaction: the installation goes first."""
    station.ask()
    station.tick()
    station.allow()
    assert station.station.evses[1].admission.held is not None
    station.fetched()
    assert station.told()[-1] == "Installing"
    assert station.station.evses[1].admission.held is None


def test_16_FW_05_where_charging_can_go_on_nobody_waits_but_for_the_restart() -> None:
    station = Updating(2, spec=FirmwareSpec(True, charging_continues=True))
    station.start_charging(1)
    station.ask_signed()
    station.tick()
    station.fetched()
    station.verified()
    assert station.told()[-1] == "Installing"
    assert station.station.evses[2].availability.hold is None
    station.installed(InstallOutcome.REBOOT, "0.2.0")
    assert station.told()[-1] == "Installing"
    assert station.done(Restart) == []
    assert station.station.evses[2].availability.hold is not None
    station.unplug(1)
    station.read(1)
    assert station.told()[-1] == "InstallRebooting"
    assert station.done(Restart) == [Restart(ResetKind.IMMEDIATE)]


def test_a_reset_waits_for_nobody_but_an_installation(station: Updating) -> None:
    bring_to(station, "Downloading")
    verdict = station.give(Reset(ResetKind.SOFT))
    assert verdict is not None and verdict.status is Status.ACCEPTED
    other = Updating()
    bring_to(other, "Installing")
    verdict = other.give(Reset(ResetKind.IMMEDIATE))
    assert verdict is not None and verdict.status is Status.REJECTED
    assert verdict.reason == "FwUpdateInProgress"


@pytest.mark.parametrize("kind", list(ResetKind))
def test_an_installation_does_not_begin_before_a_reset_that_is_on_its_way(
    station: Updating, kind: ResetKind
) -> None:
    station.start_charging()
    bring_to(station, "InstallScheduled", dated=False)
    station.give(Reset(kind))
    station.unplug()
    station.sleep(2)
    assert station.done(Restart) == [Restart(kind)]
    station.sleep(5)
    assert station.told()[-1] == "InstallScheduled"
    station.restart()
    assert station.told()[-1] == "Installing"


# ---------------------------------------------------------------------- restart into the new firmware


@pytest.mark.parametrize(
    ("outcome", "kind"),
    [(InstallOutcome.RESTART, ResetKind.SOFT), (InstallOutcome.REBOOT, ResetKind.IMMEDIATE)],
)
@pytest.mark.parametrize("expected", ["0.2.0", ""])
def test_16_FW_09_16_SEC_39_the_new_version_after_the_restart_is_the_proof(
    station: Updating, outcome: InstallOutcome, kind: ResetKind, expected: str
) -> None:
    bring_to(station, "Installing")
    station.installed(outcome, expected)
    assert station.told()[-2:] == ["Installing", "InstallRebooting"]
    assert station.done(Restart) == [Restart(kind)]
    station.restart("0.2.0", rebooted=kind is ResetKind.IMMEDIATE)
    assert station.done(ConfirmInstallation) == [ConfirmInstallation(1)]
    assert station.station.evses[1].availability.hold is not None
    station.installed(InstallOutcome.UNKNOWN)
    assert station.told()[-1] == "Installed"
    assert station.security() == ["FirmwareUpdated"]
    assert station.station.evses[1].availability.hold is None


@pytest.mark.parametrize("expected", ["0.2.0", ""])
def test_16_FW_09_a_roll_back_is_noticed(station: Updating, expected: str) -> None:
    bring_to(station, "Installing")
    station.installed(InstallOutcome.REBOOT, expected)
    station.restart("0.1.0", rebooted=True)
    station.installed(InstallOutcome.UNKNOWN)
    assert station.told()[-1] == "InstallationFailed"
    assert "version 0.1.0 runs" in station.last().info
    assert station.security() == []


def test_16_FW_09_the_installer_knows_better_than_the_version(station: Updating) -> None:
    bring_to(station, "InstallRebooting")
    station.restart("0.2.0", rebooted=True)
    station.installed(InstallOutcome.FAILED, info="self-test of the new slot failed")
    assert station.told()[-1] == "InstallationFailed"


def test_16_SEC_39_a_machine_that_does_not_restart_is_told_again_and_then_given_up(station: Updating) -> None:
    bring_to(station, "InstallRebooting")
    for _ in range(2):
        station.restart("0.1.0", rebooted=False)
        station.installed(InstallOutcome.UNKNOWN)
        assert station.told()[-1] == "InstallRebooting"
        assert station.done(Restart) == [Restart(ResetKind.IMMEDIATE)]
    station.restart("0.1.0", rebooted=False)
    station.installed(InstallOutcome.UNKNOWN)
    assert station.told()[-1] == "InstallationFailed"


# ---------------------------------------------------------------------- a power cut at each step


AFTER = {
    "DownloadScheduled": ("DownloadScheduled", None),
    "Downloading": ("Downloading", FetchFirmware),
    "DownloadPaused": ("DownloadPaused", None),
    "Downloaded": ("Downloaded", VerifyFirmware),
    "InstallScheduled": ("InstallScheduled", None),
    "Installing": ("Installing", ConfirmInstallation),
    "InstallRebooting": ("InstallRebooting", ConfirmInstallation),
    "DownloadFailed": ("DownloadFailed", None),
    "InvalidSignature": ("InvalidSignature", None),
    "Installed": ("Installed", None),
    "InstallationFailed": ("InstallationFailed", None),
    "InstallVerificationFailed": ("InstallVerificationFailed", None),
}


@pytest.mark.parametrize("status", list(AFTER))
def test_a_power_cut_at_each_step_finds_its_way_on(station: Updating, status: str) -> None:
    bring_to(station, status)
    told = len(station.told())
    station.restart()
    expected, effect = AFTER[status]
    assert station.told()[-1] == expected
    assert len(station.told()) == told, "nothing is told twice"
    asked = [one for one in station.effects if type(one).__module__.endswith("effects")]
    kinds = {FetchFirmware, VerifyFirmware, InstallFirmware, ConfirmInstallation, Restart}
    assert [type(one) for one in asked if type(one) in kinds] == ([effect] if effect else [])
    station.sleep(3)
    asked = [one for one in station.effects if type(one) in kinds]
    assert len(asked) == (1 if effect else 0), "asked once in each run"


def test_a_power_cut_between_answer_and_first_step_loses_nothing(station: Updating) -> None:
    station.ask_signed()
    station.restart()
    assert station.told() == ["Downloading"]


# ---------------------------------------------------------------------- triggered reports


def test_16_FW_06_16_SEC_42_16_TRIG_07_idle_after_installed_else_the_last_status() -> None:
    assert Updating().station.firmware.progress() == Progress("Idle")
    for status in AFTER:
        station = Updating()
        bring_to(station, status)
        expected = Progress("Idle") if status == "Installed" else Progress(status, 42)
        assert station.station.firmware.progress() == expected
        station.restart()
        assert station.station.firmware.progress() == expected


def test_the_statuses_are_those_of_the_standard() -> None:
    assert len(FirmwareStatus) == 14
