"""A transaction as it stands: what its events add up to.

Owns: the state between TransactionStarted and TransactionEnded. Everything here can be rebuilt by
applying those events; nothing is decided here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from controller.domain.access.tokens import IdToken
from controller.domain.events import (
    ChargingState,
    TransactionStarted,
    TransactionStopping,
    TransactionUpdated,
    Trigger,
)
from controller.domain.metering.measurands import MeterSample, ReadingContext

MOST_ENDED_SAMPLES = 96
"""Samples told with the end of a transaction (1.6 StopTransactionMaxMeterValues); of more, every second one
between the first and the last is dropped (errata 3.91: intermediate values may be thinned out, head and tail
may not)."""


@dataclass(slots=True)
class Transaction:
    """``register_wh``: the last register that is in the journal. Instants are UTC ms."""

    started: TransactionStarted
    seq_no: int
    charging_state: ChargingState
    register_wh: int
    group: IdToken | None
    last_updated: TransactionUpdated | None = None
    stopping: TransactionStopping | None = None
    ended_samples: list[MeterSample] = field(default_factory=list)
    vehicle_left: bool = False  # unplugged since
    refused: TransactionUpdated | None = None  # when the CSMS did not accept the token

    @classmethod
    def begin(cls, event: TransactionStarted) -> Transaction:
        return cls(
            event,
            event.seq_no,
            event.charging_state,
            event.register_wh,
            event.group,
            ended_samples=list(event.samples),
        )

    @property
    def id(self) -> str:
        return self.started.transaction_id

    @property
    def token(self) -> IdToken | None:
        return self.started.token

    def update(self, event: TransactionUpdated) -> None:
        self.seq_no = event.seq_no
        self.charging_state = event.charging_state
        self.last_updated = event
        if event.register_wh is not None:
            self.register_wh = event.register_wh
        if event.trigger is Trigger.DEAUTHORIZED and self.refused is None:
            self.refused = replace(event, register_wh=self.register_wh)

    @property
    def deauthorized(self) -> bool:
        return self.refused is not None

    def move(self, moved: Callable[[int], int]) -> None:
        """The clock was set: every instant that was noted with the wrong one, anew."""

        def sample(one: MeterSample) -> MeterSample:
            return replace(one, at_ms=moved(one.at_ms))

        started = self.started
        samples = tuple(sample(one) for one in started.samples)
        self.started = replace(started, at_ms=moved(started.at_ms), samples=samples)
        self.ended_samples = [sample(one) for one in self.ended_samples]
        if self.last_updated is not None:
            self.last_updated = replace(self.last_updated, at_ms=moved(self.last_updated.at_ms))
        if self.stopping is not None:
            self.stopping = replace(self.stopping, at_ms=moved(self.stopping.at_ms))

    def keep_for_end(self, sample: MeterSample) -> None:
        """Remember a sample for TransactionEnded, bounded; the one of the end itself is still to come."""
        if sample.context is ReadingContext.TRANSACTION_BEGIN:
            self.ended_samples = []
        self.ended_samples.append(sample)
        if len(self.ended_samples) > MOST_ENDED_SAMPLES - 1:
            middle = self.ended_samples[1:-1]
            self.ended_samples = [self.ended_samples[0], *middle[::2], self.ended_samples[-1]]

    def started_by(self, token: IdToken) -> bool:
        return self.token is not None and self.token.key == token.key

    def same_group(self, group: IdToken | None) -> bool:
        """1.6 3.10, 2.0.1 C09: tokens of one group may stop each other's transactions."""
        return group is not None and self.group is not None and self.group.key == group.key
