"""The self-test of the residual-current detector before every closing.

Owns: the sequence and its two deadlines. One pass entitles to one closing.
Refuses to know: when a test is wanted (``core`` does), pins.

Both edges are needed: the test output must make the detector signal a fault within ``trip_ms``, and the
signal must be gone within ``clear_ms`` after the output is released. A detector that never trips and one
that is stuck both fail. It only runs with the contactor open, so that its fault is not a trip.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class SelfTestPhase(IntEnum):
    NOT_PASSED = 0
    TRIPPING = 1  # test output active, waiting for the fault signal
    CLEARING = 2  # test output released, waiting for the signal to go
    PASSED = 3


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
class SelfTest:
    """``failed`` is true in the one step in which a test fails."""

    phase: SelfTestPhase = SelfTestPhase.NOT_PASSED
    since_ms: int = 0
    quiet_since_ms: int | None = None
    failed: bool = False

    @property
    def running(self) -> bool:
        return self.phase is SelfTestPhase.TRIPPING or self.phase is SelfTestPhase.CLEARING

    @property
    def passed(self) -> bool:
        return self.phase is SelfTestPhase.PASSED

    @property
    def output(self) -> bool:
        """Level of the detector's test input."""
        return self.phase is SelfTestPhase.TRIPPING


_IDLE = SelfTest()
_FAILED = SelfTest(failed=True)


def advance(state: SelfTest, wanted: bool, tripped: bool, now_ms: int, times: SelfTestTimes) -> SelfTest:
    """One step. ``wanted`` starts a test on a quiet detector; a running one is finished whatever happens."""
    elapsed = now_ms - state.since_ms
    match state.phase:
        case SelfTestPhase.NOT_PASSED:
            if wanted and not tripped:
                return SelfTest(SelfTestPhase.TRIPPING, now_ms)
            return _IDLE
        case SelfTestPhase.TRIPPING:
            if tripped:
                return SelfTest(SelfTestPhase.CLEARING, now_ms)
            return _FAILED if elapsed >= times.trip_ms else state
        case SelfTestPhase.CLEARING:
            if tripped:
                if elapsed >= times.clear_ms:
                    return _FAILED
                return (
                    state
                    if state.quiet_since_ms is None
                    else SelfTest(SelfTestPhase.CLEARING, state.since_ms)
                )
            if state.quiet_since_ms is None:
                return SelfTest(SelfTestPhase.CLEARING, state.since_ms, now_ms)
            if now_ms - state.quiet_since_ms >= times.quiet_ms:
                return SelfTest(SelfTestPhase.PASSED, now_ms)
            return state
        case SelfTestPhase.PASSED:
            return state


def spend(state: SelfTest) -> SelfTest:
    """The contactor has been opened: the pass is used up."""
    return _IDLE if state.phase is SelfTestPhase.PASSED else state
