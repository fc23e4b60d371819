"""OCPP-J frames as people read them: one line each.

Owns: the record of a frame and its line. Pure; a frame that is no OCPP is shown as it is.
Refuses to know: sockets, which side it runs on.
"""

from __future__ import annotations

import json
import re
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

KINDS = {2: "CALL", 3: "RESULT", 4: "ERROR", 5: "RESULTERROR", 6: "SEND"}
"""OCPP-J message type ids (2.1 part 4, table 4: 5 and 6 are new in 2.1)."""

UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
REMEMBERED_CALLS = 256
LONGEST_LINE = 160


@dataclass(frozen=True, slots=True)
class Frame:
    """One websocket text frame. ``from_station``: True = station to CSMS. ``at``: UTC, RFC 3339."""

    seq: int
    at: str
    identity: str
    from_station: bool
    text: str
    line: str

    def as_dict(self) -> dict[str, Any]:
        return {
            "seq": self.seq,
            "at": self.at,
            "identity": self.identity,
            "from_station": self.from_station,
            "text": self.text,
            "line": self.line,
        }


class FrameReader:
    """Turns frames of one connection into lines; remembers actions so that a result can be named."""

    def __init__(self) -> None:
        self._actions: OrderedDict[str, str] = OrderedDict()

    def line(self, text: str, from_station: bool) -> str:
        """E.g. ``-> StatusNotification connectorId=1 status=Available`` (``->`` = station to CSMS)."""
        arrow = "->" if from_station else "<-"
        try:
            message = json.loads(text)
            kind = KINDS[message[0]]
            message_id = str(message[1])
        except (ValueError, TypeError, LookupError):
            return _cut(f"{arrow} not OCPP: {text}")
        if kind in ("CALL", "SEND") and len(message) == 4:
            self._remember(message_id, str(message[2]))
            return _cut(f"{arrow} {message[2]} {brief(message[3])}".rstrip())
        action = self._actions.get(message_id, "?")
        if kind == "RESULT" and len(message) == 3:
            return _cut(f"{arrow} {action} = {brief(message[2]) or 'ok'}")
        if kind in ("ERROR", "RESULTERROR") and len(message) >= 4:
            return _cut(f"{arrow} {action} ! {message[2]} {message[3]}".rstrip())
        return _cut(f"{arrow} not OCPP: {text}")

    def _remember(self, message_id: str, action: str) -> None:
        self._actions[message_id] = action
        if len(self._actions) > REMEMBERED_CALLS:
            self._actions.popitem(last=False)


def brief(payload: Any, prefix: str = "") -> str:
    """The leaves of a payload as ``name=value``. Left out: timestamps (a line has its own). Cut: long texts,
    and UUIDs to their first group."""
    parts: list[str] = []
    _collect(payload, prefix, parts)
    return " ".join(parts)


def _collect(value: Any, name: str, parts: list[str]) -> None:
    if isinstance(value, Mapping):
        if "value" in value and "measurand" in value:
            phase = f".{value['phase']}" if value.get("phase") else ""
            unit = value.get("unit") or (value.get("unitOfMeasure") or {}).get("unit", "")
            parts.append(f"{value['measurand']}{phase}={value['value']}{unit}")
            return
        for key, inner in value.items():
            if key == "timestamp":
                continue
            _collect(inner, str(key), parts)
    elif isinstance(value, list):
        for inner in value:
            _collect(inner, name, parts)
    else:
        text = value if isinstance(value, str) else json.dumps(value)
        if UUID.fullmatch(text):
            text = text[:8] + ".."
        elif len(text) > 40:
            text = text[:37] + "..."
        parts.append(f"{name}={text}" if name else text)


def _cut(line: str) -> str:
    line = line.replace("\n", " ")
    return line if len(line) <= LONGEST_LINE else line[: LONGEST_LINE - 3] + "..."
