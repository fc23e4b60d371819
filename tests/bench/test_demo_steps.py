from typing import Any

import pytest

from controller.bench.demo_station import Snapshot
from controller.bench.demo_steps import TOKEN, Step, Story, steps

STEPS = {step.name: step for step in steps()}


def seen(
    *, wire: dict[str, Any] | None = None, evse: dict[str, Any] | None = None, told: str = "", **more: Any
) -> Snapshot:
    """A charging moment, with changes."""
    return Snapshot(
        wire={
            "wire": {"duty_pm": 533, "high_mv": 6000, "low_mv": -12000},
            "contacts_closed": True,
            "current_ma": [16000, 16000, 16000],
            "energy_uwh": 500_000_000,
            "locked": True,
            **(wire or {}),
        },
        station={"safety": {"linked": True}, "csms": {"online": True}},
        evse={"pilot": "C2", "openings_under_load": 0, **(evse or {})},
        transactions=more.get("transactions", []),
        told=told,
        violations=more.get("violations", []),
    )


def transaction(**more: Any) -> dict[str, Any]:
    return {"id": "1", "token": TOKEN, "energy_wh": None, "stopped_reason": None, **more}


def step(text: str) -> Step:
    (found,) = [one for name, one in STEPS.items() if text in name]
    return found


def test_the_story_has_the_steps_of_a_session_each_with_an_expectation_and_a_deadline() -> None:
    assert len(STEPS) == 10
    for one in STEPS.values():
        assert one.expect and 0 < one.timeout_s <= 30


def test_charging_needs_closed_contacts_and_the_vehicles_current() -> None:
    check = step("it charges").seen
    assert check(seen(), Story())
    assert not check(seen(wire={"contacts_closed": False}), Story())
    assert not check(seen(wire={"current_ma": [9000, 9000, 9000]}), Story())


def test_a_card_starts_exactly_one_new_transaction_of_that_card() -> None:
    check = step("card").seen
    story = Story(transactions_before=1)
    old = transaction(id="0")
    assert not check(seen(transactions=[old]), story)
    assert not check(seen(transactions=[old, transaction(token="OTHER")]), story)
    assert not check(seen(transactions=[old, transaction(), transaction(id="2")]), story)
    assert check(seen(transactions=[old, transaction()]), story)
    assert story.transaction_id == "1"


@pytest.mark.parametrize(
    ("wire", "good"),
    [
        ({"wire": {"duty_pm": 167}, "current_ma": [10000] * 3}, True),
        ({"wire": {"duty_pm": 533}, "current_ma": [10000] * 3}, False),
        ({"wire": {"duty_pm": 167}, "current_ma": [16000] * 3}, False),
        ({"wire": {"duty_pm": 167}, "current_ma": [0] * 3}, False),
        ({"wire": {"duty_pm": 167}, "current_ma": [10000] * 3, "contacts_closed": False}, False),
    ],
)
def test_the_limit_is_seen_in_duty_and_current_with_the_contactor_closed(
    wire: dict[str, Any], good: bool
) -> None:
    assert step("limits it").seen(seen(wire=wire), Story()) is good


def test_a_stop_must_not_open_under_load_and_must_release_the_plug() -> None:
    check = step("stops it").seen
    story = Story(transaction_id="1")
    off = {"contacts_closed": False, "locked": False}
    ended = [transaction(stopped_reason="Remote")]
    assert check(seen(wire=off, transactions=ended), story)
    assert not check(seen(wire={**off, "locked": True}, transactions=ended), story)
    assert not check(seen(wire={**off, "contacts_closed": True}, transactions=ended), story)
    assert not check(seen(wire=off, transactions=[transaction(stopped_reason="Local")]), story)
    assert not check(seen(wire=off, transactions=ended, evse={"openings_under_load": 1}), story)


def test_the_bill_is_compared_with_the_worlds_own_meter() -> None:
    check = step("bill").seen
    story = Story(transaction_id="1", energy_before_wh=100.0)
    assert check(seen(transactions=[transaction(energy_wh=399)]), story)
    assert story.energy_seen_wh == 400.0
    assert not check(seen(transactions=[transaction(energy_wh=390)]), story)
    assert not check(seen(transactions=[transaction(energy_wh=None)]), story)
    assert not check(seen(transactions=[transaction(energy_wh=400)], violations=["x"]), story)
    assert "x" in story.notes
