"""The random delay of one EVSE as it goes on: events, claims, override. The rules are ``random_delay``'s.

Durable: the running delay, so that a restart does not skip it. A boundary that passed while the controller
was down is found at its return: the limit of the last known moment is where it begins.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from controller.domain.events import DelayBegun, DelayEnded, Event, TransactionEnded
from controller.domain.limits import Claim
from controller.domain.random_delay import (
    POWER,
    SCHEDULE,
    Delay,
    RandomDelay,
    Scheduled,
    begin,
    follow,
    held_ma,
    remaining_ms,
)
from controller.domain.turn import Turn


class Delaying:
    def __init__(self, evse_id: int) -> None:
        self._evse_id = evse_id
        self.state = RandomDelay()

    def apply(self, event: Event) -> None:
        match event:
            case DelayBegun():
                delay = Delay(event.cause, event.held_ma, event.at_ms, event.until_ms)
                self.state = replace(self.state, running=delay)
            case DelayEnded() | TransactionEnded():
                self.state = replace(self.state, running=None)
            case _:
                pass

    def checkpoint(self) -> list[Event]:
        delay = self.state.running
        if delay is None:
            return []
        return [DelayBegun(self._evse_id, delay.cause, delay.held_ma, delay.until_ms, delay.began_at_ms)]

    def settle(self, turn: Turn, at: Callable[[int], Scheduled] | None, known_ms: int) -> None:
        """``at(utc_ms)``: the schedules' limit at an instant, None = no transaction that could charge.
        ``known_ms``: UTC ms of the last moment of which the journal knows."""
        now = at(turn.now.utc_ms) if at is not None else None
        if at is not None and self.state.accepted is None and self.state.running is None:
            self.state = replace(self.state, accepted=at(min(known_ms, turn.now.utc_ms)))
        step = follow(self.state, now, turn.now.utc_ms, turn.policy.random_delay_max_s, turn.draw)
        if step.ended is not None and self.state.running is not None:
            turn.emit(DelayEnded(self._evse_id, step.ended, turn.now.utc_ms))
        if step.begun is not None:
            self._begin(step.begun, turn)
        self.state = replace(self.state, accepted=step.accepted)

    def power_returned(self, turn: Turn) -> None:
        """The station begins to charge because power came back: all of the street would, at once."""
        if self.state.running is None:
            delay = begin(POWER, 0, turn.now.utc_ms, turn.policy.random_delay_max_s, turn.draw)
            if delay is not None:
                self._begin(delay, turn)

    def _begin(self, delay: Delay, turn: Turn) -> None:
        turn.emit(DelayBegun(self._evse_id, delay.cause, delay.held_ma, delay.until_ms, delay.began_at_ms))

    def override(self, turn: Turn, who: str) -> bool:
        """A user wants to charge now. False: nothing was delayed."""
        if self.state.running is None:
            return False
        turn.emit(DelayEnded(self._evse_id, f"overridden by {who}", turn.now.utc_ms))
        return True

    def claims(self, turn: Turn, schedules: list[Claim], now: Scheduled) -> list[Claim]:
        """The claims of the schedules, or the limit from before while a change is put off."""
        most_s = turn.policy.random_delay_max_s
        held = held_ma(self.state, now, turn.now.utc_ms, most_s)
        if held is None:
            return schedules
        delay = self.state.running
        cause, since_ms, left = SCHEDULE, turn.now.utc_ms, "in a moment"
        if delay is not None:
            cause, since_ms = delay.cause, delay.began_at_ms
            left = f"by itself in {-(-remaining_ms(delay, turn.now.utc_ms, most_s) // 1000)} s"
        remedy = f"present the card again or `joulepost command override_delay evse_id={self._evse_id}`"
        return [Claim("random delay", held, f"{cause}, UK random delay", since_ms, f"{left}; or {remedy}")]
