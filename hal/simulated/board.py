"""The boards of the simulated world, in process: for tests on virtual time.

Owns: nothing; it hands the world's volts and contacts through the hardware Protocols. The pilot runs the
same ``plateaus`` as the real ADC. Refuses to know: time (whoever owns the ``World`` advances it).
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from hal.interface import (
    DUTY_STEADY_LOW,
    HardwareError,
    IndicatorState,
    LockDrive,
    MeterIdentity,
    MeterReading,
    PilotSample,
    TokenKind,
    TokenRead,
)
from hal.plateaus import plateaus
from hal.simulated.world import EvseWorld, World

WAITING_CARDS = 16
"""A card presented while nobody reads waits; of more than this, the oldest are lost."""


class _Pilot:
    def __init__(self, evse: EvseWorld) -> None:
        self._evse = evse

    def set_duty(self, duty_pm: int) -> None:
        self._evse.set_duty(duty_pm)

    def sample(self) -> PilotSample:
        return plateaus(self._evse.burst().samples_mv)


class _Contactor:
    def __init__(self, evse: EvseWorld) -> None:
        self._evse = evse

    def set_closed(self, closed: bool) -> None:
        self._evse.set_contactor(closed)

    def mirror_closed(self) -> bool | None:
        return None if self._evse.profile.mirror is None else self._evse.mirror_closed()


class _ResidualCurrent:
    def __init__(self, evse: EvseWorld) -> None:
        self._evse = evse

    def tripped(self) -> bool:
        return self._evse.residual_current.tripped

    def set_test(self, active: bool) -> None:
        if self._evse.profile.residual_current_test is not None:
            self._evse.set_rcd_test(active)


class _Proximity:
    def __init__(self, evse: EvseWorld) -> None:
        self._evse = evse

    def resistance_ohm(self) -> int | None:
        return self._evse.proximity.resistance_ohm


class _Lock:
    def __init__(self, evse: EvseWorld) -> None:
        self._evse = evse

    def drive(self, drive: LockDrive) -> None:
        self._evse.set_lock(drive)

    def locked(self) -> bool | None:
        lock = self._evse.profile.lock
        return None if lock is None or lock.feedback is None else self._evse.lock.feedback_locked


class _Temperature:
    def __init__(self, evse: EvseWorld, name: str) -> None:
        self._evse = evse
        self.name = name

    def read_mdeg_c(self) -> int:
        return self._evse.temperature_mdeg_c()


class _PhaseSwitch:
    def __init__(self, evse: EvseWorld) -> None:
        self._evse = evse

    def set_three_phase(self, three: bool) -> None:
        self._evse.set_three_phase(three)

    def three_phase(self) -> bool | None:
        switch = self._evse.profile.phase_switch
        known = switch is not None and switch.feedback is not None
        return self._evse.phase_contactor.feedback_three if known else None


class _Contact:
    """Active while the station's fault of this name is set."""

    def __init__(self, world: World, fault: str) -> None:
        self._faults = world.station_faults
        self._fault = fault

    def active(self) -> bool:
        return self._fault in self._faults


class _Evse:
    def __init__(self, evse: EvseWorld) -> None:
        self.evse_id = evse.evse_id
        self.pilot = _Pilot(evse)
        self.contactor = _Contactor(evse)
        profile = evse.profile
        self.residual_current = None if profile.residual_current is None else _ResidualCurrent(evse)
        self.proximity = None if profile.tethered else _Proximity(evse)
        self.lock = None if profile.lock is None else _Lock(evse)
        self.temperatures = [_Temperature(evse, sensor.name) for sensor in profile.temperatures]
        self.phase_switch = None if profile.phase_switch is None else _PhaseSwitch(evse)


class _Watchdog:
    def __init__(self, world: World) -> None:
        self._world = world

    def pulse(self) -> None:
        self._world.feed_watchdog()


class SimulatedBoard:
    """``hal.interface.SafetyBoard`` on a ``World`` in the same process.

    The parts are those of the world's profile (a part is there when it is not ``None``); proximity is
    there where ``tethered`` is false.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self.evses = [_Evse(evse) for evse in world.evses]
        profile = world.profile
        self.watchdog = None if profile.watchdog is None else _Watchdog(world)
        self.emergency_stop = None if profile.emergency_stop is None else _Contact(world, "emergency_stop")
        self.enclosure = None if profile.enclosure is None else _Contact(world, "enclosure_open")

    def refresh(self) -> None:
        if "board_silent" in self._world.station_faults:
            raise HardwareError("simulated board: no measurements; clear the fault board_silent")

    def outputs_off(self) -> None:
        for evse in self._world.evses:
            evse.set_contactor(False)
            evse.set_duty(DUTY_STEADY_LOW)
            evse.set_lock(LockDrive.OFF)
            evse.set_rcd_test(False)

    def close(self) -> None:
        """Nothing is held."""


# --------------------------------------------------------------------------- service side


class SimulatedMeter:
    """``hal.interface.EnergyMeter`` on a ``World``."""

    def __init__(self, evse: EvseWorld) -> None:
        self._evse = evse

    async def read(self) -> MeterReading:
        self._check()
        return self._evse.meter.reading()

    async def identify(self) -> MeterIdentity:
        self._check()
        return MeterIdentity("Joulepost", "simulated meter", f"SIM{self._evse.evse_id:05}", "1")

    async def close(self) -> None:
        """Nothing is held."""

    def _check(self) -> None:
        for fault in ("meter_silent", "meter_garbage"):
            if fault in self._evse.faults:
                raise HardwareError(
                    f"simulated meter of evse {self._evse.evse_id}: no valid answer; clear the fault {fault}"
                )


class SimulatedReader:
    """``hal.interface.RfidReader`` on a ``World``: each swipe is one read."""

    def __init__(self, world: World, index: int) -> None:
        self._world = world
        self._cards: asyncio.Queue[TokenRead] = asyncio.Queue(WAITING_CARDS)
        self._field = world.readers[index]
        self._field.listeners.append(self._present)

    def _present(self, uid: str, kind: TokenKind) -> None:
        if self._world.station_faults & {"reader_silent", "reader_garbage"}:
            return
        if self._cards.full():
            self._cards.get_nowait()
        self._cards.put_nowait(TokenRead(uid, kind))

    async def read(self) -> TokenRead:
        return await self._cards.get()

    async def close(self) -> None:
        if self._present in self._field.listeners:
            self._field.listeners.remove(self._present)


class SimulatedIndicator:
    """``hal.interface.AdjustableIndicator``: the world remembers what is shown, and how."""

    def __init__(self, evse: EvseWorld) -> None:
        self._evse = evse

    async def show(self, state: IndicatorState) -> None:
        self._evse.indicator = state.value

    async def adjust(self, intensity_percent: int, blinks: int) -> None:
        self._evse.light_percent, self._evse.blinks = intensity_percent, blinks


class SimulatedServiceBoard:
    """``hal.interface.ServiceBoard`` on a ``World`` in the same process; no serial lines involved."""

    def __init__(self, world: World) -> None:
        self._meters = {evse.evse_id: SimulatedMeter(evse) for evse in world.evses if evse.profile.meter}
        self._indicators = {evse.evse_id: SimulatedIndicator(evse) for evse in world.evses}
        self._readers = [
            (SimulatedReader(world, index), reader.evse_id)
            for index, reader in enumerate(world.profile.readers)
        ]

    def meter(self, evse_id: int) -> SimulatedMeter | None:
        return self._meters.get(evse_id)

    def indicator(self, evse_id: int) -> SimulatedIndicator | None:
        return self._indicators.get(evse_id)

    @property
    def readers(self) -> Sequence[tuple[SimulatedReader, int | None]]:
        return self._readers

    async def close(self) -> None:
        for reader, _ in self._readers:
            await reader.close()
