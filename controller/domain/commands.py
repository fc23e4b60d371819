"""What is asked of the station, and the answer.

Owns: commands of a CSMS, a technician or a user, in the domain's words, and ``Verdict``.
Refuses to know: who asks and in which protocol version; message ids; wire names.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from controller.domain.access.tokens import IdToken, ListEntry, ListState
from controller.domain.charging.profiles import ChargingProfile, CompositeSchedule, ProfileFilter, RateUnit
from controller.domain.security.certificate import CertificateHash, CertificateUse, StoredCertificate


class Status(StrEnum):
    """Every answer a command can get. Each version's ``reply`` maps it to the enum of its message."""

    ACCEPTED = "Accepted"
    REJECTED = "Rejected"
    SCHEDULED = "Scheduled"
    UNKNOWN = "Unknown"
    NOT_SUPPORTED = "NotSupported"
    NOT_IMPLEMENTED = "NotImplemented"
    REBOOT_REQUIRED = "RebootRequired"
    UNLOCKED = "Unlocked"
    UNLOCK_FAILED = "UnlockFailed"
    ONGOING_TRANSACTION = "OngoingAuthorizedTransaction"
    UNKNOWN_CONNECTOR = "UnknownConnector"
    UNKNOWN_VENDOR = "UnknownVendorId"
    UNKNOWN_MESSAGE = "UnknownMessageId"
    # reservation
    FAULTED = "Faulted"
    OCCUPIED = "Occupied"
    UNAVAILABLE = "Unavailable"
    # local list
    FAILED = "Failed"
    VERSION_MISMATCH = "VersionMismatch"
    # firmware
    ACCEPTED_CANCELED = "AcceptedCanceled"
    INVALID_CERTIFICATE = "InvalidCertificate"
    REVOKED_CERTIFICATE = "RevokedCertificate"
    # logs
    # security
    NOT_FOUND = "NotFound"


@dataclass(frozen=True, slots=True)
class Verdict:
    """``reason``: a word for 2.0.1 statusInfo.reasonCode; ``info``: plain text for people."""

    status: Status
    reason: str = ""
    info: str = ""
    transaction_id: str | None = None  # RequestStart on an EVSE where a transaction already runs (F02)
    data: str | None = None  # DataTransfer answer
    local_list: ListState | None = None  # answer to GetLocalListVersion
    composite: CompositeSchedule | None = None
    certificates: tuple[StoredCertificate, ...] = ()  # ListCertificates answer
    file_name: str | None = None  # of the log that will be uploaded


@dataclass(frozen=True, slots=True)
class RemoteStart:
    """1.6 RemoteStartTransaction; 2.0.1 RequestStartTransaction (F01, F02).

    ``evse_id`` None = the station chooses.
    """

    token: IdToken
    evse_id: int | None = None
    remote_start_id: int | None = None
    group: IdToken | None = None
    profile: ChargingProfile | None = None


@dataclass(frozen=True, slots=True)
class RemoteStop:
    """1.6 RemoteStopTransaction; 2.0.1 RequestStopTransaction (F03)."""

    transaction_id: str


@dataclass(frozen=True, slots=True)
class ChangeAvailability:
    """evse_id 0 = station (2.0.1 G03, G04). With ``every_evse`` all its EVSEs, too: in 1.6 5.2 the change is
    one of all connectors, while 2.0.1 G04.FR.08 leaves theirs as it was."""

    evse_id: int
    operative: bool
    every_evse: bool = False


@dataclass(frozen=True, slots=True)
class UnlockConnector:
    """1.6 5.18 (ends a running transaction first); 2.0.1 F05 (refuses while one runs)."""

    evse_id: int
    connector_id: int = 1
    stop_transaction: bool = False


class ResetKind(StrEnum):
    """1.6: Soft = ON_IDLE's graceful way at once, Hard = IMMEDIATE; 2.0.1 B11, B12."""

    SOFT = "Soft"  # stop transactions gracefully now, then restart (1.6 Soft)
    IMMEDIATE = "Immediate"  # 2.0.1 Immediate, 1.6 Hard
    ON_IDLE = "OnIdle"  # 2.0.1: when no transaction runs


@dataclass(frozen=True, slots=True)
class Reset:
    kind: ResetKind
    evse_id: int | None = None


@dataclass(frozen=True, slots=True)
class InstallProfile:
    """SetChargingProfile. evse_id 0 = station."""

    evse_id: int
    profile: ChargingProfile


@dataclass(frozen=True, slots=True)
class ClearProfiles:
    filter: ProfileFilter


@dataclass(frozen=True, slots=True)
class GetComposite:
    """1.6 5.7; 2.0.1 K08. evse_id 0 = the total of the station. ``unit`` None = the station chooses."""

    evse_id: int
    duration_s: int
    unit: RateUnit | None = None


@dataclass(frozen=True, slots=True)
class ClearCache:
    pass


@dataclass(frozen=True, slots=True)
class ResetFaults:
    """Clear what is latched and has no cause any more; both processes."""

    evse_id: int


@dataclass(frozen=True, slots=True)
class OverrideDelay:
    """End a random delay: the user wants to charge now (UK Smart Charge Points Regulations)."""

    evse_id: int


@dataclass(frozen=True, slots=True)
class ContactorReplaced:
    """A technician fitted a new contactor: its counters begin at zero."""

    evse_id: int


class TriggerKind(StrEnum):
    """2.0.1 MessageTriggerEnumType, as far as supported now."""

    BOOT = "BootNotification"
    HEARTBEAT = "Heartbeat"
    STATUS = "StatusNotification"
    METER_VALUES = "MeterValues"
    TRANSACTION = "TransactionEvent"
    FIRMWARE_STATUS = "FirmwareStatusNotification"
    LOG_STATUS = "LogStatusNotification"
    SIGN_CERTIFICATE = "SignChargingStationCertificate"
    OTHER = "other"  # anything else: NotImplemented


@dataclass(frozen=True, slots=True)
class TriggerMessage:
    """1.6 5.17; 2.0.1 F06. ``evse_id`` None = all. ``extended``: 1.6 ExtendedTriggerMessage, which asks for
    the messages of the security white paper (LogStatusNotification, SignedFirmwareStatusNotification)."""

    kind: TriggerKind
    evse_id: int | None = None
    extended: bool = False


@dataclass(frozen=True, slots=True)
class DataTransfer:
    vendor_id: str
    message_id: str | None = None
    data: str | None = None


# ---------------------------------------------------------------------- reservation


@dataclass(frozen=True, slots=True)
class ReserveNow:
    """1.6 5.13, 2.0.1 H01. ``evse_id`` 0 = any. ``expires_at_ms``: UTC ms."""

    reservation_id: int
    evse_id: int
    token: IdToken
    expires_at_ms: int
    group: IdToken | None = None


@dataclass(frozen=True, slots=True)
class CancelReservation:
    """1.6 5.1, 2.0.1 H02."""

    reservation_id: int


# ---------------------------------------------------------------------- local list


@dataclass(frozen=True, slots=True)
class UpdateLocalList:
    """1.6 5.15, 2.0.1 D01. ``full``: ``entries`` replace the list; else they change it."""

    version: int
    full: bool
    entries: tuple[ListEntry, ...] = ()


@dataclass(frozen=True, slots=True)
class GetLocalListVersion:
    """1.6 5.10, 2.0.1 D02. The verdict says NotSupported while the list is switched off."""


# ---------------------------------------------------------------------- firmware


@dataclass(frozen=True, slots=True)
class UpdateFirmware:
    """1.6 UpdateFirmware, SignedUpdateFirmware; 2.0.1 UpdateFirmware (L01, L02). Instants in UTC ms.

    ``install_at_ms`` None = as soon as possible. ``retries``: downloads after the first that failed, and
    ``retry_interval_s``: None = left to the station. ``request_id`` None: 1.6 UpdateFirmware, which has none.
    ``certificate`` (PEM) None = the firmware is not signed. ``signature``: Base64.
    """

    location: str
    retrieve_at_ms: int
    install_at_ms: int | None = None
    retries: int | None = None
    retry_interval_s: int | None = None
    request_id: int | None = None
    certificate: str | None = None
    signature: str = ""


# ---------------------------------------------------------------------- logs


class LogKind(StrEnum):
    """2.0.1 LogEnumType."""

    DIAGNOSTICS = "DiagnosticsLog"
    SECURITY = "SecurityLog"


@dataclass(frozen=True, slots=True)
class GetLog:
    """1.6 GetDiagnostics (``request_id`` None) and GetLog (white paper N01); 2.0.1 N01. ``location``: a URL
    with credentials. ``retries`` after the first attempt and their interval: None = the station's own. Only
    what happened from ``oldest_ms`` to ``latest_ms`` (UTC), None = no bound."""

    kind: LogKind
    location: str = field(repr=False)
    request_id: int | None = None
    retries: int | None = None
    retry_interval_s: int | None = None
    oldest_ms: int | None = None
    latest_ms: int | None = None


@dataclass(frozen=True, slots=True)
class ClearSecurityLog:
    """Somebody at the station empties the security log."""


# ---------------------------------------------------------------------- security


@dataclass(frozen=True, slots=True)
class InstallCertificate:
    """White paper M05; 2.0.1 M05. ``use``: one of ``certificate.ROOTS``. ``pem``: as it came."""

    use: CertificateUse
    pem: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class DeleteCertificate:
    """White paper M04; 2.0.1 M04."""

    hash: CertificateHash


@dataclass(frozen=True, slots=True)
class ListCertificates:
    """White paper M03; 2.0.1 M03: installed certificates of these uses, () = of all roots."""

    uses: tuple[CertificateUse, ...] = ()


@dataclass(frozen=True, slots=True)
class TakeSignedCertificate:
    """CertificateSigned (white paper A02, A03; 2.0.1 A02, A03): the station's own certificate, and CAs below
    a root after it. ``chain``: PEM, as it came."""

    chain: str = field(repr=False)


Command = (
    RemoteStart
    | RemoteStop
    | ChangeAvailability
    | UnlockConnector
    | Reset
    | InstallProfile
    | ClearProfiles
    | GetComposite
    | ClearCache
    | ResetFaults
    | OverrideDelay
    | ContactorReplaced
    | TriggerMessage
    | DataTransfer
    # reservation
    | ReserveNow
    | CancelReservation
    # local list
    | UpdateLocalList
    | GetLocalListVersion
    # firmware
    | UpdateFirmware
    # logs
    | GetLog
    | ClearSecurityLog
    # security
    | InstallCertificate
    | DeleteCertificate
    | ListCertificates
    | TakeSignedCertificate
)
