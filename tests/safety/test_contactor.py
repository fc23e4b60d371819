import pytest

from controller.safety.contactor import Contactor, ContactorTimes, Phase, command, observe, unseen

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
