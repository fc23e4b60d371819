"""Registration with the CSMS as a value: may we send, and when is the next BootNotification due?

Owns: the rules of 1.6 4.2 and 2.0.1 B01 to B03 about waiting and about when a boot is needed at all.
Refuses to know: messages, sockets, clocks. ``client`` sends and waits.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from controller.csms.version import BootAnswer, Registered

OWN_INTERVAL_S = 60
"""Wait when the CSMS names none: "the Charge Point chooses a waiting interval on its own, in a way that
avoids flooding" (1.6 4.2, B02.FR.07, B03.FR.05), and after a BootNotification that failed."""


@dataclass(frozen=True, slots=True)
class Registration:
    """``status`` None: no boot was answered since the start of the program. ``due_at_ms``: CLOCK_MONOTONIC
    instant before which no BootNotification goes out. ``subprotocol``: the version of the last answer."""

    status: Registered | None = None
    due_at_ms: int = 0
    subprotocol: str = ""
    triggered: bool = False

    @property
    def accepted(self) -> bool:
        return self.status is Registered.ACCEPTED

    def needs_boot(self, subprotocol: str) -> bool:
        """After a mere reconnection an accepted station does not boot again (OCPP-J 1.6 5.4), unless it now
        speaks another version: what it registered as is no longer true."""
        return not self.accepted or self.subprotocol != subprotocol

    def wait_ms(self, now_ms: int) -> int:
        """How long until the next BootNotification may go out; 0 = now."""
        return 0 if self.triggered else max(0, self.due_at_ms - now_ms)

    def answered(self, answer: BootAnswer, subprotocol: str, now_ms: int) -> Registration:
        interval_s = answer.interval_s if answer.interval_s > 0 else OWN_INTERVAL_S
        return Registration(answer.status, now_ms + interval_s * 1000, subprotocol)

    def failed(self, now_ms: int) -> Registration:
        """A CALLERROR came for the boot: the status is what it was (16.CONN.23)."""
        return replace(self, due_at_ms=now_ms + OWN_INTERVAL_S * 1000, triggered=False)

    def boot_triggered(self) -> Registration:
        """TriggerMessage(BootNotification): the wait is over (16.CORE.08, B02.FR.04)."""
        return replace(self, triggered=True)
