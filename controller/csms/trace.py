"""What went over the wire, readable for people, with secrets masked.

Owns: ``FrameObserver``, the interface through which ``Peer`` shows every frame, and the rendering of a frame
as one line.
Refuses to know: where lines go; what frames mean to the station.

Masked: values of the settings that hold secrets (1.6 AuthorizationKey, 2.0.1 BasicAuthPassword and others),
passwords in network profiles, user information and queries in URLs (a signed URL is a key).
"""

from __future__ import annotations

import json
import re
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Final, Protocol

MASK: Final = "***"

SECRET_SETTINGS: Final = frozenset(
    name.lower()
    for name in (
        "AuthorizationKey",
        "BasicAuthPassword",
        "ApnPassword",
        "VpnPassword",
        "VpnKey",
        "WifiPassword",
    )
)
"""1.6 keys and 2.x variable names, in lower case (both are case-insensitive in 2.x)."""

SECRET_MEMBERS: Final = frozenset(
    name.lower() for name in ("password", "apnPassword", "basicAuthPassword", "key.psk", "simPin", "pin")
)
"""Members of any object: 2.x APNType, VPNType, NetworkConnectionProfileType."""

_USER_INFO: Final = re.compile(r"(?<=//)[^/?#\s]*@")
"""Up to the last "@", as a URL is read: a password may hold "@" and quotes."""
_USER_INFO_IN_JSON: Final = re.compile(r"(?<=//)(?:[^/?#\s\"\\]|\\.)*@")
"""The same in a JSON text, where a quote ends it and an escaped one does not."""
_URL: Final = re.compile(r"//\S+")
_URL_IN_JSON: Final = re.compile(r"//(?:[^\s\"\\]|\\.)+")
"""Expressions that never look at a character twice: a frame has up to a megabyte."""
_SECRET_WORD: Final = re.compile("|".join(sorted(SECRET_SETTINGS | SECRET_MEMBERS - {"pin"})), re.IGNORECASE)
_NAMES: Final = {2: "", 3: "answer", 4: "CALLERROR", 5: "CALLRESULTERROR", 6: "SEND"}
_MAX_LINE: Final = 2_000


def bare_urls(text: str) -> str:
    """A JSON text, or one with URLs between other words, without their users, passwords and queries."""
    return _URL_IN_JSON.sub(_without_query, _USER_INFO_IN_JSON.sub(MASK + "@", text))


def _without_query(url: re.Match[str]) -> str:
    before, mark, query = url[0].partition("?")
    return f"{before}?{MASK}" if query else before + mark


class FrameObserver(Protocol):
    """Sees every frame of a connection. Must be quick and must not raise."""

    def sent(self, frame: str) -> None: ...

    def received(self, frame: str | bytes) -> None: ...

    def note(self, text: str) -> None:
        """Something that is not a frame: why one was ignored, what was overlooked, a handler that failed."""


def masked(value: Any) -> Any:
    """A copy of a JSON value without its secrets."""
    if isinstance(value, list):
        return [masked(item) for item in value]
    if isinstance(value, str):
        return _URL.sub(_without_query, _USER_INFO.sub(MASK + "@", value)) if "//" in value else value
    if not isinstance(value, dict):
        return value
    secret_value = _setting_name(value).lower() in SECRET_SETTINGS
    members = {}
    for name, item in value.items():
        hidden = name.lower() in SECRET_MEMBERS or (secret_value and name in ("value", "attributeValue"))
        members[name] = MASK if hidden else masked(item)
    if "vpn" in value and isinstance(members["vpn"], dict) and "key" in members["vpn"]:
        members["vpn"]["key"] = MASK  # VPNType.key, the shared secret; "key" means something else elsewhere
    return members


def _setting_name(value: dict[str, Any]) -> str:
    """``key`` of 1.6 Change/GetConfiguration, ``variable.name`` of 2.x Set/GetVariables and reports."""
    variable = value.get("variable")
    name = variable.get("name") if isinstance(variable, dict) else value.get("key")
    return name if isinstance(name, str) else ""


class Renderer:
    """Frames as lines. Remembers the actions of the last CALLs, so that an answer can be named too."""

    def __init__(self, remember: int = 64) -> None:
        self._actions: OrderedDict[str, str] = OrderedDict()
        self._remember = remember

    def line(self, direction: str, frame: str | bytes) -> str:
        """``direction``: ">" sent, "<" received. Never raises; never longer than about 2,000 characters."""
        if not isinstance(frame, str):
            return f"{direction} binary frame, {len(frame)} bytes"
        try:
            message = json.loads(frame)
        except (ValueError, RecursionError):
            message = None
        if not isinstance(message, list) or len(message) < 3 or not isinstance(message[1], str):
            return f"{direction} {_unparsed(frame)}"
        kind, message_id = message[0], message[1]
        if kind in (2, 6) and len(message) == 4 and isinstance(message[2], str):
            self._actions[message_id] = message[2]
            if len(self._actions) > self._remember:
                self._actions.popitem(last=False)
            head, rest = f"{_NAMES[kind]} {message[2]}".strip(), message[3:]
        elif isinstance(kind, int) and kind in (3, 4, 5):
            head, rest = f"{self._actions.get(message_id, '?')} {_NAMES[kind]}", message[2:]
        else:
            return f"{direction} {_unparsed(frame)}"
        text = " ".join(_compact(masked(part)) for part in rest)
        return _cut(f"{direction} {head} [{message_id[:40]}] {text}")


def _compact(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _unparsed(frame: str) -> str:
    if _SECRET_WORD.search(frame):
        return f"malformed frame, {len(frame)} characters, not shown because it may hold a password"
    return _cut(f"malformed frame, {len(frame)} characters: {bare_urls(frame[:300])!r}")


def _cut(text: str) -> str:
    text = "".join(character if character.isprintable() else "?" for character in text)
    return text if len(text) <= _MAX_LINE else f"{text[:_MAX_LINE]}... ({len(text)} characters)"


class FrameLines:
    """A ``FrameObserver`` that writes each frame as a line to ``write`` (a logger, a terminal, a list)."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._renderer = Renderer()

    def sent(self, frame: str) -> None:
        self._write(self._renderer.line(">", frame))

    def received(self, frame: str | bytes) -> None:
        self._write(self._renderer.line("<", frame))

    def note(self, text: str) -> None:
        self._write(f"! {_cut(text)}")
