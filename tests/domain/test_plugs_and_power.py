"""Plugs that wait, stay or are pulled out at the vehicle; power that fails; meters that are replaced."""

from __future__ import annotations

from dataclasses import replace

import pytest

from controller.domain.access.tokens import AuthorizationStatus, IdToken, TokenInfo
from controller.domain.commands import RemoteStart, RemoteStop, Status, UnlockConnector
from controller.domain.events import (
    AuthorizationTimedOut,
    ChargingState,
    CsmsAccepted,
    MeterReplaced,
    PlugKept,
    PlugReleased,
    SessionEnded,
    StoppedReason,
    TokenRefused,
    TransactionEnded,
    TransactionStarted,
    TransactionStopping,
    TransactionUpdated,
)
from controller.domain.evse.spec import EvseSpec
from controller.domain.inputs import (
    CsmsChanged,
    CsmsChosen,
    EvseFacts,
    PolicyChanged,
    Reading,
    Tick,
    TransactionAnswered,
)
from controller.domain.policy import Policy
from controller.domain.station import Station, replay
from controller.domain.why import reasons
from tests.domain.conftest import POLICY, Hand

ACCEPTED = TokenInfo(AuthorizationStatus.ACCEPTED)
INVALID = TokenInfo(AuthorizationStatus.INVALID)
FLEET = IdToken("FLEET")
TAG = IdToken("TAG1")


class Socket(Hand):
    """Socket outlets with a lock: the cable stays in the socket when the vehicle's end is pulled out."""

    def __init__(self, policy: Policy = POLICY, evses: int = 1) -> None:
        super().__init__(evses, policy)
        self.specs = [EvseSpec(n, has_lock=True, has_socket=True) for n in range(1, evses + 1)]
        self.station = Station(self.specs, policy, self.book, lambda: next(self.ids))
        for n in range(1, evses + 1):
            self.facts("A", cable_ma=None, evse_id=n)
            self.read(n)

    def pull_out(self, evse_id: int = 1) -> None:
        """At the vehicle's end; the contactor opens with it."""
        self.facts("A", cable_ma=20_000, evse_id=evse_id)
        self.read(evse_id)

    def take_cable(self, evse_id: int = 1) -> None:
        self.facts("A", cable_ma=None, evse_id=evse_id)

    def wish(self, evse_id: int = 1):  # type: ignore[no-untyped-def]
        return next(one for one in self.station.permits(self.now) if one.evse_id == evse_id)

    def locked(self, evse_id: int = 1) -> bool:
        """Whether the safety process keeps the plug also without a vehicle at its other end."""
        wish = self.wish(evse_id)
        return wish.keep_locked and not wish.unlock

    def reborn(self) -> Socket:
        new = Socket(self.station.policy, len(self.specs))
        new.station = Station(self.specs, self.station.policy, self.book, lambda: next(self.ids))
        new.mono_ms, new.utc_ms = self.mono_ms + 2_000, self.utc_ms + 2_000
        new.register_wh, new.plug_no, new.book, new.events = self.register_wh, self.plug_no, self.book, []
        replay(new.station, self.events)
        check_replay(self)
        return new


def check_replay(hand: Hand) -> None:
    """Journal and checkpoint rebuild the same station."""
    live = hand.station.checkpoint()
    for events in (hand.events, live):
        copy = Station(hand.specs, POLICY, hand.book, lambda: "never")
        replay(copy, events)
        assert copy.checkpoint() == live


def start(hand: Hand, evse_id: int = 1, group: IdToken | None = None) -> TransactionStarted:
    hand.plug(evse_id)
    hand.read(evse_id)
    assert hand.give(RemoteStart(TAG, evse_id, group=group)).status is Status.ACCEPTED  # type: ignore[union-attr]
    hand.charge(evse_id)
    started = hand.of(TransactionStarted)[-1]
    assert isinstance(started, TransactionStarted)
    return started


def refuse(hand: Hand, started: TransactionStarted) -> None:
    hand.give(TransactionAnswered(started.transaction_id, TAG, INVALID, started=True))


def end(hand: Hand) -> TransactionEnded:
    hand.sleep(1, tick=False)
    hand.let_go()
    ended = hand.of(TransactionEnded)[-1]
    assert isinstance(ended, TransactionEnded)
    return ended


# ---------------------------------------------------------------------- refused tokens


@pytest.mark.parametrize("who", ["TAG1", "tag2", "unlock"])
def test_16_CORE_40_the_cable_stays_locked_until_the_same_token_or_its_group_comes(who: str) -> None:
    hand = Socket()
    hand.book.cache["tag2"] = TokenInfo(AuthorizationStatus.ACCEPTED, group=FLEET)
    hand.book.cache["tag3"] = TokenInfo(AuthorizationStatus.ACCEPTED, group=IdToken("OTHER"))
    started = start(hand, group=FLEET)
    refuse(hand, started)
    assert end(hand).stopped_reason is StoppedReason.DEAUTHORIZED
    assert len(hand.of(PlugKept)) == 1
    assert hand.locked()
    hand = hand.reborn()
    hand.facts("B")
    assert hand.locked(), "a restart does not give it away"
    if who == "unlock":
        hand.give(UnlockConnector(1))
    else:
        hand.swipe(who)
    assert len(hand.of(PlugReleased)) == 1
    assert hand.wish().unlock and not hand.locked()
    assert not hand.of(TransactionStarted), "the card fetches the cable, no more"


def test_why_names_what_keeps_a_driver_from_charging() -> None:
    hand = Socket()
    hand.give(CsmsChosen("ws://one"))
    assert "not accepted" in reasons(hand.station, 1, hand.now)[0].value
    hand.give(CsmsChanged(True, plug_times_out=True))
    refuse(hand, start(hand))
    end(hand)
    row = next(one for one in reasons(hand.station, 1, hand.now) if one.name == "plug kept")
    assert "TAG1" in row.clears_by
    hand.swipe("TAG1")
    hand.take_cable()
    hand.plug()
    hand.sleep(61)
    assert "timed out" in reasons(hand.station, 1, hand.now)[0].value


def test_16_CORE_40_a_stranger_gets_no_cable() -> None:
    hand = Socket()
    started = start(hand, group=FLEET)
    refuse(hand, started)
    end(hand)
    assert hand.swipe("tag3").status is Status.REJECTED  # type: ignore[union-attr]
    assert hand.locked()


def test_16_CORE_40_a_fixed_cable_is_not_kept(hand: Hand) -> None:
    refuse(hand, start(hand))
    end(hand)
    assert not hand.of(PlugKept)


def test_16_CORE_41_energy_stops_and_the_transaction_goes_on() -> None:
    hand = Socket(replace(POLICY, stop_tx_on_invalid_id=False))
    refuse(hand, start(hand))
    assert hand.limit_ma() == 0
    hand.facts("B")
    hand.sleep(120)
    view = hand.station.views(hand.now)[1]
    assert view.charging_state is ChargingState.SUSPENDED_EVSE
    assert not hand.of(TransactionStopping)
    hand = hand.reborn()
    hand.facts("B")
    hand.read()
    assert hand.limit_ma() == 0, "a restart does not forget that it was refused"
    hand.swipe("TAG1")
    assert end(hand).stopped_reason is StoppedReason.LOCAL


def test_16_CORE_42_the_rest_of_the_energy_is_counted_over_a_restart() -> None:
    hand = Socket(replace(POLICY, max_energy_on_invalid_id_wh=300))
    refuse(hand, start(hand))
    hand.register_wh += 200
    hand.sleep(60)
    assert hand.limit_ma() == 20_000
    hand = hand.reborn()
    hand.facts("C", pwm=True, closed=True)
    hand.read()
    assert hand.limit_ma() == 20_000
    hand.register_wh += 100
    hand.read()
    (stopping,) = hand.of(TransactionStopping)
    assert isinstance(stopping, TransactionStopping)
    assert stopping.stopped_reason is StoppedReason.DEAUTHORIZED


# ---------------------------------------------------------------------- time outs


def timely(policy: Policy = POLICY, evses: int = 2) -> Hand:
    """A CSMS that speaks 1.6."""
    hand = Hand(evses, policy)
    for n in range(1, evses + 1):
        hand.facts("A", evse_id=n)
        hand.read(n)
    hand.book.cache[TAG.key] = ACCEPTED
    hand.give(CsmsChanged(True, plug_times_out=True))
    return hand


def test_16_CORE_46_not_authorized_in_time_is_finishing_and_a_later_card_is_for_another_plug() -> None:
    hand = timely()
    hand.plug(1)
    hand.sleep(59)
    assert not hand.station.views(hand.now)[1].finishing
    hand.sleep(2)
    assert hand.station.views(hand.now)[1].finishing
    assert len(hand.of(AuthorizationTimedOut)) == 1
    check_replay(hand)
    hand.swipe("TAG1")  # driver 2, before plugging in
    assert not hand.of(TransactionStarted), "not on the cable of driver 1"
    hand.plug(2)
    (started,) = hand.of(TransactionStarted)
    assert isinstance(started, TransactionStarted) and started.evse_id == 2
    hand.unplug(1)
    assert not hand.station.views(hand.now)[1].finishing


def test_16_CORE_46_with_one_connector_the_card_is_refused_until_plugged_in_again() -> None:
    hand = timely(evses=1)
    hand.plug()
    hand.sleep(61)
    verdict = hand.swipe("TAG1")
    assert verdict is not None and verdict.status is Status.REJECTED
    assert "plug in again" in verdict.info
    assert isinstance(hand.of(TokenRefused)[-1], TokenRefused)
    hand.unplug()
    hand.plug()
    hand.swipe("TAG1")
    assert len(hand.of(TransactionStarted)) == 1


def test_16_CORE_46_a_remote_start_names_the_connector_and_starts() -> None:
    """Transition F2: nobody mistakes the cable then."""
    hand = timely()
    hand.plug(1)
    hand.sleep(61)
    assert hand.give(RemoteStart(TAG)).status is Status.ACCEPTED, "to the free one"  # type: ignore[union-attr]
    assert not hand.of(TransactionStarted)
    assert hand.give(RemoteStart(TAG, 1)).status is Status.ACCEPTED  # type: ignore[union-attr]
    assert len(hand.of(TransactionStarted)) == 1
    assert not hand.station.views(hand.now)[1].finishing


def test_by_setting_a_card_starts_at_any_time() -> None:
    hand = timely(replace(POLICY, replug_after_time_out=False), evses=1)
    hand.plug()
    hand.sleep(3600)
    assert hand.station.views(hand.now)[1].finishing
    hand.swipe("TAG1")
    assert len(hand.of(TransactionStarted)) == 1


def test_a_csms_of_another_protocol_gives_a_plug_all_the_time_it_wants() -> None:
    hand = timely()
    hand.give(CsmsChanged(True, plug_times_out=False))
    hand.plug(1)
    hand.sleep(3600)
    hand.swipe("TAG1")
    assert len(hand.of(TransactionStarted)) == 1


def test_the_time_runs_while_it_is_the_drivers_turn_only() -> None:
    hand = timely(evses=1)
    hand.facts("B", inhibits=(("ground-fault", hand.mono_ms),))
    hand.sleep(120)
    assert not hand.of(AuthorizationTimedOut), "nobody can start a faulted one"
    hand.facts("B")
    hand.swipe("stranger")  # the CSMS is asked
    hand.sleep(29)
    assert not hand.of(AuthorizationTimedOut)


# ---------------------------------------------------------------------- the vehicle's end


def test_16_CORE_51_replugging_does_not_resume_a_transaction_that_was_ended_by_it() -> None:
    hand = Socket()
    start(hand)
    hand.pull_out()
    (ended,) = hand.of(TransactionEnded)
    assert isinstance(ended, TransactionEnded)
    assert ended.stopped_reason is StoppedReason.EV_DISCONNECTED
    hand.plug()
    hand.sleep(30)
    assert hand.limit_ma() == 0
    assert len(hand.of(TransactionStarted)) == 1


def test_16_CORE_52_the_plug_stays_locked_while_the_transaction_goes_on() -> None:
    """Also with UnlockConnectorOnEVSideDisconnect: the other key has priority."""
    hand = Socket(replace(POLICY, stop_tx_on_ev_side_disconnect=False, unlock_on_ev_side_disconnect=True))
    start(hand)
    assert hand.locked(), "before it is pulled out: the safety process is faster than this one"
    hand.pull_out()
    assert hand.locked() and not hand.of(TransactionEnded)
    hand = hand.reborn()
    hand.pull_out()
    assert hand.locked(), "and over a restart"
    hand.plug()
    hand.charge()
    assert hand.limit_ma() == 20_000, "energy resumes"
    hand.swipe("TAG1")
    end(hand)
    assert hand.wish().unlock


def test_16_CORE_50_a_normal_stop_unlocks() -> None:
    hand = Socket()
    started = start(hand)
    assert not hand.wish().unlock
    hand.give(RemoteStop(started.transaction_id))
    assert not hand.wish().unlock, "not while the contactor may be closed"
    end(hand)
    assert hand.wish().unlock


@pytest.mark.parametrize("unlocks", [True, False])
def test_16_CORE_54_16_CORE_53_the_cable_at_the_end_of_the_transaction(unlocks: bool) -> None:
    hand = Socket(replace(POLICY, unlock_on_ev_side_disconnect=unlocks))
    start(hand)
    assert hand.wish().keep_locked is not unlocks
    hand.pull_out()
    assert hand.of(TransactionEnded)
    assert hand.locked() is not unlocks
    view = hand.station.views(hand.now)[1]
    assert view.finishing and view.ev_left
    if not unlocks:
        hand.swipe("TAG1")
        assert hand.wish().unlock
    hand.take_cable()
    view = hand.station.views(hand.now)[1]
    assert not view.finishing and not view.ev_left
    check_replay(hand)


def test_a_kept_plug_that_was_taken_by_force_is_not_waited_for() -> None:
    hand = Socket(replace(POLICY, unlock_on_ev_side_disconnect=False))
    start(hand)
    hand.pull_out()
    hand.take_cable()
    assert [one.why for one in hand.of(PlugReleased)] == ["the plug is not in the socket"]  # type: ignore[attr-defined]
    check_replay(hand)


# ---------------------------------------------------------------------- power


def woken(hand: Socket, policy: Policy = POLICY) -> Socket:
    """The machine was off, and comes back: nobody knows who was plugged in between."""
    new = hand.reborn()
    new.station.policy = policy
    new.give(PolicyChanged(policy))
    outcome = new.station.start("1", "PowerUp", new.now)
    new.events.extend(outcome.events)
    new.plug_no += 500
    return new


CONTINUE = replace(POLICY, tx_continues_after_power_loss=True)


def test_16_CORE_56_by_setting_the_transaction_goes_on_after_a_power_loss() -> None:
    hand = Socket(CONTINUE)
    started = start(hand)
    hand.register_wh += 250
    new = woken(hand, CONTINUE)
    new.facts("B")
    new.read()
    assert new.limit_ma() == 20_000
    new.charge()
    new.register_wh += 100
    new.swipe("TAG1")
    ended = end(new)
    assert (ended.transaction_id, ended.register_wh) == (started.transaction_id, 5_350)
    assert ended.stopped_reason is StoppedReason.LOCAL
    assert not new.of(SessionEnded)


@pytest.mark.parametrize("policy", [POLICY, CONTINUE], ids=["end", "continue"])
def test_16_CORE_56_nobody_there_after_the_power_loss(policy: Policy) -> None:
    hand = Socket(policy)
    start(hand)
    hand.register_wh += 250
    new = woken(hand, policy)
    new.facts("A", cable_ma=None)
    new.sleep(4)
    (ended,) = new.of(TransactionEnded)
    assert isinstance(ended, TransactionEnded)
    expected = StoppedReason.POWER_LOSS if policy is POLICY else StoppedReason.EV_DISCONNECTED
    assert (ended.stopped_reason, ended.register_wh) == (expected, 5_250)


def test_16_CORE_56_a_meter_that_does_not_answer_after_the_power_loss() -> None:
    """The last journalled register stands."""
    hand = Socket()
    start(hand)
    hand.register_wh += 120
    hand.sleep(61)
    new = woken(hand)
    new.facts("B")
    for _ in range(20):
        new.mono_ms += 1_000
        new.give(Tick())
    (ended,) = new.of(TransactionEnded)
    assert isinstance(ended, TransactionEnded)
    assert (ended.stopped_reason, ended.register_wh) == (StoppedReason.POWER_LOSS, 5_120)


# ---------------------------------------------------------------------- meters


@pytest.mark.parametrize("shown_wh", [3, 9_000_000], ids=["reset", "replaced"])
def test_a_meter_replaced_in_a_transaction_changes_no_bill(shown_wh: int) -> None:
    hand = Socket()
    start(hand)
    hand.register_wh += 500
    hand.sleep(61)
    hand.register_wh = shown_wh
    hand.sleep(5)
    (replaced,) = hand.of(MeterReplaced)
    assert replaced == MeterReplaced(1, 5_500, shown_wh, replaced.at_ms)
    hand.register_wh += 40
    hand.sleep(60)
    check_replay(hand)
    registers = [one.register_wh for one in hand.of(TransactionUpdated)]  # type: ignore[attr-defined]
    known = [one for one in registers if one is not None]
    assert known == sorted(known) and known[-1] == 5_540
    new = hand.reborn()
    new.facts("C", pwm=True, closed=True)
    new.register_wh += 60
    new.read()
    new.swipe("TAG1")
    assert end(new).register_wh == 5_600, "500 of the old meter, 100 of the new one"
    second = start(new)
    assert second.register_wh == shown_wh + 100, "the next transaction begins with what the meter shows"


def test_a_meter_replaced_while_the_power_was_off_is_noticed() -> None:
    hand = Socket()
    start(hand)
    hand.register_wh += 500
    hand.sleep(61)
    new = woken(hand)
    new.register_wh = 7
    new.facts("B")
    new.sleep(4)
    (ended,) = new.of(TransactionEnded)
    assert isinstance(ended, TransactionEnded) and ended.register_wh == 5_500
    assert [(one.before_wh, one.after_wh) for one in new.of(MeterReplaced)] == [(5_500, 7)]  # type: ignore[attr-defined]


def test_a_meter_replaced_between_two_transactions_is_noticed_too() -> None:
    hand = Socket()
    start(hand)
    hand.swipe("TAG1")
    end(hand)
    hand.take_cable()
    new = woken(hand)
    new.register_wh = 0
    new.sleep(4)
    assert [(one.before_wh, one.after_wh) for one in new.of(MeterReplaced)] == [(5_000, 0)]  # type: ignore[attr-defined]
    assert start(new).register_wh == 0


def test_one_strange_reading_is_noise() -> None:
    hand = Socket()
    start(hand)
    for strange_wh in (0, 99_000_000):
        hand.give(Reading(1, hand.mono_ms, strange_wh))
        assert hand.station.evses[1].meter.reading.energy_import_wh == 5_000  # type: ignore[union-attr]
        hand.sleep(1)
    assert not hand.of(MeterReplaced)


# ---------------------------------------------------------------------- before the first acceptance


def test_16_CORE_09_nothing_starts_before_the_first_acceptance() -> None:
    hand = Hand()
    hand.facts("A")
    hand.read()
    hand.book.cache[TAG.key] = ACCEPTED
    hand.give(CsmsChosen("ws://one"))
    hand.plug()
    verdict = hand.swipe("TAG1")
    assert verdict is not None and "not accepted" in verdict.info
    hand.give(PolicyChanged(replace(POLICY, auth_enabled=False)))
    hand.sleep(5)
    assert not hand.of(TransactionStarted), "free vending neither"
    hand.give(CsmsChanged(True))
    assert len(hand.of(TransactionStarted)) == 1
    assert [one.url for one in hand.of(CsmsAccepted)] == ["ws://one"]  # type: ignore[attr-defined]
    check_replay(hand)


def test_16_CORE_09_once_accepted_is_for_ever_but_for_another_csms() -> None:
    hand = Hand()
    hand.book.cache[TAG.key] = ACCEPTED
    hand.give(CsmsChosen("ws://one"))
    hand.give(CsmsChanged(True))
    for url, allowed in (("ws://one", True), ("ws://two", False)):
        new = Hand(book=hand.book)
        replay(new.station, hand.events)
        new.give(CsmsChosen(url))
        assert new.station.charging_allowed is allowed
        new.facts("A")
        new.plug()
        new.read()
        assert (new.swipe("TAG1").status is Status.ACCEPTED) is allowed  # type: ignore[union-attr]
    assert len(hand.of(CsmsAccepted)) == 1


@pytest.mark.parametrize("url", ["ws://one", None])
def test_16_CORE_09_by_setting_or_without_a_csms_charging_begins_at_once(url: str | None) -> None:
    hand = Hand(policy=POLICY if url is None else replace(POLICY, tx_before_accepted=True))
    hand.give(CsmsChosen(url))
    hand.book.cache[TAG.key] = ACCEPTED
    hand.facts("A")
    hand.read()
    hand.plug()
    hand.swipe("TAG1")
    assert len(hand.of(TransactionStarted)) == 1


def test_16_CORE_15_no_energy_before_authorization() -> None:
    hand = Socket()
    hand.plug()
    hand.sleep(30)
    assert hand.limit_ma() == 0
    facts = hand.station.evses[1].facts
    assert isinstance(facts, EvseFacts) and facts.plug_no == hand.wish().plug_no
    hand.give(RemoteStart(TAG, 1))
    assert hand.limit_ma() == 20_000
