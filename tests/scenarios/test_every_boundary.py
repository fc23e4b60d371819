"""A whole session, disturbed at each of its boundaries in turn: after each message, after each journal entry.

First the session runs undisturbed and its messages and journal entries are counted; then it runs once for
each of them, and the CSMS vanishes (before it has taken the message, or after, with the answer lost), or
the controller loses its power (right after the commit, before anybody hears of it). Afterwards the books
must be those of the undisturbed session.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from controller.domain.events import (
    ContactorUsed,
    CsmsAccepted,
    Event,
    SecurityEvent,
    SessionEnded,
    StationStarted,
    TokenAuthorized,
    TokenLearned,
    TransactionEnded,
    TransactionStarted,
    TransactionUpdated,
    Trigger,
)
from tests.support.csms import Payload
from tests.support.house import House, shape
from tests.support.ledger import Ledger
from tests.support.virtual_time import run_virtual

VERSIONS = ("ocpp1.6", "ocpp2.0.1")
CARD = "04A2B3C4"
SETTINGS: dict[str, str | int | bool] = {
    "SampledDataCtrlr.TxUpdatedInterval": 2,
    "AuthCtrlr.OfflineTxForUnknownIdEnabled": True,
    "TxCtrlr.TxBeforeAcceptedEnabled": True,
    "OCPPCommCtrlr.RetryBackOffRepeatTimes": 1,
}
AWAY_S = (2.0, 60.0)
"""How long the CSMS is away: back in the middle of the session, or after its end."""


def check_ledger(csms: Ledger, house: House) -> None:
    """The CSMS has the transaction once, with the registers that the journal has."""
    (booked,) = csms.check()
    (started,) = house.happened(TransactionStarted)
    (ended,) = house.happened(TransactionEnded)
    assert (booked.starts, booked.stops) == ([started.register_wh], [ended.register_wh])


def essence(events: list[Event]) -> list[str]:
    """What any run of the session must have in common: not when it was online, not how often a card was
    shown or a meter sampled, not how often the controller began."""
    rows = []
    for event in events:
        if isinstance(event, (StationStarted, CsmsAccepted, SecurityEvent, TokenLearned, TokenAuthorized)):
            continue
        if isinstance(event, ContactorUsed):  # a controller that was away has not timed the contactor
            rows.append(f"operations {event.wear.operations}, under load {event.wear.under_load}")
            continue
        if isinstance(event, TransactionUpdated) and event.trigger is Trigger.METER_VALUE_PERIODIC:
            continue
        rows += [row.replace("'offline': True", "'offline': False") for row in shape([event])]
    return rows


Disturb = Callable[[House], None]


@dataclass
class Run:
    """What is left of a session. ``operations``: how often the contactor moved."""

    ledger: Ledger
    events: list[Event]
    operations: int
    under_load: int


async def session(house: House) -> None:
    """A person charges; a card that does nothing within twelve seconds is shown again, as people do."""
    world = house.world
    await house.sleep(1)
    world.plug(1, max_ma=16_000)
    await house.sleep(1)
    await swipe_until(house, house.charging, "current flows")
    await house.sleep(5)
    await swipe_until(house, lambda: bool(house.happened(TransactionEnded)), "the transaction ends")
    await house.until(lambda: not world.evse(1).lock.bolted, "the plug is released")
    world.unplug(1)
    await house.until(lambda: bool(house.happened(SessionEnded)), "the session ends")


async def swipe_until(house: House, condition: Callable[[], bool], what: str) -> None:
    for _attempt in range(3):
        house.world.swipe(CARD)
        try:
            await house.until(condition, what, 12)
        except AssertionError:
            continue
        return
    raise AssertionError(f"{what}: not after three swipes; {shape(house.events())}; {house.said}")


def play(directory: Path, ledger: Callable[[], Ledger], disturb: Disturb = lambda _house: None) -> Run:
    directory.mkdir()

    async def one() -> Run:
        async with (
            ledger() as csms,
            House.build(directory, csms, csms.version, settings=SETTINGS) as house,
        ):
            disturb(house)
            await session(house)
            await house.until(lambda: house.app is not None, "the controller runs")
            await house.sleep(1)
            await house.delivered()
            house.check_books()
            check_ledger(csms, house)
            contactor = house.safety.evses[0].state.contactor
            return Run(csms, house.events(), contactor.operations, contactor.openings_under_load)

    return run_virtual(one())


def compare(run: Run, calm: Run, what: str) -> None:
    assert essence(run.events) == essence(calm.events), what
    assert run.operations == calm.operations, f"{what}: the contactor moved"
    assert run.under_load == 0, what


@pytest.mark.parametrize("taken", [False, True], ids=["request lost", "answer lost"])
@pytest.mark.parametrize("version", VERSIONS)
def test_the_csms_vanishes_at_every_message(tmp_path: Path, version: str, taken: bool) -> None:
    calm = play(tmp_path / "calm", lambda: Ledger(version))
    count = len(calm.ledger.received)
    assert count >= 11, "boot, statuses, Authorize, start, samples, stop"
    repeated = 0
    for number, action in enumerate(calm.ledger.actions):
        away_s = AWAY_S[number % len(AWAY_S)]
        what = f"{version}, message {number} of {count}, {action}, away for {away_s:g} s"
        run = play(
            tmp_path / f"{number}",
            lambda: Ledger(version, number, taken, away_s),  # noqa: B023 - used at once
        )
        compare(run, calm, what)
        repeated += len(run.ledger.repeats)
    assert bool(repeated) is taken, "only a message whose answer was lost goes out twice"


def cut_at(seq: int) -> Disturb:
    """Cut the power right after the commit of entry ``seq``, and switch it on two seconds later."""

    def disturb(house: House) -> None:
        assert house.app is not None

        def committed(_events: object, last_seq: int) -> None:
            if last_seq >= seq:
                house.cut_power()
                restarts.append(asyncio.create_task(house.restart_controller(2)))

        house.app.inbox.on_events.insert(0, committed)

    restarts: list[asyncio.Task[None]] = []
    return disturb


@pytest.mark.parametrize("version", VERSIONS)
def test_the_controller_is_killed_at_every_journal_entry(tmp_path: Path, version: str) -> None:
    calm = play(tmp_path / "calm", lambda: Ledger(version))
    for seq in range(1, len(calm.events)):
        name = type(calm.events[seq - 1]).__name__
        run = play(tmp_path / f"{seq}", lambda: Ledger(version), cut_at(seq))
        compare(run, calm, f"{version}, killed after entry {seq}, {name}")
        boots = [event for event in run.events if isinstance(event, StationStarted)]
        assert [event.boot_reason for event in boots] == ["PowerUp", "ApplicationReset"], "it was killed"


@pytest.mark.parametrize("version", VERSIONS)
def test_the_csms_vanishes_right_after_its_own_requests(tmp_path: Path, version: str) -> None:
    """Its operator has seen no answer and repeats the order: still one transaction."""
    old = version == "ocpp1.6"
    card: Payload = {"idTag": CARD} if old else {"idToken": {"idToken": CARD, "type": "ISO14443"}}
    start = ("RemoteStartTransaction", {**card, "connectorId": 1})
    if not old:
        start = ("RequestStartTransaction", {**card, "evseId": 1, "remoteStartId": 7})

    async def insist(house: House, order: tuple[str, Payload], done: Callable[[], Any], what: str) -> None:
        await house.csms.raw(json.dumps([2, f"lost-{what}", *order]))
        await house.csms.down()
        await house.sleep(2)
        await house.csms.up()
        await house.online()
        await house.delivered()
        if not done():
            answer = await house.csms.call(*order)
            assert answer["status"] == "Accepted"
        await house.until(done, what)

    async def one() -> None:
        async with (
            Ledger(version) as csms,
            House.build(tmp_path, csms, version, settings=SETTINGS) as house,
        ):
            await house.online()
            house.world.plug(1, max_ma=16_000)
            await house.sleep(1)
            await insist(house, start, lambda: house.happened(TransactionStarted), "a transaction starts")
            await house.until(house.charging, "current flows")
            await house.delivered()
            (started,) = house.happened(TransactionStarted)
            stop = ("RemoteStopTransaction", {"transactionId": 1})
            if not old:
                stop = ("RequestStopTransaction", {"transactionId": started.transaction_id})
            await insist(house, stop, lambda: house.happened(TransactionEnded), "the transaction ends")
            await house.delivered()
            house.check_books()
            check_ledger(csms, house)

    run_virtual(one())
