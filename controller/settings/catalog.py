"""Every variable of the station, once: 2.0.1 device model name, kind with bounds, default, 1.6 key.

Owns: the rows and how they are found by either protocol's name. GetVariables, SetVariables, GetBaseReport,
GetConfiguration, ChangeConfiguration, ``station.toml`` and ``docs/settings.md`` are views of these rows;
nobody else holds a default.
Refuses to know: current values (``settings``), files, OCPP messages.

Sources: 2.0.1 Part 2 chapter "Referenced Components and Variables" with the errata of 2025-09, Part 4
section 7 (websocket variables), 1.6 chapter 9 with its errata, 1.6 security white paper section 7. A row
that the standard requires but whose feature does not exist yet says so through its bounds (an empty list, a
fixed number): a CSMS that asks for more gets Rejected instead of a setting that does nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from difflib import get_close_matches
from enum import Enum, StrEnum
from typing import Any, Generic, TypeVar

from controller.domain.metering.measurands import Measurand
from controller.domain.tasks.transfers import PROTOCOLS
from controller.settings.kinds import (
    Kind,
    Moment,
    PhaseRotations,
    boolean,
    choice,
    decimal,
    integer,
    measurands,
    member_list,
    seconds,
    secret,
    sequence_list,
    text,
)

T = TypeVar("T")


class Mutability(StrEnum):
    """2.0.1 MutabilityEnumType: what the network may do. The owner may set any row but computed ones."""

    READ_ONLY = "ReadOnly"
    READ_WRITE = "ReadWrite"
    WRITE_ONLY = "WriteOnly"


READ_ONLY = Mutability.READ_ONLY
READ_WRITE = Mutability.READ_WRITE
WRITE_ONLY = Mutability.WRITE_ONLY


class Scope(Enum):
    """What a row exists once for."""

    STATION = "station"
    EVSE = "EVSE"
    CONNECTOR = "connector"


@dataclass(frozen=True, slots=True, eq=False)
class Variable(Generic[T]):
    """One row. Compared by identity: there is one object per row.

    ``default`` None = computed: its value comes from a provider handed to ``Settings`` and nobody sets it.
    Rows of scope EVSE or CONNECTOR are always computed. ``reboot_required``: a change is stored and takes
    effect with the next start.
    """

    component: str
    name: str
    kind: Kind[T]
    default: T | None
    about: str
    instance: str | None = None
    key16: str | None = None
    mutability: Mutability = READ_WRITE
    writable16: bool = False  # 1.6 may change what 2.0.1 may only read
    reboot_required: bool = False
    scope: Scope = Scope.STATION
    critical: bool = False  # part of the summary inventory (2.0.1 B07.FR.09)
    follows16: str | None = None  # a 1.6 key of another row that sets this one, too

    @property
    def computed(self) -> bool:
        return self.default is None

    @property
    def full_name(self) -> str:
        """ "Component.Variable" or "Component.Variable[instance]"."""
        return f"{self.component}.{self.name}" + (f"[{self.instance}]" if self.instance else "")


@dataclass(frozen=True, slots=True)
class LimitKey16:
    """A read-only 1.6 key that is a limit of another row: its most items, or its highest value."""

    key: str
    of: Variable[Any]
    about: str

    @property
    def value(self) -> str:
        """On the fullest hardware."""
        return self.limit_of(self.of.kind)

    def limit_of(self, kind: Kind[Any]) -> str:
        traits = kind.traits
        limit = traits.max_limit if traits.max_items is None else Decimal(traits.max_items)
        if limit is None:
            raise ValueError(f"{self.key}: {self.of.full_name} has no limit")
        return f"{limit:f}"


@dataclass(frozen=True, slots=True)
class ComputedKey16:
    """A read-only 1.6 key without a variable: its text comes from a provider handed to ``Settings``."""

    key: str
    about: str
    listed: bool = False  # a comma-separated list; else a number


# ------------------------------------------------------------------------- OCPPCommCtrlr

HEARTBEAT_INTERVAL = Variable(
    "OCPPCommCtrlr", "HeartbeatInterval", seconds(1, 86400), 300,
    "Silence after which a Heartbeat is sent; BootNotification's interval replaces it.",
    key16="HeartbeatInterval",
)  # fmt: skip
PING_INTERVAL = Variable(
    "OCPPCommCtrlr", "WebSocketPingInterval", seconds(0, 3600), 30,
    "Seconds between websocket pings of the station; 0 = none.", key16="WebSocketPingInterval",
)  # fmt: skip
RETRY_REPEAT_TIMES = Variable(
    "OCPPCommCtrlr", "RetryBackOffRepeatTimes", integer(0, 16), 5,
    "How many times the wait between reconnections doubles (Part 4, 5.3).",
)  # fmt: skip
RETRY_RANDOM_RANGE = Variable(
    "OCPPCommCtrlr", "RetryBackOffRandomRange", seconds(0, 3600), 10,
    "Highest random number of seconds added to each wait between reconnections.",
)  # fmt: skip
RETRY_WAIT_MINIMUM = Variable(
    "OCPPCommCtrlr", "RetryBackOffWaitMinimum", seconds(1, 3600), 10,
    "First wait between reconnections.",
)  # fmt: skip
MESSAGE_TIMEOUT = Variable(
    "OCPPCommCtrlr", "MessageTimeout", seconds(1, 600), 30,
    "How long the station waits for the answer to a message.",
    instance="Default", mutability=READ_ONLY, key16="MessageTimeout", writable16=True,
)  # fmt: skip
MESSAGE_ATTEMPTS = Variable(
    "OCPPCommCtrlr", "MessageAttempts", integer(1, 100), 3,
    "How many times a transaction message is submitted when the CSMS fails to process it.",
    instance="TransactionEvent", key16="TransactionMessageAttempts",
)  # fmt: skip
MESSAGE_ATTEMPT_INTERVAL = Variable(
    "OCPPCommCtrlr", "MessageAttemptInterval", seconds(0, 3600), 60,
    "Wait before a transaction message is submitted again, times the number of attempts so far.",
    instance="TransactionEvent", key16="TransactionMessageRetryInterval",
)  # fmt: skip
OFFLINE_THRESHOLD = Variable(
    "OCPPCommCtrlr", "OfflineThreshold", seconds(0, 86400), 60,
    "After a longer time offline the status of all connectors is sent anew (B04).",
)  # fmt: skip
MINIMUM_STATUS_DURATION = Variable(
    "OCPPCommCtrlr", "MinimumStatusDuration", seconds(0, 60), 0,
    "How long a status has to last before it is reported.", key16="MinimumStatusDuration",
)  # fmt: skip
RESET_RETRIES = Variable(
    "OCPPCommCtrlr", "ResetRetries", integer(0, 10), 1,
    "How many times an unsuccessful reset is tried again.", key16="ResetRetries",
)  # fmt: skip
UNLOCK_ON_EV_SIDE_DISCONNECT = Variable(
    "OCPPCommCtrlr", "UnlockOnEVSideDisconnect", boolean(), True,
    "Unlock the cable at the station when it is unplugged at the vehicle; read-only false with fixed cables.",
    key16="UnlockConnectorOnEVSideDisconnect",
)  # fmt: skip
FILE_TRANSFER_PROTOCOLS = Variable(
    "OCPPCommCtrlr", "FileTransferProtocols", member_list(*PROTOCOLS), PROTOCOLS,
    "How files come (firmware) and go (logs).", mutability=READ_ONLY, key16="SupportedFileTransferProtocols",
)  # fmt: skip
NETWORK_PRIORITY = Variable(
    "OCPPCommCtrlr", "NetworkConfigurationPriority", sequence_list("1", least=1), ("1",),
    "Order of the network connection profiles; the one profile is that of station.toml.",
    mutability=READ_ONLY,
)  # fmt: skip
ACTIVE_NETWORK_PROFILE = Variable(
    "OCPPCommCtrlr", "ActiveNetworkProfile", integer(1, 1), 1,
    "The network connection profile in use.", mutability=READ_ONLY,
)  # fmt: skip
NETWORK_ATTEMPTS = Variable(
    "OCPPCommCtrlr", "NetworkProfileConnectionAttempts", integer(1, 100), 3,
    "Attempts before another network connection profile is tried.",
)  # fmt: skip

# ------------------------------------------------------------------------- DeviceDataCtrlr

ITEMS_GET_VARIABLES = Variable(
    "DeviceDataCtrlr", "ItemsPerMessage", integer(1, 1000), 100,
    "Most variables in one GetVariables, most keys in one GetConfiguration.",
    instance="GetVariables", mutability=READ_ONLY, key16="GetConfigurationMaxKeys",
)  # fmt: skip
ITEMS_SET_VARIABLES = Variable(
    "DeviceDataCtrlr", "ItemsPerMessage", integer(1, 1000), 100,
    "Most variables in one SetVariables.", instance="SetVariables", mutability=READ_ONLY,
)  # fmt: skip
ITEMS_GET_REPORT = Variable(
    "DeviceDataCtrlr", "ItemsPerMessage", integer(1, 1000), 100,
    "Most component variables in one GetReport.", instance="GetReport", mutability=READ_ONLY,
)  # fmt: skip
BYTES_GET_VARIABLES = Variable(
    "DeviceDataCtrlr", "BytesPerMessage", integer(1024, 1_048_576), 65536,
    "Greatest size of a GetVariables message.", instance="GetVariables", mutability=READ_ONLY,
)  # fmt: skip
BYTES_SET_VARIABLES = Variable(
    "DeviceDataCtrlr", "BytesPerMessage", integer(1024, 1_048_576), 65536,
    "Greatest size of a SetVariables message.", instance="SetVariables", mutability=READ_ONLY,
)  # fmt: skip
BYTES_GET_REPORT = Variable(
    "DeviceDataCtrlr", "BytesPerMessage", integer(1024, 1_048_576), 65536,
    "Greatest size of a GetReport message.", instance="GetReport", mutability=READ_ONLY,
)  # fmt: skip

# ------------------------------------------------------------------------- ClockCtrlr

DATE_TIME: Variable[str] = Variable(
    "ClockCtrlr", "DateTime", Moment(), None, "The station's time.", mutability=READ_ONLY,
)  # fmt: skip
TIME_SOURCE = Variable(
    "ClockCtrlr", "TimeSource", sequence_list("Heartbeat", least=1), ("Heartbeat",),
    "Where the time comes from: the CSMS's answers to BootNotification and Heartbeat.",
)  # fmt: skip

TIME_ADJUSTMENT_THRESHOLD = Variable(
    "ClockCtrlr", "TimeAdjustmentReportingThreshold", seconds(1, 86400), 20,
    "A greater change of the clock is the security event SettingSystemTime.",
)  # fmt: skip

# ------------------------------------------------------------------------- SecurityCtrlr

BASIC_AUTH_PASSWORD = Variable(
    "SecurityCtrlr", "BasicAuthPassword", secret(), b"",
    "Password of the station at the CSMS. 1.6 sends it as hexadecimal digits.",
    mutability=WRITE_ONLY, key16="AuthorizationKey",
)  # fmt: skip
IDENTITY: Variable[str] = Variable(
    "SecurityCtrlr", "Identity", text(48, 1), None, "The station's identity at the CSMS.",
    mutability=READ_ONLY,
)  # fmt: skip
ORGANIZATION_NAME = Variable(
    "SecurityCtrlr", "OrganizationName", text(64), "",
    "Name of the operator, for certificates.", key16="CpoName",
)  # fmt: skip
CERTIFICATE_STORE_MAX = 32
"""Roots take a directory entry and a few KB each; the standard asks for no number."""
CERTIFICATE_ENTRIES: Variable[int] = Variable(
    "SecurityCtrlr", "CertificateEntries", integer(0, CERTIFICATE_STORE_MAX), None,
    "Root certificates installed now; maxLimit is how many the CSMS may install.", mutability=READ_ONLY,
)  # fmt: skip
MAX_CERTIFICATE_CHAIN_SIZE = Variable(
    "SecurityCtrlr", "MaxCertificateChainSize", integer(1000, 10_000), 10_000,
    "Longest certificate chain that is taken from the CSMS, in characters.",
    mutability=READ_ONLY, key16="CertificateSignedMaxChainSize",
)  # fmt: skip
ADDITIONAL_ROOT_CHECK = Variable(
    "SecurityCtrlr", "AdditionalRootCertificateCheck", boolean(), False,
    "Only one root of the CSMS is installed at a time; a new one has to be signed by the one it replaces.",
    mutability=READ_ONLY, key16="AdditionalRootCertificateCheck",
)  # fmt: skip
CERT_SIGNING_WAIT_MINIMUM = Variable(
    "SecurityCtrlr", "CertSigningWaitMinimum", seconds(1, 86_400), 600,
    "Wait for a signed certificate before it is asked for again; doubled each time.",
    key16="CertSigningWaitMinimum",
)  # fmt: skip
CERT_SIGNING_REPEAT_TIMES = Variable(
    "SecurityCtrlr", "CertSigningRepeatTimes", integer(0, 10), 0,
    "So often a signed certificate is asked for again. The 1.6 security white paper (A02, error handling) "
    "recommends not to.",
    key16="CertSigningRepeatTimes",
)  # fmt: skip
SECURITY_PROFILE = Variable(
    "SecurityCtrlr", "SecurityProfile", integer(0, 3), 0,
    "0 = no password, 1 = password, 2 = password and TLS, 3 = TLS with client certificate. Over 1.6 it can "
    "only be raised (security.md).",
    mutability=READ_ONLY, writable16=True, key16="SecurityProfile",
)  # fmt: skip

# ------------------------------------------------------------------------- authorization

AUTH_ENABLED = Variable(
    "AuthCtrlr", "Enabled", boolean(), True, "False: everyone may charge, no token is asked for.",
)  # fmt: skip
AUTHORIZE_REMOTE_START = Variable(
    "AuthCtrlr", "AuthorizeRemoteStart", boolean(), False,
    "A token of a remote start is authorized like a presented one.", key16="AuthorizeRemoteTxRequests",
)  # fmt: skip
LOCAL_AUTHORIZE_OFFLINE = Variable(
    "AuthCtrlr", "LocalAuthorizeOffline", boolean(), True,
    "Offline, tokens known to list or cache may charge.", key16="LocalAuthorizeOffline",
)  # fmt: skip
LOCAL_PRE_AUTHORIZE = Variable(
    "AuthCtrlr", "LocalPreAuthorize", boolean(), True,
    "Online, tokens known to list or cache may charge without waiting for the CSMS.",
    key16="LocalPreAuthorize",
)  # fmt: skip
OFFLINE_TX_FOR_UNKNOWN_ID = Variable(
    "AuthCtrlr", "OfflineTxForUnknownIdEnabled", boolean(), False,
    "Offline, unknown tokens may charge.", key16="AllowOfflineTxForUnknownId",
)  # fmt: skip
AUTH_CACHE_ENABLED = Variable(
    "AuthCacheCtrlr", "Enabled", boolean(), True,
    "What the CSMS told about tokens is remembered.", key16="AuthorizationCacheEnabled",
)  # fmt: skip
AUTH_CACHE_AVAILABLE = Variable(
    "AuthCacheCtrlr", "Available", boolean(), True, "There is an authorization cache.", mutability=READ_ONLY,
)  # fmt: skip
MOST_LISTED = 10_000
"""Tokens the local list may have."""
LOCAL_LIST_ENABLED = Variable(
    "LocalAuthListCtrlr", "Enabled", boolean(), True,
    "The local list of tokens is used and the CSMS may change it.", key16="LocalAuthListEnabled",
)  # fmt: skip
LOCAL_LIST_AVAILABLE = Variable(
    "LocalAuthListCtrlr", "Available", boolean(), True, "The CSMS can manage the local list.",
    mutability=READ_ONLY,
)  # fmt: skip
LOCAL_LIST_ENTRIES: Variable[int] = Variable(
    "LocalAuthListCtrlr", "Entries", integer(0, MOST_LISTED), None,
    "Tokens in the local list now; maxLimit is how many there may be.", mutability=READ_ONLY,
)  # fmt: skip
LOCAL_LIST_ITEMS = Variable(
    "LocalAuthListCtrlr", "ItemsPerMessage", integer(1, 1000), 1000,
    "Most tokens in one SendLocalList.", mutability=READ_ONLY, key16="SendLocalListMaxLength",
)  # fmt: skip
LOCAL_LIST_BYTES = Variable(
    "LocalAuthListCtrlr", "BytesPerMessage", integer(1024, 262_144), 262_144,
    "Greatest size of a SendLocalList message.", mutability=READ_ONLY,
)  # fmt: skip

# ------------------------------------------------------------------------- ReservationCtrlr

RESERVATION_ENABLED = Variable(
    "ReservationCtrlr", "Enabled", boolean(), True, "The CSMS may reserve an EVSE.",
)  # fmt: skip
RESERVATION_AVAILABLE = Variable(
    "ReservationCtrlr", "Available", boolean(), True, "Reservations are supported.", mutability=READ_ONLY,
)  # fmt: skip
RESERVATION_NON_EVSE_SPECIFIC = Variable(
    "ReservationCtrlr", "NonEvseSpecific", boolean(), True,
    "The CSMS may reserve any one EVSE (connector 0): one is always kept free for the holder.",
    mutability=READ_ONLY, key16="ReserveConnectorZeroSupported",
)  # fmt: skip

# ------------------------------------------------------------------------- TxCtrlr

_POINTS = ("ParkingBayOccupancy", "EVConnected", "Authorized", "PowerPathClosed", "EnergyTransfer")

EV_CONNECTION_TIMEOUT = Variable(
    "TxCtrlr", "EVConnectionTimeOut", seconds(1, 3600), 60,
    "How long an authorization waits for the vehicle to be plugged in.", key16="ConnectionTimeOut",
)  # fmt: skip
STOP_TX_ON_EV_SIDE_DISCONNECT = Variable(
    "TxCtrlr", "StopTxOnEVSideDisconnect", boolean(), True,
    "Unplugging at the vehicle ends the transaction; else it goes on when plugged in again.",
    key16="StopTransactionOnEVSideDisconnect",
)  # fmt: skip
STOP_TX_ON_INVALID_ID = Variable(
    "TxCtrlr", "StopTxOnInvalidId", boolean(), True,
    "A transaction whose token the CSMS does not accept is ended; else it is suspended.",
    key16="StopTransactionOnInvalidId",
)  # fmt: skip
MAX_ENERGY_ON_INVALID_ID = Variable(
    "TxCtrlr", "MaxEnergyOnInvalidId", integer(0, 1_000_000, "Wh"), 0,
    "Energy a token may still get after the CSMS did not accept it.", key16="MaxEnergyOnInvalidId",
)  # fmt: skip
TX_BEFORE_ACCEPTED = Variable(
    "TxCtrlr", "TxBeforeAcceptedEnabled", boolean(), False,
    "Charging is allowed before the CSMS has accepted the station for the first time (1.6 4.2.1).",
)  # fmt: skip
TX_START_POINT = Variable(
    "TxCtrlr", "TxStartPoint", member_list(*_POINTS, least=1), ("PowerPathClosed",),
    "A transaction starts when the vehicle is connected and the token authorized.", mutability=READ_ONLY,
)  # fmt: skip
TX_STOP_POINT = Variable(
    "TxCtrlr", "TxStopPoint", member_list(*_POINTS, least=1), ("PowerPathClosed",),
    "A transaction ends when the vehicle is disconnected or the authorization ends.", mutability=READ_ONLY,
)  # fmt: skip

# ------------------------------------------------------------------------- metering

_SUPPORTED = tuple(Measurand)
_ENERGY = (Measurand.ENERGY_IMPORT_REGISTER,)

SAMPLED_INTERVAL = Variable(
    "SampledDataCtrlr", "TxUpdatedInterval", seconds(0, 86400), 60,
    "Seconds between meter values during a transaction; 0 = none. By its 1.6 key it sets the interval of the "
    "values kept for the end, too.", key16="MeterValueSampleInterval",
)  # fmt: skip
SAMPLED_MEASURANDS = Variable(
    "SampledDataCtrlr", "TxUpdatedMeasurands", measurands(*_SUPPORTED),
    (*_ENERGY, Measurand.POWER_IMPORT, Measurand.CURRENT_IMPORT, Measurand.VOLTAGE),
    "What the meter values during a transaction hold.", key16="MeterValuesSampledData",
)  # fmt: skip
STARTED_MEASURANDS = Variable(
    "SampledDataCtrlr", "TxStartedMeasurands", measurands(*_SUPPORTED), _ENERGY,
    "What is measured at the start of a transaction.",
)  # fmt: skip
ENDED_INTERVAL = Variable(
    "SampledDataCtrlr", "TxEndedInterval", seconds(0, 86400), 0,
    "Seconds between the values kept for the end of a transaction; 0 = only first and last. Set together "
    "with MeterValueSampleInterval.", follows16="MeterValueSampleInterval",
)  # fmt: skip
ENDED_MEASURANDS = Variable(
    "SampledDataCtrlr", "TxEndedMeasurands", measurands(*_SUPPORTED), _ENERGY,
    "What the meter values sent with the end of a transaction hold.", key16="StopTxnSampledData",
)  # fmt: skip
ALIGNED_INTERVAL = Variable(
    "AlignedDataCtrlr", "Interval", seconds(0, 86400), 0,
    "Seconds between clock-aligned meter values, counted from midnight UTC; 0 = none. By its 1.6 key it sets "
    "the interval of the values kept for the end, too.",
    key16="ClockAlignedDataInterval",
)  # fmt: skip
ALIGNED_MEASURANDS = Variable(
    "AlignedDataCtrlr", "Measurands", measurands(*_SUPPORTED), _ENERGY,
    "What clock-aligned meter values hold.", key16="MeterValuesAlignedData",
)  # fmt: skip
ALIGNED_ENDED_INTERVAL = Variable(
    "AlignedDataCtrlr", "TxEndedInterval", seconds(0, 86400), 0,
    "Seconds between clock-aligned values kept for the end of a transaction; 0 = none. Set together with "
    "ClockAlignedDataInterval.", follows16="ClockAlignedDataInterval",
)  # fmt: skip
ALIGNED_ENDED_MEASURANDS = Variable(
    "AlignedDataCtrlr", "TxEndedMeasurands", measurands(*_SUPPORTED), (),
    "What the clock-aligned values sent with the end of a transaction hold.",
    key16="StopTxnAlignedData",
)  # fmt: skip

# ------------------------------------------------------------------------- SmartChargingCtrlr

SMART_CHARGING_ENABLED = Variable(
    "SmartChargingCtrlr", "Enabled", boolean(), True,
    "Charging profiles are taken and obeyed.", mutability=READ_ONLY,
)  # fmt: skip
SMART_CHARGING_AVAILABLE = Variable(
    "SmartChargingCtrlr", "Available", boolean(), True, "Charging profiles are supported.",
    mutability=READ_ONLY,
)  # fmt: skip
PROFILE_STACK_LEVEL = Variable(
    "SmartChargingCtrlr", "ProfileStackLevel", integer(0, 100), 100,
    "Highest stack level of a charging profile.", mutability=READ_ONLY, key16="ChargeProfileMaxStackLevel",
)  # fmt: skip
RATE_UNIT = Variable(
    "SmartChargingCtrlr", "RateUnit",
    member_list("A", "W", least=1, names16={"A": "Current", "W": "Power"}), ("A", "W"),
    "Units a charging schedule may use.",
    mutability=READ_ONLY, key16="ChargingScheduleAllowedChargingRateUnit",
)  # fmt: skip
PERIODS_PER_SCHEDULE = Variable(
    "SmartChargingCtrlr", "PeriodsPerSchedule", integer(1, 1000), 100,
    "Most periods in one charging schedule.", mutability=READ_ONLY, key16="ChargingScheduleMaxPeriods",
)  # fmt: skip
MOST_PROFILES = 200
PROFILE_ENTRIES: Variable[int] = Variable(
    "SmartChargingCtrlr", "Entries", integer(0, MOST_PROFILES), None,
    "Charging profiles installed now; maxLimit is how many there may be.",
    instance="ChargingProfiles", mutability=READ_ONLY,
)  # fmt: skip
LIMIT_CHANGE_SIGNIFICANCE = Variable(
    "SmartChargingCtrlr", "LimitChangeSignificance", decimal("0", "100", "Percent"), Decimal(1),
    "Smallest change of an external limit that is reported.",
)  # fmt: skip
PHASES_3_TO_1: Variable[bool] = Variable(
    "SmartChargingCtrlr", "Phases3to1", boolean(), None,
    "The station can switch from three phases to one during a transaction.",
    mutability=READ_ONLY, key16="ConnectorSwitch3to1PhaseSupported",
)  # fmt: skip
AC_PHASE_SWITCHING = Variable(
    "SmartChargingCtrlr", "ACPhaseSwitchingSupported", boolean(), False,
    "The station can choose the phase a single-phase vehicle uses.", mutability=READ_ONLY,
)  # fmt: skip

# ------------------------------------------------------------------------- the station itself

_STATES = ("Available", "Occupied", "Reserved", "Unavailable", "Faulted")

STATION_VENDOR: Variable[str] = Variable(
    "ChargingStation", "VendorName", text(50), None, "Maker, from station.toml.", mutability=READ_ONLY,
)  # fmt: skip
STATION_MODEL: Variable[str] = Variable(
    "ChargingStation", "Model", text(20), None, "Model, from station.toml.", mutability=READ_ONLY,
)  # fmt: skip
STATION_SERIAL: Variable[str] = Variable(
    "ChargingStation", "SerialNumber", text(25), None, "Serial number, from station.toml.",
    mutability=READ_ONLY,
)  # fmt: skip
FIRMWARE_VERSION: Variable[str] = Variable(
    "Controller", "FirmwareVersion", text(50), None, "Version of this program.", mutability=READ_ONLY,
)  # fmt: skip
STATION_AVAILABLE: Variable[bool] = Variable(
    "ChargingStation", "Available", boolean(), None, "The station exists.", mutability=READ_ONLY,
)  # fmt: skip
STATION_AVAILABILITY: Variable[str] = Variable(
    "ChargingStation", "AvailabilityState", choice(*_STATES), None, "Status of the station.",
    mutability=READ_ONLY, critical=True,
)  # fmt: skip
STATION_PHASES: Variable[int] = Variable(
    "ChargingStation", "SupplyPhases", integer(0, 3), None, "Phases of the supply.", mutability=READ_ONLY,
)  # fmt: skip
EVSE_AVAILABLE: Variable[bool] = Variable(
    "EVSE", "Available", boolean(), None, "The EVSE exists.", mutability=READ_ONLY, scope=Scope.EVSE,
)  # fmt: skip
EVSE_AVAILABILITY: Variable[str] = Variable(
    "EVSE", "AvailabilityState", choice(*_STATES), None, "Status of the EVSE.",
    mutability=READ_ONLY, scope=Scope.EVSE, critical=True,
)  # fmt: skip
EVSE_PHASES: Variable[int] = Variable(
    "EVSE", "SupplyPhases", integer(0, 3), None, "Phases of the EVSE.",
    mutability=READ_ONLY, scope=Scope.EVSE,
)  # fmt: skip
EVSE_POWER: Variable[Decimal] = Variable(
    "EVSE", "Power", decimal("0", None, "W"), None,
    "Power drawn now; maxLimit is the rating of the EVSE.", mutability=READ_ONLY, scope=Scope.EVSE,
)  # fmt: skip
CONNECTOR_AVAILABLE: Variable[bool] = Variable(
    "Connector", "Available", boolean(), None, "The connector exists.",
    mutability=READ_ONLY, scope=Scope.CONNECTOR,
)  # fmt: skip
CONNECTOR_AVAILABILITY: Variable[str] = Variable(
    "Connector", "AvailabilityState", choice(*_STATES), None, "Status of the connector.",
    mutability=READ_ONLY, scope=Scope.CONNECTOR, critical=True,
)  # fmt: skip
CONNECTOR_TYPE: Variable[str] = Variable(
    "Connector", "ConnectorType", text(20), None, "cType2 = fixed cable, sType2 = socket outlet.",
    mutability=READ_ONLY, scope=Scope.CONNECTOR,
)  # fmt: skip
CONNECTOR_PHASES: Variable[int] = Variable(
    "Connector", "SupplyPhases", integer(0, 3), None, "Phases of the connector.",
    mutability=READ_ONLY, scope=Scope.CONNECTOR,
)  # fmt: skip

# ------------------------------------------------------------------------- JoulepostCtrlr: our own rows

FREE_VEND_TOKEN = Variable(
    "JoulepostCtrlr", "FreeVendToken", text(20, 1), "FreeVend",
    "Token sent to the CSMS when AuthCtrlr.Enabled is false.",
)  # fmt: skip
METER_REQUIRED = Variable(
    "JoulepostCtrlr", "MeterRequired", boolean(), True,
    "No charging without a fresh meter reading.", mutability=READ_ONLY,
)  # fmt: skip
METER_STALE = Variable(
    "JoulepostCtrlr", "MeterStale", seconds(2, 3600), 30,
    "Age from which a meter reading is no longer fresh.", mutability=READ_ONLY,
)  # fmt: skip
PERMIT_LEASE = Variable(
    "JoulepostCtrlr", "PermitLease", seconds(3, 30), 10,
    "How long charging goes on when the controller is silent (a restart, an upgrade).", mutability=READ_ONLY,
)  # fmt: skip
NOMINAL_VOLTAGE = Variable(
    "JoulepostCtrlr", "NominalVoltage", integer(100, 277, "V"), 230,
    "Voltage between line and neutral, to turn limits in W into amperes.", mutability=READ_ONLY,
)  # fmt: skip
OVER_CURRENT_PERCENT = Variable(
    "JoulepostCtrlr", "OverCurrentPercent", integer(0, 25, "Percent"), 10,
    "Over-current: drawn above offered by more than this percentage plus OverCurrentMargin.",
    mutability=READ_ONLY,
)  # fmt: skip
OVER_CURRENT_MARGIN = Variable(
    "JoulepostCtrlr", "OverCurrentMargin", integer(0, 2000, "mA"), 500,
    "Over-current: margin beside OverCurrentPercent, for the meter's error.", mutability=READ_ONLY,
)  # fmt: skip
OVER_CURRENT_TIME = Variable(
    "JoulepostCtrlr", "OverCurrentTime", seconds(6, 60), 7,
    "Over-current that lasts so long ends the offer; a vehicle has 5 s to follow the pilot.",
    mutability=READ_ONLY,
)  # fmt: skip
OVER_CURRENT_RETRIES = Variable(
    "JoulepostCtrlr", "OverCurrentRetries", integer(0, 10), 3,
    "Restarts after over-current in one plug-in; then unplugging or a reset.", mutability=READ_ONLY,
)  # fmt: skip
OVER_VOLTAGE_PERCENT = Variable(
    "JoulepostCtrlr", "OverVoltagePercent", integer(105, 130, "Percent"), 110,
    "Over-voltage: a phase above this percentage of NominalVoltage (110 = 253 V).", mutability=READ_ONLY,
)  # fmt: skip
UNDER_VOLTAGE_PERCENT = Variable(
    "JoulepostCtrlr", "UnderVoltagePercent", integer(50, 95, "Percent"), 80,
    "Under-voltage: a phase below this percentage of NominalVoltage (80 = 184 V; 90 = 207 V where an open "
    "PEN conductor has to be found).", mutability=READ_ONLY,
)  # fmt: skip
VOLTAGE_TIME = Variable(
    "JoulepostCtrlr", "VoltageTime", seconds(1, 60), 5,
    "Wrong voltage or a missing phase that lasts so long ends the offer.", mutability=READ_ONLY,
)  # fmt: skip
VOLTAGE_RETRIES = Variable(
    "JoulepostCtrlr", "VoltageRetries", integer(0, 100), 10,
    "Restarts after wrong voltage in one plug-in; then unplugging or a reset.", mutability=READ_ONLY,
)  # fmt: skip
PROTECTION_RESTART = Variable(
    "JoulepostCtrlr", "ProtectionRestart", seconds(10, 3600), 30,
    "So long current or voltage have to be normal before charging is tried again.", mutability=READ_ONLY,
)  # fmt: skip
RANDOM_DELAY_MAXIMUM = Variable(
    "JoulepostCtrlr", "RandomDelayMaximum", seconds(0, 1800), 0,
    "Longest random delay of starts and changes that the clock or the return of power causes (UK Smart "
    "Charge Points Regulations 2021: 600 by default, 1800 at most); 0 = none.",
)  # fmt: skip
CONTACTOR_RATED_OPERATIONS = Variable(
    "JoulepostCtrlr", "ContactorRatedOperations", integer(1000, 10_000_000), 500_000,
    "Operations without load the contactor is made for, from its data sheet.", mutability=READ_ONLY,
)  # fmt: skip
CONTACTOR_RATED_UNDER_LOAD = Variable(
    "JoulepostCtrlr", "ContactorRatedUnderLoad", integer(100, 1_000_000), 50_000,
    "Openings under load the contactor is made for, from its data sheet.", mutability=READ_ONLY,
)  # fmt: skip
UNSIGNED_FIRMWARE = Variable(
    "JoulepostCtrlr", "UnsignedFirmware", boolean(), True,
    "Below security profile 2, firmware without a signature is taken too (1.6 UpdateFirmware); with profile "
    "2 or 3 never (white paper L01.FR.20).", mutability=READ_ONLY,
)  # fmt: skip
AUTH_CACHE_ENTRIES = Variable(
    "JoulepostCtrlr", "AuthCacheEntries", integer(1, 100_000), 5000,
    "Tokens the authorization cache remembers; then invalid ones make room, the oldest valid ones next.",
    mutability=READ_ONLY, reboot_required=True,
)  # fmt: skip
TX_AFTER_POWER_LOSS = Variable(
    "JoulepostCtrlr", "TxAfterPowerLoss", choice("End", "Continue"), "End",
    "A transaction that was running when the power failed: End = it ends with reason PowerLoss; Continue = "
    "it goes on if a vehicle is plugged in, though nobody can know whether it is the same.",
)  # fmt: skip
REPLUG_AFTER_TIME_OUT = Variable(
    "JoulepostCtrlr", "ReplugAfterTimeOut", boolean(), True,
    "1.6: a vehicle that nobody authorized within ConnectionTimeOut has to be plugged in again before a card "
    "starts it (errata 3.20); false = a card starts it at any time.",
)  # fmt: skip
LIGHT_INTENSITY = Variable(
    "ChargingStatusIndicator", "Percent", integer(0, 100, "Percent"), 100,
    "Brightness of the lights, of the most they can; only where a light can be set.", key16="LightIntensity",
)  # fmt: skip
BLINK_REPEAT = Variable(
    "JoulepostCtrlr", "BlinkRepeat", integer(0, 20), 3,
    "How often the lights blink for a signal, a refused card, say; only where a light can be set.",
    key16="BlinkRepeat",
)  # fmt: skip
MEMORY_LIMIT = Variable(
    "JoulepostCtrlr", "MemoryLimit", integer(0, 4096, "MB"), 128,
    "Memory of the controller above which the security event MemoryExhaustion tells of it; 0 = none.",
    mutability=READ_ONLY,
)  # fmt: skip
STORAGE_RESERVE = Variable(
    "JoulepostCtrlr", "StorageReserve", integer(0, 65536, "MB"), 64,
    "Free room where the journal is, below which the security event MemoryExhaustion tells of it; 0 = none.",
    mutability=READ_ONLY,
)  # fmt: skip
SECURITY_PROFILE_BEFORE = Variable(
    "JoulepostCtrlr", "SecurityProfileBefore", integer(-1, 3), -1,
    "Security profile to go back to while the present one has not worked yet; -1 = none.",
    mutability=READ_ONLY,
)  # fmt: skip
PASSWORD_BEFORE = Variable(
    "JoulepostCtrlr", "BasicAuthPasswordBefore", secret(), b"",
    "Password to go back to while the present one has not worked yet.", mutability=READ_ONLY,
)  # fmt: skip
PHASE_ROTATION = Variable(
    "JoulepostCtrlr", "PhaseRotation", PhaseRotations(), ("0.Unknown",),
    "How the phases are connected: 0 = grid to main meter, 1.. = connectors (1.6 9.1.7).",
    key16="ConnectorPhaseRotation",
)  # fmt: skip

VARIABLES: tuple[Variable[Any], ...] = (
    HEARTBEAT_INTERVAL, PING_INTERVAL, RETRY_REPEAT_TIMES, RETRY_RANDOM_RANGE, RETRY_WAIT_MINIMUM,
    MESSAGE_TIMEOUT, MESSAGE_ATTEMPTS, MESSAGE_ATTEMPT_INTERVAL, OFFLINE_THRESHOLD, MINIMUM_STATUS_DURATION,
    RESET_RETRIES, UNLOCK_ON_EV_SIDE_DISCONNECT, FILE_TRANSFER_PROTOCOLS, NETWORK_PRIORITY,
    ACTIVE_NETWORK_PROFILE, NETWORK_ATTEMPTS,
    ITEMS_GET_VARIABLES, ITEMS_SET_VARIABLES, ITEMS_GET_REPORT,
    BYTES_GET_VARIABLES, BYTES_SET_VARIABLES, BYTES_GET_REPORT,
    DATE_TIME, TIME_SOURCE, TIME_ADJUSTMENT_THRESHOLD,
    BASIC_AUTH_PASSWORD, IDENTITY, ORGANIZATION_NAME, SECURITY_PROFILE,
    CERTIFICATE_ENTRIES, MAX_CERTIFICATE_CHAIN_SIZE, ADDITIONAL_ROOT_CHECK,
    CERT_SIGNING_WAIT_MINIMUM, CERT_SIGNING_REPEAT_TIMES,
    AUTH_ENABLED, AUTHORIZE_REMOTE_START, LOCAL_AUTHORIZE_OFFLINE, LOCAL_PRE_AUTHORIZE,
    OFFLINE_TX_FOR_UNKNOWN_ID, AUTH_CACHE_ENABLED, AUTH_CACHE_AVAILABLE,
    LOCAL_LIST_ENABLED, LOCAL_LIST_AVAILABLE, LOCAL_LIST_ENTRIES, LOCAL_LIST_ITEMS, LOCAL_LIST_BYTES,
    RESERVATION_ENABLED, RESERVATION_AVAILABLE, RESERVATION_NON_EVSE_SPECIFIC,
    EV_CONNECTION_TIMEOUT, STOP_TX_ON_EV_SIDE_DISCONNECT, STOP_TX_ON_INVALID_ID, MAX_ENERGY_ON_INVALID_ID,
    TX_BEFORE_ACCEPTED, TX_START_POINT, TX_STOP_POINT,
    SAMPLED_INTERVAL, SAMPLED_MEASURANDS, STARTED_MEASURANDS, ENDED_INTERVAL, ENDED_MEASURANDS,
    ALIGNED_INTERVAL, ALIGNED_MEASURANDS, ALIGNED_ENDED_INTERVAL, ALIGNED_ENDED_MEASURANDS,
    SMART_CHARGING_ENABLED, SMART_CHARGING_AVAILABLE, PROFILE_STACK_LEVEL, RATE_UNIT, PERIODS_PER_SCHEDULE,
    PROFILE_ENTRIES, LIMIT_CHANGE_SIGNIFICANCE, PHASES_3_TO_1, AC_PHASE_SWITCHING,
    STATION_VENDOR, STATION_MODEL, STATION_SERIAL, FIRMWARE_VERSION,
    STATION_AVAILABLE, STATION_AVAILABILITY, STATION_PHASES,
    EVSE_AVAILABLE, EVSE_AVAILABILITY, EVSE_PHASES, EVSE_POWER,
    CONNECTOR_AVAILABLE, CONNECTOR_AVAILABILITY, CONNECTOR_TYPE, CONNECTOR_PHASES,
    TX_AFTER_POWER_LOSS, REPLUG_AFTER_TIME_OUT,
    FREE_VEND_TOKEN, METER_REQUIRED, METER_STALE, PERMIT_LEASE, NOMINAL_VOLTAGE, PHASE_ROTATION,
    LIGHT_INTENSITY, BLINK_REPEAT,
    SECURITY_PROFILE_BEFORE, PASSWORD_BEFORE, MEMORY_LIMIT, STORAGE_RESERVE,
    OVER_CURRENT_PERCENT, OVER_CURRENT_MARGIN, OVER_CURRENT_TIME, OVER_CURRENT_RETRIES,
    OVER_VOLTAGE_PERCENT, UNDER_VOLTAGE_PERCENT, VOLTAGE_TIME, VOLTAGE_RETRIES, PROTECTION_RESTART,
    RANDOM_DELAY_MAXIMUM, CONTACTOR_RATED_OPERATIONS, CONTACTOR_RATED_UNDER_LOAD, UNSIGNED_FIRMWARE,
    AUTH_CACHE_ENTRIES,
)  # fmt: skip

NUMBER_OF_CONNECTORS_16 = ComputedKey16("NumberOfConnectors", "Connectors of the station.")
MAX_METER_VALUES_16 = ComputedKey16(
    "StopTransactionMaxMeterValues",
    "Most meter values in transactionData; then intermediate ones are thinned out (errata 3.91).",
)
SUPPORTED_FEATURE_PROFILES_16 = ComputedKey16(
    "SupportedFeatureProfiles", "1.6 feature profiles.", listed=True
)
SUPPORTED_FEATURE_PROFILES_MOST_16 = ComputedKey16(
    "SupportedFeatureProfilesMaxLength", "Most items in that list."
)

KEYS_16: tuple[LimitKey16 | ComputedKey16, ...] = (
    NUMBER_OF_CONNECTORS_16,
    SUPPORTED_FEATURE_PROFILES_16,
    MAX_METER_VALUES_16,
    SUPPORTED_FEATURE_PROFILES_MOST_16,
    LimitKey16("MeterValuesSampledDataMaxLength", SAMPLED_MEASURANDS, "Most items in that list."),
    LimitKey16("MeterValuesAlignedDataMaxLength", ALIGNED_MEASURANDS, "Most items in that list."),
    LimitKey16("StopTxnSampledDataMaxLength", ENDED_MEASURANDS, "Most items in that list."),
    LimitKey16("StopTxnAlignedDataMaxLength", ALIGNED_ENDED_MEASURANDS, "Most items in that list."),
    LimitKey16("ConnectorPhaseRotationMaxLength", PHASE_ROTATION, "Most items in that list."),
    LimitKey16("LocalAuthListMaxLength", LOCAL_LIST_ENTRIES, "Most tokens in the local list."),
    LimitKey16(
        "CertificateStoreMaxLength", CERTIFICATE_ENTRIES, "Most root certificates installed at a time."
    ),
    LimitKey16("MaxChargingProfilesInstalled", PROFILE_ENTRIES, "Most profiles installed at a time."),
)


class CatalogError(Exception):
    """The catalogue contradicts itself: a mistake in the program, found when it starts."""


class Catalog:
    """The rows, found by the names of either protocol without regard to case (2.0.1 Part 1, 4.3; 1.6 9)."""

    def __init__(
        self, variables: Sequence[Variable[Any]], keys16: Iterable[LimitKey16 | ComputedKey16] = ()
    ) -> None:
        self.variables = tuple(variables)
        self.keys16 = tuple(keys16)
        self._by_name: dict[str, Variable[Any]] = {}
        self._by_key16: dict[str, Variable[Any] | LimitKey16 | ComputedKey16] = {}
        for variable in self.variables:
            if variable.full_name.casefold() in self._by_name:
                raise CatalogError(f"{variable.full_name} stands twice in the catalogue")
            if variable.scope is not Scope.STATION and not variable.computed:
                raise CatalogError(f"{variable.full_name}: rows per EVSE have to be computed")
            if variable.computed and variable.mutability is not READ_ONLY:
                raise CatalogError(f"{variable.full_name}: computed rows have to be ReadOnly")
            self._by_name[variable.full_name.casefold()] = variable
            if variable.key16 is not None:
                self._add_key16(variable.key16, variable)
        for key in self.keys16:
            self._add_key16(key.key, key)

    def _add_key16(self, key: str, row: Variable[Any] | LimitKey16 | ComputedKey16) -> None:
        if key.casefold() in self._by_key16:
            raise CatalogError(f"the 1.6 key {key} stands twice in the catalogue")
        self._by_key16[key.casefold()] = row

    def find(self, component: str, name: str, instance: str | None = None) -> Variable[Any] | None:
        """The row of these names; an empty instance is no instance (2.0.1 B06.FR.15)."""
        return self._by_name.get((f"{component}.{name}" + (f"[{instance}]" if instance else "")).casefold())

    def followers16(self, variable: Variable[Any]) -> list[Variable[Any]]:
        """The rows that 1.6 sets together with this one: there one interval serves several lists."""
        if variable.key16 is None:
            return []
        return [one for one in self.variables if one.follows16 == variable.key16]

    def find16(self, key: str) -> Variable[Any] | LimitKey16 | ComputedKey16 | None:
        return self._by_key16.get(key.casefold())

    def by_any_name(self, name: str) -> Variable[Any] | None:
        """The row called ``Component.Variable[instance]`` or, if it is a row's own, by its 1.6 key."""
        found = self._by_name.get(name.casefold())
        if found is None:
            row16 = self._by_key16.get(name.casefold())
            found = row16 if isinstance(row16, Variable) else None
        return found

    def parse(self, variable: Variable[Any], name: str, text: str) -> Any:
        """The value of ``text`` in the spelling of the protocol that ``name`` belongs to.

        Raises ``ValueRefused``.
        """
        by_own_name = name.casefold() == variable.full_name.casefold()
        return variable.kind.parse(text) if by_own_name else variable.kind.parse16(text)

    def near(self, name: str) -> str | None:
        """The name most like a mistyped one, in the spelling of the catalogue."""
        spellings = {variable.full_name.casefold(): variable.full_name for variable in self.variables}
        spellings |= {v.key16.casefold(): v.key16 for v in self.variables if v.key16 is not None}
        # A forgotten or wrong component is the commonest slip: compare the bare variable names too.
        tails = {variable.name.casefold(): variable.full_name for variable in self.variables}
        folded = name.casefold()
        close = get_close_matches(folded, spellings, n=1, cutoff=0.75)
        if close:
            return spellings[close[0]]
        close = get_close_matches(folded.rpartition(".")[2], tails, n=1, cutoff=0.75)
        return tails[close[0]] if close else None


CATALOG = Catalog(VARIABLES, KEYS_16)
