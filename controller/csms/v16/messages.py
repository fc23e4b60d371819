"""Every message of 1.6 and of its security white paper, once: feature profile and direction.

Owns: this list, and which feature profiles are complete.
Refuses to know: how a message is read or written (``commands.TABLE``, ``calls`` and the blocks' modules do).
"""

from __future__ import annotations

from dataclasses import dataclass

from controller.csms.v16.commands import TABLE

SECURITY = "security white paper"

PROFILES = (
    "Core",
    "FirmwareManagement",
    "LocalAuthListManagement",
    "Reservation",
    "SmartCharging",
    "RemoteTrigger",
)
"""1.6 9.1.29, the values of SupportedFeatureProfiles."""


@dataclass(frozen=True, slots=True)
class Message:
    """``asked``: the CSMS sends it; ``sent``: the station does."""

    name: str
    profile: str
    asked: bool = False
    sent: bool = False


def _asked(profile: str, *names: str) -> list[Message]:
    return [Message(name, profile, asked=True) for name in names]


def _sent(profile: str, *names: str) -> list[Message]:
    return [Message(name, profile, sent=True) for name in names]


MESSAGES: tuple[Message, ...] = (
    # 1.6 3.3 with errata 3.2
    *_sent("Core", "Authorize", "BootNotification", "Heartbeat", "MeterValues"),
    *_sent("Core", "StartTransaction", "StatusNotification", "StopTransaction"),
    Message("DataTransfer", "Core", asked=True, sent=True),
    *_asked("Core", "ChangeAvailability", "ChangeConfiguration", "ClearCache", "GetConfiguration"),
    *_asked("Core", "RemoteStartTransaction", "RemoteStopTransaction", "Reset", "UnlockConnector"),
    *_asked("FirmwareManagement", "GetDiagnostics", "UpdateFirmware"),
    *_sent("FirmwareManagement", "DiagnosticsStatusNotification", "FirmwareStatusNotification"),
    *_asked("LocalAuthListManagement", "GetLocalListVersion", "SendLocalList"),
    *_asked("Reservation", "CancelReservation", "ReserveNow"),
    *_asked("SmartCharging", "ClearChargingProfile", "GetCompositeSchedule", "SetChargingProfile"),
    *_asked("RemoteTrigger", "TriggerMessage"),
    # white paper edition 3, chapter 5
    *_asked(SECURITY, "CertificateSigned", "DeleteCertificate", "ExtendedTriggerMessage"),
    *_asked(SECURITY, "GetInstalledCertificateIds", "GetLog", "InstallCertificate", "SignedUpdateFirmware"),
    *_sent(SECURITY, "LogStatusNotification", "SecurityEventNotification", "SignCertificate"),
    *_sent(SECURITY, "SignedFirmwareStatusNotification"),
)

FEATURE_PROFILES: tuple[str, ...] = tuple(
    profile
    for profile in PROFILES
    if all(one.name in TABLE for one in MESSAGES if one.profile == profile and one.asked)
)
"""SupportedFeatureProfiles: exactly those of which every request is done (16.CORE.106)."""
