"""A hand on the simulated board for tests: feeds the watchdog while time passes, and starts a charge."""

from __future__ import annotations

from typing import Any

from hal.simulated.board import SimulatedBoard
from hal.simulated.world import World

DUTY_16A = 267


class Hand:
    """Drives a board as a safety process would, without any logic of its own."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.board = SimulatedBoard(world)
        self.evse = self.board.evses[0]

    def run(self, ms: int, *, fed: bool = True) -> None:
        for _ in range(ms // 10):
            self.world.advance(10_000)
            if fed and self.board.watchdog is not None:
                self.board.watchdog.pulse()

    def charge(self, duty_pm: int = DUTY_16A, **vehicle: Any) -> None:
        """Plug in, offer, close, and wait until the current is steady."""
        self.run(10)
        if self.evse.phase_switch is not None:
            self.evse.phase_switch.set_three_phase(True)
        self.evse.pilot.set_duty(1000)
        self.world.plug(1, **vehicle)
        self.evse.pilot.set_duty(duty_pm)
        self.run(1000)
        self.evse.contactor.set_closed(True)
        self.run(5000)

    @property
    def current_ma(self) -> tuple[int, int, int]:
        return self.world.evse(1).meter.current_ma
