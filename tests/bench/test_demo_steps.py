from typing import Any

import pytest

from controller.bench.demo_station import Snapshot
from controller.bench.demo_steps import TOKEN, Step, Story, steps

STEPS = {step.name: step for step in steps("2.0.1")}
STEPS_16 = {step.name: step for step in steps("1.6")}


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
        firmware=more.get("firmware", ""),
        firmware_statuses=more.get("firmware_statuses", []),
        refused=more.get("refused", []),
    )


def transaction(**more: Any) -> dict[str, Any]:
    return {
        "id": "1",
        "token": TOKEN,
        "energy_wh": None,
        "stopped_reason": None,
        "reservation_id": None,
        **more,
    }


def step(text: str) -> Step:
    (found,) = [one for name, one in STEPS.items() if text in name]
    return found


def test_1_6_adds_a_reservation_its_refusal_the_composite_schedule_and_new_firmware() -> None:
    assert list(STEPS_16)[1:3] == [f"the CSMS reserves EVSE 1 for {TOKEN}", "another card is refused"]
    assert [name for name in STEPS_16 if name in STEPS] == list(STEPS)
    assert len(STEPS_16) == len(STEPS) + 4


def test_the_refused_card_leaves_the_reservation_as_it_is() -> None:
    check = STEPS_16["another card is refused"].seen
    assert check(seen(told="Reserved", refused=["0badcafe"]), Story())
    assert not check(seen(told="Reserved"), Story())
    assert not check(seen(told="Available", refused=["0BADCAFE"]), Story())
    assert not check(seen(told="Reserved", refused=["0BADCAFE"], transactions=[transaction()]), Story())


def test_a_reserved_start_has_to_name_its_reservation() -> None:
    check = step("card is tapped").seen
    assert not check(seen(transactions=[transaction(reservation_id=None)]), Story(reserved=True))
    assert check(seen(transactions=[transaction(reservation_id=1)]), Story(reserved=True))


def test_new_firmware_has_to_go_through_every_step_and_show_after_the_restart() -> None:
    check = STEPS_16["the CSMS installs firmware 99.0.0"].seen
    told = ["Downloading", "Downloaded", "Installing", "Installed"]
    assert check(seen(firmware="99.0.0", firmware_statuses=told), Story())
    assert not check(seen(firmware="0.1.0", firmware_statuses=told), Story())
    assert not check(seen(firmware="99.0.0", firmware_statuses=told[:3]), Story())
    assert not check(seen(firmware="99.0.0", firmware_statuses=told), Story(firmware_told=4)), "an old update"


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
