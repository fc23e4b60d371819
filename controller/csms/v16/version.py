"""OCPP 1.6 behind the ``Version`` protocol."""

from __future__ import annotations

from controller.csms.rpc import Call
from controller.csms.v16 import calls, certificates, commands, status
from controller.csms.version import (
    Answer,
    BootAnswer,
    Learned,
    Lookup,
    Query,
    Registered,
    StationIdentity,
)
from controller.csms.wire import Payload
from controller.domain.access.tokens import IdToken, TokenInfo
from controller.domain.commands import Command, TriggerMessage, Verdict
from controller.domain.events import Event, FaultRaised
from controller.domain.metering.measurands import MeterSample
from controller.domain.views import EvseView, Progress


class V16:
    """See ``controller.csms.version.Version`` for the methods."""

    subprotocol = "ocpp1.6"
    plug_times_out = True
    reports_all_after_offline = False  # 1.6 4.9: "the current status if it changed"

    def boot(self, identity: StationIdentity, reason: str) -> Call:
        return calls.boot(identity)  # 1.6 tells no reason

    def boot_answer(self, result: Payload) -> BootAnswer:
        return calls.boot_answer(result)

    def heartbeat(self) -> Call:
        return Call("Heartbeat", {})

    def heartbeat_answer(self, result: Payload) -> int | None:
        return calls.current_time(result)

    def authorize(self, token: IdToken, evse_id: int | None) -> Call:
        return Call("Authorize", {"idTag": calls.id_tag(token)})

    def authorize_answer(self, result: Payload) -> TokenInfo:
        return calls.token_info(result["idTagInfo"])

    def status(self, view: EvseView) -> Call | None:
        return Call("StatusNotification", status.status_notification(view))

    def past_error(self, view: EvseView, error: FaultRaised) -> Call | None:
        payload = status.past_error(view, error)
        return None if payload is None else Call("StatusNotification", payload)

    def meter_values(self, view: EvseView, sample: MeterSample, aliases: Lookup) -> Call | None:
        return calls.triggered_values(view, sample, aliases)

    def progress(self, trigger: TriggerMessage, progress: Progress) -> Call | None:
        return calls.progress(trigger, progress)

    def sign_certificate(self, csr: str) -> Call:
        return certificates.sign_certificate(csr)

    def call(self, event: Event, aliases: Lookup) -> Call | None:
        return calls.call(event, aliases)

    def learn(self, event: Event, result: Payload) -> Learned:
        return calls.learn(event, result)

    def given_up(self, event: Event) -> Learned:
        return calls.given_up(event)

    def before_accepted(self, action: str, payload: Payload, status: Registered | None) -> Answer | None:
        return commands.before_accepted(action, payload, status)

    def command(self, action: str, payload: Payload, domain_key: Lookup) -> Command | Query | Answer:
        return commands.command(action, payload, domain_key)

    def reply(self, action: str, verdict: Verdict) -> Payload:
        return commands.handler(action).reply(verdict)
