"""What no log may show: passwords, keys, credentials in URLs, and most of a person's token.

Owns: masking of texts, of the journal's events and of frames for a file that leaves the station.
Refuses to know: files. Which settings and members are secret, ``csms.trace`` says.

White paper A01.FR.12: a diagnostics file shows no AuthorizationKey. A token is a person's: its first four
characters are enough to tell two apart in a log.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from controller.csms.trace import MASK, Renderer, bare_urls
from controller.csms.trace import masked as masked_frame

TOKEN_SHOWN = 4

_TOKEN_MEMBERS = frozenset(("idtag", "parentidtag", "idtoken", "additionalidtoken", "token", "uid"))
_TOKEN_IN_FRAME = re.compile(
    r'("(?:idTag|parentIdTag|idToken|additionalIdToken)":")((?:[^"\\]|\\.)*)"', re.IGNORECASE
)
_PEM_KEY = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(-----END [A-Z ]*PRIVATE KEY-----|$)", re.DOTALL)


def token(text: str) -> str:
    """Of a token only the beginning."""
    return text[:TOKEN_SHOWN] + MASK if text else text


def text(line: str) -> str:
    """A line of text: no credentials and no query in a URL, no private key."""
    return bare_urls(_PEM_KEY.sub(f"(private key {MASK})", line))


def value(item: Any) -> Any:
    """A copy of a JSON value without secrets and without whole tokens."""
    return _walk(masked_frame(item))


def _walk(item: Any) -> Any:
    if isinstance(item, dict):
        if isinstance(item.get("value"), str) and item.keys() <= {
            "value",
            "type",
        }:  # an IdToken
            return {**item, "value": token(item["value"])}
        return {
            name: token(inner) if name.lower() in _TOKEN_MEMBERS and isinstance(inner, str) else _walk(inner)
            for name, inner in item.items()
        }
    if isinstance(item, list):
        return [_walk(inner) for inner in item]
    return text(item) if isinstance(item, str) else item


def frames(lines: Iterable[tuple[int, str]]) -> list[tuple[int, str]]:
    """Frames of ``recent``, as lines for people. In one go: an answer is named by the call before it."""
    renderer = Renderer()
    shown = []
    for at_ms, line in lines:
        rendered = renderer.line(line[:1], line[2:])
        shown.append((at_ms, text(_TOKEN_IN_FRAME.sub(lambda m: f'{m[1]}{token(m[2])}"', rendered))))
    return shown
