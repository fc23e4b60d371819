"""The residual-current detector: its self-test before every closing, and what a trip costs.

Owns: the sequence of the test and its two deadlines (one pass entitles to one closing), and the retry budget
of a trip. Refuses to know: when a test is wanted (``core`` does), pins.

Both edges are needed: the test output must make the detector signal a fault within ``trip_ms``, and the
signal must be gone within ``clear_ms`` after the output is released. A detector that never trips and one
that is stuck both fail. The test only runs with the contactor open, so that its fault is not a trip; a
detector that stays active after its test has failed it and has not tripped.

A trip opens at once, always. Whether charging is tried again without a person is a budget of the
installation: none by default. A trip right after closing (the fault is there and waits for mains) is never
retried. What the budget does not cover is latched until somebody unplugs or resets.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum


class SelfTestPhase(IntEnum):
    NOT_PASSED = 0
    TRIPPING = 1  # test output active, waiting for the fault signal
    CLEARING = 2  # test output released, waiting for the signal to go
    PASSED = 3
    STUCK = 4  # the signal did not go: failed, and waiting for it all the same


@dataclass(frozen=True, slots=True)
class SelfTestTimes:
    """Deadlines in ms: fault on within ``trip_ms``, off within ``clear_ms``, and then quiet for ``quiet_ms``.

    Quiet, because a bouncing relay contact after the test must not look like a trip.
    """

    trip_ms: int = 1_000
    clear_ms: int = 2_000
    quiet_ms: int = 50

    def __post_init__(self) -> None:
        if (
            not 10 <= self.trip_ms <= 1_000
            or not 10 <= self.clear_ms <= 2_000
            or not 0 <= self.quiet_ms <= 500
        ):
            raise ValueError(
                f"residual-current test: found trip_ms {self.trip_ms}, clear_ms {self.clear_ms}, "
                f"quiet_ms {self.quiet_ms}, expected 10..1000, 10..2000 and 0..500"
            )


@dataclass(frozen=True, slots=True)
class RetryBudget:
    """``retries`` 0..6 per plug-in, each ``wait_ms`` (one minute to one hour) after the signal has gone.

    ``hard_ms``: a trip within this time after the contactor has closed is never retried.
    """

    retries: int = 0
    wait_ms: int = 300_000
    hard_ms: int = 2_000

    def __post_init__(self) -> None:
        for name, low, high in (
            ("retries", 0, 6),
            ("wait_ms", 60_000, 3_600_000),
            ("hard_ms", 2_000, 60_000),
        ):
            if not low <= getattr(self, name) <= high:
                raise ValueError(
                    f"residual-current {name}: found {getattr(self, name)}, expected {low}..{high}"
                )


@dataclass(frozen=True, slots=True)
class SelfTest:
    """``void``: the detector was not seen all the time, so that the end of this test is no pass."""

    phase: SelfTestPhase = SelfTestPhase.NOT_PASSED
    since_ms: int = 0
    quiet_since_ms: int | None = None
    void: bool = False

    @property
    def running(self) -> bool:
        """The detector's signal comes, or may come, from the test."""
        return self.phase is not SelfTestPhase.NOT_PASSED and self.phase is not SelfTestPhase.PASSED

    @property
    def passed(self) -> bool:
        return self.phase is SelfTestPhase.PASSED

    @property
    def failed(self) -> bool:
        """The test has just failed, or the detector still shows it."""
        return self.phase is SelfTestPhase.STUCK

    @property
    def output(self) -> bool:
        """Level of the detector's test input."""
        return self.phase is SelfTestPhase.TRIPPING


_IDLE = SelfTest()


def advance(state: SelfTest, wanted: bool, tripped: bool, now_ms: int, times: SelfTestTimes) -> SelfTest:
    """One step. ``wanted`` starts a test on a quiet detector; a running one is finished whatever happens."""
    elapsed = now_ms - state.since_ms
    match state.phase:
        case SelfTestPhase.NOT_PASSED:
            return SelfTest(SelfTestPhase.TRIPPING, now_ms) if wanted and not tripped else _IDLE
        case SelfTestPhase.TRIPPING:
            if tripped and elapsed <= times.trip_ms:
                return SelfTest(SelfTestPhase.CLEARING, now_ms)
            return state if elapsed < times.trip_ms else SelfTest(SelfTestPhase.STUCK, now_ms)
        case SelfTestPhase.CLEARING:
            in_time = elapsed < times.clear_ms or (elapsed == times.clear_ms and not tripped)
            if not in_time and state.quiet_since_ms is None:
                return SelfTest(SelfTestPhase.STUCK, now_ms)
            state = _listen(state, tripped, now_ms)
            if not _quiet(state, now_ms, times):
                return state
            return _IDLE if state.void else SelfTest(SelfTestPhase.PASSED, now_ms)
        case SelfTestPhase.STUCK:
            # For ``clear_ms`` even a dead detector stays here: an answer that comes too late is no trip.
            state = _listen(state, tripped, now_ms)
            return _IDLE if elapsed >= times.clear_ms and _quiet(state, now_ms, times) else state
        case SelfTestPhase.PASSED:
            return state


def _listen(state: SelfTest, tripped: bool, now_ms: int) -> SelfTest:
    if tripped:
        return state if state.quiet_since_ms is None else replace(state, quiet_since_ms=None)
    return state if state.quiet_since_ms is not None else replace(state, quiet_since_ms=now_ms)


def _quiet(state: SelfTest, now_ms: int, times: SelfTestTimes) -> bool:
    return state.quiet_since_ms is not None and now_ms - state.quiet_since_ms >= times.quiet_ms


def unseen(state: SelfTest, now_ms: int) -> SelfTest:
    """The detector could not be read: a pass is gone, a running test is let run out and is no pass."""
    if not state.running:
        return _IDLE
    if state.phase is SelfTestPhase.STUCK:
        return state if state.quiet_since_ms is None else replace(state, quiet_since_ms=None)
    return SelfTest(SelfTestPhase.CLEARING, now_ms, void=True)


def spend(state: SelfTest) -> SelfTest:
    """The contactor has been opened: the pass is used up."""
    return _IDLE if state.phase is SelfTestPhase.PASSED else state


@dataclass(frozen=True, slots=True)
class Trips:
    """The trips of this plug-in. ``hard``: one of them came right after closing. ``quiet_since_ms``: since
    when the signal of the last one is gone, None = it is not, or there was none."""

    count: int = 0
    hard: bool = False
    quiet_since_ms: int | None = None


_NO_TRIPS = Trips()


def count(
    trips: Trips,
    tripped: bool,
    new: bool,
    closed_for_ms: int | None,
    over: bool,
    now_ms: int,
    budget: RetryBudget,
) -> Trips:
    """Take in the detector. ``new``: no earlier trip is still waiting, so that this one counts.

    ``closed_for_ms``: how long the contactor has been closed, None = it is open. ``over``: nobody is
    connected, or somebody looked and asked for a reset.
    """
    if tripped:
        if not new:
            return trips if trips.quiet_since_ms is None else replace(trips, quiet_since_ms=None)
        hard = closed_for_ms is not None and closed_for_ms < budget.hard_ms
        return Trips(trips.count + 1, trips.hard or hard)
    if over or trips.count == 0:
        return _NO_TRIPS
    return trips if new or trips.quiet_since_ms is not None else replace(trips, quiet_since_ms=now_ms)


def retry_at_ms(trips: Trips, budget: RetryBudget) -> int | None:
    """When the last trip is forgiven without a person, None = it is not."""
    if trips.quiet_since_ms is None or trips.hard or trips.count > budget.retries:
        return None
    return trips.quiet_since_ms + budget.wait_ms
