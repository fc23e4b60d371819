"""The station by hand: sessions, tokens, remote commands, stops, limits, replay."""

from __future__ import annotations

from dataclasses import replace

import pytest

from controller.domain.access.tokens import AuthorizationStatus, IdToken, TokenInfo
from controller.domain.charging.profiles import (
    ChargingProfile,
    ChargingSchedule,
    ProfileFilter,
    ProfileKind,
    ProfilePurpose,
    RateUnit,
    SchedulePeriod,
)
from controller.domain.commands import (
    ChangeAvailability,
    ClearCache,
    ClearProfiles,
    DataTransfer,
    InstallProfile,
    RemoteStart,
    RemoteStop,
    Reset,
    ResetKind,
    Status,
    TriggerKind,
    TriggerMessage,
    UnlockConnector,
)
from controller.domain.effects import AskAuthorize, ForgetTokens, ReadMeter, Restart, Send, Settled
from controller.domain.events import (
    AvailabilityChanged,
    ChargingState,
    FaultCleared,
    FaultRaised,
    MeterValuesTaken,
    SessionEnded,
    SessionStarted,
    StoppedReason,
    TokenLearned,
    TokenRefused,
    TransactionEnded,
    TransactionStarted,
    TransactionStopping,
    TransactionUpdated,
    Trigger,
)
from controller.domain.inputs import (
    AuthorizeAnswered,
    CsmsChanged,
    MeterFailed,
    PolicyChanged,
    SafetyLost,
    StorageChanged,
    Tick,
    TransactionAnswered,
)
from controller.domain.metering.measurands import ReadingContext
from controller.domain.station import Station, replay
from controller.domain.why import reasons
from tests.domain.conftest import POLICY, Hand

ACCEPTED = TokenInfo(AuthorizationStatus.ACCEPTED)
TAG = IdToken("TAG1")


def profile(
    limit_a: float,
    purpose: ProfilePurpose = ProfilePurpose.TX,
    id_: int = 1,
    stack: int = 0,
    starts_at_ms: int | None = None,
) -> ChargingProfile:
    return ChargingProfile(
        id=id_,
        stack_level=stack,
        purpose=purpose,
        kind=ProfileKind.ABSOLUTE,
        schedule=ChargingSchedule(
            RateUnit.A, (SchedulePeriod(0, round(limit_a * 1000)),), starts_at_ms=starts_at_ms
        ),
    )


def start(hand: Hand, evse_id: int = 1) -> TransactionStarted:
    """Plug in, start remotely, charge."""
    hand.plug(evse_id)
    hand.read(evse_id)
    assert hand.give(RemoteStart(TAG, evse_id)).status is Status.ACCEPTED
    hand.charge(evse_id)
    started = hand.of(TransactionStarted)[-1]
    assert isinstance(started, TransactionStarted)
    return started


def test_16_CORE_47_cable_first_then_tag_starts_a_transaction(hand: Hand) -> None:
    hand.book.cache[TAG.key] = ACCEPTED
    hand.plug()
    hand.read()
    hand.swipe("TAG1")
    (started,) = hand.of(TransactionStarted)
    assert isinstance(started, TransactionStarted)
    assert started.trigger is Trigger.AUTHORIZED
    assert started.register_wh == 5_000
    assert started.offline
    assert started.samples[0].context is ReadingContext.TRANSACTION_BEGIN


def test_16_CORE_47_tag_first_then_cable_starts_a_transaction(hand: Hand) -> None:
    hand.book.cache[TAG.key] = ACCEPTED
    hand.swipe("tag1")  # 16.CORE.21: compared without case
    assert not hand.of(TransactionStarted)
    hand.sleep(5)
    hand.plug()
    (started,) = hand.of(TransactionStarted)
    assert isinstance(started, TransactionStarted)
    assert started.trigger is Trigger.CABLE_PLUGGED_IN


def test_16_CORE_45_no_plug_within_the_time_out_cancels_the_authorization(hand: Hand) -> None:
    hand.book.cache[TAG.key] = ACCEPTED
    hand.swipe("TAG1")
    hand.sleep(59)
    assert hand.station.views(hand.now)[1].authorized
    hand.sleep(1)
    assert not hand.station.views(hand.now)[1].authorized
    hand.plug()
    assert not hand.of(TransactionStarted)


def test_16_CORE_16_unknown_tag_online_is_asked_of_the_csms(hand: Hand) -> None:
    hand.online()
    hand.plug()
    hand.read()
    hand.swipe("TAG1")
    (ask,) = [effect for effect in hand.effects if isinstance(effect, AskAuthorize)]
    assert not hand.of(TransactionStarted)
    hand.give(AuthorizeAnswered(ask.ask_id, ACCEPTED))
    assert len(hand.of(TransactionStarted)) == 1
    assert hand.of(TokenLearned) == [TokenLearned(TAG, ACCEPTED, hand.utc_ms)]


def test_16_CORE_23_a_refused_tag_does_not_start(hand: Hand) -> None:
    hand.online()
    for status in ("BLOCKED", "EXPIRED", "INVALID", "CONCURRENT_TX"):
        hand.plug()
        hand.swipe("TAG1")
        ask = [effect for effect in hand.effects if isinstance(effect, AskAuthorize)][-1]
        hand.give(AuthorizeAnswered(ask.ask_id, TokenInfo(AuthorizationStatus[status])))
        assert isinstance(hand.of(TokenRefused)[-1], TokenRefused)
        hand.unplug()
    assert not hand.of(TransactionStarted)


def test_an_unanswered_question_is_decided_as_offline(hand: Hand) -> None:
    hand.give(PolicyChanged(replace(POLICY, offline_tx_for_unknown_id=True)))
    hand.online()
    hand.plug()
    hand.swipe("TAG1")
    hand.sleep(31)
    assert len(hand.of(TransactionStarted)) == 1


def test_16_CORE_17_the_starting_tag_stops_without_asking(hand: Hand) -> None:
    hand.online()
    started = start(hand)
    hand.register_wh += 1_500
    hand.effects.clear()
    hand.swipe("TAG1")
    assert not [effect for effect in hand.effects if isinstance(effect, AskAuthorize)]
    assert hand.limit_ma() == 0
    assert not hand.of(TransactionEnded), "power goes first"
    hand.sleep(1, tick=False)
    hand.let_go()
    (ended,) = hand.of(TransactionEnded)
    assert isinstance(ended, TransactionEnded)
    assert ended.transaction_id == started.transaction_id
    assert ended.stopped_reason is StoppedReason.LOCAL
    assert ended.register_wh == 6_500
    assert [one.context for one in ended.samples] == [
        ReadingContext.TRANSACTION_BEGIN,
        ReadingContext.TRANSACTION_END,
    ]


def test_16_CORE_18_same_parent_stops_and_16_CORE_20_another_does_not(hand: Hand) -> None:
    group = IdToken("FLEET")
    hand.book.cache[TAG.key] = TokenInfo(AuthorizationStatus.ACCEPTED, group=group)
    hand.book.cache["tag2"] = TokenInfo(AuthorizationStatus.ACCEPTED, group=IdToken("OTHER"))
    hand.book.cache["tag3"] = TokenInfo(AuthorizationStatus.ACCEPTED, group=group)
    hand.plug()
    hand.swipe("TAG1")
    hand.charge()
    assert hand.swipe("TAG2").status is Status.REJECTED
    assert not hand.of(TransactionStopping)
    hand.swipe("TAG3")
    (stopping,) = hand.of(TransactionStopping)
    assert isinstance(stopping, TransactionStopping)
    assert stopping.token == IdToken("TAG3")


def test_16_CORE_25_26_27_offline_policies(hand: Hand) -> None:
    hand.book.cache["known"] = ACCEPTED
    hand.book.list["bad"] = TokenInfo(AuthorizationStatus.BLOCKED)
    hand.book.list["old"] = TokenInfo(AuthorizationStatus.ACCEPTED, expires_at_ms=1)
    hand.give(PolicyChanged(replace(POLICY, local_authorize_offline=False)))
    assert hand.swipe("known").status is Status.REJECTED
    hand.give(PolicyChanged(replace(POLICY, offline_tx_for_unknown_id=True)))
    assert hand.swipe("bad").status is Status.REJECTED
    assert hand.swipe("old").status is Status.REJECTED
    assert hand.swipe("stranger").status is Status.ACCEPTED


def test_16_CORE_112_119_remote_start_and_stop(hand: Hand) -> None:
    started = start(hand)
    assert started.trigger is Trigger.REMOTE_START
    assert hand.give(RemoteStop("tx-unknown")).status is Status.REJECTED
    assert hand.give(RemoteStop(started.transaction_id)).status is Status.ACCEPTED
    hand.sleep(1, tick=False)
    hand.let_go()
    (ended,) = hand.of(TransactionEnded)
    assert isinstance(ended, TransactionEnded)
    assert (ended.stopped_reason, ended.trigger) == (StoppedReason.REMOTE, Trigger.REMOTE_STOP)


def test_16_CORE_116_remote_start_on_a_busy_or_unknown_evse_is_rejected(hand: Hand) -> None:
    start(hand)
    assert hand.give(RemoteStart(IdToken("X"), 1)).status is Status.REJECTED
    assert hand.give(RemoteStart(IdToken("X"), 7)).status is Status.REJECTED


def test_remote_start_chooses_the_plugged_evse() -> None:
    hand = Hand(evses=2)
    for n in (1, 2):
        hand.facts("A", evse_id=n)
        hand.read(n)
    hand.plug(2)
    hand.give(RemoteStart(TAG))
    (started,) = hand.of(TransactionStarted)
    assert isinstance(started, TransactionStarted)
    assert started.evse_id == 2


def test_a_token_shown_before_plugging_goes_to_the_evse_that_gets_the_plug() -> None:
    hand = Hand(evses=2)
    for n in (1, 2):
        hand.facts("A", evse_id=n)
        hand.read(n)
    hand.book.cache[TAG.key] = ACCEPTED
    hand.swipe("TAG1")
    hand.plug(2)
    (started,) = hand.of(TransactionStarted)
    assert isinstance(started, TransactionStarted)
    assert started.evse_id == 2


def test_16_CORE_51_unplugging_ends_the_transaction_with_the_last_register(hand: Hand) -> None:
    start(hand)
    hand.register_wh += 700
    hand.sleep(0.2, tick=False)
    hand.facts("A")
    assert any(isinstance(effect, ReadMeter) for effect in hand.effects)
    assert not hand.of(TransactionEnded), "the register is read with the contactor open"
    hand.read()
    (ended,) = hand.of(TransactionEnded)
    assert isinstance(ended, TransactionEnded)
    assert ended.register_wh == 5_700
    assert ended.stopped_reason is StoppedReason.EV_DISCONNECTED
    assert len(hand.of(SessionEnded)) == 1
    assert not hand.station.views(hand.now)[1].finishing


def test_16_CORE_52_without_stop_on_disconnect_the_transaction_resumes(hand: Hand) -> None:
    hand.give(PolicyChanged(replace(POLICY, stop_tx_on_ev_side_disconnect=False)))
    start(hand)
    hand.unplug()
    assert not hand.of(TransactionEnded)
    assert hand.station.views(hand.now)[1].charging_state is ChargingState.IDLE
    hand.plug()
    hand.charge()
    assert hand.station.views(hand.now)[1].charging_state is ChargingState.CHARGING
    assert len(hand.of(TransactionStarted)) == 1


def test_16_CORE_75_finishing_until_unplugged_and_no_replug_needed_to_charge_again(hand: Hand) -> None:
    started = start(hand)
    hand.give(RemoteStop(started.transaction_id))
    hand.sleep(1, tick=False)
    hand.let_go()
    assert hand.station.views(hand.now)[1].finishing
    assert hand.give(RemoteStart(TAG, 1)).status is Status.ACCEPTED
    assert len(hand.of(TransactionStarted)) == 2
    assert not hand.station.views(hand.now)[1].finishing


def test_16_CORE_82_periodic_samples_on_their_grid(hand: Hand) -> None:
    start(hand)
    hand.sleep(185)
    updates = [
        event
        for event in hand.of(TransactionUpdated)
        if isinstance(event, TransactionUpdated) and event.trigger is Trigger.METER_VALUE_PERIODIC
    ]
    assert len(updates) == 3
    assert [event.samples[0].context for event in updates] == [ReadingContext.SAMPLE_PERIODIC] * 3
    assert {updates[1].at_ms - updates[0].at_ms, updates[2].at_ms - updates[1].at_ms} == {60_000}


def test_16_CORE_83_84_clock_aligned_samples_with_and_without_a_transaction(hand: Hand) -> None:
    hand.give(PolicyChanged(replace(POLICY, aligned_interval_s=900, sampled_interval_s=0)))
    hand.sleep(901)
    (alone,) = hand.of(MeterValuesTaken)
    assert isinstance(alone, MeterValuesTaken)
    assert alone.at_ms % 900_000 < 1_000
    start(hand)
    hand.sleep(900)
    (inside,) = [
        event
        for event in hand.of(TransactionUpdated)
        if isinstance(event, TransactionUpdated) and event.trigger is Trigger.METER_VALUE_CLOCK
    ]
    assert inside.samples[0].context is ReadingContext.SAMPLE_CLOCK


def test_sequence_numbers_have_no_gap(hand: Hand) -> None:
    start(hand)
    hand.sleep(130)
    hand.swipe("TAG1")
    hand.sleep(1, tick=False)
    hand.let_go()
    numbers = [
        event.seq_no
        for event in hand.events
        if isinstance(event, (TransactionStarted, TransactionUpdated, TransactionEnded))
    ]
    assert numbers == list(range(len(numbers)))


def test_charging_states_follow_the_facts(hand: Hand) -> None:
    start(hand)
    view = lambda: hand.station.views(hand.now)[1].charging_state  # noqa: E731
    assert view() is ChargingState.CHARGING
    hand.facts("B", pwm=True)
    assert view() is ChargingState.SUSPENDED_EV
    hand.facts("B", inhibits=(("residual-current", hand.mono_ms),))
    assert view() is ChargingState.SUSPENDED_EVSE
    hand.facts("B")
    assert view() is ChargingState.SUSPENDED_EVSE, "until PWM is back"
    hand.charge()
    assert view() is ChargingState.CHARGING


def test_16_SC_34_limit_zero_suspends_and_charging_resumes_without_replug(hand: Hand) -> None:
    started = start(hand)
    assert hand.limit_ma() == 20_000, "the cable's 20 A is below the rating of 32 A"
    tx = replace(profile(0, starts_at_ms=hand.utc_ms), transaction_id=started.transaction_id)
    assert hand.give(InstallProfile(1, tx)).status is Status.ACCEPTED
    assert hand.limit_ma() == 0
    hand.facts("C")
    hand.facts("B")
    assert hand.station.views(hand.now)[1].charging_state is ChargingState.SUSPENDED_EVSE
    assert hand.give(ClearProfiles(ProfileFilter(id=1))).status is Status.ACCEPTED
    assert hand.limit_ma() == 20_000
    hand.charge()
    assert hand.station.views(hand.now)[1].charging_state is ChargingState.CHARGING


def test_16_SC_03_tx_profile_needs_its_transaction(hand: Hand) -> None:
    assert hand.give(InstallProfile(1, profile(10))).status is Status.REJECTED
    started = start(hand)
    other = replace(profile(10), transaction_id="another")
    assert hand.give(InstallProfile(1, other)).status is Status.REJECTED
    own = replace(profile(10, starts_at_ms=hand.utc_ms), transaction_id=started.transaction_id)
    assert hand.give(InstallProfile(1, own)).status is Status.ACCEPTED
    assert hand.limit_ma() == 10_000


def test_16_SC_01_station_maximum_is_shared() -> None:
    hand = Hand(evses=2)
    for n in (1, 2):
        hand.facts("A", evse_id=n)
        hand.read(n)
        start(hand, n)
    cap = profile(24, ProfilePurpose.STATION_MAX, starts_at_ms=0)
    assert hand.give(InstallProfile(1, cap)).status is Status.REJECTED
    assert hand.give(InstallProfile(0, cap)).status is Status.ACCEPTED
    assert [hand.limit_ma(1), hand.limit_ma(2)] == [12_000, 12_000]


def test_16_SC_04_tx_profile_is_gone_after_its_transaction(hand: Hand) -> None:
    started = start(hand)
    own = replace(profile(10, starts_at_ms=0), transaction_id=started.transaction_id)
    hand.give(InstallProfile(1, own))
    hand.unplug()
    assert not hand.station.smart_charging.profiles


def test_16_CORE_118_profile_of_a_remote_start(hand: Hand) -> None:
    hand.plug()
    hand.read()
    hand.give(RemoteStart(TAG, 1, profile=profile(8)))
    assert hand.limit_ma() == 8_000


def test_16_CORE_128_to_133_availability(hand: Hand) -> None:
    assert hand.give(ChangeAvailability(1, False)).status is Status.ACCEPTED
    assert not hand.station.views(hand.now)[1].operative
    assert hand.station.permits(hand.now)[0].unavailable
    assert hand.give(ChangeAvailability(1, False)).status is Status.ACCEPTED
    assert hand.give(ChangeAvailability(1, True)).status is Status.ACCEPTED
    assert hand.give(ChangeAvailability(9, True)).status is Status.REJECTED
    start(hand)
    assert hand.give(ChangeAvailability(1, False)).status is Status.SCHEDULED
    assert hand.station.views(hand.now)[1].operative
    hand.unplug()
    assert not hand.station.views(hand.now)[1].operative
    assert len(hand.of(AvailabilityChanged)) == 3


def test_16_CORE_131_connector_0_changes_everything(hand: Hand) -> None:
    started = start(hand)
    assert hand.give(ChangeAvailability(0, False)).status is Status.SCHEDULED
    hand.give(RemoteStop(started.transaction_id))
    hand.sleep(1, tick=False)
    hand.let_go()
    assert [view.operative for view in hand.station.views(hand.now)] == [True, True], "Finishing comes first"
    assert hand.give(RemoteStart(TAG)).status is Status.REJECTED
    hand.unplug()
    assert [view.operative for view in hand.station.views(hand.now)] == [False, False]
    assert hand.give(RemoteStart(TAG)).status is Status.REJECTED
    hand.give(ChangeAvailability(0, True))
    assert [view.operative for view in hand.station.views(hand.now)] == [True, True]


def test_16_CORE_120_unlock_during_a_transaction_ends_it_first() -> None:
    hand = Hand(has_lock=True)
    hand.facts("A")
    hand.read()
    start(hand)
    assert hand.give(UnlockConnector(1)).status is Status.ONGOING_TRANSACTION  # 2.0.1 F05
    assert hand.give(UnlockConnector(1, stop_transaction=True)) is None
    assert hand.outcome.deferred is not None
    deferred = hand.outcome.deferred
    hand.sleep(1, tick=False)
    hand.facts("B", locked=True)
    hand.read()
    assert hand.station.permits(hand.now)[0].unlock
    hand.facts("B", locked=False)
    assert [e.verdict.status for e in hand.effects if isinstance(e, Settled) and e.deferred == deferred] == [
        Status.UNLOCKED
    ]
    (ended,) = hand.of(TransactionEnded)
    assert isinstance(ended, TransactionEnded)
    assert ended.stopped_reason is StoppedReason.UNLOCK_COMMAND


def test_16_CORE_121_unlock_that_fails_says_so() -> None:
    hand = Hand(has_lock=True)
    hand.facts("B", locked=True)
    hand.read()
    hand.give(UnlockConnector(1))
    hand.sleep(6)
    assert [e.verdict.status for e in hand.effects if isinstance(e, Settled)] == [Status.UNLOCK_FAILED]


def test_16_CORE_122_fixed_cable_and_unknown_connector(hand: Hand) -> None:
    assert hand.give(UnlockConnector(1)).status is Status.NOT_SUPPORTED
    assert hand.give(UnlockConnector(5)).status is Status.UNKNOWN_CONNECTOR


def test_16_CORE_124_soft_reset_ends_transactions_then_restarts(hand: Hand) -> None:
    start(hand)
    assert hand.give(Reset(ResetKind.SOFT)).status is Status.ACCEPTED
    assert not [effect for effect in hand.effects if isinstance(effect, Restart)]
    assert hand.give(RemoteStart(TAG)).status is Status.REJECTED
    hand.sleep(1, tick=False)
    hand.let_go()
    (ended,) = hand.of(TransactionEnded)
    assert isinstance(ended, TransactionEnded)
    assert ended.stopped_reason is StoppedReason.SOFT_RESET
    assert [e.kind for e in hand.effects if isinstance(e, Restart)] == [ResetKind.SOFT]


def test_B11_reset_on_idle_waits(hand: Hand) -> None:
    start(hand)
    assert hand.give(Reset(ResetKind.ON_IDLE)).status is Status.SCHEDULED
    hand.sleep(120)
    assert not [effect for effect in hand.effects if isinstance(effect, Restart)]
    hand.unplug()
    assert [effect for effect in hand.effects if isinstance(effect, Restart)]


def test_16_CORE_40_deauthorized_stops_and_41_or_suspends(hand: Hand) -> None:
    invalid = TokenInfo(AuthorizationStatus.INVALID)
    started = start(hand)
    hand.give(TransactionAnswered(started.transaction_id, TAG, invalid, started=True))
    (stopping,) = hand.of(TransactionStopping)
    assert isinstance(stopping, TransactionStopping)
    assert stopping.stopped_reason is StoppedReason.DEAUTHORIZED
    hand.unplug()
    hand.give(PolicyChanged(replace(POLICY, stop_tx_on_invalid_id=False)))
    second = start(hand)
    hand.give(TransactionAnswered(second.transaction_id, TAG, invalid, started=True))
    assert len(hand.of(TransactionStopping)) == 1, "energy stops, the transaction goes on"
    assert hand.limit_ma() == 0


def test_16_CORE_42_max_energy_on_invalid_id(hand: Hand) -> None:
    hand.give(PolicyChanged(replace(POLICY, max_energy_on_invalid_id_wh=100)))
    started = start(hand)
    refused = TokenInfo(AuthorizationStatus.BLOCKED)
    hand.give(TransactionAnswered(started.transaction_id, TAG, refused, started=True))
    assert hand.limit_ma() == 20_000
    hand.register_wh += 100
    hand.read()
    assert hand.limit_ma() == 0
    assert len(hand.of(TransactionStopping)) == 1


def test_faults_are_raised_once_and_cleared(hand: Hand) -> None:
    hand.facts("B", inhibits=(("pilot-fault", hand.mono_ms),))
    hand.facts("B", inhibits=(("pilot-fault", hand.mono_ms),))
    assert hand.station.views(hand.now)[1].fault == "pilot-fault"
    hand.facts("B")
    assert [type(e) for e in hand.events if isinstance(e, (FaultRaised, FaultCleared))] == [
        FaultRaised,
        FaultCleared,
    ]


def test_no_charging_without_a_meter_a_journal_or_the_safety_process(hand: Hand) -> None:
    start(hand)
    assert hand.limit_ma() == 20_000
    hand.give(StorageChanged("disk full"))
    assert hand.limit_ma() == 0
    hand.give(StorageChanged(None))
    hand.give(MeterFailed(1, "no answer"))
    for _ in range(11):
        hand.mono_ms += 1_000
        hand.give(Tick())
    assert hand.limit_ma() == 0
    hand.read()
    assert hand.limit_ma() == 20_000
    hand.give(SafetyLost("socket closed"))
    assert hand.station.limit_ma(1, hand.now) == 0
    assert hand.station.permits(hand.now) == [], "nothing is known that a lease could be for"
    assert hand.station.views(hand.now)[1].fault == "safety-silent"


def test_a_transaction_does_not_start_without_a_reading() -> None:
    hand = Hand()
    hand.plug()
    hand.give(RemoteStart(TAG, 1))
    assert not hand.of(TransactionStarted)
    assert any(isinstance(effect, ReadMeter) for effect in hand.effects)
    hand.read()
    assert len(hand.of(TransactionStarted)) == 1


def test_trigger_cache_and_data_transfer_verdicts(hand: Hand) -> None:
    assert hand.give(TriggerMessage(TriggerKind.HEARTBEAT)).status is Status.ACCEPTED
    assert isinstance(hand.effects[-1], Send)
    assert hand.give(TriggerMessage(TriggerKind.OTHER)).status is Status.NOT_IMPLEMENTED
    assert hand.give(TriggerMessage(TriggerKind.STATUS, 9)).status is Status.REJECTED
    assert hand.give(ClearCache()).status is Status.ACCEPTED
    assert any(isinstance(effect, ForgetTokens) for effect in hand.effects)
    hand.give(PolicyChanged(replace(POLICY, auth_cache_enabled=False)))
    assert hand.give(ClearCache()).status is Status.REJECTED
    assert hand.give(DataTransfer("org.example")).status is Status.UNKNOWN_VENDOR


def test_F06_a_triggered_transaction_event_has_its_place_in_the_transaction(hand: Hand) -> None:
    assert hand.give(TriggerMessage(TriggerKind.TRANSACTION, 1)).status is Status.REJECTED
    start(hand)
    assert hand.give(TriggerMessage(TriggerKind.TRANSACTION)).status is Status.ACCEPTED
    (event,) = hand.outcome.events
    assert isinstance(event, TransactionUpdated)
    assert event.trigger is Trigger.TRIGGER
    assert event.samples[0].context is ReadingContext.TRIGGER


def test_free_vend_starts_on_plug_in_once_a_session(hand: Hand) -> None:
    hand.give(PolicyChanged(replace(POLICY, auth_enabled=False)))
    hand.plug()
    (started,) = hand.of(TransactionStarted)
    assert isinstance(started, TransactionStarted)
    assert started.token == IdToken("FREE")
    hand.charge()
    hand.give(RemoteStop(started.transaction_id))
    hand.sleep(1, tick=False)
    hand.let_go()
    hand.sleep(10)
    assert len(hand.of(TransactionStarted)) == 1


# ---------------------------------------------------------------------- restart


def reborn(hand: Hand) -> Hand:
    """The same hardware and journal, a new controller process."""
    new = Hand()
    new.mono_ms, new.utc_ms = hand.mono_ms + 2_000, hand.utc_ms + 2_000
    new.register_wh, new.plug_no = hand.register_wh, hand.plug_no
    new.book = hand.book
    replay(new.station, hand.events)
    return new


def test_a_restart_of_the_controller_continues_the_transaction(hand: Hand) -> None:
    started = start(hand)
    hand.sleep(70)
    new = reborn(hand)
    new.facts("C", pwm=True, closed=True)
    new.read()
    assert new.limit_ma() == 20_000
    assert not new.of(TransactionEnded)
    assert not new.of(SessionStarted)
    new.unplug()
    (ended,) = new.of(TransactionEnded)
    assert isinstance(ended, TransactionEnded)
    assert ended.transaction_id == started.transaction_id


def test_a_restarted_controller_does_not_replace_the_lease_before_it_knows_anything(hand: Hand) -> None:
    start(hand)
    new = reborn(hand)
    new.give(Tick())
    assert new.station.permits(new.now) == []
    new.facts("C", pwm=True, closed=True)
    assert new.limit_ma() == 20_000, "its meter has not been read yet, and has time for it"
    for _ in range(11):
        new.mono_ms += 1_000
        new.give(Tick())
    assert new.limit_ma() == 0


def test_a_restart_between_stop_and_end_does_not_charge_on(hand: Hand) -> None:
    started = start(hand)
    hand.give(RemoteStop(started.transaction_id))
    new = reborn(hand)
    new.facts("C", pwm=True, closed=True)
    new.read()
    assert new.limit_ma() == 0
    new.sleep(1, tick=False)
    new.let_go()
    (ended,) = new.of(TransactionEnded)
    assert isinstance(ended, TransactionEnded)
    assert ended.stopped_reason is StoppedReason.REMOTE


@pytest.mark.parametrize(
    ("boot", "reason"), [("PowerUp", StoppedReason.POWER_LOSS), ("ApplicationReset", StoppedReason.REBOOT)]
)
def test_16_CORE_49_16_CORE_56_power_loss_ends_the_transaction_with_the_register_read_now(
    hand: Hand, boot: str, reason: StoppedReason
) -> None:
    """1.6 7.36: PowerLoss is a complete loss of power; a restart of the processes alone is a Reboot."""
    start(hand)
    hand.register_wh += 250
    new = reborn(hand)
    new.station.start("1", boot, new.now)
    new.plug_no += 500  # the safety process was restarted: nobody knows who was plugged in between
    new.facts("B")
    new.read()
    (ended,) = new.of(TransactionEnded)
    assert isinstance(ended, TransactionEnded)
    assert ended.stopped_reason is reason
    assert ended.register_wh == 5_250


def test_16_CORE_49_the_emergency_stop_ends_the_transaction(hand: Hand) -> None:
    """Nothing may start by itself when the button is released (ISO 13850)."""
    start(hand)
    hand.facts("B", inhibits=(("emergency-stop", hand.mono_ms),))
    hand.sleep(1)
    (ended,) = hand.of(TransactionEnded)
    assert isinstance(ended, TransactionEnded)
    assert ended.stopped_reason is StoppedReason.EMERGENCY_STOP
    hand.facts("B")
    hand.sleep(30)
    assert all(one.limit_ma == 0 for one in hand.station.permits(hand.now))
    assert len(hand.of(TransactionStarted)) == 1


def test_a_meter_that_was_reset_does_not_make_a_negative_bill(hand: Hand) -> None:
    start(hand)
    hand.register_wh = 3
    hand.sleep(0.2, tick=False)
    hand.unplug()
    assert not hand.of(TransactionEnded), "one strange reading may be noise"
    hand.sleep(2)
    (ended,) = hand.of(TransactionEnded)
    assert isinstance(ended, TransactionEnded)
    assert ended.register_wh == 5_000


def test_replaying_the_journal_or_its_checkpoint_gives_the_same_station(hand: Hand) -> None:
    def copy(events: list) -> Station:  # type: ignore[type-arg]
        station = Station(hand.specs, POLICY, hand.book, lambda: "never")
        replay(station, events)
        return station

    def check() -> None:
        live = hand.station.checkpoint()
        assert copy(hand.events).checkpoint() == live
        assert copy(live).checkpoint() == live

    check()
    started = start(hand)
    check()
    hand.give(InstallProfile(0, profile(20, ProfilePurpose.STATION_MAX, 9, starts_at_ms=0)))
    hand.sleep(61)
    check()
    hand.give(RemoteStop(started.transaction_id))
    check()
    hand.sleep(1, tick=False)
    hand.facts("A")
    check()
    hand.read()
    check()
    hand.give(ChangeAvailability(1, False))
    hand.facts("A", inhibits=(("board-silent", 1),))
    check()


def test_why_names_every_limit_and_inhibit(hand: Hand) -> None:
    hand.give(CsmsChanged(True))
    rows = reasons(hand.station, 1, hand.now)
    assert "not charging: no vehicle, not authorized" in rows[0].value
    start(hand)
    rows = reasons(hand.station, 1, hand.now)
    assert rows[0].value == "charging, 16 A offered, limited by cable"
    assert {row.name for row in rows if row.kind == "limit"} == {"rating", "cable"}
    hand.facts("B", inhibits=(("diode-missing", hand.mono_ms - 5_000),))
    rows = reasons(hand.station, 1, hand.now)
    inhibit = next(row for row in rows if row.kind == "inhibit")
    assert inhibit.since_ms == hand.utc_ms - 5_000
    assert "diode-missing" in rows[0].value


def test_a_new_controller_makes_no_statement_before_it_has_heard_of_the_safety_process(hand: Hand) -> None:
    start(hand)
    again = Hand()
    replay(again.station, hand.events)
    assert again.station.evses[1].transaction is not None
    again.sleep(1)
    assert not again.events, "not suspended: nothing is known"
    again.plug_no = hand.plug_no
    again.facts("C", pwm=True, closed=True)
    assert not again.events, "and nothing has changed"


def test_a_safety_process_that_has_not_seen_the_board_yet_says_nothing_of_the_plug(hand: Hand) -> None:
    start(hand)
    hand.give(SafetyLost("it was killed"))
    hand.plug_no += 1
    hand.facts("A", inhibits=(("starting", hand.mono_ms),))
    assert not hand.of(SessionEnded), "A before the first look is no unplug"
    assert not hand.station.permits(hand.now)
    hand.facts("A", inhibits=(("board-silent", hand.mono_ms), ("starting", hand.mono_ms)))
    assert isinstance(hand.events[-1], FaultRaised), "but a silent board is told"
    hand.facts("B")
    hand.let_go()
    (ended,) = hand.of(TransactionEnded)
    assert isinstance(ended, TransactionEnded) and ended.stopped_reason is StoppedReason.REBOOT


def test_a_vehicle_that_leaves_while_the_contactor_is_welded_at_the_start_is_seen(hand: Hand) -> None:
    start(hand)
    hand.give(SafetyLost("it was killed"))
    hand.facts("A", closed=True, inhibits=(("contactor-welded", 1), ("starting", 1)))
    assert hand.of(SessionEnded)
