"""The tick: the input that says nothing but that time has passed.

Owns: one every second, and one at the millisecond of whatever the station has to do by itself.
Refuses to know: what is due.
"""

from __future__ import annotations

import asyncio

from controller.clock import Clock
from controller.csms.session import wait_for
from controller.domain.inputs import Tick
from controller.inbox import Inbox

TICK_S = 1.0
SHORTEST_MS = 10


class Ticks:
    def __init__(self, inbox: Inbox, clock: Clock) -> None:
        self._inbox = inbox
        self._clock = clock
        self._next_ms = 0  # CLOCK_MONOTONIC of the next tick
        self._sooner = asyncio.Event()  # an input brought a deadline before it

    async def run(self) -> None:
        """For ever."""
        while True:
            self._inbox.take(Tick())
            now_ms = self._clock.now().mono_ms
            due_ms = self._inbox.station.next_deadline_ms()
            pause_ms = round(TICK_S * 1000)
            if due_ms is not None:
                pause_ms = min(pause_ms, max(SHORTEST_MS, due_ms - now_ms))
            self._next_ms = now_ms + pause_ms
            self._sooner.clear()
            await wait_for(self._sooner, pause_ms)

    def look(self) -> None:
        """After every input: it may have brought a deadline."""
        due_ms = self._inbox.station.next_deadline_ms()
        if due_ms is not None and due_ms < self._next_ms:
            self._sooner.set()
