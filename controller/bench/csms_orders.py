"""The desk CSMS's command line: words to an OCPP request, for each version.

Owns: the grammar (same for typed lines and ``joulepost csms send``), the requests, and whether an answer
means yes. Pure, but for reading a certificate that an order names. Refuses to know: sockets, the ``ocpp``
package.
"""

from __future__ import annotations

import argparse
import json
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NoReturn

from controller.bench.csms_book import StationRecord

PROFILE_IDS = {
    "ChargePointMaxProfile": 1,
    "ChargingStationMaxProfile": 1,
    "TxDefaultProfile": 2,
    "TxProfile": 3,
}
"""A second ``set-limit`` of the same purpose replaces the first one (1.6 5.16.5: same id)."""

MOST_CLOCK_S = 366 * 86_400

_EXTENDED_16 = frozenset({"LogStatusNotification", "SignChargePointCertificate"})
"""Only ExtendedTriggerMessage asks for these (white paper 5.5)."""

_USES_16 = {"csms": "CentralSystemRootCertificate", "manufacturer": "ManufacturerRootCertificate"}
_USES_2X = {"csms": "CSMSRootCertificate", "manufacturer": "ManufacturerRootCertificate"}

Json = dict[str, Any]


class OrderError(ValueError):
    """The words are no order, or the order does not fit the station. The message says what is expected."""


@dataclass(frozen=True, slots=True)
class OcppOrder:
    """Send this CALL. Payload in OCPP's camel case. ``checked`` False: even if it breaks the schema."""

    action: str
    payload: Json
    checked: bool = True


@dataclass(frozen=True, slots=True)
class OwnOrder:
    """Change the CSMS itself: "block", "allow" a token, "drop" the connection, answer a "registration"
    otherwise, tell another "clock", "help"."""

    name: str
    value: str = ""
    interval_s: int | None = None


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise OrderError(f"{message}; usage: {self.format_usage().removeprefix('usage: ').strip()}")


def _seconds(text: str) -> int:
    seconds = int(text)
    if abs(seconds) > MOST_CLOCK_S:
        raise argparse.ArgumentTypeError(f"expected -{MOST_CLOCK_S} to {MOST_CLOCK_S} s, found {seconds}")
    return seconds


def _grammar() -> _Parser:
    root = _Parser(prog="", add_help=False)
    orders = root.add_subparsers(dest="order", required=True, parser_class=_Parser)

    def order(name: str, about: str) -> _Parser:
        return orders.add_parser(name, help=about, description=about, add_help=False, prog=name)

    start = order("remote-start", "start a transaction for TOKEN")
    start.add_argument("token")
    start.add_argument("--evse", type=int, default=None)
    stop = order("remote-stop", "stop TRANSACTION (default: the one that runs)")
    stop.add_argument("transaction", nargs="?")
    limit = order("set-limit", "limit the current to AMPS (station, or one EVSE)")
    limit.add_argument("amps", type=float)
    limit.add_argument("--evse", type=int, default=0)
    limit.add_argument("--seconds", type=int, default=None)
    limit.add_argument("--purpose", choices=("max", "default", "tx"), default=None)
    clear = order("clear-limit", "clear all charging profiles (of one EVSE)")
    clear.add_argument("--evse", type=int, default=None)
    reset = order("reset", "soft, hard (1.6), immediate, on-idle (2.x)")
    reset.add_argument("kind", nargs="?", choices=("soft", "hard", "immediate", "on-idle"), default="soft")
    get = order("get", "read configuration keys or Component.Variable (default: all)")
    get.add_argument("names", nargs="*")
    change = order("set", "change a configuration key or Component.Variable")
    change.add_argument("name")
    change.add_argument("value")
    trigger = order("trigger", "ask for MESSAGE, e.g. StatusNotification")
    trigger.add_argument("message")
    trigger.add_argument("--evse", type=int, default=None)
    unlock = order("unlock", "unlock the connector of EVSE")
    unlock.add_argument("evse", type=int, nargs="?", default=1)
    availability = order("availability", "take the station (or one EVSE) in or out of service")
    availability.add_argument("state", choices=("operative", "inoperative"))
    availability.add_argument("--evse", type=int, default=0)
    order("clear-cache", "empty the authorization cache")
    reserve = order("reserve", "reserve the station (or one EVSE) for TOKEN")
    reserve.add_argument("token")
    reserve.add_argument("--evse", type=int, default=0)
    reserve.add_argument("--minutes", type=int, default=15)
    reserve.add_argument("--reservation", type=int, default=1)
    cancel = order("cancel-reservation", "cancel RESERVATION")
    cancel.add_argument("reservation", type=int, nargs="?", default=1)
    listed = order("send-list", "replace the local list by these tokens")
    listed.add_argument("tokens", nargs="*")
    listed.add_argument("--version", type=int, default=1)
    order("list-version", "ask for the version of the local list")
    composite = order("composite", "ask what may be charged in the next SECONDS (station, or one EVSE)")
    composite.add_argument("seconds", type=int, nargs="?", default=3600)
    composite.add_argument("--evse", type=int, default=0)
    composite.add_argument("--unit", choices=("A", "W"), default="A")
    firmware = order("update-firmware", "install VERSION, which this CSMS serves (or --url); --sign signs it")
    firmware.add_argument("version", nargs="?", default="99.0.0")
    firmware.add_argument("--url", default=None)
    firmware.add_argument("--request", type=int, default=1)
    firmware.add_argument("--sign", choices=("good", "bad"), default=None)
    logs = order("get-log", "have diagnostics (or the security log) uploaded to this CSMS (or --url)")
    logs.add_argument("kind", nargs="?", choices=("diagnostics", "security"), default="diagnostics")
    logs.add_argument("--url", default=None)
    logs.add_argument("--request", type=int, default=1)
    certificates = order("certificates", "list the installed root certificates")
    certificates.add_argument("use", nargs="?", choices=("csms", "manufacturer"), default="csms")
    install = order("install-certificate", "install the root certificate in PEM FILE")
    install.add_argument("file")
    install.add_argument("use", nargs="?", choices=("csms", "manufacturer"), default="csms")
    transfer = order("data-transfer", "vendor-specific message")
    transfer.add_argument("vendor")
    transfer.add_argument("--message-id", default=None)
    transfer.add_argument("--data", default=None)
    raw = order("raw", "send any ACTION with a JSON payload, also what breaks the schema")
    raw.add_argument("action")
    raw.add_argument("payload", nargs="?", default="{}")
    for name, about in (("block", "refuse TOKEN from now on"), ("allow", "accept TOKEN again")):
        order(name, about).add_argument("token")
    registration = order("registration", "answer the next BootNotification so")
    registration.add_argument("status", choices=("accepted", "pending", "rejected"))
    registration.add_argument("--interval", type=int, default=None)
    clock = order("clock", "tell stations a time that is SECONDS ahead (negative: behind), from now on")
    clock.add_argument("seconds", type=_seconds)
    order("drop", "cut the station's connection without a close frame")
    order("help", "list the orders")
    return root


_GRAMMAR = _grammar()


def help_text() -> str:
    """One line an order."""
    lines = []
    for action in _GRAMMAR._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, parser in action.choices.items():
                usage = parser.format_usage().removeprefix("usage: ").strip()
                lines.append(f"{' '.join(usage.split()):<58} {parser.description or name}")
    return "\n".join(lines)


def split(line: str) -> list[str]:
    """A typed line into words. Raises ``OrderError``."""
    try:
        return shlex.split(line)
    except ValueError as exc:
        raise OrderError(f"{exc}: quote texts with blanks: {line!r}") from exc


Sign = Callable[[str], tuple[str, str]]
"""Firmware version to (signing certificate in PEM, signature in Base64)."""


def parse(
    words: Sequence[str], station: StationRecord, now: str, files: str = "", sign: Sign | None = None
) -> OcppOrder | OwnOrder:
    """Words to an order for this station. ``now``: UTC, RFC 3339. ``files``: URL of the CSMS's own file
    server, "" = it has none. Raises ``OrderError``."""
    if not words:
        raise OrderError("no order: try `help`")
    try:
        found = _GRAMMAR.parse_args([*words])
    except OrderError as exc:
        if words[0].startswith("-") or "invalid choice" not in str(exc) or len(words) > 1:
            raise
        raise OrderError(f"no order {words[0]!r}: try `help`") from exc
    if found.order in ("block", "allow"):
        return OwnOrder(found.order, found.token)
    if found.order == "registration":
        return OwnOrder(found.order, found.status.capitalize(), found.interval)
    if found.order == "clock":
        return OwnOrder(found.order, str(found.seconds))
    if found.order in ("drop", "help"):
        return OwnOrder(found.order)
    if found.order == "raw":
        return OcppOrder(found.action, _json_object(found.payload), checked=False)
    if found.order == "remote-stop" and found.transaction is None:
        found.transaction = _only_transaction(station)
    if found.order in ("update-firmware", "get-log") and found.url is None:
        if not files:
            raise OrderError(f"{found.order}: this CSMS serves no files: give --url")
        found.url = f"{files}/firmware/{found.version}" if "version" in found else f"{files}/uploads/"
    if found.order == "update-firmware":
        found.signed = _signed(found, sign)
    if found.order == "install-certificate":
        found.pem = _pem(found.file)
    if station.protocol == "ocpp1.6":
        return _order_16(found, station, now)
    return _order_2x(found, station, now)


def _signed(found: argparse.Namespace, sign: Sign | None) -> Json:
    """The members that make a firmware update a signed one; none without ``--sign``."""
    if found.sign is None:
        return {}
    if sign is None:
        raise OrderError("update-firmware: this CSMS has no certificate authority to sign with")
    version = found.version if found.sign == "good" else f"{found.version}, which is another image"
    certificate, signature = sign(version)
    return {"signingCertificate": certificate, "signature": signature}


def _json_object(text: str) -> Json:
    try:
        value = json.loads(text)
    except ValueError as exc:
        raise OrderError(f"payload is not JSON: {exc}: {text}") from exc
    if not isinstance(value, dict):
        raise OrderError(f"payload: expected a JSON object, found {text}")
    return value


def _pem(file: str) -> str:
    try:
        return Path(file).read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as exc:
        raise OrderError(f"{file}: cannot be read: {exc}; expected a certificate in PEM") from exc


def _later(now: str, minutes: int) -> str:
    at = datetime.fromisoformat(now) + timedelta(minutes=minutes)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _only_transaction(station: StationRecord) -> str:
    running = station.running()
    if len(running) != 1:
        names = ", ".join(one.id for one in running) or "none"
        raise OrderError(f"which transaction? running: {names}")
    return running[0].id


def _purpose(found: argparse.Namespace) -> str:
    return str(found.purpose or ("default" if found.evse else "max"))


def _schedule(found: argparse.Namespace, now: str) -> Json:
    schedule: Json = {
        "startSchedule": now,
        "chargingRateUnit": "A",
        "chargingSchedulePeriod": [{"startPeriod": 0, "limit": round(found.amps, 1)}],
    }
    if found.seconds is not None:
        schedule["duration"] = found.seconds
    return schedule


def _tx_of(found: argparse.Namespace, station: StationRecord) -> str:
    running = station.running(found.evse or None)
    if len(running) != 1:
        raise OrderError("--purpose tx needs exactly one running transaction: give --evse")
    return running[0].id


def _order_16(found: argparse.Namespace, station: StationRecord, now: str) -> OcppOrder:
    match found.order:
        case "remote-start":
            payload: Json = {"idTag": found.token}
            if found.evse is not None:
                payload["connectorId"] = found.evse
            return OcppOrder("RemoteStartTransaction", payload)
        case "remote-stop":
            if not found.transaction.lstrip("-").isdigit():
                raise OrderError(f"a 1.6 transaction id is an integer, found {found.transaction!r}")
            return OcppOrder("RemoteStopTransaction", {"transactionId": int(found.transaction)})
        case "set-limit":
            purpose = {"max": "ChargePointMaxProfile", "default": "TxDefaultProfile", "tx": "TxProfile"}[
                _purpose(found)
            ]
            profile: Json = {
                "chargingProfileId": PROFILE_IDS[purpose],
                "stackLevel": 0,
                "chargingProfilePurpose": purpose,
                "chargingProfileKind": "Absolute",
                "chargingSchedule": _schedule(found, now),
            }
            evse_id = found.evse
            if purpose == "TxProfile":
                profile["transactionId"] = int(_tx_of(found, station))
                evse_id = station.transactions[str(profile["transactionId"])].evse_id
            return OcppOrder("SetChargingProfile", {"connectorId": evse_id, "csChargingProfiles": profile})
        case "clear-limit":
            return OcppOrder(
                "ClearChargingProfile", {} if found.evse is None else {"connectorId": found.evse}
            )
        case "reset":
            kinds = {"soft": "Soft", "on-idle": "Soft", "hard": "Hard", "immediate": "Hard"}
            return OcppOrder("Reset", {"type": kinds[found.kind]})
        case "get":
            return OcppOrder("GetConfiguration", {"key": found.names} if found.names else {})
        case "set":
            return OcppOrder("ChangeConfiguration", {"key": found.name, "value": found.value})
        case "trigger":
            payload = {"requestedMessage": found.message}
            if found.evse is not None:
                payload["connectorId"] = found.evse
            extended = found.message in _EXTENDED_16
            return OcppOrder("ExtendedTriggerMessage" if extended else "TriggerMessage", payload)
        case "unlock":
            return OcppOrder("UnlockConnector", {"connectorId": found.evse})
        case "availability":
            return OcppOrder(
                "ChangeAvailability", {"connectorId": found.evse, "type": found.state.capitalize()}
            )
        case "clear-cache":
            return OcppOrder("ClearCache", {})
        case "data-transfer":
            return OcppOrder("DataTransfer", _transfer(found))
        case "reserve":
            return OcppOrder(
                "ReserveNow",
                {
                    "connectorId": found.evse,
                    "expiryDate": _later(now, found.minutes),
                    "idTag": found.token,
                    "reservationId": found.reservation,
                },
            )
        case "cancel-reservation":
            return OcppOrder("CancelReservation", {"reservationId": found.reservation})
        case "send-list":
            entries = [{"idTag": token, "idTagInfo": {"status": "Accepted"}} for token in found.tokens]
            payload = {"listVersion": found.version, "updateType": "Full", "localAuthorizationList": entries}
            return OcppOrder("SendLocalList", payload)
        case "list-version":
            return OcppOrder("GetLocalListVersion", {})
        case "composite":
            payload = {"connectorId": found.evse, "duration": found.seconds, "chargingRateUnit": found.unit}
            return OcppOrder("GetCompositeSchedule", payload)
        case "update-firmware" if found.signed:
            firmware = {"location": found.url, "retrieveDateTime": now, **found.signed}
            return OcppOrder("SignedUpdateFirmware", {"requestId": found.request, "firmware": firmware})
        case "update-firmware":
            return OcppOrder("UpdateFirmware", {"location": found.url, "retrieveDate": now})
        case "get-log":
            if found.kind == "diagnostics":
                return OcppOrder("GetDiagnostics", {"location": found.url})
            log = {"remoteLocation": found.url}
            payload = {"logType": "SecurityLog", "requestId": found.request, "log": log}
            return OcppOrder("GetLog", payload)
        case "certificates":
            return OcppOrder("GetInstalledCertificateIds", {"certificateType": _USES_16[found.use]})
        case "install-certificate":
            payload = {"certificateType": _USES_16[found.use], "certificate": found.pem}
            return OcppOrder("InstallCertificate", payload)
    raise OrderError(f"{found.order} does not exist in OCPP 1.6")


def _order_2x(found: argparse.Namespace, station: StationRecord, now: str) -> OcppOrder:
    match found.order:
        case "remote-start":
            payload: Json = {
                "remoteStartId": 1 + len(station.transactions),
                "idToken": {"idToken": found.token, "type": "Central"},
            }
            if found.evse is not None:
                payload["evseId"] = found.evse
            return OcppOrder("RequestStartTransaction", payload)
        case "remote-stop":
            return OcppOrder("RequestStopTransaction", {"transactionId": found.transaction})
        case "set-limit":
            purpose = {
                "max": "ChargingStationMaxProfile",
                "default": "TxDefaultProfile",
                "tx": "TxProfile",
            }[_purpose(found)]
            profile: Json = {
                "id": PROFILE_IDS[purpose],
                "stackLevel": 0,
                "chargingProfilePurpose": purpose,
                "chargingProfileKind": "Absolute",
                "chargingSchedule": [{"id": PROFILE_IDS[purpose], **_schedule(found, now)}],
            }
            evse_id = found.evse
            if purpose == "TxProfile":
                profile["transactionId"] = _tx_of(found, station)
                evse_id = station.transactions[profile["transactionId"]].evse_id
            return OcppOrder("SetChargingProfile", {"evseId": evse_id, "chargingProfile": profile})
        case "clear-limit":
            # K10.FR.02: without an id at least one criterion has to be there.
            if found.evse is None:
                return OcppOrder("ClearChargingProfile", {"chargingProfileCriteria": {"stackLevel": 0}})
            return OcppOrder("ClearChargingProfile", {"chargingProfileCriteria": {"evseId": found.evse}})
        case "reset":
            kinds = {"soft": "OnIdle", "on-idle": "OnIdle", "hard": "Immediate", "immediate": "Immediate"}
            return OcppOrder("Reset", {"type": kinds[found.kind]})
        case "get":
            if not found.names:
                return OcppOrder("GetBaseReport", {"requestId": 1, "reportBase": "FullInventory"})
            return OcppOrder("GetVariables", {"getVariableData": [_variable(name) for name in found.names]})
        case "set":
            data = {**_variable(found.name), "attributeValue": found.value}
            return OcppOrder("SetVariables", {"setVariableData": [data]})
        case "trigger":
            payload = {"requestedMessage": found.message}
            if found.evse is not None:
                payload["evse"] = {"id": found.evse, "connectorId": 1}
            return OcppOrder("TriggerMessage", payload)
        case "unlock":
            return OcppOrder("UnlockConnector", {"evseId": found.evse, "connectorId": 1})
        case "availability":
            payload = {"operationalStatus": found.state.capitalize()}
            if found.evse:
                payload["evse"] = {"id": found.evse}
            return OcppOrder("ChangeAvailability", payload)
        case "clear-cache":
            return OcppOrder("ClearCache", {})
        case "data-transfer":
            return OcppOrder("DataTransfer", _transfer(found))
        case "reserve":
            payload = {
                "id": found.reservation,
                "expiryDateTime": _later(now, found.minutes),
                "idToken": {"idToken": found.token, "type": "Central"},
            }
            if found.evse:
                payload["evseId"] = found.evse
            return OcppOrder("ReserveNow", payload)
        case "cancel-reservation":
            return OcppOrder("CancelReservation", {"reservationId": found.reservation})
        case "send-list":
            payload = {"versionNumber": found.version, "updateType": "Full"}
            if found.tokens:
                payload["localAuthorizationList"] = [
                    {"idToken": {"idToken": token, "type": "Central"}, "idTokenInfo": {"status": "Accepted"}}
                    for token in found.tokens
                ]
            return OcppOrder("SendLocalList", payload)
        case "list-version":
            return OcppOrder("GetLocalListVersion", {})
        case "composite":
            payload = {"evseId": found.evse, "duration": found.seconds, "chargingRateUnit": found.unit}
            return OcppOrder("GetCompositeSchedule", payload)
        case "update-firmware":
            firmware = {"location": found.url, "retrieveDateTime": now, **found.signed}
            return OcppOrder("UpdateFirmware", {"requestId": found.request, "firmware": firmware})
        case "get-log":
            kind = "DiagnosticsLog" if found.kind == "diagnostics" else "SecurityLog"
            log = {"remoteLocation": found.url}
            return OcppOrder("GetLog", {"logType": kind, "requestId": found.request, "log": log})
        case "certificates":
            return OcppOrder("GetInstalledCertificateIds", {"certificateType": [_USES_2X[found.use]]})
        case "install-certificate":
            payload = {"certificateType": _USES_2X[found.use], "certificate": found.pem}
            return OcppOrder("InstallCertificate", payload)
    raise OrderError(f"{found.order} does not exist in OCPP 2.x")


def _transfer(found: argparse.Namespace) -> Json:
    payload: Json = {"vendorId": found.vendor}
    if found.message_id is not None:
        payload["messageId"] = found.message_id
    if found.data is not None:
        payload["data"] = found.data
    return payload


def _variable(name: str) -> Json:
    """ "Component.Variable" or "Component.Variable[instance]" to a 2.0.1 component and variable."""
    component, dot, variable = name.partition(".")
    if not dot or not component or not variable:
        raise OrderError(f"expected Component.Variable, e.g. TxCtrlr.EVConnectionTimeOut, found {name!r}")
    instance = ""
    if variable.endswith("]") and "[" in variable:
        variable, _, instance = variable[:-1].partition("[")
    found: Json = {"name": variable}
    if instance:
        found["instance"] = instance
    return {"component": {"name": component}, "variable": found}


YES = frozenset({"Accepted", "AcceptedCanceled", "Scheduled", "Unlocked", "RebootRequired"})


def accepted(action: str, answer: Json) -> bool:
    """Does the answer say yes? GetConfiguration's does when no key was unknown."""
    for key in ("getVariableResult", "setVariableResult"):
        if key in answer:
            return all(one.get("attributeStatus") in YES for one in answer[key])
    if action == "GetConfiguration":
        return not answer.get("unknownKey")
    if "status" not in answer:
        return True
    return answer["status"] in YES
