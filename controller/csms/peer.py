"""One conversation with the CSMS: reads frames, answers requests, makes calls.

Owns: the tasks of one connection (a reader and a worker), the queue between them, the turn of our own CALLs.
Refuses to know: framing (``rpc``), sockets (``link``), actions and their handlers (``serve``).

The reader never runs a handler, so a handler may itself call the CSMS: the answer is read meanwhile.
Requests are handled one after the other, in the order of arrival, also while a CALL of ours is outstanding
(1.6J 4.1.1).
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol

from controller.clock import Clock
from controller.csms.errors import (
    CallFailed,
    CallRefused,
    CallTimeout,
    CsmsError,
    LinkClosed,
    NotAnswered,
    SchemaViolation,
)
from controller.csms.rpc import Answered, Call, Failed, Ignored, Outgoing, Request, Rpc
from controller.csms.trace import FrameObserver

log: Final = logging.getLogger(__name__)

QUEUE_LIMIT: Final = 64
"""Requests waiting for their handler. A CSMS has one outstanding at a time (4.1.1); more than this are
refused."""


class Frames(Protocol):
    """What ``Peer`` needs of a ``link.Link``. Both raise ``LinkClosed`` when the connection is gone."""

    async def send(self, text: str) -> None: ...

    async def recv(self) -> str | bytes: ...


Serve = Callable[[Request], Awaitable[dict[str, Any]] | dict[str, Any]]
"""Answers a request with the payload of its CALLRESULT, or raises ``CallRefused`` or ``NotAnswered``.
Anything else it raises becomes CALLERROR InternalError and a traceback in the log."""

AfterAnswer = Callable[[], Awaitable[None] | None]


class Peer:
    """Use once: make it when the link is open, ``run`` it until the link dies, throw it away."""

    def __init__(
        self,
        link: Frames,
        rpc: Rpc,
        clock: Clock,
        serve: Serve,
        trace: FrameObserver | None = None,
        invalid: Callable[[str], None] | None = None,
    ) -> None:
        """``invalid``: told of each frame that is no valid message."""
        self._link = link
        self._rpc = rpc
        self._clock = clock
        self._serve = serve
        self._trace = trace
        self._invalid = invalid
        self._closed: LinkClosed | None = None
        self._queue: deque[Request | str] = deque()  # a str is a frame that waits for its place in the order
        self._work: asyncio.Future[None] | None = None  # the worker waits here while the queue is empty
        self._after: list[AfterAnswer] | None = None  # not None while a handler runs
        self._turn = asyncio.Lock()  # wakes in order of arrival: FIFO
        self._waiter: asyncio.Future[dict[str, Any]] | None = None
        self._settled = asyncio.Event()

    async def run(self) -> LinkClosed:
        """Serves the connection until it dies and returns why. Cancelling it leaves the link open.

        A handler that is running then is cancelled, CALLs that wait get ``LinkClosed``.
        """
        tasks = (
            asyncio.create_task(self._read(), name="csms reader"),
            asyncio.create_task(self._answer_requests(), name="csms worker"),
        )
        closed = LinkClosed("this station gave up the connection")
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        except LinkClosed as reason:
            closed = reason
        finally:
            self._end(closed)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        return closed

    async def call(self, call: Call, *, timeout_s: float, message_id: str | None = None) -> dict[str, Any]:
        """Sends a CALL when its turn comes and returns the payload of the answer.

        ``timeout_s``: from sending to the answer; waiting for earlier CALLs does not count.
        ``message_id``: for a retry (2.x part 4 4.1.4). Raises ``CallFailed``, ``CallTimeout``,
        ``LinkClosed``, and ``SchemaViolation`` for a payload that must not be sent.
        """
        async with self._turn:
            await self._earlier_call_settled()
            if self._closed is not None:
                raise self._closed
            rpc = self._rpc
            frame = rpc.call(call, self._now_ms(), max(1, round(timeout_s * 1000)), message_id)
            sent_id = rpc.outstanding or ""
            waiter: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
            self._waiter = waiter
            try:
                async with asyncio.timeout(timeout_s):
                    await self._send(frame)
                    return await waiter
            except TimeoutError:
                self._expire()
                raise CallTimeout(call.action, sent_id, timeout_s) from None
            finally:
                self._waiter = None

    def prepare(self, call: Call, message_id: str) -> None:
        """While an earlier CALL is on its way: see ``Rpc.prepare``."""
        self._rpc.prepare(call, message_id)

    async def send(self, call: Call, *, message_id: str | None = None) -> None:
        """Sends a SEND (2.1 part 4 4.2.4), without waiting for a turn. Raises like ``Rpc.send``,
        ``LinkClosed``."""
        if self._closed is not None:
            raise self._closed
        await self._send(self._rpc.send(call, message_id))

    def after_answer(self, callback: AfterAnswer) -> None:
        """For handlers: run ``callback`` once the answer to the present request was sent (Reset,
        TriggerMessage).

        It runs before the next request is handled, and not at all when the answer could not be sent.
        Raises ``RuntimeError`` outside a handler.
        """
        if self._after is None:
            raise RuntimeError("after_answer: no request is being handled; call it from within serve")
        self._after.append(callback)

    # ---- reader

    async def _read(self) -> None:
        link, rpc, trace, queue = self._link, self._rpc, self._trace, self._queue
        while True:
            frame = await link.recv()
            if trace is not None:
                trace.received(frame)
            now_ms = self._now_ms() if rpc.outstanding else 0  # only answers need it
            for outcome in rpc.receive(frame, now_ms):
                if isinstance(outcome, Request):
                    if len(queue) >= QUEUE_LIMIT:
                        # Sent out of turn, or the queue would grow; whoever floods gets it as it comes.
                        await self._send(rpc.refuse(outcome, "InternalError", "too many requests at once"))
                    else:
                        self._enqueue(outcome)
                elif isinstance(outcome, Answered):
                    if outcome.overlooked:
                        self._note(f"answer to {outcome.call.action} tolerated: {outcome.overlooked}")
                    self._settle(outcome.payload)
                elif isinstance(outcome, Failed):
                    failure = CallFailed(
                        outcome.code, outcome.description, outcome.details, unusable=outcome.unusable
                    )
                    self._settle(failure)
                elif isinstance(outcome, Outgoing):
                    if len(queue) >= QUEUE_LIMIT:
                        await self._send(outcome.frame)
                    else:
                        self._enqueue(outcome.frame)
                elif isinstance(outcome, Ignored):
                    self._note(f"ignored: {outcome.why}")
            if rpc.invalid:
                what, rpc.invalid = rpc.invalid, ""
                if self._invalid is not None:
                    self._invalid(what)

    def _enqueue(self, item: Request | str) -> None:
        self._queue.append(item)
        if self._work is not None and not self._work.done():
            self._work.set_result(None)

    def _settle(self, result: dict[str, Any] | CallFailed) -> None:
        self._settled.set()
        waiter = self._waiter
        if waiter is None or waiter.done():
            return  # whoever called was cancelled and no longer waits
        if isinstance(result, CallFailed):
            waiter.set_exception(result)
        else:
            waiter.set_result(result)

    # ---- worker

    async def _answer_requests(self) -> None:
        queue = self._queue
        loop = asyncio.get_running_loop()
        while True:
            if not queue:
                self._work = loop.create_future()
                await self._work
            item = queue.popleft()
            if isinstance(item, str):
                await self._send(item)
                continue
            after = self._after = []
            try:
                frame = await self._answer(item)
            finally:
                self._after = None
            if frame is None:
                continue
            await self._send(frame)
            for callback in after:
                await self._run_after(callback, item)

    async def _answer(self, request: Request) -> str | None:
        rpc = self._rpc
        try:
            payload = self._serve(request)
            if not isinstance(payload, dict):
                payload = await payload
            return rpc.answer(request, payload)
        except CallRefused as refused:
            if self._after is not None:
                self._after.clear()
            return rpc.refuse(request, refused.code, refused.description, refused.details)
        except NotAnswered as silent:
            self._note(f"not answered: {silent}")
            rpc.leave(request)
            return None
        except LinkClosed:
            raise  # a CALL the handler made found the connection gone: there is nobody to answer
        except SchemaViolation as violation:
            what = f"the answer to {request.action} does not fit its schema: {violation}"
        except Exception as error:
            # A handler's bug must not cost the connection, nor tell the CSMS about our insides.
            log.exception("handler of %s failed", request.action)
            what = f"handler of {request.action} failed: {type(error).__name__}"
        if self._after is not None:
            self._after.clear()
        self._note(what)
        return rpc.refuse(request, "InternalError", "this station failed to process the request")

    async def _run_after(self, callback: AfterAnswer, request: Request) -> None:
        try:
            result = callback()
            if result is not None:
                await result
        except CsmsError as error:
            self._note(f"after the answer to {request.action}: {error}")
        except Exception as error:
            log.exception("what was to follow the answer to %s failed", request.action)
            self._note(f"after the answer to {request.action}: {type(error).__name__}")

    # ---- pieces

    async def _send(self, frame: str) -> None:
        if self._trace is not None:
            self._trace.sent(frame)
        await self._link.send(frame)

    async def _earlier_call_settled(self) -> None:
        """Whoever made the CALL before may have been cancelled; the CSMS still owes its answer (4.1.1)."""
        while self._closed is None and (deadline_ms := self._rpc.next_deadline_ms) is not None:
            self._settled.clear()
            try:
                async with asyncio.timeout((deadline_ms - self._now_ms()) / 1000):
                    await self._settled.wait()
            except TimeoutError:
                self._expire()

    def _expire(self) -> None:
        """The timer of the outstanding CALL ran off; it decides, also when two clocks differ by a
        millisecond."""
        deadline_ms = self._rpc.next_deadline_ms
        if deadline_ms is not None:
            self._rpc.expire(max(self._now_ms(), deadline_ms))

    def _end(self, closed: LinkClosed) -> None:
        self._closed = closed
        self._settled.set()
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(closed)

    def _now_ms(self) -> int:
        return self._clock.now().mono_ms

    def _note(self, text: str) -> None:
        if self._trace is not None:
            self._trace.note(text)
