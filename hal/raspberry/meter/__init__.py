"""Energy meters on Modbus RTU and TCP: one driver, register maps as data.

Owns: opening a meter described by a profile. Refuses to know: EVSEs, transactions, OCPP.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from hal.profile import MeterProfile
from hal.raspberry.meter.maps import models

if TYPE_CHECKING:
    from hal.interface import EnergyMeter

__all__ = ["models", "open_meter"]


def open_meter(profile: MeterProfile, root: Path) -> EnergyMeter:
    """The meter of a profile. Returns at once; the port opens on the first reading.

    ``root`` is where device nodes are looked for: ``/`` on a station, a temporary directory in tests.
    Raises ``ProfileError`` for an unknown model (naming the known ones), a wrong link or setting.
    """
    from hal.raspberry.meter.modbus import open_meter as open_modbus_meter

    return open_modbus_meter(profile, root)
