"""All 90 changes between A1 A2 B1 B2 C1 C2 D1 D2 E F, driven through the core with volts.

The rig's wire is watched on every tick of every case: a change of the digit that the table says this
controller never makes must not appear.
"""

from __future__ import annotations

from collections import Counter
from itertools import permutations

import pytest

from controller.safety.config import SafetyConfig
from controller.safety.pilot import Pilot, is_pwm
from controller.safety.transitions import CHANGES, STATES, Action, Change, Maker
from tests.safety.rig import Rig

VENTILATED = SafetyConfig(evse_id=1, rating_ma=32_000, has_residual_current=True, ventilation=True)
PLAIN = SafetyConfig(evse_id=1, rating_ma=32_000, has_residual_current=True)
TABLE = {(change.before, change.after): change for change in CHANGES}
CLOSABLE = ("C1", "D1")


def wire_state(rig: Rig, duty_pm: int) -> str:
    """What a person with an oscilloscope sees."""
    if rig.vehicle == "E":
        return "E"
    if duty_pm == 0:
        return "F"
    return rig.vehicle + ("2" if is_pwm(duty_pm) else "1")


class Watched(Rig):
    """A rig whose wire is watched."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.seen: Counter[tuple[str, str]] = Counter()
        self.check = lambda rig: self.judge()
        self._last = ""
        self._uncovered_ms = self._a2_ms = 0

    def judge(self) -> None:
        state = wire_state(self, self.outputs.duty_pm)
        if self._last not in ("", state):
            self.seen[self._last, state] += 1
            assert TABLE[self._last, state].made, f"{self._last} to {state}"
        self._last = state
        self._a2_ms = self._a2_ms + self.step_ms if state == "A2" else 0
        assert self._a2_ms <= 20, "9.3: PWM ends as soon as it is seen that nobody is there"
        closed_wrongly = self.closed and self.vehicle not in ("C", "D")
        if self.closed and self.vehicle == "D" and not self.config.ventilation:
            closed_wrongly = True
        self._uncovered_ms = self._uncovered_ms + self.step_ms if closed_wrongly else 0
        assert self._uncovered_ms <= 50, "the rest of the 100 ms belongs to the contactor"

    def step(self, permit: object = None) -> None:
        before = wire_state(self, self.outputs.duty_pm)
        if self._last not in ("", before):  # the vehicle moved between two ticks
            self.seen[self._last, before] += 1
            self._last = before
        super().step(permit)  # type: ignore[arg-type]


def reach(state: str, closed: bool, config: SafetyConfig) -> Watched:
    """A rig that stands in ``state``."""
    rig = Watched(config)
    if state == "F":
        rig.unavailable, rig.lease_ma = True, 0
        rig.idle()
    elif state == "A1":
        rig.idle()
    elif state in ("C2", "D2") or closed:
        rig.charging(16_000)
        rig.vehicle = state[0]
        rig.run(1_000)
        if state.endswith("1"):
            rig.lease_ma = 0
            rig.renew()
            rig.run(100)
    else:
        rig.idle()
        rig.vehicle = "B"
        rig.run(500)
        if state in ("B2", "A2", "E"):
            rig.lease_ma = 16_000
            rig.run(2_000)
        rig.vehicle = state[0]
        rig.run({"A2": 10, "E": 500}.get(state, 1_000))
    return rig


def go(rig: Watched, change: Change) -> None:
    """Make the change in one moment; from now on the controller says nothing more."""
    rig.lease_ma = None
    rig.unavailable = False
    if change.after == "F":
        if rig.vehicle == "A":
            rig.unavailable = True
            rig.step(rig.permit(0, 30_000))
        else:
            rig.tripped = True
            rig.step()
        return
    if change.after == "E":
        rig.vehicle = "E"
        rig.step()
        return
    rig.vehicle = change.after[0]
    rig.step(rig.permit(16_000 if change.after.endswith("2") else 0, 30_000))


def judge_contactor(rig: Watched, change: Change, closed: bool) -> None:
    """Let the consequences come and compare them with the table."""
    match change.action:
        case Action.STAYS_OPEN:
            for _ in range(1_000):
                assert not rig.closed
                rig.step()
        case Action.OPENS:
            rig.until(lambda rig: not rig.closed, 50)
            for _ in range(200):
                rig.step()
                assert not rig.closed
        case Action.CLOSES:
            rig.until(lambda rig: rig.closed and rig.state.offered_ma > 0, 3_020)
        case Action.LETS_GO:
            rig.run(5_900)
            assert rig.closed and rig.outputs.duty_pm == 1000
            rig.until(lambda rig: not rig.closed, 200)
            assert rig.state.contactor.openings_under_load == 1
        case Action.KEEPS:
            for _ in range(200):
                rig.step()
                assert rig.closed is closed
        case Action.RECOVERS:
            assert rig.until(lambda rig: rig.closed, 6_000) > 2_000


CASES = [
    (change, closed)
    for change in CHANGES
    for closed in ((False, True) if change.before in CLOSABLE else (change.before in ("C2", "D2"),))
]


def name(case: tuple[Change, bool]) -> str:
    change, closed = case
    number = change.sequence.replace(", ", "_").replace(".", "_") or "none"
    return f"IEC_{number}-{change.before}-{change.after}-{'closed' if closed else 'open'}"


@pytest.mark.parametrize("case", CASES, ids=name)
def test_every_change_does_to_the_contactor_what_the_table_says(case: tuple[Change, bool]) -> None:
    change, closed = case
    rig = reach(change.before, closed, VENTILATED)
    assert rig.closed is closed
    go(rig, change)
    judge_contactor(rig, change, closed)


@pytest.mark.parametrize("case", CASES, ids=name)
def test_every_change_on_a_station_without_ventilation(case: tuple[Change, bool]) -> None:
    """D is a fault there: ``Watched`` asserts that nothing stays closed in D, and nothing closes."""
    change, closed = case
    rig = reach(change.before, closed, PLAIN)
    if change.before[0] == "D":
        assert not rig.closed and rig.inhibits == {"VENTILATION_REQUIRED"}
        assert rig.outputs.duty_pm == 1000, "D2 is not held"
    go(rig, change)
    rig.run(400)
    if change.after[0] == "D":
        assert not rig.closed and rig.outputs.duty_pm in (0, 1000)
    rig.run(10_000)
    if change.after == "C2" and change.before[0] in "BCDE":
        assert rig.closed, "no replug needed"


def test_the_table_is_complete() -> None:
    assert [(change.before, change.after) for change in CHANGES] == list(permutations(STATES, 2))
    assert len(CHANGES) == 90


def test_every_sequence_of_table_a6_is_in_the_table_or_is_a_change_of_current() -> None:
    numbers = {one for change in CHANGES for one in change.sequence.split(", ")}
    with_halves = {f"{one}.{half}" for one in (1, 2, 3, 8, 9, 10) for half in (1, 2)}
    table_a6 = {*with_halves, "4", "5", "6", "7", "9.3", "11", "12"}
    # 5 (the current begins to flow) and 6 (the duty changes) happen within C2.
    assert table_a6 - numbers == {"5", "6"}
    assert numbers - table_a6 == {""}


def test_one_moment_for_letter_and_digit_is_no_sequence_and_everything_else_is_legal() -> None:
    for change in CHANGES:
        if change.maker is Maker.BOTH:
            assert not change.legal and not change.sequence
        elif change.before != "F":
            assert change.legal
    unnumbered = {(one.before, one.after) for one in CHANGES if one.legal and not one.sequence}
    ventilation = {("C1", "D1"), ("D1", "C1"), ("C2", "D2"), ("D2", "C2")}
    assert unnumbered == {("A1", "A2")} | ventilation


def test_IEC_12_after_f_and_e_the_station_never_begins_with_pwm() -> None:
    never = {(one.before, one.after) for one in CHANGES if not one.made}
    assert never == {(before, f"{letter}2") for before in "EF" for letter in "ABCD"}


def test_IEC_9_3_A2_lasts_no_longer_than_it_takes_to_see_that_nobody_is_there() -> None:
    rig = reach("B2", False, PLAIN)
    rig.vehicle = "A"
    rig.until(lambda rig: rig.outputs.duty_pm == 1000, 30)
    assert rig.pilot is Pilot.A and rig.seen["A2", "A1"] == 1


def test_every_legal_change_of_the_station_is_seen_on_the_wire_of_some_case() -> None:
    """The watch would prove nothing if the changes never came."""
    seen: Counter[tuple[str, str]] = Counter()
    for change, closed in CASES:
        rig = reach(change.before, closed, VENTILATED)
        go(rig, change)
        rig.run(4_000)
        seen += rig.seen
    for change in CHANGES:
        if change.maker is Maker.STATION and change.made:
            assert seen[change.before, change.after], f"{change.before} to {change.after}"
