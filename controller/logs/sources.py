"""Where the logs of a running station come from, and whether there are any."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from controller.domain.commands import LogKind
from controller.domain.tasks.logs import LogExists
from controller.local.ports import Controller
from controller.logs.recent import Recent
from controller.store.ports import History, SecurityLog, StorageError

MOST_FAULTS = 200


@dataclass(frozen=True, slots=True)
class StationSources:
    """``controller``: what a technician may see is what a diagnostics file tells, and no more."""

    recent: Recent
    history: History
    security_log: SecurityLog
    controller: Controller

    def snapshot(self) -> Mapping[str, Any]:
        import platform  # late, as all that a log needs: a station rarely uploads one

        from controller.logs import masking

        seen = self.controller
        status = seen.status()
        tokens = {evse["token"] for evse in status["evses"] if evse["token"]}
        return {
            "about": {
                "identity": status["identity"],
                "version": status["version"],
                "python": platform.python_version(),
            },
            "status": status,
            "why": [_without(row, tokens, masking.token) for row in seen.why(None)],
            "faults": seen.faults(MOST_FAULTS),
            "contactors": seen.contactors(),
            "settings": seen.settings_list(),
        }


def log_exists(history: History, security_log: SecurityLog, say: Callable[[str], None]) -> LogExists:
    """Whether there is something to upload. What cannot be read does not exist, and is told."""

    def exists(kind: LogKind, oldest_ms: int | None, latest_ms: int | None) -> bool:
        try:
            if kind is LogKind.SECURITY:
                return security_log.any(oldest_ms, latest_ms)
            return history.first_of_newest(oldest_ms, latest_ms, 1) is not None
        except StorageError as error:
            say(f"logs: {error}")
            return False

    return exists


def _without(
    row: Mapping[str, Any], tokens: Collection[str], masked: Callable[[str], str]
) -> Mapping[str, Any]:
    """``why`` names the token that charges in texts of its own."""
    shown = dict(row)
    for name, item in row.items():
        for one in tokens:
            if isinstance(item, str) and one in item:
                shown[name] = item = item.replace(one, masked(one))
    return shown
