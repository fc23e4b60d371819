"""What reaches the station besides commands: observations of hardware, time and the CSMS connection."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from controller.domain.access.tokens import IdToken, TokenInfo
from controller.domain.commands import Command, Status
from controller.domain.policy import Policy
from controller.domain.security.certificate import CertificateFacts, StoredCertificate
from controller.domain.tasks.transfers import TransferFault


@dataclass(frozen=True, slots=True)
class EvseFacts:
    """What the safety process reports of one EVSE (see ``controller.safety.report``)."""

    evse_id: int
    at_ms: int  # CLOCK_MONOTONIC
    pilot: str  # "A".."F"
    pwm: bool
    plug_no: int
    offered_ma: int
    contactor_closed: bool
    rating_ma: int
    cable_ma: int | None
    locked: bool | None
    permit_held: bool
    inhibits: tuple[tuple[str, int], ...]  # (name, since CLOCK_MONOTONIC ms), sorted by name
    high_mv: int = 0
    low_mv: int = 0
    duty_pm: int = 0
    operations: int = 0
    openings_under_load: int = 0
    wake_ups: int = 0  # pulses of state F for a sleeping vehicle, in this plug-in
    simplified_ma: int | None = None  # most that a vehicle without S2 is offered; None = it has one
    close_took_ms: int | None = None  # last measured travel of the contactor, None = not measured
    open_took_ms: int | None = None
    safety_since_ms: int = 0  # CLOCK_MONOTONIC of the start of what counts the operations
    temperature_limit_ma: int | None = None  # what the temperature leaves of the rating; None = all of it
    hottest_mdeg_c: int | None = None  # thousandths of a degree; None = no sensor answers
    sensors_lost: int = 0
    phases: int = 3  # connected behind the contactor

    @property
    def vehicle_connected(self) -> bool:
        return self.pilot in ("B", "C", "D")


@dataclass(frozen=True, slots=True)
class SafetyLost:
    """No report for too long, or the connection to the safety process is down. ``why`` in plain words."""

    why: str


@dataclass(frozen=True, slots=True)
class Reading:
    """A meter reading (fields as ``hal.interface.MeterReading``), taken at CLOCK_MONOTONIC ``at_ms``."""

    evse_id: int
    at_ms: int
    energy_import_wh: int
    energy_export_wh: int | None = None
    power_w: int | None = None
    voltage_mv: tuple[int | None, int | None, int | None] = (None, None, None)
    current_ma: tuple[int | None, int | None, int | None] = (None, None, None)
    frequency_mhz: int | None = None
    power_factor_pm: int | None = None
    power_phase_w: tuple[int | None, int | None, int | None] = (None, None, None)


@dataclass(frozen=True, slots=True)
class MeterFailed:
    evse_id: int
    why: str


@dataclass(frozen=True, slots=True)
class TokenPresented:
    """A card at a reader (``evse_id`` None = it serves all EVSEs) or a token typed by a technician."""

    token: IdToken
    evse_id: int | None = None


@dataclass(frozen=True, slots=True)
class AuthorizeAnswered:
    """The CSMS (or nobody: ``info`` None = no answer) answered the question ``ask_id``."""

    ask_id: int
    info: TokenInfo | None


@dataclass(frozen=True, slots=True)
class TokensStored:
    """Cache or list was changed in the store, or (``why`` given) was not and is what it was before."""

    number: int
    why: str | None = None


@dataclass(frozen=True, slots=True)
class TransactionAnswered:
    """The CSMS answered a transaction message with information on its token."""

    transaction_id: str
    token: IdToken
    info: TokenInfo
    started: bool  # the answer was to the first message of the transaction


@dataclass(frozen=True, slots=True)
class CsmsChanged:
    """``online``: registered (boot accepted) and connected. ``plug_times_out``: what the protocol that is
    spoken demands of a plug that nobody authorizes (1.6 errata 3.20); it holds on offline."""

    online: bool
    plug_times_out: bool = False


@dataclass(frozen=True, slots=True)
class CsmsChosen:
    """The CSMS of this station, by its URL; None = it has none and needs nobody's acceptance.
    ``plug_times_out``: as in ``CsmsChanged``, by the protocols that may be spoken with it."""

    url: str | None
    plug_times_out: bool = False


@dataclass(frozen=True, slots=True)
class StorageChanged:
    """The journal can (``why`` None) or cannot be written; without it nothing may be charged."""

    why: str | None


@dataclass(frozen=True, slots=True)
class SecurityNoticed:
    """Something that belongs into the security log. ``type``: a name in ``security.events``; ``info``: what
    happened, for people, never a secret."""

    type: str
    info: str = ""


@dataclass(frozen=True, slots=True)
class ReaderChanged:
    """A card reader (numbered as on the board) was lost (``why``), or answers again (None)."""

    reader: int
    why: str | None


@dataclass(frozen=True, slots=True)
class RestartFailed:
    """The machine did not restart although it was told to (1.6 9.1.22 ResetRetries are used up)."""

    why: str


@dataclass(frozen=True, slots=True)
class PolicyChanged:
    """A setting that the domain obeys was changed."""

    policy: Policy


# ---------------------------------------------------------------------- firmware


@dataclass(frozen=True, slots=True)
class SigningCertificateChecked:
    """``status``: ACCEPTED, INVALID_CERTIFICATE or REVOKED_CERTIFICATE; ``info``: what is wrong with it."""

    number: int
    status: Status
    info: str = ""


@dataclass(frozen=True, slots=True)
class FirmwareFetched:
    """``digest``: SHA-256 of the whole file, hexadecimal."""

    update: int
    digest: str


@dataclass(frozen=True, slots=True)
class FirmwareNotFetched:
    """An attempt failed. ``final``: another one cannot help (no such protocol, no room)."""

    update: int
    why: str
    final: bool = False


@dataclass(frozen=True, slots=True)
class FirmwareVerified:
    """``why`` None: the signature is right."""

    update: int
    why: str | None = None


class InstallOutcome(StrEnum):
    INSTALLED = "installed"  # the new firmware runs
    RESTART = "restart"  # it runs after a restart of the program
    REBOOT = "reboot"  # it runs after a restart of the machine
    FAILED = "failed"
    UNVERIFIED = "unverified"  # the file is not (any more) what it should be; nothing was touched
    UNKNOWN = "unknown"  # after a start: the installer cannot tell, compare versions


@dataclass(frozen=True, slots=True)
class InstallationEnded:
    """``version``: of the new firmware, "" = not known."""

    update: int
    outcome: InstallOutcome
    version: str = ""
    info: str = ""


@dataclass(frozen=True, slots=True)
class LogUploaded:
    """The upload with this number is done."""

    number: int


@dataclass(frozen=True, slots=True)
class LogUploadFailed:
    """An attempt of the upload with this number failed. ``why``: for people, shows no password."""

    number: int
    fault: TransferFault
    why: str


@dataclass(frozen=True, slots=True)
class Tick:
    """Time passed; sent about once a second and at the station's own ``next_deadline``."""


# ---------------------------------------------------------------------- security


@dataclass(frozen=True, slots=True)
class CertificatesFound:
    """All usable certificates of the store, after a look at the files. ``job``: of the effect that this
    answers, None = the look at the start. ``fault``: why the effect failed, "" = it did not.
    ``owner_roots``: station.toml names roots of the CSMS, too."""

    certificates: tuple[StoredCertificate, ...]
    job: int | None = None
    fault: str = ""
    owner_roots: bool = False


@dataclass(frozen=True, slots=True)
class CertificateExamined:
    """``chain``: leaf first, each signed by the next. ``fault``: why it cannot be read, "" = it can.
    ``key_held``: the leaf's key is one of this station. ``anchors``: fingerprints of the installed CSMS roots
    that the chain leads to. ``owner_anchored``: it leads to a root that station.toml names."""

    job: int
    chain: tuple[CertificateFacts, ...]
    fault: str = ""
    key_held: bool = False
    anchors: tuple[str, ...] = ()
    owner_anchored: bool = False


@dataclass(frozen=True, slots=True)
class SigningRequestMade:
    """``fault``: why there is none, "" = ``csr`` is the request in PEM."""

    job: int
    csr: str = field(repr=False)
    fault: str = ""


@dataclass(frozen=True, slots=True)
class SignatureAnswered:
    """``accepted`` None: the CSMS could not be asked, or did not answer."""

    job: int
    accepted: bool | None


@dataclass(frozen=True, slots=True)
class CsmsVerified:
    """A connection to the CSMS was made: verified with one of ``roots`` (fingerprints; () = without the
    store), with the client certificate ``client`` (None = without)."""

    roots: tuple[str, ...]
    client: str | None = None


Input = (
    Command
    | EvseFacts
    | SafetyLost
    | Reading
    | MeterFailed
    | TokenPresented
    | AuthorizeAnswered
    | TokensStored
    | TransactionAnswered
    | CsmsChanged
    | CsmsChosen
    | StorageChanged
    | ReaderChanged
    | RestartFailed
    | SecurityNoticed
    | PolicyChanged
    | LogUploaded
    | LogUploadFailed
    | Tick
    # firmware
    | SigningCertificateChecked
    | FirmwareFetched
    | FirmwareNotFetched
    | FirmwareVerified
    | InstallationEnded
    # security
    | CertificatesFound
    | CertificateExamined
    | SigningRequestMade
    | SignatureAnswered
    | CsmsVerified
)
