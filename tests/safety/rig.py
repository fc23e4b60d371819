"""One EVSE on a bench of numbers: the pure core, a vehicle as volts, a contactor with travel times.

Virtual time in 10 ms steps; nothing here knows a clock.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from controller.safety import core
from controller.safety.config import SafetyConfig
from controller.safety.core import Inputs, Outputs, State
from controller.safety.inhibits import Inhibit
from controller.safety.permit import LockWish, Permit
from controller.safety.pilot import Pilot
from hal.interface import LockDrive, PilotSample

START_MS = 5_000_000
TICK_MS = 10
HIGH_MV = {"A": 12_000, "B": 8_980, "C": 5_990, "D": 2_930, "E": 0}


def wire(vehicle: str, duty_pm: int, diode: bool = True) -> PilotSample:
    """What a board measures with this vehicle ("A".."E") at this commanded duty."""
    high = HIGH_MV[vehicle]
    if vehicle == "E":
        return PilotSample(0, 0, 0)
    low = -12_000 if diode or vehicle == "A" else -high + 200
    if duty_pm == 0:
        return PilotSample(low, low, 0)
    if duty_pm == 1000:
        return PilotSample(high, high, 1000)
    return PilotSample(high, low, duty_pm)


@dataclass
class Rig:
    """Set the attributes, then ``run``. ``lease_ma`` not None: a controller renews a permit every second."""

    config: SafetyConfig = field(
        default_factory=lambda: SafetyConfig(evse_id=1, rating_ma=32_000, has_residual_current=True)
    )
    vehicle: str = "A"
    diode: bool = True
    sample: PilotSample | None = None  # overrides the vehicle
    silent: bool = False
    tripped: bool = False
    test_works: bool = True
    resistance_ohm: int | None = None
    mirror: bool | None = False
    follows: bool = True  # the mirror follows the command
    travel_ms: int = 30
    lock_moves: bool = True
    locked: bool | None = False
    late: bool = False
    lease_ma: int | None = None
    wish: LockWish = LockWish.AUTOMATIC
    unavailable: bool = False
    resets: int = 0
    temperatures: tuple[int | None, ...] = ()
    emergency_stop: bool = False
    enclosure_open: bool = False
    phases: int = 3  # in the permit
    three: bool | None = False  # feedback of the phase switch, if there is one
    switch_stuck: bool = False
    now_ms: int = START_MS
    step_ms: int = TICK_MS

    def __post_init__(self) -> None:
        self.state: State = core.initial(self.config, self.now_ms)
        self.outputs: Outputs = core.OFF
        self.trace: list[tuple[int, State, Outputs]] = []
        self._commanded_at = self.now_ms
        self._renew_at = 0
        self.check: Callable[[Rig], None] | None = None

    def step(self, permit: Permit | None = None) -> None:
        """One tick."""
        self.now_ms += self.step_ms
        if permit is None and self.lease_ma is not None and self.now_ms >= self._renew_at:
            permit = self.permit(self.lease_ma)
            self._renew_at = self.now_ms + 1_000
        before = self.outputs
        self.state, self.outputs = core.step(self.state, self.inputs(), permit, self.now_ms)
        self._move(before)
        self.trace.append((self.now_ms, self.state, self.outputs))
        if self.check is not None:
            self.check(self)

    def inputs(self) -> Inputs:
        """What the board says now."""
        if self.silent:
            return Inputs(
                None,
                late=self.late,
                emergency_stop=self.emergency_stop,
                enclosure_open=self.enclosure_open,
            )
        sample = self.sample or wire(self.vehicle, self.outputs.duty_pm, self.diode)
        tripped = self.tripped or (self.outputs.residual_test and self.test_works)
        return Inputs(
            sample,
            self.mirror,
            tripped,
            self.resistance_ohm,
            self.locked,
            self.late,
            self.temperatures,
            self.emergency_stop,
            self.enclosure_open,
            self.three,
        )

    def _move(self, before: Outputs) -> None:
        if before.contactor_closed is not self.outputs.contactor_closed:
            self._commanded_at = self.now_ms
        if self.follows and self.mirror is not None and self.now_ms - self._commanded_at >= self.travel_ms:
            self.mirror = self.outputs.contactor_closed
        if self.lock_moves and self.locked is not None and self.outputs.lock is not LockDrive.OFF:
            self.locked = self.outputs.lock is LockDrive.LOCK
        if self.outputs.three_phase is not None and self.three is not None and not self.switch_stuck:
            self.three = self.outputs.three_phase

    def permit(self, limit_ma: int, lease_ms: int = 10_000, plug_no: int | None = None) -> Permit:
        """A permit for the plug-in of this moment."""
        return Permit(
            self.config.evse_id,
            self.state.plug_no if plug_no is None else plug_no,
            limit_ma,
            self.now_ms + lease_ms,
            self.phases,
            lock=self.wish,
            unavailable=self.unavailable,
            reset_faults=self.resets,
        )

    def run(self, ms: int) -> Rig:
        """Tick for so long."""
        for _ in range(ms // self.step_ms):
            self.step()
        return self

    def until(self, condition: Callable[[Rig], bool], within_ms: int) -> int:
        """Tick until the condition holds; returns the ms it took. Fails when it takes longer."""
        begin = self.now_ms
        while not condition(self):
            assert self.now_ms - begin < within_ms, f"not within {within_ms} ms; {self.state}"
            self.step()
        return self.now_ms - begin

    def renew(self) -> None:
        """Let the controller speak at the next tick instead of the next second."""
        self._renew_at = 0

    @property
    def inhibits(self) -> set[str]:
        return {inhibit.name for inhibit in self.state.inhibits.active()}

    @property
    def closed(self) -> bool:
        return self.outputs.contactor_closed

    @property
    def pilot(self) -> Pilot:
        return self.state.pilot

    def idle(self) -> Rig:
        """Started, nobody there, x1 for longer than 3 s."""
        self.vehicle = "A"
        return self.run(4_000)

    def charging(self, limit_ma: int = 16_000) -> Rig:
        """A vehicle charges."""
        self.idle()
        self.vehicle = "B"
        self.run(500)
        self.lease_ma = limit_ma
        self.renew()
        self.until(lambda rig: rig.state.offered_ma > 0, 8_000)
        self.vehicle = "C"
        self.until(lambda rig: rig.closed and rig.mirror is not False, 3_000)
        return self.run(1_000)


def has(inhibit: Inhibit) -> Callable[[Rig], bool]:
    return lambda rig: inhibit in rig.state.inhibits
