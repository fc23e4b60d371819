"""The rules of certificates, driven by hand: effects are answered as the shell would."""

from __future__ import annotations

from dataclasses import replace

import pytest

from controller.domain.commands import (
    DeleteCertificate,
    InstallCertificate,
    ListCertificates,
    Status,
    TakeSignedCertificate,
    TriggerKind,
    TriggerMessage,
    Verdict,
)
from controller.domain.effects import (
    AskSignature,
    ExamineCertificate,
    MakeSigningRequest,
    RemoveCertificate,
    Settled,
    StoreCertificate,
    UseClientCertificate,
)
from controller.domain.events import (
    ClientCertificateProven,
    RootTrialBegun,
    RootTrialEnded,
    SecurityEvent,
    SigningBegun,
    SigningEnded,
    SigningOutcome,
    SigningReason,
    SigningRepeats,
)
from controller.domain.inputs import (
    CertificateExamined,
    CertificatesFound,
    CsmsChanged,
    CsmsVerified,
    PolicyChanged,
    SignatureAnswered,
    SigningRequestMade,
)
from controller.domain.security.certificate import (
    CertificateFacts,
    CertificateHash,
    CertificateUse,
    HashAlgorithm,
    StoredCertificate,
)
from controller.domain.security.certificate_rules import (
    client_fault,
    root_fault,
    serial_fault,
    weakness,
)
from controller.domain.security.certificates import (
    ASK_AGAIN_MS,
    KEEP_OLD_MS,
    MOST_UNHEARD,
    RENEW_AGAIN_MS,
    RENEW_BEFORE_MS,
)
from controller.domain.station import Station, replay
from tests.domain.conftest import POLICY, Book, Hand

DAY_MS = 24 * 3600 * 1000
CSMS, MAKER, CLIENT = CertificateUse.CSMS_ROOT, CertificateUse.MANUFACTURER_ROOT, CertificateUse.CLIENT
NOW_MS = 1_767_225_600_000


def facts(name: str, **changes: object) -> CertificateFacts:
    plain = CertificateFacts(
        fingerprint=f"print-{name}",
        key_id=f"key-{name}",
        subject=f"CN={name}",
        issuer=f"CN={name}",
        organizations=("Operator",),
        common_names=(name,),
        serial=f"{abs(hash(name)) % 2**60:X}",
        hashes=tuple(CertificateHash(one, f"name-{name}", f"key-{name}", "FFF") for one in HashAlgorithm),
        not_before_ms=NOW_MS - DAY_MS,
        not_after_ms=NOW_MS + 365 * DAY_MS,
        is_ca=True,
        may_sign=True,
        client_auth=True,
        self_issued=True,
        key_kind="EC",
        key_bits=256,
        signature_hash="sha256",
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


def leaf(name: str = "SN-1", **changes: object) -> CertificateFacts:
    return facts(name, **{"is_ca": False, "self_issued": False, **changes})


class Shell:
    """Plays the part of ``CertificateKeeper`` and client. ``files``: what lies on the disk; ``fault``: why
    nothing can be changed there."""

    def __init__(self, hand: Hand) -> None:
        self.hand = hand
        self.files: list[StoredCertificate] = []
        self.fault = ""
        self._seen = self._carried = 0
        hand.give(CertificatesFound(()))

    def put(self, use: CertificateUse, one: CertificateFacts) -> None:
        self.files.append(StoredCertificate(use, one))
        self.hand.give(CertificatesFound(tuple(self.files)))

    def last(self, kind: type) -> object:
        """The newest effect of this kind that was not looked at yet."""
        effects = self.hand.effects
        for index in range(len(effects) - 1, self._seen - 1, -1):
            if isinstance(effects[index], kind):
                self._seen = index + 1
                return effects[index]
        return None

    def verdict(self) -> Verdict:
        settled = self.last(Settled)
        assert isinstance(settled, Settled)
        return settled.verdict

    def ask(self, command: object, chain: tuple[CertificateFacts, ...] = (), **seen: object) -> Verdict:
        """A command to its verdict, by way of the effects it needs."""
        verdict = self.hand.give(command)  # type: ignore[arg-type]
        if verdict is not None:
            return verdict
        number = self.hand.outcome.deferred
        assert number is not None
        effect = self.last(ExamineCertificate)
        if isinstance(effect, ExamineCertificate):
            assert effect.job == number
            self.hand.give(CertificateExamined(number, chain, **seen))  # type: ignore[arg-type]
        self.carry_out(chain)
        return self.verdict()

    def carry_out(self, chain: tuple[CertificateFacts, ...] = ()) -> None:
        """Writes and removals, until there are none."""
        while self._carried < len(self.hand.effects):
            effect = self.hand.effects[self._carried]
            self._carried += 1
            if isinstance(effect, StoreCertificate):
                if not self.fault:
                    self.files.append(StoredCertificate(effect.use, chain[0]))
            elif isinstance(effect, RemoveCertificate):
                if not self.fault:
                    self.files = [
                        one
                        for one in self.files
                        if not (one.use in effect.uses and one.fingerprint == effect.fingerprint)
                    ]
            else:
                continue
            self.hand.give(CertificatesFound(tuple(self.files), effect.job, self.fault))

    def install(
        self, one: CertificateFacts, use: CertificateUse = CSMS, anchors: tuple[str, ...] = ()
    ) -> Verdict:
        return self.ask(InstallCertificate(use, "PEM"), (one,), anchors=anchors)

    def names(self, use: CertificateUse) -> list[str]:
        return [one.facts.name for one in self.files if one.use is use]


@pytest.fixture
def shell(hand: Hand) -> Shell:
    return Shell(hand)


def policy(hand: Hand, **changes: object) -> None:
    hand.give(PolicyChanged(replace(hand.station.policy, **changes)))  # type: ignore[arg-type]


def delete(one: CertificateFacts, algorithm: HashAlgorithm = HashAlgorithm.SHA256) -> DeleteCertificate:
    return DeleteCertificate(next(found for found in one.hashes if found.algorithm is algorithm))


def replayed(hand: Hand) -> Station:
    copy = Station(hand.specs, POLICY, Book(), lambda: "never")
    replay(copy, hand.events)
    return copy


def same_after_replay(hand: Hand) -> None:
    """The journal gives the same station, and so does its checkpoint."""
    copy = replayed(hand)
    assert copy.checkpoint() == hand.station.checkpoint()
    again = Station(hand.specs, POLICY, Book(), lambda: "never")
    replay(again, copy.checkpoint())
    assert again.checkpoint() == copy.checkpoint()


def types(hand: Hand) -> list[str]:
    return [event.type for event in hand.of(SecurityEvent)]  # type: ignore[attr-defined]


# ---------------------------------------------------------------------- which certificates are good


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"is_ca": False}, "no CA"),
        ({"may_sign": False}, "key usage"),
        ({"not_after_ms": NOW_MS - 1}, "expired"),
        ({"not_before_ms": NOW_MS + 2 * DAY_MS}, "not yet valid"),
        ({"key_kind": "RSA", "key_bits": 1024}, "1024 bits"),
        ({"key_kind": "DSA", "key_bits": 1024}, "1024 bits"),
        ({"key_bits": 192}, "192 bits"),
        ({"signature_hash": "sha1"}, "SHA1"),
        ({"signature_hash": "md5"}, "MD5"),
    ],
)
def test_16_SEC_23_a_root_that_is_no_good(changes: dict[str, object], word: str) -> None:
    assert word in root_fault((facts("Root", **changes),), NOW_MS)


def test_16_SEC_23_a_good_root() -> None:
    for changes in (
        {},
        {"key_kind": "RSA", "key_bits": 2048},
        {"key_kind": "Ed25519", "key_bits": 256, "signature_hash": ""},
        {"key_bits": 224, "signature_hash": "sha512"},
        {"not_before_ms": NOW_MS + 3_600_000},
        {"not_after_ms": NOW_MS},
    ):
        assert root_fault((facts("Root", **changes),), NOW_MS) == ""
    assert "found 2" in root_fault((facts("Root"), facts("Other")), NOW_MS)
    assert weakness(facts("Root")) == ""


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"not_after_ms": NOW_MS - 1}, "expired"),
        ({"key_kind": "RSA", "key_bits": 2047}, "2047 bits"),
        ({"signature_hash": "sha1"}, "SHA1"),
        ({"is_ca": True}, "CA's"),
        ({"client_auth": False}, "client authentication"),
        ({"organizations": ("Else",)}, "organization"),
        ({"organizations": ()}, "absent"),
        ({"common_names": ("SN-2",)}, "SN-2"),
        ({"common_names": ()}, "absent"),
        ({"common_names": ("SN-1", "SN-2")}, "SN-1 and SN-2"),
    ],
)
def test_16_SEC_17_a_certificate_of_the_station_that_is_no_good(
    changes: dict[str, object], word: str
) -> None:
    assert word in fault(leaf(**changes))


def fault(*chain: CertificateFacts, key_held: bool = True, anchored: bool = True) -> str:
    return client_fault(
        chain, key_held=key_held, anchored=anchored, organization="Operator", serial="SN-1", utc_ms=NOW_MS
    )


def test_16_SEC_17_key_chain_and_root_count_too() -> None:
    assert fault(leaf()) == ""
    assert "key" in fault(leaf(), key_held=False)
    assert "root of the CSMS" in fault(leaf(), anchored=False)
    assert "Sub" in fault(leaf(), facts("Sub", is_ca=False))
    assert "Sub: expired" in fault(leaf(), facts("Sub", not_after_ms=0))
    assert "Sub" in fault(leaf(), facts("Sub", signature_hash="sha1"))
    assert fault(leaf(), facts("Sub")) == ""


def test_16_SEC_18_one_that_begins_later_is_good() -> None:
    assert fault(leaf(not_before_ms=NOW_MS + 30 * DAY_MS)) == ""


@pytest.mark.parametrize(
    ("serial", "good"),
    [
        ("SN-1", True),
        ("00:11:22:33:44:55", True),
        ("", False),
        ("10.0.0.1", False),
        ("fe80::1", False),
        ("https://station", False),
    ],
)
def test_16_SEC_15_the_serial_number_stands_for_the_station(serial: str, good: bool) -> None:
    """A00.FR.511: no URL and no IP address."""
    assert (serial_fault(serial) == "") is good


# ---------------------------------------------------------------------- M05


def test_16_SEC_23_install_accepted_durable_and_told_in_the_security_log(shell: Shell) -> None:
    assert shell.install(facts("Root")).status is Status.ACCEPTED
    assert shell.install(facts("Maker"), MAKER).status is Status.ACCEPTED
    assert (shell.names(CSMS), shell.names(MAKER)) == (["Root"], ["Maker"])
    assert types(shell.hand) == ["ReconfigurationOfSecurityParameters"] * 2


def test_16_SEC_23_a_second_time_is_accepted_and_changes_nothing(shell: Shell) -> None:
    shell.install(facts("Root"))
    before = list(shell.hand.events)
    assert shell.install(facts("Root")).status is Status.ACCEPTED
    assert shell.hand.events == before and shell.names(CSMS) == ["Root"]


def test_16_SEC_23_invalid_or_full_is_rejected_and_the_rest_failed(shell: Shell) -> None:
    policy(shell.hand, certificate_store_max=2)
    invalid = shell.ask(InstallCertificate(CSMS, "PEM"), (), fault="garbage")
    assert (invalid.status, invalid.info) == (Status.REJECTED, "garbage")
    assert shell.install(facts("Root", is_ca=False)).status is Status.REJECTED
    shell.fault = "csms-roots/x.pem: cannot be written: No space left on device"
    failed = shell.install(facts("Root"))
    assert (failed.status, failed.info) == (Status.FAILED, shell.fault)
    shell.fault = ""
    shell.install(facts("Root"))
    shell.install(facts("Maker"), MAKER)
    full = shell.install(facts("Another"))
    assert (full.status, full.reason) == (Status.REJECTED, "StoreFull")
    assert shell.install(facts("Root")).status is Status.ACCEPTED, "installed already"
    assert shell.ask(InstallCertificate(CLIENT, "PEM")).status is Status.REJECTED


def test_16_SEC_23_the_files_cannot_be_read(shell: Shell) -> None:
    shell.hand.give(InstallCertificate(CSMS, "PEM"))
    number = shell.hand.outcome.deferred
    shell.hand.give(CertificatesFound((), number, "csms-roots: cannot be read: Input/output error"))
    assert shell.verdict().status is Status.FAILED


def test_certificates_are_installed_over_a_secured_profile_only(shell: Shell) -> None:
    for profile, status in (
        (0, Status.REJECTED),
        (1, Status.ACCEPTED),
        (2, Status.ACCEPTED),
        (3, Status.ACCEPTED),
    ):
        policy(shell.hand, security_profile=profile)
        assert shell.install(facts(f"Root {profile}")).status is status
    assert shell.names(CSMS) == ["Root 1", "Root 2", "Root 3"]


def test_before_the_files_were_looked_at_nothing_is_promised(hand: Hand) -> None:
    for command, status in (
        (InstallCertificate(CSMS, "PEM"), Status.FAILED),
        (delete(facts("Root")), Status.FAILED),
        (TakeSignedCertificate("PEM"), Status.REJECTED),
        (ListCertificates((CSMS,)), Status.NOT_FOUND),
        (TriggerMessage(TriggerKind.SIGN_CERTIFICATE), Status.REJECTED),
    ):
        verdict = hand.give(command)
        assert verdict is not None and verdict.status is status


# ---------------------------------------------------------------------- AdditionalRootCertificateCheck


@pytest.fixture
def checked(shell: Shell) -> Shell:
    policy(shell.hand, additional_root_check=True)
    assert shell.install(facts("Old")).status is Status.ACCEPTED
    assert shell.hand.station.certificates.trial is None, "the first one replaces nothing"
    return shell


def trusted(shell: Shell) -> list[list[str]]:
    return [[one.facts.name for one in group] for group in shell.hand.station.certificates.trusted()]


def test_16_SEC_24_a_new_root_has_to_be_signed_by_the_old_one(checked: Shell) -> None:
    verdict = checked.install(facts("New"))
    assert (verdict.status, checked.names(CSMS)) == (Status.REJECTED, ["Old"])
    assert checked.install(facts("Maker"), MAKER).status is Status.ACCEPTED, "other uses are not concerned"


def test_16_SEC_24_the_old_one_is_fallback_until_the_new_one_works(checked: Shell) -> None:
    assert checked.install(facts("New"), anchors=("print-Old",)).status is Status.ACCEPTED
    assert trusted(checked) == [["New"], ["Old"]]
    for roots in (("print-Old",), ("print-New", "print-Old"), ()):  # M05.FR.13: the fallback was needed
        checked.hand.give(CsmsVerified(roots))
        checked.carry_out()
    assert trusted(checked) == [["New"], ["Old"]]
    same_after_replay(checked.hand)
    checked.hand.give(CsmsVerified(("print-New",)))
    checked.carry_out()
    assert trusted(checked) == [["New"]] and checked.names(CSMS) == ["New"]
    assert [event.worked for event in checked.hand.of(RootTrialEnded)] == [True]  # type: ignore[attr-defined]
    same_after_replay(checked.hand)


def test_16_SEC_24_removing_the_old_one_is_tried_again_with_the_next_connection(checked: Shell) -> None:
    checked.install(facts("New"), anchors=("print-Old",))
    checked.fault = "read-only"
    checked.hand.give(CsmsVerified(("print-New",)))
    checked.carry_out()
    assert trusted(checked) == [["New"], ["Old"]]
    checked.fault = ""
    checked.hand.give(CsmsVerified(("print-New",)))
    checked.carry_out()
    assert trusted(checked) == [["New"]]


def test_16_SEC_24_a_root_that_never_worked_vouches_for_nobody_and_makes_room(checked: Shell) -> None:
    checked.install(facts("Typo"), anchors=("print-Old",))
    assert checked.install(facts("Evil"), anchors=("print-Typo",)).status is Status.REJECTED
    assert checked.install(facts("New"), anchors=("print-Old",)).status is Status.ACCEPTED
    assert trusted(checked) == [["New"], ["Old"]]
    assert sorted(checked.names(CSMS)) == ["New", "Old"]
    same_after_replay(checked.hand)


def test_16_SEC_24_a_new_root_that_could_not_be_written_replaces_nothing(checked: Shell) -> None:
    checked.fault = "No space left on device"
    assert checked.install(facts("New"), anchors=("print-Old",)).status is Status.FAILED
    assert trusted(checked) == [["Old"]]
    assert isinstance(checked.hand.events[-1], RootTrialEnded)
    same_after_replay(checked.hand)


def test_16_SEC_24_the_program_ends_before_the_new_root_is_written(checked: Shell) -> None:
    checked.hand.give(InstallCertificate(CSMS, "PEM"))
    number = checked.hand.outcome.deferred
    assert number is not None
    checked.hand.give(CertificateExamined(number, (facts("New"),), anchors=("print-Old",)))
    assert checked.hand.of(RootTrialBegun)
    after = replayed(checked.hand)
    assert after.certificates.trial is not None
    after.handle(CertificatesFound(tuple(checked.files)), checked.hand.now)
    assert after.certificates.trial is None
    assert [[one.facts.name for one in group] for group in after.certificates.trusted()] == [["Old"]]


def test_16_SEC_24_files_that_cannot_be_read_at_a_start_do_not_end_the_trial(checked: Shell) -> None:
    checked.install(facts("New"), anchors=("print-Old",))
    after = replayed(checked.hand)
    after.handle(CertificatesFound((), None, "csms-roots: Input/output error"), checked.hand.now)
    assert after.certificates.trial is not None
    after.handle(CertificatesFound(tuple(checked.files)), checked.hand.now)
    assert [[one.facts.name for one in group] for group in after.certificates.trusted()] == [["New"], ["Old"]]


def test_16_SEC_22_16_SEC_24_of_a_trial_the_new_root_can_be_deleted_but_not_the_fallback(
    checked: Shell,
) -> None:
    checked.install(facts("New"), anchors=("print-Old",))
    assert checked.ask(delete(facts("Old"))).status is Status.FAILED
    assert checked.ask(delete(facts("New"))).status is Status.ACCEPTED
    assert trusted(checked) == [["Old"]]
    same_after_replay(checked.hand)


def test_16_SEC_24_the_first_one_has_to_be_signed_by_a_root_of_station_toml(shell: Shell) -> None:
    policy(shell.hand, additional_root_check=True)
    shell.hand.give(CertificatesFound((), owner_roots=True))
    assert shell.install(facts("Root")).status is Status.REJECTED
    verdict = shell.ask(InstallCertificate(CSMS, "PEM"), (facts("Root"),), owner_anchored=True)
    assert verdict.status is Status.ACCEPTED
    assert shell.hand.station.certificates.trial is None


def test_16_SEC_24_without_the_check_several_roots_live_side_by_side(shell: Shell) -> None:
    shell.install(facts("A"))
    shell.install(facts("B"))
    assert trusted(shell) == [["A", "B"]]


# ---------------------------------------------------------------------- M03, M04


def test_16_SEC_21_list_by_use(shell: Shell) -> None:
    assert shell.ask(ListCertificates((CSMS,))).status is Status.NOT_FOUND
    shell.install(facts("Root"))
    shell.put(CLIENT, leaf())
    listed = shell.ask(ListCertificates((CSMS,)))
    assert (listed.status, [one.facts.name for one in listed.certificates]) == (Status.ACCEPTED, ["Root"])
    assert shell.ask(ListCertificates((MAKER,))).status is Status.NOT_FOUND
    assert [one.facts.name for one in shell.ask(ListCertificates()).certificates] == ["Root"]


@pytest.mark.parametrize("algorithm", list(HashAlgorithm))
def test_16_SEC_22_delete_by_any_algorithm(shell: Shell, algorithm: HashAlgorithm) -> None:
    shell.install(facts("Root"))
    assert shell.ask(delete(facts("Other"), algorithm)).status is Status.NOT_FOUND
    assert shell.ask(delete(facts("Root"), algorithm)).status is Status.ACCEPTED
    assert shell.names(CSMS) == []
    assert shell.ask(delete(facts("Root"), algorithm)).status is Status.NOT_FOUND
    assert types(shell.hand) == ["ReconfigurationOfSecurityParameters"] * 2


def test_16_SEC_22_what_is_in_use_or_ones_own_cannot_be_deleted(shell: Shell) -> None:
    shell.install(facts("Root"))
    shell.install(facts("Idle"))
    shell.put(CLIENT, leaf())
    shell.hand.give(CsmsVerified(("print-Root",), "print-SN-1"))
    assert shell.ask(delete(facts("Root"))).status is Status.FAILED
    assert shell.ask(delete(leaf())).status is Status.FAILED
    vague = replace(leaf().hashes[0], issuer_key="of another CA with that name")
    assert shell.ask(DeleteCertificate(vague)).status is Status.FAILED
    assert shell.ask(delete(facts("Idle"))).status is Status.ACCEPTED
    shell.hand.give(CsmsVerified(("print-Else",)))
    assert shell.ask(delete(facts("Root"))).status is Status.ACCEPTED
    assert shell.names(CLIENT) == ["SN-1"]


def test_16_SEC_22_a_file_that_cannot_be_removed(shell: Shell) -> None:
    shell.install(facts("Root"))
    shell.fault = "read-only file system"
    assert shell.ask(delete(facts("Root"))).status is Status.FAILED
    assert shell.names(CSMS) == ["Root"]


def test_16_SEC_22_one_root_with_two_uses_goes_with_both(shell: Shell) -> None:
    shell.install(facts("Root"))
    shell.install(facts("Root"), MAKER)
    assert shell.ask(delete(facts("Root"))).status is Status.ACCEPTED
    assert shell.files == []


# ---------------------------------------------------------------------- A02


TRIGGER = TriggerMessage(TriggerKind.SIGN_CERTIFICATE, extended=True)


def made(shell: Shell) -> AskSignature:
    """The key was made; returns the request that goes out."""
    effect = shell.last(MakeSigningRequest)
    assert isinstance(effect, MakeSigningRequest)
    shell.hand.give(SigningRequestMade(effect.job, f"CSR {effect.job}"))
    ask = shell.last(AskSignature)
    assert isinstance(ask, AskSignature) and ask.csr == f"CSR {effect.job}"
    return ask


def triggered(shell: Shell, accepted: bool | None = True) -> None:
    assert shell.ask(TRIGGER).status is Status.ACCEPTED
    shell.hand.give(SignatureAnswered(made(shell).job, accepted))


def signed(shell: Shell, one: CertificateFacts, **seen: object) -> Verdict:
    return shell.ask(TakeSignedCertificate("PEM"), (one,), **{"key_held": True, **seen})


def outcomes(shell: Shell) -> list[SigningOutcome]:
    return [event.outcome for event in shell.hand.of(SigningEnded)]  # type: ignore[attr-defined]


def test_16_SEC_14_16_SEC_15_the_request_names_operator_and_serial_number(shell: Shell) -> None:
    assert shell.ask(TRIGGER).status is Status.ACCEPTED
    (effect,) = (one for one in shell.hand.effects if isinstance(one, MakeSigningRequest))
    assert (effect.organization, effect.common_name) == ("Operator", "SN-1")
    made(shell)


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"organization_name": ""}, "CpoName"),
        ({"station_serial": ""}, "station.toml"),
        ({"station_serial": "::1"}, "IP"),
    ],
)
def test_16_SEC_15_16_SEC_44_without_a_name_no_request(
    shell: Shell, changes: dict[str, object], word: str
) -> None:
    policy(shell.hand, **changes)
    verdict = shell.ask(TRIGGER)
    assert verdict.status is Status.REJECTED and word in verdict.info
    assert not shell.hand.of(SigningBegun)


def test_16_SEC_44_a_request_on_its_way_is_not_doubled(shell: Shell) -> None:
    shell.ask(TRIGGER)
    effect = shell.last(MakeSigningRequest)
    assert shell.ask(TRIGGER).status is Status.REJECTED
    assert isinstance(effect, MakeSigningRequest)
    shell.hand.give(SigningRequestMade(effect.job, "CSR"))
    assert shell.ask(TRIGGER).status is Status.REJECTED
    shell.hand.give(SignatureAnswered(effect.job, True))
    assert shell.ask(TRIGGER).status is Status.ACCEPTED, "the operator tries again"


def test_16_SEC_17_16_SEC_18_a_good_certificate_is_installed_and_used(shell: Shell) -> None:
    shell.install(facts("Root"))
    triggered(shell)
    assert signed(shell, leaf(), anchors=("print-Root",)).status is Status.ACCEPTED
    assert [one.facts.name for one in shell.hand.station.certificates.clients(NOW_MS)] == ["SN-1"]
    assert types(shell.hand)[-1] == "ReconfigurationOfSecurityParameters"
    assert UseClientCertificate("print-SN-1") in shell.hand.effects
    assert outcomes(shell) == [SigningOutcome.ASKED]


def test_16_SEC_17_a_bad_one_is_rejected_discarded_and_told(shell: Shell) -> None:
    shell.install(facts("Root"))
    triggered(shell)
    before = list(shell.files)
    for one, seen in (
        (leaf(), {}),
        (leaf(), {"anchors": ("print-Root",), "key_held": False}),
        (leaf(not_after_ms=0), {"anchors": ("print-Root",)}),
    ):
        assert signed(shell, one, **seen).status is Status.REJECTED
    assert shell.ask(TakeSignedCertificate("x"), (), fault="no X.509 certificate").status is Status.REJECTED
    assert types(shell.hand).count("InvalidChargingStationCertificate") == 4
    assert shell.files == before
    assert signed(shell, leaf(), anchors=("print-Root",)).status is Status.ACCEPTED, "the right one still can"


def test_16_SEC_17_without_an_installed_root_there_is_nothing_to_compare_with(shell: Shell) -> None:
    triggered(shell)
    shell.install(facts("Maker"), MAKER)
    assert signed(shell, leaf()).status is Status.ACCEPTED


def test_16_SEC_17_a_repeated_certificate_is_accepted_again(shell: Shell) -> None:
    triggered(shell)
    signed(shell, leaf())
    before = list(shell.hand.events)
    assert signed(shell, leaf(), key_held=False).status is Status.ACCEPTED
    assert shell.hand.events == before


def test_16_SEC_17_an_older_one_for_the_same_key_does_not_replace(shell: Shell) -> None:
    triggered(shell)
    signed(shell, leaf())
    older = leaf(fingerprint="other", not_before_ms=NOW_MS - 2 * DAY_MS)
    assert signed(shell, older).status is Status.REJECTED


def test_16_SEC_17_a_file_that_cannot_be_written(shell: Shell) -> None:
    triggered(shell)
    shell.fault = "No space left on device"
    verdict = signed(shell, leaf())
    assert (verdict.status, verdict.info) == (Status.REJECTED, shell.fault)
    assert "InvalidChargingStationCertificate" not in types(shell.hand)


def test_16_SEC_19_a_long_chain_is_rejected_unread(shell: Shell) -> None:
    policy(shell.hand, certificate_chain_max=1000)
    verdict = shell.ask(TakeSignedCertificate("x" * 1001))
    assert verdict.status is Status.REJECTED and "CertificateSignedMaxChainSize" in verdict.info
    assert shell.last(ExamineCertificate) is None


def test_16_SEC_18_used_once_valid_and_the_newest_wins(shell: Shell) -> None:
    shell.put(CLIENT, leaf(fingerprint="first"))
    triggered(shell)
    later = leaf(fingerprint="later", not_before_ms=NOW_MS + 3 * 60_000)
    assert signed(shell, later).status is Status.ACCEPTED
    management, hand = shell.hand.station.certificates, shell.hand

    def best() -> list[str]:
        return [one.fingerprint for one in management.clients(hand.now.utc_ms)]

    assert best() == ["first"]
    hand.sleep(3 * 60 - 5)
    assert UseClientCertificate("later") not in hand.effects
    hand.sleep(10)
    assert best() == ["later", "first"], "the old one is the fallback"
    assert hand.effects.count(UseClientCertificate("later")) == 1


def test_16_SEC_18_the_fallback_is_used_when_the_newer_ends_first(shell: Shell) -> None:
    shell.put(CLIENT, leaf(fingerprint="long", not_before_ms=0))
    shell.put(CLIENT, leaf(fingerprint="short", not_after_ms=NOW_MS + 60_000))
    shell.hand.sleep(70)
    used = [one.fingerprint for one in shell.hand.effects if isinstance(one, UseClientCertificate)]
    assert used == ["long", "short", "long"]


def test_16_SEC_18_old_ones_go_a_month_after_the_new_one_worked(shell: Shell) -> None:
    old, new = leaf(fingerprint="old", not_before_ms=0), leaf(fingerprint="new")
    shell.put(CLIENT, old)
    shell.put(CLIENT, new)
    hand = shell.hand
    hand.give(CsmsVerified((), "old"))
    assert not hand.of(ClientCertificateProven), "the new one did not work yet"
    hand.give(CsmsVerified((), "new"))
    hand.give(CsmsVerified((), "new"))
    assert len(hand.of(ClientCertificateProven)) == 1
    same_after_replay(hand)
    jump(hand, KEEP_OLD_MS - 10_000)
    shell.carry_out()
    assert len(shell.names(CLIENT)) == 2
    jump(hand, 20_000)
    shell.carry_out()
    assert [one.fingerprint for one in shell.files] == ["new"]
    hand.sleep(5)
    assert sum(isinstance(one, RemoveCertificate) for one in hand.effects) == 1


def test_16_SEC_18_an_old_one_that_cannot_be_removed_is_not_tried_every_second(shell: Shell) -> None:
    shell.put(CLIENT, leaf(fingerprint="old", not_before_ms=0))
    shell.put(CLIENT, leaf(fingerprint="new"))
    shell.hand.give(CsmsVerified((), "new"))
    shell.fault = "read-only"
    jump(shell.hand, KEEP_OLD_MS)
    shell.carry_out()
    shell.hand.sleep(30)
    assert sum(isinstance(one, RemoveCertificate) for one in shell.hand.effects) == 1


def jump(hand: Hand, ms: int) -> None:
    hand.mono_ms += ms
    hand.utc_ms += ms
    hand.read()
    hand.sleep(1)


# ---------------------------------------------------------------------- answers that do not come


def test_16_SEC_14_refused_by_the_csms_is_over_without_repeats(shell: Shell) -> None:
    shell.hand.online()
    triggered(shell, accepted=False)
    assert outcomes(shell) == [SigningOutcome.REFUSED]
    jump(shell.hand, 10 * DAY_MS)
    assert shell.last(MakeSigningRequest) is None
    same_after_replay(shell.hand)


@pytest.mark.parametrize("accepted", [True, False])
def test_16_SEC_14_repeats_with_a_growing_wait_if_so_configured(shell: Shell, accepted: bool) -> None:
    """CertSigningWaitMinimum and CertSigningRepeatTimes (2.0.1 A02.FR.17 to 19)."""
    policy(shell.hand, cert_signing_wait_s=60, cert_signing_repeats=2)
    shell.hand.online()
    triggered(shell, accepted)
    for wait_s in (60, 120):
        shell.hand.sleep(wait_s - 1)
        assert shell.last(MakeSigningRequest) is None
        same_after_replay(shell.hand)
        shell.hand.sleep(1)
        shell.hand.give(SignatureAnswered(made(shell).job, accepted))
    assert outcomes(shell) == [SigningOutcome.ASKED if accepted else SigningOutcome.REFUSED]
    assert [event.attempt for event in shell.hand.of(SigningRepeats)] == [1, 2]  # type: ignore[attr-defined]


def test_16_SEC_14_the_certificate_ends_the_repeats(shell: Shell) -> None:
    policy(shell.hand, cert_signing_repeats=2)
    shell.hand.online()
    triggered(shell)
    assert signed(shell, leaf()).status is Status.ACCEPTED
    assert outcomes(shell) == [SigningOutcome.SIGNED]
    shell.hand.sleep(300)
    assert len([one for one in shell.hand.effects if isinstance(one, MakeSigningRequest)]) == 1


def test_16_SEC_14_a_request_that_found_no_csms_goes_out_when_there_is_one(shell: Shell) -> None:
    triggered(shell, accepted=None)
    shell.hand.give(CsmsChanged(False))
    shell.hand.sleep(3 * ASK_AGAIN_MS // 1000)
    assert shell.last(AskSignature) is None
    shell.hand.online()
    ask = shell.last(AskSignature)
    assert isinstance(ask, AskSignature)
    shell.hand.give(SignatureAnswered(ask.job, None))
    shell.hand.sleep(ASK_AGAIN_MS // 1000 - 1)
    assert shell.last(AskSignature) is None, "not at once"
    shell.hand.sleep(2)
    shell.hand.give(SignatureAnswered(ask.job, True))
    assert outcomes(shell) == [SigningOutcome.ASKED]


def test_16_SEC_14_a_csms_that_never_answers_is_not_asked_for_ever(shell: Shell) -> None:
    shell.hand.online()
    triggered(shell, accepted=None)
    asked = 1
    for _ in range(10):
        shell.hand.sleep(ASK_AGAIN_MS // 1000 + 1)
        ask = next((one for one in shell.hand.effects[::-1] if isinstance(one, AskSignature)), None)
        if shell.hand.station.certificates.signing is not None and ask is not None:
            asked += 1
            shell.hand.give(SignatureAnswered(ask.job, None))
    assert (asked, outcomes(shell)) == (MOST_UNHEARD, [SigningOutcome.UNANSWERED])


def test_16_SEC_14_an_answer_that_could_not_be_sent_loses_no_request(shell: Shell) -> None:
    """The key is made after the answer to the trigger; with the connection that answer is lost."""
    shell.ask(TRIGGER)
    first = shell.last(MakeSigningRequest)
    shell.hand.give(CsmsChanged(False))
    shell.hand.sleep(30)
    shell.hand.online()
    assert shell.last(MakeSigningRequest) is None
    shell.hand.sleep(31)
    ask = made(shell)
    assert isinstance(first, MakeSigningRequest) and ask.job != first.job
    shell.hand.give(SigningRequestMade(first.job, "late"))
    shell.hand.give(SignatureAnswered(ask.job, True))
    assert outcomes(shell) == [SigningOutcome.ASKED]


def test_16_SEC_14_a_key_that_cannot_be_made(shell: Shell) -> None:
    shell.ask(TRIGGER)
    effect = shell.last(MakeSigningRequest)
    assert isinstance(effect, MakeSigningRequest)
    shell.hand.give(SigningRequestMade(effect.job, "", "No space left on device"))
    assert outcomes(shell) == [SigningOutcome.FAILED]
    assert shell.ask(TRIGGER).status is Status.ACCEPTED


@pytest.mark.parametrize("moment", ["begun", "made", "repeats"])
def test_16_SEC_14_the_program_ends_at_any_moment_of_a_request(shell: Shell, moment: str) -> None:
    """After a start it goes on by itself, with a new key."""
    hand = shell.hand
    policy(hand, cert_signing_repeats=1)
    shell.ask(TRIGGER)
    if moment != "begun":
        ask = made(shell)
        if moment == "repeats":
            hand.give(SignatureAnswered(ask.job, True))
    after = replayed(hand)
    after.handle(CertificatesFound(()), hand.now)
    if moment == "repeats":
        hand.utc_ms += 60_000
    outcome = after.handle(CsmsChanged(True), hand.now)
    assert [one for one in outcome.effects if isinstance(one, MakeSigningRequest)]


def test_answers_to_what_was_not_asked_change_nothing(shell: Shell) -> None:
    before = shell.hand.station.checkpoint()
    for input_ in (
        SigningRequestMade(99, "CSR"),
        SignatureAnswered(99, True),
        CertificateExamined(99, (leaf(),)),
        CertificatesFound((), 99, "fault"),
    ):
        shell.hand.give(input_)
        assert shell.hand.outcome.effects == () and shell.hand.outcome.events == ()
    assert shell.hand.station.checkpoint() == before


# ---------------------------------------------------------------------- A03


def expiring(shell: Shell, in_ms: int) -> None:
    shell.put(CLIENT, leaf(not_after_ms=shell.hand.utc_ms + in_ms))


def renewals(shell: Shell) -> int:
    return sum(event.reason is SigningReason.RENEWAL for event in shell.hand.of(SigningBegun))  # type: ignore[attr-defined]


def test_16_SEC_20_asked_for_on_its_own_a_month_before_expiry(shell: Shell) -> None:
    shell.hand.online()
    expiring(shell, RENEW_BEFORE_MS + 60_000)
    shell.hand.sleep(55)
    assert renewals(shell) == 0
    shell.hand.sleep(10)
    assert renewals(shell) == 1
    effect = next(one for one in shell.hand.effects if isinstance(one, MakeSigningRequest))
    assert (effect.organization, effect.common_name) == ("Operator", "SN-1")
    shell.hand.give(SigningRequestMade(effect.job, "CSR"))
    shell.hand.give(SignatureAnswered(effect.job, True))
    shell.hand.sleep(60)
    assert renewals(shell) == 1
    same_after_replay(shell.hand)


def test_16_SEC_20_offline_at_that_day_it_is_made_up_for(shell: Shell) -> None:
    expiring(shell, RENEW_BEFORE_MS - 5 * DAY_MS)
    shell.hand.sleep(10)
    assert renewals(shell) == 0
    shell.hand.online()
    assert renewals(shell) == 1


def test_16_SEC_20_a_renewal_without_success_is_tried_again_after_a_week_over_a_restart(shell: Shell) -> None:
    hand = shell.hand
    hand.online()
    expiring(shell, RENEW_BEFORE_MS)
    effect = next(one for one in hand.effects if isinstance(one, MakeSigningRequest))
    hand.give(SigningRequestMade(effect.job, "CSR"))
    hand.give(SignatureAnswered(effect.job, False))
    after = replayed(hand)
    after.handle(CertificatesFound(tuple(shell.files)), hand.now)
    assert not after.handle(CsmsChanged(True), hand.now).events, "not at each start"
    jump(hand, RENEW_AGAIN_MS - 10_000)
    assert renewals(shell) == 1
    jump(hand, 20_000)
    assert renewals(shell) == 2


def test_16_SEC_20_not_with_a_newer_one_in_hand_and_not_without_a_name(shell: Shell) -> None:
    policy(shell.hand, organization_name="")
    shell.hand.online()
    expiring(shell, DAY_MS)
    shell.hand.sleep(5)
    assert renewals(shell) == 0
    shell.put(CLIENT, leaf(fingerprint="next", not_before_ms=shell.hand.utc_ms + DAY_MS))
    policy(shell.hand, organization_name="Operator")
    shell.hand.sleep(5)
    assert renewals(shell) == 0
    assert shell.hand.station.certificates.expires_at_ms() == NOW_MS + 365 * DAY_MS


def test_a_person_is_warned_a_week_before_the_certificate_ends(shell: Shell) -> None:
    hand = shell.hand
    expiring(shell, 7 * DAY_MS + 30_000)
    hand.sleep(25)
    assert hand.station.devices.warning is None
    hand.sleep(10)
    assert hand.station.devices.warning == "certificate-expires"
    after = replayed(hand)
    assert not after.handle(CsmsChanged(False), hand.now).events, "nothing is known before the files are read"
    assert after.devices.warning == "certificate-expires"
    shell.put(CLIENT, leaf(fingerprint="next"))
    assert hand.station.devices.warning is None
