"""A vehicle, written from the vehicle's side of the plug only.

Owns: its resistors, diode and S2; how it reads a duty from the wire (its own table, written from the
standard and shared with nobody, so that a wrong table in the controller is found); how its charger
follows. Refuses to know: the station, its states, permits, contactors. It sees a wave on the pilot pin
and volts on L1..L3, and answers with resistance and current.

IEC 61851-1 Annex A: R2 = 2.74 kOhm (state B), R3 = 1.3 kOhm parallel through S2 (state C), 270 Ohm where
ventilation is required (state D); a new duty is obeyed within 5 s; the vehicle lets go after x1.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from hal.simulated.circuit import Diode, Load, Wire

FOREVER_US = 1_000_000
"""How far ahead a vehicle in a steady state may be stepped at once."""
RAMP_STEP_US = 10_000
LIVE_MV = 80_000
"""Below this voltage an on-board charger does not run."""
WAKE_US = 3_000_000
"""A sleeping vehicle wakes up after so long without a positive pilot (facts: state F pulse of 3 to 4 s)."""
PJ_PER_WH = 3_600_000_000_000_000


def offered_ma(duty_pm: int) -> int:
    """The current a duty on the wire allows, as a vehicle must read it (IEC 61851-1 Table A.8).

    0 where no current may be drawn: below 8 %, (3 % to 7 % ask for digital communication, which this
    vehicle does not have), above 97 %, and steady levels.
    """
    if duty_pm < 80 or duty_pm > 970:
        return 0
    if duty_pm < 100:
        return 6_000
    if duty_pm <= 850:
        return duty_pm * 60
    if duty_pm <= 960:
        return (duty_pm - 640) * 250
    return 80_000


@dataclass(slots=True)
class Vehicle:
    """One vehicle. The public fields may be set at any time; times in ms, currents in mA per phase.

    ``obey_ms``: a new duty is fully obeyed this long after it appeared (the standard allows 5000).
    ``stop_ms``: the current is zero this long after x1 or after the driver's stop.
    ``let_go_ms``: S2 opens this long after x1. ``energy_wanted_wh``: full after so much (None = never).
    ``asleep``: does not close S2 until the pilot has been away for 3 s (a pulse of state F).
    ``deaf``: not even then. ``sleeps_after_ms``: falls asleep after so long without an offer (None = never).
    ``s2_forced``: a test's hand on S2.
    """

    wants_charge: bool = True
    max_ma: int = 32_000
    phases: int = 3
    energy_wanted_wh: int | None = None
    ventilation: bool = False
    r2_ohm: int = 2740
    r3_ohm: int = 1300
    r3_ventilation_ohm: int = 270
    diode: Diode = Diode.OK
    diode_drop_mv: int = 700
    obey_ms: int = 3000
    stop_ms: int = 600
    s2_close_ms: int = 500
    let_go_ms: int = 1000
    asleep: bool = False
    deaf: bool = False
    sleeps_after_ms: int | None = None
    ignores_limit: bool = False
    ignores_x1: bool = False
    ignores_pilot: bool = False
    s2_forced: bool | None = None

    s2: bool = field(default=False, init=False)
    current_ma: tuple[int, int, int] = field(default=(0, 0, 0), init=False)
    _taken_pj: int = field(default=0, init=False)
    _offer_ma: int = field(default=0, init=False)
    _offer_at: int = field(default=0, init=False)  # since when something / nothing is offered
    _dark_at: int | None = field(default=None, init=False)
    _woken_at: int = field(default=0, init=False)
    _willing_at: int | None = field(default=None, init=False)
    _target_ma: int = field(default=0, init=False)
    _from_ma: int = field(default=0, init=False)
    _hold_until: int = field(default=0, init=False)
    _ramp_until: int = field(default=0, init=False)
    _due_us: int | None = field(default=None, init=False)
    _power_uw: int = field(default=0, init=False)

    # ------------------------------------------------------------------ what the world sees of it

    def load(self) -> Load:
        """Resistance and diode that it puts on the pilot now."""
        ohms = self.r2_ohm
        if self.s2:
            branch = self.r3_ventilation_ohm if self.ventilation else self.r3_ohm
            ohms = self.r2_ohm * branch // (self.r2_ohm + branch)
        return Load(ohms, self.diode, self.diode_drop_mv)

    @property
    def energy_taken_wh(self) -> int:
        """Energy taken since it was plugged in."""
        return self._taken_pj // PJ_PER_WH

    @property
    def full(self) -> bool:
        return self.energy_wanted_wh is not None and self._taken_pj >= self.energy_wanted_wh * PJ_PER_WH

    def plugged_in(self, now_us: int) -> None:
        """The plug has just gone in: a fresh visit, S2 open, no energy taken yet."""
        self._reset(now_us)
        self._taken_pj = 0

    def pulled_out(self, now_us: int) -> None:
        """The plug has just been pulled: S2 opens, no current can flow."""
        self._reset(now_us)

    def take(self, energy_pj: int) -> None:
        """It has taken so much energy (picojoules: mV times mA times us)."""
        self._taken_pj += energy_pj

    def horizon_us(self, now_us: int) -> int:
        """For how long it will not do anything new by itself, at least 1."""
        ahead = FOREVER_US
        if now_us < self._hold_until:
            ahead = self._hold_until - now_us
        elif now_us < self._ramp_until:
            ahead = min(RAMP_STEP_US, self._ramp_until - now_us)
        if self._due_us is not None:
            ahead = min(ahead, self._due_us - now_us)
        if self._power_uw and self.energy_wanted_wh is not None:
            left_pj = self.energy_wanted_wh * PJ_PER_WH - self._taken_pj
            if left_pj > 0:
                ahead = min(ahead, left_pj // self._power_uw + 1)
        return max(1, ahead)

    # ------------------------------------------------------------------ what it does

    def update(self, now_us: int, pilot: Wire, inlet_mv: tuple[int, int, int]) -> None:
        """Look at the pilot and at the volts on the inlet and act: sets ``s2`` and ``current_ma``."""
        self._due_us = None
        dark = pilot.high_mv < 1500
        self._watch_for_wake_up(now_us, dark)
        offer = 0 if dark else offered_ma(pilot.duty_pm)
        if (offer > 0) != (self._offer_ma > 0):
            self._offer_at = now_us
        self._offer_ma = offer
        self._watch_for_sleep(now_us, dark)
        willing = self.wants_charge and not self.full and not self.asleep
        if not willing:
            self._willing_at = None
        elif self._willing_at is None:
            self._willing_at = now_us
        self._move_s2(now_us, dark, offer, willing)
        self._follow(now_us, offer, willing, inlet_mv)

    def _watch_for_wake_up(self, now_us: int, dark: bool) -> None:
        if not dark:
            self._dark_at = None
            return
        if self._dark_at is None:
            self._dark_at = now_us
        if self.asleep and not self.deaf:
            if now_us - self._dark_at >= WAKE_US:
                self.asleep = False
                self._woken_at = now_us
            else:
                self._due(now_us, self._dark_at + WAKE_US)

    def _watch_for_sleep(self, now_us: int, dark: bool) -> None:
        if self.sleeps_after_ms is None or self._offer_ma or self.s2 or dark or self.asleep:
            return
        idle_since = max(self._offer_at, self._woken_at)
        self.asleep = self._due(now_us, idle_since + self.sleeps_after_ms * 1000)

    def _move_s2(self, now_us: int, dark: bool, offer: int, willing: bool) -> None:
        if self.s2_forced is not None:
            self.s2 = self.s2_forced
        elif not self.s2:
            if willing and offer and self._willing_at is not None:
                due = max(self._offer_at, self._willing_at) + self.s2_close_ms * 1000
                self.s2 = self._due(now_us, due)
        elif dark:
            self.s2 = not self._due(now_us, self._offer_at + 50_000)
        elif not willing:
            self.s2 = any(self.current_ma)
        elif not offer and not self.ignores_x1:
            self.s2 = not self._due(now_us, self._offer_at + self.let_go_ms * 1000)

    def _follow(self, now_us: int, offer: int, willing: bool, inlet_mv: tuple[int, int, int]) -> None:
        live = tuple(inlet_mv[n] >= LIVE_MV and n < self.phases for n in range(3))
        if not any(live) or not (self.s2 or self.ignores_pilot):
            self._settle_at(now_us, 0)
        else:
            self._aim(now_us, self._wish_ma(offer, willing))
        amount = self._ramp_ma(now_us)
        self.current_ma = (amount * live[0], amount * live[1], amount * live[2])
        self._power_uw = sum(v * i for v, i in zip(inlet_mv, self.current_ma, strict=True))

    def _wish_ma(self, offer: int, willing: bool) -> int:
        if self.ignores_pilot:
            return self.max_ma
        if not willing:
            return 0
        if not offer:
            return self._target_ma if self.ignores_x1 else 0
        return self.max_ma if self.ignores_limit else min(offer, self.max_ma)

    def _aim(self, now_us: int, target_ma: int) -> None:
        if target_ma == self._target_ma:
            return
        if target_ma and now_us < self._hold_until:  # still thinking about the last change
            self._target_ma = target_ma
            return
        moving = now_us < self._ramp_until  # it need not notice a second time
        self._from_ma = self._ramp_ma(now_us)
        self._target_ma = target_ma
        if target_ma == 0:
            self._hold_until = now_us
            self._ramp_until = now_us + self.stop_ms * 1000
        else:
            notice_us = 0 if moving else self.obey_ms * 1000 // 3
            self._hold_until = now_us + notice_us
            self._ramp_until = self._hold_until + self.obey_ms * 2000 // 3

    def _ramp_ma(self, now_us: int) -> int:
        if now_us >= self._ramp_until:
            return self._target_ma
        if now_us <= self._hold_until:
            return self._from_ma
        span = self._ramp_until - self._hold_until
        return self._from_ma + (self._target_ma - self._from_ma) * (now_us - self._hold_until) // span

    def _settle_at(self, now_us: int, current_ma: int) -> None:
        self._target_ma = self._from_ma = current_ma
        self._hold_until = self._ramp_until = now_us

    def _due(self, now_us: int, at_us: int) -> bool:
        """True once ``at_us`` has come; before that, remember to look again then."""
        if now_us >= at_us:
            return True
        self._due_us = at_us if self._due_us is None else min(self._due_us, at_us)
        return False

    def _reset(self, now_us: int) -> None:
        self.s2 = False
        self.current_ma = (0, 0, 0)
        self._power_uw = 0
        self._offer_ma = 0
        self._offer_at = now_us
        self._dark_at = self._willing_at = self._due_us = None
        self._settle_at(now_us, 0)
