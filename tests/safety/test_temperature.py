"""The ladder: up after a moment, down with hysteresis, a stop that has to cool, a sensor that is lost."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.safety import temperature
from controller.safety.temperature import Ladder, Rung, Temperature, blind, limit_ma, observe, too_hot

LADDER = Ladder("plug")
RATING_MA = 32_000


class Bench:
    """One sensor or more; ``to`` holds a value for so long, in steps of 100 ms."""

    def __init__(self, *ladders: Ladder) -> None:
        self.ladders = ladders or (LADDER,)
        self.state = temperature.initial(self.ladders)
        self.now_ms = 10_000

    def to(self, *degrees: float | None, ms: int = 2_000) -> Bench:
        values = tuple(None if one is None else round(one * 1000) for one in degrees)
        for _ in range(ms // 100):
            self.now_ms += 100
            self.state = observe(self.state, self.ladders, values, self.now_ms)
        return self

    @property
    def limit(self) -> int | None:
        return limit_ma(self.state, self.ladders, RATING_MA)


@pytest.mark.parametrize(
    ("degrees", "limit"),
    [(20, None), (64.9, None), (65, 16_000), (68, 8_000), (70.9, 8_000), (71, 0), (90, 0)],
)
def test_each_rung_from_cold(degrees: float, limit: int | None) -> None:
    bench = Bench().to(25).to(degrees)
    assert bench.limit == limit
    assert too_hot(bench.state) is (limit == 0)


def test_up_and_down_with_hysteresis() -> None:
    bench = Bench().to(60)
    seen = [bench.to(degrees).limit for degrees in (65, 66, 68, 66, 65.1, 65, 62.1, 62)]
    assert seen == [16_000, 16_000, 8_000, 8_000, 8_000, 16_000, 16_000, None]


def test_a_stop_has_to_cool_down_to_the_restart_temperature() -> None:
    bench = Bench().to(72)
    seen = [bench.to(degrees).limit for degrees in (70, 66, 62.1, 62)]
    assert seen == [0, 0, 0, None]


def test_a_spike_shorter_than_the_hold_time_costs_nothing() -> None:
    bench = Bench().to(25)
    for _ in range(10):
        assert bench.to(120, ms=1_400).limit is None
        assert bench.to(25, ms=200).limit is None


def test_never_below_what_can_be_offered() -> None:
    bench = Bench().to(69)
    assert limit_ma(bench.state, bench.ladders, 16_000) == 6_000
    assert limit_ma(bench.state, bench.ladders, 6_000) == 6_000


def test_the_warmest_sensor_decides() -> None:
    bench = Bench(LADDER, replace(LADDER, name="relay", stop_mdeg_c=85_000, derate_more_mdeg_c=80_000))
    assert bench.to(66, 70).limit == 16_000
    assert bench.state.hottest_mdeg_c == 70_000
    assert bench.to(69, 70).limit == 8_000
    assert bench.to(69, 86).limit == 0


def test_a_lost_sensor_stops_after_three_seconds_and_is_no_over_temperature() -> None:
    bench = Bench().to(30).to(None, ms=2_900)
    assert bench.limit is None and bench.state.lost == 0 and bench.state.hottest_mdeg_c == 30_000
    bench.to(None, ms=300)
    assert bench.limit == 0 and bench.state.lost == 1 and bench.state.hottest_mdeg_c is None
    assert blind(bench.state, bench.ladders) and not too_hot(bench.state)
    assert bench.to(30).limit is None and bench.state.lost == 0


def test_a_lost_sensor_may_cost_three_quarters_instead() -> None:
    bench = Bench(replace(LADDER, stop_when_lost=False)).to(30).to(None, ms=3_200)
    assert bench.limit == 8_000 and bench.state.lost == 1 and not blind(bench.state, bench.ladders)


def test_a_sensor_lost_when_it_said_stop_still_says_so() -> None:
    bench = Bench(replace(LADDER, stop_when_lost=False)).to(75).to(None, ms=3_200)
    assert bench.limit == 0 and too_hot(bench.state)


@pytest.mark.parametrize("nonsense", [-60, 151, 2_000])
def test_nonsense_is_no_answer(nonsense: float) -> None:
    bench = Bench().to(30).to(nonsense, ms=3_200)
    assert bench.state.lost == 1 and bench.limit == 0


def test_values_that_are_missing_altogether_are_no_answer() -> None:
    bench = Bench(LADDER, replace(LADDER, name="relay")).to(30, 30).to(30, ms=3_200)
    assert bench.state.lost == 1


def test_known_once_every_sensor_answered_or_is_lost() -> None:
    bench = Bench(LADDER, replace(LADDER, name="relay"))
    assert not bench.state.known
    assert not bench.to(30, None, ms=1_000).state.known
    assert bench.to(30, None, ms=2_500).state.known
    assert Temperature().known and limit_ma(Temperature(), (), RATING_MA) is None


def test_nothing_changes_nothing_is_made_new() -> None:
    bench = Bench().to(30)
    for value in (30_000, 30_000):
        assert observe(bench.state, bench.ladders, (value,), bench.now_ms + 100) is bench.state


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"stop_mdeg_c": 68_000}, "expected rising values"),
        ({"restart_mdeg_c": 65_000}, "expected rising values"),
        ({"stop_mdeg_c": 100_001}, "within 30000..100000"),
        ({"restart_mdeg_c": 29_000}, "within 30000..100000"),
        ({"hold_ms": 10_001}, "hold_ms: found 10001, expected 0..10000"),
        ({"lost_ms": 60_001}, "lost_ms: found 60001, expected 0..60000"),
    ],
)
def test_bounds(changes: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(LADDER, **changes)


@given(st.lists(st.none() | st.integers(-80_000, 200_000), max_size=60), st.booleans())
def test_whatever_comes_the_ladder_holds(values: list[int | None], stop_when_lost: bool) -> None:
    """Hot for the hold time means stop; a limit is 0 or may be offered; colder than restart means none."""
    ladders = (replace(LADDER, stop_when_lost=stop_when_lost),)
    state, now_ms = temperature.initial(ladders), 0
    for value in values:
        for _ in range(4):
            now_ms += 1_000
            state = observe(state, ladders, (value,), now_ms)
        limit = limit_ma(state, ladders, RATING_MA)
        assert limit is None or limit == 0 or 6_000 <= limit < RATING_MA
        if value is None or not -50_000 <= value <= 150_000:
            assert limit is not None and state.lost == 1
        elif value >= 71_000:
            assert limit == 0
        elif value <= 62_000:
            assert limit is None and state.sensors[0].rung is Rung.FREE
