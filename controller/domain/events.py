"""What happened: the durable facts of the station, in 2.0.1's words.

Owns: the event types, their delivery class, and their one text form for the journal.
Refuses to know: any OCPP message. A message is a view of an event, made by ``csms.v16`` or ``csms.v201``.

Every instant is ``at_ms``, UTC milliseconds. Events are what the station is rebuilt from: replaying
the journal through ``Station.apply`` gives the same station.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import ClassVar

from controller.domain.access.tokens import IdToken, TokenInfo
from controller.domain.charging.profiles import ChargingProfile, ProfileFilter
from controller.domain.commands import LogKind, ResetKind
from controller.domain.evse.wear import Wear
from controller.domain.metering.measurands import MeterSample


class Delivery(Enum):
    """How an event reaches the CSMS. Status is *latest* and heartbeat *never queued*: neither is an event."""

    ORDERED = "ordered"  # journalled, delivered in order, retried (transactions, security events)
    NOTICE = "notice"  # as ORDERED, but one refusal is final (how a task of the CSMS goes on)
    LOCAL = "local"  # journalled for replay, audit and CLI; no message of its own


class Trigger(StrEnum):
    """OCPP 2.0.1 TriggerReasonEnumType, as far as used."""

    AUTHORIZED = "Authorized"
    CABLE_PLUGGED_IN = "CablePluggedIn"
    CHARGING_STATE_CHANGED = "ChargingStateChanged"
    DEAUTHORIZED = "Deauthorized"
    EV_COMMUNICATION_LOST = "EVCommunicationLost"
    EV_DEPARTED = "EVDeparted"
    ENERGY_LIMIT_REACHED = "EnergyLimitReached"
    METER_VALUE_CLOCK = "MeterValueClock"
    METER_VALUE_PERIODIC = "MeterValuePeriodic"
    REMOTE_START = "RemoteStart"
    REMOTE_STOP = "RemoteStop"
    RESET_COMMAND = "ResetCommand"
    STOP_AUTHORIZED = "StopAuthorized"
    TRIGGER = "Trigger"
    UNLOCK_COMMAND = "UnlockCommand"
    ABNORMAL_CONDITION = "AbnormalCondition"
    CHARGING_RATE_CHANGED = "ChargingRateChanged"


class StoppedReason(StrEnum):
    """OCPP 2.0.1 ReasonEnumType, as far as used; ``v16`` maps it to its own list."""

    DEAUTHORIZED = "DeAuthorized"
    EMERGENCY_STOP = "EmergencyStop"
    EV_DISCONNECTED = "EVDisconnected"
    GROUND_FAULT = "GroundFault"
    IMMEDIATE_RESET = "ImmediateReset"
    LOCAL = "Local"
    OTHER = "Other"
    POWER_LOSS = "PowerLoss"
    REBOOT = "Reboot"
    REMOTE = "Remote"
    SOFT_RESET = "SoftReset"  # 1.6 only; 2.0.1 view: ImmediateReset
    UNLOCK_COMMAND = "UnlockCommand"  # 1.6 only; 2.0.1 view: Remote
    STOPPED_BY_EV = "StoppedByEV"
    ENERGY_LIMIT_REACHED = "EnergyLimitReached"


class ChargingState(StrEnum):
    """OCPP 2.0.1 ChargingStateEnumType."""

    CHARGING = "Charging"
    EV_CONNECTED = "EVConnected"
    SUSPENDED_EV = "SuspendedEV"
    SUSPENDED_EVSE = "SuspendedEVSE"
    IDLE = "Idle"


@dataclass(frozen=True, slots=True)
class StationStarted:
    """The controller began to run. ``boot_reason``: 2.0.1 BootReasonEnumType."""

    delivery: ClassVar[Delivery] = Delivery.LOCAL
    version: str
    boot_reason: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class MachineStarted:
    """A new run of the machine: CLOCK_MONOTONIC began anew. ``at_ms`` is what the clock said then."""

    delivery: ClassVar[Delivery] = Delivery.LOCAL
    boot_id: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class ClockSet:
    """The wall clock was moved by ``step_ms`` (positive = forward) at CLOCK_MONOTONIC ``mono_ms``.

    ``from_ms``: where this run of the machine began, by the clock as it was; ``corrects``: what was noted
    since then was wrong by that step (see ``domain.timekeeping``). ``at_ms``: by the clock as it is now.
    """

    delivery: ClassVar[Delivery] = Delivery.LOCAL
    boot_id: str
    mono_ms: int
    step_ms: int
    from_ms: int
    corrects: bool
    at_ms: int


@dataclass(frozen=True, slots=True)
class RestartBegun:
    """A reset was asked for and all is ready for it: the next start knows why it happened."""

    delivery: ClassVar[Delivery] = Delivery.LOCAL
    kind: ResetKind
    at_ms: int


@dataclass(frozen=True, slots=True)
class SessionStarted:
    """A vehicle was connected (plug-in)."""

    delivery: ClassVar[Delivery] = Delivery.LOCAL
    evse_id: int
    plug_no: int
    at_ms: int


@dataclass(frozen=True, slots=True)
class SessionEnded:
    """The vehicle was disconnected."""

    delivery: ClassVar[Delivery] = Delivery.LOCAL
    evse_id: int
    at_ms: int


@dataclass(frozen=True, slots=True)
class AuthorizationTimedOut:
    """A vehicle was plugged in, and nobody authorized it in time (1.6 errata 3.20, transition B6)."""

    delivery: ClassVar[Delivery] = Delivery.LOCAL
    evse_id: int
    at_ms: int


@dataclass(frozen=True, slots=True)
class PlugKept:
    """The transaction is over, and the plug stays locked for the owner of ``token`` or ``group``."""

    delivery: ClassVar[Delivery] = Delivery.LOCAL
    evse_id: int
    token: IdToken
    group: IdToken | None
    why: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class PlugReleased:
    delivery: ClassVar[Delivery] = Delivery.LOCAL
    evse_id: int
    why: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class MeterReplaced:
    """The meter's register does not go on where it was: it was replaced or reset. ``before_wh``: the last one
    that was believed; ``after_wh``: the first of the new ones."""

    delivery: ClassVar[Delivery] = Delivery.LOCAL
    evse_id: int
    before_wh: int
    after_wh: int
    at_ms: int


@dataclass(frozen=True, slots=True)
class CsmsAccepted:
    """The CSMS at this URL accepted the station for the first time."""

    delivery: ClassVar[Delivery] = Delivery.LOCAL
    url: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class TokenAuthorized:
    """A token may charge at this EVSE from now on (list, cache, CSMS, offline policy or remote start)."""

    delivery: ClassVar[Delivery] = Delivery.LOCAL
    evse_id: int
    token: IdToken
    group: IdToken | None
    source: str  # "csms" | "cache" | "local-list" | "offline" | "remote" | "free"
    at_ms: int


@dataclass(frozen=True, slots=True)
class TokenRefused:
    delivery: ClassVar[Delivery] = Delivery.LOCAL
    token: IdToken
    status: str
    source: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class TransactionStarted:
    """1.6 StartTransaction; 2.0.1 TransactionEvent(Started), E01/E02."""

    delivery: ClassVar[Delivery] = Delivery.ORDERED
    transaction_id: str
    evse_id: int
    connector_id: int
    seq_no: int
    trigger: Trigger
    charging_state: ChargingState
    token: IdToken | None
    group: IdToken | None
    register_wh: int
    samples: tuple[MeterSample, ...]
    offline: bool
    at_ms: int
    remote_start_id: int | None = None
    reservation_id: int | None = None
    cable_ma: int | None = None
    phases: int | None = None


@dataclass(frozen=True, slots=True)
class TransactionUpdated:
    """1.6 MeterValues when there are samples, nothing otherwise; 2.0.1 TransactionEvent(Updated)."""

    delivery: ClassVar[Delivery] = Delivery.ORDERED
    transaction_id: str
    evse_id: int
    connector_id: int
    seq_no: int
    trigger: Trigger
    charging_state: ChargingState
    register_wh: int | None
    samples: tuple[MeterSample, ...]
    offline: bool
    at_ms: int
    token: IdToken | None = None  # only when this event is about a token
    remote_start_id: int | None = None


@dataclass(frozen=True, slots=True)
class SampleKept:
    """Values for the end of the transaction (1.6 transactionData): a restart in between must keep them."""

    delivery: ClassVar[Delivery] = Delivery.LOCAL
    transaction_id: str
    evse_id: int
    sample: MeterSample
    at_ms: int


@dataclass(frozen=True, slots=True)
class TransactionStopping:
    """The decision to end a transaction: power is being withdrawn, ``TransactionEnded`` follows.

    Durable before the vehicle is told, so that a restart in between does not charge on.
    """

    delivery: ClassVar[Delivery] = Delivery.LOCAL
    transaction_id: str
    evse_id: int
    trigger: Trigger
    stopped_reason: StoppedReason
    token: IdToken | None
    at_ms: int


@dataclass(frozen=True, slots=True)
class TransactionEnded:
    """1.6 StopTransaction; 2.0.1 TransactionEvent(Ended). ``samples`` become transactionData / meterValue."""

    delivery: ClassVar[Delivery] = Delivery.ORDERED
    transaction_id: str
    evse_id: int
    connector_id: int
    seq_no: int
    trigger: Trigger
    charging_state: ChargingState
    stopped_reason: StoppedReason
    token: IdToken | None  # the token that stopped it, when one did
    register_wh: int
    samples: tuple[MeterSample, ...]
    offline: bool
    at_ms: int


@dataclass(frozen=True, slots=True)
class MeterValuesTaken:
    """Clock-aligned or triggered values outside a transaction (MeterValues). evse_id 0 = main meter."""

    delivery: ClassVar[Delivery] = Delivery.ORDERED
    evse_id: int
    connector_id: int
    sample: MeterSample
    at_ms: int


@dataclass(frozen=True, slots=True)
class AvailabilityChanged:
    """ChangeAvailability took effect. evse_id 0 = whole station."""

    delivery: ClassVar[Delivery] = Delivery.LOCAL
    evse_id: int
    operative: bool
    at_ms: int


@dataclass(frozen=True, slots=True)
class AvailabilityScheduled:
    """ChangeAvailability will take effect when the running transactions are over and their vehicles gone
    (1.6 4.9 F8, 2.0.1 G01.FR.05). The present state as the wanted one withdraws what was scheduled."""

    delivery: ClassVar[Delivery] = Delivery.LOCAL
    evse_id: int
    operative: bool
    at_ms: int


@dataclass(frozen=True, slots=True)
class FaultRaised:
    """``fault``: a name in the catalogue ``domain.faults``. evse_id 0 = station. 2.0.1 NotifyEvent (N07);
    1.6 tells it with the status. ``tries``: how often a check came back in this plug-in."""

    delivery: ClassVar[Delivery] = Delivery.ORDERED
    evse_id: int
    fault: str
    at_ms: int
    tries: int = 0
    about: str = ""  # what it is about, in one word: the token of a local-list-conflict


@dataclass(frozen=True, slots=True)
class FaultCleared:
    """2.0.1 NotifyEvent with cleared (N07.FR.02)."""

    delivery: ClassVar[Delivery] = Delivery.ORDERED
    evse_id: int
    fault: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class FaultsReset:
    """A technician or the CSMS asked to clear what is latched; all tries are forgiven."""

    delivery: ClassVar[Delivery] = Delivery.LOCAL
    evse_id: int
    at_ms: int


@dataclass(frozen=True, slots=True)
class DelayBegun:
    """A random delay (``domain.charging.random_delay``): ``held_ma`` holds until ``until_ms``."""

    delivery: ClassVar[Delivery] = Delivery.LOCAL
    evse_id: int
    cause: str
    held_ma: int
    until_ms: int
    at_ms: int


@dataclass(frozen=True, slots=True)
class DelayEnded:
    delivery: ClassVar[Delivery] = Delivery.LOCAL
    evse_id: int
    why: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class ContactorUsed:
    """What the contactor has lived through up to now; the newest counts."""

    delivery: ClassVar[Delivery] = Delivery.LOCAL
    evse_id: int
    wear: Wear
    at_ms: int


@dataclass(frozen=True, slots=True)
class ProfileInstalled:
    """SetChargingProfile (or the profile of a remote start) was accepted. evse_id 0 = station."""

    delivery: ClassVar[Delivery] = Delivery.LOCAL
    evse_id: int
    profile: ChargingProfile
    at_ms: int


@dataclass(frozen=True, slots=True)
class ProfilesCleared:
    delivery: ClassVar[Delivery] = Delivery.LOCAL
    filter: ProfileFilter
    profile_ids: tuple[int, ...]
    at_ms: int


@dataclass(frozen=True, slots=True)
class TokenLearned:
    """The CSMS told about a token; goes to the authorization cache."""

    delivery: ClassVar[Delivery] = Delivery.LOCAL
    token: IdToken
    info: TokenInfo
    at_ms: int


@dataclass(frozen=True, slots=True)
class SecurityEvent:
    """2.0.1 A04 / 1.6 white paper A04: ``type`` from the standard's list of security events."""

    delivery: ClassVar[Delivery] = Delivery.ORDERED
    type: str
    info: str
    at_ms: int


# ---------------------------------------------------------------------- reservation


class ReservationEnd(StrEnum):
    """Why a reservation ended unused. 2.0.1 tells Expired and Removed; who cancelled it knows."""

    EXPIRED = "Expired"
    REMOVED = "Removed"  # its EVSE became faulted or unavailable
    CANCELLED = "Cancelled"


@dataclass(frozen=True, slots=True)
class ReservationMade:
    """``evse_id`` 0 = any. Replaces one with the same id. Ended by ``ReservationEnded``, or by the
    ``TransactionStarted`` that names it."""

    delivery: ClassVar[Delivery] = Delivery.LOCAL
    reservation_id: int
    evse_id: int
    token: IdToken
    group: IdToken | None
    expires_at_ms: int  # UTC
    at_ms: int


@dataclass(frozen=True, slots=True)
class ReservationEnded:
    """2.0.1 ReservationStatusUpdate (H01.FR.16, H01.FR.17, H04.FR.01); 1.6 tells it with the status."""

    delivery: ClassVar[Delivery] = Delivery.ORDERED
    reservation_id: int
    evse_id: int
    why: ReservationEnd
    at_ms: int


# ---------------------------------------------------------------------- local list


@dataclass(frozen=True, slots=True)
class LocalListUpdated:
    """The CSMS sent (a part of) the local list and it is stored. ``entries``: tokens in the list now."""

    delivery: ClassVar[Delivery] = Delivery.LOCAL
    version: int
    full: bool
    entries: int
    at_ms: int


# ---------------------------------------------------------------------- firmware


class FirmwareStatus(StrEnum):
    """OCPP 2.0.1 FirmwareStatusEnumType, the same in the 1.6 white paper (6.8)."""

    IDLE = "Idle"  # only ever as the answer to a trigger
    DOWNLOAD_SCHEDULED = "DownloadScheduled"
    DOWNLOADING = "Downloading"
    DOWNLOAD_PAUSED = "DownloadPaused"
    DOWNLOADED = "Downloaded"
    DOWNLOAD_FAILED = "DownloadFailed"
    SIGNATURE_VERIFIED = "SignatureVerified"
    INVALID_SIGNATURE = "InvalidSignature"
    INSTALL_SCHEDULED = "InstallScheduled"
    INSTALLING = "Installing"
    INSTALL_REBOOTING = "InstallRebooting"
    INSTALLED = "Installed"
    INSTALLATION_FAILED = "InstallationFailed"
    INSTALL_VERIFICATION_FAILED = "InstallVerificationFailed"


@dataclass(frozen=True, slots=True)
class FirmwareUpdateBegun:
    """A firmware update was accepted; it replaces what was going on. ``number``: ours, counted from 1,
    because two requests may carry the same id. ``version``: what ran when it was accepted."""

    delivery: ClassVar[Delivery] = Delivery.LOCAL
    number: int
    location: str
    retrieve_at_ms: int
    install_at_ms: int | None
    retries: int
    retry_interval_s: int
    request_id: int | None
    certificate: str | None
    signature: str
    version: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class FirmwareStatusChanged:
    """1.6 FirmwareStatusNotification, or SignedFirmwareStatusNotification with a ``request_id``; 2.0.1
    FirmwareStatusNotification. ``info``: the cause in plain words. ``again``: this update told the status
    before (a download that goes on). ``attempt``: downloads that failed so far. ``digest``: SHA-256 of the
    downloaded file, hexadecimal."""

    delivery: ClassVar[Delivery] = Delivery.NOTICE
    status: FirmwareStatus
    request_id: int | None
    at_ms: int
    info: str = ""
    again: bool = False
    attempt: int = 0
    digest: str = ""


@dataclass(frozen=True, slots=True)
class FirmwareStaged:
    """The installer has done its part; the next start runs the new firmware. ``version``: the one expected,
    "" = not known beforehand. ``machine``: the whole machine has to start, not only this program."""

    delivery: ClassVar[Delivery] = Delivery.LOCAL
    version: str
    machine: bool
    at_ms: int


# ---------------------------------------------------------------------- logs


class LogStatus(StrEnum):
    """2.0.1 UploadLogStatusEnumType, without Idle: that is no event."""

    UPLOADING = "Uploading"
    UPLOADED = "Uploaded"
    UPLOAD_FAILURE = "UploadFailure"
    BAD_MESSAGE = "BadMessage"
    NOT_SUPPORTED = "NotSupportedOperation"
    PERMISSION_DENIED = "PermissionDenied"
    ACCEPTED_CANCELED = "AcceptedCanceled"


@dataclass(frozen=True, slots=True)
class LogStatusChanged:
    """How the upload of a log goes. 1.6 DiagnosticsStatusNotification (``request_id`` None) or
    LogStatusNotification; 2.0.1 LogStatusNotification (N01). ``why``: for people, shows no password."""

    delivery: ClassVar[Delivery] = Delivery.NOTICE
    kind: LogKind
    status: LogStatus
    at_ms: int
    request_id: int | None = None
    why: str = ""


# ---------------------------------------------------------------------- security


class SigningReason(StrEnum):
    """Why a certificate is asked for."""

    TRIGGERED = "Triggered"  # by the CSMS (white paper A02)
    RENEWAL = "Renewal"  # the one in use expires (A03)


class SigningOutcome(StrEnum):
    SIGNED = "Signed"
    ASKED = "Asked"  # the CSMS has the request; the certificate may still come, the key waits for it
    REFUSED = "Refused"  # by the CSMS
    UNANSWERED = "Unanswered"
    FAILED = "Failed"  # no request could be made


@dataclass(frozen=True, slots=True)
class SigningBegun:
    """The station wants a new certificate of its own."""

    delivery: ClassVar[Delivery] = Delivery.LOCAL
    reason: SigningReason
    at_ms: int


@dataclass(frozen=True, slots=True)
class SigningRepeats:
    """Request number ``attempt`` brought no certificate yet; the next one goes at ``repeat_at_ms``."""

    delivery: ClassVar[Delivery] = Delivery.LOCAL
    attempt: int
    repeat_at_ms: int
    at_ms: int


@dataclass(frozen=True, slots=True)
class SigningEnded:
    """The station asks no more by itself."""

    delivery: ClassVar[Delivery] = Delivery.LOCAL
    outcome: SigningOutcome
    at_ms: int


@dataclass(frozen=True, slots=True)
class RootTrialBegun:
    """A root of the CSMS replaces others, which stay as fallback until it has worked (M05.FR.11).
    Fingerprints."""

    delivery: ClassVar[Delivery] = Delivery.LOCAL
    root: str
    fallback: tuple[str, ...]
    at_ms: int


@dataclass(frozen=True, slots=True)
class RootTrialEnded:
    """It has worked (M05.FR.12), or it is not there (any more)."""

    delivery: ClassVar[Delivery] = Delivery.LOCAL
    worked: bool
    at_ms: int


@dataclass(frozen=True, slots=True)
class ClientCertificateProven:
    """The CSMS took a connection with this certificate; those before it are kept a month more (A02.FR.10)."""

    delivery: ClassVar[Delivery] = Delivery.LOCAL
    fingerprint: str
    at_ms: int


Event = (
    StationStarted
    | MachineStarted
    | ClockSet
    | RestartBegun
    | SessionStarted
    | SessionEnded
    | AuthorizationTimedOut
    | PlugKept
    | PlugReleased
    | MeterReplaced
    | CsmsAccepted
    | TokenAuthorized
    | TokenRefused
    | TransactionStarted
    | TransactionUpdated
    | SampleKept
    | TransactionStopping
    | TransactionEnded
    | MeterValuesTaken
    | AvailabilityChanged
    | AvailabilityScheduled
    | FaultRaised
    | FaultCleared
    | FaultsReset
    | DelayBegun
    | DelayEnded
    | ContactorUsed
    | ProfileInstalled
    | ProfilesCleared
    | TokenLearned
    | SecurityEvent
    # reservation
    | ReservationMade
    | ReservationEnded
    # local list
    | LocalListUpdated
    # firmware
    | FirmwareUpdateBegun
    | FirmwareStatusChanged
    | FirmwareStaged
    # logs
    | LogStatusChanged
    # security
    | SigningBegun
    | SigningRepeats
    | SigningEnded
    | RootTrialBegun
    | RootTrialEnded
    | ClientCertificateProven
)
