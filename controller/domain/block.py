"""A functional block of the station, as reservation or firmware, each in a module of its own.

Owns: what ``Station`` asks of a block, and of a part without a state. A block takes its own commands and
inputs, keeps its own durable state, and is rebuilt from its own events.
Refuses to know: any rule.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from controller.domain.commands import Verdict
from controller.domain.events import Event
from controller.domain.turn import Turn

Handler = Callable[[Any, Turn], Verdict | int | None]
"""Takes one input. A command gets a verdict, or the number under which it comes later (``Settled``)."""


class Part(Protocol):
    """Takes inputs and keeps nothing of its own."""

    @property
    def handlers(self) -> Mapping[type, Handler]:
        """Which inputs it takes: one handler for each class."""


class Block(Part, Protocol):
    """Durable state changes only in ``apply``; the rest is observation and timers."""

    def apply(self, event: Event) -> None:
        """Take over one event of any block, new or replayed."""

    def settle(self, turn: Turn) -> None:
        """Run every rule to its end, after each input and tick, when all EVSEs have. Idempotent."""

    def checkpoint(self) -> list[Event]:
        """The shortest list of events that rebuilds the durable state by ``apply``."""

    def next_deadline_ms(self) -> int | None:
        """CLOCK_MONOTONIC ms of the next thing that happens by itself, None = nothing does."""
