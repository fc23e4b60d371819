"""The slow hardware beside the safety process: energy meters, card readers, indicators.

Owns: the tasks that poll and listen, and how their trouble is told (once when it begins, once when it ends).
Refuses to know: what a reading or a token means; drivers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from controller.clock import Clock
from controller.domain.access.tokens import IdToken, TokenType
from controller.domain.inputs import Input, MeterFailed, ReaderChanged, Reading, TokenPresented
from hal.interface import (
    AdjustableIndicator,
    EnergyMeter,
    HardwareError,
    Indicator,
    IndicatorState,
    MeterReading,
    RfidReader,
    ServiceBoard,
)

POLL_S = 1.0
"""Meters are read once a second (facts: peers do the same; a bus of many meters stays below its capacity)."""
CSMS_FIRST_S = 0.5
"""The first use of a driver imports its library (pymodbus: 30 ms on a desktop, far more on a Pi), and nothing
else runs meanwhile: at a start the CSMS is greeted first, if that takes no longer."""
MAIN = 0
"""The main meter stands where a meter's EVSE does."""
SIGNAL_S = 2.0
"""How long a signal is shown."""
RETRY_S = 2.0
"""Pause after a device failed, before it is tried again."""

Give = Callable[[Input], object]
Say = Callable[[str], None]


class Peripherals:
    """``run`` until cancelled. ``read_meter`` asks for a reading out of turn."""

    def __init__(self, board: ServiceBoard, evse_ids: list[int], clock: Clock, give: Give, say: Say) -> None:
        self._board = board
        self._clock = clock
        self._give = give
        self._say = say
        self._meters = {
            evse_id: meter for evse_id in (MAIN, *evse_ids) if (meter := board.meter(evse_id)) is not None
        }
        self._asked = {evse_id: asyncio.Event() for evse_id in self._meters}
        self._indicators: dict[int, asyncio.Queue[IndicatorState]] = {}
        self._steady: dict[int, IndicatorState] = {}  # what is shown but for signals
        self._light_settings = (100, 0)
        self._evse_ids = evse_ids

    async def run(self, greeted: asyncio.Event | None = None) -> None:
        """Poll, listen and show until cancelled; closes the board at the end. ``greeted``: see
        ``CSMS_FIRST_S``; None = begin at once."""
        try:
            if greeted is not None:
                try:
                    async with asyncio.timeout(CSMS_FIRST_S):
                        await greeted.wait()
                except TimeoutError:
                    pass  # the meter does not wait for a CSMS that is away
            async with asyncio.TaskGroup() as tasks:
                for evse_id, meter in self._meters.items():
                    tasks.create_task(self._poll(evse_id, meter), name=f"meter {evse_id}")
                for number, (reader, bound_evse_id) in enumerate(self._board.readers, 1):
                    tasks.create_task(self._listen(number, reader, bound_evse_id), name="reader")
                for evse_id in self._evse_ids:
                    indicator = self._board.indicator(evse_id)
                    if indicator is not None:
                        self._indicators[evse_id] = asyncio.Queue(maxsize=1)
                        if evse_id in self._steady:  # said before the lights were up
                            self._tell_light(evse_id, self._steady[evse_id])
                        tasks.create_task(self._light(evse_id, indicator), name=f"indicator {evse_id}")
        finally:
            await self._board.close()

    def read_meter(self, evse_id: int) -> None:
        """Read this EVSE's meter now (an EVSE without one is ignored: it has no ReadMeter effect)."""
        if evse_id in self._asked:
            self._asked[evse_id].set()

    def show(self, evse_id: int, state: str) -> None:
        """Show the newest state; an older one that was not shown yet is dropped. ``refused`` is a signal:
        after it the state before is shown again."""
        wanted = IndicatorState(state)
        if wanted is not IndicatorState.REFUSED:
            self._steady[evse_id] = wanted
        self._tell_light(evse_id, wanted)

    def adjust(self, intensity_percent: int, blinks: int) -> None:
        """1.6 9.1.11 LightIntensity, 9.1.4 BlinkRepeat, for the lights that can."""
        if self._light_settings == (intensity_percent, blinks):
            return
        self._light_settings = (intensity_percent, blinks)
        for evse_id, steady in self._steady.items():
            self._tell_light(evse_id, steady)

    def _tell_light(self, evse_id: int, state: IndicatorState) -> None:
        queue = self._indicators.get(evse_id)
        if queue is None:
            return
        if queue.full():
            queue.get_nowait()
        queue.put_nowait(state)

    async def _poll(self, evse_id: int, meter: EnergyMeter) -> None:
        failing = False
        asked = self._asked[evse_id]
        name = f"meter of EVSE {evse_id}" if evse_id != MAIN else "main meter"
        while True:
            # Before the request: a reading must not be dated after the registers it shows.
            at_ms = self._clock.now().mono_ms
            try:
                reading = await meter.read()
            except HardwareError as error:
                if not failing:
                    self._say(f"{name}: {error}")
                failing = True
                self._give(MeterFailed(evse_id, str(error)))
                pause_s = RETRY_S
            else:
                if failing:
                    self._say(f"{name}: answers again")
                failing = False
                self._give(_input(evse_id, at_ms, reading))
                pause_s = POLL_S
            try:
                await asyncio.wait_for(asked.wait(), pause_s)
            except TimeoutError:
                pass  # the regular poll
            asked.clear()

    async def _listen(self, number: int, reader: RfidReader, evse_id: int | None) -> None:
        failing = False

        def answers() -> None:
            nonlocal failing
            if failing:
                failing = False
                self._say("card reader: answers again")
                self._give(ReaderChanged(number, None))

        while True:
            # A reader that waits for a card without an error answers again, card or not.
            heard = asyncio.get_running_loop().call_later(RETRY_S, answers)
            try:
                read = await reader.read()
            except HardwareError as error:
                if not failing:
                    self._say(f"card reader: {error}")
                    self._give(ReaderChanged(number, str(error)))
                failing = True
                await asyncio.sleep(RETRY_S)
                continue
            finally:
                heard.cancel()
            answers()
            self._give(TokenPresented(IdToken(read.uid, TokenType(read.kind.value)), evse_id))

    async def _light(self, evse_id: int, indicator: Indicator) -> None:
        failing = False
        adjusted: tuple[int, int] | None = None
        while True:
            state = await self._indicators[evse_id].get()
            try:
                if isinstance(indicator, AdjustableIndicator) and adjusted != self._light_settings:
                    await indicator.adjust(*self._light_settings)
                    adjusted = self._light_settings
                await indicator.show(state)
                if state is IndicatorState.REFUSED:
                    await asyncio.sleep(SIGNAL_S)
                    await indicator.show(self._steady.get(evse_id, IndicatorState.AVAILABLE))
                failing = False
            except HardwareError as error:
                if not failing:
                    self._say(f"indicator of EVSE {evse_id}: {error}")
                failing = True


def _input(evse_id: int, at_ms: int, reading: MeterReading) -> Reading:
    return Reading(
        evse_id=evse_id,
        at_ms=at_ms,
        energy_import_wh=reading.energy_import_wh,
        energy_export_wh=reading.energy_export_wh,
        power_w=reading.power_w,
        voltage_mv=reading.voltage_mv,
        current_ma=reading.current_ma,
        frequency_mhz=reading.frequency_mhz,
        power_factor_pm=reading.power_factor_pm,
        power_phase_w=reading.power_phase_w,
    )
