"""IdTokenType and IdTokenInfoType of 2.0.1, both directions."""

from __future__ import annotations

from controller.csms.wire import Payload, Unacceptable, parse_instant
from controller.domain.tokens import AuthorizationStatus, IdToken, TokenInfo, TokenType

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
