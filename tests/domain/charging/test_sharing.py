"""What is for all EVSEs, divided."""

from __future__ import annotations

from random import Random

import pytest

from controller.domain.charging.sharing import LEAST_MA, Demand, allowed_ma, available_ma, shares


def demand(evse_id: int, cap_ma: int = 32_000, cost: int = 1, **more: int | bool) -> Demand:
    return Demand(evse_id, cap_ma, cost, **more)  # type: ignore[arg-type]


def test_equal_shares_and_what_one_cannot_take_is_for_the_others() -> None:
    assert shares(32_000, [demand(1), demand(2)]) == {1: 16_000, 2: 16_000}
    assert shares(32_000, [demand(1, 10_000), demand(2)]) == {1: 10_000, 2: 22_000}
    assert shares(32_000, [demand(1), demand(2, wants=False)]) == {1: 32_000, 2: 0}
    assert shares(32_000, [demand(1), demand(2, 0)]) == {1: 32_000, 2: 0}, "its profile says 0"
    assert shares(20_000, [demand(1, since_ms=9), demand(2, since_ms=1), demand(3, since_ms=5)]) == {
        1: 6_666,
        2: 6_666,
        3: 6_666,
    }


def test_too_little_for_all_is_for_those_who_came_first() -> None:
    both = [demand(1, since_ms=9), demand(2, since_ms=1)]
    assert shares(11_999, both) == {1: 0, 2: 11_999}
    assert shares(12_000, both) == {1: 6_000, 2: 6_000}
    assert shares(5_000, both) == {1: 0, 2: 5_000}, "of no use to a vehicle, and told as it is"
    assert shares(0, both) == {1: 0, 2: 0}


def test_a_vehicle_that_declines_keeps_the_least_and_goes_last() -> None:
    full = demand(1, since_ms=1, declined=True)
    assert shares(32_000, [full, demand(2, since_ms=2)]) == {1: 6_000, 2: 26_000}
    assert shares(10_000, [full, demand(2, since_ms=2)]) == {1: 0, 2: 10_000}
    assert available_ma(40_000, [full, demand(2, declined=True)], 1) == 6_000, "both may want it at once"


def test_watts_are_divided_by_the_phases_of_each() -> None:
    three, one = demand(1, cost=690), demand(2, cost=230)
    assert shares(11_040_000, [three, one]) == {1: 5_520_000, 2: 5_520_000}
    assert available_ma(11_040_000, [three, one], 1) == 8_000
    assert available_ma(11_040_000, [three, one], 2) == 24_000
    assert shares(5_000_000, [three, one]) == {1: 5_000_000, 2: 0}
    assert sum(shares(5_000_000, [three, one]).values()) <= 5_000_000


def test_nobody_is_raised_by_what_another_may_still_draw() -> None:
    draws = demand(1, offered_ma=32_000, occupied_ma=32_000)
    comes = demand(2, since_ms=1)
    assert allowed_ma(32_000, [draws, comes], 1) == 16_000, "lowered at once"
    assert allowed_ma(32_000, [draws, comes], 2) == 0
    followed = demand(1, offered_ma=16_000, occupied_ma=16_000)
    assert allowed_ma(32_000, [followed, comes], 2) == 16_000
    ending = demand(1, wants=False, occupied_ma=16_000)
    stays = demand(2, offered_ma=16_000, occupied_ma=16_000)
    assert allowed_ma(32_000, [ending, stays], 2) == 16_000, "neither lowered nor raised"
    assert allowed_ma(32_000, [demand(1, wants=False), stays], 2) == 32_000


@pytest.mark.parametrize("seed", range(200))
def test_16_SC_01_the_sum_is_never_above_the_limit(seed: int) -> None:
    random = Random(seed)
    cost_of = [random.choice([1, 1, 230, 690]) for _ in range(3)]
    if random.random() < 0.5:
        cost_of = [1, 1, 1]
    demands = [
        Demand(
            evse_id,
            random.randrange(40_000),
            cost_of[evse_id - 1],
            random.randrange(3),
            random.random() < 0.8,
            random.random() < 0.3,
        )
        for evse_id in (1, 2, 3)
    ]
    total = random.randrange(60_000) * max(cost_of)
    found = shares(total, demands)
    assert sum(found.values()) <= total
    taken = 0
    for one in demands:
        limit_ma = min(one.cap_ma, available_ma(total, demands, one.evse_id)) if one.wants else 0
        taken += limit_ma * one.cost if limit_ma >= LEAST_MA else 0
    assert taken <= total


@pytest.mark.parametrize("seed", range(30))
def test_16_SC_01_the_sum_of_what_vehicles_draw_is_never_above_the_limit_while_it_is_shared_anew(
    seed: int,
) -> None:
    """Vehicles follow a lowered offer after up to 5 s, a raised one at once; EVSEs come and go."""
    random = Random(seed)
    total, adapt = 40_000, 5
    offered = {1: 0, 2: 0, 3: 0}
    before: dict[int, list[int]] = {evse_id: [] for evse_id in offered}
    wants = dict.fromkeys(offered, False)
    for _second in range(300):
        for evse_id in wants:
            if random.random() < 0.05:
                wants[evse_id] = not wants[evse_id]
        draws = {evse_id: max([offered[evse_id], *before[evse_id][-adapt:]]) for evse_id in offered}
        assert sum(draws.values()) <= total
        demands = [
            Demand(
                evse_id, 32_000, 1, 0, wants[evse_id], False, offered_ma=offered[evse_id], occupied_ma=drawn
            )
            for evse_id, drawn in draws.items()
        ]
        for evse_id in offered:
            before[evse_id].append(offered[evse_id])
            limit_ma = allowed_ma(total, demands, evse_id) if wants[evse_id] else 0
            offered[evse_id] = min(32_000, limit_ma) if limit_ma >= LEAST_MA else 0
