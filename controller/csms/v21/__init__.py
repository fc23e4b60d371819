"""OCPP 2.1: what it shares with 2.0.1 is 2.0.1's; its own messages come here."""

from controller.csms.v21.version import V21

__all__ = ["V21"]
