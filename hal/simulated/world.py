"""The simulated world: a station's electrics, its vehicles, its mains, on one seeded clock.

Owns: time (microseconds, moved only by ``advance``), and who is connected to what. Refuses to know:
pilot states, permits, protocols; nothing here ever says "state C" or "charging", only volts, milliamperes,
contacts and bytes. Standard library only, no clock, no sockets.

Deterministic: the same seed and the same calls give the same samples. ``speed`` multiplies energy (and
only energy): a desk may charge a car in a minute while pilot, vehicle and contactor keep real time.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from random import Random
from struct import pack
from typing import Any

from hal.interface import DUTY_STEADY_LOW, HardwareError, LockDrive, MeterReading, TokenKind
from hal.profile import (
    NO_PIN,
    BoardProfile,
    EvseProfile,
    LockProfile,
    MeterProfile,
    PhaseSwitchProfile,
    PinProfile,
    ReaderProfile,
    TemperatureProfile,
)
from hal.simulated.circuit import DEAD, NOISE_MV, Diode, Load, Wire, burst, wire
from hal.simulated.faults import STATION, FaultBook
from hal.simulated.guard import CABLE_OHM, Gate, LockMotor, ProximityContact, ResidualDetector
from hal.simulated.power import Contactor, Mains, Meter, PhaseContactor
from hal.simulated.thermal import Thermal
from hal.simulated.vehicle import Vehicle

BURST_SAMPLES = 80
POOL_BURSTS = 8
"""So many different bursts are kept per wave: noise enough, and cheap at 100 Hz for many EVSEs."""
POOL_WAVES = 64
TRACE_LENGTH = 4096
GATE_WINDOW_US = 200_000

SOURCE_OHM = 1000
SOURCE_HIGH_MV = 12_000
SOURCE_LOW_MV = -12_000


def simulated_profile(
    evses: int = 1, *, tethered: bool = True, phases: int = 3, phase_switch: bool = False
) -> BoardProfile:
    """A profile for a world without a file: every part there is, 32 A per EVSE, an RTU meter each, one
    card reader; proximity and lock where not ``tethered``; three phases at once, or ``phase_switch``."""
    part = PinProfile(NO_PIN)
    return BoardProfile(
        name=f"simulated-{evses}",
        driver="simulated",
        evses=tuple(
            EvseProfile(
                evse_id=evse_id,
                rating_ma=32_000,
                phases=phases,
                tethered=tethered,
                cable_ma=32_000 if tethered else None,
                mirror=part,
                residual_current=part,
                residual_current_test=part,
                lock=None if tethered else LockProfile(part, part, part),
                meter=MeterProfile(model="Eastron SDM630 v2", link=f"rtu:/dev/meter{evse_id}"),
                temperatures=(TemperatureProfile("plug"),),
                phase_switch=PhaseSwitchProfile(part, part) if phase_switch else None,
            )
            for evse_id in range(1, evses + 1)
        ),
        readers=(ReaderProfile(driver="rdm6300", port="/dev/rfid0"),),
        watchdog=part,
        emergency_stop=part,
        enclosure=part,
    )


@dataclass(frozen=True, slots=True)
class Burst:
    """A burst of the pilot ADC: millivolts, and the same as native int16 for the wire."""

    samples_mv: tuple[int, ...]
    packed: bytes


class BurstPool:
    """A bounded store of noisy bursts per wave."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._bursts: OrderedDict[tuple[Wire, float, int], list[Burst]] = OrderedDict()

    def take(self, seen: Wire, noise_mv: float, samples: int) -> Burst:
        key = (seen, noise_mv, samples)
        bursts = self._bursts.get(key)
        if bursts is None:
            bursts = self._bursts[key] = []
            if len(self._bursts) > POOL_WAVES:
                self._bursts.popitem(last=False)
        if len(bursts) < POOL_BURSTS:
            taken = burst(self._rng, seen, samples, noise_mv)
            bursts.append(Burst(taken, pack(f"={len(taken)}h", *taken)))
            return bursts[-1]
        return bursts[self._rng.randrange(POOL_BURSTS)]


@dataclass(frozen=True, slots=True)
class Trace:
    """A physical fact with its instant, for measurements (reaction times)."""

    at_us: int
    evse_id: int
    what: str


@dataclass(slots=True)
class _Outputs:
    """What the safety process drives, held by the hardware as GPIO and PWM hold it."""

    duty_pm: int = DUTY_STEADY_LOW
    contactor: bool = False
    lock: LockDrive = LockDrive.OFF
    rcd_test: bool = False
    three_phase: bool = False


class EvseWorld:
    """One EVSE's electrics with the vehicle parked in front of it. Read freely; act through ``World``
    or, as the board does, through ``set_outputs``."""

    def __init__(self, world: World, profile: EvseProfile, faults: set[str]) -> None:
        self.evse_id = profile.evse_id
        self.profile = profile
        self.faults = faults
        self.vehicle = Vehicle(phases=profile.phases)
        self.vehicle_connected = False
        self.contactor = Contactor(faults)
        self.phase_contactor = PhaseContactor(faults)
        self.thermal = Thermal(faults)
        self.meter = Meter(faults)
        self.residual_current = ResidualDetector(faults)
        self.proximity = ProximityContact(faults)
        self.lock = LockMotor(faults)
        self.indicator = ""  # what the light shows, by its own name
        self.light_percent = 100
        self.blinks = 0
        self.inlet_mv: tuple[int, int, int] = (0, 0, 0)
        self.pulled_under_load = 0  # how often the plug was pulled with current flowing
        self.wire: Wire = DEAD  # at the station's terminal
        self._world = world
        self._outputs = _Outputs()
        self._circuit: tuple[object, ...] = ()
        adc = profile.adc
        self._samples = BURST_SAMPLES if adc is None else adc.burst_samples

    # ------------------------------------------------------------------ the board's side

    @property
    def duty_pm(self) -> int:
        """The commanded duty."""
        return self._outputs.duty_pm

    @property
    def contactor_commanded(self) -> bool:
        return self._outputs.contactor

    def set_duty(self, duty_pm: int) -> None:
        if not 0 <= duty_pm <= 1000:
            raise ValueError(f"evse {self.evse_id}: duty {duty_pm} permille; expected 0..1000")
        if duty_pm != self._outputs.duty_pm:
            self._outputs.duty_pm = duty_pm
            self._world.record(self.evse_id, f"duty {duty_pm}")
            self.settle(self._world.now_us)

    def set_contactor(self, closed: bool) -> None:
        if closed != self._outputs.contactor:
            self._outputs.contactor = closed
            self._world.record(self.evse_id, "command close" if closed else "command open")
            self.settle(self._world.now_us)

    def set_lock(self, drive: LockDrive) -> None:
        if drive is not self._outputs.lock:
            self._outputs.lock = drive
            self.lock.drive(drive, self._world.now_us)

    def set_rcd_test(self, active: bool) -> None:
        if active != self._outputs.rcd_test:
            self._outputs.rcd_test = active
            self.residual_current.set_test(active, self._world.now_us)

    def set_three_phase(self, three: bool) -> None:
        if three != self._outputs.three_phase:
            self._outputs.three_phase = three
            self._world.record(self.evse_id, "command three phases" if three else "command one phase")
            self.settle(self._world.now_us)

    def temperature_mdeg_c(self) -> int:
        """What every sensor of this EVSE shows. Raises ``HardwareError`` when their wires are broken."""
        if "temperature_sensor_lost" in self.faults:
            raise HardwareError(
                f"evse {self.evse_id}: simulated temperature sensor: no answer; expected a resistance; "
                f"clear the fault temperature_sensor_lost"
            )
        return self.thermal.mdeg_c

    def burst(self) -> Burst:
        """A burst of the pilot ADC at the terminal. Raises ``HardwareError`` when the ADC is dead."""
        if "adc_dead" in self.faults:
            raise HardwareError(
                f"evse {self.evse_id}: simulated pilot ADC: no conversion; expected {self._samples} samples; "
                f"clear the fault adc_dead"
            )
        noise_mv = 1500.0 if "pilot_noise" in self.faults else NOISE_MV
        return self._world.pool.take(self.wire, noise_mv, self._samples)

    def mirror_closed(self) -> bool:
        return self.contactor.mirror_closed(self._world.now_us)

    # ------------------------------------------------------------------ physics

    def horizon_us(self, now_us: int) -> int:
        ahead = self.vehicle.horizon_us(now_us) if self.vehicle_connected else 1_000_000
        for part in (self.contactor, self.residual_current, self.phase_contactor):
            due = part.horizon_us(now_us)
            if due is not None and due < ahead:
                ahead = due
        if self._outputs.lock is not LockDrive.OFF:
            ahead = min(ahead, 50_000)
        return min(ahead, 10_000) if self._world.speed_pm > 1000 else ahead

    def integrate(self, dt_us: int) -> None:
        """The present currents have flowed for ``dt_us``."""
        self.thermal.integrate(dt_us, self.meter.current_ma)
        if any(self.meter.current_ma):
            self.vehicle.take(self.meter.integrate(dt_us, self._world.speed_pm))

    def settle(self, now_us: int) -> None:
        """Bring contacts, volts, pilot and vehicle to where they are at ``now_us``."""
        world = self._world
        self.residual_current.update(now_us)
        self.lock.update(now_us)
        gate = world.gate.passes(now_us)
        contactor = self.contactor
        tripped = self.profile.residual_current is not None and self.residual_current.tripped
        contactor.drive(self._outputs.contactor and gate and not tripped, now_us)
        before = contactor.poles
        contactor.update(now_us)
        poles = contactor.poles
        if poles != before:
            world.record(self.evse_id, "contacts closed" if any(poles) else "contacts open")
        if self.profile.phase_switch is not None:
            switch = self.phase_contactor
            switch.drive(self._outputs.three_phase, now_us)
            switch.update(now_us, any(poles) and any(self.meter.current_ma))
            if not switch.three:
                poles = (poles[0], False, False)
        mains = self._mains_mv()
        self.inlet_mv = (mains[0] * poles[0], mains[1] * poles[1], mains[2] * poles[2])
        self._settle_pilot(gate)
        vehicle = self.vehicle
        if self.vehicle_connected:
            s2 = vehicle.s2
            seen = DEAD if "pilot_open" in self.faults else self.wire
            vehicle.update(now_us, seen, self.inlet_mv)
            if vehicle.s2 != s2:
                world.record(self.evse_id, "s2 closed" if vehicle.s2 else "s2 open")
                self._settle_pilot(gate)
                vehicle.update(now_us, self.wire if seen is not DEAD else DEAD, self.inlet_mv)
        meter = self.meter
        meter.voltage_mv = mains
        meter.current_ma = vehicle.current_ma
        meter.frequency_mhz = world.mains.frequency_mhz if any(mains) else 0

    def _mains_mv(self) -> tuple[int, int, int]:
        if "mains_off" in self._world.station_faults:
            return (0, 0, 0)
        first, second, third = self._world.mains.voltage_mv
        missing = "phase_missing" in self.faults
        if self.profile.phases == 1:
            return (0 if missing else first, 0, 0)
        return (first, second, 0 if missing else third)

    def _settle_pilot(self, gate: bool) -> None:
        faults = self.faults
        duty_pm = self._outputs.duty_pm if gate else DUTY_STEADY_LOW
        load = Load()
        if self.vehicle_connected and "pilot_open" not in faults:
            load = self.vehicle.load()
        circuit = (duty_pm, load, frozenset(faults))
        if circuit == self._circuit:
            return
        self._circuit = circuit
        high_mv, low_mv = SOURCE_HIGH_MV, SOURCE_LOW_MV
        if faults:
            if "diode_missing" in faults:
                load = replace(load, diode=Diode.MISSING)
            elif "diode_parallel" in faults:
                load = replace(load, diode=Diode.PARALLEL)
            if "pilot_short" in faults:
                load = replace(load, short_ohm=10)
            elif "pilot_leak" in faults:
                load = replace(load, short_ohm=470)
            if "pilot_supply_low" in faults:
                high_mv = 9_500
            if "pilot_supply_beyond" in faults:
                low_mv = -15_000
            if "pwm_dead" in faults and gate:
                duty_pm = 1000
            elif "pwm_wrong_duty" in faults and 0 < duty_pm < 1000:
                duty_pm = min(999, duty_pm + 100)
        before = self.wire
        self.wire = wire(duty_pm, high_mv, low_mv, SOURCE_OHM, load)
        if before != self.wire:
            self._world.pilot_changed(self.evse_id)


@dataclass(slots=True)
class ReaderWorld:
    """A card reader's field: whoever listens hears each card presented to it."""

    listeners: list[Callable[[str, TokenKind], None]] = field(default_factory=list)


class World:
    """The world of one station.

    ``profile`` wins over ``evses``; without it ``simulated_profile(evses)`` is used. Raises ``ValueError``
    when both disagree. Not thread-safe.
    """

    def __init__(
        self,
        evses: int | None = None,
        seed: int = 1,
        profile: BoardProfile | None = None,
        *,
        speed: float = 1.0,
    ) -> None:
        if profile is None:
            profile = simulated_profile(1 if evses is None else evses)
        elif evses is not None and evses != len(profile.evses):
            raise ValueError(f"world of {evses} EVSEs, but profile {profile.name!r} has {len(profile.evses)}")
        self.profile = profile
        self.seed = seed
        self.speed_pm = 1000
        self.set_speed(speed)
        self.now_us = 0
        self.mains = Mains()
        self.pool = BurstPool(Random(seed))
        self.trace: deque[Trace] = deque(maxlen=TRACE_LENGTH)
        self.pilot_listeners: list[Callable[[int], None]] = []
        ids = tuple(evse.evse_id for evse in profile.evses)
        self.faults = FaultBook(ids, self._fault_changed)
        self.station_faults = self.faults.active(STATION)
        self.gate = Gate(self.station_faults, GATE_WINDOW_US, fitted=profile.watchdog is not None)
        self.readers = [ReaderWorld() for _ in profile.readers]
        self.evses = [EvseWorld(self, evse, self.faults.active(evse.evse_id)) for evse in profile.evses]
        self._by_id = {evse.evse_id: evse for evse in self.evses}
        self.settle()

    # ------------------------------------------------------------------ time

    def advance(self, dt_us: int) -> None:
        """Let ``dt_us`` microseconds pass, stopping at every event on the way."""
        end = self.now_us + dt_us
        while self.now_us < end:
            step = end - self.now_us
            gate_due = self.gate.horizon_us(self.now_us)
            if gate_due is not None and gate_due < step:
                step = gate_due
            for evse in self.evses:
                ahead = evse.horizon_us(self.now_us)
                if ahead < step:
                    step = ahead
            for evse in self.evses:
                evse.integrate(step)
            self.now_us += step
            self.settle()

    step = advance

    def record(self, evse_id: int, what: str) -> None:
        """Keep a fact in the bounded trace."""
        self.trace.append(Trace(self.now_us, evse_id, what))

    def pilot_changed(self, evse_id: int) -> None:
        for listener in self.pilot_listeners:
            listener(evse_id)

    def settle(self) -> None:
        """Bring every EVSE up to now; called after anything that changes the circuit at once."""
        for evse in self.evses:
            evse.settle(self.now_us)

    def set_speed(self, speed: float) -> None:
        """How many seconds of energy flow in one second. Raises ``ValueError`` outside 0.001..100000."""
        if not 0.001 <= speed <= 100_000:
            raise ValueError(f"speed {speed}; expected 0.001..100000")
        self.speed_pm = round(speed * 1000)

    def feed_watchdog(self) -> None:
        """A pulse arrives at the hardware gate."""
        was_open = self.gate.passes(self.now_us)
        self.gate.pulse(self.now_us)
        if not was_open:
            self.settle()

    # ------------------------------------------------------------------ people at the station

    def evse(self, evse_id: int) -> EvseWorld:
        """The EVSE of that number. Raises ``ValueError`` naming those that exist."""
        try:
            return self._by_id[evse_id]
        except KeyError:
            raise ValueError(f"evse {evse_id} does not exist; expected 1..{len(self.evses)}") from None

    def insert_cable(self, evse_id: int, cable_ma: int = 32_000) -> None:
        """Put a loose cable into the socket, far end free. Raises ``ValueError`` for a tethered EVSE."""
        evse = self.evse(evse_id)
        if evse.profile.tethered:
            raise ValueError(f"evse {evse_id} has a tethered cable; there is no socket to put a cable into")
        if cable_ma not in CABLE_OHM:
            raise ValueError(
                f"cable of {cable_ma} mA; cables are coded for {', '.join(map(str, CABLE_OHM))} mA"
            )
        evse.proximity.cable_ma = cable_ma

    def plug(
        self, evse_id: int = 1, vehicle: Vehicle | None = None, *, cable_ma: int = 32_000, **settings: Any
    ) -> Vehicle:
        """Plug a vehicle in: the one given or the one parked there, changed by ``settings``
        (see ``set_vehicle``). A socket gets the cable too. Returns the vehicle."""
        evse = self.evse(evse_id)
        if evse.vehicle_connected:
            raise ValueError(f"evse {evse_id}: a vehicle is plugged in already; unplug it first")
        if vehicle is not None:
            evse.vehicle = vehicle
        self.set_vehicle(evse_id, **settings)
        if not evse.profile.tethered and evse.proximity.cable_ma is None:
            self.insert_cable(evse_id, cable_ma)
        self._apply_vehicle_faults(evse)
        evse.vehicle_connected = True
        evse.vehicle.plugged_in(self.now_us)
        self.record(evse_id, "plugged in")
        evse.settle(self.now_us)
        return evse.vehicle

    def unplug(self, evse_id: int = 1, *, force: bool = False) -> None:
        """Pull the plug (and take the cable out of a socket). A bolted plug resists: ``ValueError``,
        unless ``force`` breaks it out. Nothing plugged in: ``ValueError``."""
        evse = self.evse(evse_id)
        if not evse.vehicle_connected and evse.proximity.cable_ma is None:
            raise ValueError(f"evse {evse_id}: nothing is plugged in")
        evse.lock.update(self.now_us)
        if evse.proximity.cable_ma is not None and evse.lock.bolted and not force:
            raise ValueError(f"evse {evse_id}: the plug is locked; stop charging first or pull with force")
        if any(evse.meter.current_ma):
            evse.pulled_under_load += 1
        evse.proximity.cable_ma = None
        if evse.vehicle_connected:
            evse.vehicle_connected = False
            evse.vehicle.pulled_out(self.now_us)
            self.record(evse_id, "unplugged")
        evse.settle(self.now_us)

    def pull_out(self, evse_id: int = 1) -> None:
        """Unplug at the vehicle's side: the cable stays in the socket, its far end free.
        Raises ``ValueError`` for a tethered EVSE, whose cable has no other side, and without a vehicle."""
        evse = self.evse(evse_id)
        if evse.profile.tethered or not evse.vehicle_connected:
            raise ValueError(f"evse {evse_id}: no vehicle on a loose cable")
        cable_ma, evse.proximity.cable_ma = evse.proximity.cable_ma, None  # nothing resists on that side
        self.unplug(evse_id)
        evse.proximity.cable_ma = cable_ma
        evse.settle(self.now_us)

    def set_vehicle(self, evse_id: int = 1, **settings: Any) -> None:
        """Change public fields of the vehicle at this EVSE. Raises ``ValueError`` for an unknown field
        or a value of another type, naming the fields."""
        evse = self.evse(evse_id)
        checked = [(name, _vehicle_value(name, value)) for name, value in settings.items()]
        for name, value in checked:
            setattr(evse.vehicle, name, value)
        evse.settle(self.now_us)

    def set_ambient(self, mdeg_c: int, evse_id: int | None = None) -> None:
        """The air around an EVSE (None = all), -60..150 degrees. Raises ``ValueError`` outside."""
        if not -60_000 <= mdeg_c <= 150_000:
            raise ValueError(f"ambient {mdeg_c} mdeg C; expected -60000..150000")
        for evse in self.evses if evse_id is None else [self.evse(evse_id)]:
            evse.thermal.ambient_mdeg_c = mdeg_c

    def swipe(self, uid: str, reader: int = 0, kind: TokenKind = TokenKind.ISO14443) -> None:
        """Present a card (``uid`` in hex). Raises ``ValueError`` for no hex or no such reader."""
        text = uid.upper()
        try:
            size = len(bytes.fromhex(text))
        except ValueError:
            size = 0
        if not 1 <= size <= 10 or len(text) != size * 2:
            raise ValueError(f"card {uid!r}; expected 1 to 10 bytes in hex, e.g. 04A2B3C4")
        if not 0 <= reader < len(self.readers):
            raise ValueError(f"reader {reader} does not exist; the profile has {len(self.readers)} (0 first)")
        for listener in tuple(self.readers[reader].listeners):
            listener(text, kind)

    # ------------------------------------------------------------------ looking at it

    def reading(self, evse_id: int) -> MeterReading:
        """What this EVSE's meter shows now."""
        return self.evse(evse_id).meter.reading()

    def status(self) -> dict[str, Any]:
        """Everything a person at the bench wants to see, ready for JSON."""
        return {
            "now_us": self.now_us,
            "seed": self.seed,
            "speed": self.speed_pm / 1000,
            "gate": self.gate.passes(self.now_us),
            "mains_mv": list(self.mains.voltage_mv),
            "faults": [{"evse_id": evse_id, "name": name} for evse_id, name in self.faults.list()],
            "evses": [self._evse_status(evse) for evse in self.evses],
        }

    def _evse_status(self, evse: EvseWorld) -> dict[str, Any]:
        vehicle = evse.vehicle
        return {
            "evse_id": evse.evse_id,
            "plugged": evse.vehicle_connected,
            "duty_pm": evse.duty_pm,
            "wire": {"duty_pm": evse.wire.duty_pm, "high_mv": evse.wire.high_mv, "low_mv": evse.wire.low_mv},
            "contactor_commanded": evse.contactor_commanded,
            "contacts_closed": any(evse.contactor.poles),
            "operations": evse.contactor.operations,
            "proximity_ohm": evse.proximity.resistance_ohm,
            "locked": evse.lock.bolted,
            "rcd_tripped": evse.residual_current.tripped,
            "temperature_mdeg_c": evse.thermal.mdeg_c,
            "ambient_mdeg_c": evse.thermal.ambient_mdeg_c,
            "phases": _phases(evse),
            "indicator": evse.indicator,
            "current_ma": list(evse.meter.current_ma),
            "power_w": sum(v * i for v, i in zip(evse.meter.voltage_mv, evse.meter.current_ma, strict=True))
            // 1_000_000,
            "energy_uwh": evse.meter.total_uwh,
            "vehicle": {
                "s2": vehicle.s2,
                "energy_taken_wh": vehicle.energy_taken_wh,
                "full": vehicle.full,
                **{name: getattr(vehicle, name) for name in _VEHICLE_FIELDS},
            },
        }

    # ------------------------------------------------------------------ faults with a moment of their own

    def _fault_changed(self, evse_id: int, name: str, on: bool) -> None:
        self.record(evse_id, f"fault {name} {'set' if on else 'cleared'}")
        if evse_id != STATION:
            evse = self._by_id[evse_id]
            if name == "meter_reset" and on:
                evse.meter.reset()
            elif name == "rcd_test_stuck" and not on:
                evse.residual_current.repaired()
            elif name in _VEHICLE_FAULTS:
                setattr(evse.vehicle, _VEHICLE_FAULTS[name], on)
        self.settle()

    def _apply_vehicle_faults(self, evse: EvseWorld) -> None:
        for name in evse.faults & _VEHICLE_FAULTS.keys():
            setattr(evse.vehicle, _VEHICLE_FAULTS[name], True)


def _phases(evse: EvseWorld) -> int:
    """How many phases are connected behind the main contactor."""
    if evse.profile.phase_switch is None:
        return evse.profile.phases
    return 3 if evse.phase_contactor.three else 1


_VEHICLE_FAULTS = {
    "over_current": "ignores_limit",
    "vehicle_ignores_x1": "ignores_x1",
    "vehicle_ignores_pilot": "ignores_pilot",
}

_VEHICLE_FIELDS: dict[str, type | tuple[type, ...]] = {
    "wants_charge": bool,
    "max_ma": int,
    "phases": int,
    "energy_wanted_wh": (int, type(None)),
    "ventilation": bool,
    "r2_ohm": int,
    "r3_ohm": int,
    "r3_ventilation_ohm": int,
    "diode": str,
    "diode_drop_mv": int,
    "obey_ms": int,
    "stop_ms": int,
    "s2_close_ms": int,
    "let_go_ms": int,
    "asleep": bool,
    "deaf": bool,
    "sleeps_after_ms": (int, type(None)),
    "ignores_limit": bool,
    "ignores_x1": bool,
    "ignores_pilot": bool,
    "s2_forced": (bool, type(None)),
}
_NONE_OR_ABOVE = {"r2_ohm": 1, "r3_ohm": 1, "r3_ventilation_ohm": 1, "phases": 1, "obey_ms": 1, "stop_ms": 1}


def _vehicle_value(name: str, value: Any) -> Any:
    kinds = _VEHICLE_FIELDS.get(name)
    if kinds is None:
        raise ValueError(f"vehicle has no {name!r}; it has {', '.join(_VEHICLE_FIELDS)}")
    wants_bool = kinds is bool or (isinstance(kinds, tuple) and bool in kinds)
    if not isinstance(value, kinds) or (isinstance(value, bool) and not wants_bool):
        wanted = kinds if isinstance(kinds, tuple) else (kinds,)
        names = " or ".join("null" if kind is type(None) else kind.__name__ for kind in wanted)
        raise ValueError(f"vehicle {name}: {value!r}; expected {names}")
    if name == "diode":
        return _diode(str(value))
    if isinstance(value, int) and not isinstance(value, bool):
        least = _NONE_OR_ABOVE.get(name, 0)
        if value < least or (name == "phases" and value > 3):
            raise ValueError(
                f"vehicle {name}: {value}; expected {'1..3' if name == 'phases' else f'{least} or more'}"
            )
    return value


def _diode(value: str) -> Diode:
    try:
        return Diode(value)
    except ValueError:
        raise ValueError(f"vehicle diode: {value!r}; expected {', '.join(Diode)}") from None
