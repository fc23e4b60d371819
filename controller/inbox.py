"""The one inbox: every input goes to the station here, in order, and becomes durable before it is visible.

Owns: the order handle -> journal (committed) -> publish -> effects; what happens when the journal cannot be
written; checkpoints of the station's state.
Refuses to know: where inputs come from and what an effect does (``on_effect``).
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence

from controller.clock import Clock
from controller.domain.commands import Command, Verdict
from controller.domain.effects import Effect, Outcome, Settled
from controller.domain.events import Event, TokenLearned
from controller.domain.inputs import Input, StorageChanged, Tick
from controller.domain.instant import Now
from controller.domain.station import Station, replay
from controller.store.codec import Codec
from controller.store.ports import Journal, Snapshots, StorageError, TokenTables

CHECKPOINT_EVERY = 500
"""Events between two checkpoints: bounds what a start has to replay."""
MOST_UNWRITTEN = 10_000
"""Events kept in memory while the journal cannot be written. Charging stops at once then, so few come."""

Say = Callable[[str], None]


class Inbox:
    """Single-threaded: ``take`` runs to its end before the next input. Effects may give further inputs;
    they are queued behind the current one."""

    def __init__(
        self,
        station: Station,
        journal: Journal,
        tokens: TokenTables,
        snapshots: Snapshots,
        codec: Codec,
        clock: Clock,
        say: Say,
    ) -> None:
        self.station = station
        self._journal = journal
        self._tokens = tokens
        self._snapshots = snapshots
        self._codec = codec
        self._clock = clock
        self._say = say
        self._unwritten: list[tuple[Sequence[Event], Now]] = []
        self._checkpoint_seq = 0
        self._deferred: dict[int, asyncio.Future[Verdict]] = {}
        self.on_events: list[Callable[[Sequence[Event], int], None]] = []
        self.on_effect: Callable[[Effect], None] = lambda _effect: None
        self.on_taken: list[Callable[[], None]] = []
        self.on_checkpoint: list[Callable[[Now], None]] = []

    # ------------------------------------------------------------------ start

    def recover(self) -> int:
        """Rebuild the station from the last checkpoint and the journal after it.

        Returns how many journal entries were replayed. Raises ``StorageError``.
        """
        latest = self._snapshots.latest()
        seq = 0
        if latest is not None:
            seq, text = latest
            replay(self.station, [self._codec.decode(one) for one in json.loads(text)])
        self._checkpoint_seq = seq
        replayed = 0
        while True:
            entries = self._journal.after(seq, 500)
            if not entries:
                return replayed
            replay(self.station, [entry.event for entry in entries])
            replayed += len(entries)
            seq = entries[-1].seq

    def begin(self, version: str, boot_reason: str, boot_id: str = "") -> None:
        """Journal the start itself. ``boot_id``: of this run of the machine.

        Raises ``StorageError``: who cannot write does not start.
        """
        now = self._clock.now()
        outcome = self.station.start(version, boot_reason, now, boot_id)
        seq = self._journal.append(outcome.events, now)
        self._publish(outcome.events, seq)

    # ------------------------------------------------------------------ inputs

    def take(self, input_: Input) -> Verdict | None:
        """Give one input to the station. A command's verdict is returned, unless it is deferred (``ask``)."""
        return self._take(input_)[0].verdict

    async def ask(self, command: Command) -> Verdict:
        """Give a command and wait for its verdict, however long the station takes for it."""
        outcome, settled = self._take(command)
        if settled is not None:
            return await settled
        if outcome.verdict is None:
            raise TypeError(f"the station gave no verdict on {type(command).__name__}")
        return outcome.verdict

    def _take(self, input_: Input) -> tuple[Outcome, asyncio.Future[Verdict] | None]:
        now = self._clock.now()
        if self._unwritten and isinstance(input_, Tick):
            self._retry()
        outcome = self.station.handle(input_, now)
        settled: asyncio.Future[Verdict] | None = None
        if outcome.deferred is not None:
            # Before the effects: the answer may be among them.
            settled = asyncio.get_running_loop().create_future()
            self._deferred[outcome.deferred] = settled
        if outcome.events:
            self._write(outcome.events, now)
        for effect in outcome.effects:
            if isinstance(effect, Settled):
                self._settle(effect)
            else:
                self.on_effect(effect)
        for listener in self.on_taken:
            listener()
        return outcome, settled

    def _settle(self, settled: Settled) -> None:
        future = self._deferred.pop(settled.deferred, None)
        if future is not None and not future.done():
            future.set_result(settled.verdict)

    # ------------------------------------------------------------------ durability

    def _write(self, events: Sequence[Event], now: Now) -> None:
        if self._unwritten:
            self._keep(events, now)
            return
        try:
            seq = self._journal.append(events, now)
        except StorageError as error:
            self._say(
                f"journal: {error}. Charging stops; events are kept in memory and written when it works"
            )
            self._keep(events, now)
            self._storage(str(error))
            return
        self._publish(events, seq)

    def _keep(self, events: Sequence[Event], now: Now) -> None:
        if sum(len(batch) for batch, _now in self._unwritten) + len(events) <= MOST_UNWRITTEN:
            self._unwritten.append((events, now))
        else:
            self._say(f"journal: {MOST_UNWRITTEN} events wait already; lost: {events!r}")

    def _retry(self) -> None:
        while self._unwritten:
            events, at = self._unwritten[0]
            try:
                seq = self._journal.append(events, at)
            except StorageError:
                return  # said once when it began; the fault is shown by ``joulepost why``
            self._unwritten.pop(0)
            self._publish(events, seq)
        self._say("journal: can be written again, nothing was lost")
        self._storage(None)

    def _storage(self, why: str | None) -> None:
        """Tell the station; its own events on this are written like any other."""
        now = self._clock.now()
        outcome = self.station.handle(StorageChanged(why), now)
        if outcome.events:
            self._write(outcome.events, now)
        for effect in outcome.effects:
            self.on_effect(effect)

    def _publish(self, events: Sequence[Event], seq: int) -> None:
        learned = [(event.token, event.info) for event in events if isinstance(event, TokenLearned)]
        if learned:
            try:
                self._tokens.remember(learned, self._clock.now().utc_ms)
            except StorageError as error:
                self._say(f"authorization cache: {error}")
        for listener in self.on_events:
            listener(events, seq)
        if seq - self._checkpoint_seq >= CHECKPOINT_EVERY:
            self.checkpoint()

    def checkpoint(self) -> None:
        """Save the station's durable state, so that the next start replays little."""
        if self._unwritten:
            return
        try:
            seq = self._journal.last_seq()
            text = json.dumps([self._codec.encode(event) for event in self.station.checkpoint()])
            self._snapshots.save(seq, text)
        except StorageError as error:
            self._say(f"checkpoint: {error}")
            return
        self._checkpoint_seq = seq
        for listener in self.on_checkpoint:
            listener(self._clock.now())
