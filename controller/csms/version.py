"""What an OCPP version is to the client: pure functions between the domain and the wire.

Owns: the ``Version`` protocol and the words it uses. A message is a view of a domain event
(``call``); an answer is read for what it teaches (``learn``); a request becomes a domain command
(``command``) and a verdict becomes its answer (``reply``).
Refuses to know: sockets, message ids, queues, time. Which version is spoken, only the client knows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from controller.csms.rpc import Call
from controller.csms.wire import Payload
from controller.domain.access.tokens import IdToken, TokenInfo
from controller.domain.commands import Command, TriggerMessage, Verdict
from controller.domain.events import Event, FaultRaised
from controller.domain.inputs import TransactionAnswered
from controller.domain.metering.measurands import MeterSample
from controller.domain.views import EvseView, Progress
from controller.settings.settings import Settings

Lookup = Callable[[str, str], str | None]
"""``aliases(kind, key)``: what the CSMS calls the domain's ``key`` (``store.ports.Journal.alias``)."""


@dataclass(frozen=True, slots=True)
class StationIdentity:
    """What the boot notification tells. Longer texts are cut to the version's limits; "" = not told."""

    vendor: str
    model: str
    serial: str = ""
    firmware: str = ""
    iccid: str = ""
    imsi: str = ""
    meter_type: str = ""
    meter_serial: str = ""


class Registered(StrEnum):
    """RegistrationStatus of all versions."""

    ACCEPTED = "Accepted"
    PENDING = "Pending"
    REJECTED = "Rejected"


@dataclass(frozen=True, slots=True)
class BootAnswer:
    """``utc_ms``: the CSMS's time, None when it cannot be read."""

    status: Registered
    interval_s: int
    utc_ms: int | None


@dataclass(frozen=True, slots=True)
class Learned:
    """``aliases``: (kind, domain key) -> value, stored with the cursor. ``inputs``: for the station."""

    aliases: Mapping[tuple[str, str], str] = field(default_factory=dict)
    inputs: tuple[TransactionAnswered, ...] = ()


NOTHING = Learned()


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that needs no station. ``then``: CALLs that the request asked for, sent after it. ``why``: of
    a refusal, for people at the station."""

    payload: Payload
    then: tuple[Call, ...] = ()
    why: str = field(default="", compare=False)


class Desk(Protocol):
    """What the client lets a projection look up and change beside the station."""

    @property
    def settings(self) -> Settings: ...

    @property
    def utc_ms(self) -> int: ...

    def in_queue(self, transaction_id: str | None) -> bool:
        """Transaction messages wait for delivery: of this transaction, or of any (None)."""

    def ongoing(self, transaction_id: str) -> bool: ...


@dataclass(frozen=True, slots=True)
class Query:
    """A request that is answered from settings, queue and views; ``answer`` runs once, in the client."""

    answer: Callable[[Desk], Answer]


class Version(Protocol):
    """One OCPP version. Every method is a pure function of its arguments."""

    @property
    def subprotocol(self) -> str:
        """As in Sec-WebSocket-Protocol, e.g. "ocpp1.6"."""

    @property
    def plug_times_out(self) -> bool:
        """A plug that nobody authorizes within the time out has to be plugged in again (1.6 errata 3.20)."""

    @property
    def reports_all_after_offline(self) -> bool:
        """After more than OfflineThreshold offline, all statuses are reported, changed or not."""

    # station -> CSMS
    def boot(self, identity: StationIdentity, reason: str) -> Call:
        """``reason``: 2.0.1 BootReasonEnumType."""

    def boot_answer(self, result: Payload) -> BootAnswer: ...
    def heartbeat(self) -> Call: ...

    def heartbeat_answer(self, result: Payload) -> int | None:
        """The CSMS's time in UTC ms, None when it cannot be read."""

    def authorize(self, token: IdToken, evse_id: int | None) -> Call: ...
    def authorize_answer(self, result: Payload) -> TokenInfo: ...

    def status(self, view: EvseView) -> Call | None:
        """None: this version has no status for that view."""

    def past_error(self, view: EvseView, error: FaultRaised) -> Call | None:
        """An error that came and went while offline; None: this version tells it in another way."""

    def meter_values(self, view: EvseView, sample: MeterSample, aliases: Lookup) -> Call | None: ...

    def progress(self, trigger: TriggerMessage, progress: Progress) -> Call | None:
        """The triggered report on the firmware update or the upload of a log; None for other triggers."""

    def sign_certificate(self, csr: str) -> Call:
        """Ask for a certificate of the station. The answer has a ``status``, "Accepted" or "Rejected"."""

    def call(self, event: Event, aliases: Lookup) -> Call | None:
        """The message of a journal entry, None when this version has none for it."""

    def learn(self, event: Event, result: Payload) -> Learned: ...

    def given_up(self, event: Event) -> Learned:
        """What stands in for the answer when the message of ``event`` was dropped."""

    # CSMS -> station
    def before_accepted(self, action: str, payload: Payload, status: Registered | None) -> Answer | None:
        """Called while the boot is not accepted. None: handle the request as usual.

        Raises ``CallRefused``, or ``NotAnswered`` when the standard forbids an answer.
        """

    def command(self, action: str, payload: Payload, domain_key: Lookup) -> Command | Query | Answer:
        """``domain_key(kind, value)``: the reverse of an alias. Raises ``CallRefused``."""

    def reply(self, action: str, verdict: Verdict) -> Payload:
        """Raises ``CallRefused`` where the version answers a verdict with a CALLERROR."""


def chunks(rows: Sequence[Payload], size: int) -> list[Sequence[Payload]]:
    """``rows`` in pieces of up to ``size``."""
    return [rows[at : at + size] for at in range(0, len(rows), size)]
