"""One of each event, with every field filled: what the store's tests write."""

from __future__ import annotations

from controller.domain.access.tokens import AuthorizationStatus, IdToken, TokenInfo, TokenType
from controller.domain.charging.profiles import (
    ChargingProfile,
    ChargingSchedule,
    ProfileFilter,
    ProfileKind,
    ProfilePurpose,
    RateUnit,
    SchedulePeriod,
)
from controller.domain.commands import LogKind, ResetKind
from controller.domain.events import (
    AuthorizationTimedOut,
    AvailabilityChanged,
    AvailabilityScheduled,
    ChargingState,
    ClientCertificateProven,
    ClockSet,
    ContactorUsed,
    CsmsAccepted,
    DelayBegun,
    DelayEnded,
    Event,
    FaultCleared,
    FaultRaised,
    FaultsReset,
    FirmwareStaged,
    FirmwareStatus,
    FirmwareStatusChanged,
    FirmwareUpdateBegun,
    LocalListUpdated,
    LogStatus,
    LogStatusChanged,
    MachineStarted,
    MeterReplaced,
    MeterValuesTaken,
    PlugKept,
    PlugReleased,
    ProfileInstalled,
    ProfilesCleared,
    ReservationEnd,
    ReservationEnded,
    ReservationMade,
    RestartBegun,
    RootTrialBegun,
    RootTrialEnded,
    SampleKept,
    SecurityEvent,
    SessionEnded,
    SessionStarted,
    SigningBegun,
    SigningEnded,
    SigningOutcome,
    SigningReason,
    SigningRepeats,
    StationStarted,
    StoppedReason,
    TokenAuthorized,
    TokenLearned,
    TokenRefused,
    TransactionEnded,
    TransactionStarted,
    TransactionStopping,
    TransactionUpdated,
    Trigger,
)
from controller.domain.evse.wear import Trend, Wear
from controller.domain.instant import Now
from controller.domain.metering.measurands import Measurand, MeterSample, ReadingContext, SampledValue

AT_MS = 1_700_000_000_000
NOW = Now(mono_ms=5_000, utc_ms=AT_MS)
TOKEN = IdToken("04A1B2C3", TokenType.ISO14443)
GROUP = IdToken("Gruppe ü", TokenType.CENTRAL)
SAMPLE = MeterSample(
    AT_MS,
    ReadingContext.SAMPLE_PERIODIC,
    (
        *(SampledValue(Measurand.VOLTAGE, 230_000 + i, f"L{i % 3 + 1}-N") for i in range(9)),
        SampledValue(Measurand.ENERGY_IMPORT_REGISTER, 12_345_000),
    ),
)
SCHEDULE = ChargingSchedule(
    RateUnit.A, (SchedulePeriod(0, 16_000, 3), SchedulePeriod(600, 6_000)), AT_MS, 3600, 6_000, 7
)
PROFILE = ChargingProfile(
    1, 2, ProfilePurpose.TX, ProfileKind.ABSOLUTE, SCHEDULE, "tx-1", AT_MS, AT_MS + 1, "Daily"
)
UPDATED = TransactionUpdated(
    "tx-1", 1, 1, 3, Trigger.METER_VALUE_PERIODIC, ChargingState.CHARGING, 12_345, (SAMPLE,), False, AT_MS
)

EVERY_EVENT: tuple[Event, ...] = (
    StationStarted("0.1.0", "PowerUp", AT_MS),
    FirmwareUpdateBegun(
        1, "ftp://fleet:key@files/1.bin", AT_MS, AT_MS + 1, 3, 60, 42, "PEM", "c2lnbg==", "0.1.0", AT_MS
    ),
    FirmwareUpdateBegun(2, "http://files/1.bin", AT_MS, None, 0, 0, None, None, "", "0.1.0", AT_MS),
    FirmwareStatusChanged(FirmwareStatus.DOWNLOADING, 42, AT_MS, "cut off", True, 2),
    FirmwareStatusChanged(FirmwareStatus.DOWNLOADED, None, AT_MS, digest="ab" * 32),
    FirmwareStaged("0.2.0", True, AT_MS),
    MachineStarted("0f2d", AT_MS),
    ClockSet("0f2d", 4_000, 31_536_000_000, 1_000, True, AT_MS),
    RestartBegun(ResetKind.SOFT, AT_MS),
    AuthorizationTimedOut(1, AT_MS),
    SampleKept("tx-1", 1, SAMPLE, AT_MS),
    PlugKept(1, TOKEN, None, "the CSMS refused the token", AT_MS),
    PlugReleased(1, "its owner came", AT_MS),
    MeterReplaced(1, 12_000, 3, AT_MS),
    CsmsAccepted("wss://csms.example/ocpp", AT_MS),
    TransactionStopping("tx", 1, Trigger.REMOTE_STOP, StoppedReason.REMOTE, None, AT_MS),
    SessionStarted(1, 4, AT_MS),
    SessionEnded(1, AT_MS),
    TokenAuthorized(1, TOKEN, GROUP, "csms", AT_MS),
    TokenRefused(TOKEN, "Blocked", "cache", AT_MS),
    TransactionStarted(
        "tx-1", 1, 1, 0, Trigger.CABLE_PLUGGED_IN, ChargingState.EV_CONNECTED, TOKEN, None, 12_000, (SAMPLE,),
        True, AT_MS, remote_start_id=9, reservation_id=8, cable_ma=32_000, phases=3,
    ),
    UPDATED,
    TransactionEnded(
        "tx-1", 1, 1, 4, Trigger.STOP_AUTHORIZED, ChargingState.EV_CONNECTED, StoppedReason.LOCAL, TOKEN,
        12_400, (), False, AT_MS,
    ),
    MeterValuesTaken(0, 0, SAMPLE, AT_MS),
    AvailabilityChanged(0, False, AT_MS),
    FaultRaised(0, "local-list-conflict", AT_MS, about="04AB"),
    ReservationMade(12, 0, TOKEN, GROUP, AT_MS + 1, AT_MS),
    ReservationEnded(12, 0, ReservationEnd.EXPIRED, AT_MS),
    LocalListUpdated(7, False, 120, AT_MS),
    AvailabilityScheduled(1, False, AT_MS),
    FaultRaised(1, "WELDED", AT_MS),
    FaultCleared(1, "WELDED", AT_MS),
    FaultRaised(1, "over-current", AT_MS, tries=2),
    FaultsReset(1, AT_MS),
    DelayBegun(1, "charging schedule", 6_000, AT_MS + 600_000, AT_MS),
    DelayEnded(1, "its time is over", AT_MS),
    ContactorUsed(1, Wear(12, 1, Trend(21_000, 22_000, 12), Trend(15_000, 15_500, 12), 77, 3, 1), AT_MS),
    ProfileInstalled(1, PROFILE, AT_MS),
    ProfilesCleared(ProfileFilter(id=1, purpose=ProfilePurpose.TX_DEFAULT), (1, 2), AT_MS),
    TokenLearned(TOKEN, TokenInfo(AuthorizationStatus.ACCEPTED, AT_MS, GROUP), AT_MS),
    SecurityEvent("StartupOfTheDevice", "", AT_MS),
    SigningBegun(SigningReason.RENEWAL, AT_MS),
    SigningRepeats(2, AT_MS + 600_000, AT_MS),
    SigningEnded(SigningOutcome.SIGNED, AT_MS),
    RootTrialBegun("ab" * 32, ("cd" * 32,), AT_MS),
    RootTrialEnded(True, AT_MS),
    ClientCertificateProven("ab" * 32, AT_MS),
    LogStatusChanged(LogKind.SECURITY, LogStatus.UPLOAD_FAILURE, AT_MS, 7, "cut"),
)  # fmt: skip
