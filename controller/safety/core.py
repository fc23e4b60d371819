"""The decision of one EVSE: ``step(state, inputs, permit, now_ms) -> (state, outputs)``. Pure.

Owns: the order of the decisions of one 10 ms step and the facts that live longer than one step.
Refuses to know: clock, pins, sockets, other EVSEs. Integers only; the same inputs give the same outputs.

The order is: look (pilot, plug, detector, contacts), doubt (causes become inhibits), count what was
leased, prepare (lock, self-test), offer (pilot), and at the end, in one line, the gate. Nothing behind
the gate can close the contactor; what comes after it can only refuse.

Stopping, from the most to the least gentle:

* the vehicle lets go (C or D to A or B): open in the same step (sequence 8.1, 8.2; at most 100 ms).
* the permit lapses, is withdrawn or falls below 6 A: x1 first, open when the vehicle lets go, at the
  latest after 6 s (sequence 10.2).
* any inhibit: open in the same step, whatever flows.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import NamedTuple

from controller.safety import contactor as contactor_rules
from controller.safety import lock as lock_rules
from controller.safety import phases as phase_rules
from controller.safety import residual, simplified, wakeup
from controller.safety import temperature as temperature_rules
from controller.safety.config import SafetyConfig
from controller.safety.contactor import Contactor, Phase, trend_of
from controller.safety.debounce import Debounce, evaluate
from controller.safety.gate import may_be_closed
from controller.safety.inhibits import Inhibit, InhibitSet, update
from controller.safety.lock import Lock
from controller.safety.permit import MINIMUM_OFFER_MA, LockWish, Permit, accept, granted_ma
from controller.safety.phases import Phases
from controller.safety.pilot import CONNECTED, Pilot, Reading, classify, duty_for, is_pwm, offer_of, wave_good
from controller.safety.proximity import NO_PLUG, SHORT, Coding, observe
from controller.safety.report import Report
from controller.safety.residual import SelfTest, Trips
from controller.safety.temperature import Temperature
from controller.safety.wakeup import Rung, WakeUp
from hal.interface import DUTY_STEADY_HIGH, DUTY_STEADY_LOW, LockDrive, PilotSample

_STARTING = 1 << Inhibit.STARTING
_BOARD_SILENT = 1 << Inhibit.BOARD_SILENT
_PILOT_FAULT = 1 << Inhibit.PILOT_FAULT
_PILOT_SHORT = 1 << Inhibit.PILOT_SHORT
_DIODE_MISSING = 1 << Inhibit.DIODE_MISSING
_PWM_FAULT = 1 << Inhibit.PWM_FAULT
_VENTILATION = 1 << Inhibit.VENTILATION_REQUIRED
_RESIDUAL = 1 << Inhibit.RESIDUAL_CURRENT
_RESIDUAL_TEST = 1 << Inhibit.RESIDUAL_CURRENT_TEST
_WELDED = 1 << Inhibit.CONTACTOR_WELDED
_DID_NOT_CLOSE = 1 << Inhibit.CONTACTOR_DID_NOT_CLOSE
_PROXIMITY = 1 << Inhibit.PROXIMITY_FAULT
_LOCK = 1 << Inhibit.LOCK_FAULT
_LATE = 1 << Inhibit.LOOP_LATE
_TOO_HOT = 1 << Inhibit.OVER_TEMPERATURE
_SENSOR_LOST = 1 << Inhibit.TEMPERATURE_SENSOR_LOST
_EMERGENCY_STOP = 1 << Inhibit.EMERGENCY_STOP
_ENCLOSURE = 1 << Inhibit.ENCLOSURE_OPEN
_PHASES = 1 << Inhibit.PHASE_SWITCH_FAULT

_TOLD_BY_F = (
    _PILOT_FAULT
    | _PILOT_SHORT
    | _DIODE_MISSING
    | _PWM_FAULT
    | _RESIDUAL
    | _RESIDUAL_TEST
    | _WELDED
    | _DID_NOT_CLOSE
    | _PROXIMITY
    | _LOCK
)
"""Faults the vehicle is told about by a pulse of state F; the others are doubts about ourselves, or none."""


class Inputs(NamedTuple):
    """What the board says in one step.

    ``sample`` None: no trustworthy inputs of this EVSE, the rest of them is not looked at. ``late``: the loop
    could not hold its time. ``resistance_ohm`` None = open. ``mirror``, ``locked`` and ``three_phase``
    None = the board has none. ``temperatures_mdeg_c``: the latest of each sensor, None = it did not answer.
    ``emergency_stop`` and ``enclosure_open`` are the station's.
    """

    sample: PilotSample | None
    mirror: bool | None = None
    tripped: bool = False
    resistance_ohm: int | None = None
    locked: bool | None = None
    late: bool = False
    temperatures_mdeg_c: tuple[int | None, ...] = ()
    emergency_stop: bool = False
    enclosure_open: bool = False
    three_phase: bool | None = None


class Outputs(NamedTuple):
    """What the board is to do. ``three_phase`` None: leave the phase switch where it is."""

    duty_pm: int
    contactor_closed: bool
    lock: LockDrive
    residual_test: bool
    three_phase: bool | None = None


OFF = Outputs(DUTY_STEADY_LOW, False, LockDrive.OFF, False)
"""The safe level of everything."""


@dataclass(frozen=True, slots=True)
class State:
    """All that one EVSE remembers. ``config`` is never replaced: no message can raise the rating."""

    config: SafetyConfig
    plug_no: int
    debounce: Debounce = field(default=Debounce())
    starting: bool = True
    connected: bool = False
    blind_since_ms: int | None = None
    coding: Coding = field(default=Coding())
    contactor: Contactor = field(default=Contactor())
    self_test: SelfTest = field(default=SelfTest())
    lock: Lock = field(default=Lock())
    inhibits: InhibitSet = field(default=InhibitSet())
    permit: Permit | None = None
    held: bool = False
    duty_pm: int = DUTY_STEADY_HIGH
    mode_since_ms: int = 0  # F, x1 or PWM commanded since
    duty_since_ms: int = 0  # this very duty commanded since
    pulse_until_ms: int | None = None
    wave_since_ms: int | None = None  # PWM and diode good on the wire since
    wrong_since_ms: int | None = None  # duty on the wire wrong since
    proven: bool = False
    letting_go_since_ms: int | None = None
    sample: PilotSample = field(default=PilotSample(0, 0, 0))
    mirror: bool | None = None
    locked: bool | None = None
    simplified: bool = False  # from A to C without B: a vehicle without S2
    wake: WakeUp = field(default=WakeUp())
    trips: Trips = field(default=Trips())
    temperature: Temperature = field(default=Temperature())
    phases: Phases = field(default=Phases())

    @property
    def pilot(self) -> Pilot:
        return self.debounce.letter

    @property
    def cable_ma(self) -> int | None:
        """Ampacity of the cable in mA; None = no (readable) cable in the socket."""
        if not self.config.has_proximity:
            return self.config.fixed_cable_ma
        return self.coding.value_ma if self.coding.value_ma > NO_PLUG else None

    @property
    def offered_ma(self) -> int:
        """What the vehicle is told it may draw, in mA; 0 in x1 and F."""
        return offer_of(self.duty_pm) if is_pwm(self.duty_pm) else 0

    @property
    def temperature_limit_ma(self) -> int | None:
        """What the temperature leaves of the rating; None = all."""
        return temperature_rules.limit_ma(self.temperature, self.config.ladders, self.config.rating_ma)


def initial(config: SafetyConfig, now_ms: int, plug_no: int | None = None, three: bool = False) -> State:
    """Everything off and STARTING. ``three``: where the phase switch was last commanded to.

    ``plug_no`` starts at ``now_ms`` (CLOCK_MONOTONIC): vehicles come more slowly than one per millisecond, so
    a permit for a plug-in of an earlier run of the process never fits.
    """
    return State(
        config,
        now_ms if plug_no is None else plug_no,
        contactor=Contactor(since_ms=now_ms),
        lock=Lock(since_ms=now_ms) if config.has_lock else Lock(target=False, reached=True),
        inhibits=update(InhibitSet(), _STARTING, now_ms, vacant=False, reset=False),
        mode_since_ms=now_ms,
        duty_since_ms=now_ms,
        temperature=temperature_rules.initial(config.ladders),
        phases=Phases(three),
    )


def step(state: State, inputs: Inputs, permit: Permit | None, now_ms: int) -> tuple[State, Outputs]:
    """One step. ``permit`` is a newly arrived one, None = none arrived since the last step."""
    config = state.config
    reset = False
    lease = state.permit
    if permit is not None:
        reset = lease is not None and permit.reset_faults > lease.reset_faults
        lease = accept(permit, now_ms)

    if (sample := inputs.sample) is None:
        debounce, coding = state.debounce.forget(), state.coding
        contactor, tripped = contactor_rules.unseen(state.contactor, now_ms), False
        wave_since = wrong_since = None
        sample, mirror, locked = state.sample, state.mirror, state.locked
    else:
        mirror, tripped, locked = inputs.mirror, inputs.tripped, inputs.locked
        debounce, wave_since, wrong_since = _listen(state, sample, now_ms)
        coding = state.coding
        if config.has_proximity:
            coding = observe(
                coding, inputs.resistance_ohm, state.connected, now_ms, config.debounce.more_power_ms
            )
        contactor = contactor_rules.observe(state.contactor, mirror, now_ms, config.contactor)
    temperature, phases = _surroundings(state, inputs, now_ms)
    pilot = debounce.letter
    seen = inputs.sample is not None and pilot is not Pilot.E and pilot is not Pilot.F

    connected, plug_no, blind_since = _presence(state, pilot, seen, now_ms)
    vacant = pilot is Pilot.A
    if contactor.failures and (vacant or reset):
        contactor = replace(contactor, failures=0)
    tripped = tripped and not state.self_test.running
    on_ms = now_ms - state.contactor.since_ms if state.contactor.commanded else None
    new_trip = not state.inhibits.mask & _RESIDUAL
    trips = residual.count(state.trips, tripped, new_trip, on_ms, vacant or reset, now_ms, config.residual)
    retry_at = residual.retry_at_ms(trips, config.residual)

    no_cable = config.has_proximity and (
        coding.value_ma == SHORT or (coding.value_ma == NO_PLUG and pilot in CONNECTED)
    )
    starting = state.starting and not (
        seen
        and mirror is not True
        and not tripped
        and not no_cable
        and debounce.doubt_since_ms is None
        and temperature.known
    )
    # A board may need a moment for its first answer; that is no fault, and STARTING keeps everything off.
    starting_ms = now_ms - state.inhibits.since_ms[Inhibit.STARTING] if starting else 0
    waking = starting and starting_ms < config.pilot.waking_ms
    # A self-test that the last run of the process did not finish may still be on its way out.
    testing = starting and config.has_self_test and starting_ms <= config.self_test.clear_ms
    wrong_duty = wrong_since is not None and now_ms - wrong_since >= config.pilot.wrong_duty_ms
    failing = contactor.did_not_close or contactor.failures >= config.contactor.attempts
    # Heat is slow: the limit of 0 stops gently (x1, 6 s at most); the name comes with the open contactor.
    warm = not state.contactor.commanded
    causes = (
        (_STARTING if starting else 0)
        | (_BOARD_SILENT if inputs.sample is None and not waking else 0)
        | (_PILOT_FAULT if debounce.outside else 0)
        | (_PILOT_SHORT if pilot is Pilot.E and not debounce.outside else 0)
        | (_DIODE_MISSING if debounce.diode_missing else 0)
        | (_PWM_FAULT if wrong_duty else 0)
        | (_VENTILATION if pilot is Pilot.D and not config.ventilation else 0)
        | (_RESIDUAL if tripped and not testing else 0)
        | (_RESIDUAL_TEST if state.self_test.failed else 0)
        | (_WELDED if contactor.welded else 0)
        | (_DID_NOT_CLOSE if failing else 0)
        | (_PROXIMITY if no_cable else 0)
        | (_LOCK if state.lock.fault else 0)
        | (_LATE if inputs.late else 0)
        | (_TOO_HOT if warm and temperature_rules.too_hot(temperature) else 0)
        | (_SENSOR_LOST if warm and temperature_rules.blind(temperature, config.ladders) else 0)
        | (_EMERGENCY_STOP if inputs.emergency_stop else 0)
        | (_ENCLOSURE if inputs.enclosure_open else 0)
        | (_PHASES if phases.fault else 0)
    )
    forgiven = _RESIDUAL if retry_at is not None and now_ms >= retry_at else 0
    inhibits = update(state.inhibits, causes, now_ms, vacant=vacant, reset=reset, forgiven=forgiven)
    free = not inhibits.mask

    simple = simplified.observe(state.simplified, state.debounce.letter, pilot, connected)
    ceiling_ma = _ceiling_ma(config, coding, simple, temperature)
    granted = granted_ma(lease, config.evse_id, plug_no if connected else None, ceiling_ma, now_ms)
    held = granted is not None
    current = lease is not None and now_ms < lease.expires_at_ms
    wish = lease.lock if lease is not None and current else LockWish.AUTOMATIC
    limit_ma = granted or 0
    if config.has_lock and wish is LockWish.UNLOCKED:
        limit_ma = 0  # unlocking comes after opening, opening after the offer's end
    at_rest = contactor.phase is Phase.OPEN and mirror is not True
    if config.has_phase_switch:
        three = lease.phases == 3 if held and lease is not None else True if vacant else None
        silent = inputs.sample is not None and at_rest and not is_pwm(state.duty_pm)
        phases = phase_rules.advance(phases, three, vacant, silent, now_ms, config.phase_times)
        if phases.pending:
            limit_ma = 0  # the offer ends first, the vehicle lets go, the contactor opens
    wanted = free and limit_ma >= MINIMUM_OFFER_MA and pilot in CONNECTED
    wake = wakeup.advance(
        state.wake,
        present=connected and plug_no == state.plug_no,
        limit=limit_ma >= MINIMUM_OFFER_MA,
        free=free,
        asked=pilot is Pilot.C or pilot is Pilot.D,
        unanswered_since_ms=state.mode_since_ms if pilot is Pilot.B and is_pwm(state.duty_pm) else None,
        now_ms=now_ms,
        times=config.wake_up,
    )

    lock = state.lock
    if config.has_lock:
        there = connected or coding.value_ma > NO_PLUG
        released = config.unlock_on_fault and _fault_lasts(inhibits, now_ms, config.lock.fault_ms)
        want_locked = lock_rules.wanted(there, wish, held, released)
        if lock_rules.undecided(lock, wish, held, now_ms, config.lock):
            pass
        elif inputs.sample is not None and (want_locked or at_rest):
            lock = lock_rules.advance(lock, want_locked, locked, now_ms, config.lock)
        else:
            lock = lock_rules.finish(lock, now_ms, config.lock)
    secured = lock.locked or not config.has_lock

    self_test = state.self_test
    if config.has_self_test:
        if inputs.sample is None:
            self_test = residual.unseen(self_test, now_ms)
        else:
            self_test = residual.advance(
                self_test, wanted and at_rest, inputs.tripped, now_ms, config.self_test
            )
    prepared = (
        secured
        and (self_test.passed or not config.has_self_test)
        and (phases.settled(contactor.commanded) or not config.has_phase_switch)
    )

    # Unavailable: state F, but only while nobody is there. F itself hides whether somebody comes.
    unavailable = lease is not None and current and lease.unavailable and not connected and not starting
    pulse_until = state.pulse_until_ms
    if inhibits.mask & ~state.inhibits.mask & _TOLD_BY_F and (connected or pilot is Pilot.E):
        pulse_until = now_ms + config.pilot.fault_pulse_ms
    elif pulse_until is not None and now_ms >= pulse_until:
        pulse_until = None

    duty_pm = _duty(state, wanted and not wake.climbing, prepared, limit_ma, _rest_ms(state, wake), now_ms)
    if (
        pulse_until is not None
        or inhibits.mask & _WELDED
        or (unavailable and pilot in (Pilot.A, Pilot.F))
        or wake.rung is Rung.PULSE
    ):
        duty_pm = DUTY_STEADY_LOW
    mode_since, duty_since = state.mode_since_ms, state.duty_since_ms
    if duty_pm != state.duty_pm:
        duty_since = now_ms
        if not (is_pwm(duty_pm) and is_pwm(state.duty_pm)):
            mode_since = now_ms
            if duty_pm == DUTY_STEADY_LOW and pulse_until is None:
                pulse_until = now_ms + config.pilot.fault_pulse_ms  # F is never shorter than this
        wrong_since = None
    offering = is_pwm(duty_pm)
    proven = offering and (
        state.proven or (wave_since is not None and now_ms - wave_since >= config.pilot.proof_ms)
    )

    letting_go_since = state.letting_go_since_ms
    if proven or not contactor.commanded:
        letting_go_since = None
    elif letting_go_since is None and not offering:
        letting_go_since = now_ms
    let_go_ms = config.pilot.let_go_ms
    letting_go = secured and letting_go_since is not None and now_ms - letting_go_since < let_go_ms

    close = may_be_closed(inhibits, pilot, config.ventilation, offering, prepared and proven, letting_go)

    under_load = pilot is Pilot.C or pilot is Pilot.D
    before = contactor.commanded
    contactor = contactor_rules.command(contactor, close, mirror, under_load, now_ms, config.contactor)
    if vacant or (before and not contactor.commanded):
        self_test = residual.spend(self_test)

    after = State(
        config,
        plug_no,
        debounce,
        starting,
        connected,
        blind_since,
        coding,
        contactor,
        self_test,
        lock,
        inhibits,
        lease,
        held,
        duty_pm,
        mode_since,
        duty_since,
        pulse_until,
        wave_since,
        wrong_since,
        proven,
        letting_go_since,
        sample,
        mirror,
        locked,
        simple,
        wake,
        trips,
        temperature,
        phases,
    )
    position = phases.three if config.has_phase_switch else None
    return after, Outputs(duty_pm, contactor.commanded, lock.drive, self_test.output, position)


def _surroundings(state: State, inputs: Inputs, now_ms: int) -> tuple[Temperature, Phases]:
    """What the sensors and the phase switch say."""
    config, temperature, phases = state.config, state.temperature, state.phases
    if inputs.sample is None:
        return temperature, phases
    if config.ladders:
        values = inputs.temperatures_mdeg_c
        temperature = temperature_rules.observe(temperature, config.ladders, values, now_ms)
    if config.has_phase_switch:
        phases = phase_rules.observe(phases, inputs.three_phase, now_ms, config.phase_times)
    return temperature, phases


def _listen(state: State, sample: PilotSample, now_ms: int) -> tuple[Debounce, int | None, int | None]:
    """Debounced pilot, since when the wave is good, since when its duty is wrong."""
    config, duty_pm = state.config, state.duty_pm
    reading = classify(sample, duty_pm, config.thresholds)
    settled = now_ms - state.mode_since_ms >= config.pilot.settle_ms
    if reading >= Reading.OUTSIDE and not settled:
        return state.debounce.forget(), None, None
    debounce = evaluate(state.debounce, reading, now_ms, config.debounce)
    if not is_pwm(duty_pm) or reading >= Reading.E:
        return debounce, None, None
    if wave_good(sample, duty_pm, config.thresholds):
        return debounce, now_ms if state.wave_since_ms is None else state.wave_since_ms, None
    if not settled:
        return debounce, None, None
    return debounce, None, now_ms if state.wrong_since_ms is None else state.wrong_since_ms


def _presence(state: State, pilot: Pilot, seen: bool, now_ms: int) -> tuple[bool, int, int | None]:
    """Is a vehicle connected, which number has this plug-in, since when cannot we see it.

    While the pilot is shorted, at -12 V or not read, one vehicle could be exchanged for another. A pulse
    of state F after a fault is too short for that, a wake-up pulse is our own and is added; after
    ``blind_ms`` what is seen again counts as a new plug-in.
    """
    if seen:
        if pilot is Pilot.A:
            return False, state.plug_no, None
        if state.connected:
            return True, state.plug_no, None
        return True, state.plug_no + 1, None
    if not state.connected:
        return False, state.plug_no, None
    since = now_ms if state.blind_since_ms is None else state.blind_since_ms
    blind_ms = state.config.pilot.blind_ms
    if state.wake.rung is Rung.PULSE or state.wake.rung is Rung.READY:
        blind_ms += state.config.wake_up.pulse_ms
    return now_ms - since < blind_ms, state.plug_no, since


def _fault_lasts(inhibits: InhibitSet, now_ms: int, lasting_ms: int) -> bool:
    mask = inhibits.mask & ~(_STARTING | _VENTILATION)
    return bool(mask) and any(
        mask >> number & 1 and now_ms - since_ms >= lasting_ms
        for number, since_ms in enumerate(inhibits.since_ms)
    )


def _ceiling_ma(config: SafetyConfig, coding: Coding, simple: bool, temperature: Temperature) -> int:
    cable_ma = coding.value_ma if config.has_proximity else config.fixed_cable_ma
    ceiling_ma = min(config.rating_ma, cable_ma)
    if config.ladders:
        warm_ma = temperature_rules.limit_ma(temperature, config.ladders, config.rating_ma)
        ceiling_ma = ceiling_ma if warm_ma is None else min(ceiling_ma, warm_ma)
    return min(ceiling_ma, config.simplified_ma) if simple else ceiling_ma


def _rest_ms(state: State, wake: WakeUp) -> int:
    """The x1 that has to come before PWM: 9.2, but for the one that belongs to a wake-up pulse."""
    if wake.rung is Rung.WAITING and state.mode_since_ms <= wake.since_ms:
        return state.config.wake_up.ready_ms
    return state.config.pilot.steady_ms


def _duty(state: State, wanted: bool, prepared: bool, limit_ma: int, rest_ms: int, now_ms: int) -> int:
    """The duty to command when nothing asks for state F.

    PWM begins when everything is prepared and x1 has lasted long enough (9.2). It follows a falling limit at
    once, a rising one 5 s after the last change. A vehicle's pause (C to B) does not end it.
    """
    if not wanted:
        return DUTY_STEADY_HIGH
    target = duty_for(limit_ma)
    if is_pwm(state.duty_pm):
        if target > state.duty_pm and now_ms - state.duty_since_ms < state.config.pilot.raise_every_ms:
            return state.duty_pm
        return target
    rested = state.duty_pm == DUTY_STEADY_HIGH and now_ms - state.mode_since_ms >= rest_ms
    return target if prepared and rested else DUTY_STEADY_HIGH


def report(state: State, seq: int, now_ms: int, overruns: int = 0, worst_lateness_us: int = 0) -> Report:
    """The snapshot of one EVSE for the controller."""
    contactor = state.contactor
    return Report(
        evse_id=state.config.evse_id,
        seq=seq,
        at_ms=now_ms,
        pilot=state.pilot.name,
        pwm=is_pwm(state.duty_pm),
        plug_no=state.plug_no,
        high_mv=state.sample.high_mv,
        low_mv=state.sample.low_mv,
        duty_pm=state.duty_pm,
        offered_ma=state.offered_ma,
        contactor_commanded=contactor.commanded,
        mirror_closed=state.mirror,
        rating_ma=state.config.rating_ma,
        cable_ma=state.cable_ma,
        locked=state.locked,
        permit_held=state.held,
        inhibits=state.inhibits.active(),
        operations=contactor.operations,
        openings_under_load=contactor.openings_under_load,
        overruns=overruns,
        worst_lateness_us=worst_lateness_us,
        close_took_ms=contactor.close_took_ms,
        open_took_ms=contactor.open_took_ms,
        wake_ups=state.wake.count,
        simplified_ma=state.config.simplified_ma if state.simplified else None,
        close_trend_ms=trend_of(contactor.close_travels_ms),
        open_trend_ms=trend_of(contactor.open_travels_ms),
        residual_trips=state.trips.count,
        residual_retry_at_ms=(
            residual.retry_at_ms(state.trips, state.config.residual)
            if Inhibit.RESIDUAL_CURRENT in state.inhibits
            else None
        ),
        temperature_limit_ma=state.temperature_limit_ma,
        hottest_mdeg_c=state.temperature.hottest_mdeg_c,
        sensors_lost=state.temperature.lost,
        phases=_phases(state),
    )


def _phases(state: State) -> int:
    """How many phases are connected behind the contactor."""
    return (3 if state.phases.three else 1) if state.config.has_phase_switch else state.config.phases


def visible(state: State) -> tuple[object, ...]:
    """What makes a report urgent: a change of any of these. Volts change all the time and do not."""
    return (
        state.debounce.letter,
        state.duty_pm,
        state.plug_no,
        state.contactor.commanded,
        state.mirror,
        state.coding.value_ma,
        state.locked,
        state.held,
        state.inhibits.mask,
        state.simplified,
        state.wake.count,
        state.phases.three,
        state.temperature.lost,
        state.temperature_limit_ma,
    )
