"""Every time of the pilot as one named table, with the sequence numbers of IEC 61851-1:2017 Table A.6.

Owns: the names, the numbers, the bounds and the promise each one keeps. ``config.PilotTimes`` takes its
defaults and its bounds from here, ``docs/safety.md`` prints this table, and the tests are named after it.
Refuses to know: how a time is kept (``core`` and its modules do), any clock.

The clause numbers are those that the field uses (see ``hardware/``); they are to be compared with the bought
standard before a certification.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timing:
    """One time. All in ms.

    ``sequence``: of Table A.6, or the table it comes from; "own" where the standard has none.
    ``demand``: what is demanded, in words. ``low_ms``..``high_ms``: what a configuration may choose;
    ``value_ms``: what it gets without a choice. ``setting``: the part of ``SafetyConfig`` and its field that
    hold it; empty = it follows from others and cannot be chosen.
    """

    name: str
    sequence: str
    demand: str
    value_ms: int
    low_ms: int
    high_ms: int
    setting: str
    note: str

    def check(self, found_ms: int) -> None:
        """Raises ``ValueError`` when a configuration leaves the bounds."""
        if not self.low_ms <= found_ms <= self.high_ms:
            raise ValueError(
                f"{self.setting.replace('.', ' ')}: found {found_ms}, expected {self.low_ms}.."
                f"{self.high_ms} ms: {self.demand}"
            )


OPENING = Timing(
    "opening after the vehicle let go",
    "2.2, 8.1, 8.2",
    "mains off within 100 ms after C or D became A or B",
    20,
    20,
    50,
    "",
    "command at the second equal evaluation, at the fifth if the pilot flaps; the contactor adds 20 to 50 ms",
)
SUPPLY = Timing(
    "supply after the vehicle asks",
    "4",
    "mains on within 3 s after B2 became C2",
    310,
    210,
    510,
    "",
    "`more_power_ms` (300) and the tick; a vehicle's pause of less than `rest_ms` (1 s) adds the rest of it",
)
PROOF = Timing(
    "PWM proven before closing",
    "3.2",
    "mains on within 3 s after C1 became C2",
    100,
    20,
    1_000,
    "pilot.proof_ms",
    "wave, duty and diode seen on the wire for so long",
)
STEADY = Timing(
    "x1 before PWM again",
    "9.2",
    "at least 3 s of x1 after PWM before PWM again",
    3_000,
    3_000,
    60_000,
    "pilot.steady_ms",
    "also after a start and after state F, but for the one of a wake-up pulse",
)
LET_GO = Timing(
    "forced opening after x1 in C or D",
    "10.1, 10.2",
    "the vehicle has 3 s to let go; after 6 s the contactor is opened all the same",
    6_000,
    3_000,
    6_000,
    "pilot.let_go_ms",
    "counted as an opening under load",
)
DUTY_CHANGE = Timing(
    "duty changes",
    "6",
    "at least 5 s apart: the vehicle has 5 s to follow; a falling limit is told at once",
    5_000,
    5_000,
    60_000,
    "pilot.raise_every_ms",
    "a rising limit waits for 5 s since the last change in either direction",
)
FAULT_PULSE = Timing(
    "state F after a fault",
    "12, Table A.5",
    "at least 300 ms of state F",
    300,
    300,
    4_000,
    "pilot.fault_pulse_ms",
    "once per fault, then x1; F for any other reason is no shorter",
)
SETTLE = Timing(
    "the wire follows the generator",
    "own",
    "no doubt is counted while the wire may still show the old digit",
    40,
    0,
    50,
    "pilot.settle_ms",
    "with the patience of the debouncer within the 100 ms of sequence 8",
)
WRONG_DUTY = Timing(
    "wrong duty on the wire",
    "own",
    "another duty than the commanded one is a fault",
    100,
    20,
    1_000,
    "pilot.wrong_duty_ms",
    "",
)
BLIND = Timing(
    "out of sight",
    "own",
    "a vehicle that was not seen for so long counts as another one",
    3_000,
    500,
    10_000,
    "pilot.blind_ms",
    "the station's own wake-up pulse is added",
)
WAKING = Timing(
    "start of the board",
    "own",
    "so long the first answer of the board may take",
    1_000,
    0,
    5_000,
    "pilot.waking_ms",
    "",
)
WAKE_AFTER = Timing(
    "PWM without an answer",
    "own",
    "a vehicle that sleeps is woken after 30 s in B2",
    30_000,
    10_000,
    600_000,
    "wake_up.after_ms",
    "once per offer, see Sleeping vehicles",
)
WAKE_PAUSE = Timing(
    "x1 before a wake-up pulse",
    "9.2",
    "at least 3 s of x1 after PWM",
    3_000,
    3_000,
    60_000,
    "wake_up.pause_ms",
    "a vehicle that asks for current now is not pulsed",
)
WAKE_PULSE = Timing(
    "wake-up pulse of state F",
    "own",
    "at least 4 s of state F",
    4_000,
    4_000,
    5_000,
    "wake_up.pulse_ms",
    "cut short when a fault or the end of the permit comes, never below 300 ms",
)
WAKE_READY = Timing(
    "x1 after a wake-up pulse",
    "own",
    "0.5 to 1 s of x1 between the pulse and PWM",
    750,
    500,
    1_000,
    "wake_up.ready_ms",
    "",
)
WAKE_GIVE_UP = Timing(
    "PWM after a wake-up pulse",
    "own",
    "10 s for the vehicle to ask, then it is left alone in B2",
    10_000,
    5_000,
    60_000,
    "wake_up.give_up_ms",
    "the offer stands: a vehicle that wakes up later is charged",
)

NEVER_MS = 0
"""A wake-up "after" so long means: never."""

TIMINGS = (
    OPENING,
    SUPPLY,
    PROOF,
    STEADY,
    LET_GO,
    DUTY_CHANGE,
    FAULT_PULSE,
    SETTLE,
    WRONG_DUTY,
    BLIND,
    WAKING,
    WAKE_AFTER,
    WAKE_PAUSE,
    WAKE_PULSE,
    WAKE_READY,
    WAKE_GIVE_UP,
)
"""All of them, in the order in which ``docs/safety.md`` prints them."""
