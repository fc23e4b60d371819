"""Delivery against a journal in SQLite and a made-up peer; the whole client stands in test_client."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from controller.csms.delivery import GROUP, READER, SLOW_S, Delivery, message_id
from controller.csms.errors import Kind
from controller.csms.rpc import Call, CallFailed, CallTimeout, CsmsError, LinkClosed, SchemaViolation
from controller.csms.v16 import V16
from controller.csms.v201 import V201
from controller.csms.version import Version
from controller.domain.events import Event, MeterValuesTaken, SecurityEvent, SessionEnded
from controller.domain.inputs import TransactionAnswered
from controller.domain.instant import Now
from controller.settings.catalog import MESSAGE_ATTEMPT_INTERVAL, MESSAGE_ATTEMPTS
from controller.store.database import Database
from controller.store.journal import SqliteJournal
from controller.store.ports import StorageError
from tests.csms.rig import SAMPLE, T0_MS, TOKEN, ended, open_settings, started, updated
from tests.support.virtual_time import run_virtual

NOW = Now(5_000, T0_MS)
START = {"transactionId": 4711, "idTagInfo": {"status": "Accepted"}}

Script = Callable[[Call, int], Any]


class Bench:
    """``script(call, number)``: the answer to the number-th message (from 1), or an exception to raise."""

    def __init__(self, tmp_path: Path, script: Script) -> None:
        self.steps: list[str] = []
        self.database = Database.open(tmp_path / "joulepost.db", on_step=self.steps.append)
        self.settings = open_settings(self.database)
        self.journal = SqliteJournal(self.database, "boot-1")
        self.learned: list[TransactionAnswered] = []
        self.delivery = Delivery(self.journal, self.settings, self.learned.append)
        self.script = script
        self.sent: list[tuple[Call, str, float]] = []
        self.probes = 0
        self.alive = True
        self.answer_s = 0.01
        self.steps.clear()

    @property
    def actions(self) -> list[str]:
        return [call.action for call, _, _ in self.sent]

    @property
    def commits(self) -> int:
        return self.steps.count("committed")

    async def send(self, call: Call, id_: str) -> dict[str, Any]:
        self.sent.append((call, id_, asyncio.get_running_loop().time()))
        number = len(self.sent)
        await asyncio.sleep(self.answer_s)
        answer = self.script(call, number)
        if isinstance(answer, Exception):
            raise answer
        return dict(answer)

    async def probe(self) -> None:
        self.probes += 1
        if not self.alive:
            raise CallTimeout("Heartbeat", "id", 30)

    def journal_events(self, *events: Event) -> int:
        seq = self.journal.append(events, NOW)
        self.steps.clear()
        self.delivery.wake()
        return seq

    async def run(self, version: Version, *, until_idle: bool = True) -> None:
        """Deliver until nothing waits, or until it raises."""
        task = asyncio.create_task(self.delivery.run(version, self.send, self.probe))
        idle = asyncio.create_task(self.delivery.idle.wait())
        await asyncio.wait({task, idle} if until_idle else {task}, return_when=asyncio.FIRST_COMPLETED)
        idle.cancel()
        if task.done():
            task.result()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def usual(call: Call, _number: int) -> Any:
    return START if call.action == "StartTransaction" else {}


def bench(tmp_path: Path, main: Callable[[Bench], Awaitable[None]], script: Script = usual) -> None:
    async def go() -> None:
        one = Bench(tmp_path, script)
        try:
            await main(one)
        finally:
            one.database.close()

    run_virtual(go())


def test_16_CORE_61_strictly_in_order_with_the_learned_id(tmp_path: Path) -> None:
    async def main(one: Bench) -> None:
        seq = one.journal_events(started(), updated(), ended())
        await one.run(V16())
        assert one.actions == ["StartTransaction", "MeterValues", "StopTransaction"]
        assert [call.payload.get("transactionId") for call, _, _ in one.sent] == [None, 4711, 4711]
        assert one.journal.cursor(READER) == seq
        assert one.journal.alias("tx16", "tx-1") == "4711"
        assert one.journal.alias_key("tx16", "4711") == "tx-1"
        assert [answered.started for answered in one.learned] == [True]
        assert one.delivery.delivered == 3

    bench(tmp_path, main)


def test_what_a_start_taught_is_committed_with_the_next_message(tmp_path: Path) -> None:
    async def main(one: Bench) -> None:
        def script(call: Call, number: int) -> Any:
            if number == 2:
                assert one.journal.alias("tx16", "tx-1") == "4711"
                assert one.journal.cursor(READER) == 1
            return usual(call, number)

        one.script = script
        one.journal_events(started(), ended())
        await one.run(V16())
        assert one.actions == ["StartTransaction", "StopTransaction"]

    bench(tmp_path, main)


@pytest.mark.parametrize("answer_s", [0.001, 0.02, 0.2])
def test_what_starts_taught_is_synced_soon_and_together(tmp_path: Path, answer_s: float) -> None:
    async def main(one: Bench) -> None:
        one.answer_s = answer_s
        moves: list[tuple[float, bool]] = []
        advance = one.journal.advance

        def watch(reader: str, seq: int, aliases: Any = None, synced: bool = True) -> None:
            moves.append((asyncio.get_running_loop().time(), synced))
            advance(reader, seq, aliases, synced)

        one.journal.advance = watch  # type: ignore[method-assign]
        one.journal_events(
            *(event for number in range(8) for event in (started(f"{number}"), ended(f"{number}")))
        )
        await one.run(V16())
        syncs = [at_s for at_s, synced in moves if synced]
        for at_s, synced in moves:
            if not synced:
                waits_s = min(sync_s for sync_s in syncs if sync_s >= at_s) - at_s
                assert waits_s <= 2 * SLOW_S + answer_s
        assert moves[-1][1], "the last one is synced"
        assert len(syncs) <= 1 + 16 * answer_s / SLOW_S

    bench(tmp_path, main)


def test_the_cursor_is_committed_while_a_slow_answer_is_waited_for(tmp_path: Path) -> None:
    async def main(one: Bench) -> None:
        one.answer_s = 1
        cursors = []

        def script(_call: Call, _number: int) -> Any:
            cursors.append(one.journal.cursor(READER))
            return {}

        one.script = script
        one.journal_events(started("a"), ended("a"), started("b"), ended("b"))
        await one.run(V201())
        assert cursors == [0, 1, 2, 3], "when message n+1 is answered, n is committed"
        assert one.journal.cursor(READER) == 4

    bench(tmp_path, main)


def test_the_last_answer_is_committed_at_once(tmp_path: Path) -> None:
    async def main(one: Bench) -> None:
        task = asyncio.create_task(one.delivery.run(V201(), one.send, one.probe))
        for number in range(3):
            seq = one.journal_events(updated(seq_no=number))
            await one.delivery.idle.wait()
            assert one.journal.cursor(READER) == seq
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    bench(tmp_path, main)


def test_answers_of_a_backlog_share_commits(tmp_path: Path) -> None:
    async def main(one: Bench) -> None:
        events = [event for number in range(GROUP) for event in (started(f"{number}"), updated(), ended())]
        one.journal_events(*events)
        await one.run(V201())
        assert len(one.sent) == 3 * GROUP
        assert one.commits == 3
        assert one.journal.cursor(READER) == 3 * GROUP

    bench(tmp_path, main)


def test_entries_without_a_message_cost_no_commit(tmp_path: Path) -> None:
    async def main(one: Bench) -> None:
        silent = [updated(samples=(), seq_no=number) for number in range(50)]
        one.journal_events(*silent)
        task = asyncio.create_task(one.delivery.run(V16(), one.send, one.probe))
        await one.delivery.idle.wait()
        assert one.sent == []
        assert one.commits == 0
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert one.commits == 1
        assert one.journal.cursor(READER) == 50

    bench(tmp_path, main)


def test_local_entries_are_not_read(tmp_path: Path) -> None:
    async def main(one: Bench) -> None:
        one.journal_events(SessionEnded(1, T0_MS), started(), SessionEnded(1, T0_MS))
        await one.run(V201())
        assert one.actions == ["TransactionEvent"]

    bench(tmp_path, main)


def test_16_CORE_63_E13_FR_02_E13_FR_03_TC_E_51_a_failure_is_repeated_after_growing_waits(
    tmp_path: Path,
) -> None:
    def script(_call: Call, number: int) -> Any:
        return CallFailed("InternalError") if number <= 2 else {}

    async def main(one: Bench) -> None:
        one.settings.assign(MESSAGE_ATTEMPTS, 5)
        one.settings.assign(MESSAGE_ATTEMPT_INTERVAL, 10)
        seq = one.journal_events(updated())
        await one.run(V201())
        times = [at for _, _, at in one.sent]
        waits = [round(late - early) for early, late in pairwise(times)]
        assert waits == [10, 20]
        assert len({id_ for _, id_, _ in one.sent}) == 1, "a retry keeps its message id"
        assert one.journal.cursor(READER) == seq
        assert one.delivery.dropped == 0

    bench(tmp_path, main, script)


def test_16_CORE_64_E13_FR_04_TC_E_50_after_the_last_attempt_the_queue_goes_on(tmp_path: Path) -> None:
    def script(call: Call, _number: int) -> Any:
        return CallFailed("InternalError", "no") if call.payload["seqNo"] == 1 else {}

    async def main(one: Bench) -> None:
        one.settings.assign(MESSAGE_ATTEMPTS, 3)
        one.journal_events(updated(seq_no=1), updated(seq_no=2))
        await one.run(V201())
        assert [call.payload["seqNo"] for call, _, _ in one.sent] == [1, 1, 1, 2]
        assert one.delivery.dropped == 1
        assert "journal entry 1" in one.delivery.last_drop
        assert "InternalError: no" in one.delivery.last_drop

    bench(tmp_path, main, script)


def test_16_CORE_43_after_a_start_that_was_given_up_the_id_is_minus_one(tmp_path: Path) -> None:
    def script(call: Call, _number: int) -> Any:
        return CallFailed("InternalError") if call.action == "StartTransaction" else {}

    async def main(one: Bench) -> None:
        one.journal_events(started(), updated(), ended())
        await one.run(V16())
        assert one.actions == ["StartTransaction"] * 3 + ["MeterValues", "StopTransaction"]
        assert [call.payload["transactionId"] for call, _, _ in one.sent[3:]] == [-1, -1]

    bench(tmp_path, main, script)


def test_TC_E_41_no_answer_counts_when_the_csms_is_alive(tmp_path: Path) -> None:
    async def main(one: Bench) -> None:
        one.journal_events(updated())
        await one.run(V201())
        assert len(one.sent) == 3
        assert one.probes == 3
        assert one.delivery.dropped == 1

    bench(tmp_path, main, lambda call, _n: CallTimeout(call.action, "id", 30))


def test_a_dead_csms_costs_no_message(tmp_path: Path) -> None:
    async def main(one: Bench) -> None:
        one.alive = False
        one.journal_events(started(), ended())
        for _ in range(5):
            with pytest.raises(CallTimeout):
                await one.run(V201(), until_idle=False)
        assert one.delivery.dropped == 0
        assert one.journal.cursor(READER) == 0
        assert one.delivery.queue_length() == 2

    bench(tmp_path, main, lambda call, _n: CallTimeout(call.action, "id", 30))


def test_a_lost_connection_is_no_failure_and_the_id_stays(tmp_path: Path) -> None:
    async def main(one: Bench) -> None:
        one.journal_events(started())
        for _ in range(4):
            with pytest.raises(LinkClosed):
                await one.run(V16(), until_idle=False)
        one.script = usual
        await one.run(V16())
        assert len(one.sent) == 5
        assert len({id_ for _, id_, _ in one.sent}) == 1
        assert one.journal.alias("tx16", "tx-1") == "4711"

    bench(tmp_path, main, lambda _call, _n: LinkClosed("gone"))


def test_failures_are_remembered_over_a_reconnection(tmp_path: Path) -> None:
    errors: list[CsmsError] = [
        CallFailed("InternalError"),
        LinkClosed("gone"),
        CallFailed("InternalError"),
        CallFailed("InternalError"),
    ]

    async def main(one: Bench) -> None:
        one.journal_events(updated())
        with pytest.raises(LinkClosed):
            await one.run(V201(), until_idle=False)
        await one.run(V201())
        assert len(one.sent) == 4
        assert one.delivery.dropped == 1

    bench(tmp_path, main, lambda _call, number: errors[number - 1])


@pytest.mark.parametrize("code", ["NotImplemented", "NotSupported"])
def test_what_the_csms_does_not_know_blocks_no_transaction(tmp_path: Path, code: str) -> None:
    def script(call: Call, _number: int) -> Any:
        return {} if call.action == "TransactionEvent" else CallFailed(code)

    async def main(one: Bench) -> None:
        one.journal_events(
            SecurityEvent("ResetOrReboot", "", T0_MS), MeterValuesTaken(1, 1, SAMPLE, T0_MS), ended()
        )
        await one.run(V201())
        assert one.actions == ["SecurityEventNotification", "MeterValues", "TransactionEvent"]
        assert one.sent[-1][2] - one.sent[0][2] < 1

    bench(tmp_path, main, script)


@pytest.mark.parametrize("code", ["FormationViolation", "ProtocolError", "SecurityError", "OccurenceX"])
def test_what_the_csms_calls_malformed_will_not_get_better(tmp_path: Path, code: str) -> None:
    """A security event holds up no transaction for minutes; one that failed by accident is tried again."""

    def script(call: Call, number: int) -> Any:
        if call.action != "SecurityEventNotification":
            return {}
        return CallFailed(code if number == 1 else "InternalError")

    async def main(one: Bench) -> None:
        one.journal_events(SecurityEvent("ResetOrReboot", "", T0_MS), ended())
        await one.run(V201())
        assert one.actions == ["SecurityEventNotification", "TransactionEvent"]
        one.journal_events(SecurityEvent("ResetOrReboot", "again", T0_MS))
        await one.run(V201())
        assert one.actions[2:] == ["SecurityEventNotification"] * 3

    bench(tmp_path, main, script)


def test_an_unusable_answer_counts_as_taken(tmp_path: Path) -> None:
    def script(call: Call, _number: int) -> Any:
        return CallFailed("Unusable", unusable=True) if call.action == "StartTransaction" else {}

    async def main(one: Bench) -> None:
        one.journal_events(started(), ended())
        await one.run(V16())
        assert one.actions == ["StartTransaction", "StopTransaction"]
        assert one.sent[1][0].payload["transactionId"] == -1
        assert one.delivery.dropped == 0

    bench(tmp_path, main, script)


def test_a_message_that_breaks_the_schema_is_given_up_at_once(tmp_path: Path) -> None:
    def script(call: Call, _number: int) -> Any:
        return SchemaViolation(Kind.PROPERTY, "seqNo", "bad") if call.payload["seqNo"] == 1 else {}

    async def main(one: Bench) -> None:
        one.journal_events(updated(seq_no=1), updated(seq_no=2))
        await one.run(V201())
        assert len(one.sent) == 2
        assert "breaks the schema" in one.delivery.last_drop

    bench(tmp_path, main, script)


def test_more_transactions_than_are_remembered(tmp_path: Path) -> None:
    async def main(one: Bench) -> None:
        ids = iter(range(1, 1000))
        one.script = lambda call, _n: (
            {"transactionId": next(ids)} if call.action == "StartTransaction" else {}
        )
        one.journal_events(*(started(f"{number}") for number in range(300)), ended("0"), ended("299"))
        await one.run(V16())
        assert [call.payload["transactionId"] for call, _, _ in one.sent[-2:]] == [1, 300]

    bench(tmp_path, main)


def test_wake_delivers_what_came_later(tmp_path: Path) -> None:
    async def main(one: Bench) -> None:
        task = asyncio.create_task(one.delivery.run(V201(), one.send, one.probe))
        await one.delivery.idle.wait()
        one.journal_events(started())
        await one.delivery.idle.wait()
        assert one.actions == ["TransactionEvent"]
        one.journal_events(ended())
        await one.delivery.idle.wait()
        assert len(one.sent) == 2
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    bench(tmp_path, main)


def test_E14_FR_04_the_queue_knows_its_transactions(tmp_path: Path) -> None:
    async def main(one: Bench) -> None:
        assert not one.delivery.in_queue(None)
        one.journal_events(SecurityEvent("ResetOrReboot", "", T0_MS))
        assert not one.delivery.in_queue(None)
        one.journal_events(*(updated("a", seq_no=number) for number in range(150)), ended("b"))
        assert one.delivery.in_queue(None)
        assert one.delivery.in_queue("b")
        assert not one.delivery.in_queue("c")
        assert one.delivery.queue_length() == 152
        await one.run(V201())
        assert not one.delivery.in_queue(None)

    bench(tmp_path, main)


def test_16_CORE_60_a_new_program_goes_on_where_the_old_one_was_committed(tmp_path: Path) -> None:
    async def first(one: Bench) -> None:
        one.journal_events(started(), updated(), ended())
        with pytest.raises(LinkClosed):
            await one.run(V16(), until_idle=False)

    async def second(one: Bench) -> None:
        await one.run(V16())
        assert one.actions == ["MeterValues", "StopTransaction"]
        assert one.sent[1][0].payload["transactionId"] == 4711

    bench(tmp_path, first, lambda _call, number: START if number == 1 else LinkClosed("gone"))
    bench(tmp_path, second)


def test_a_transaction_delivered_in_another_version_ends_as_minus_one(tmp_path: Path) -> None:
    async def main(one: Bench) -> None:
        one.journal_events(started())
        await one.run(V201())
        one.journal_events(ended())
        await one.run(V16())
        assert one.sent[1][0].payload["transactionId"] == -1

    bench(tmp_path, main)


def test_a_disk_that_cannot_be_written_ends_the_connection_not_the_message(tmp_path: Path) -> None:
    class FullDisk(SqliteJournal):
        full = True

        def advance(self, *args: Any, **kwargs: Any) -> None:
            if self.full:
                raise StorageError("disk full")
            super().advance(*args, **kwargs)

    async def main(one: Bench) -> None:
        one.journal = journal = FullDisk(one.database, "boot-1")
        one.delivery = Delivery(journal, one.settings, one.learned.append)
        one.answer_s = 1
        one.journal_events(started(), ended(), started("b"))
        with pytest.raises(StorageError):
            await one.run(V201(), until_idle=False)
        assert len(one.sent) == 2, "it stops when the commit of the first fails"
        journal.full = False
        await one.run(V201())
        assert journal.cursor(READER) == 3
        assert [call.payload["seqNo"] for call, _, _ in one.sent[2:]] == [0]

    bench(tmp_path, main)


def test_16_CONN_09_ids_differ_and_stay(tmp_path: Path) -> None:
    async def main(one: Bench) -> None:
        one.journal_events(started(token=TOKEN), ended())
        entries = one.journal.ordered_after(0)
        ids = [message_id(entry) for entry in entries]
        assert len(set(ids)) == 2
        assert all(len(id_) <= 36 for id_ in ids)
        assert ids == [message_id(entry) for entry in one.journal.ordered_after(0)]

    bench(tmp_path, main)
