"""OCPP 1.6 as a projection of the domain: connectorId is the EVSE id, integer transaction ids are aliases."""

from controller.csms.v16.messages import FEATURE_PROFILES
from controller.csms.v16.version import V16

__all__ = ["FEATURE_PROFILES", "V16"]
