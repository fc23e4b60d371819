"""Any order of commands, connections, failures and restarts: what always holds of certificates."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from controller.domain.commands import ListCertificates, Status, TakeSignedCertificate
from controller.domain.effects import AskSignature, MakeSigningRequest
from controller.domain.inputs import (
    CertificatesFound,
    CsmsChanged,
    CsmsVerified,
    SignatureAnswered,
    SigningRequestMade,
)
from controller.domain.station import Station, replay
from tests.domain.conftest import Book, Hand
from tests.domain.security.test_certificates import (
    CSMS,
    DAY_MS,
    TRIGGER,
    Shell,
    delete,
    facts,
    jump,
    leaf,
    policy,
    same_after_replay,
)

NAMES = ("A", "B", "C")

steps = st.one_of(
    st.tuples(st.just("install"), st.sampled_from(NAMES), st.sampled_from(("", *NAMES))),
    st.tuples(st.just("delete"), st.sampled_from(NAMES), st.just("")),
    st.tuples(st.just("verified"), st.sampled_from(("", *NAMES)), st.just("")),
    st.tuples(st.just("disk"), st.sampled_from(("", "read-only")), st.just("")),
    st.tuples(st.just("restart"), st.just(""), st.just("")),
    st.tuples(st.just("online"), st.sampled_from(("", "yes")), st.just("")),
    st.tuples(st.just("trigger"), st.sampled_from(("yes", "no", "none")), st.just("")),
    st.tuples(st.just("signed"), st.sampled_from(NAMES), st.sampled_from(("", "bad"))),
    st.tuples(st.just("time"), st.sampled_from(("1", "8", "40")), st.just("")),
)


def restart(hand: Hand, shell: Shell) -> None:
    """Another program on the same journal and the same files."""
    copy = Station(hand.specs, hand.station.policy, Book(), lambda: "never")
    replay(copy, hand.events)
    hand.station = copy
    hand.give(CertificatesFound(tuple(shell.files)))


def answer_requests(hand: Hand, seen: int, how: str) -> None:
    """Keys are made, and the CSMS answers as it likes."""
    while seen < len(hand.effects):
        effect = hand.effects[seen]
        seen += 1
        if isinstance(effect, MakeSigningRequest):
            hand.give(SigningRequestMade(effect.job, "CSR"))
        elif isinstance(effect, AskSignature):
            hand.give(SignatureAnswered(effect.job, {"yes": True, "no": False, "none": None}[how]))


@settings(max_examples=120, deadline=None)
@given(check=st.booleans(), repeats=st.integers(0, 2), course=st.lists(steps, max_size=25))
def test_16_SEC_22_16_SEC_24_whatever_comes(
    check: bool, repeats: int, course: list[tuple[str, str, str]]
) -> None:
    hand = Hand()
    shell = Shell(hand)
    shell.install(facts("A"))
    policy(hand, additional_root_check=check, cert_signing_repeats=repeats)
    for kind, name, other in course:
        seen = len(hand.effects)
        before = set(shell.names(CSMS))
        management = hand.station.certificates
        match kind:
            case "install":
                status = shell.install(facts(name), anchors=(f"print-{other}",) if other else ()).status
                vouching = {one for group in management.trusted()[-1:] for one in group}
                if check and before and name not in before and status is Status.ACCEPTED:
                    assert other in before, "only a root that was there vouches"
                    assert other in {one.facts.name for one in vouching}, "and stays until the new one works"
                assert status is not Status.FAILED or shell.fault
            case "delete":
                status = shell.ask(delete(facts(name))).status
                assert (status is Status.NOT_FOUND) is (name not in before)
            case "verified":
                hand.give(CsmsVerified((f"print-{name}",) if name in before else ()))
                shell.carry_out()
                in_use = name in before
                assert not in_use or name in shell.names(CSMS), "what is in use is never removed"
            case "disk":
                shell.fault = name
            case "restart":
                restart(hand, shell)
            case "online":
                hand.give(CsmsChanged(bool(name)))
            case "trigger":
                verdict = shell.ask(TRIGGER)
                if verdict.status is Status.ACCEPTED:
                    answer_requests(hand, seen, name)
            case "signed":
                one = leaf(fingerprint=f"own-{name}", key_id=f"key-{name}")
                status = shell.ask(
                    TakeSignedCertificate("PEM"), (one,), key_held=not other, anchors=("print-A",)
                ).status
                if other and f"own-{name}" not in {file.fingerprint for file in shell.files}:
                    assert status is Status.REJECTED
            case "time":
                jump(hand, int(name) * DAY_MS)
                shell.carry_out()
                answer_requests(hand, seen, "yes")
        trusted = [one.fingerprint for group in hand.station.certificates.trusted() for one in group]
        assert sorted(trusted) == sorted(one.fingerprint for one in shell.files if one.use is CSMS)
        assert shell.ask(ListCertificates((CSMS,))).certificates == tuple(
            one for one in shell.files if one.use is CSMS
        )
    same_after_replay(hand)
