"""The random delay of one EVSE as it goes on: events, claims, override. The rules are ``random_delay``'s.

Durable: the running delay, so that a restart does not skip it. A boundary that passed while the controller
was down is found at its return: the limit of the last known moment is where it begins.
"""

from __future__ import annotations

from dataclasses import replace

from controller.domain.charging.limits import Claim, Moment, schedule_claims
from controller.domain.charging.random_delay import (
    NO_LIMIT_MA,
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
from controller.domain.events import ClockSet, DelayBegun, DelayEnded, Event, TransactionEnded
from controller.domain.timekeeping import moved
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
            case ClockSet() if self.state.running is not None:
                delay = self.state.running
                began_ms = moved(event, delay.began_at_ms)
                until_ms = delay.until_ms + began_ms - delay.began_at_ms  # it lasts as long as it was drawn
                running = replace(delay, began_at_ms=began_ms, until_ms=until_ms)
                self.state = replace(self.state, running=running)
            case DelayEnded() | TransactionEnded():
                self.state = replace(self.state, running=None)
            case _:
                pass

    def checkpoint(self) -> list[Event]:
        delay = self.state.running
        if delay is None:
            return []
        return [DelayBegun(self._evse_id, delay.cause, delay.held_ma, delay.until_ms, delay.began_at_ms)]

    def settle(self, turn: Turn, moment: Moment | None, known_ms: int) -> None:
        """``moment`` None = no transaction that could charge. ``known_ms``: UTC ms of the last moment
        that the journal knows of."""
        now = scheduled(turn, moment) if moment is not None else None
        state = self.state
        if moment is not None and state.accepted is None and state.running is None:
            newest_ms = max((one.at_ms for one in turn.stacks.profiles.values()), default=0)
            since_ms = min(max(known_ms, newest_ms), turn.now.utc_ms)
            self.state = replace(state, accepted=scheduled(turn, replace(moment, utc_ms=since_ms)))
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

    def claims(self, turn: Turn, moment: Moment) -> list[Claim]:
        """The claims of the schedules, or the limit from before while a change is put off."""
        schedules = schedule_claims(turn.stacks, moment, turn.policy)
        if moment.transaction_id is None:
            return schedules
        most_s = turn.policy.random_delay_max_s
        held = held_ma(self.state, scheduled(turn, moment), turn.now.utc_ms, most_s)
        if held is None:
            return schedules
        delay = self.state.running
        cause, since_ms, left = SCHEDULE, turn.now.utc_ms, "in a moment"
        if delay is not None:
            cause, since_ms = delay.cause, delay.began_at_ms
            left = f"by itself in {-(-remaining_ms(delay, turn.now.utc_ms, most_s) // 1000)} s"
        remedy = f"present the card again or `joulepost command override_delay evse_id={self._evse_id}`"
        return [Claim("random delay", held, f"{cause}, UK random delay", since_ms, f"{left}; or {remedy}")]


def scheduled(turn: Turn, moment: Moment) -> Scheduled:
    """What the schedules of a transaction allow at a moment, and who chose them."""
    stack = turn.stacks.of_transaction(moment.evse_id, moment.transaction_id, moment.transaction_started_ms)
    claims = schedule_claims(turn.stacks, moment, turn.policy)
    limit_ma = min((claim.limit_ma for claim in claims), default=NO_LIMIT_MA)
    return Scheduled((moment.transaction_id, stack.profiles), limit_ma)
