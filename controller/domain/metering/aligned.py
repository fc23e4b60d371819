"""Clock-aligned sampling of every meter (1.6 ClockAlignedDataInterval, StopTxnAlignedData; 2.0.1 J01).

Owns: that all meters are sampled at the same instant of the clock.
Refuses to know: what is sampled (``evse``, ``main_meter``), when the clock passes an instant (``sampling``).
"""

from __future__ import annotations

from collections.abc import Mapping

from controller.domain.block import Handler
from controller.domain.events import Event
from controller.domain.evse.evse import Evse
from controller.domain.metering.main_meter import MainMeter
from controller.domain.metering.sampling import WallClock
from controller.domain.policy import Policy
from controller.domain.turn import Turn


class AlignedSampling:
    """Nothing of it is durable."""

    def __init__(self, evses: Mapping[int, Evse], main_meter: MainMeter) -> None:
        self._evses = evses
        self._main_meter = main_meter
        self._wall_clock = WallClock()
        self._deadline_ms: int | None = None
        self.handlers: Mapping[type, Handler] = {}

    def tick(self, turn: Turn) -> None:
        aligned, aligned_ended = self._wall_clock.passed(turn.now, *_intervals_s(turn.policy))
        if aligned:
            self._main_meter.sample_aligned(turn)
        for evse in self._evses.values():
            if aligned:
                evse.sampler.aligned(turn)
            if aligned_ended:
                evse.sampler.keep_aligned(turn)

    def apply(self, event: Event) -> None:
        pass

    def checkpoint(self) -> list[Event]:
        return []

    def settle(self, turn: Turn) -> None:
        self._deadline_ms = self._wall_clock.next_ms(*_intervals_s(turn.policy))

    def next_deadline_ms(self) -> int | None:
        return self._deadline_ms


def _intervals_s(policy: Policy) -> tuple[int, int]:
    return policy.aligned_interval_s, policy.aligned_ended_interval_s
