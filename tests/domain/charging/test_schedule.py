"""One charging profile, and several on a stack, over time."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise
from random import Random
from zoneinfo import ZoneInfo

import pytest

from controller.csms.wire import parse_instant
from controller.domain.charging.profiles import ChargingProfile, Installed
from controller.domain.charging.schedule import start_ms, stretch
from controller.domain.charging.stack import Stack, Stacks
from tests.domain.profile_maker import DAY_S, MAX, T0_MS, TX, installed, profile


def limit_a(one: ChargingProfile, at_s: float, transaction_s: int | None = None) -> float | None:
    """What a profile allows so many seconds after T0, None = it does not apply."""
    begun_ms = None if transaction_s is None else T0_MS + transaction_s * 1000
    found = stretch(one, start_ms(installed(one), begun_ms), T0_MS + round(at_s * 1000))
    return None if found.period is None else found.period.limit_milli / 1000


def test_16_SC_08_before_valid_from_and_from_valid_to_on_a_profile_does_not_apply() -> None:
    one = profile(10, valid_from_s=100, valid_to_s=200)
    assert [limit_a(one, at_s) for at_s in (99.999, 100, 199.999, 200)] == [None, 10, 10, None]


def test_16_SC_09_a_tx_profile_may_have_validity() -> None:
    one = profile(10, purpose=TX, starts_s=None, valid_from_s=100, valid_to_s=200)
    assert [limit_a(one, at_s, 50) for at_s in (99, 100, 199, 200)] == [None, 10, 10, None]


def test_16_SC_12_periods_beyond_the_duration_are_left_out_and_the_last_holds_until_its_end() -> None:
    cut = profile(6, (100, 10), (200, 16), duration_s=150)
    assert [limit_a(cut, at_s) for at_s in (0, 99.999, 100, 149.999, 150, 250)] == [6, 6, 10, 10, None, None]
    held = profile(6, (100, 10), duration_s=1000)
    assert [limit_a(held, at_s) for at_s in (999.999, 1000)] == [10, None]
    assert limit_a(profile(6, (100, 10)), 10 * 365 * DAY_S) == 10, "without a duration for ever (1.6 7.13)"


def test_16_SC_13_a_recurrence_shorter_than_its_period_leaves_the_rest_open() -> None:
    one = profile(10, every="Daily", duration_s=3600)
    assert [limit_a(one, at_s) for at_s in (3599, 3600, DAY_S - 1, DAY_S, DAY_S + 3600)] == [
        10,
        None,
        None,
        10,
        None,
    ]


def test_16_SC_13_what_is_longer_than_the_recurrence_is_not_executed() -> None:
    one = profile(10, (DAY_S - 10, 12), (DAY_S + 10, 16), every="Daily", duration_s=2 * DAY_S)
    assert [limit_a(one, at_s) for at_s in (DAY_S - 11, DAY_S - 1, DAY_S, DAY_S + 20)] == [10, 12, 10, 10]


@pytest.mark.parametrize(("every", "days"), [("Daily", 1), ("Weekly", 7)])
def test_16_SC_14_it_recurs_at_the_time_of_start_schedule(every: str, days: int) -> None:
    starts_s = 8 * 3600 + 17
    one = profile(6, (60, 16), starts_s=starts_s, every=every)
    for cycle in (0, 1, 2, 53):
        begins_s = starts_s + cycle * days * DAY_S
        assert [limit_a(one, begins_s + at_s) for at_s in (0, 59.999, 60, days * DAY_S - 1)] == [6, 6, 16, 16]
    assert limit_a(one, starts_s - 1) is None, "nothing recurs before it began"


def test_16_SC_14_across_a_change_of_daylight_saving_time_a_day_has_24_hours() -> None:
    """Errata 3.79: every 24 hours. On Sunday 29 March 2026 at 01:00Z central Europe goes to summer time."""
    berlin = ZoneInfo("Europe/Berlin")
    one = profile(6, (3600, 16), every="Daily")
    schedule = one.schedule
    starts_ms = parse_instant("2026-03-28T08:00:00+01:00")
    object.__setattr__(schedule, "starts_at_ms", starts_ms)

    def limit(*wall: int) -> float | None:
        at_ms = round(datetime(*wall, tzinfo=berlin).timestamp() * 1000)  # type: ignore[misc,arg-type]
        period = stretch(one, starts_ms, at_ms).period
        return None if period is None else period.limit_milli / 1000

    assert [limit(2026, 3, 28, hour) for hour in (8, 9)] == [6, 16]
    assert [limit(2026, 3, 29, hour) for hour in (8, 9, 10)] == [16, 6, 16], "an hour later on the wall clock"
    again_ms = starts_ms + DAY_S * 1000
    assert datetime.fromtimestamp(again_ms / 1000, UTC).hour == 7
    assert stretch(one, starts_ms, again_ms - 1).until_ms == again_ms
    weekly = profile(6, (3600, 16), every="Weekly")
    assert stretch(weekly, starts_ms, starts_ms + 7 * DAY_S * 1000).period == weekly.schedule.periods[0]


def test_16_SC_15_absolute_recurring_and_relative_count_from_their_own_start() -> None:
    absolute = profile(6, (100, 10), starts_s=1000)
    assert [limit_a(absolute, at_s, 50) for at_s in (999, 1000, 1100)] == [None, 6, 10]
    recurring = profile(6, (100, 10), starts_s=1000, every="Daily")
    assert limit_a(recurring, DAY_S + 1100, 50) == 10
    relative = profile(6, (100, 10), starts_s=None)
    assert [limit_a(relative, at_s, 50) for at_s in (49, 50, 150)] == [None, 6, 10]
    assert limit_a(relative, 60) is None, "no transaction to count from"


def test_16_SC_15_absolute_without_start_schedule_counts_from_the_transaction() -> None:
    """1.6 7.13: "If absent the schedule will be relative to start of charging"."""
    one = profile(6, (100, 10))
    object.__setattr__(one.schedule, "starts_at_ms", None)
    assert [limit_a(one, at_s, 50) for at_s in (50, 150)] == [6, 10]


def test_16_SC_01_what_limits_the_station_counts_from_its_arrival_when_it_names_no_start() -> None:
    relative = profile(6, (100, 10), starts_s=None, purpose=MAX)
    assert [limit_a(relative, at_s) for at_s in (0, 100)] == [6, 10]
    assert [limit_a(relative, at_s, 90) for at_s in (0, 100)] == [6, 10]


def test_each_stretch_ends_where_something_changes() -> None:
    one = profile(6, (100, 10), (200, 16), duration_s=300, valid_from_s=50, valid_to_s=250)
    ends = []
    at_ms: int | None = T0_MS
    while at_ms is not None:
        at_ms = stretch(one, T0_MS, at_ms).until_ms
        ends.append(None if at_ms is None else (at_ms - T0_MS) // 1000)
    assert ends == [50, 100, 200, 250, None]


# ---------------------------------------------------------------------- several


def of(stack: Stack, at_s: int) -> tuple[int, float] | None:
    found = stack.at(T0_MS + at_s * 1000)
    if found.one is None or found.period is None:
        return None
    return found.one.profile.id, found.period.limit_milli / 1000


def stacked(*all_: Installed, evse_id: int = 1, transaction_id: str | None = "tx-1") -> Stack:
    stacks = Stacks()
    stacks.replace({one.profile.id: one for one in all_})
    return stacks.of_transaction(evse_id, transaction_id, T0_MS)


def test_16_SC_06_the_highest_level_that_is_valid_prevails() -> None:
    low = installed(profile(16, id_=1, level=0))
    high = installed(profile(10, id_=2, level=5, valid_from_s=100, valid_to_s=200))
    top = installed(profile(6, id_=3, level=9, starts_s=150, duration_s=10))
    stack = stacked(high, low, top)
    assert [of(stack, at_s) for at_s in (0, 100, 150, 160, 200)] == [
        (1, 16),
        (2, 10),
        (3, 6),
        (2, 10),
        (1, 16),
    ]


def test_16_SC_13_after_its_duration_a_recurring_profile_gives_way_to_a_lower_level_or_to_none() -> None:
    hour = installed(profile(6, id_=2, level=1, every="Daily", duration_s=3600))
    always = installed(profile(16, id_=1))
    assert [of(stacked(hour, always), at_s) for at_s in (0, 3600, DAY_S)] == [(2, 6), (1, 16), (2, 6)]
    assert of(stacked(hour), 3600) is None


def test_16_SC_02_a_default_of_the_connector_replaces_the_stations_there_only() -> None:
    everywhere = installed(profile(16, id_=1, level=3), 0)
    here = installed(profile(10, id_=2, level=3), 1)
    assert of(stacked(everywhere, here), 0) == (2, 10)
    assert of(stacked(everywhere, here, evse_id=2), 0) == (1, 16)
    lower = installed(profile(8, id_=3, level=0), 1)
    assert of(stacked(everywhere, lower), 0) == (3, 8), "whatever its stack level"


def test_16_SC_04_a_tx_profile_overrules_the_default_of_any_level_in_its_transaction() -> None:
    default = installed(profile(16, id_=1, level=9), 1)
    own = installed(profile(20, id_=2, level=0, purpose=TX, transaction_id="tx-1", duration_s=100), 1)
    assert [of(stacked(default, own), at_s) for at_s in (0, 100)] == [(2, 20), (1, 16)]
    assert of(stacked(default, own, transaction_id="tx-2"), 0) == (1, 16)
    assert of(stacked(default, own, transaction_id=None), 0) == (1, 16)


def some_profile(random: Random, id_: int) -> ChargingProfile:
    starts = sorted({0, *(random.randrange(2 * DAY_S) for _ in range(random.randrange(5)))})
    every = random.choice([None, "Daily", "Weekly"])
    return profile(
        *((start_s, random.randrange(33)) for start_s in starts),
        id_=id_,
        level=random.randrange(4),
        starts_s=None if every is None and random.random() < 0.3 else random.randrange(-2 * DAY_S, DAY_S),
        every=every,
        duration_s=random.choice([None, random.randrange(1, 2 * DAY_S)]),
        valid_from_s=random.choice([None, random.randrange(DAY_S)]),
        valid_to_s=random.choice([None, random.randrange(DAY_S, 2 * DAY_S)]),
    )


@pytest.mark.parametrize("seed", range(25))
def test_what_prevails_over_a_span_is_what_prevails_at_each_of_its_instants(seed: int) -> None:
    random = Random(seed)
    one = [installed(some_profile(random, id_), random.randrange(2)) for id_ in range(random.randrange(9))]
    pieces = stacked(*one).over(T0_MS, T0_MS + 2 * DAY_S * 1000)
    assert pieces[0].from_ms == T0_MS
    assert pieces[-1].to_ms == T0_MS + 2 * DAY_S * 1000
    for before, after in pairwise(pieces):
        assert before.to_ms == after.from_ms
    for piece in pieces:
        assert piece.to_ms is not None
        assert piece.from_ms < piece.to_ms
        for at_ms in (piece.from_ms, random.randrange(piece.from_ms, piece.to_ms), piece.to_ms - 1):
            found = stacked(*one).at(at_ms)
            assert (found.one, found.period) == (piece.one, piece.period)
            assert found.to_ms is None or found.to_ms > at_ms
    remembering = stacked(*one)
    for at_ms in range(T0_MS, T0_MS + 2 * DAY_S * 1000, 977_000):
        known, fresh = remembering.at(at_ms), stacked(*one).at(at_ms)
        assert (known.one, known.period) == (fresh.one, fresh.period), "memory never outlives a change"


def test_a_clock_that_is_set_back_is_followed() -> None:
    stack = stacked(installed(profile(6, (100, 16))))
    assert of(stack, 150) == (1, 16)
    assert of(stack, 50) == (1, 6)
