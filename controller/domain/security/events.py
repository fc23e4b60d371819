"""The security events of the standards, each once, as data.

Owns: name, its name in 1.6, what it means, and who is told: the journal keeps all of them (white paper
A04.FR.04), the critical ones are pushed (A04.FR.01). ``docs/security.md`` is printed from these rows.
Refuses to know: when an event happens (``security``, and whoever gives it a ``SecurityNoticed``).

Sources: 1.6 security white paper edition 3 chapter 8, 2.0.1 part 2 appendix 1. Where edition 3 spells
"Authentication" in two names, the editions before and 2.0.1 spell "Authenticate"; neither is ever sent, and
the security log follows the many.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SecurityKind:
    """One row. ``critical16``, ``critical201``: pushed in that version. ``noticed``: when this station does,
    in words that complete "Recorded when ..."."""

    name: str
    about: str
    critical16: bool
    critical201: bool
    noticed: str
    name16: str = ""

    @property
    def in16(self) -> str:
        return self.name16 or self.name


FIRMWARE_UPDATED = "FirmwareUpdated"
FAILED_TO_AUTHENTICATE_AT_CSMS = "FailedToAuthenticateAtCsms"
CSMS_FAILED_TO_AUTHENTICATE = "CsmsFailedToAuthenticate"
SETTING_SYSTEM_TIME = "SettingSystemTime"
STARTUP_OF_THE_DEVICE = "StartupOfTheDevice"
RESET_OR_REBOOT = "ResetOrReboot"
SECURITY_LOG_WAS_CLEARED = "SecurityLogWasCleared"
RECONFIGURATION_OF_SECURITY_PARAMETERS = "ReconfigurationOfSecurityParameters"
MEMORY_EXHAUSTION = "MemoryExhaustion"
INVALID_MESSAGES = "InvalidMessages"
ATTEMPTED_REPLAY_ATTACKS = "AttemptedReplayAttacks"
TAMPER_DETECTION_ACTIVATED = "TamperDetectionActivated"
INVALID_FIRMWARE_SIGNATURE = "InvalidFirmwareSignature"
INVALID_FIRMWARE_SIGNING_CERTIFICATE = "InvalidFirmwareSigningCertificate"
INVALID_CSMS_CERTIFICATE = "InvalidCsmsCertificate"
INVALID_CHARGING_STATION_CERTIFICATE = "InvalidChargingStationCertificate"
INVALID_TLS_VERSION = "InvalidTLSVersion"
INVALID_TLS_CIPHER_SUITE = "InvalidTLSCipherSuite"

_ROWS = (
    SecurityKind(
        FIRMWARE_UPDATED, "the firmware was updated", True, True, "new firmware runs for the first time"
    ),
    SecurityKind(
        FAILED_TO_AUTHENTICATE_AT_CSMS,
        "the CSMS rejected the station's credentials",
        False,
        False,
        "the CSMS answers 401 or 403, or refuses the client certificate; once until a connection works",
        "FailedToAuthenticateAtCentralSystem",
    ),
    SecurityKind(
        CSMS_FAILED_TO_AUTHENTICATE,
        "the station rejected the CSMS's credentials",
        False,
        False,
        "a connection is ended because of the CSMS's certificate, beside InvalidCsmsCertificate",
        "CentralSystemFailedToAuthenticate",
    ),
    SecurityKind(
        SETTING_SYSTEM_TIME,
        "the system time was changed",
        True,
        True,
        "the clock is set by more than `ClockCtrlr.TimeAdjustmentReportingThreshold`",
    ),
    SecurityKind(STARTUP_OF_THE_DEVICE, "the station has booted", True, True, "the controller has started"),
    SecurityKind(
        RESET_OR_REBOOT,
        "the station was rebooted or reset",
        True,
        True,
        "the controller starts again other than after a power-up: a reset by command, or a crash",
    ),
    SecurityKind(
        SECURITY_LOG_WAS_CLEARED, "the security log was cleared", True, True, "somebody clears the log"
    ),
    SecurityKind(
        RECONFIGURATION_OF_SECURITY_PARAMETERS,
        "a key, the security profile or another security parameter was changed",
        False,
        False,
        "password, security profile, operator's name or a certificate changes; never with the value of a key",
    ),
    SecurityKind(
        MEMORY_EXHAUSTION,
        "memory or storage is getting full",
        True,
        True,
        "the controller's memory exceeds `JoulepostCtrlr.MemoryLimit`, or less than "
        "`JoulepostCtrlr.StorageReserve` is free where the journal is",
    ),
    SecurityKind(
        INVALID_MESSAGES,
        "messages were received that are no valid OCPP messages",
        False,
        False,
        "a frame is no JSON, no OCPP message, or breaks the schema of its action",
    ),
    SecurityKind(
        ATTEMPTED_REPLAY_ATTACKS,
        "a replayed message was received",
        False,
        False,
        "never: TLS lets no replayed record through, and without TLS a replay cannot be told from a CSMS "
        "that repeats itself",
    ),
    SecurityKind(
        TAMPER_DETECTION_ACTIVATED,
        "the tamper sensor was triggered",
        True,
        True,
        "the enclosure switch opens (fault `enclosure-open`)",
    ),
    SecurityKind(
        INVALID_FIRMWARE_SIGNATURE, "a firmware signature is not valid", False, True, "such firmware came"
    ),
    SecurityKind(
        INVALID_FIRMWARE_SIGNING_CERTIFICATE,
        "the certificate of a firmware signature is not valid",
        False,
        True,
        "such a certificate came with an update",
    ),
    SecurityKind(
        INVALID_CSMS_CERTIFICATE,
        "the CSMS's certificate is not valid or could not be verified",
        False,
        True,
        "path, date or name of the server's certificate are wrong; once until a connection works",
        "InvalidCentralSystemCertificate",
    ),
    SecurityKind(
        INVALID_CHARGING_STATION_CERTIFICATE,
        "a certificate sent to the station is not valid",
        False,
        True,
        "such a certificate came with CertificateSigned",
        "InvalidChargePointCertificate",
    ),
    SecurityKind(
        INVALID_TLS_VERSION,
        "the CSMS's TLS is older than 1.2",
        False,
        True,
        "the CSMS offers nothing newer; once until a connection works",
    ),
    SecurityKind(
        INVALID_TLS_CIPHER_SUITE,
        "the CSMS allows no permitted cipher suite",
        False,
        True,
        "no suite is common to both, or TLS compression was chosen; once until a connection works",
    ),
)

SECURITY_EVENTS: Mapping[str, SecurityKind] = {row.name: row for row in _ROWS}
"""By the domain's name, in the order of the standards."""


def name_in_16(name: str) -> str:
    """The 1.6 name of a security event; one that the standard does not list keeps its own."""
    row = SECURITY_EVENTS.get(name)
    return name if row is None else row.in16
