"""Meters and card readers of a Raspberry Pi, put together from a profile.

Owns: opening and closing these drivers. Refuses to know: pins and pilots (``board``); the controller process,
which uses this one, does not even import them. It also serves a simulated station: its meter and reader are
real bytes on a desk.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hal.interface import EnergyMeter, HardwareError, Indicator, RfidReader
from hal.profile import BoardProfile
from hal.raspberry.meter import open_meter
from hal.raspberry.rfid import open_reader


class RaspberryServiceBoard:
    """``hal.interface.ServiceBoard``: meters and readers; ports are opened at the first read."""

    def __init__(self, profile: BoardProfile, root: Path = Path("/")) -> None:
        self._meters: dict[int, EnergyMeter] = {
            evse.evse_id: open_meter(evse.meter, root) for evse in profile.evses if evse.meter
        }
        if profile.main_meter is not None:
            self._meters[0] = open_meter(profile.main_meter, root)
        self._readers: list[tuple[RfidReader, int | None]] = [
            (open_reader(reader, root), reader.evse_id) for reader in profile.readers
        ]

    def meter(self, evse_id: int) -> EnergyMeter | None:
        return self._meters.get(evse_id)

    def indicator(self, evse_id: int) -> Indicator | None:
        """None: no board profile describes an indicator."""
        return None

    @property
    def readers(self) -> Sequence[tuple[RfidReader, int | None]]:
        return self._readers

    async def close(self) -> None:
        """Close all, then raise the first ``HardwareError`` if any."""
        first: HardwareError | None = None
        devices: list[EnergyMeter | RfidReader] = [*self._meters.values()]
        devices += [reader for reader, _ in self._readers]
        for device in devices:
            try:
                await device.close()
            except HardwareError as error:
                first = first or error
        if first:
            raise first
