"""fake-rpi made good enough for gpiozero's RPi.GPIO pin factory.

fake-rpi 0.7's GPIO answers reads with random values, calls every pin an output and has no board revision.
This keeps levels and functions per channel, so ``RPiGPIOFactory`` runs its real code on top of it.
"""

from __future__ import annotations

import sys
from typing import Any

import pytest

PI_4B = 0xC03111
FACTORY_MODULE = "gpiozero.pins.rpigpio"


def install(monkeypatch: pytest.MonkeyPatch) -> tuple[Any, Any]:
    """Put the fake in place of RPi.GPIO until the test ends. Returns (the GPIO module, a pin factory)."""
    import fake_rpi
    from fake_rpi.RPi import _GPIO

    fake_rpi.toggle_print(False)

    class Gpio(_GPIO):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.functions: dict[int, int] = {}
            self.pulls: dict[int, int | None] = {}
            self.levels: dict[int, int] = {}
            self.outputs: list[tuple[int, int]] = []

        def setup(
            self, channel: int, state: int, pull_up_down: int | None = None, initial: int | None = None
        ) -> None:
            self.functions[channel] = state
            self.pulls[channel] = pull_up_down
            if state == self.OUT and initial is not None:
                self.output(channel, initial)

        def gpio_function(self, channel: int) -> int:
            return self.functions.get(channel, self.IN)

        def output(self, channel: int, state: int) -> None:
            if self.gpio_function(channel) != self.OUT:
                raise RuntimeError("The GPIO channel has not been set up as an OUTPUT")
            self.levels[channel] = int(state)
            self.outputs.append((channel, int(state)))

        def input(self, channel: int) -> int:
            resting = int(self.pulls.get(channel) == self.PUD_UP)
            return self.levels.get(channel, resting)

        def set_input(self, channel: int, value: int) -> None:
            self.levels[channel] = value

        def cleanup(self, channel: int | None = None) -> None:
            for each in list(self.functions) if channel is None else [channel]:
                self.functions[each] = self.IN
                self.levels.pop(each, None)

    gpio = Gpio()
    rpi = type(sys)("RPi")
    rpi.GPIO = gpio  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "RPi", rpi)
    monkeypatch.setitem(sys.modules, "RPi.GPIO", gpio)  # type: ignore[arg-type]
    import gpiozero.pins

    # Import the factory anew, bound to the fake; these two restore what was there before (or nothing).
    monkeypatch.setitem(sys.modules, FACTORY_MODULE, gpiozero.pins)
    monkeypatch.setattr(gpiozero.pins, "rpigpio", None, raising=False)
    del sys.modules[FACTORY_MODULE]
    from gpiozero.pins.rpigpio import RPiGPIOFactory

    monkeypatch.setattr(RPiGPIOFactory, "_get_revision", lambda self: PI_4B)
    return gpio, RPiGPIOFactory()
