"""The one place that chooses the drivers of a board. A composition root: only entry points import it.

Owns: profile.driver -> classes. Drivers are imported when chosen, so that a desk needs no Pi library.
"""

from __future__ import annotations

from pathlib import Path

from hal.interface import SafetyBoard, ServiceBoard
from hal.profile import BoardProfile, MeterProfile, ProfileError

ROOT = Path("/")


def open_safety_board(profile: BoardProfile, root: Path = ROOT) -> SafetyBoard:
    """Open what the safety process drives, all outputs at their safe level.

    Devices are looked for below ``root``: /sys, /dev, and run/board.sock for the simulated driver.
    Raises ``HardwareError``, and ``ProfileError`` for an unknown driver.
    """
    if profile.driver == "raspberry":
        from hal.raspberry.board import RaspberrySafetyBoard

        return RaspberrySafetyBoard(profile, root)
    if profile.driver == "simulated":
        from hal.simulated.remote import RemoteBoard

        return RemoteBoard(profile, root)
    raise _unknown(profile)


def open_service_board(profile: BoardProfile, root: Path = ROOT) -> ServiceBoard:
    """Open meters and readers: the real drivers for both boards (on a desk only their bytes are simulated).

    Ports open at the first read. Raises ``ProfileError``.
    """
    if profile.driver not in ("raspberry", "simulated"):
        raise _unknown(profile)
    from hal.raspberry.service_board import RaspberryServiceBoard

    return RaspberryServiceBoard(profile, root)


def measured(meter: MeterProfile) -> frozenset[str]:
    """What a meter measures, by the names of the register maps."""
    from hal.raspberry.meter.maps import load

    return frozenset(register.quantity for register in load(meter.model).registers)


def _unknown(profile: BoardProfile) -> ProfileError:
    return ProfileError(
        f'board profile {profile.name}: driver: found "{profile.driver}"; accepted: "raspberry", "simulated"'
    )
