"""Any course of reservations, cards, plugs, faults and time: what is promised to holders is kept."""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace

from hypothesis import given, settings
from hypothesis import strategies as st

from controller.domain.access.tokens import AuthorizationStatus, IdToken, TokenInfo
from controller.domain.commands import CancelReservation, ChangeAvailability, ReserveNow, Status
from controller.domain.events import ReservationEnded, ReservationMade, TransactionStarted
from controller.domain.inputs import Tick, TokenPresented
from controller.domain.station import Station
from tests.domain.conftest import POLICY, Hand

GROUP = IdToken("G")
TOKENS = ("A", "B", "C", "M1", "M2")
BOOK = {
    name.lower(): TokenInfo(AuthorizationStatus.ACCEPTED, group=GROUP if name.startswith("M") else None)
    for name in TOKENS
}


@dataclass(frozen=True)
class Step:
    do: str
    evse: int
    token: str
    number: int
    seconds: int
    group: bool
    reader: bool  # a reader of its own for the EVSE


STEPS = st.builds(
    Step,
    st.sampled_from(
        ["reserve"] * 5
        + ["swipe"] * 4
        + ["plug", "unplug", "cancel", "sleep", "fault", "repair", "off", "on"]
    ),
    st.integers(0, 3),
    st.sampled_from(TOKENS),
    st.integers(1, 4),
    st.integers(1, 90),
    st.booleans(),
    st.booleans(),
)


class Course:
    """Plays steps and looks at the promises after each."""

    def __init__(self, evses: int) -> None:
        self.hand = Hand(evses, replace(POLICY, ev_connection_timeout_s=60))
        self.hand.book.cache.update(BOOK)
        self.faulty: set[int] = set()
        self.plugged: set[int] = set()
        for spec in self.hand.specs:
            self.report(spec.evse_id)

    def report(self, evse_id: int) -> None:
        inhibits = (("emergency-stop", 0),) if evse_id in self.faulty else ()
        pilot = "B" if evse_id in self.plugged else "A"
        self.hand.facts(pilot, evse_id=evse_id, inhibits=inhibits)
        self.hand.read(evse_id)

    def vacant(self) -> set[int]:
        """Free and unplugged and not reserved for anybody, told from outside."""
        taken = {one.evse_id for one in self.hand.station.reservations.all.values()}
        return {
            evse_id
            for evse_id, evse in self.hand.station.evses.items()
            if evse.free() and evse_id not in self.plugged | taken and evse.visit.session is None
        }

    def floating(self) -> list[ReservationMade]:
        return [one for one in self.hand.station.reservations.all.values() if one.evse_id == 0]

    def play(self, step: Step) -> None:
        hand = self.hand
        evse_id = min(step.evse, len(hand.specs))
        one = max(1, evse_id)
        match step.do:
            case "reserve":
                self.reserve(step, evse_id)
            case "cancel":
                known = step.number in hand.station.reservations.all
                verdict = hand.give(CancelReservation(step.number))
                assert verdict is not None and (verdict.status is Status.ACCEPTED) is known
            case "swipe":
                enough = self.enough()
                verdict = hand.swipe(step.token, one if step.reader else None)
                assert verdict is not None
                if enough and verdict.info.startswith("authorized"):
                    assert self.enough(), "nobody takes what is kept for a holder"
            case "plug" | "unplug":
                if (step.do == "plug") is (one in self.plugged):
                    return
                self.plugged ^= {one}
                hand.plug_no += step.do == "plug"
                self.report(one)
            case "sleep":
                hand.mono_ms += step.seconds * 1000
                hand.utc_ms += step.seconds * 1000
                hand.give(Tick())
            case "fault" | "repair":
                (self.faulty.add if step.do == "fault" else self.faulty.discard)(one)
                self.report(one)
            case _:
                hand.give(ChangeAvailability(evse_id, step.do == "on"))
        for spec in hand.specs:
            hand.read(spec.evse_id)

    def reserve(self, step: Step, evse_id: int) -> None:
        hand = self.hand
        before = dict(hand.station.reservations.all)
        group = GROUP if step.group else None
        expires_at_ms = hand.utc_ms + step.seconds * 1000
        command = ReserveNow(step.number, evse_id, IdToken(step.token), expires_at_ms, group)
        verdict = hand.give(command)
        assert verdict is not None
        after = hand.station.reservations.all
        if verdict.status is not Status.ACCEPTED:
            assert after == before
            return
        old = before.get(step.number)
        if old is None or old.evse_id != evse_id:
            assert len(self.floating()) <= len(self.vacant()), "never more on 0 than free connectors"
        assert after.keys() == before.keys() | {step.number}

    def check(self) -> None:
        hand = self.hand
        reserved = [one.evse_id for one in hand.station.reservations.all.values() if one.evse_id]
        assert len(set(reserved)) == len(reserved), "one reservation an EVSE"
        for one in hand.station.reservations.all.values():
            assert one.expires_at_ms > hand.utc_ms
            if one.evse_id:
                evse = hand.station.evses[one.evse_id]
                assert evse.availability.operative and hand.station.availability.operative
                assert evse.fault() is None
                held = evse.admission.held
                assert held is None or allowed(one, held.token, held.group)

    def waiting(self, one: ReservationMade) -> bool:
        """Nobody has come for it, and its holder's card would not end what he has begun elsewhere."""
        evses = self.hand.station.evses.values()
        pending = [evse.admission.held for evse in evses if evse.admission.held]
        return not any(allowed(one, held.token, held.group) for held in pending) and not any(
            evse.transaction is not None and evse.transaction.started_by(one.token) for evse in evses
        )

    def check_holders(self) -> None:
        """Whoever has reserved gets an EVSE; for any EVSE, while strangers' plugs leave enough of them."""
        enough = self.enough()
        for one in self.hand.station.reservations.all.values():
            if self.waiting(one) and (one.evse_id or enough):
                self.holder_starts(one)

    def enough(self) -> bool:
        """There is a vacant EVSE for each reservation for any EVSE."""
        return sum(self.waiting(one) for one in self.floating()) <= len(self.vacant())

    def holder_starts(self, one: ReservationMade) -> None:
        """In a copy of the station, the holder comes with his card."""
        station: Station = copy.deepcopy(self.hand.station)
        outcome = station.handle(TokenPresented(one.token), self.hand.now)
        assert outcome.verdict is not None
        assert outcome.verdict.status is Status.ACCEPTED, (one, outcome)
        group = BOOK[one.token.key].group
        own = [
            f"authorized for EVSE {other.evse_id}"
            for other in station.reservations.all.values()
            if other.evse_id and allowed(other, one.token, group)
        ]
        assert not own or outcome.verdict.info in own, "the one that is reserved for just him"

    def check_starts(self) -> None:
        """Replay: at each start, a reservation of its EVSE was the starter's, and it ended with it."""
        open_: dict[int, ReservationMade] = {}
        for event in self.hand.events:
            match event:
                case ReservationMade():
                    open_[event.reservation_id] = event
                case ReservationEnded():
                    del open_[event.reservation_id]
                case TransactionStarted():
                    assert event.token is not None
                    for one in open_.values():
                        if one.evse_id == event.evse_id:
                            assert allowed(one, event.token, event.group)
                            assert event.reservation_id == one.reservation_id
                    if event.reservation_id is not None:
                        used = open_.pop(event.reservation_id)
                        assert used.evse_id in (0, event.evse_id)
                        assert allowed(used, event.token, event.group)
                case _:
                    pass
        assert open_ == self.hand.station.reservations.all

    def check_replay(self) -> None:
        for events in (self.hand.events, self.hand.station.checkpoint()):
            other = Station(self.hand.specs, self.hand.station.policy, self.hand.book, lambda: "")
            for event in events:
                other.apply(event)
            assert other.reservations.all == self.hand.station.reservations.all


def allowed(one: ReservationMade, token: IdToken, group: IdToken | None) -> bool:
    same_group = one.group is not None and group is not None and one.group.key == group.key
    return one.token.key == token.key or same_group


@settings(max_examples=300, derandomize=True, deadline=None, database=None)
@given(evses=st.integers(1, 3), steps=st.lists(STEPS, min_size=4, max_size=25))
def test_16_RESV_02_16_RESV_04_16_RESV_05_16_RESV_07_16_RESV_09_16_RESV_11_any_course(
    evses: int, steps: list[Step]
) -> None:
    course = Course(evses)
    for number, step in enumerate(steps):
        course.play(step)
        course.check()
        if number % 5 == 4:
            course.check_holders()
    course.check_holders()
    course.check_starts()
    course.check_replay()
