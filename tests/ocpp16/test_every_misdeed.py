"""Everything a central system can do wrong, at every message of a session: books and journal agree.

One program lives through as many sessions as there are messages in one, and in each the CSMS misbehaves at
another of them. Two EVSEs at once; the
transactions begin online in one play and offline in the other. After each session every journalled
transaction message has reached the CSMS exactly once (by its id, which the journal fixes), in order, with the
transactionId that the CSMS gave; what it refused for ever is missing, and nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from controller.csms.delivery import message_id
from controller.domain.events import TransactionEnded, TransactionStarted, TransactionUpdated
from controller.store.ports import Entry
from tests.support.cabin import Cabin
from tests.support.csms import FakeCsms, Step, answer, error, garbage, hang_up, late, never, twice
from tests.support.ledger import Ledger
from tests.support.virtual_time import run_virtual

ATTEMPTS = 3
SETTINGS: dict[str, str | int | bool] = {
    "AuthCtrlr.LocalPreAuthorize": False,  # so that the CSMS is asked in every session
    "AuthCtrlr.OfflineTxForUnknownIdEnabled": True,
    "TxCtrlr.TxBeforeAcceptedEnabled": True,
    "SampledDataCtrlr.TxUpdatedInterval": 5,
    "OCPPCommCtrlr.RetryBackOffRepeatTimes": 0,
    "OCPPCommCtrlr.RetryBackOffRandomRange": 0,
    "OCPPCommCtrlr.RetryBackOffWaitMinimum": 3,
    "OCPPCommCtrlr.MessageTimeout[Default]": 5,
    "OCPPCommCtrlr.MessageAttempts[TransactionEvent]": ATTEMPTS,
    "OCPPCommCtrlr.MessageAttemptInterval[TransactionEvent]": 1,
}
TRANSACTION = ("StartTransaction", "MeterValues", "StopTransaction")


@dataclass(frozen=True)
class Misdeed:
    """``step``: instead of the answer. ``taken``: the CSMS has processed the message all the same. ``ever``:
    again for every repetition. ``away_s``: it goes away for so long, too."""

    step: Step
    taken: bool = True
    ever: bool = False
    away_s: float = 0


CUT = Step("cut")  # the connection ends before the message is taken
MISDEEDS = {
    "late": Misdeed(late(2)),
    "too late": Misdeed(late(6)),
    "much too late": Misdeed(late(25)),
    "twice": Misdeed(twice()),
    "wrongly": Misdeed(answer({"surprise": [1, {"deep": None}]})),
    "never": Misdeed(never()),
    "CALLERROR": Misdeed(error("InternalError"), taken=False),
    "garbage": Misdeed(garbage('[3,"')),
    "an answer to somebody else": Misdeed(garbage('[3,"nobody",{}]')),
    "hangs up": Misdeed(hang_up()),
    "request lost": Misdeed(CUT, taken=False),
    "vanishes": Misdeed(hang_up(), away_s=8),
    "refuses for ever": Misdeed(error("InternalError"), taken=False, ever=True),
    "silent for ever": Misdeed(never(), taken=False, ever=True),
}


class Naughty(Ledger):
    """Misbehaves once it is ``arm``ed: at the ``at``-th new message from then on."""

    def __init__(self) -> None:
        super().__init__("ocpp1.6")
        self.misdeed: Misdeed | None = None
        self.left = 0
        self.victim = ""
        self.victim_action = ""
        self.fresh: list[str] = []  # ids of the messages since it was armed, each once
        self.refused: set[str] = set()
        self.calls: dict[str, int] = {}

    def arm(self, at: int, misdeed: Misdeed | None) -> None:
        self.left, self.misdeed, self.victim, self.victim_action = at, misdeed, "", ""
        self.fresh = []

    def name_of(self, id_: str) -> int | None:
        """The transactionId that was given to a start."""
        return self._names.get(id_)

    async def _take(self, station: Any, wire: Any, text: str) -> None:
        message = json.loads(text)
        if message[0] != 2:
            await FakeCsms._take(self, station, wire, text)
            return
        _two, self._id, action, payload = message
        self.calls[self._id] = self.calls.get(self._id, 0) + 1
        if self._id not in self.fresh:
            self.fresh.append(self._id)
        misdeed = self._due(action)
        if misdeed is None or misdeed.taken:
            known = self.booked.setdefault(self._id, (action, payload))
            assert known == (action, payload), "one id for two messages"
        if misdeed is None:
            await FakeCsms._take(self, station, wire, text)
            return
        if misdeed.ever:
            self.refused.add(self._id)
        if misdeed.away_s:
            self._away_s = misdeed.away_s
            self._vanish()
        if misdeed.step is CUT:
            await wire._socket.close()
            return
        self._scripts[action].insert(0, misdeed.step)
        await FakeCsms._take(self, station, wire, text)

    def _due(self, action: str) -> Misdeed | None:
        misdeed = self.misdeed
        if misdeed is None:
            return None
        if not self.victim:
            if len(self.fresh) - 1 != self.left:
                return None
            self.victim, self.victim_action = self._id, action
            return misdeed
        return misdeed if misdeed.ever and self._id == self.victim else None


Play = Callable[["Life"], Awaitable[None]]


class Life:
    """One program that lives through many sessions. ``mark``: where the journal stood when the present one
    began. ``repeated``: ids of messages that came more than once in earlier ones."""

    def __init__(self, cabin: Cabin, csms: Naughty, play: Play) -> None:
        self.cabin, self.csms, self.play = cabin, csms, play
        self.mark = 0
        self.repeated: set[str] = set()

    def entries(self) -> list[Entry]:
        assert self.cabin.app is not None
        return self.cabin.app.journal.after(self.mark, 100_000)

    async def swipe(self, uid: str, kind: type, count: int) -> None:
        await self.cabin.swipe(uid, settle_s=0)
        await self.cabin.until(
            lambda: sum(isinstance(one.event, kind) for one in self.entries()) >= count,
            f"{uid}: {kind.__name__}",
            60,
        )

    async def session(self, at: int, misdeed: Misdeed | None) -> None:
        assert self.cabin.app is not None
        self.mark = self.cabin.app.journal.last_seq()
        self.csms.arm(at, misdeed)
        await self.play(self)
        await self.cabin.delivered()
        await self.cabin.sleep(1)
        self.check()

    # ------------------------------------------------------------------ journal and CSMS compared

    def check(self) -> None:
        csms = self.csms
        what = f"{csms.misdeed} at {csms.victim_action}; received {csms.actions[-40:]}"
        names: dict[str, str] = {}
        expected: list[str] = []
        started: dict[str, TransactionStarted] = {}
        for entry in self.entries():
            event, id_ = entry.event, message_id(entry)
            if not isinstance(event, TransactionStarted | TransactionUpdated | TransactionEnded):
                continue
            if isinstance(event, TransactionUpdated) and not event.samples:
                continue
            if isinstance(event, TransactionStarted):
                started[event.transaction_id] = event
                unread = id_ == csms.victim and csms.misdeed is MISDEEDS["wrongly"]
                name = csms.name_of(id_)
                names[event.transaction_id] = "-1" if name is None or unread else str(name)
            if id_ in csms.refused:
                continue
            expected.append(id_)
            assert id_ in csms.booked, f"lost: {event}; {what}"
            _action, payload = csms.booked[id_]
            if isinstance(event, TransactionStarted):
                assert payload["meterStart"] == event.register_wh
            else:
                assert str(payload["transactionId"]) == names[event.transaction_id], what
            if isinstance(event, TransactionEnded):
                assert payload["meterStop"] == event.register_wh >= started[event.transaction_id].register_wh
        assert len(started) == 2
        told = [id_ for id_ in csms.fresh if id_ in csms.booked and csms.booked[id_][0] in TRANSACTION]
        assert told == expected, f"not in order, or more than was journalled: {what}"
        self._check_repeats(what)

    def _check_repeats(self, what: str) -> None:
        """A message goes out twice only when its answer was no answer, or a connection was lost meanwhile."""
        misdeed = self.csms.misdeed
        repeated = {id_ for id_, count in self.csms.calls.items() if count > 1} - self.repeated
        self.repeated |= repeated
        if misdeed in (None, MISDEEDS["late"], MISDEEDS["twice"], MISDEEDS["wrongly"]):
            assert not repeated, f"sent twice without need: {what}"
        elif misdeed is not None and misdeed.step.kind not in ("hang up", "cut"):
            assert repeated <= {self.csms.victim}, f"sent twice without need: {what}"
        counts = [self.csms.calls[id_] for id_ in repeated]
        assert all(count <= ATTEMPTS for count in counts), what


async def online(life: Life) -> None:
    """Both transactions begin and end online, or so the station hopes."""
    cabin = life.cabin
    await cabin.plug(1)
    await life.swipe("ONE", TransactionStarted, 1)
    await cabin.plug(2)
    await life.swipe("TWO", TransactionStarted, 2)
    await cabin.sleep(6)
    await life.swipe("ONE", TransactionEnded, 1)
    await cabin.unplug(1)
    await life.swipe("TWO", TransactionEnded, 2)
    await cabin.unplug(2)


async def offline(life: Life) -> None:
    """One begins and ends offline, the other begins offline and ends online."""
    cabin = life.cabin
    await cabin.csms.down()
    await cabin.plug(1)
    await life.swipe("ONE", TransactionStarted, 1)
    await cabin.plug(2)
    await life.swipe("TWO", TransactionStarted, 2)
    await cabin.sleep(6)
    await life.swipe("ONE", TransactionEnded, 1)
    await cabin.unplug(1)
    await cabin.csms.up()
    await cabin.sleep(6)
    await life.swipe("TWO", TransactionEnded, 2)
    await cabin.unplug(2)


PLAYS: dict[str, Play] = {"online": online, "offline": offline}
LEAST = {"online": 14, "offline": 9}
"""So many messages there are: authorizations when online, starts, samples, stops, statuses."""


@pytest.mark.parametrize("deed", MISDEEDS)
@pytest.mark.parametrize("play", PLAYS)
def test_16_CORE_60_16_CORE_61_16_CORE_63_16_CORE_64_every_misdeed_at_every_message(
    tmp_path: Path, play: str, deed: str
) -> None:
    async def one() -> None:
        async with Naughty() as csms, Cabin.build(tmp_path, csms, evses=2, settings=SETTINGS) as cabin:
            await cabin.online()
            await cabin.delivered()
            life = Life(cabin, csms, PLAYS[play])
            await life.session(0, None)
            assert len(csms.fresh) >= LEAST[play]
            victims: list[str] = []
            while not victims or victims[-1]:  # until a session had no message of that number
                await life.session(len(victims), MISDEEDS[deed])
                victims.append(csms.victim_action)
            assert len(victims) > LEAST[play], victims
            assert set(TRANSACTION) <= set(victims), "it happened at every kind of message"
            if deed == "wrongly":
                csms.violations.clear()

    run_virtual(one())


@pytest.mark.parametrize("deed", MISDEEDS)
def test_16_CORE_02_16_CORE_60_every_misdeed_while_the_station_registers(tmp_path: Path, deed: str) -> None:
    """A session runs meanwhile, begun before anything was answered."""
    for at in range(4):

        async def one(directory: Path, at: int) -> None:
            async with Naughty() as csms:
                csms.arm(at, MISDEEDS[deed])
                async with Cabin.build(directory, csms, evses=2, settings=SETTINGS) as cabin:
                    life = Life(cabin, csms, online)
                    await online(life)
                    await cabin.until(lambda: cabin.station.online, "it is registered", 400)
                    await cabin.delivered()
                    assert csms.victim_action == ("BootNotification" if at == 0 else "StatusNotification")
                    if csms.misdeed is not None and not csms.misdeed.ever:
                        life.check()
                    others = [one for one in csms.actions if one != "BootNotification"]
                    boots = len(csms.actions) - len(others)
                    assert csms.actions[boots:] == others, "nothing before the boot was accepted"

        directory = tmp_path / str(at)
        directory.mkdir()
        if at == 0 and MISDEEDS[deed].ever:
            continue  # never accepted: nothing is sent at all (16.CORE.02)
        run_virtual(one(directory, at))
