import pytest

from controller.safety.contactor import (
    Contactor,
    ContactorTimes,
    Phase,
    Trend,
    command,
    observe,
    trend_of,
    unseen,
)
from hal.simulated import power

TIMES = ContactorTimes()


def closing(at_ms: int = 10_000) -> Contactor:
    return command(Contactor(), True, False, False, at_ms, TIMES)


def closed() -> Contactor:
    return observe(closing(), True, 10_030, TIMES)


def opening(at_ms: int = 20_000) -> Contactor:
    return command(closed(), False, True, False, at_ms, TIMES)


def test_closes_when_rested_and_reads_open() -> None:
    state = closing()
    assert state.commanded and state.phase is Phase.CLOSING and state.operations == 1


def test_rests_before_it_is_closed_again() -> None:
    state = observe(opening(), False, 20_020, TIMES)
    assert command(state, True, False, False, 21_010, TIMES) is state
    assert command(state, True, False, False, 21_020, TIMES).commanded


def test_a_mirror_that_reads_closed_refuses_the_closing() -> None:
    state = Contactor()
    assert command(state, True, True, False, 10_000, TIMES) is state


def test_travel_times_are_measured() -> None:
    state = closed()
    assert state.phase is Phase.CLOSED and state.close_took_ms == 30
    state = observe(opening(), False, 20_025, TIMES)
    assert state.phase is Phase.OPEN and state.open_took_ms == 25


def test_without_a_mirror_commands_are_believed() -> None:
    state = observe(closing(), None, 10_010, TIMES)
    assert state.phase is Phase.CLOSED and state.close_took_ms is None
    state = observe(command(state, False, None, False, 11_000, TIMES), None, 11_010, TIMES)
    assert state.phase is Phase.OPEN and state.open_took_ms is None
    assert not observe(state, None, 99_000, TIMES).welded


def test_did_not_close_within_300_ms() -> None:
    state = observe(closing(), False, 10_299, TIMES)
    assert state.commanded and not state.did_not_close
    state = observe(state, False, 10_300, TIMES)
    assert not state.commanded and state.did_not_close and state.failures == 1 and not state.welded
    assert not observe(state, False, 10_310, TIMES).did_not_close, "seen once; the inhibit remembers"


def test_a_closed_contactor_that_drops_out_did_not_close() -> None:
    state = observe(closed(), False, 15_000, TIMES)
    assert state.commanded
    state = observe(state, False, 15_050, TIMES)
    assert not state.commanded and state.did_not_close


def test_a_short_bounce_of_the_mirror_is_forgotten() -> None:
    state = observe(closed(), False, 15_000, TIMES)
    state = observe(state, True, 15_040, TIMES)
    state = observe(state, False, 15_060, TIMES)
    assert observe(state, False, 15_100, TIMES).commanded


def test_welded_when_it_does_not_open_within_200_ms() -> None:
    state = observe(opening(), True, 20_199, TIMES)
    assert not state.welded
    state = observe(state, True, 20_200, TIMES)
    assert state.welded and not state.did_not_close and not state.commanded
    assert observe(state, True, 20_210, TIMES).welded
    state = observe(state, False, 25_000, TIMES)
    assert not state.welded and state.phase is Phase.OPEN


def test_welded_at_start() -> None:
    state = observe(Contactor(), True, 1_000, TIMES)
    assert not state.welded
    state = observe(state, True, 1_200, TIMES)
    assert state.welded
    assert not command(state, True, False, False, 9_000, TIMES).commanded
    assert not observe(state, False, 9_010, TIMES).welded


@pytest.mark.parametrize("state", [closing(), closed()], ids=["closing", "closed"])
def test_opening_is_immediate_in_every_phase(state: Contactor) -> None:
    assert not command(state, False, True, False, 10_031, TIMES).commanded


def test_openings_under_load_are_counted() -> None:
    assert command(closed(), False, True, True, 20_000, TIMES).openings_under_load == 1
    assert command(closed(), False, True, False, 20_000, TIMES).openings_under_load == 0


def test_failures_in_a_row_survive_a_closing_that_did_not_last() -> None:
    state = observe(closing(), False, 10_300, TIMES)
    state = observe(state, False, 10_310, TIMES)
    state = command(state, True, False, False, 80_000, TIMES)
    state = observe(state, True, 80_030, TIMES)
    assert state.phase is Phase.CLOSED and state.failures == 1
    state = observe(observe(state, False, 80_100, TIMES), False, 80_200, TIMES)
    assert state.failures == 2


def test_a_closing_that_ended_as_wished_forgets_the_failures() -> None:
    state = observe(closing(), False, 10_300, TIMES)
    state = observe(state, False, 10_310, TIMES)
    state = observe(command(state, True, False, False, 80_000, TIMES), True, 80_030, TIMES)
    assert command(state, False, True, False, 90_000, TIMES).failures == 0


def test_an_unread_mirror_stops_the_deadlines() -> None:
    state = unseen(opening(), 30_000)
    assert not observe(state, True, 30_100, TIMES).welded
    assert observe(state, True, 30_200, TIMES).welded
    assert unseen(closed(), 99_000).phase is Phase.CLOSED


@pytest.mark.parametrize("wrong", [{"close_ms": 5}, {"open_ms": 5_000}, {"attempts": 0}, {"rest_ms": -1}])
def test_times_outside_their_range_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"found .* expected"):
        ContactorTimes(**wrong)


def chattering(state: Contactor, first: bool, begin_ms: int, every_ms: int, times: int) -> list[Contactor]:
    """The mirror alternates; returns the state after each contradiction."""
    seen = []
    for number in range(times):
        at_ms = begin_ms + number * every_ms
        state = observe(state, first, at_ms, TIMES)
        seen.append(state)
        state = observe(state, not first, at_ms + 10, TIMES)
    return seen


def test_a_contactor_that_chatters_does_not_stay_closed() -> None:
    seen = chattering(closed(), False, 15_000, 40, 5)
    assert [state.commanded for state in seen] == [True, True, True, True, False]
    assert seen[-1].did_not_close and not seen[-1].welded and seen[-1].failures == 1


def test_drops_that_are_a_second_apart_are_no_chatter() -> None:
    assert all(state.commanded for state in chattering(closed(), False, 15_000, 260, 20))


def test_the_bounce_of_a_closing_contactor_is_no_chatter() -> None:
    state = closed()
    for at_ms, mirror in ((10_040, False), (10_050, True), (10_060, False), (10_070, True)):
        state = observe(state, mirror, at_ms, TIMES)
    assert state.phase is Phase.CLOSED and not state.did_not_close


def test_a_mirror_that_bounces_while_it_should_read_open_is_welded_at_the_fifth_contradiction() -> None:
    seen = chattering(Contactor(), True, 15_000, 30, 5)
    assert [state.welded for state in seen] == [False, False, False, False, True]


def test_a_mirror_that_bounces_in_the_moment_of_closing_refuses_that_moment_only() -> None:
    state = observe(Contactor(), True, 15_000, TIMES)
    assert command(state, True, True, False, 15_000, TIMES) is state
    state = observe(state, False, 15_010, TIMES)
    assert command(state, True, False, False, 15_010, TIMES).commanded


def test_the_weld_is_looked_for_again_before_each_closing() -> None:
    """Open for an hour, then the mirror reads closed: a contactor that fell shut is not commanded."""
    state = observe(opening(), False, 20_030, TIMES)
    state = observe(state, True, 3_600_000, TIMES)
    assert command(state, True, True, False, 3_600_000, TIMES) is state
    assert observe(state, True, 3_600_200, TIMES).welded


def test_travels_are_kept_as_a_trend_of_the_last_sixteen() -> None:
    state, now_ms = Contactor(), 10_000
    for number in range(20):
        state = command(state, True, False, False, now_ms, TIMES)
        state = observe(state, True, now_ms + 20 + number, TIMES)
        state = command(state, False, True, False, now_ms + 5_000, TIMES)
        state = observe(state, False, now_ms + 5_030, TIMES)
        now_ms += 10_000
    assert trend_of(state.close_travels_ms) == Trend(24, 31, 39, 16)
    assert trend_of(state.open_travels_ms) == Trend(30, 30, 30, 16)
    assert (state.close_took_ms, state.open_took_ms) == (39, 30)
    assert trend_of(()) is None


def test_a_travel_that_was_not_seen_whole_is_no_measurement() -> None:
    unread = observe(unseen(closing(), 10_020), True, 10_030, TIMES)
    assert unread.phase is Phase.CLOSED and unread.close_took_ms is None
    gave_up = observe(command(closing(), False, False, False, 10_020, TIMES), False, 10_030, TIMES)
    assert gave_up.open_took_ms is None, "it never was closed"
    dropped = observe(observe(closed(), False, 15_000, TIMES), False, 15_050, TIMES)
    assert observe(dropped, False, 15_060, TIMES).open_took_ms is None, "it had let go by itself"
    torn = observe(observe(opening(), True, 20_200, TIMES), False, 90_000, TIMES)
    assert torn.phase is Phase.OPEN and torn.open_took_ms is None, "a weld that tore is no travel"


@pytest.mark.parametrize(
    ("fault", "name"),
    [
        ("contactor_welded", "welded"),
        ("contactor_pole_welded", "welded"),
        ("mirror_stuck_closed", "welded"),
        ("contactor_does_not_close", "did not close"),
        ("mirror_stuck_open", "did not close"),
        ("contactor_slow", "welded"),
        ("none", "fine"),
    ],
)
def test_every_fault_of_a_contactor_gets_its_name_within_the_deadline(fault: str, name: str) -> None:
    """A contactor with travel, bounce and poles: closed for a second, then opened."""
    real = power.Contactor({fault})
    state = command(Contactor(), True, False, False, 10_000, TIMES)  # as if the fault came in this moment
    found: dict[str, int] = {}
    for now_ms in range(10_000, 13_000, 10):
        real.update(now_ms * 1_000)
        mirror = real.mirror_closed(now_ms * 1_000)
        if now_ms > 10_000:
            state = observe(state, mirror, now_ms, TIMES)
            state = command(state, now_ms < 11_000 and not found, mirror, False, now_ms, TIMES)
        real.drive(state.commanded, now_ms * 1_000)
        if state.welded:
            found.setdefault("welded", now_ms - 11_000)
        if state.did_not_close:
            found.setdefault("did not close", now_ms - 10_000)
    assert set(found) == ({name} - {"fine"})
    assert found.get("welded", 0) <= TIMES.open_ms and found.get("did not close", 0) <= TIMES.close_ms
    if fault == "none":
        assert (state.close_took_ms, state.open_took_ms) == (20, 20)
