"""From the journal to the CSMS: ordered events, one message at a time, each until it is answered or given up.

Owns: the delivery cursor, the aliases that answers teach, retries, and the ids of messages.
Refuses to know: the socket, registration, what a message says (``Version``), what an answer leads to.

A message counts as delivered when it was answered. Its cursor is committed while the next message is on
its way, so the disk and the network work at the same time; a name that later messages need (1.6's
transactionId) is committed first. After a power cut at the worst moment the last message goes out a
second time, with the id it had before.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Awaitable, Callable, Iterator, Mapping

from controller.csms.rpc import Call, CallFailed, CallTimeout, SchemaViolation
from controller.csms.version import Learned, Version
from controller.csms.wire import Payload
from controller.domain.events import (
    Event,
    MeterValuesTaken,
    TransactionEnded,
    TransactionStarted,
    TransactionUpdated,
)
from controller.domain.inputs import TransactionAnswered
from controller.settings.catalog import MESSAGE_ATTEMPT_INTERVAL, MESSAGE_ATTEMPTS
from controller.settings.settings import Settings
from controller.store.ports import Entry, Journal, StorageError

READER = "csms"
"""Name of the delivery cursor."""

BATCH = 100
"""Entries read from the journal at once."""

GROUP = 16
"""Answered meter values that may share one commit: after a power cut, up to so many go out again, which
changes no bill and spares the SD card. Starts and stops are committed one by one."""

_KNOWN_ALIASES = 256

Send = Callable[[Call, str], Awaitable[Payload]]
"""Sends one CALL with this message id and waits for its answer; raises ``CsmsError``."""

Probe = Callable[[], Awaitable[None]]
"""Finds out whether the CSMS is there at all; raises ``CsmsError`` when it is not."""

log = logging.getLogger(__name__)

_NAMESPACE = uuid.UUID("5b0d6f0e-7d0c-4f57-9f6c-5b7d5c1f2a10")


def message_id(entry: Entry) -> str:
    """The same for the same entry, for ever, over reconnections and reboots (OCPP-J 1.6 errata 3.1, 3.7)."""
    return str(uuid.uuid5(_NAMESPACE, f"{entry.boot_id}/{entry.seq}/{entry.utc_ms}/{entry.mono_ms}"))


def transaction_of(event: Event) -> str | None:
    """The transaction an event belongs to."""
    if isinstance(event, TransactionStarted | TransactionUpdated | TransactionEnded):
        return event.transaction_id
    return None


class Delivery:
    """One for the life of the program; ``run`` once per connection."""

    def __init__(
        self, journal: Journal, settings: Settings, learned: Callable[[TransactionAnswered], object]
    ) -> None:
        """``learned``: where the station's inputs go that answers carry."""
        self._journal = journal
        self._settings = settings
        self._learned = learned
        self._woken = asyncio.Event()
        self.idle = asyncio.Event()
        """Set while nothing waits for delivery over the present connection."""
        self._done_seq = journal.cursor(READER)
        self._new_aliases: dict[tuple[str, str], str] = {}
        self._aliases: dict[tuple[str, str], str] = {}
        self._uncommitted = 0  # answered messages that are not yet committed
        self._ripe = False  # they are to be committed with the next message
        self._commit_error: StorageError | None = None
        self._failing_seq = 0
        self._failures = 0
        self.delivered = 0
        self.dropped = 0
        self.last_drop = ""

    # ------------------------------------------------------------------ what others ask

    def wake(self) -> None:
        """There are new entries in the journal."""
        self.idle.clear()
        self._woken.set()

    def in_queue(self, transaction_id: str | None) -> bool:
        """Transaction messages wait for delivery: of this transaction, or of any (2.0.1 E14)."""
        for event in self._waiting():
            one = transaction_of(event)
            if one is not None and transaction_id in (None, one):
                return True
        return False

    def queue_length(self, at_most: int = 10_000) -> int:
        """Events that wait for delivery, counted up to ``at_most``."""
        count = 0
        for _ in self._waiting():
            count += 1
            if count >= at_most:
                break
        return count

    def _waiting(self) -> Iterator[Event]:
        seq = self._done_seq
        while entries := self._journal.ordered_after(seq, BATCH):
            for entry in entries:
                yield entry.event
            seq = entries[-1].seq

    # ------------------------------------------------------------------ delivering

    async def run(self, version: Version, send: Send, probe: Probe) -> None:
        """Deliver for as long as the connection lasts. Raises what ``send`` and ``probe`` raise when the
        connection is gone (that is no failure of a message), and ``StorageError``."""
        self._commit_error = None
        try:
            while True:
                self._woken.clear()
                entries = self._journal.ordered_after(self._done_seq, BATCH)
                for entry in entries:
                    self.idle.clear()
                    await self._deliver(entry, version, send, probe)
                    if self._commit_error is not None:
                        raise self._commit_error
                if not entries:
                    self._commit()
                    self.idle.set()
                    await self._woken.wait()
        finally:
            self.idle.clear()
            self._commit_all()

    async def _deliver(self, entry: Entry, version: Version, send: Send, probe: Probe) -> None:
        call = version.call(entry.event, self.alias)
        if call is None:
            self._done_seq = entry.seq
            return
        learned = await self._until_answered(entry, call, version, send, probe)
        for input_ in learned.inputs:
            self._learned(input_)
        self._done_seq = entry.seq
        self._uncommitted += 1
        light = isinstance(entry.event, TransactionUpdated | MeterValuesTaken)
        self._ripe = self._ripe or not light or self._uncommitted >= GROUP
        if learned.aliases:
            self._new_aliases.update(learned.aliases)
            self._remember(learned.aliases)
            self._commit()

    async def _until_answered(
        self, entry: Entry, call: Call, version: Version, send: Send, probe: Probe
    ) -> Learned:
        """1.6 3.7.1, errata J 3.2; 2.0.1 E13: a failure to process is repeated after interval x number of
        transmissions so far, up to the configured attempts; then the message is given up."""
        event = entry.event
        if self._failing_seq != entry.seq:
            self._failing_seq, self._failures = entry.seq, 0
        while True:
            try:
                result = await self._send(call, message_id(entry), send)
            except SchemaViolation as error:  # this station's own fault; sending it again cannot help
                return self._give_up(entry, call, version, f"not sent, it breaks the schema: {error}")
            except CallFailed as error:
                if error.unusable:
                    log.warning(
                        "%s of entry %d: the answer cannot be used: %s", call.action, entry.seq, error
                    )
                    return version.given_up(event)
                failure = str(error)
                if error.code in ("NotImplemented", "NotSupported") and transaction_of(event) is None:
                    return self._give_up(entry, call, version, failure)
            except CallTimeout as error:
                # Only the message, or the whole CSMS? A silent CSMS must not cost transactions.
                await probe()
                failure = str(error)
            else:
                self.delivered += 1
                return version.learn(event, result)
            self._failures += 1
            if self._failures >= self._settings[MESSAGE_ATTEMPTS]:
                return self._give_up(entry, call, version, f"{self._failures} attempts, last: {failure}")
            await asyncio.sleep(self._settings[MESSAGE_ATTEMPT_INTERVAL] * self._failures)

    def _give_up(self, entry: Entry, call: Call, version: Version, why: str) -> Learned:
        self.dropped += 1
        self.last_drop = f"{call.action} of journal entry {entry.seq} was given up: {why}"
        log.warning("%s", self.last_drop)
        return version.given_up(entry.event)

    async def _send(self, call: Call, id_: str, send: Send) -> Payload:
        """Send, and commit what was answered before while this message is on its way."""
        if self._ripe:
            asyncio.get_running_loop().call_soon(self._commit_in_flight)
        return await send(call, id_)

    # ------------------------------------------------------------------ the cursor

    def _commit(self) -> None:
        """Make durable what was answered. Entries without a message alone are not worth a commit."""
        if self._uncommitted or self._new_aliases:
            self._journal.advance(READER, self._done_seq, self._new_aliases)
            self._uncommitted, self._ripe = 0, False
            self._new_aliases = {}

    def _commit_in_flight(self) -> None:
        try:
            self._commit()
        except StorageError as error:
            self._commit_error = error

    def _commit_all(self) -> None:
        """At the end of a connection: also the entries that had no message."""
        if self._done_seq > self._journal.cursor(READER):
            self._journal.advance(READER, self._done_seq, self._new_aliases)
            self._uncommitted, self._ripe = 0, False
            self._new_aliases = {}

    # ------------------------------------------------------------------ aliases

    def alias(self, kind: str, key: str) -> str | None:
        """Newly learned ones first, then those asked for lately, then the journal's."""
        found = self._aliases.get((kind, key))
        if found is None:
            found = self._journal.alias(kind, key)
            if found is not None:
                self._remember({(kind, key): found})
        return found

    def _remember(self, aliases: Mapping[tuple[str, str], str]) -> None:
        while len(self._aliases) >= _KNOWN_ALIASES:
            self._aliases.pop(next(iter(self._aliases)))
        self._aliases.update(aliases)
