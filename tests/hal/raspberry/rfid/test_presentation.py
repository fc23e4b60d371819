"""One presentation is one swipe."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hal.raspberry.rfid.presentation import ABSENT_S, REPEAT_S, Presentations


def swipes(*sightings: tuple[float, str]) -> list[float]:
    presentations = Presentations()
    return [now_s for now_s, uid in sightings if presentations.is_swipe(uid, now_s)]


def test_a_card_left_on_the_reader_is_one_swipe() -> None:
    assert swipes(*((tick * 0.05, "A") for tick in range(4000))) == [0.0]


def test_the_same_card_within_three_seconds_is_ignored() -> None:
    assert swipes((0.0, "A"), (1.5, "A"), (2.9, "A")) == [0.0]


def test_after_three_seconds_it_counts_again() -> None:
    assert swipes((0.0, "A"), (3.0, "A")) == [0.0, 3.0]


def test_absence_of_a_second_is_needed() -> None:
    stay = [(tick * 0.5, "A") for tick in range(21)]  # until 10 s
    assert swipes(*stay, (10.9, "A")) == [0.0]
    assert swipes(*stay, (11.0, "A")) == [0.0, 11.0]


def test_another_card_counts_at_once() -> None:
    assert swipes((0.0, "A"), (0.1, "B"), (0.2, "A")) == [0.0, 0.1]


def test_two_cards_in_the_field_are_two_swipes() -> None:
    assert swipes(*((tick * 0.1, "AB"[tick % 2]) for tick in range(500))) == [0.0, 0.1]


@given(st.lists(st.tuples(st.floats(0, 2), st.sampled_from("AB")), max_size=60))
def test_swipes_of_one_card_are_never_closer_than_the_rule(steps: list[tuple[float, str]]) -> None:
    presentations = Presentations()
    now_s = 0.0
    last_swipe: dict[str, float] = {}
    last_seen: dict[str, float] = {}
    for step_s, uid in steps:
        now_s += step_s
        if presentations.is_swipe(uid, now_s):
            assert uid not in last_swipe or now_s - last_swipe[uid] >= REPEAT_S
            assert uid not in last_seen or now_s - last_seen[uid] >= ABSENT_S
            last_swipe[uid] = now_s
        else:
            assert uid in last_swipe
            assert now_s - last_swipe[uid] < REPEAT_S or now_s - last_seen[uid] < ABSENT_S
        last_seen[uid] = now_s
