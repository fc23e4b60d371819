"""Local list and authorization cache: what is taken, what is learned, who wins."""

from __future__ import annotations

from dataclasses import replace

import pytest

from controller.domain.access.tokens import AuthorizationStatus, IdToken, ListEntry, ListState, TokenInfo
from controller.domain.commands import ClearCache, GetLocalListVersion, Status, UpdateLocalList
from controller.domain.effects import AskAuthorize, StoreLocalList
from controller.domain.events import (
    FaultCleared,
    FaultRaised,
    LocalListUpdated,
    TokenAuthorized,
    TokenLearned,
)
from controller.domain.inputs import AuthorizeAnswered, PolicyChanged, TransactionAnswered
from controller.domain.why import reasons
from tests.domain.conftest import POLICY, Hand

ACCEPTED = TokenInfo(AuthorizationStatus.ACCEPTED)
BLOCKED = TokenInfo(AuthorizationStatus.BLOCKED)


def entries(*names: str, info: TokenInfo | None = ACCEPTED) -> tuple[ListEntry, ...]:
    return tuple(ListEntry(IdToken(name), info) for name in names)


def send(hand: Hand, version: int, full: bool, *lines: ListEntry) -> Status:
    verdict = hand.give(UpdateLocalList(version, full, lines))
    assert verdict is not None
    return verdict.status


def state(hand: Hand) -> ListState | None:
    verdict = hand.give(GetLocalListVersion())
    assert verdict is not None
    return verdict.local_list


def asked(hand: Hand) -> AskAuthorize:
    effect = hand.effects[-1]
    assert isinstance(effect, AskAuthorize)
    return effect


def answer(hand: Hand, info: TokenInfo | None) -> None:
    hand.give(AuthorizeAnswered(asked(hand).ask_id, info))


# ---------------------------------------------------------------------- updates


def test_16_LIST_01_a_full_list_replaces_and_an_empty_one_clears(hand: Hand) -> None:
    assert state(hand) == ListState(0, 0)
    assert send(hand, 5, True, *entries("a", "b")) is Status.ACCEPTED
    assert send(hand, 3, True, *entries("c")) is Status.ACCEPTED, "a full list may have any version"
    assert set(hand.book.list) == {"c"}
    assert state(hand) == ListState(3, 1)
    assert send(hand, 4, True) is Status.ACCEPTED
    assert state(hand) == ListState(4, 0)
    assert [event.entries for event in hand.of(LocalListUpdated)] == [2, 1, 0]


def test_16_LIST_02_16_LIST_03_a_differential_adds_changes_and_removes(hand: Hand) -> None:
    send(hand, 1, True, *entries("a", "b"))
    assert send(hand, 2, False, *entries("A", info=BLOCKED), *entries("b", info=None), *entries("c")) is (
        Status.ACCEPTED
    )
    assert hand.book.list == {"a": BLOCKED, "c": ACCEPTED}
    assert send(hand, 3, False, *entries("nobody", info=None)) is Status.ACCEPTED
    assert send(hand, 4, False) is Status.ACCEPTED
    assert hand.book.list == {"a": BLOCKED, "c": ACCEPTED}
    assert state(hand) == ListState(4, 2)


@pytest.mark.parametrize(
    ("version", "full", "lines", "status"),
    [
        pytest.param(5, False, entries("x"), Status.VERSION_MISMATCH, id="16_LIST_04 the same version"),
        pytest.param(4, False, entries("x"), Status.VERSION_MISMATCH, id="16_LIST_04 an older version"),
        pytest.param(6, False, entries("x", "X"), Status.FAILED, id="16_LIST_05 twice, differential"),
        pytest.param(6, True, entries("x", "y", "x"), Status.FAILED, id="16_LIST_05 twice, full"),
        pytest.param(6, False, entries(*"uvwxyz"), Status.FAILED, id="16_LIST_06 too many in a message"),
        pytest.param(6, True, entries(*"uvwxyz"), Status.FAILED, id="16_LIST_06 too many in a full one"),
        pytest.param(0, True, entries("x"), Status.FAILED, id="16_LIST_07 version 0"),
        pytest.param(-1, True, entries("x"), Status.FAILED, id="16_LIST_07 version -1"),
        pytest.param(-1, False, entries("x"), Status.FAILED, id="16_LIST_07 version -1, differential"),
        pytest.param(6, True, entries("x", info=None), Status.FAILED, id="full without information"),
    ],
)
def test_16_LIST_04_16_LIST_05_16_LIST_06_16_LIST_07_a_refused_update_changes_nothing(
    hand: Hand, version: int, full: bool, lines: tuple[ListEntry, ...], status: Status
) -> None:
    send(hand, 5, True, *entries("a", "b"))
    hand.effects.clear()
    assert send(hand, version, full, *lines) is status
    assert not [effect for effect in hand.effects if isinstance(effect, StoreLocalList)]
    assert set(hand.book.list) == {"a", "b"}
    assert state(hand) == ListState(5, 2)
    assert len(hand.of(LocalListUpdated)) == 1


def test_16_LIST_06_the_list_never_grows_beyond_its_size(hand: Hand) -> None:
    send(hand, 1, True, *entries("a", "b", "c", "d", "e"))
    assert send(hand, 2, False, *entries("f", "g", "h", "i")) is Status.ACCEPTED
    assert send(hand, 3, False, *entries("j", "k")) is Status.FAILED, "eleven"
    assert state(hand) == ListState(2, 9)
    assert send(hand, 3, False, *entries("a", "b", "c", "d", "j")) is Status.ACCEPTED, "four are known: ten"
    swap = (*entries("k", "l"), *entries("a", "b", info=None))
    assert send(hand, 4, False, *swap) is Status.ACCEPTED, "two come, two go: ten"
    assert send(hand, 5, False, *entries("m"), *entries("a", info=None)) is Status.FAILED, "a has gone before"
    assert state(hand) == ListState(4, 10)


def test_16_LIST_08_16_LIST_11_a_list_that_is_switched_off(hand: Hand) -> None:
    send(hand, 5, True, *entries("a"))
    hand.give(PolicyChanged(replace(POLICY, local_list_enabled=False)))
    assert hand.give(GetLocalListVersion()).status is Status.NOT_SUPPORTED
    assert send(hand, 6, True, *entries("b")) is Status.NOT_SUPPORTED
    assert hand.swipe("a").status is Status.REJECTED, "offline, and only the list would know it"
    hand.give(PolicyChanged(POLICY))
    assert state(hand) == ListState(5, 1)
    assert hand.swipe("a").status is Status.ACCEPTED


def test_16_LIST_09_a_list_that_cannot_be_stored_is_failed_and_stays(hand: Hand) -> None:
    send(hand, 5, True, *entries("a"))
    hand.book.broken = "disk full"
    verdict = hand.give(UpdateLocalList(6, True, entries("b")))
    assert (verdict.status, verdict.info) == (Status.FAILED, "disk full")
    assert state(hand) == ListState(5, 1)
    assert len(hand.of(LocalListUpdated)) == 1
    assert hand.give(ClearCache()).status is Status.REJECTED


def test_16_LIST_10_only_the_csms_changes_the_list(hand: Hand) -> None:
    """Not an expiry, not what the CSMS says of a token, not ClearCache."""
    soon = TokenInfo(AuthorizationStatus.ACCEPTED, hand.utc_ms + 1000)
    send(hand, 1, True, *entries("a"), *entries("b", info=soon))
    before = dict(hand.book.list)
    hand.online()
    hand.sleep(5)
    hand.swipe("b")
    answer(hand, BLOCKED)
    hand.give(TransactionAnswered("tx", IdToken("a"), BLOCKED, started=True))
    assert hand.give(ClearCache()).status is Status.ACCEPTED
    assert hand.book.list == before
    assert state(hand) == ListState(1, 2)


def test_16_LIST_13_16_CORE_27_an_expired_or_refused_entry_is_refused_offline(hand: Hand) -> None:
    hand.give(PolicyChanged(replace(POLICY, offline_tx_for_unknown_id=True)))
    soon = TokenInfo(AuthorizationStatus.ACCEPTED, hand.utc_ms + 2000)
    send(hand, 1, True, *entries("a", info=soon), *entries("b", info=BLOCKED))
    assert hand.swipe("a").status is Status.ACCEPTED
    hand.swipe("a")  # withdrawn
    hand.sleep(2)
    verdict = hand.swipe("a")
    assert (verdict.status, verdict.reason, verdict.info) == (
        Status.REJECTED,
        "Expired",
        "refused by local-list",
    )
    assert hand.swipe("b").reason == "Blocked"
    assert hand.swipe("stranger").status is Status.ACCEPTED


# ---------------------------------------------------------------------- the conflict


def test_16_LIST_12_the_csms_contradicts_the_list(hand: Hand) -> None:
    send(hand, 1, True, *entries("a", "c"))
    hand.online()
    hand.plug()
    hand.swipe("a")
    hand.read()
    hand.give(TransactionAnswered("tx-1", IdToken("a"), BLOCKED, started=True))
    (raised,) = hand.of(FaultRaised)
    assert (raised.evse_id, raised.fault, raised.about) == (0, "local-list-conflict", "a")
    station, _evse = hand.station.views(hand.now)
    assert (station.fault, station.warning, station.about) == (None, "local-list-conflict", "a")
    assert "(a)" in next(row.value for row in reasons(hand.station, 1, hand.now) if row.kind == "warning")
    assert hand.book.list["a"] == ACCEPTED, "the list is the CSMS's to change"
    hand.give(TransactionAnswered("tx-1", IdToken("a"), BLOCKED, started=False))
    assert len(hand.of(FaultRaised)) == 1, "said once"
    hand.give(TransactionAnswered("tx-1", IdToken("c"), BLOCKED, started=True))
    assert [event.about for event in hand.of(FaultRaised)] == ["a", "c"], "each token is told"


@pytest.mark.parametrize(
    ("listed", "told", "conflict"),
    [
        (ACCEPTED, TokenInfo(AuthorizationStatus.INVALID), True),
        (ACCEPTED, TokenInfo(AuthorizationStatus.EXPIRED), True),
        (ACCEPTED, TokenInfo(AuthorizationStatus.CONCURRENT_TX), False),
        (ACCEPTED, TokenInfo(AuthorizationStatus.NO_CREDIT), False),
        (TokenInfo(AuthorizationStatus.CONCURRENT_TX), ACCEPTED, False),
        (BLOCKED, TokenInfo(AuthorizationStatus.INVALID), False),
        (BLOCKED, ACCEPTED, True),
        (TokenInfo(AuthorizationStatus.ACCEPTED, 1), ACCEPTED, True),
    ],
)
def test_16_LIST_12_what_is_a_conflict(
    hand: Hand, listed: TokenInfo, told: TokenInfo, conflict: bool
) -> None:
    send(hand, 1, True, *entries("a", info=listed))
    hand.give(TransactionAnswered("tx", IdToken("a"), told, started=True))
    assert bool(hand.of(FaultRaised)) is conflict


@pytest.mark.parametrize("way", ["the list is sent", "the csms agrees", "the list is switched off"])
def test_16_LIST_12_how_the_conflict_ends(hand: Hand, way: str) -> None:
    send(hand, 1, True, *entries("a"))
    hand.give(TransactionAnswered("tx", IdToken("a"), BLOCKED, started=True))
    hand.give(TransactionAnswered("tx", IdToken("other"), ACCEPTED, started=True))
    assert send(hand, 1, False) is Status.VERSION_MISMATCH
    assert not hand.of(FaultCleared)
    match way:
        case "the list is sent":
            send(hand, 2, False, *entries("a", info=BLOCKED))
        case "the csms agrees":
            hand.give(TransactionAnswered("tx", IdToken("a"), ACCEPTED, started=True))
        case _:
            hand.give(PolicyChanged(replace(POLICY, local_list_enabled=False)))
    (cleared,) = hand.of(FaultCleared)
    assert (cleared.evse_id, cleared.fault) == (0, "local-list-conflict")
    assert hand.station.views(hand.now)[0].warning is None


def test_the_conflict_is_rebuilt_from_checkpoint_and_journal(hand: Hand) -> None:
    send(hand, 1, True, *entries("a"))
    hand.give(TransactionAnswered("tx", IdToken("a"), BLOCKED, started=True))
    for events in (hand.events, hand.station.checkpoint()):
        other = Hand()
        for event in events:
            other.station.apply(event)
        assert other.station.views(other.now)[0].about == "a"


# ---------------------------------------------------------------------- the cache


def test_16_CORE_28_every_answer_makes_or_changes_an_entry_valid_or_not(hand: Hand) -> None:
    """Of Authorize, of the start and of the stop of a transaction."""
    hand.online()
    hand.swipe("a")
    answer(hand, BLOCKED)
    assert hand.book.cache == {"a": BLOCKED}
    hand.give(TransactionAnswered("tx", IdToken("A"), ACCEPTED, started=True))
    hand.give(TransactionAnswered("tx", IdToken("b"), BLOCKED, started=False))
    assert hand.book.cache == {"a": ACCEPTED, "b": BLOCKED}
    hand.give(TransactionAnswered("tx", IdToken("b"), BLOCKED, started=False))
    assert len(hand.of(TokenLearned)) == 3, "no news, no commit"


def test_16_CORE_28_an_answer_after_the_decision_still_teaches(hand: Hand) -> None:
    hand.online()
    hand.swipe("a")
    ask_id = asked(hand).ask_id
    hand.sleep(31)
    assert hand.book.cache == {}
    hand.give(AuthorizeAnswered(ask_id, ACCEPTED))
    hand.give(AuthorizeAnswered(ask_id, BLOCKED))
    assert hand.book.cache == {"a": ACCEPTED}


def test_16_CORE_29_a_token_of_the_list_is_not_cached_and_the_list_wins(hand: Hand) -> None:
    send(hand, 1, True, *entries("a", info=BLOCKED))
    hand.give(TransactionAnswered("tx", IdToken("a"), ACCEPTED, started=True))
    assert hand.book.cache == {}
    hand.book.cache["a"] = ACCEPTED  # cached before it was listed
    assert hand.swipe("a").reason == "Blocked"


def test_16_CORE_30_a_cached_token_past_its_expiry_counts_as_expired(hand: Hand) -> None:
    hand.book.cache["a"] = TokenInfo(AuthorizationStatus.ACCEPTED, hand.utc_ms + 2000)
    assert hand.swipe("a").status is Status.ACCEPTED
    hand.swipe("a")
    hand.sleep(2)
    assert hand.swipe("a").reason == "Expired"
    hand.online()
    assert hand.swipe("a").info == "asking the CSMS"


def test_16_CORE_33_a_token_cached_as_invalid_is_asked_about_online(hand: Hand) -> None:
    hand.book.cache["a"] = BLOCKED
    assert hand.swipe("a").reason == "Blocked"
    hand.online()
    hand.swipe("a")
    answer(hand, ACCEPTED)
    (authorized,) = hand.of(TokenAuthorized)
    assert authorized.source == "csms"
    assert hand.book.cache["a"] == ACCEPTED


def test_16_CORE_34_a_cache_that_is_switched_off_neither_decides_nor_learns(hand: Hand) -> None:
    hand.book.cache["a"] = ACCEPTED
    hand.give(PolicyChanged(replace(POLICY, auth_cache_enabled=False)))
    assert hand.swipe("a").status is Status.REJECTED
    hand.give(TransactionAnswered("tx", IdToken("b"), ACCEPTED, started=True))
    assert "b" not in hand.book.cache
    hand.give(TransactionAnswered("tx", IdToken("a"), BLOCKED, started=True))
    hand.give(PolicyChanged(POLICY))
    assert hand.swipe("a").reason == "Blocked", "what it knew was kept true in the meantime"


def test_16_CORE_35_16_CORE_36_clear_cache(hand: Hand) -> None:
    send(hand, 1, True, *entries("l"))
    hand.book.cache["a"] = ACCEPTED
    assert hand.give(ClearCache()).status is Status.ACCEPTED
    assert hand.book.cache == {}
    assert set(hand.book.list) == {"l"}
    hand.book.cache["a"] = ACCEPTED
    hand.give(PolicyChanged(replace(POLICY, auth_cache_enabled=False)))
    assert hand.give(ClearCache()).status is Status.REJECTED
    assert hand.book.cache


# ---------------------------------------------------------------------- policies


@pytest.mark.parametrize("where", ["list", "cache"])
def test_16_CORE_24_pre_authorize_decides_whether_a_known_token_waits(hand: Hand, where: str) -> None:
    getattr(hand.book, where)["a"] = ACCEPTED
    hand.online()
    hand.plug()
    hand.read()
    hand.give(PolicyChanged(replace(POLICY, local_pre_authorize=False)))
    assert hand.swipe("a").info == "asking the CSMS"
    assert not hand.of(TokenAuthorized), "it waits for the answer"
    answer(hand, None)
    assert hand.of(TokenAuthorized), "no answer at all: decided as if offline"


def test_16_CORE_24_pre_authorized_at_once(hand: Hand) -> None:
    hand.book.cache["a"] = ACCEPTED
    hand.online()
    hand.swipe("a")
    assert hand.of(TokenAuthorized)
    assert not [effect for effect in hand.effects if isinstance(effect, AskAuthorize)]


@pytest.mark.parametrize("where", ["list", "cache"])
def test_16_CORE_25_local_authorize_offline(hand: Hand, where: str) -> None:
    getattr(hand.book, where)["a"] = ACCEPTED
    hand.give(PolicyChanged(replace(POLICY, local_authorize_offline=False)))
    assert hand.swipe("a").status is Status.REJECTED
    hand.give(PolicyChanged(POLICY))
    assert hand.swipe("a").status is Status.ACCEPTED


def test_16_CORE_26_unknown_tokens_offline(hand: Hand) -> None:
    assert hand.swipe("a").status is Status.REJECTED
    hand.give(PolicyChanged(replace(POLICY, offline_tx_for_unknown_id=True)))
    assert hand.swipe("a").status is Status.ACCEPTED
