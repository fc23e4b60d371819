"""Protection, latches and the memory of a weld, through the station as it ships."""

from __future__ import annotations

from controller.domain.access.tokens import AuthorizationStatus, IdToken, TokenInfo
from controller.domain.commands import ResetFaults
from controller.domain.events import FaultCleared, FaultRaised, SessionEnded, TransactionEnded
from controller.domain.faults import CONTACTOR_WELDED, METER_SILENT, OVER_CURRENT
from controller.domain.inputs import Reading, SafetyLost, Tick
from controller.domain.station import Station, replay
from controller.domain.why import reasons
from tests.domain.conftest import POLICY, Hand


def charging(hand: Hand) -> None:
    hand.book.list[IdToken("CARD").key] = TokenInfo(AuthorizationStatus.ACCEPTED)
    hand.facts("B")
    hand.read()
    hand.swipe("CARD")
    hand.facts("C", pwm=True, closed=True)


def draw(hand: Hand, ma: int, seconds: int, closed: bool = True) -> None:
    for _ in range(seconds):
        hand.mono_ms += 1000
        hand.utc_ms += 1000
        hand.facts("C" if closed else "B", pwm=closed, closed=closed)
        hand.give(Reading(1, hand.mono_ms, hand.register_wh, current_ma=(ma, None, None)))


def limit(hand: Hand) -> int:
    return hand.station.limit_ma(1, hand.now)


def reborn(hand: Hand) -> Station:
    """The station after a restart: from the journal; and the same from a checkpoint."""
    copy, other = (Station(hand.specs, POLICY, hand.book, lambda: "never") for _ in range(2))
    replay(copy, hand.events)
    replay(other, hand.station.checkpoint())
    assert copy.checkpoint() == other.checkpoint() == hand.station.checkpoint()
    return copy


def test_over_current_withdraws_the_permit_tries_again_and_stays_in_the_end() -> None:
    hand = Hand()
    charging(hand)
    for turn in range(1, 5):
        draw(hand, 20_000, 7)
        assert limit(hand) > 0
        draw(hand, 20_000, 1)
        assert limit(hand) == 0
        assert hand.events[-1] == FaultRaised(1, OVER_CURRENT, hand.utc_ms, tries=turn)
        assert hand.station.evses[1].transaction is not None, "the transaction goes on, suspended"
        draw(hand, 0, 32, closed=False)
        assert (limit(hand) > 0) is (turn < 4)
    draw(hand, 0, 600, closed=False)
    assert limit(hand) == 0
    rows = {one.name: one for one in reasons(hand.station, 1, hand.now) if one.kind == "inhibit"}
    assert "4 times" in rows[OVER_CURRENT].clears_by
    assert "20.0 A drawn, 16.0 A offered" in rows[OVER_CURRENT].value

    after = reborn(hand)
    assert after.evses[1].keeper.blocking == OVER_CURRENT
    hand.station = after  # a restart of the controller is no way out of the latch
    hand.online()
    draw(hand, 0, 60, closed=False)
    assert limit(hand) == 0
    hand.give(ResetFaults(1))
    hand.give(Tick())
    assert limit(hand) > 0
    assert hand.station.evses[1].reset_faults == 1
    reborn(hand)


def test_unplugging_frees_the_latch() -> None:
    hand = Hand()
    charging(hand)
    for _ in range(4):
        draw(hand, 20_000, 8)
        draw(hand, 0, 32, closed=False)
    assert hand.station.evses[1].keeper.blocking == OVER_CURRENT
    hand.facts("A")
    hand.sleep(5)
    assert hand.station.evses[1].keeper.blocking is None
    assert any(isinstance(event, SessionEnded) for event in hand.events)
    assert any(isinstance(event, TransactionEnded) for event in hand.events)
    reborn(hand)


def test_a_weld_is_remembered_over_restarts_of_both_processes_until_a_reset() -> None:
    hand = Hand()
    hand.facts("A", inhibits=((CONTACTOR_WELDED, hand.mono_ms),))
    assert hand.station.evses[1].keeper.blocking == CONTACTOR_WELDED
    hand.give(SafetyLost("it crashed"))
    hand.station = reborn(hand)
    rows = {one.name: one for one in reasons(hand.station, 1, hand.now) if one.kind == "inhibit"}
    assert rows[CONTACTOR_WELDED].source == "remembered by the controller", "before anything was heard"

    hand.facts("A")  # the contact broke loose, or the mirror lies
    hand.sleep(3600)
    assert hand.station.evses[1].keeper.blocking == CONTACTOR_WELDED
    assert "contactor-welded" in {claim.name for claim in hand.station.claims(1, hand.now)}
    hand.give(ResetFaults(1))
    hand.facts("A")
    assert hand.station.evses[1].keeper.blocking is None


def test_a_reset_does_not_forget_a_weld_that_is_still_seen() -> None:
    hand = Hand()
    welded = ((CONTACTOR_WELDED, hand.mono_ms),)
    hand.facts("A", inhibits=welded)
    hand.give(ResetFaults(1))
    for _ in range(10):
        hand.sleep(1)
        hand.facts("A", inhibits=welded)
    hand.facts("A")  # much later it reads open: nobody has looked since
    assert hand.station.evses[1].keeper.blocking == CONTACTOR_WELDED


def test_a_silent_meter_is_a_fault_and_clears_by_itself() -> None:
    hand = Hand()
    hand.facts("A")
    hand.read()
    hand.sleep(POLICY.meter_stale_s + 1, tick=False)
    hand.give(Tick())
    assert hand.station.evses[1].keeper.blocking == METER_SILENT
    hand.read()
    assert [type(one) for one in hand.events if isinstance(one, (FaultRaised, FaultCleared))] == [
        FaultRaised,
        FaultCleared,
    ]
