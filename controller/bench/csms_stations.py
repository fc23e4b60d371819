"""One connected station, seen from the desk CSMS: the server side of the ``ocpp`` package, per version.

Owns: the answers to a station's requests and the notes taken of them (``csms_book``).
Refuses to know: the listening socket, the control socket, how orders are worded.

Every message is checked against the schemas of the ``ocpp`` package in both directions; what breaks them
is noted as a violation and answered with the CALLERROR the package chooses.
"""

from __future__ import annotations

import asyncio
import json
import logging
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol, TypeVar

import ocpp.routing
import ocpp.v16.call
import ocpp.v16.call_result
import ocpp.v21.call
import ocpp.v21.call_result
import ocpp.v201.call
import ocpp.v201.call_result
from ocpp.charge_point import ChargePoint
from ocpp.exceptions import OCPPError
from ocpp.messages import Call, MessageType, unpack, validate_payload
from ocpp.v16 import ChargePoint as Package16
from ocpp.v21 import ChargePoint as Package21
from ocpp.v201 import ChargePoint as Package201
from websockets.exceptions import ConnectionClosed

from controller.bench.csms_book import Book, StationRecord, TransactionRecord, register_wh
from controller.bench.csms_ca import DeskCa

HEARTBEAT_S = 300
RETRY_BOOT_S = 10
KEPT_NOTES = 100

F = TypeVar("F", bound=Callable[..., Any])
on: Callable[[str], Callable[[F], F]] = ocpp.routing.on
after: Callable[[str], Callable[[F], F]] = ocpp.routing.after
"""The package's decorators, with their type."""

log = logging.getLogger(__name__)


class Connection(Protocol):
    """A websocket that also notes every frame."""

    async def recv(self) -> str: ...
    async def send(self, message: str) -> None: ...


def utc_now(ahead_s: float = 0.0) -> str:
    at = datetime.now(UTC) + timedelta(seconds=ahead_s)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class _Notes:
    """What both generations share. Mixed into the package's classes."""

    record: StationRecord
    book: Book
    on_change: Callable[[], None]
    authority: DeskCa | None

    def take_notes(
        self,
        book: Book,
        record: StationRecord,
        on_change: Callable[[], None],
        authority: DeskCa | None,
    ) -> None:
        self.book = book
        self.record = record
        self.authority = authority
        self.on_change = on_change

    @property
    def interval_s(self) -> int:
        """Seconds between heartbeats; until the next boot where that was not accepted."""
        if self.book.boot_interval_s is not None:
            return self.book.boot_interval_s
        return HEARTBEAT_S if self.book.registration == "Accepted" else RETRY_BOOT_S

    def time(self) -> str:
        """What stations are told."""
        return utc_now(self.book.clock_off_s)

    def note(self, notes: list[str], what: str) -> None:
        """Keep the newest of what a station tells by the way."""
        notes.append(what)
        del notes[:-KEPT_NOTES]
        self.on_change()

    def token_status(self, token: str) -> str:
        return "Accepted" if self.book.accepts(token) else "Blocked"


class Station16(_Notes, Package16):  # type: ignore[misc]
    """OCPP 1.6 (sections 4.1 to 4.10, security white paper for the last two)."""

    @on("BootNotification")
    def on_boot(self, charge_point_vendor: str, charge_point_model: str, **more: Any) -> Any:
        self.record.boots += 1
        self.record.vendor, self.record.model = charge_point_vendor, charge_point_model
        self.record.firmware = more.get("firmware_version", "")
        self.on_change()
        return ocpp.v16.call_result.BootNotification(self.time(), self.interval_s, self.book.registration)

    @on("Heartbeat")
    def on_heartbeat(self) -> Any:
        return ocpp.v16.call_result.Heartbeat(self.time())

    @on("StatusNotification")
    def on_status(self, connector_id: int, error_code: str, status: str, **_: Any) -> Any:
        self.record.evses[connector_id] = status if error_code == "NoError" else f"{status} ({error_code})"
        self.on_change()
        return ocpp.v16.call_result.StatusNotification()

    @on("Authorize")
    def on_authorize(self, id_tag: str) -> Any:
        return ocpp.v16.call_result.Authorize({"status": self.token_status(id_tag)})

    @on("StartTransaction")
    def on_start(self, connector_id: int, id_tag: str, meter_start: int, timestamp: str, **more: Any) -> Any:
        info = {"status": self.token_status(id_tag)}
        for known in self.record.transactions.values():
            # The same message again (its answer was lost): the same id, and no second transaction.
            if (known.evse_id, known.token, known.start_wh, known.started_at) == (
                connector_id,
                id_tag,
                meter_start,
                timestamp,
            ):
                known.messages += 1
                return ocpp.v16.call_result.StartTransaction(int(known.id), info)
        number = self.book.next_transaction_id()
        self.record.transactions[str(number)] = TransactionRecord(
            str(number),
            connector_id,
            id_tag,
            timestamp,
            start_wh=meter_start,
            register_wh=meter_start,
            reservation_id=more.get("reservation_id"),
        )
        self.on_change()
        return ocpp.v16.call_result.StartTransaction(number, info)

    @on("StopTransaction")
    def on_stop(self, transaction_id: int, meter_stop: int, timestamp: str, **more: Any) -> Any:
        found = self.record.transactions.get(str(transaction_id))
        if found is None:
            self.record.violations.append(f"StopTransaction of unknown transaction {transaction_id}")
        else:
            found.messages += 1
            found.register_wh, found.ended_at = meter_stop, timestamp
            found.stopped_reason = more.get("reason", "Local")  # 1.6 6.49: Local may be left out
        self.on_change()
        return ocpp.v16.call_result.StopTransaction()

    @on("MeterValues")
    def on_meter_values(self, connector_id: int, meter_value: list[dict[str, Any]], **more: Any) -> Any:
        found = self.record.transactions.get(str(more.get("transaction_id")))
        if found is not None:
            found.messages += 1
            register = register_wh(meter_value)
            if register is not None:
                found.register_wh = register
            self.on_change()
        return ocpp.v16.call_result.MeterValues()

    @on("DataTransfer")
    def on_data_transfer(self, **_: Any) -> Any:
        return ocpp.v16.call_result.DataTransfer("UnknownVendorId")

    @on("DiagnosticsStatusNotification")
    def on_diagnostics_status(self, status: str) -> Any:
        self.note(self.record.log_statuses, status)
        return ocpp.v16.call_result.DiagnosticsStatusNotification()

    @on("FirmwareStatusNotification")
    def on_firmware_status(self, status: str) -> Any:
        self.note(self.record.firmware_statuses, status)
        return ocpp.v16.call_result.FirmwareStatusNotification()

    @on("SignedFirmwareStatusNotification")
    def on_signed_firmware_status(self, status: str, **_: Any) -> Any:
        self.note(self.record.firmware_statuses, status)
        return ocpp.v16.call_result.SignedFirmwareStatusNotification()

    @on("SecurityEventNotification")
    def on_security_event(self, type: str, **_: Any) -> Any:
        self.note(self.record.security_events, type)
        return ocpp.v16.call_result.SecurityEventNotification()

    @on("LogStatusNotification")
    def on_log_status(self, status: str, **_: Any) -> Any:
        self.note(self.record.log_statuses, status)
        return ocpp.v16.call_result.LogStatusNotification()

    @on("SignCertificate")
    def on_sign_certificate(self, **_: Any) -> Any:
        """White paper A02: what was accepted is signed afterwards."""
        return ocpp.v16.call_result.SignCertificate("Accepted" if self.authority else "Rejected")

    @after("SignCertificate")
    async def after_sign_certificate(self, csr: str, **_: Any) -> None:
        if self.authority is None:
            return
        try:
            chain = await asyncio.to_thread(self.authority.sign, csr)
            answer = await self.call(ocpp.v16.call.CertificateSigned(certificate_chain=chain), suppress=False)
        except (OCPPError, OSError, ValueError, TimeoutError, ConnectionClosed) as exc:
            log.warning("%s: its certificate could not be delivered: %s", self.record.identity, exc)
        else:
            log.info("%s: its certificate was %s", self.record.identity, answer.status)


class _Notes2(_Notes):
    """Handlers of 2.0.1 and 2.1: the messages used here are the same in both."""

    results: Any

    @on("BootNotification")
    def on_boot(self, charging_station: dict[str, Any], reason: str, **_: Any) -> Any:
        self.record.boots += 1
        self.record.vendor = charging_station["vendor_name"]
        self.record.model = charging_station["model"]
        self.record.firmware = charging_station.get("firmware_version", "")
        self.on_change()
        return self.results.BootNotification(self.time(), self.interval_s, self.book.registration)

    @on("Heartbeat")
    def on_heartbeat(self, **_: Any) -> Any:
        return self.results.Heartbeat(self.time())

    @on("StatusNotification")
    def on_status(self, connector_status: str, evse_id: int, **_: Any) -> Any:
        self.record.evses[evse_id] = connector_status
        self.on_change()
        return self.results.StatusNotification()

    @on("Authorize")
    def on_authorize(self, id_token: dict[str, Any], **_: Any) -> Any:
        return self.results.Authorize({"status": self.token_status(id_token["id_token"])})

    @on("TransactionEvent")
    def on_transaction(
        self, event_type: str, timestamp: str, seq_no: int, transaction_info: dict[str, Any], **more: Any
    ) -> Any:
        number = transaction_info["transaction_id"]
        token = (more.get("id_token") or {}).get("id_token")
        register = register_wh(more.get("meter_value") or [])
        found = self.record.transactions.get(number)
        if found is None:
            found = TransactionRecord(number, (more.get("evse") or {}).get("id", 0), token, timestamp)
            found.messages = 0
            self.record.transactions[number] = found
            if event_type != "Started":
                self.record.violations.append(
                    f"TransactionEvent {event_type} of unknown transaction {number}"
                )
        if seq_no not in found.seq_nos:
            found.messages += 1
            found.seq_nos.append(seq_no)
        found.token = found.token or token
        if register is not None:
            found.start_wh = register if found.start_wh is None else found.start_wh
            found.register_wh = register
        if event_type == "Ended":
            found.ended_at = timestamp
            found.stopped_reason = transaction_info.get("stopped_reason", "Local")
        self.on_change()
        if token is None:
            return self.results.TransactionEvent()
        # E05.FR.08/09: an idToken in the request is answered with its idTokenInfo.
        return self.results.TransactionEvent(id_token_info={"status": self.token_status(token)})

    @on("MeterValues")
    def on_meter_values(self, **_: Any) -> Any:
        return self.results.MeterValues()

    @on("DataTransfer")
    def on_data_transfer(self, **_: Any) -> Any:
        return self.results.DataTransfer("UnknownVendorId")

    @on("NotifyReport")
    def on_report(self, **_: Any) -> Any:
        return self.results.NotifyReport()

    @on("SecurityEventNotification")
    def on_security_event(self, type: str, **_: Any) -> Any:
        self.note(self.record.security_events, type)
        return self.results.SecurityEventNotification()

    @on("NotifyEvent")
    def on_event(self, **_: Any) -> Any:
        return self.results.NotifyEvent()

    @on("FirmwareStatusNotification")
    def on_firmware_status(self, status: str, **_: Any) -> Any:
        self.note(self.record.firmware_statuses, status)
        return self.results.FirmwareStatusNotification()

    @on("LogStatusNotification")
    def on_log_status(self, status: str, **_: Any) -> Any:
        self.note(self.record.log_statuses, status)
        return self.results.LogStatusNotification()

    @on("NotifyChargingLimit")
    def on_charging_limit(self, **_: Any) -> Any:
        return self.results.NotifyChargingLimit()

    @on("ReportChargingProfiles")
    def on_report_profiles(self, **_: Any) -> Any:
        return self.results.ReportChargingProfiles()


class Station201(_Notes2, Package201):  # type: ignore[misc]
    """OCPP 2.0.1."""

    results = ocpp.v201.call_result


class Station21(_Notes2, Package21):  # type: ignore[misc]
    """OCPP 2.1."""

    results = ocpp.v21.call_result


_CLASSES: dict[str, tuple[type[Any], Any]] = {
    "ocpp1.6": (Station16, ocpp.v16.call),
    "ocpp2.0.1": (Station201, ocpp.v201.call),
    "ocpp2.1": (Station21, ocpp.v21.call),
}

PROTOCOLS = tuple(_CLASSES)


class RequestFailed(Exception):
    """The station answered with a CALLERROR, not at all, or the request breaks its own schema."""


class StationSide:
    """One connection: serves the station's requests and sends ours."""

    def __init__(
        self,
        record: StationRecord,
        connection: Connection,
        book: Book,
        on_change: Callable[[], None],
        timeout_s: float,
        authority: DeskCa | None = None,
    ) -> None:
        cls, self._calls = _CLASSES[record.protocol]
        quiet = logging.getLogger(f"{__name__}.ocpp")
        quiet.setLevel(logging.CRITICAL)  # every frame is shown by the CSMS; violations are noted below
        self._station: ChargePoint = cls(
            record.identity, connection, response_timeout=timeout_s, logger=quiet
        )
        self._station._send = self._send
        self._station.take_notes(book, record, on_change, authority)
        self._record = record
        self._connection = connection

    async def serve(self) -> None:
        """Until the connection ends (the websocket's exception is the caller's)."""
        while True:
            text = await self._connection.recv()
            try:
                message = unpack(text)
            except OCPPError as exc:
                self._note(f"{exc.description}: {text[:200]}")
                continue  # OCPP-J 4.2.3: without a message id there is nothing to answer
            if isinstance(message, Call) and message.action not in self._station.route_map:
                code = "NotImplemented" if hasattr(self._calls, message.action) else "NotSupported"
                answer = [4, message.unique_id, code, f"the desk CSMS has no {message.action}", {}]
                await self._send(json.dumps(answer))
                continue
            await self._station.route_message(text)

    async def _send(self, text: str) -> None:
        if text.startswith("[4,"):
            self._note(f"answered with {text[:200]}")
        await self._connection.send(text)

    def _note(self, violation: str) -> None:
        log.warning("%s: %s", self._record.identity, violation)
        self._record.violations.append(violation)

    async def request(self, action: str, payload: dict[str, Any], checked: bool = True) -> dict[str, Any]:
        """Send a CALL with a camel-case payload, return the payload of the answer. ``checked`` False: send
        it as it is, whether the version knows it or not. Raises ``RequestFailed``."""
        call = Call(str(uuid.uuid4()), action, payload)
        if checked:
            if not isinstance(getattr(self._calls, action, None), type):
                raise RequestFailed(f"{self._record.protocol} has no request {action!r}")
            try:
                await validate_payload(call, self._station._ocpp_version)
            except OCPPError as exc:
                raise RequestFailed(
                    f"{action}: not sent, it breaks the schema: {_cause(exc)}; `raw` sends it all the same"
                ) from exc
            call.payload = payload  # the check makes decimals of floats
        async with self._station._call_lock:
            await self._send(call.to_json())
            try:
                response = await self._station._get_specific_response(
                    call.unique_id, self._station._response_timeout
                )
            except TimeoutError as exc:
                wait_s = self._station._response_timeout
                raise RequestFailed(f"{action}: no answer within {wait_s:g} s") from exc
        if response.message_type_id == MessageType.CallError:
            words = (response.error_code, response.error_description, response.error_details or "")
            raise RequestFailed(f"{action}: CALLERROR " + " ".join(str(word) for word in words if word))
        answer: dict[str, Any] = response.payload
        response.action = action
        try:
            await validate_payload(response, self._station._ocpp_version)
        except OCPPError as exc:
            self._note(f"the answer to {action} breaks the schema: {_cause(exc)}")
            raise RequestFailed(f"{action}: the answer breaks the schema: {_cause(exc)}: {answer}") from exc
        return answer


def _cause(error: OCPPError) -> str:
    """What the package's validator did not like, without the schema it goes on with."""
    cause = str((error.details or {}).get("cause", "")) or error.description
    return cause.partition("is not valid: ")[2].partition("\n")[0] or cause.partition("\n")[0]
