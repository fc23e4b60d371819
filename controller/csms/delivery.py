"""From the journal to the CSMS: ordered events, one message at a time, each until it is answered or given up.

Owns: the delivery cursor, the aliases that answers teach, retries, and the ids of messages.
Refuses to know: the socket, registration, what a message says (``Version``), what an answer leads to.

A message counts as delivered when it was answered. While a backlog is delivered, several answers share one
commit. It is made, and the next entry is read and its message built, while a message is on its way, so that
disk, processor and network work at the same time.
An answer that taught a name (1.6's transactionId) is committed with the very next message: sent twice, its
message would open a second transaction. That commit survives the end of this program; a power cut it survives
when the group is synced, at most 50 ms later, where the message itself may well have been longer on its way.
Once nothing waits, all is committed and synced at once. After a power cut in between, the answered messages
of the open group go out again with the ids they had, which changes no bill.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Mapping

from controller.csms.rpc import Call, CallFailed, CallTimeout, SchemaViolation
from controller.csms.version import Learned, Version
from controller.csms.wire import Payload
from controller.domain.events import Delivery as DeliveryClass
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
"""Entries read from the journal at once when one is looked for."""

AHEAD = 16
"""Entries read ahead at once, while a message is on its way."""

GROUP = 64
"""Answers of a backlog that may share one commit: 9 to 12 KB on an SD card, tens of milliseconds."""

SLOW_S = 0.05
"""An answer that takes longer leaves time for a commit, however small."""

_KNOWN_ALIASES = 256

Send = Callable[[Call, str], Awaitable[Payload]]
"""Sends one CALL with this message id and waits for its answer; raises ``CsmsError``."""

Prepare = Callable[[Call, str], None]
"""Checks and encodes the CALL that will be sent next; raises ``SchemaViolation``."""

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


def as_written(entry: Entry) -> Event:
    """The event as it was noted, where nobody knows better."""
    return entry.event


def _hopeless(event: Event, code: str) -> bool:
    """Whether another attempt of what belongs to no transaction would only hold up those that do."""
    if transaction_of(event) is not None:
        return False
    if isinstance(event, MeterValuesTaken):  # clock-aligned values are transaction-related (1.6 3.7)
        return code in ("NotImplemented", "NotSupported")
    return code not in ("InternalError", "GenericError")


class Delivery:
    """One for the life of the program; ``run`` once per connection."""

    def __init__(
        self,
        journal: Journal,
        settings: Settings,
        learned: Callable[[TransactionAnswered], object],
        dated: Callable[[Entry], Event] = as_written,
    ) -> None:
        """``learned``: where the station's inputs go that answers carry. ``dated``: an entry's event with
        true timestamps, also when the clock was set only later (16.CORE.65)."""
        self._journal = journal
        self._settings = settings
        self._learned = learned
        self._dated = dated
        self._woken = asyncio.Event()
        self.idle = asyncio.Event()
        """Set while nothing waits for delivery over the present connection."""
        self._done_seq = journal.cursor(READER)
        self._new_aliases: dict[tuple[str, str], str] = {}
        self._aliases: dict[tuple[str, str], str] = {}
        self._uncommitted = 0  # answered messages that are not yet committed and synced
        self._unsynced_since_s: float | None = None  # since when a commit waits for its sync
        self._ahead: deque[Entry] = deque()  # read ahead: those after the one that is being delivered
        self._sending_start = False
        self._built: tuple[int, Call | None, str] | None = None  # seq and message of that entry
        self._prepare: Prepare = lambda _call, _id: None
        self._storage_error: StorageError | None = None
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

    def queue_length(self) -> int:
        """Events that wait for delivery."""
        return self._journal.ordered_count(self._done_seq)

    def _waiting(self) -> Iterator[Event]:
        seq = self._done_seq
        while entries := self._journal.ordered_after(seq, BATCH):
            for entry in entries:
                yield entry.event
            seq = entries[-1].seq

    # ------------------------------------------------------------------ delivering

    async def run(
        self, version: Version, send: Send, probe: Probe, prepare: Prepare = lambda _call, _id: None
    ) -> None:
        """Deliver for as long as the connection lasts. Raises what ``send`` and ``probe`` raise when the
        connection is gone (that is no failure of a message), and ``StorageError``."""
        self._storage_error = None
        self._ahead.clear()
        self._built = None  # perhaps of another version
        self._prepare = prepare
        try:
            while True:
                self._woken.clear()
                if not self._ahead:
                    self._ahead.extend(self._journal.ordered_after(self._done_seq, 1))
                if not self._ahead:
                    self._commit()
                    self.idle.set()
                    await self._woken.wait()
                    continue
                self.idle.clear()
                await self._deliver(self._ahead.popleft(), version, send, probe)
                if self._storage_error is not None:
                    raise self._storage_error
        finally:
            self.idle.clear()
            self._commit_all()

    async def _deliver(self, entry: Entry, version: Version, send: Send, probe: Probe) -> None:
        call, id_ = self._message(entry, version)
        if call is None:
            self._done_seq = entry.seq
            return
        learned = await self._until_answered(entry, call, id_, version, send, probe)
        for input_ in learned.inputs:
            self._learned(input_)
        self._done_seq = entry.seq
        self._uncommitted += 1
        self._new_aliases.update(learned.aliases)
        self._remember(learned.aliases)

    async def _until_answered(
        self, entry: Entry, call: Call, id_: str, version: Version, send: Send, probe: Probe
    ) -> Learned:
        """1.6 3.7.1, errata J 3.2; 2.0.1 E13: a failure to process is repeated after interval x number of
        transmissions so far, up to the configured attempts; then the message is given up."""
        event = entry.event
        self._sending_start = isinstance(event, TransactionStarted)
        if self._failing_seq != entry.seq:
            self._failing_seq, self._failures = entry.seq, 0
        while True:
            try:
                result = await self._send(entry.seq, call, id_, version, send)
            except SchemaViolation as error:  # this station's own fault; sending it again cannot help
                return self._give_up(entry, call, version, f"not sent, it breaks the schema: {error}")
            except CallFailed as error:
                if error.unusable:
                    log.warning(
                        "%s of entry %d: the answer cannot be used: %s", call.action, entry.seq, error
                    )
                    return version.given_up(event)
                failure = str(error)
                if _hopeless(event, error.code) or event.delivery is DeliveryClass.NOTICE:
                    return self._give_up(entry, call, version, failure)
            except CallTimeout as error:
                # Only the message, or the whole CSMS? A silent CSMS must not cost transactions.
                await probe()
                failure = str(error)
                if event.delivery is DeliveryClass.NOTICE:  # it is there, and has nothing to say to this
                    return self._give_up(entry, call, version, failure)
            else:
                self.delivered += 1
                return version.learn(event, result)
            self._failures += 1
            if self._failures >= self._settings[MESSAGE_ATTEMPTS]:
                return self._give_up(entry, call, version, f"{self._failures} attempts, last: {failure}")
            self._commit()
            await asyncio.sleep(self._settings[MESSAGE_ATTEMPT_INTERVAL] * self._failures)

    def _give_up(self, entry: Entry, call: Call, version: Version, why: str) -> Learned:
        self.dropped += 1
        self.last_drop = f"{call.action} of journal entry {entry.seq} was given up: {why}"
        log.warning("%s", self.last_drop)
        return version.given_up(entry.event)

    async def _send(self, seq: int, call: Call, id_: str, version: Version, send: Send) -> Payload:
        """Send; while the message is on its way, commit what was answered before and build the next."""
        loop = asyncio.get_running_loop()
        in_flight = loop.call_soon(self._while_in_flight, seq, version)
        commit = loop.call_later(SLOW_S, self._commit_in_flight)
        try:
            return await send(call, id_)
        finally:
            in_flight.cancel()
            commit.cancel()

    def _while_in_flight(self, seq: int, version: Version) -> None:
        loop = asyncio.get_running_loop()
        try:
            waits_s = 0.0 if self._unsynced_since_s is None else loop.time() - self._unsynced_since_s
            if self._uncommitted >= GROUP or waits_s >= SLOW_S:
                self._commit()
            elif self._new_aliases:
                self._journal.advance(READER, self._done_seq, self._new_aliases, synced=False)
                self._new_aliases = {}
                self._unsynced_since_s = self._unsynced_since_s or loop.time()
            if not self._ahead:
                self._ahead.extend(self._journal.ordered_after(seq, AHEAD))
            # What a start teaches, the next message may need.
            if self._ahead and not self._sending_start:
                upcoming = self._ahead[0]
                call, id_ = self._message(upcoming, version)
                self._built = (upcoming.seq, call, id_)
                if call is not None:
                    self._prepare(call, id_)
        except StorageError as error:
            self._storage_error = error
        except SchemaViolation:
            pass  # sending it finds the same, and gives it up

    def _message(self, entry: Entry, version: Version) -> tuple[Call | None, str]:
        """The message of an entry, with its id."""
        if self._built is not None and self._built[0] == entry.seq:
            _, call, id_ = self._built
            return call, id_
        call = version.call(self._dated(entry), self.alias)
        return call, "" if call is None else message_id(entry)

    # ------------------------------------------------------------------ the cursor

    def _commit(self) -> None:
        """Make durable what was answered. Entries without a message alone are not worth a commit."""
        if self._uncommitted:
            self._advance()

    def _commit_in_flight(self) -> None:
        try:
            self._commit()
        except StorageError as error:
            self._storage_error = error

    def _commit_all(self) -> None:
        """At the end of a connection: also the entries that had no message."""
        if self._uncommitted or self._done_seq > self._journal.cursor(READER):
            self._advance()

    def _advance(self) -> None:
        self._journal.advance(READER, self._done_seq, self._new_aliases)
        self._uncommitted, self._unsynced_since_s = 0, None
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

    def domain_key(self, kind: str, value: str) -> str | None:
        """The domain's key of what the CSMS calls ``value``. A request that follows the answer to a start at
        once may name what is learned but not yet committed (1.6 5.16.1)."""
        for (new_kind, key), new_value in self._new_aliases.items():
            if (new_kind, new_value) == (kind, value):
                return key
        return self._journal.alias_key(kind, value)

    def _remember(self, aliases: Mapping[tuple[str, str], str]) -> None:
        while len(self._aliases) >= _KNOWN_ALIASES:
            self._aliases.pop(next(iter(self._aliases)))
        self._aliases.update(aliases)
