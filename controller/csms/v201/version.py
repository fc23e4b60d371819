"""OCPP 2.0.1 behind the ``Version`` protocol."""

from __future__ import annotations

from controller.csms.rpc import Call
from controller.csms.v201 import calls, commands, status, tokens
from controller.csms.version import (
    NOTHING,
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


class V201:
    """See ``controller.csms.version.Version`` for the methods."""

    subprotocol = "ocpp2.0.1"
    plug_times_out = False
    reports_all_after_offline = True  # B04.FR.01, B04.FR.02

    def boot(self, identity: StationIdentity, reason: str) -> Call:
        return calls.boot(identity, reason)

    def boot_answer(self, result: Payload) -> BootAnswer:
        return calls.boot_answer(result)

    def heartbeat(self) -> Call:
        return Call("Heartbeat", {})

    def heartbeat_answer(self, result: Payload) -> int | None:
        return calls.current_time(result)

    def authorize(self, token: IdToken, evse_id: int | None) -> Call:
        return Call("Authorize", {"idToken": tokens.id_token(token)})

    def authorize_answer(self, result: Payload) -> TokenInfo:
        return tokens.token_info(result["idTokenInfo"])

    def status(self, view: EvseView) -> Call | None:
        return status.status_notification(view)

    def past_error(self, view: EvseView, error: FaultRaised) -> Call | None:
        return None  # NotifyEvent waits in the queue (N07)

    def meter_values(self, view: EvseView, sample: MeterSample, aliases: Lookup) -> Call | None:
        return calls.values(view.evse_id, sample)

    def progress(self, trigger: TriggerMessage, progress: Progress) -> Call | None:
        return calls.progress(trigger, progress)

    def sign_certificate(self, csr: str) -> Call:
        return calls.sign_certificate(csr)

    def call(self, event: Event, aliases: Lookup) -> Call | None:
        return calls.call(event)

    def learn(self, event: Event, result: Payload) -> Learned:
        return calls.learn(event, result)

    def given_up(self, event: Event) -> Learned:
        return NOTHING

    def before_accepted(self, action: str, payload: Payload, status: Registered | None) -> Answer | None:
        return commands.before_accepted(action, status)

    def command(self, action: str, payload: Payload, domain_key: Lookup) -> Command | Query | Answer:
        return commands.command(action, payload)

    def reply(self, action: str, verdict: Verdict) -> Payload:
        return commands.handler(action).reply(verdict)
