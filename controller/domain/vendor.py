"""The station's own extension over DataTransfer: what ``joulepost why`` tells, to the CSMS.

Owns: its message and the text of its answer. It reads and changes nothing.
Refuses to know: how the answer travels.
"""

from __future__ import annotations

from controller.domain.commands import DataTransfer, Status, Verdict
from controller.domain.instant import Now
from controller.domain.why import Reason, Seen, reasons

WHY = "Why"
"""messageId. ``data``: the number of an EVSE; absent or empty = all of them."""


def answer(station: Seen, vendor: str, command: DataTransfer, now: Now) -> Verdict:
    """1.6 4.3, 5.6; 2.0.1 P01. ``vendor``: whose extension this is. Names are compared without regard to case
    (CiString)."""
    if command.vendor_id.casefold() != vendor.casefold():
        return Verdict(Status.UNKNOWN_VENDOR, info=f"no extension of vendor {command.vendor_id} is known")
    if (command.message_id or "").casefold() != WHY.casefold():
        return Verdict(Status.UNKNOWN_MESSAGE, info=f"this vendor's messages: {WHY}")
    asked = (command.data or "").strip()
    if not asked:
        return Verdict(Status.ACCEPTED, data="\n".join(_text(station, each, now) for each in station.evses))
    if not asked.isdecimal() or int(asked) not in station.evses:
        known = ", ".join(str(evse_id) for evse_id in station.evses)
        return Verdict(Status.REJECTED, data=f"found EVSE {asked[:20]}, expected one of {known}, or no data")
    return Verdict(Status.ACCEPTED, data=_text(station, int(asked), now))


def _text(station: Seen, evse_id: int, now: Now) -> str:
    verdict, *rest = reasons(station, evse_id, now)
    return "\n".join([f"{verdict.name}: {verdict.value}", *(_line(reason) for reason in rest)])


def _line(reason: Reason) -> str:
    told = f"- {reason.kind} {reason.name}: {reason.value}"
    if reason.source:
        told += f" ({reason.source})"
    if reason.clears_by:
        told += f"; until {reason.clears_by}"
    return told + (f"; {reason.remedy}" if reason.remedy else "")
