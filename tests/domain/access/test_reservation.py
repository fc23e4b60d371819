"""Reservations by hand: who gets which EVSE, until when."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from controller.domain.access.tokens import AuthorizationStatus, IdToken, TokenInfo
from controller.domain.commands import (
    CancelReservation,
    ChangeAvailability,
    RemoteStart,
    ReserveNow,
    Status,
    Verdict,
)
from controller.domain.effects import AskAuthorize, ShowIndicator
from controller.domain.events import (
    ReservationEnd,
    ReservationEnded,
    ReservationMade,
    StationStarted,
    TokenAuthorized,
    TokenRefused,
    TransactionStarted,
)
from controller.domain.inputs import (
    AuthorizeAnswered,
    CsmsChanged,
    EvseFacts,
    PolicyChanged,
    Reading,
    SafetyLost,
    StorageChanged,
    Tick,
)
from controller.domain.instant import Now
from controller.domain.station import Station
from controller.domain.why import reasons
from tests.domain.conftest import POLICY, Hand

ACCEPTED = TokenInfo(AuthorizationStatus.ACCEPTED)
HOLDER, STRANGER = "HOLDER", "STRANGER"
GROUP = IdToken("GROUP")


def station(evses: int = 1, **policy: object) -> Hand:
    """Nobody plugged in, offline, both tokens known."""
    hand = Hand(evses=evses, policy=replace(POLICY, **policy))  # type: ignore[arg-type]
    for evse_id in range(1, evses + 1):
        hand.facts("A", evse_id=evse_id)
        hand.read(evse_id)
    hand.book.cache.update({HOLDER.lower(): ACCEPTED, STRANGER.lower(): ACCEPTED})
    return hand


def reserve(
    hand: Hand,
    reservation_id: int = 1,
    evse_id: int = 1,
    token: str = HOLDER,
    group: IdToken | None = None,
    for_s: int = 600,
) -> Status:
    expires_at_ms = hand.utc_ms + for_s * 1000
    verdict = hand.give(ReserveNow(reservation_id, evse_id, IdToken(token), expires_at_ms, group))
    assert verdict is not None
    return verdict.status


def cancel(hand: Hand, reservation_id: int = 1) -> Status:
    verdict = hand.give(CancelReservation(reservation_id))
    assert verdict is not None
    return verdict.status


def shown(hand: Hand) -> list[bool]:
    """Which EVSEs are shown as reserved."""
    return [view.reserved for view in hand.station.views(hand.now)[1:]]


def swipe(hand: Hand, uid: str, evse_id: int | None = None) -> Verdict:
    verdict = hand.swipe(uid, evse_id)
    assert verdict is not None
    return verdict


def started(hand: Hand) -> list[tuple[int, str, int | None]]:
    """EVSE, token and reservation of each transaction so far."""
    return [
        (event.evse_id, event.token.value if event.token else "", event.reservation_id)
        for event in hand.of(TransactionStarted)
        if isinstance(event, TransactionStarted)
    ]


def ended(hand: Hand) -> list[tuple[int, ReservationEnd]]:
    return [
        (event.reservation_id, event.why)
        for event in hand.of(ReservationEnded)
        if isinstance(event, ReservationEnded)
    ]


def check_replay(hand: Hand) -> None:
    """The journal gives the same reservations, and so does the checkpoint."""
    for events in (hand.events, hand.station.checkpoint()):
        other = Station(hand.specs, hand.station.policy, hand.book, lambda: "")
        for event in events:
            other.apply(event)
        assert other.reservations.all == hand.station.reservations.all
        assert other.checkpoint() == hand.station.checkpoint()


# ---------------------------------------------------------------------- one EVSE


def test_16_RESV_01_a_free_evse_is_reserved() -> None:
    hand = station(2)
    assert reserve(hand, evse_id=2) is Status.ACCEPTED
    assert shown(hand) == [False, True]
    (made,) = hand.of(ReservationMade)
    assert made == ReservationMade(1, 2, IdToken(HOLDER), None, hand.utc_ms + 600_000, hand.utc_ms)
    check_replay(hand)


def test_16_RESV_02_the_same_id_replaces() -> None:
    hand = station(2)
    reserve(hand, evse_id=1)
    assert reserve(hand, evse_id=2, token="OTHER", for_s=60) is Status.ACCEPTED
    assert shown(hand) == [False, True]
    assert swipe(hand, STRANGER, 1).status is Status.ACCEPTED
    assert reserve(hand, evse_id=1) is Status.OCCUPIED, "not possible, so the old one stays"
    assert shown(hand) == [False, True]
    hand.plug(2)
    assert reserve(hand, evse_id=2, token=HOLDER) is Status.ACCEPTED, "whoever plugged in, it stays reserved"
    hand.read(2)
    assert swipe(hand, HOLDER, 2).status is Status.ACCEPTED
    assert started(hand) == [(2, HOLDER, 1)]
    check_replay(hand)


def test_16_RESV_02_a_replaced_holder_has_no_authorization_left() -> None:
    hand = station()
    reserve(hand)
    swipe(hand, HOLDER)
    assert reserve(hand, token=STRANGER) is Status.ACCEPTED
    hand.plug()
    hand.read()
    assert started(hand) == []
    assert swipe(hand, HOLDER).reason == "Reserved"
    assert swipe(hand, STRANGER).status is Status.ACCEPTED
    assert started(hand) == [(1, STRANGER, 1)]


Deed = Callable[[Hand], object]


@pytest.mark.parametrize("evse_id", [1, 0])
@pytest.mark.parametrize(
    ("deed", "status"),
    [
        pytest.param(lambda hand: hand.plug(), Status.OCCUPIED, id="plugged in"),
        pytest.param(lambda hand: swipe(hand, STRANGER), Status.OCCUPIED, id="authorized"),
        pytest.param(lambda hand: charge(hand, STRANGER), Status.OCCUPIED, id="charging"),
        pytest.param(lambda hand: finish(hand, STRANGER), Status.OCCUPIED, id="finishing"),
        pytest.param(lambda hand: reserve(hand, 7, 1), Status.OCCUPIED, id="reserved, the same token"),
        pytest.param(lambda hand: reserve(hand, 7, 1, STRANGER), Status.OCCUPIED, id="reserved"),
        pytest.param(lambda hand: reserve(hand, 7, 0, STRANGER), Status.OCCUPIED, id="the last one, kept"),
        pytest.param(lambda hand: broken(hand), Status.FAULTED, id="faulted"),
        pytest.param(lambda hand: hand.give(StorageChanged("full")), Status.FAULTED, id="no journal"),
        pytest.param(lambda hand: operative(hand, 1, False), Status.UNAVAILABLE, id="EVSE inoperative"),
        pytest.param(lambda hand: operative(hand, 0, False), Status.UNAVAILABLE, id="station inoperative"),
        pytest.param(
            lambda hand: hand.give(PolicyChanged(replace(POLICY, reservation_enabled=False))),
            Status.REJECTED,
            id="switched off",
        ),
    ],
)
def test_16_RESV_03_when_it_cannot_be(deed: Deed, status: Status, evse_id: int) -> None:
    hand = station()
    deed(hand)
    before = dict(hand.station.reservations.all)
    assert reserve(hand, 1, evse_id) is status
    assert hand.station.reservations.all == before


def test_16_RESV_03_unknown_evse_and_an_expiry_that_has_passed_are_rejected() -> None:
    hand = station()
    assert reserve(hand, evse_id=2) is Status.REJECTED
    assert reserve(hand, for_s=0) is Status.REJECTED
    assert reserve(hand, for_s=-60) is Status.REJECTED
    assert hand.station.reservations.all == {}


def charge(hand: Hand, uid: str, evse_id: int = 1) -> None:
    hand.plug(evse_id)
    hand.read(evse_id)
    swipe(hand, uid, evse_id)
    hand.charge(evse_id)
    assert hand.station.evses[evse_id].transaction is not None


def finish(hand: Hand, uid: str, evse_id: int = 1) -> None:
    charge(hand, uid, evse_id)
    swipe(hand, uid, evse_id)
    hand.let_go(evse_id)
    assert hand.station.evses[evse_id].finishing


def broken(hand: Hand, evse_id: int = 1) -> None:
    hand.facts("A", evse_id=evse_id, inhibits=(("emergency-stop", hand.mono_ms),))


def operative(hand: Hand, evse_id: int, value: bool) -> None:
    hand.give(ChangeAvailability(evse_id, value))


def test_16_RESV_04_16_RESV_12_others_are_refused_and_told_why() -> None:
    hand = station()
    reserve(hand)
    hand.plug()
    hand.read()
    hand.sleep(2)
    assert started(hand) == []
    assert shown(hand) == [True], "somebody's plug alone does not make it Preparing (1.6 4.9: G2)"
    verdict = swipe(hand, STRANGER)
    assert (verdict.status, verdict.reason) == (Status.REJECTED, "Reserved")
    assert verdict.info == "EVSE 1: reserved for another token"
    refused = hand.of(TokenRefused)[-1]
    assert isinstance(refused, TokenRefused)
    assert (refused.status, refused.source) == ("Reserved", "reservation")
    hand.sleep(5)
    assert started(hand) == []
    rows = [row for row in reasons(hand.station, 1, hand.now) if row.name == "reserved"]
    assert rows[0].value == "for HOLDER until 2026-01-01 00:10:00 UTC"
    assert "reserved" in reasons(hand.station, 1, hand.now)[0].value


def test_16_RESV_12_a_token_shown_elsewhere_does_not_follow_its_plug_to_a_reserved_evse() -> None:
    hand = station(2)
    reserve(hand, evse_id=1)
    assert swipe(hand, STRANGER).info == "authorized for EVSE 2"
    hand.plug(1)
    hand.read(1)
    hand.sleep(2)
    assert started(hand) == []
    hand.unplug(1)
    hand.plug(2)
    hand.read(2)
    assert started(hand) == [(2, STRANGER, None)]


@pytest.mark.parametrize("plug_first", [True, False])
def test_16_RESV_05_16_CORE_38_the_holder_starts_and_the_reservation_ends(plug_first: bool) -> None:
    hand = station(2)
    reserve(hand, 33, evse_id=2)
    if plug_first:
        hand.plug(2)
    assert swipe(hand, HOLDER.lower()).info == "authorized for EVSE 2", "in any spelling, at a common reader"
    assert shown(hand) == [False, False]
    if not plug_first:
        assert 33 in hand.station.reservations.all, "it ends with the transaction, not with the card"
        hand.plug(2)
        hand.read(2)
    assert started(hand) == [(2, HOLDER.lower(), 33)]
    assert hand.station.reservations.all == {}
    assert ended(hand) == [], "the start says it"
    check_replay(hand)


def test_16_RESV_05_the_holder_on_another_evse_keeps_the_reservation() -> None:
    hand = station(2)
    reserve(hand, evse_id=2)
    charge(hand, HOLDER, 1)
    assert started(hand) == [(1, HOLDER, None)]
    assert shown(hand) == [False, True]


def test_16_RESV_05_the_connection_timeout_takes_the_authorization_not_the_reservation() -> None:
    hand = station()
    reserve(hand)
    swipe(hand, HOLDER)
    assert shown(hand) == [False]
    hand.sleep(61)
    assert hand.station.evses[1].admission.held is None
    assert shown(hand) == [True]
    assert swipe(hand, STRANGER).reason == "Reserved"
    charge(hand, HOLDER)
    assert started(hand) == [(1, HOLDER, 1)]


@pytest.mark.parametrize("where", ["list", "cache"])
def test_16_RESV_06_the_group_of_list_or_cache_starts_as_well(where: str) -> None:
    hand = station()
    getattr(hand.book, where)["friend"] = TokenInfo(AuthorizationStatus.ACCEPTED, group=IdToken("group"))
    reserve(hand, group=GROUP)
    hand.plug()
    hand.read()
    assert swipe(hand, STRANGER).reason == "Reserved", "offline, and no group known"
    assert swipe(hand, "FRIEND").status is Status.ACCEPTED
    assert started(hand) == [(1, "FRIEND", 1)]


@pytest.mark.parametrize(
    ("info", "starts"),
    [
        (TokenInfo(AuthorizationStatus.ACCEPTED, group=GROUP), True),
        (TokenInfo(AuthorizationStatus.ACCEPTED, group=IdToken("OTHERS")), False),
        (ACCEPTED, False),
        (TokenInfo(AuthorizationStatus.BLOCKED, group=GROUP), False),
        (None, False),
    ],
)
@pytest.mark.parametrize("known", [True, False])
def test_16_RESV_06_the_csms_is_asked_for_the_group(
    info: TokenInfo | None, starts: bool, known: bool
) -> None:
    hand = station()
    hand.online()
    uid = STRANGER if known else "NEVER SEEN"
    reserve(hand, group=GROUP)
    hand.plug()
    hand.read()
    assert swipe(hand, uid).info == "asking the CSMS", (
        "known without a group: pre-authorization is not enough"
    )
    ask = hand.effects[-1]
    assert isinstance(ask, AskAuthorize)
    hand.give(AuthorizeAnswered(ask.ask_id, info))
    assert started(hand) == ([(1, uid, 1)] if starts else [])


def test_16_RESV_06_nobody_is_asked_where_no_group_is_reserved_or_it_is_known() -> None:
    hand = station(2)
    hand.online()
    reserve(hand, evse_id=1)
    assert swipe(hand, STRANGER).info == "authorized for EVSE 2"
    swipe(hand, STRANGER)
    reserve(hand, evse_id=1, group=GROUP)
    assert swipe(hand, HOLDER).info == "authorized for EVSE 1"
    swipe(hand, HOLDER)
    hand.book.cache["other"] = TokenInfo(AuthorizationStatus.ACCEPTED, group=IdToken("OTHERS"))
    assert swipe(hand, "OTHER", 1).reason == "Reserved"
    assert not [effect for effect in hand.effects if isinstance(effect, AskAuthorize)]


def test_who_has_reserved_starts_and_does_not_stop_a_colleague() -> None:
    """Tokens of one group may stop each other's transactions; with a reservation the card is for charging."""
    hand = station(2)
    for name in ("a", "b"):
        hand.book.cache[name] = TokenInfo(AuthorizationStatus.ACCEPTED, group=GROUP)
    charge(hand, "A", 1)
    reserve(hand, 5, 2, "B")
    assert swipe(hand, "B").info == "authorized for EVSE 2"
    hand.plug(2)
    hand.read(2)
    assert started(hand) == [(1, "A", None), (2, "B", 5)]
    assert hand.station.evses[1].transaction is not None
    assert hand.station.evses[1].transaction.stopping is None


# ---------------------------------------------------------------------- any EVSE


def test_16_RESV_07_any_evse_of_one() -> None:
    hand = station(1)
    assert reserve(hand, evse_id=0) is Status.ACCEPTED
    assert shown(hand) == [True]
    assert swipe(hand, STRANGER).reason == "Reserved"
    charge(hand, HOLDER)
    assert started(hand) == [(1, HOLDER, 1)]
    assert hand.station.reservations.all == {}


def test_16_RESV_07_not_supported_is_rejected() -> None:
    hand = station(2, reservation_non_evse_specific=False)
    assert reserve(hand, evse_id=0) is Status.REJECTED
    assert reserve(hand, evse_id=1) is Status.ACCEPTED


def test_16_RESV_07_one_of_two_is_always_kept_free() -> None:
    hand = station(2)
    assert reserve(hand, evse_id=0) is Status.ACCEPTED
    assert shown(hand) == [False, False], "two are free for one"
    charge(hand, STRANGER, 1)
    assert shown(hand) == [False, True], "the last one"
    hand.book.cache["third"] = ACCEPTED
    hand.plug(2)
    hand.read(2)
    assert swipe(hand, "THIRD").reason == "Reserved"
    assert swipe(hand, "THIRD", 2).reason == "Reserved"
    assert hand.give(RemoteStart(IdToken("THIRD"))).status is Status.REJECTED
    hand.unplug(2)
    charge(hand, HOLDER, 2)
    assert started(hand) == [(1, STRANGER, None), (2, HOLDER, 1)]


def test_16_RESV_07_a_finishing_or_plugged_evse_is_not_one_kept_free() -> None:
    hand = station(2)
    reserve(hand, evse_id=0)
    finish(hand, STRANGER, 1)
    assert shown(hand) == [False, True], "the car of the finished one is still in the way"
    hand.book.cache["third"] = ACCEPTED
    assert swipe(hand, "THIRD", 2).reason == "Reserved"
    hand.unplug(1)
    assert shown(hand) == [False, False]
    assert swipe(hand, "THIRD", 2).status is Status.ACCEPTED
    assert swipe(hand, STRANGER, 1).reason == "Reserved"


@pytest.mark.parametrize(
    ("first", "second", "third"),
    [
        # EVSE of each reservation: which of them are accepted
        ((0, Status.ACCEPTED), (0, Status.ACCEPTED), (0, Status.OCCUPIED)),
        ((0, Status.ACCEPTED), (1, Status.ACCEPTED), (2, Status.OCCUPIED)),
        ((0, Status.ACCEPTED), (2, Status.ACCEPTED), (0, Status.OCCUPIED)),
        ((1, Status.ACCEPTED), (0, Status.ACCEPTED), (2, Status.OCCUPIED)),
        ((1, Status.ACCEPTED), (2, Status.ACCEPTED), (0, Status.OCCUPIED)),
        ((2, Status.ACCEPTED), (2, Status.OCCUPIED), (1, Status.ACCEPTED)),
    ],
)
def test_16_RESV_07_all_combinations_on_two(
    first: tuple[int, Status], second: tuple[int, Status], third: tuple[int, Status]
) -> None:
    """Never more than there are EVSEs; each holder gets one, in whatever order they come."""
    plan = (first, second, third)
    for order in ((0, 1, 2), (2, 1, 0)):
        hand = station(2)
        for number, (evse_id, status) in enumerate(plan):
            hand.book.cache[f"h{number}"] = ACCEPTED
            assert reserve(hand, number, evse_id, f"H{number}") is status
        assert shown(hand) == [True, True]
        assert swipe(hand, STRANGER).reason == "Reserved"
        for number in order:
            if plan[number][1] is Status.ACCEPTED:
                verdict = swipe(hand, f"H{number}")
                assert verdict.status is Status.ACCEPTED
                evse_id = int(verdict.info[-1])
                hand.plug(evse_id)
                hand.read(evse_id)
                assert started(hand)[-1] == (evse_id, f"H{number}", number)
        assert hand.station.reservations.all == {}
        check_replay(hand)


def test_16_RESV_07_a_reservation_moves_between_one_and_any() -> None:
    hand = station(2)
    reserve(hand, 1, 0)
    assert reserve(hand, 1, 2) is Status.ACCEPTED
    assert shown(hand) == [False, True]
    charge(hand, STRANGER, 1)
    assert reserve(hand, 1, 0) is Status.ACCEPTED, "what it keeps already"
    assert shown(hand) == [False, True]
    assert reserve(hand, 1, 1) is Status.OCCUPIED
    assert reserve(hand, 1, 0, for_s=60) is Status.ACCEPTED
    hand.sleep(61)
    assert shown(hand) == [False, False]


def test_16_RESV_07_of_a_group_one_comes_for_one_reservation() -> None:
    """The second of the group is one like others, who must leave the last EVSE to the next holder."""
    hand = station(2)
    for name in ("a", "b"):
        hand.book.cache[name] = TokenInfo(AuthorizationStatus.ACCEPTED, group=GROUP)
    reserve(hand, 1, 0, "BOSS", group=GROUP)
    reserve(hand, 2, 0, HOLDER)
    assert swipe(hand, "A").info == "authorized for EVSE 1"
    assert shown(hand) == [False, True]
    assert swipe(hand, "B").reason == "Reserved"
    assert reserve(hand, 3, 2) is Status.OCCUPIED
    assert swipe(hand, HOLDER).info == "authorized for EVSE 2"
    for evse_id in (2, 1):
        hand.plug(evse_id)
        hand.read(evse_id)
    assert started(hand) == [(2, HOLDER, 2), (1, "A", 1)]


def test_16_RESV_07_a_token_uses_its_own_reservation_before_one_of_its_group() -> None:
    hand = station(2)
    hand.book.cache["a"] = TokenInfo(AuthorizationStatus.ACCEPTED, group=GROUP)
    reserve(hand, 1, 0, "BOSS", group=GROUP, for_s=60)
    reserve(hand, 2, 0, "A", for_s=600)
    charge(hand, "A")
    assert started(hand) == [(1, "A", 2)]


def test_16_RESV_07_a_holder_who_is_here_leaves_the_others_free() -> None:
    hand = station(2)
    reserve(hand, 1, 0)
    swipe(hand, HOLDER)
    assert shown(hand) == [False, False]
    assert swipe(hand, STRANGER).info == "authorized for EVSE 2"


def test_16_RESV_07_an_authorization_that_moves_frees_the_evse_it_leaves() -> None:
    hand = station(2)
    reserve(hand, evse_id=0)
    assert swipe(hand, STRANGER).info == "authorized for EVSE 1"
    hand.plug(2)
    hand.read(2)
    assert started(hand) == [(2, STRANGER, None)], "one is still free for the holder: the other"
    assert shown(hand) == [True, False]


# ---------------------------------------------------------------------- the end


def test_16_RESV_08_it_ends_at_its_expiry() -> None:
    hand = station(2)
    reserve(hand, 1, 1, for_s=60)
    reserve(hand, 2, 2, for_s=90)
    assert hand.station.next_deadline_ms() <= hand.mono_ms + 60_000
    hand.sleep(59)
    assert shown(hand) == [True, True]
    hand.sleep(1)
    assert shown(hand) == [False, True]
    assert ended(hand) == [(1, ReservationEnd.EXPIRED)]
    assert swipe(hand, STRANGER, 1).status is Status.ACCEPTED
    check_replay(hand)


def test_16_RESV_08_nothing_is_decided_by_a_reservation_that_is_over() -> None:
    """The very input that comes first after the expiry finds it gone, without a tick in between."""
    hand = station()
    reserve(hand, for_s=60)
    hand.plug()
    hand.mono_ms += 60_000
    hand.utc_ms += 60_000
    hand.read()
    assert swipe(hand, STRANGER).status is Status.ACCEPTED
    assert started(hand) == [(1, STRANGER, None)]


@pytest.mark.parametrize(("jump_s", "gone"), [(3600, True), (30, False), (-3600, False)])
def test_16_RESV_08_the_clock_is_set(jump_s: int, gone: bool) -> None:
    """The expiry is an instant of the wall clock: what counts is what time it is, not how long it took."""
    hand = station()
    reserve(hand, for_s=60)
    hand.utc_ms += jump_s * 1000
    hand.give(Tick())
    assert (hand.station.reservations.all == {}) is gone
    if jump_s < 0:
        hand.sleep(120)
        assert shown(hand) == [True]


def test_16_RESV_08_it_passes_while_the_station_is_off() -> None:
    hand = station()
    reserve(hand, for_s=60)
    other = Station(hand.specs, POLICY, hand.book, lambda: "tx")
    for event in hand.events:
        other.apply(event)
    later = Now(5_000, hand.utc_ms + 61_000)
    other.apply(StationStarted("1", "PowerUp", later.utc_ms))
    outcome = other.handle(Tick(), later)
    assert [type(event) for event in outcome.events if isinstance(event, ReservationEnded)] == [
        ReservationEnded
    ]
    assert other.reservations.all == {}


def test_16_RESV_08_an_authorized_holder_whose_reservation_expires_still_charges() -> None:
    hand = station()
    reserve(hand, for_s=30)
    swipe(hand, HOLDER)
    hand.sleep(31)
    hand.plug()
    hand.read()
    assert started(hand) == [(1, HOLDER, None)], "the reservation is over, so the start does not name it"


@pytest.mark.parametrize("evse_id", [1, 0])
@pytest.mark.parametrize(
    "deed",
    [
        pytest.param(lambda hand: broken(hand), id="faulted"),
        pytest.param(lambda hand: hand.give(StorageChanged("full")), id="station faulted"),
        pytest.param(lambda hand: operative(hand, 1, False), id="unavailable"),
        pytest.param(lambda hand: operative(hand, 0, False), id="station unavailable"),
    ],
)
def test_16_RESV_09_faulted_or_unavailable_ends_it(deed: Deed, evse_id: int) -> None:
    hand = station()
    reserve(hand, 4, evse_id)
    deed(hand)
    assert ended(hand) == [(4, ReservationEnd.REMOVED)]
    hand.facts("A")
    operative(hand, 1, True)
    operative(hand, 0, True)
    hand.give(StorageChanged(None))
    hand.sleep(1)
    assert shown(hand) == [False]
    assert swipe(hand, STRANGER).status is Status.ACCEPTED
    check_replay(hand)


def test_16_RESV_09_with_two_evses_only_what_cannot_be_kept_ends() -> None:
    hand = station(2)
    reserve(hand, 1, 0)
    reserve(hand, 2, 0, STRANGER)
    hand.sleep(1)
    broken(hand, 1)
    assert ended(hand) == [(2, ReservationEnd.REMOVED)], "one EVSE is left, for the older one"
    assert shown(hand) == [False, True]
    hand.facts("A", evse_id=1)
    reserve(hand, 3, 1)
    assert ended(hand) == [(2, ReservationEnd.REMOVED)]
    broken(hand, 1)
    assert ended(hand)[1:] == [(3, ReservationEnd.REMOVED)]
    broken(hand, 2)
    assert ended(hand)[2:] == [(1, ReservationEnd.REMOVED)]


def test_16_RESV_10_cancel() -> None:
    hand = station()
    reserve(hand, 9)
    assert cancel(hand, 8) is Status.REJECTED
    assert cancel(hand, 9) is Status.ACCEPTED
    assert cancel(hand, 9) is Status.REJECTED
    assert shown(hand) == [False]
    assert ended(hand) == [(9, ReservationEnd.CANCELLED)]
    assert swipe(hand, STRANGER).status is Status.ACCEPTED
    check_replay(hand)


def test_16_RESV_11_it_outlives_a_restart() -> None:
    hand = station(2)
    reserve(hand, 1, 1, group=GROUP)
    reserve(hand, 2, 0, STRANGER)
    check_replay(hand)
    other = Station(hand.specs, POLICY, hand.book, lambda: "tx")
    for event in hand.station.checkpoint():
        other.apply(event)
    other.start("1", "PowerUp", hand.now)
    other.handle(CsmsChanged(False), hand.now)
    assert [view.reserved for view in other.views(hand.now)[1:]] == [True, True], "before any report"
    for spec in hand.specs:
        other.handle(facts(hand, spec.evse_id), hand.now)
        other.handle(Reading(spec.evse_id, hand.mono_ms, 5000), hand.now)
    assert [view.reserved for view in other.views(hand.now)[1:]] == [True, True]


def test_16_RESV_11_a_safety_process_that_comes_late_after_a_reboot_costs_no_reservation() -> None:
    hand = station()
    reserve(hand)
    late = Hand()
    for event in hand.station.checkpoint():
        late.station.apply(event)
    late.give(SafetyLost("nobody there yet"))
    late.sleep(5, tick=True)
    assert late.station.evses[1].fault() == "safety-silent"
    assert len(late.station.reservations.all) == 1
    late.facts("A")
    late.sleep(1)
    assert shown(late) == [True]
    late.give(SafetyLost("no report any more"))
    assert late.station.reservations.all == {}, "now it is a fault like others"


def test_a_reservation_to_the_end_of_time_can_be_shown() -> None:
    hand = station()
    hand.give(ReserveNow(1, 1, IdToken(HOLDER), 2**62))
    rows = [row.value for row in reasons(hand.station, 1, hand.now) if row.name == "reserved"]
    assert rows == ["for HOLDER until 9999-12-31 23:59:59 UTC"]


def facts(hand: Hand, evse_id: int) -> EvseFacts:
    found = hand.station.evses[evse_id].facts
    assert found is not None
    return found


# ---------------------------------------------------------------------- remote start, free vend, light


def test_16_CORE_116_remote_start_on_an_evse_reserved_for_somebody_else_is_rejected() -> None:
    hand = station(2)
    hand.online()
    reserve(hand, 6, 1)
    verdict = hand.give(RemoteStart(IdToken(STRANGER), 1))
    assert verdict is not None
    assert (verdict.status, verdict.reason) == (Status.REJECTED, "Reserved")
    assert hand.give(RemoteStart(IdToken(STRANGER))).status is Status.ACCEPTED
    assert hand.station.evses[2].admission.held is not None, "the other one is free"
    assert hand.give(RemoteStart(IdToken(HOLDER))).status is Status.ACCEPTED
    hand.plug(1)
    hand.read(1)
    assert started(hand) == [(1, HOLDER, 6)]


@pytest.mark.parametrize("group", [GROUP, IdToken("OTHERS")])
def test_16_RESV_06_a_remote_start_by_group(group: IdToken) -> None:
    """2.0.1 names the group; 1.6 does not, so the CSMS is asked unless the list knows it."""
    hand = station()
    hand.online()
    reserve(hand, group=GROUP)
    hand.plug()
    hand.read()
    named = RemoteStart(IdToken("FRIEND"), 1, group=group)
    assert (hand.give(named).status is Status.ACCEPTED) is (group == GROUP)
    if group != GROUP:
        assert hand.give(RemoteStart(IdToken("FRIEND"), 1)).status is Status.ACCEPTED
        ask = hand.effects[-1]
        assert isinstance(ask, AskAuthorize)
        hand.give(AuthorizeAnswered(ask.ask_id, TokenInfo(AuthorizationStatus.ACCEPTED, group=group)))
        assert started(hand) == []
        assert isinstance(hand.events[-1], TokenRefused)
        assert hand.give(RemoteStart(IdToken("PAL"), 1)).status is Status.ACCEPTED
        ask = hand.effects[-1]
        assert isinstance(ask, AskAuthorize)
        hand.give(AuthorizeAnswered(ask.ask_id, TokenInfo(AuthorizationStatus.ACCEPTED, group=GROUP)))
    assert [(evse_id, id_) for evse_id, _token, id_ in started(hand)] == [(1, 1)]


def test_free_vend_leaves_a_reserved_evse_to_its_holder() -> None:
    hand = station(2, auth_enabled=False)
    reserve(hand, 1, 1)
    for evse_id in (1, 2):
        hand.plug(evse_id)
        hand.read(evse_id)
    assert started(hand) == [(2, "FREE", None)]
    assert swipe(hand, STRANGER, 1).reason == "Reserved"
    swipe(hand, HOLDER, 1)
    assert started(hand)[1:] == [(1, HOLDER, 1)]


def test_the_indicator_says_reserved() -> None:
    hand = station()
    reserve(hand)
    swipe(hand, STRANGER)
    swipe(hand, HOLDER)
    hand.sleep(61)
    hand.plug()
    cancel(hand)
    lights = [effect.state for effect in hand.effects if isinstance(effect, ShowIndicator)]
    assert lights == ["available", "reserved", "refused", "waiting", "reserved", "waiting"]


def test_a_stranger_keeps_the_right_that_was_given_before_the_reservation() -> None:
    hand = station(2)
    swipe(hand, STRANGER, 1)
    assert reserve(hand, 1, 0) is Status.ACCEPTED, "EVSE 2 is for the holder"
    hand.plug(2)
    hand.plug(1)
    hand.read(1)
    assert started(hand) == [(1, STRANGER, None)], "whoever plugged in at 2 does not take it from him"
    assert len(hand.of(TokenAuthorized)) == 1
