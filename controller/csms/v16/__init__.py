"""OCPP 1.6 as a projection of the domain: connectorId is the EVSE id, integer transaction ids are aliases."""

from controller.csms.v16.version import V16

FEATURE_PROFILES = (
    "Core",
    "FirmwareManagement",
    "LocalAuthListManagement",
    "RemoteTrigger",
    "Reservation",
    "SmartCharging",
)
"""SupportedFeatureProfiles: what is complete (16.CORE.106); FirmwareManagement with an installer only."""

__all__ = ["FEATURE_PROFILES", "V16"]
