"""Identification tokens and what is known about them (OCPP 2.0.1 IdTokenType, IdTokenInfoType; 1.6 idTag)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class TokenType(StrEnum):
    """OCPP 2.0.1 IdTokenEnumType. 1.6 has no types: its idTags are ``CENTRAL``."""

    CENTRAL = "Central"
    E_MAID = "eMAID"
    ISO14443 = "ISO14443"
    ISO15693 = "ISO15693"
    KEY_CODE = "KeyCode"
    LOCAL = "Local"
    MAC_ADDRESS = "MacAddress"
    NO_AUTHORIZATION = "NoAuthorization"


@dataclass(frozen=True, slots=True)
class IdToken:
    """A presented or given token. ``value`` up to 36 characters (20 in 1.6), compared without case."""

    value: str
    type: TokenType = TokenType.CENTRAL

    @property
    def key(self) -> str:
        """What two equal tokens share: 1.6 7.28 and 2.0.1 C are case-insensitive; the type does not count,
        since 1.6 and local lists do not know it."""
        return self.value.casefold()


class AuthorizationStatus(StrEnum):
    """OCPP 2.0.1 AuthorizationStatusEnumType; 1.6 uses the first five."""

    ACCEPTED = "Accepted"
    BLOCKED = "Blocked"
    EXPIRED = "Expired"
    INVALID = "Invalid"
    CONCURRENT_TX = "ConcurrentTx"
    NO_CREDIT = "NoCredit"
    NOT_ALLOWED_TYPE_EVSE = "NotAllowedTypeEVSE"
    NOT_AT_THIS_LOCATION = "NotAtThisLocation"
    NOT_AT_THIS_TIME = "NotAtThisTime"
    UNKNOWN = "Unknown"


@dataclass(frozen=True, slots=True)
class TokenInfo:
    """What an authority says of a token. ``expires_at_ms`` UTC ms or None; ``group`` = 1.6 parentIdTag."""

    status: AuthorizationStatus
    expires_at_ms: int | None = None
    group: IdToken | None = None

    def status_at(self, utc_ms: int) -> AuthorizationStatus:
        """The status with the expiry applied (1.6 3.5.1, 2.0.1 C10)."""
        if (
            self.status is AuthorizationStatus.ACCEPTED
            and self.expires_at_ms is not None
            and self.expires_at_ms <= utc_ms
        ):
            return AuthorizationStatus.EXPIRED
        return self.status


@dataclass(frozen=True, slots=True)
class ListEntry:
    """One line of an update of the local list. ``info`` None: the token leaves the list (1.6 7.1)."""

    token: IdToken
    info: TokenInfo | None


@dataclass(frozen=True, slots=True)
class ListState:
    """The local list as it is kept. ``version`` 0: no list was ever sent. ``entries``: tokens in it."""

    version: int = 0
    entries: int = 0


class TokenBook(Protocol):
    """Local list and authorization cache, read only."""

    def listed(self, token: IdToken) -> TokenInfo | None: ...
    def cached(self, token: IdToken) -> TokenInfo | None: ...
    def list_state(self) -> ListState: ...
