"""One turn of the station: the context in which an input is handled.

Owns: what all parts of a turn share, and the rule that an event takes effect the moment it is emitted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from controller.domain.access.tokens import IdToken
from controller.domain.charging.limits import Claim
from controller.domain.charging.random_delay import Draw
from controller.domain.charging.stack import Stacks
from controller.domain.effects import Effect
from controller.domain.events import Event
from controller.domain.instant import Now
from controller.domain.policy import Policy


class Reserved(Protocol):
    """What an EVSE asks about reservations (``domain.access.reservation``)."""

    def refuses(self, evse_id: int, token: IdToken, group: IdToken | None) -> object | None:
        """Not None: this token may not use this EVSE."""

    def held(self, evse_id: int, token: IdToken, group: IdToken | None) -> int | None:
        """The reservation that a transaction of this token on this EVSE uses up."""

    def shown(self, evse_id: int) -> object | None:
        """Not None: this EVSE waits for the holder of a reservation."""


@dataclass(slots=True)
class Turn:
    """``emit`` applies an event and keeps it for the journal; ``do`` asks the shell for an effect."""

    now: Now
    policy: Policy
    online: bool
    operative: bool  # the station as a whole takes new transactions
    storage_fault: str | None
    stacks: Stacks
    station_claims: Callable[[Turn, int], list[Claim]]  # of one EVSE: its share of what is for all
    new_id: Callable[[], str]
    apply: Callable[[Event], None]
    draw: Draw
    reserved: Reserved
    plug_times_out: bool = False  # the CSMS's protocol gives a plug that nobody authorized a limited time
    asking: frozenset[int] = frozenset()  # EVSEs for which the CSMS is being asked; 0 = any
    charging_allowed: bool = True  # see ``Station.charging_allowed``
    events: list[Event] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)

    def emitted(self, kind: type) -> bool:
        """Whether an event of this class happened in this turn."""
        return any(isinstance(event, kind) for event in self.events)

    def emit(self, event: Event) -> None:
        self.apply(event)
        self.events.append(event)

    def do(self, effect: Effect) -> None:
        self.effects.append(effect)
