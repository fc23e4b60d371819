"""Certificates: installing and deleting roots, the station's own certificate and its renewal.

Owns: the rules of the white paper's (and 2.0.1's) A02, A03, M03, M04 and M05; which client certificate is to
be used, and which roots the CSMS is to be verified with.
Refuses to know: X.509, files and keys (``controller.certificates``), TLS, OCPP messages.

What is installed, the files say: they are looked at when the program starts and after every change, and an
owner may put some there. What cannot be seen in them is durable here: a request for a signature under way, a
root on trial, the client certificate that has worked.

Looking into a certificate, writing a file and making a key take time on a small board. They are effects; the
answer to a command waits for their result (``Settled``) while the station goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import Enum

from controller.domain.block import Handler
from controller.domain.commands import (
    DeleteCertificate,
    InstallCertificate,
    ListCertificates,
    Status,
    TakeSignedCertificate,
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
    Event,
    RootTrialBegun,
    RootTrialEnded,
    SigningBegun,
    SigningEnded,
    SigningOutcome,
    SigningReason,
    SigningRepeats,
)
from controller.domain.inputs import (
    CertificateExamined,
    CertificatesFound,
    CsmsVerified,
    SignatureAnswered,
    SigningRequestMade,
)
from controller.domain.policy import Policy
from controller.domain.security.certificate import (
    ROOTS,
    CertificateHash,
    CertificateUse,
    StoredCertificate,
)
from controller.domain.security.certificate_rules import client_fault, root_fault, serial_fault
from controller.domain.security.events import (
    INVALID_CHARGING_STATION_CERTIFICATE,
    RECONFIGURATION_OF_SECURITY_PARAMETERS,
)
from controller.domain.turn import Turn

_DAY_MS = 24 * 3600 * 1000

RENEW_BEFORE_MS = 30 * _DAY_MS
"""A03.FR.02: one month before the certificate expires."""
RENEW_AGAIN_MS = 7 * _DAY_MS
"""A renewal that brought nothing is tried again. The white paper advises against doing so within minutes or
hours; a station that loses its certificate is lost, so a week it is."""
WARN_BEFORE_MS = 7 * _DAY_MS
"""A person should look: the renewal has had three weeks."""
KEEP_OLD_MS = 30 * _DAY_MS
"""A02.FR.10: old certificates stay one month as fallback."""
ASK_AGAIN_MS = 60_000
"""A signing request that found no CSMS is sent again after this, when there is one."""
MAKING_MS = 60_000
"""A key is made sooner. Longer means that the answer to the trigger could not be sent, nothing was made."""
MOST_UNHEARD = 3
"""So often; a CSMS that never answers this message does not know it."""


class _Phase(Enum):
    """Where a signing request is."""

    IDLE = "idle"
    MAKING = "making"
    ASKING = "asking"  # sent, not answered
    UNSENT = "unsent"  # found no CSMS


@dataclass(frozen=True, slots=True)
class Signing:
    """Under way. ``attempts``: requests that brought nothing. ``repeat_at_ms``: UTC, None = at once."""

    reason: SigningReason
    attempts: int = 0
    repeat_at_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Trial:
    """Fingerprints of a new root of the CSMS and of those it replaces once it has worked."""

    root: str
    fallback: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Job:
    """What an effect under way is for. ``command``: who waits for it, None = nobody does."""

    command: InstallCertificate | DeleteCertificate | TakeSignedCertificate | None
    about: str = ""  # for the security log, once it is done


class CertificateManagement:
    """``certificates``: what is installed, None until the files were looked at."""

    def __init__(self, number: Callable[[], int], record: Callable[[Turn, str, str], None]) -> None:
        """``number``: the next number of a deferred verdict. ``record``: a security event (``Security``)."""
        self._number = number
        self._record = record
        self.certificates: tuple[StoredCertificate, ...] | None = None
        self._owner_roots = False
        self._own: tuple[StoredCertificate, ...] = ()  # those of the station among them
        self.signing: Signing | None = None
        self.trial: Trial | None = None
        self.proven: ClientCertificateProven | None = None
        self._renewal_at_ms: int | None = None  # UTC: when a renewal was begun last
        self._in_use: tuple[str, ...] = ()  # roots that the present connection was verified with
        self._client: str | None = None  # the client certificate to use; "" = none
        self._removed: set[str] = set()  # tried once in the life of the program
        self._jobs: dict[int, _Job] = {}
        self._phase = _Phase.IDLE
        self._request = 0  # number of the request under way
        self._csr = ""
        self._unheard = 0
        self._ask_at_ms = 0  # CLOCK_MONOTONIC
        self._made_by_ms = 0  # CLOCK_MONOTONIC
        self.handlers: Mapping[type, Handler] = {
            InstallCertificate: self._install,
            DeleteCertificate: self._delete,
            ListCertificates: self._list,
            TakeSignedCertificate: self._take_signed,
            CertificatesFound: self._found,
            CertificateExamined: self._examined,
            SigningRequestMade: self._made,
            SignatureAnswered: self._answered,
            CsmsVerified: self._verified,
        }

    # ------------------------------------------------------------------ durable state

    def apply(self, event: Event) -> None:
        match event:
            case SigningBegun():
                self.signing = Signing(event.reason)
                if event.reason is SigningReason.RENEWAL:
                    self._renewal_at_ms = event.at_ms
            case SigningRepeats() if self.signing is not None:
                self.signing = replace(self.signing, attempts=event.attempt, repeat_at_ms=event.repeat_at_ms)
            case SigningEnded():
                self.signing = None
            case RootTrialBegun():
                self.trial = Trial(event.root, event.fallback)
            case RootTrialEnded():
                self.trial = None
            case ClientCertificateProven():
                self.proven = event
            case _:
                pass

    def checkpoint(self) -> list[Event]:
        events: list[Event] = []
        if self._renewal_at_ms is not None:
            events.append(SigningBegun(SigningReason.RENEWAL, self._renewal_at_ms))
            events.append(SigningEnded(SigningOutcome.ASKED, 0))
        if self.signing is not None:
            events.append(SigningBegun(self.signing.reason, self._renewal_at_ms or 0))
            if self.signing.repeat_at_ms is not None:
                events.append(SigningRepeats(self.signing.attempts, self.signing.repeat_at_ms, 0))
        if self.trial is not None:
            events.append(RootTrialBegun(self.trial.root, self.trial.fallback, 0))
        if self.proven is not None:
            events.append(self.proven)
        return events

    def next_deadline_ms(self) -> int | None:
        """What happens by itself here takes minutes to months: the tick of every second is soon enough."""
        return None

    # ------------------------------------------------------------------ what others may see

    def of(self, *uses: CertificateUse) -> list[StoredCertificate]:
        return [one for one in self.certificates or () if one.use in uses]

    def clients(self, utc_ms: int) -> list[StoredCertificate]:
        """Client certificates that are valid now, newest first (A02.FR.09)."""
        valid = [one for one in self._own if one.facts.valid_at(utc_ms)]
        return sorted(valid, key=lambda one: one.facts.not_before_ms, reverse=True)

    def trusted(self) -> list[list[StoredCertificate]]:
        """Roots of the CSMS, in the groups in which they are tried (M05.FR.13)."""
        roots = self.of(CertificateUse.CSMS_ROOT)
        fallback = self.trial.fallback if self.trial is not None else ()
        groups = (
            [one for one in roots if one.fingerprint not in fallback],
            [one for one in roots if one.fingerprint in fallback],
        )
        return [group for group in groups if group]

    def expires_at_ms(self) -> int | None:
        """UTC: when the last of the client certificates ends, None = there is none."""
        return max((one.facts.not_after_ms for one in self._own), default=None)

    def expires_soon(self, utc_ms: int) -> bool | None:
        """Within a week, or it has. None = the files were not looked at yet."""
        if self.certificates is None:
            return None
        expires_at_ms = self.expires_at_ms()
        return expires_at_ms is not None and expires_at_ms - WARN_BEFORE_MS <= utc_ms

    # ------------------------------------------------------------------ M03, M04: list and delete

    def _list(self, command: ListCertificates, _turn: Turn) -> Verdict:
        found = tuple(self.of(*(command.uses or ROOTS)))
        return Verdict(Status.ACCEPTED if found else Status.NOT_FOUND, certificates=found)

    def _delete(self, command: DeleteCertificate, turn: Turn) -> Verdict | int:
        if self.certificates is None:
            return Verdict(Status.FAILED, "NotReady", "the certificates were not read yet")
        if any(_same_issuer_and_serial(one, command.hash) for one in self._own):
            # M04.FR.05. Whoever names it wrongly in the issuer's key means it all the same.
            return Verdict(Status.FAILED, "ClientCertificate", "the station's own certificate stays")
        found = [one for one in self.of(*ROOTS) if any(h.key == command.hash.key for h in one.facts.hashes)]
        if not found:
            return Verdict(Status.NOT_FOUND)
        fingerprint = found[0].fingerprint
        if fingerprint in self._in_use:
            return Verdict(Status.FAILED, "InUse", "the present connection is verified with it")  # M04.FR.06
        if self.trial is not None and fingerprint in self.trial.fallback:
            return Verdict(Status.FAILED, "InUse", "it is the fallback of a root that has not worked yet")
        number = self._begin(_Job(command, f"root {found[0].facts.name} deleted"), turn)
        turn.do(RemoveCertificate(number, tuple(one.use for one in found), fingerprint))
        return number

    # ------------------------------------------------------------------ M05: install

    def _install(self, command: InstallCertificate, turn: Turn) -> Verdict | int:
        """Only over a security profile of the white paper, 1 to 3. Without one anybody who answers in the
        CSMS's place could plant a root. Profile 1 has to be enough: the step from it to profile 2 needs a
        root to be installed before (A05.FR.03)."""
        if turn.policy.security_profile == 0:
            return Verdict(
                Status.REJECTED, "NotSecured", "certificates are installed with SecurityProfile 1 to 3 only"
            )
        if self.certificates is None:
            return Verdict(Status.FAILED, "NotReady", "the certificates were not read yet")
        if command.use not in ROOTS:
            return Verdict(Status.REJECTED, "UnsupportedParam", f"{command.use} cannot be installed")
        return self._examine(command, command.pem, turn)

    def _install_examined(
        self, number: int, command: InstallCertificate, seen: CertificateExamined, turn: Turn
    ) -> None:
        verdict = self._install_verdict(command, seen, turn)
        if verdict is not None:
            self._settle(number, verdict, turn)
            return
        facts = seen.chain[0]
        old = self._replaced(turn.policy) if command.use is CertificateUse.CSMS_ROOT else ()
        if old:
            self._drop_trial_root(turn)
            turn.emit(RootTrialBegun(facts.fingerprint, old, turn.now.utc_ms))
        self._jobs[number] = replace(self._jobs[number], about=f"root {facts.name} installed")
        turn.do(StoreCertificate(number, command.use, command.pem))

    def _install_verdict(
        self, command: InstallCertificate, seen: CertificateExamined, turn: Turn
    ) -> Verdict | None:
        """M05.FR.03, 06, 08 to 10. None = it is good."""
        fault = seen.fault or root_fault(seen.chain, turn.now.utc_ms)
        if fault:
            return Verdict(Status.REJECTED, "InvalidCertificate", fault)
        facts = seen.chain[0]
        if any(one.fingerprint == facts.fingerprint for one in self.of(command.use)):
            return Verdict(Status.ACCEPTED, info="it was installed already")
        checked = command.use is CertificateUse.CSMS_ROOT and turn.policy.additional_root_check
        if checked and not self._vouched(seen, turn.policy):
            fault = f"{facts.name}: not signed by the root that it would replace"
            return Verdict(Status.REJECTED, "InvalidCertificate", fault)
        most = turn.policy.certificate_store_max
        if len(self.of(*ROOTS)) >= most:
            return Verdict(Status.REJECTED, "StoreFull", f"{most} roots are installed already")
        return None

    def _vouched(self, seen: CertificateExamined, policy: Policy) -> bool:
        """M05.FR.09, 10. The owner's roots in station.toml are not replaced, but the first root to be
        installed has to be signed by one of them."""
        old = self._replaced(policy)
        if old:
            return bool(set(seen.anchors) & set(old))
        return seen.owner_anchored or not self._owner_roots

    def _replaced(self, policy: Policy) -> tuple[str, ...]:
        """With AdditionalRootCertificateCheck: what a new root of the CSMS replaces (M05.FR.09). A root that
        has not worked yet is not among them: it vouches for nobody, and goes when another one comes."""
        if not policy.additional_root_check:
            return ()
        if self.trial is not None:
            return self.trial.fallback
        return tuple(one.fingerprint for one in self.of(CertificateUse.CSMS_ROOT))

    def _drop_trial_root(self, turn: Turn) -> None:
        if self.trial is not None:
            number = self._begin(_Job(None, "a root that never worked removed"), turn)
            turn.do(RemoveCertificate(number, (CertificateUse.CSMS_ROOT,), self.trial.root))

    # ------------------------------------------------------------------ A02, A03: the own certificate

    def trigger(self, turn: Turn) -> Verdict:
        """The CSMS asks for a signing request (white paper 5.5; 2.0.1 F06). It follows the answer."""
        if self._phase in (_Phase.MAKING, _Phase.ASKING):
            return Verdict(Status.REJECTED, "Busy", "a signing request is on its way already")
        fault = self._request_fault(turn.policy)
        if fault:
            return Verdict(Status.REJECTED, "InternalError", fault)
        self._begin_signing(SigningReason.TRIGGERED, turn)
        return Verdict(Status.ACCEPTED)

    def _request_fault(self, policy: Policy) -> str:
        if self.certificates is None:
            return "the certificates were not read yet"
        if not policy.organization_name:
            return "CpoName is empty: the certificate needs the operator's name (A02.FR.13)"
        return serial_fault(policy.station_serial)

    def _begin_signing(self, reason: SigningReason, turn: Turn) -> None:
        self._unheard = 0
        turn.emit(SigningBegun(reason, turn.now.utc_ms))
        self._make(turn)

    def _make(self, turn: Turn) -> None:
        self._phase, self._request = _Phase.MAKING, self._number()
        self._made_by_ms = turn.now.mono_ms + MAKING_MS
        turn.do(MakeSigningRequest(self._request, turn.policy.organization_name, turn.policy.station_serial))

    def _made(self, made: SigningRequestMade, turn: Turn) -> None:
        if made.job != self._request or self._phase is not _Phase.MAKING:
            return
        if made.fault:
            self._phase = _Phase.IDLE
            turn.emit(SigningEnded(SigningOutcome.FAILED, turn.now.utc_ms))
        else:
            self._csr = made.csr
            self._ask(turn)

    def _ask(self, turn: Turn) -> None:
        self._phase = _Phase.ASKING
        turn.do(AskSignature(self._request, self._csr))

    def _answered(self, answered: SignatureAnswered, turn: Turn) -> None:
        if answered.job != self._request or self._phase is not _Phase.ASKING:
            return
        if answered.accepted is None:
            self._unheard += 1
            if self._unheard < MOST_UNHEARD:
                self._phase, self._ask_at_ms = _Phase.UNSENT, turn.now.mono_ms + ASK_AGAIN_MS
                return
        self._phase, self._csr = _Phase.IDLE, ""
        outcome = {
            True: SigningOutcome.ASKED,
            False: SigningOutcome.REFUSED,
            None: SigningOutcome.UNANSWERED,
        }[answered.accepted]
        self._repeat_or_end(outcome, turn)

    def _repeat_or_end(self, outcome: SigningOutcome, turn: Turn) -> None:
        """2.0.1 A02.FR.17 to 19: again after CertSigningWaitMinimum, doubled each time, up to
        CertSigningRepeatTimes. The key waits on for a certificate that comes late."""
        signing = self.signing
        if signing is None:
            return
        if signing.attempts < turn.policy.cert_signing_repeats:
            wait_ms = turn.policy.cert_signing_wait_s * 1000 << signing.attempts
            turn.emit(SigningRepeats(signing.attempts + 1, turn.now.utc_ms + wait_ms, turn.now.utc_ms))
        else:
            turn.emit(SigningEnded(outcome, turn.now.utc_ms))

    def _take_signed(self, command: TakeSignedCertificate, turn: Turn) -> Verdict | int:
        if len(command.chain) > turn.policy.certificate_chain_max:
            return Verdict(
                Status.REJECTED,
                "TooLarge",
                f"the chain has {len(command.chain)} characters, CertificateSignedMaxChainSize is "
                f"{turn.policy.certificate_chain_max}",
            )
        if self.certificates is None:
            return Verdict(Status.REJECTED, "NotReady", "the certificates were not read yet")
        return self._examine(command, command.chain, turn)

    def _signed_examined(
        self, number: int, command: TakeSignedCertificate, seen: CertificateExamined, turn: Turn
    ) -> None:
        own = self._own
        fault = seen.fault
        if not fault and any(one.fingerprint == seen.chain[0].fingerprint for one in own):
            # The CSMS did not get the answer the first time.
            self._settle(number, Verdict(Status.ACCEPTED, info="it was installed already"), turn)
            return
        if not fault:
            # Without an installed root there is no hierarchy to compare with (A00.FR.804).
            fault = client_fault(
                seen.chain,
                key_held=seen.key_held,
                anchored=bool(seen.anchors) or not self.of(CertificateUse.CSMS_ROOT),
                organization=turn.policy.organization_name,
                serial=turn.policy.station_serial,
                utc_ms=turn.now.utc_ms,
            )
        if not fault and any(
            one.facts.key_id == seen.chain[0].key_id and one.facts.not_before_ms > seen.chain[0].not_before_ms
            for one in own
        ):
            fault = "a newer certificate for the same key is installed"
        if fault:
            self._record(turn, INVALID_CHARGING_STATION_CERTIFICATE, fault)  # A02.FR.07
            self._settle(number, Verdict(Status.REJECTED, "InvalidCertificate", fault), turn)
            return
        about = f"certificate {seen.chain[0].name} of the station installed"
        self._jobs[number] = replace(self._jobs[number], about=about)
        turn.do(StoreCertificate(number, CertificateUse.CLIENT, command.chain))

    # ------------------------------------------------------------------ effects come back

    def _begin(self, job: _Job, turn: Turn) -> int:
        number = self._number()
        self._jobs[number] = job
        return number

    def _examine(self, command: InstallCertificate | TakeSignedCertificate, pem: str, turn: Turn) -> int:
        number = self._begin(_Job(command), turn)
        turn.do(ExamineCertificate(number, pem))
        return number

    def _settle(self, number: int, verdict: Verdict, turn: Turn) -> None:
        self._jobs.pop(number, None)
        turn.do(Settled(number, verdict))

    def _examined(self, seen: CertificateExamined, turn: Turn) -> None:
        job = self._jobs.get(seen.job)
        command = job.command if job is not None else None
        if isinstance(command, InstallCertificate):
            self._install_examined(seen.job, command, seen, turn)
        elif isinstance(command, TakeSignedCertificate):
            self._signed_examined(seen.job, command, seen, turn)

    def _found(self, found: CertificatesFound, turn: Turn) -> None:
        self.certificates = found.certificates
        self._owner_roots = found.owner_roots
        self._own = tuple(self.of(CertificateUse.CLIENT))
        roots = {one.fingerprint for one in self.of(CertificateUse.CSMS_ROOT)}
        job = self._jobs.pop(found.job, None) if found.job is not None else None
        if job is not None:
            self._done(found.job or 0, job, found.fault, turn)
        trial = self.trial
        unread = bool(found.fault) and found.job is None  # then nothing is known of the files
        if trial is None or unread or self._storing():
            return
        if trial.root not in roots:
            # It could not be written, or was deleted, or the program ended in between.
            turn.emit(RootTrialEnded(False, turn.now.utc_ms))
        elif not roots & set(trial.fallback):
            turn.emit(RootTrialEnded(True, turn.now.utc_ms))

    def _storing(self) -> bool:
        return any(isinstance(job.command, InstallCertificate) and job.about for job in self._jobs.values())

    def _done(self, number: int, job: _Job, fault: str, turn: Turn) -> None:
        if not fault and job.about:
            self._record(turn, RECONFIGURATION_OF_SECURITY_PARAMETERS, job.about)
        if job.command is None:
            return
        if isinstance(job.command, TakeSignedCertificate):
            status = Status.REJECTED  # it has no other word
            if not fault and self.signing is not None and self._phase is _Phase.IDLE:
                turn.emit(SigningEnded(SigningOutcome.SIGNED, turn.now.utc_ms))
        else:
            status = Status.FAILED
        verdict = Verdict(status, "InternalError", fault) if fault else Verdict(Status.ACCEPTED)
        turn.do(Settled(number, verdict))

    def _verified(self, verified: CsmsVerified, turn: Turn) -> None:
        self._in_use = verified.roots
        if self.trial is not None and verified.roots == (self.trial.root,):
            # M05.FR.12. The trial ends when they are gone: if that fails, the next connection tries again.
            for fingerprint in self.trial.fallback:
                number = self._begin(_Job(None, "replaced root removed: the new one works"), turn)
                turn.do(RemoveCertificate(number, (CertificateUse.CSMS_ROOT,), fingerprint))
        newest = next(iter(self.clients(turn.now.utc_ms)), None)
        worked = verified.client
        if newest is not None and newest.fingerprint == worked and worked != self._proven_fingerprint:
            turn.emit(ClientCertificateProven(newest.fingerprint, turn.now.utc_ms))

    @property
    def _proven_fingerprint(self) -> str:
        return self.proven.fingerprint if self.proven is not None else ""

    # ------------------------------------------------------------------ by itself

    def settle(self, turn: Turn) -> None:
        if self.certificates is None:
            return
        self._settle_signing(turn)
        self._settle_client(turn)
        if self._own:
            self._settle_renewal(turn)
            self._settle_old(turn)

    def _settle_signing(self, turn: Turn) -> None:
        """Go on with a request that waits: for its time, for a CSMS, since the last life of the program."""
        if self._phase is _Phase.MAKING and turn.now.mono_ms >= self._made_by_ms:
            self._phase = _Phase.IDLE
        signing = self.signing
        if signing is None or not turn.online:
            return
        if self._phase is _Phase.UNSENT and turn.now.mono_ms >= self._ask_at_ms:
            self._ask(turn)
        elif self._phase is _Phase.IDLE and turn.now.utc_ms >= (signing.repeat_at_ms or 0):
            if self._request_fault(turn.policy):
                turn.emit(SigningEnded(SigningOutcome.FAILED, turn.now.utc_ms))
            else:
                self._make(turn)

    def _settle_renewal(self, turn: Turn) -> None:
        """A03.FR.02. Online, because then the clock is right, and somebody can sign."""
        now_ms = turn.now.utc_ms
        if self.signing is not None or not turn.online:
            return
        if self._renewal_at_ms is not None and 0 <= now_ms - self._renewal_at_ms < RENEW_AGAIN_MS:
            return
        expires_at_ms = self.expires_at_ms()
        if expires_at_ms is None or expires_at_ms - RENEW_BEFORE_MS > now_ms:
            return
        if not self._request_fault(turn.policy):
            self._begin_signing(SigningReason.RENEWAL, turn)

    def _settle_client(self, turn: Turn) -> None:
        """A02.FR.08, 09: another one becomes the one to use when it is installed, begins, or another ends."""
        best = next(iter(self.clients(turn.now.utc_ms)), None)
        fingerprint = best.fingerprint if best is not None else ""
        if self._client is not None and fingerprint and fingerprint != self._client:
            turn.do(UseClientCertificate(fingerprint))
        self._client = fingerprint

    def _settle_old(self, turn: Turn) -> None:
        """A02.FR.10."""
        if self.proven is None or turn.now.utc_ms - self.proven.at_ms < KEEP_OLD_MS:
            return
        clients = self._own
        proven = next((one for one in clients if one.fingerprint == self.proven.fingerprint), None)
        if proven is None:
            return
        for one in clients:
            old = one.facts.not_before_ms < proven.facts.not_before_ms
            if old and one.fingerprint not in self._removed:
                self._removed.add(one.fingerprint)
                number = self._begin(_Job(None, f"old certificate {one.facts.serial} removed"), turn)
                turn.do(RemoveCertificate(number, (CertificateUse.CLIENT,), one.fingerprint))


def _same_issuer_and_serial(one: StoredCertificate, wanted: CertificateHash) -> bool:
    def known(hash_: CertificateHash) -> tuple[str, str, str]:
        algorithm, name, _key, serial = hash_.key
        return algorithm, name, serial

    return any(known(hash_) == known(wanted) for hash_ in one.facts.hashes)
