from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest

from controller.domain.charging.random_delay import (
    POWER,
    SCHEDULE,
    Delay,
    RandomDelay,
    Scheduled,
    begin,
    changed_by_clock,
    follow,
    held_ma,
    remaining_ms,
)

CHEAP, DEAR = Scheduled(("tx", (1, 5)), 32_000), Scheduled(("tx", (1, 5)), 6_000)
OTHER = Scheduled(("tx", (1, 9)), 32_000)


def ten(most: int) -> int:
    return min(10, most)


def never(_most: int) -> int:
    raise AssertionError("nothing is drawn")


def test_the_clock_changed_it_only_if_nobody_chose_anew() -> None:
    assert changed_by_clock(RandomDelay(DEAR), CHEAP)
    assert not changed_by_clock(RandomDelay(DEAR), DEAR)
    assert not changed_by_clock(RandomDelay(DEAR), OTHER)
    assert not changed_by_clock(RandomDelay(), CHEAP)


@pytest.mark.parametrize(("before", "after"), [(DEAR, CHEAP), (CHEAP, DEAR)])
def test_a_boundary_is_put_off_up_and_down(before: Scheduled, after: Scheduled) -> None:
    state = RandomDelay(before)
    assert held_ma(state, after, 0, 600) == before.limit_ma, "not even the moment before it was looked at"
    step = follow(state, after, 0, 600, ten)
    assert step.begun == Delay(SCHEDULE, before.limit_ma, 0, 10_000)
    state = RandomDelay(step.accepted, step.begun)
    assert held_ma(state, after, 9_999, 600) == before.limit_ma
    assert held_ma(state, after, 10_000, 600) is None
    assert follow(state, after, 9_999, 600, never).ended is None
    assert follow(state, after, 10_000, 600, never).ended == "its time is over"


def test_a_new_profile_ends_it_at_once() -> None:
    state = RandomDelay(CHEAP, Delay(SCHEDULE, 6_000, 0, 10_000))
    assert held_ma(state, OTHER, 1, 600) is None
    assert follow(state, OTHER, 1, 600, never).ended == "a new charging profile"
    assert follow(RandomDelay(DEAR), OTHER, 1, 600, never).begun is None


def test_a_second_boundary_does_not_begin_it_anew() -> None:
    state = RandomDelay(CHEAP, Delay(SCHEDULE, 6_000, 0, 10_000))
    step = follow(state, replace(CHEAP, limit_ma=16_000), 5_000, 600, never)
    assert (step.begun, step.ended) == (None, None)
    assert held_ma(state, replace(CHEAP, limit_ma=16_000), 5_000, 600) == 6_000


def test_the_end_of_the_transaction_ends_it() -> None:
    step = follow(RandomDelay(CHEAP, Delay(SCHEDULE, 6_000, 0, 10_000)), None, 1, 600, never)
    assert (step.accepted, step.ended) == (None, "the transaction is over")


def test_off_means_off() -> None:
    assert held_ma(RandomDelay(DEAR), CHEAP, 0, 0) is None
    assert follow(RandomDelay(DEAR), CHEAP, 0, 0, never).begun is None
    assert begin(POWER, 0, 0, 600, lambda _most: 0) is None


def test_a_clock_that_jumped_back_does_not_make_it_longer() -> None:
    delay = Delay(POWER, 0, 1_000_000, 1_500_000)
    assert remaining_ms(delay, 0, 600) == 600_000
    assert remaining_ms(delay, 1_400_000, 600) == 100_000
    assert remaining_ms(delay, 9_000_000, 600) == 0


def test_delays_are_spread_over_the_whole_range() -> None:
    random = Random(7)
    drawn = [begin(POWER, 0, 0, 1800, lambda most: random.randint(0, most)) for _ in range(3_000)]
    seconds = [one.until_ms // 1000 for one in drawn if one is not None]
    assert min(seconds) >= 1
    assert max(seconds) <= 1800
    assert max(seconds) - min(seconds) > 1750
    assert 800 < sum(seconds) / len(seconds) < 1000
