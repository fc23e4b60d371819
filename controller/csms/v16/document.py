"""``docs/ocpp16/messages.md`` from the code (``python -m controller.csms.v16.document``).

Owns: the text of the page, and how a message is traced to the module that handles it.
"""

from __future__ import annotations

import ast
from pathlib import Path

from controller.csms.v16.commands import TABLE
from controller.csms.v16.messages import FEATURE_PROFILES, MESSAGES, PROFILES, SECURITY, Message

_HEAD = """\
# Messages of OCPP 1.6

This page is generated from the code (`controller/csms/v16`); do not edit it. Write it anew with
`python -m controller.csms.v16.document > docs/ocpp16/messages.md`.

A request of the CSMS that is in the standard but not supported here is answered with the CALLERROR
NotSupported, one that is in no standard with NotImplemented. Rules live in `controller/domain`; the module
named here reads the message and writes the answer, or makes the message of an event. [keys.md](keys.md) lists
the configuration keys, [left-out.md](left-out.md) what is left out.

DataTransfer with `vendorId` = `vendor` of [station.toml](../configuration.md) and `messageId` = `Why` answers
what `joulepost why` tells: why an EVSE charges or does not, and every limit with its source. `data` in the
request is the number of an EVSE, or absent for all. It reads and changes nothing.
"""


def senders() -> dict[str, set[str]]:
    """Message -> the modules of this package that make it: a ``Call`` with that name."""
    found: dict[str, set[str]] = {}
    for path in sorted(Path(__file__).parent.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Call":
                for part in ast.walk(node.args[0]):
                    if isinstance(part, ast.Constant) and isinstance(part.value, str):
                        found.setdefault(part.value, set()).add(path.stem)
    return found


def page() -> str:
    """The whole page."""
    sent_by = senders()
    parts = [_HEAD, f"SupportedFeatureProfiles: {', '.join(FEATURE_PROFILES)}.\n"]
    for profile in (*PROFILES, SECURITY):
        title = profile if profile == SECURITY else f"Profile {profile}"
        parts.append(f"## {title[0].upper()}{title[1:]}\n")
        parts.append("| message | direction | supported | handled in |\n|---|---|---|---|")
        rows = [one for one in MESSAGES if one.profile == profile]
        parts.extend(_row(one, sent_by) for one in sorted(rows, key=lambda one: one.name))
        parts.append("")
    return "\n".join(parts)


def _row(message: Message, sent_by: dict[str, set[str]]) -> str:
    modules: set[str] = set()
    if message.name in TABLE:
        modules.add(TABLE[message.name].parse.__module__.rpartition(".")[2])
    if message.sent:
        modules |= sent_by.get(message.name, set())
    direction = "both" if message.asked and message.sent else "CSMS to station"
    if not message.asked:
        direction = "station to CSMS"
    note = ""
    if message.asked and message.sent and message.name not in sent_by:
        note = ", received only"
    where = ", ".join(f"`{module}.py`" for module in sorted(modules))
    return f"| {message.name} | {direction} | {'yes' + note if modules else 'no'} | {where} |"


if __name__ == "__main__":
    print(page(), end="")
