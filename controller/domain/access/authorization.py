"""Whether a token may charge: what can be decided here, and when the CSMS must be asked.

Owns: the order list, cache, CSMS, offline policy (1.6 3.4, 3.5; 2.0.1 C01, C10, C13, C14).
Refuses to know: where list and cache are kept, and what charging is.
"""

from __future__ import annotations

from dataclasses import dataclass

from controller.domain.access.tokens import AuthorizationStatus, IdToken, TokenBook, TokenInfo
from controller.domain.policy import Policy


@dataclass(frozen=True, slots=True)
class Decision:
    """``ask`` True: the CSMS decides. Else ``status`` holds; ``source`` says who decided."""

    ask: bool
    status: AuthorizationStatus = AuthorizationStatus.UNKNOWN
    group: IdToken | None = None
    source: str = ""

    @property
    def accepted(self) -> bool:
        return not self.ask and self.status is AuthorizationStatus.ACCEPTED


ASK = Decision(ask=True)


def decide(token: IdToken, book: TokenBook, policy: Policy, online: bool, utc_ms: int) -> Decision:
    """Decide on ``token`` with what is known locally.

    Online: a valid entry is enough with LocalPreAuthorize; an entry that is not valid is asked about
    (1.6 3.5.1, 2.0.1 C14.FR.02). Offline: a valid entry counts with LocalAuthorizeOffline; an entry
    that is not valid refuses, whatever the policy for unknown ids (1.6 3.5.4); an unknown token is
    accepted only with OfflineTxForUnknownId. The list wins over the cache (1.6 3.5.3).
    """
    if not policy.auth_enabled:
        return Decision(False, AuthorizationStatus.ACCEPTED, None, "free")
    info, source = known(token, book, policy)
    if info is not None:
        status = info.status_at(utc_ms)
        if status is AuthorizationStatus.ACCEPTED:
            if policy.local_pre_authorize if online else policy.local_authorize_offline:
                return Decision(False, status, info.group, source)
        elif not online:
            return Decision(False, status, info.group, source)
    if online:
        return ASK
    if info is None and policy.offline_tx_for_unknown_id:
        return Decision(False, AuthorizationStatus.ACCEPTED, None, "offline")
    return Decision(False, AuthorizationStatus.UNKNOWN, None, "offline")


def known(token: IdToken, book: TokenBook, policy: Policy) -> tuple[TokenInfo | None, str]:
    """What list or cache say of a token, and which of them; (None, "") when neither knows it."""
    if policy.local_list_enabled:
        info = book.listed(token)
        if info is not None:
            return info, "local-list"
    if policy.auth_cache_enabled:
        info = book.cached(token)
        if info is not None:
            return info, "cache"
    return None, ""
