"""The clock is set while things happen: what was noted before gets its true time."""

from __future__ import annotations

from dataclasses import replace

from controller.domain.access.tokens import IdToken
from controller.domain.charging.profiles import (
    ChargingProfile,
    ChargingSchedule,
    ProfileKind,
    ProfilePurpose,
    RateUnit,
    SchedulePeriod,
)
from controller.domain.commands import InstallProfile, RemoteStart, RemoteStop
from controller.domain.events import (
    ClockSet,
    DelayBegun,
    Event,
    MachineStarted,
    MeterValuesTaken,
    SecurityEvent,
    SessionStarted,
    TransactionEnded,
    TransactionStarted,
)
from controller.domain.inputs import PolicyChanged, Tick
from controller.domain.station import Station, replay
from controller.domain.timekeeping import MOST_RUNS
from tests.domain.conftest import POLICY, Hand

HOUR_MS = 3_600_000
YEAR_MS = 365 * 24 * HOUR_MS
TRUE_MS = 1_767_225_600_000


def boot(hand: Hand, boot_id: str, utc_ms: int, mono_ms: int = 20_000) -> None:
    """The machine starts, and its clock says this."""
    hand.utc_ms, hand.mono_ms = utc_ms, mono_ms
    outcome = hand.station.start("1", "PowerUp", hand.now, boot_id=boot_id)
    hand.events.extend(outcome.events)


def set_clock(hand: Hand, utc_ms: int) -> ClockSet:
    hand.utc_ms = utc_ms
    hand.give(Tick())
    event = hand.of(ClockSet)[-1]
    assert isinstance(event, ClockSet)
    return event


def start(hand: Hand) -> None:
    hand.plug()
    hand.read()
    hand.give(RemoteStart(IdToken("TAG1"), 1))
    hand.charge()


def test_16_CORE_65_before_the_first_setting_all_of_this_run_is_moved(hand: Hand) -> None:
    boot(hand, "b1", TRUE_MS - YEAR_MS)
    book = hand.station.timekeeping
    noted = (hand.utc_ms, hand.mono_ms)
    hand.sleep(3600)
    event = set_clock(hand, hand.utc_ms + YEAR_MS)
    assert (event.step_ms, event.corrects, event.boot_id) == (YEAR_MS, True, "b1")
    assert book.wrong_by_ms("b1", *noted) == YEAR_MS
    assert book.wrong_by_ms("b1", hand.utc_ms, hand.mono_ms) == 0, "what follows is right"
    assert book.wrong_by_ms("b0", *noted) == 0, "of another run nothing is known"


def test_later_settings_move_only_what_drift_cannot_explain(hand: Hand) -> None:
    boot(hand, "b1", TRUE_MS)
    book = hand.station.timekeeping
    set_clock(hand, hand.utc_ms + HOUR_MS)
    hand.sleep(10)
    drifted = (hand.utc_ms, hand.mono_ms)
    assert not set_clock(hand, hand.utc_ms + 4_000).corrects
    assert book.wrong_by_ms("b1", *drifted) == 0
    hand.sleep(10)
    wrong = (hand.utc_ms, hand.mono_ms)
    assert set_clock(hand, hand.utc_ms - HOUR_MS).corrects, "the CSMS told an hour too much at first"
    assert book.wrong_by_ms("b1", *wrong) == -HOUR_MS


def test_a_run_without_any_clock_is_carried_by_the_next_setting(hand: Hand) -> None:
    boot(hand, "b1", 1_000_000)
    early = (hand.utc_ms, hand.mono_ms)
    hand.sleep(100)
    boot(hand, "b2", hand.utc_ms)  # not before what the journal has
    hand.sleep(10)
    set_clock(hand, TRUE_MS)
    book = hand.station.timekeeping
    at_ms = early[0] + book.wrong_by_ms("b1", *early)
    assert at_ms == TRUE_MS - 110_000, "as if the machine had not been off"


def test_a_run_with_a_plausible_clock_that_nobody_checked_stands_as_told(hand: Hand) -> None:
    boot(hand, "b1", TRUE_MS - YEAR_MS)
    early = (hand.utc_ms, hand.mono_ms)
    hand.sleep(100)
    boot(hand, "b2", hand.utc_ms)
    set_clock(hand, TRUE_MS)
    assert hand.station.timekeeping.wrong_by_ms("b1", *early) == 0


def test_16_CORE_58_begin_and_end_in_the_transaction_data_have_true_times(hand: Hand) -> None:
    """The clock is set in the middle of a transaction: its end tells of the beginning, too."""
    boot(hand, "b1", 5_000)
    start(hand)
    hand.sleep(600)
    set_clock(hand, TRUE_MS)
    (noted,) = hand.of(TransactionStarted)
    assert isinstance(noted, TransactionStarted) and noted.at_ms < HOUR_MS, "the journal stays as it was"
    (transaction,) = [evse.transaction for evse in hand.station.evses.values()]
    assert transaction is not None and transaction.started.at_ms == TRUE_MS - 600_000
    hand.sleep(60)
    hand.give(RemoteStop(transaction.id))
    hand.sleep(1, tick=False)
    hand.let_go()
    (ended,) = hand.of(TransactionEnded)
    assert isinstance(ended, TransactionEnded)
    assert [one.at_ms for one in ended.samples] == [TRUE_MS - 600_000, ended.at_ms]


def test_an_end_before_the_setting_is_moved_with_all_of_its_samples(hand: Hand) -> None:
    boot(hand, "b1", 5_000)
    start(hand)
    hand.sleep(60)
    hand.unplug()
    at = (hand.utc_ms, hand.mono_ms)
    hand.sleep(60)
    set_clock(hand, TRUE_MS)
    (ended,) = hand.of(TransactionEnded)
    true = hand.station.timekeeping.dated(ended, "b1", *at)
    assert isinstance(true, TransactionEnded)
    assert [one.at_ms for one in true.samples] == [TRUE_MS - 120_000, TRUE_MS - 60_000]
    assert true.at_ms == TRUE_MS - 60_000


def test_a_transaction_of_an_earlier_run_keeps_its_own_true_time(hand: Hand) -> None:
    boot(hand, "b1", TRUE_MS)
    start(hand)
    began_ms = hand.utc_ms
    hand.sleep(60)
    boot(hand, "b2", hand.utc_ms)
    hand.sleep(60)
    at_ms = hand.utc_ms
    set_clock(hand, hand.utc_ms + HOUR_MS)
    (transaction,) = [evse.transaction for evse in hand.station.evses.values()]
    assert transaction is not None and transaction.started.at_ms == began_ms
    assert at_ms - began_ms == 120_000


def test_values_and_security_events_are_dated_too(hand: Hand) -> None:
    hand.give(PolicyChanged(replace(POLICY, aligned_interval_s=900)))
    boot(hand, "b1", 5_000)
    hand.sleep(901)
    (taken,) = hand.of(MeterValuesTaken)
    assert isinstance(taken, MeterValuesTaken)
    at = (taken.at_ms, hand.mono_ms - (hand.utc_ms - taken.at_ms))
    set_clock(hand, hand.utc_ms + YEAR_MS * 56)
    assert len(hand.of(MeterValuesTaken)) == 1, "a jump is no boundary of an interval"
    true = hand.station.timekeeping.dated(taken, "b1", *at)
    assert isinstance(true, MeterValuesTaken)
    assert true.sample.at_ms == taken.sample.at_ms + 56 * YEAR_MS
    event = hand.station.timekeeping.dated(SecurityEvent("X", "", at[0]), "b1", *at)
    assert event.at_ms == at[0] + 56 * YEAR_MS


def test_a_relative_profile_counts_on_over_a_setting(hand: Hand) -> None:
    boot(hand, "b1", 5_000)
    start(hand)
    periods = (SchedulePeriod(0, 16_000), SchedulePeriod(3600, 8_000))
    relative = ChargingProfile(
        1, 0, ProfilePurpose.TX, ProfileKind.RELATIVE, ChargingSchedule(RateUnit.A, periods)
    )
    hand.give(InstallProfile(1, relative))
    hand.sleep(60)
    set_clock(hand, TRUE_MS)
    assert hand.limit_ma() == 16_000, "56 years have not passed for the transaction"
    hand.sleep(3541)
    assert hand.limit_ma() == 8_000


def test_a_random_delay_lasts_as_long_as_it_was_drawn(hand: Hand) -> None:
    hand.give(PolicyChanged(replace(POLICY, random_delay_max_s=600, auth_enabled=False)))
    boot(hand, "b1", 5_000)
    hand.plug()
    hand.charge()
    (begun,) = hand.of(DelayBegun)
    assert isinstance(begun, DelayBegun) and begun.until_ms - begun.at_ms == 600_000
    hand.sleep(300)
    set_clock(hand, TRUE_MS)
    assert hand.limit_ma() == 0, "300 s are left"
    hand.sleep(299)
    assert hand.limit_ma() == 0
    hand.sleep(2)
    assert hand.limit_ma() == 20_000


def test_statuses_and_faults_get_their_true_time(hand: Hand) -> None:
    boot(hand, "b1", 5_000)
    hand.plug()
    hand.facts("B", inhibits=(("ground-fault", hand.mono_ms),))
    hand.station.views(hand.now)
    hand.sleep(50)
    set_clock(hand, TRUE_MS)
    assert [view.changed_at_ms for view in hand.station.views(hand.now)][1] == TRUE_MS - 50_000
    assert list(hand.station.evses[1].keeper.faults.values()) == [TRUE_MS - 50_000]
    session = hand.station.evses[1].visit.session
    assert isinstance(session, SessionStarted) and session.at_ms == TRUE_MS - 50_000


def test_the_record_survives_restarts_and_checkpoints_and_stays_small(hand: Hand) -> None:
    for number in range(MOST_RUNS + 10):
        boot(hand, f"b{number}", hand.utc_ms, 10_000)
        set_clock(hand, hand.utc_ms + HOUR_MS)
        hand.sleep(2, tick=False)
        set_clock(hand, hand.utc_ms + 5_000)
        set_clock(hand, hand.utc_ms + 7_000)

    def copy(events: list[Event]) -> Station:
        station = Station(hand.specs, POLICY, hand.book, lambda: "never")
        replay(station, events)
        return station

    live = hand.station.checkpoint()
    assert copy(hand.events).checkpoint() == live
    assert copy(live).checkpoint() == live
    last = f"b{MOST_RUNS + 9}"
    assert copy(live).timekeeping.offset_ms(last) == hand.utc_ms - hand.mono_ms
    assert copy(live).timekeeping.wrong_by_ms(last, hand.utc_ms - HOUR_MS - 14_000, 10_000) != 0
    assert len([one for one in live if isinstance(one, MachineStarted)]) == MOST_RUNS
