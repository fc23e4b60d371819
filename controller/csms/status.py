"""Which connector statuses are to be reported now: on change only, and not before they lasted a while.

Owns: what the CSMS was last told of each connector, and the minimum duration.
Refuses to know: how a status is derived and worded (each version's ``status``), sending, the clock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from controller.csms.rpc import Call
from controller.domain.events import ChargingState
from controller.domain.views import EvseView

SHORTEST_PAUSE_MS = 500
"""The maker's minimum (1.6 4.9): vehicles open and close S2 within tenths of a second when they begin. A
pause has to last so long, and MinimumStatusDuration beside it, before it is a status."""

_PAUSED = (ChargingState.SUSPENDED_EV, ChargingState.SUSPENDED_EVSE)

Key = tuple[int, int]
"""(evse_id, connector_id)."""


def _content(call: Call) -> dict[str, object]:
    """What counts as the status: all but the instant."""
    return {name: value for name, value in call.payload.items() if name != "timestamp"}


@dataclass(frozen=True, slots=True)
class Due:
    """``calls`` to send now, in order of connectors. ``wake_at_ms``: when to look again, None = on change."""

    calls: tuple[tuple[Key, Call], ...]
    wake_at_ms: int | None


class StatusBook:
    """Not thread-safe; lives as long as the client, so that a reconnection reports only what changed."""

    def __init__(self) -> None:
        self._told: dict[Key, dict[str, object]] = {}
        self._since_ms: dict[Key, tuple[dict[str, object], int]] = {}

    def forget(self) -> None:
        """All connectors are to be reported again (after a boot or a long time offline)."""
        self._told.clear()
        self._since_ms.clear()

    def told(self, key: Key, call: Call) -> None:
        """The CSMS was told."""
        self._told[key] = _content(call)

    def due(
        self,
        views: Iterable[EvseView],
        status: Callable[[EvseView], Call | None],
        minimum_ms: int,
        now_ms: int,
    ) -> Due:
        """Compare with what was told. A first report is never held back; a change must have lasted
        ``minimum_ms`` (1.6 9.1.20 MinimumStatusDuration), a pause ``SHORTEST_PAUSE_MS`` longer, and one that
        went back is forgotten."""
        calls: list[tuple[Key, Call]] = []
        wake_at_ms: int | None = None
        for view in views:
            call = status(view)
            if call is None:
                continue
            key = (view.evse_id, view.connector_id)
            content = _content(call)
            told = self._told.get(key)
            if told == content:
                self._since_ms.pop(key, None)
                continue
            seen, since_ms = self._since_ms.get(key, (None, now_ms))
            if seen != content:
                since_ms = now_ms
                self._since_ms[key] = (content, since_ms)
            ready_at_ms = since_ms + minimum_ms
            if view.charging_state in _PAUSED and view.fault is None:
                ready_at_ms += SHORTEST_PAUSE_MS
            if told is None or ready_at_ms <= now_ms:
                calls.append((key, call))
            elif wake_at_ms is None or ready_at_ms < wake_at_ms:
                wake_at_ms = ready_at_ms
        return Due(tuple(calls), wake_at_ms)
