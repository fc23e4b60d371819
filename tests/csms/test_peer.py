"""A conversation over a real websocket: turns, order, time-outs, handlers, a CSMS that vanishes anywhere."""

from __future__ import annotations

import asyncio
import functools
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection

from controller.csms.errors import (
    CallFailed,
    CallRefused,
    CallTimeout,
    CsmsError,
    LinkClosed,
    NotAnswered,
    SchemaViolation,
)
from controller.csms.link import Link, connect
from controller.csms.peer import QUEUE_LIMIT, Peer
from controller.csms.rpc import DIALECTS, Call, Request, Rpc
from controller.csms.schema import Schemas
from tests.csms.sockets import HalfOpen, csms, endpoint, raw_server
from tests.support.virtual_time import VirtualClock, run_virtual

ACCEPTED = {"status": "Accepted"}
HEARTBEAT = Call("Heartbeat", {})
TIME = {"currentTime": "2026-01-01T00:00:00Z"}


@functools.cache
def schemas(version: str) -> Schemas:
    return Schemas.installed(version)


class Notes:
    """A frame observer that keeps everything."""

    def __init__(self) -> None:
        self.frames: list[tuple[str, str | bytes]] = []
        self.notes: list[str] = []

    def sent(self, frame: str) -> None:
        self.frames.append((">", frame))

    def received(self, frame: str | bytes) -> None:
        self.frames.append(("<", frame))

    def note(self, text: str) -> None:
        self.notes.append(text)


class Station:
    """A peer on an open link, its run as a task, and what it noted."""

    def __init__(self, link: Link, serve: Callable[[Station, Request], Any]) -> None:
        loop = asyncio.get_running_loop()
        self.loop, self.link, self.notes = loop, link, Notes()
        self.rpc = Rpc(DIALECTS[link.subprotocol], schemas(link.subprotocol))
        self.peer = Peer(link, self.rpc, VirtualClock(loop), lambda request: serve(self, request), self.notes)
        self.run = asyncio.create_task(self.peer.run())

    async def heartbeat(self, timeout_s: float = 30, message_id: str | None = None) -> dict[str, Any]:
        return await self.peer.call(HEARTBEAT, timeout_s=timeout_s, message_id=message_id)


def accept(station: Station, request: Request) -> dict[str, Any]:
    return ACCEPTED


@asynccontextmanager
async def station(
    handler: Callable[[ServerConnection], Awaitable[None]],
    serve: Callable[[Station, Request], Any] = accept,
    version: str = "ocpp1.6",
    **options: Any,
) -> AsyncIterator[Station]:
    async with csms(handler) as port:
        link = await connect(endpoint(port, subprotocols=(version,), **options))
        found = Station(link, serve)
        yield found
        await link.close()
        async with asyncio.timeout(60):
            assert isinstance(await found.run, LinkClosed)


def trigger(message_id: str) -> str:
    return json.dumps([2, message_id, "TriggerMessage", {"requestedMessage": "Heartbeat"}])


async def answer_all(websocket: ServerConnection) -> None:
    """A CSMS that answers every Heartbeat."""
    async for text in websocket:
        message = json.loads(text)
        if message[0] == 2:
            await websocket.send(json.dumps([3, message[1], TIME]))


async def received(websocket: ServerConnection) -> list[Any]:
    async with asyncio.timeout(1_000):
        message = json.loads(await websocket.recv())
    assert isinstance(message, list)
    return message


# ---- our CALLs


def test_16_CONN_05_own_calls_take_turns_in_order_of_asking() -> None:
    async def main() -> None:
        order: list[str] = []

        async def handler(websocket: ServerConnection) -> None:
            for _ in range(5):
                call = await received(websocket)
                order.append(call[1])
                with pytest.raises(TimeoutError):  # no second one while the first is outstanding
                    async with asyncio.timeout(20):
                        await websocket.recv()
                await websocket.send(json.dumps([3, call[1], TIME]))
            await websocket.wait_closed()

        async with station(handler) as it:
            ids = [f"call-{number}" for number in range(5)]
            answers = await asyncio.gather(*(it.heartbeat(message_id=name) for name in ids))
            assert answers == [TIME] * 5
        assert order == ids

    run_virtual(main())


def test_a_callerror_fails_the_call_with_everything_it_said() -> None:
    async def main() -> None:
        async def handler(websocket: ServerConnection) -> None:
            call = await received(websocket)
            await websocket.send(json.dumps([4, call[1], "SecurityError", "not yet", {"when": "later"}]))
            await answer_all(websocket)

        async with station(handler) as it:
            with pytest.raises(CallFailed, match="SecurityError: not yet") as caught:
                await it.heartbeat()
            assert (caught.value.code, caught.value.details) == ("SecurityError", {"when": "later"})
            assert not caught.value.unusable
            assert await it.heartbeat() == TIME

    run_virtual(main())


def test_16_CONN_21_a_call_times_out_and_its_late_answer_is_ignored() -> None:
    async def main() -> None:
        async def handler(websocket: ServerConnection) -> None:
            first = await received(websocket)
            second = await received(websocket)
            await websocket.send(json.dumps([3, first[1], {"currentTime": "1999-01-01T00:00:00Z"}]))
            await websocket.send(json.dumps([3, second[1], TIME]))
            await answer_all(websocket)

        async with station(handler) as it:
            start = it.loop.time()
            with pytest.raises(CallTimeout, match="Heartbeat one: no answer within 30 s"):
                await it.heartbeat(30, "one")
            assert it.loop.time() - start == pytest.approx(30, abs=0.1)
            assert await it.heartbeat() == TIME
            assert it.rpc.counts.late == 1
            assert any("came late" in note for note in it.notes.notes)

    run_virtual(main())


def test_waiting_for_a_turn_is_not_counted_as_waiting_for_an_answer() -> None:
    async def main() -> None:
        async def handler(websocket: ServerConnection) -> None:
            for _ in range(3):
                call = await received(websocket)
                await asyncio.sleep(8)
                await websocket.send(json.dumps([3, call[1], TIME]))
            await websocket.wait_closed()

        async with station(handler) as it:
            assert await asyncio.gather(*(it.heartbeat(10) for _ in range(3))) == [TIME] * 3

    run_virtual(main())


@pytest.mark.parametrize("answered_after_s", [5, None])
def test_16_CONN_05_a_cancelled_call_still_holds_its_turn(answered_after_s: float | None) -> None:
    async def main() -> None:
        arrived: list[float] = []
        loop = asyncio.get_running_loop()

        async def handler(websocket: ServerConnection) -> None:
            first = await received(websocket)
            arrived.append(loop.time())
            if answered_after_s is not None:
                await asyncio.sleep(answered_after_s)
                await websocket.send(json.dumps([3, first[1], TIME]))
            second = await received(websocket)
            arrived.append(loop.time())
            await websocket.send(json.dumps([3, second[1], TIME]))
            await websocket.wait_closed()

        async with station(handler) as it:
            first = asyncio.create_task(it.heartbeat(30))
            await asyncio.sleep(1)
            first.cancel()
            assert await it.heartbeat() == TIME
            assert first.cancelled()
        gap_s = arrived[1] - arrived[0]
        assert gap_s == pytest.approx(30 if answered_after_s is None else answered_after_s, abs=0.2)

    run_virtual(main())


def test_a_payload_outside_the_schema_is_not_sent() -> None:
    async def main() -> None:
        async with station(answer_all) as it:
            with pytest.raises(SchemaViolation):
                await it.peer.call(Call("Heartbeat", {"x": 1}), timeout_s=5)
            with pytest.raises(CsmsError, match="no SEND"):
                await it.peer.send(Call("NotifyPeriodicEventStream", {}))
            assert await it.heartbeat() == TIME
            assert len(it.notes.frames) == 2

    run_virtual(main())


def test_an_unusable_answer_and_its_callresulterror() -> None:
    async def main() -> None:
        replies: list[Any] = []

        async def handler(websocket: ServerConnection) -> None:
            call = await received(websocket)
            await websocket.send(json.dumps([3, call[1], {"currentTime": 5}]))
            replies.append(await received(websocket))
            await answer_all(websocket)

        async with csms(handler, ("ocpp2.1",)) as port:
            it = Station(await connect(endpoint(port, subprotocols=("ocpp2.1",))), accept)
            with pytest.raises(CallFailed) as caught:
                await it.heartbeat(message_id="x")
            assert caught.value.unusable and caught.value.code == "TypeConstraintViolation"
            assert await it.heartbeat() == TIME
            await it.link.close()
            await it.run
        assert replies[0][:3] == [5, "x", "TypeConstraintViolation"]

    run_virtual(main())


# ---- requests and handlers


def test_16_CONN_06_requests_are_answered_while_an_own_call_is_outstanding() -> None:
    async def main() -> None:
        async def handler(websocket: ServerConnection) -> None:
            call = await received(websocket)
            for number in range(3):
                await websocket.send(trigger(str(number)))
                assert await received(websocket) == [3, str(number), ACCEPTED]
            await websocket.send(json.dumps([3, call[1], TIME]))
            await websocket.wait_closed()

        async with station(handler) as it:
            assert await it.heartbeat() == TIME

    run_virtual(main())


def test_a_handler_may_call_the_csms() -> None:
    async def main() -> None:
        done = asyncio.Event()

        async def handler(websocket: ServerConnection) -> None:
            await websocket.send(trigger("outer"))
            call = await received(websocket)
            assert call[2] == "Heartbeat"
            await websocket.send(json.dumps([3, call[1], TIME]))
            assert await received(websocket) == [3, "outer", ACCEPTED]
            done.set()
            await websocket.wait_closed()

        async def serve(it: Station, request: Request) -> dict[str, Any]:
            assert await it.heartbeat(5) == TIME
            return ACCEPTED

        async with station(handler, serve):
            async with asyncio.timeout(4):
                await done.wait()

    run_virtual(main())


def test_answers_go_out_in_the_order_of_the_requests() -> None:
    async def main() -> None:
        done = asyncio.Event()
        answers: list[Any] = []

        async def handler(websocket: ServerConnection) -> None:
            for number in range(4):
                await websocket.send(trigger(str(number)))
            await websocket.send('[2,"4","MakeCoffee",{}]')
            await websocket.send(trigger("5"))
            for _ in range(6):
                answers.append((await received(websocket))[:2])
            done.set()
            await websocket.wait_closed()

        async def serve(it: Station, request: Request) -> dict[str, Any]:
            await asyncio.sleep(10 - int(request.message_id))
            return ACCEPTED

        async with station(handler, serve):
            await done.wait()
        assert answers == [[3, "0"], [3, "1"], [3, "2"], [3, "3"], [4, "4"], [3, "5"]]

    run_virtual(main())


async def refuse(it: Station, request: Request) -> dict[str, Any]:
    it.peer.after_answer(lambda: it.notes.note("must not run"))
    raise CallRefused("SecurityError", "not you", {"a": 1})


def crash(it: Station, request: Request) -> dict[str, Any]:
    it.peer.after_answer(lambda: it.notes.note("must not run"))
    return {"password s3cret": 1 / 0}


def answer_badly(it: Station, request: Request) -> dict[str, Any]:
    it.peer.after_answer(lambda: it.notes.note("must not run"))
    return {"status": "Perhaps"}


@pytest.mark.parametrize(
    ("serve", "code"), [(refuse, "SecurityError"), (crash, "InternalError"), (answer_badly, "InternalError")]
)
def test_what_handlers_do_wrong_becomes_a_callerror(
    serve: Any, code: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        errors: list[Any] = []
        done = asyncio.Event()

        async def handler(websocket: ServerConnection) -> None:
            for number in range(2):
                await websocket.send(trigger(str(number)))
                errors.append(await received(websocket))
            done.set()
            await answer_all(websocket)

        async with station(handler, serve) as it:
            await done.wait()
            assert await it.heartbeat() == TIME
            assert "must not run" not in it.notes.notes
        assert [error[:3] for error in errors] == [[4, "0", code], [4, "1", code]]
        assert len(errors[0]) == 5 and "s3cret" not in str(errors)

    with caplog.at_level(logging.ERROR):
        run_virtual(main())
    assert ("ZeroDivisionError" in caplog.text) is (serve is crash)


def test_16_CORE_05_a_handler_may_forbid_any_answer() -> None:
    async def main() -> None:
        done = asyncio.Event()

        async def handler(websocket: ServerConnection) -> None:
            await websocket.send(trigger("silent"))
            await websocket.send(trigger("loud"))
            assert await received(websocket) == [3, "loud", ACCEPTED]
            await websocket.send(trigger("silent"))
            await websocket.send(trigger("loud"))
            assert await received(websocket) == [3, "loud", ACCEPTED]
            done.set()
            await websocket.wait_closed()

        def serve(it: Station, request: Request) -> dict[str, Any]:
            if request.message_id == "silent":
                it.peer.after_answer(lambda: it.notes.note("must not run"))
                raise NotAnswered("rejected")
            return ACCEPTED

        async with station(handler, serve) as it:
            async with asyncio.timeout(100):
                await done.wait()
            assert it.notes.notes == ["not answered: rejected"] * 2

    run_virtual(main())


def test_a_call_after_the_answer_may_fail_without_harm() -> None:
    async def main() -> None:
        async def handler(websocket: ServerConnection) -> None:
            await websocket.send(trigger("1"))
            assert await received(websocket) == [3, "1", ACCEPTED]
            call = await received(websocket)
            await websocket.send(json.dumps([4, call[1], "GenericError", "", {}]))
            await answer_all(websocket)

        def serve(it: Station, request: Request) -> dict[str, Any]:
            async def beat() -> None:
                await it.heartbeat()

            it.peer.after_answer(beat)
            return ACCEPTED

        async with station(handler, serve) as it:
            await asyncio.sleep(1)
            assert await it.heartbeat() == TIME
            assert it.notes.notes == ["after the answer to TriggerMessage: GenericError"]

    run_virtual(main())


def test_send_needs_no_turn() -> None:
    async def main() -> None:
        stream = {"id": 1, "pending": 0, "basetime": "2026-01-01T00:00:00Z", "data": [{"t": 0, "v": "1"}]}

        async def handler(websocket: ServerConnection) -> None:
            call = await received(websocket)
            assert (await received(websocket))[2:] == ["NotifyPeriodicEventStream", stream]
            await websocket.send(json.dumps([3, call[1], TIME]))
            await websocket.wait_closed()

        async with csms(handler, ("ocpp2.1",)) as port:
            it = Station(await connect(endpoint(port, subprotocols=("ocpp2.1",))), accept)
            call = asyncio.create_task(it.heartbeat())
            await asyncio.sleep(1)
            await it.peer.send(Call("NotifyPeriodicEventStream", stream))
            assert await call == TIME
            await it.link.close()
            await it.run

    run_virtual(main())


def test_after_answer_runs_after_the_answer_and_before_the_next_request() -> None:
    async def main() -> None:
        frames: list[Any] = []
        done = asyncio.Event()

        async def handler(websocket: ServerConnection) -> None:
            await websocket.send(trigger("a"))
            await websocket.send(trigger("b"))
            for _ in range(4):
                message = await received(websocket)
                frames.append(message[1] if message[0] == 3 else message[2])
                if message[0] == 2:
                    await websocket.send(json.dumps([3, message[1], TIME]))
            done.set()
            await websocket.wait_closed()

        def serve(it: Station, request: Request) -> dict[str, Any]:
            async def beat() -> None:
                await it.heartbeat()

            def broken() -> None:
                raise RuntimeError("callback")

            it.peer.after_answer(broken)
            it.peer.after_answer(beat)
            return ACCEPTED

        async with station(handler, serve) as it:
            await done.wait()
            with pytest.raises(RuntimeError, match="no request is being handled"):
                it.peer.after_answer(lambda: None)
            assert it.notes.notes.count("after the answer to TriggerMessage: RuntimeError") == 2
        assert frames == ["a", "Heartbeat", "b", "Heartbeat"]

    run_virtual(main())


def test_too_many_requests_are_refused_while_answers_are_still_read() -> None:
    async def main() -> None:
        surplus = 10
        refused: list[Any] = []
        served = 0
        release = asyncio.Event()

        async def handler(websocket: ServerConnection) -> None:
            nonlocal served
            for number in range(1 + QUEUE_LIMIT + surplus):
                await websocket.send(trigger(str(number)))
            for _ in range(surplus):
                refused.append(await received(websocket))
            await websocket.send('[2,"surplus"]')
            assert (await received(websocket))[:3] == [4, "surplus", "FormationViolation"]
            call = await received(websocket)
            await websocket.send(json.dumps([3, call[1], TIME]))
            while served < 1 + QUEUE_LIMIT:
                assert (await received(websocket))[:2] == [3, str(served)]
                served += 1
            release.set()
            await websocket.wait_closed()

        blocked = asyncio.Event()

        async def serve(it: Station, request: Request) -> dict[str, Any]:
            await blocked.wait()
            return ACCEPTED

        async with station(handler, serve) as it:
            await asyncio.sleep(5)
            assert await it.heartbeat() == TIME
            blocked.set()
            await release.wait()
        assert {error[2] for error in refused} == {"InternalError"}
        assert len(refused) == surplus

    run_virtual(main())


GARBAGE = [
    "",
    "{}",
    "[]",
    "[1]",
    "[2]",
    "[3]",
    "[4]",
    "nonsense",
    '[3,"x",{}]',
    "[" * 5_000,
    "\x00",
    '[2,"1"',
    b"\xff",
]


def test_garbage_does_not_end_the_conversation() -> None:
    async def main() -> None:
        async def handler(websocket: ServerConnection) -> None:
            for item in GARBAGE:
                await websocket.send(item)
            await answer_all(websocket)

        async with station(handler) as it:
            assert await it.heartbeat() == TIME
            assert len([note for note in it.notes.notes if note.startswith("ignored")]) >= len(GARBAGE) - 2
            assert len(it.notes.frames) >= len(GARBAGE) + 2

    run_virtual(main())


# ---- ends


async def at_once(websocket: ServerConnection) -> None:
    websocket.transport.abort()


async def during_our_call(websocket: ServerConnection) -> None:
    await received(websocket)
    websocket.transport.abort()


async def in_the_middle_of_the_answer(websocket: ServerConnection) -> None:
    call = await received(websocket)
    text = json.dumps([3, call[1], TIME]).encode()
    websocket.transport.write(bytes((0x81, len(text))) + text[:10])
    await asyncio.sleep(0.01)
    websocket.transport.abort()


async def during_a_handler(websocket: ServerConnection) -> None:
    await websocket.send(trigger("1"))
    await received(websocket)  # what the handler calls
    websocket.transport.abort()


async def with_requests_in_the_queue(websocket: ServerConnection) -> None:
    for number in range(20):
        await websocket.send(trigger(str(number)))
    websocket.transport.abort()


async def politely(websocket: ServerConnection) -> None:
    await received(websocket)
    await websocket.close(1001, "going away")


VANISHING = [
    at_once,
    during_our_call,
    in_the_middle_of_the_answer,
    during_a_handler,
    with_requests_in_the_queue,
    politely,
]


@pytest.mark.parametrize("vanish", VANISHING)
def test_a_csms_that_vanishes_ends_everything_with_link_closed(vanish: Any) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()

        async def serve(it: Station, request: Request) -> dict[str, Any]:
            await it.heartbeat(1_000)
            return ACCEPTED

        async with csms(vanish) as port:
            it = Station(await connect(endpoint(port, subprotocols=("ocpp1.6",))), serve)
            start = loop.time()
            calls = [asyncio.create_task(it.heartbeat(1_000)) for _ in range(3)]
            async with asyncio.timeout(60):
                closed = await it.run
                results = await asyncio.gather(*calls, return_exceptions=True)
            assert isinstance(closed, LinkClosed) and closed.why
            assert all(isinstance(result, LinkClosed) for result in results), results
            with pytest.raises(LinkClosed):
                await it.heartbeat()
            with pytest.raises(LinkClosed):
                await it.peer.send(HEARTBEAT)
            assert loop.time() - start < 30
            assert {task.get_name() for task in asyncio.all_tasks()}.isdisjoint(
                {"csms reader", "csms worker"}
            )

    run_virtual(main())


def test_cancelling_the_run_ends_calls_and_leaves_the_link_open() -> None:
    async def main() -> None:
        async def handler(websocket: ServerConnection) -> None:
            await websocket.wait_closed()

        async with csms(handler) as port:
            it = Station(await connect(endpoint(port, subprotocols=("ocpp1.6",))), accept)
            call = asyncio.create_task(it.heartbeat())
            await asyncio.sleep(1)
            it.run.cancel()
            with pytest.raises(asyncio.CancelledError):
                await it.run
            with pytest.raises(LinkClosed, match="gave up"):
                await call
            await it.link.send("still open")
            await it.link.close()

    run_virtual(main())


def test_16_CONN_20_half_open_without_pings_the_call_times_out() -> None:
    async def main() -> None:
        async with raw_server(HalfOpen(pongs=False)) as port:
            it = Station(await connect(endpoint(port, ping_interval_s=0)), accept)
            with pytest.raises(CallTimeout):
                await it.heartbeat(30)
            assert not it.run.done()
            await it.link.close()
            await it.run

    run_virtual(main())


def test_16_CONN_20_half_open_with_pings_the_link_is_closed() -> None:
    async def main() -> None:
        async with raw_server(HalfOpen(pongs=False)) as port:
            it = Station(await connect(endpoint(port, ping_interval_s=10, pong_timeout_s=5)), accept)
            with pytest.raises(LinkClosed, match="no pong within 5 s"):
                await it.heartbeat(1_000)
            assert "no pong" in (await it.run).why

    run_virtual(main())


def test_a_call_times_out_even_when_nothing_can_be_sent() -> None:
    async def main() -> None:
        async with raw_server(HalfOpen(reads=False)) as port:
            it = Station(await connect(endpoint(port, send_timeout_s=500)), accept)
            bulky = Call("DataTransfer", {"vendorId": "x", "data": "x" * 200_000})
            start = it.loop.time()
            for _ in range(200):
                with pytest.raises(CallTimeout):
                    await it.peer.call(bulky, timeout_s=1)
            assert it.loop.time() - start == pytest.approx(200, abs=1)
            it.link._cut("the test is over")
            await it.run

    run_virtual(main())


def test_every_frame_is_shown_to_the_observer() -> None:
    async def main() -> None:
        async def handler(websocket: ServerConnection) -> None:
            await websocket.send(trigger("1"))
            await answer_all(websocket)

        async with station(handler) as it:
            await it.heartbeat(message_id="h")
            await asyncio.sleep(1)
            assert sorted(it.notes.frames) == sorted(
                [
                    ("<", trigger("1")),
                    (">", '[3,"1",{"status":"Accepted"}]'),
                    (">", '[2,"h","Heartbeat",{}]'),
                    ("<", json.dumps([3, "h", TIME])),
                ]
            )

    run_virtual(main())


def test_a_tolerated_answer_is_noted() -> None:
    async def main() -> None:
        async def handler(websocket: ServerConnection) -> None:
            call = await received(websocket)
            await websocket.send(json.dumps([3, call[1], {**TIME, "vendor": 5}]))
            await websocket.wait_closed()

        async with station(handler) as it:
            assert await it.heartbeat() == {**TIME, "vendor": 5}
            assert it.notes.notes == ["answer to Heartbeat tolerated: vendor: this member is not known here"]

    run_virtual(main())
