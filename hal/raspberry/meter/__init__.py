"""Energy meters on Modbus: one driver, register maps as data.

Owns: opening a meter described by a profile. Refuses to know: EVSEs, transactions, OCPP.
"""

from __future__ import annotations

from hal.raspberry.meter.maps import models

__all__ = ["models"]
