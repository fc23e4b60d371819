"""What the station asks its shell to do besides journalling events.

Performed after the events are durable.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from controller.domain.access.tokens import IdToken
from controller.domain.commands import LogKind, ResetKind, TriggerMessage, UpdateLocalList, Verdict
from controller.domain.events import Event
from controller.domain.security.certificate import CertificateUse
from controller.domain.tasks.transfers import Location


@dataclass(frozen=True, slots=True)
class AskAuthorize:
    """Ask the CSMS about a token; the answer comes back as ``AuthorizeAnswered(ask_id, ...)``."""

    ask_id: int
    token: IdToken
    evse_id: int | None


@dataclass(frozen=True, slots=True)
class ReadMeter:
    """Read this EVSE's meter now instead of at the next poll."""

    evse_id: int


@dataclass(frozen=True, slots=True)
class Send:
    """Send a message that was triggered (``TriggerMessage`` accepted)."""

    trigger: TriggerMessage


@dataclass(frozen=True, slots=True)
class Restart:
    """All is stopped and journalled: restart the program (SOFT, ON_IDLE) or the machine (IMMEDIATE)."""

    kind: ResetKind


@dataclass(frozen=True, slots=True)
class ForgetTokens:
    """Empty the authorization cache (ClearCache); ``TokensStored(number, ...)`` follows."""

    number: int


@dataclass(frozen=True, slots=True)
class StoreLocalList:
    """Change list and version in one step, durably; ``TokensStored(number, ...)`` follows."""

    number: int
    update: UpdateLocalList


@dataclass(frozen=True, slots=True)
class ShowIndicator:
    """``state``: a value of ``hal.interface.IndicatorState``."""

    evse_id: int
    state: str


# ---------------------------------------------------------------------- logs


@dataclass(frozen=True, slots=True)
class UploadLog:
    """Write the log (unless an earlier attempt did) and bring it to ``location``; the outcome comes back as
    ``LogUploaded`` or ``LogUploadFailed`` with this number. Bounds as in ``GetLog``."""

    number: int
    kind: LogKind
    location: Location
    file_name: str
    oldest_ms: int | None
    latest_ms: int | None
    again: bool  # an earlier attempt may have left a part of it at the server


@dataclass(frozen=True, slots=True)
class CancelUpload:
    """Nobody waits for this upload any more."""

    number: int


@dataclass(frozen=True, slots=True)
class DropLog:
    """Remove the file that was written for an upload."""

    file_name: str


@dataclass(frozen=True, slots=True)
class ForgetSecurityLog:
    """Empty the security log, but for its newest entry."""


@dataclass(frozen=True, slots=True)
class Settled:
    """The answer to a command that ``handle`` had to leave open (``Outcome.deferred``)."""

    deferred: int
    verdict: Verdict


# ---------------------------------------------------------------------- firmware


@dataclass(frozen=True, slots=True)
class CheckSigningCertificate:
    """May this certificate (PEM) sign firmware? Answered by ``SigningCertificateChecked(number, ...)``."""

    number: int
    certificate: str


@dataclass(frozen=True, slots=True)
class FetchFirmware:
    """Download the file of an update, going on where an earlier download broke off; one attempt. Answered by
    ``FirmwareFetched`` or ``FirmwareNotFetched``."""

    update: int
    location: str


@dataclass(frozen=True, slots=True)
class VerifyFirmware:
    """Check the signature over the downloaded file, whose SHA-256 is ``digest``: what is verified is what
    will be installed. Answered by ``FirmwareVerified``."""

    update: int
    certificate: str
    signature: str
    digest: str


@dataclass(frozen=True, slots=True)
class InstallFirmware:
    """Install the downloaded file, if its SHA-256 is still ``digest``. Answered by ``InstallationEnded``."""

    update: int
    digest: str


@dataclass(frozen=True, slots=True)
class ConfirmInstallation:
    """After a start: what does the installer know of the installation that the last run began? Answered by
    ``InstallationEnded``."""

    update: int


@dataclass(frozen=True, slots=True)
class DropFirmware:
    """The update is over or replaced: stop what is done for it and delete its file. Nothing is answered."""

    update: int


# ---------------------------------------------------------------------- security


@dataclass(frozen=True, slots=True)
class ExamineCertificate:
    """Look into what was sent, next to what is installed; comes back as ``CertificateExamined``."""

    job: int
    pem: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class StoreCertificate:
    """Write it; comes back as ``CertificatesFound`` with this ``job``. ``use`` CLIENT: a chain whose key this
    station has."""

    job: int
    use: CertificateUse
    pem: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class RemoveCertificate:
    """Remove it, of a client certificate the key, too; comes back as ``CertificatesFound``."""

    job: int
    uses: tuple[CertificateUse, ...]
    fingerprint: str


@dataclass(frozen=True, slots=True)
class MakeSigningRequest:
    """Make and keep a new key, after the answer to the request being handled; comes back as
    ``SigningRequestMade``."""

    job: int
    organization: str
    common_name: str


@dataclass(frozen=True, slots=True)
class AskSignature:
    """Send SignCertificate; comes back as ``SignatureAnswered``. ``csr``: PEM."""

    job: int
    csr: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class UseClientCertificate:
    """Another client certificate is the one to use from now on (A02.FR.08): connect anew if it is used."""

    fingerprint: str


Effect = (
    AskAuthorize
    | ReadMeter
    | Send
    | Restart
    | ForgetTokens
    | StoreLocalList
    | ShowIndicator
    | Settled
    # firmware
    | CheckSigningCertificate
    | FetchFirmware
    | VerifyFirmware
    | InstallFirmware
    | ConfirmInstallation
    | DropFirmware
    # security
    | ExamineCertificate
    | StoreCertificate
    | RemoveCertificate
    | MakeSigningRequest
    | AskSignature
    | UseClientCertificate
    # logs
    | UploadLog
    | CancelUpload
    | DropLog
    | ForgetSecurityLog
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What ``Station.handle`` returns. A command has either a ``verdict`` or is ``deferred``."""

    events: tuple[Event, ...] = ()
    effects: tuple[Effect, ...] = ()
    verdict: Verdict | None = None
    deferred: int | None = None  # the verdict comes later, in a ``Settled`` with this number
