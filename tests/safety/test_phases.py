"""The phase switch: never under load, after the dead time, believed by its feedback, not too often."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from controller.safety.phases import Phases, PhaseTimes, advance, observe


@dataclass
class Bench:
    """A switch with a travel time; ``run`` steps every 10 ms."""

    times: PhaseTimes = field(default_factory=PhaseTimes)
    state: Phases = field(default_factory=Phases)
    three: bool | None = None
    vacant: bool = False
    at_rest: bool = True
    has_feedback: bool = True
    stuck: bool = False
    position: bool = False
    now_ms: int = 1_000_000
    moves: list[int] = field(default_factory=list)

    def run(self, ms: int) -> Phases:
        for _ in range(ms // 10):
            self.now_ms += 10
            moved = self.state.moved_ms
            if not self.stuck and moved is not None and self.now_ms - moved >= 30:
                self.position = self.state.three
            self.state = observe(
                self.state, self.position if self.has_feedback else None, self.now_ms, self.times
            )
            before = self.state.three
            self.state = advance(self.state, self.three, self.vacant, self.at_rest, self.now_ms, self.times)
            if self.state.three is not before:
                assert self.at_rest, "never under load"
                self.moves.append(self.now_ms)
        return self.state


def test_a_start_takes_the_switch_as_it_finds_it() -> None:
    bench = Bench(position=True, three=True)
    bench.run(20)
    assert bench.state.three
    assert bench.state.settled(closed=False)
    assert bench.moves == []


def test_it_starts_with_one_phase_and_stays_without_a_wish() -> None:
    bench = Bench()
    assert bench.run(60_000) == Phases(rested_ms=1_000_010, ready=True)


def test_the_dead_time_counts_from_the_open_contactor() -> None:
    bench = Bench(three=True, at_rest=False)
    assert bench.run(30_000).pending and not bench.moves
    bench.at_rest = True
    begin_ms = bench.now_ms
    assert bench.run(5_000).pending and not bench.moves
    state = bench.run(20)
    assert bench.moves == [begin_ms + 5_010] and not state.pending and not state.ready
    assert bench.run(40).ready


def test_an_opening_that_did_not_last_starts_the_dead_time_again() -> None:
    bench = Bench(three=True)
    bench.run(4_000)
    bench.at_rest = False
    bench.run(10)
    bench.at_rest = True
    bench.run(4_990)
    assert not bench.moves
    bench.run(50)
    assert len(bench.moves) == 1


def test_nobody_connected_no_dead_time() -> None:
    bench = Bench(three=True, vacant=True)
    bench.run(500)
    assert not bench.moves
    bench.run(100)
    assert len(bench.moves) == 1 and bench.state.to_three_ms is None and bench.state.ready


def test_one_to_three_not_more_often_than_the_pause_but_three_to_one_at_once() -> None:
    bench = Bench(PhaseTimes(to_three_every_ms=60_000), three=True)
    bench.run(6_000)
    first_ms = bench.moves[0]
    bench.three = False
    bench.run(6_000)
    assert len(bench.moves) == 2
    bench.three = True
    state = bench.run(1_000)
    assert not state.pending and state.ready, "charging goes on with one phase meanwhile"
    bench.run(60_000)
    assert len(bench.moves) == 3 and bench.moves[2] - first_ms >= 60_000


def test_a_wish_taken_back_within_the_dead_time_moves_nothing() -> None:
    bench = Bench(three=True)
    bench.run(3_000)
    bench.three = False
    assert not bench.run(10_000).pending and not bench.moves


def test_a_stuck_switch_is_a_fault_until_it_follows() -> None:
    bench = Bench(three=True, stuck=True)
    bench.run(5_400)
    assert not bench.state.fault and not bench.state.ready
    assert bench.run(200).fault
    bench.stuck = False
    state = bench.run(100)
    assert state.ready and not state.fault


def test_the_wish_for_the_position_where_it_is_stuck_ends_the_fault() -> None:
    bench = Bench(three=True, stuck=True)
    assert bench.run(6_000).fault
    bench.three = False
    state = bench.run(1_000)
    assert state.ready and not state.fault


def test_a_bounce_of_the_feedback_costs_nothing_a_lost_position_is_a_fault() -> None:
    bench = Bench(three=True)
    bench.run(6_000)
    bench.three, bench.stuck, bench.position = None, True, False
    assert bench.run(400).ready
    bench.position = True
    assert bench.run(20).ready
    bench.position = False
    state = bench.run(600)
    assert state.fault and not state.ready


def test_without_feedback_it_is_believed_after_its_travel_time() -> None:
    bench = Bench(three=True, has_feedback=False)
    bench.run(5_100)
    assert bench.moves and not bench.state.ready
    assert bench.run(500).ready


@pytest.mark.parametrize("name", ["dead_ms", "travel_ms", "to_three_every_ms"])
def test_bounds(name: str) -> None:
    with pytest.raises(ValueError, match=f"phases {name}: found -1, expected"):
        PhaseTimes(**{name: -1})
    with pytest.raises(ValueError, match=r"dead_ms: found 4999, expected 5000\.\.60000"):
        PhaseTimes(dead_ms=4_999)
