"""OCPP 2.0.1 as a projection of the domain, whose words are 2.0.1's own."""

from controller.csms.v201.version import V201

__all__ = ["V201"]
