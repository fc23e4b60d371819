"""The CSMS as the rules know it: whether it is there, and whether it has ever accepted this station.

Owns: connected or not, and that nobody charges before the first acceptance (1.6 4.2.1), which is for ever
but for another CSMS.
Refuses to know: connections, BootNotification, how often it is repeated (``csms``).
"""

from __future__ import annotations

from collections.abc import Mapping

from controller.domain.block import Handler
from controller.domain.events import CsmsAccepted, Event
from controller.domain.inputs import CsmsChanged, CsmsChosen
from controller.domain.policy import Policy
from controller.domain.turn import Turn


class Acceptance:
    """``online``: connected and accepted now. ``plug_times_out``: see ``Turn``."""

    def __init__(self) -> None:
        self.online = False
        self.plug_times_out = False
        self._accepted_by: str | None = None  # durable: the URL of the CSMS that accepted this station
        self._csms: str | None = None
        self.handlers: Mapping[type, Handler] = {CsmsChanged: self._changed, CsmsChosen: self._chosen}

    def apply(self, event: Event) -> None:
        if isinstance(event, CsmsAccepted):
            self._accepted_by = event.url

    def checkpoint(self) -> list[Event]:
        return [] if self._accepted_by is None else [CsmsAccepted(self._accepted_by, 0)]

    def settle(self, turn: Turn) -> None:
        pass

    def next_deadline_ms(self) -> int | None:
        return None

    def charging_allowed(self, policy: Policy) -> bool:
        """Not before the CSMS has accepted the station once (1.6 4.2.1), unless the setting allows it."""
        return policy.tx_before_accepted or self._csms in (None, self._accepted_by)

    def _changed(self, changed: CsmsChanged, turn: Turn) -> None:
        self.online = turn.online = changed.online
        if changed.online:
            self.plug_times_out = turn.plug_times_out = changed.plug_times_out
            if self._csms is not None and self._accepted_by != self._csms:
                turn.emit(CsmsAccepted(self._csms, turn.now.utc_ms))
                turn.charging_allowed = True

    def _chosen(self, chosen: CsmsChosen, turn: Turn) -> None:
        self._csms = chosen.url
        self.plug_times_out = turn.plug_times_out = chosen.plug_times_out
        turn.charging_allowed = self.charging_allowed(turn.policy)
