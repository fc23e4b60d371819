"""The conversation with the CSMS, put together: how to get in, who the station is, what of it is watched.

Owns: the making of ``Access`` and ``Client`` from station.toml, what the client sees of the station, and what
becomes of its frames.
Refuses to know: connections, messages, when which security profile is tried (``csms``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from controller.certificates.keeper import CertificateKeeper
from controller.clock import Clock
from controller.config import CsmsConfig, StationConfig
from controller.csms.access import Access, Address
from controller.csms.client import VERSIONS, Client
from controller.csms.trace import Renderer
from controller.csms.version import StationIdentity
from controller.domain.commands import Command, TriggerKind, Verdict
from controller.domain.events import Event
from controller.domain.inputs import CsmsChosen, Input, SecurityNoticed
from controller.domain.metering.measurands import MeterSample, ReadingContext
from controller.domain.views import EvseView, Progress
from controller.facade import Facade
from controller.inbox import Inbox
from controller.logs.recent import Recent
from controller.settings.settings import Settings
from controller.store.ports import Entry
from hal.profile import BoardProfile


def chosen(csms: CsmsConfig | None) -> CsmsChosen:
    """Which CSMS this run is for."""
    if csms is None:
        return CsmsChosen(None)
    return CsmsChosen(csms.url, all(VERSIONS[name].plug_times_out for name in csms.versions))


def open_access(
    csms: CsmsConfig, settings: Settings, clock: Clock, inbox: Inbox, certificates: CertificateKeeper
) -> Access:
    """How the station gets in."""
    address = Address(
        url=csms.url,
        identity=csms.identity,
        versions=csms.versions,
        secure_url=csms.secure_url,
        ca_file=csms.ca_file,
        chain=csms.certificate_file,
        key=csms.key_file,
    )

    def notice(type_: str, info: str) -> None:
        inbox.take(SecurityNoticed(type_, info))

    return Access(address, settings, clock, notice, certificates)


def identity(config: StationConfig, profile: BoardProfile, version: str) -> StationIdentity:
    """What the boot notification tells. ``version``: of the firmware."""
    meter = next((evse.meter for evse in profile.evses if evse.meter is not None), None)
    return StationIdentity(
        vendor=config.station.vendor,
        model=config.station.model,
        serial=config.station.serial,
        firmware=version,
        meter_type=meter.model if meter else "",
    )


def status(client: Client | None, access: Access | None) -> Mapping[str, Any]:
    """What ``joulepost status`` tells of the CSMS; both are None where there is none."""
    if client is None or access is None:
        return {"url": "", "online": False, "registration": "none", "protocol": None, "undelivered": 0}
    state = client.state
    return {
        **access.state,
        "url": state.url,
        "online": state.online,
        "registration": state.registration or "none",
        "protocol": state.subprotocol,
        "undelivered": state.queue_length,
        "connected_since_ms": state.connected_since_ms,
        "last_error": state.last_error,
        "last_heartbeat_ms": state.last_heartbeat_ms,
        "delivered": state.delivered,
        "dropped": state.dropped,
    }


class StationForCsms:
    """Satisfies ``csms.session.StationPort``: everything through the inbox, looked at now."""

    def __init__(self, inbox: Inbox, clock: Clock) -> None:
        self._inbox = inbox
        self._station = inbox.station
        self._clock = clock

    def take(self, input_: Input) -> Verdict | None:
        return self._inbox.take(input_)

    async def ask(self, command: Command) -> Verdict:
        return await self._inbox.ask(command)

    def views(self) -> list[EvseView]:
        return self._station.views(self._clock.now())

    def sample(self, evse_id: int, context: ReadingContext) -> MeterSample | None:
        return self._station.sample(evse_id, context, self._clock.now())

    def progress(self, kind: TriggerKind) -> Progress:
        return self._station.progress(kind)

    def dated(self, entry: Entry) -> Event:
        """The event of a journal entry, with the true time of what was noted before the clock was set."""
        return self._station.timekeeping.dated(entry.event, entry.boot_id, entry.utc_ms, entry.mono_ms)


class Frames:
    """Hands the frames of the connection, one line each and without secrets, to the local subscribers, and as
    they are to the ring in memory."""

    def __init__(self, recent: Recent, facade: Callable[[], Facade]) -> None:
        self._recent = recent
        self._facade = facade
        self._renderer = Renderer()

    def sent(self, frame: str) -> None:
        self._recent.sent(frame)
        if self._facade().watched:
            self._facade().frame(True, self._renderer.line(">", frame))

    def received(self, frame: str | bytes) -> None:
        self._recent.received(frame)
        if self._facade().watched:
            self._facade().frame(False, self._renderer.line("<", frame))

    def note(self, text: str) -> None:
        self._recent.note(text)
        self._facade().log("info", text)
