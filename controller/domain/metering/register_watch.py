"""Whether a meter's register goes on where it was: a reset or a replaced meter must not change a bill.

Owns: which readings are believed, and the offset between the meter's register and that of a running
transaction. Refuses to know: what is charged, who asks.

Within a transaction OCPP wants a register that only rises (1.6 errata 3.78). A register that falls, or rises
by more than the EVSE could have delivered, is a mistake on the wire if it is seen once: nothing is taken from
it. When ``CONFIRM`` readings agree, the meter was replaced or reset: ``MeterReplaced`` is journalled with
both registers, and the running transaction counts on from the last one that was believed. The next one
begins with what the new meter shows.
"""

from __future__ import annotations

from dataclasses import dataclass

from controller.domain.events import (
    Event,
    MeterReplaced,
    TransactionEnded,
    TransactionStarted,
    TransactionUpdated,
)

CONFIRM = 3
"""So many readings have to agree before a register is believed that does not go on."""
RESOLUTION_WH = 2_000
"""The coarsest meters count in kWh; two steps of those may come at once."""
UNKNOWN_MS = 86_400_000
"""Between the last journalled register and the first reading of a program that starts: up to a day of
charging may have passed."""


@dataclass(frozen=True, slots=True)
class _Seen:
    register_wh: int
    at_ms: int  # CLOCK_MONOTONIC


class RegisterWatch:
    """Durable: ``known_wh`` (the meter's register as last journalled), ``offset_wh`` of the transaction."""

    def __init__(self, evse_id: int) -> None:
        self._evse_id = evse_id
        self.known_wh: int | None = None
        self.offset_wh = 0
        self._running = False
        self._last: _Seen | None = None
        self._doubt: _Seen | None = None
        self._doubts = 0

    # ------------------------------------------------------------------ durable state

    def apply(self, event: Event) -> None:
        match event:
            case TransactionStarted():
                self._running, self.offset_wh, self.known_wh = True, 0, event.register_wh
            case TransactionUpdated() if event.register_wh is not None:
                self.known_wh = event.register_wh - self.offset_wh
            case TransactionEnded():
                self.known_wh = event.register_wh - self.offset_wh
                self._running, self.offset_wh = False, 0
            case MeterReplaced():
                if self._running:
                    self.offset_wh += event.before_wh - event.after_wh
                self.known_wh = event.after_wh
            case _:
                pass

    def checkpoint(self) -> list[Event]:
        """After those of the transaction, which this one corrects."""
        if self.known_wh is None:
            return []
        return [MeterReplaced(self._evse_id, self.known_wh + self.offset_wh, self.known_wh, 0)]

    # ------------------------------------------------------------------ readings

    def judge(self, register_wh: int, at_ms: int, most_w: int) -> MeterReplaced | bool:
        """True: believed. False: in doubt, take nothing from it. An event: believed from now on, once the
        event is applied (its ``at_ms`` is for the caller to fill in). ``most_w``: what the EVSE can
        deliver."""
        last = self._last
        if last is None:
            if self.known_wh is None:
                return self._believe(register_wh, at_ms)
            last = _Seen(self.known_wh, at_ms - UNKNOWN_MS)
        if _goes_on(last, register_wh, at_ms, most_w):
            return self._believe(register_wh, at_ms)
        doubt = self._doubt
        self._doubts = self._doubts + 1 if doubt and _goes_on(doubt, register_wh, at_ms, most_w) else 1
        if self._doubts == 1 or doubt is None:
            doubt = _Seen(register_wh, at_ms)
        self._doubt = doubt
        if self._doubts < CONFIRM:
            return False
        # What went through between the first sight of the new register and now is counted.
        replaced = MeterReplaced(self._evse_id, last.register_wh, doubt.register_wh, 0)
        self._believe(register_wh, at_ms)
        return replaced

    def _believe(self, register_wh: int, at_ms: int) -> bool:
        self._last, self._doubt, self._doubts = _Seen(register_wh, at_ms), None, 0
        return True


def _goes_on(last: _Seen, register_wh: int, at_ms: int, most_w: int) -> bool:
    most_wh = most_w * max(0, at_ms - last.at_ms) // 3_600_000 * 2 + RESOLUTION_WH
    return last.register_wh <= register_wh <= last.register_wh + most_wh
