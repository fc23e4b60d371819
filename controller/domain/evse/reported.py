"""What the safety process last reported of an EVSE, and since when it is heard.

Owns: the newest facts, and which report counts as none. Refuses to know: what follows from them.
"""

from __future__ import annotations

from controller.domain.inputs import EvseFacts

UNSEEN = {"starting", "board-silent"}
"""A safety process that starts with nothing but these has not seen the vehicle yet: "A" is not an unplug."""


class Reported:
    """``facts`` None: nobody reports; ``fault`` says why. ``since_ms``: CLOCK_MONOTONIC of the first report
    since the controller began."""

    def __init__(self, has_socket: bool) -> None:
        self._has_socket = has_socket
        self.facts: EvseFacts | None = None
        self.fault: str | None = "not yet heard of the safety process"
        self.since_ms: int | None = None

    def take(self, facts: EvseFacts, mono_ms: int) -> bool:
        """A report. False: its sender has not seen the board yet, and what was known before stands."""
        inhibits = {name for name, _since in facts.inhibits}
        if "starting" in inhibits and inhibits <= UNSEEN:
            self.fault = "the safety process has not seen the board yet"
            return False
        self.facts = facts
        self.fault = None
        if self.since_ms is None:
            self.since_ms = mono_ms
        return True

    def lost(self, why: str) -> None:
        self.facts = None
        self.fault = why

    @property
    def heard(self) -> bool:
        """The safety process has reported this EVSE since the controller began."""
        return self.since_ms is not None

    @property
    def plugged(self) -> bool:
        return self.facts is not None and self.facts.vehicle_connected

    @property
    def plug_in_socket(self) -> bool:
        """The driver's own cable is in the socket, whatever is at its other end."""
        facts = self.facts
        return self._has_socket and facts is not None and (self.plugged or facts.cable_ma is not None)
