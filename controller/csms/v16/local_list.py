"""Local list in 1.6: SendLocalList, GetLocalListVersion (1.6 5.10, 5.15)."""

from __future__ import annotations

from controller.csms.v16.handler import Handler, statuses
from controller.csms.version import Lookup
from controller.csms.wire import Payload, optional_instant
from controller.domain import commands as ask
from controller.domain.access.tokens import AuthorizationStatus, IdToken, ListEntry, TokenInfo
from controller.domain.commands import Command, Status, Verdict

NO_LIST = -1
EMPTY = 0


def _entry(data: Payload) -> ListEntry:
    """AuthorizationData (1.6 7.1). An expiry that cannot be read spoils the update: without it the entry
    would be valid for ever. Raises ``Unacceptable``."""
    info = data.get("idTagInfo")
    if info is None:
        return ListEntry(IdToken(data["idTag"]), None)
    parent = info.get("parentIdTag")
    return ListEntry(
        IdToken(data["idTag"]),
        TokenInfo(
            status=AuthorizationStatus(info["status"]),
            expires_at_ms=optional_instant(info, "expiryDate"),
            group=IdToken(parent) if parent else None,
        ),
    )


def _send_list(payload: Payload, _: Lookup) -> Command:
    entries = payload.get("localAuthorizationList") or ()
    return ask.UpdateLocalList(
        version=payload["listVersion"],
        full=payload["updateType"] == "Full",
        entries=tuple(_entry(data) for data in entries),
    )


def _version(_payload: Payload, _: Lookup) -> Command:
    return ask.GetLocalListVersion()


def _version_reply(verdict: Verdict) -> Payload:
    """1.6 5.10: an emptied list has version 0 here, whatever version emptied it; without a list it is -1."""
    kept = verdict.local_list
    if kept is None:
        return {"listVersion": NO_LIST}
    return {"listVersion": kept.version if kept.entries else EMPTY}


TABLE: dict[str, Handler] = {
    "GetLocalListVersion": Handler(_version, _version_reply),
    "SendLocalList": Handler(
        _send_list, statuses("Failed", Status.ACCEPTED, Status.NOT_SUPPORTED, Status.VERSION_MISMATCH)
    ),
}
