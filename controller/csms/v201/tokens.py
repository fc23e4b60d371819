"""IdTokenType and IdTokenInfoType of 2.0.1, both directions."""

from __future__ import annotations

from controller.csms.wire import Payload, Unacceptable, optional_instant, parse_instant
from controller.domain.access.tokens import AuthorizationStatus, IdToken, ListEntry, TokenInfo, TokenType

_TYPES = {kind.value: kind for kind in TokenType}


def id_token(token: IdToken) -> Payload:
    return {"idToken": token.value[:36], "type": token.type.value}


def parse_token(payload: Payload) -> IdToken:
    """Raises ``Unacceptable`` for a type the domain does not know (2.1 leaves the list open)."""
    kind = _TYPES.get(payload["type"])
    if kind is None:
        raise Unacceptable("InvalidIdToken", f'type "{payload["type"]}" is not one of {", ".join(_TYPES)}')
    return IdToken(payload["idToken"], kind)


def token_info(info: Payload) -> TokenInfo:
    """idTokenInfo. An expiry or a group that cannot be read is none: the status still counts."""
    expires_at_ms = None
    if "cacheExpiryDateTime" in info:
        try:
            expires_at_ms = parse_instant(info["cacheExpiryDateTime"])
        except ValueError:
            expires_at_ms = None
    group = None
    if info.get("groupIdToken"):
        named = info["groupIdToken"]
        group = IdToken(named["idToken"], _TYPES.get(named["type"], TokenType.CENTRAL))
    return TokenInfo(AuthorizationStatus(info["status"]), expires_at_ms, group)


def parse_entry(data: Payload) -> ListEntry:
    """AuthorizationData (D01). An expiry that cannot be read spoils the update: without it the entry would be
    valid for ever. Raises ``Unacceptable``."""
    token, info = parse_token(data["idToken"]), data.get("idTokenInfo")
    if info is None:
        return ListEntry(token, None)
    optional_instant(info, "cacheExpiryDateTime")
    return ListEntry(token, token_info(info))
