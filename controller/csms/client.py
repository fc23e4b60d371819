"""The connection to the CSMS for the life of the program: connect, converse, lose it, connect again.

Owns: the loop of connections with its back-off, the choice of the version (the server's), and what the rest
of the controller may ask of the CSMS.
Refuses to know: what is said over a connection (``session``) and in which words (``v16``, ``v201``, ``v21``).
"""

from __future__ import annotations

import asyncio
import logging
import random as random_module
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from controller.clock import Clock
from controller.csms.backoff import Backoff, BackoffSettings
from controller.csms.delivery import Delivery, as_written
from controller.csms.link import Link, connect
from controller.csms.rpc import DIALECTS, CallFailed, CsmsError, LinkClosed, LinkError, Rpc
from controller.csms.schema import Schemas
from controller.csms.session import AccessPort, Session, Standing, StationPort, wait_for
from controller.csms.trace import FrameObserver
from controller.csms.v16 import V16
from controller.csms.v21 import V21
from controller.csms.v201 import V201
from controller.csms.version import StationIdentity, Version
from controller.domain.effects import AskAuthorize, AskSignature, Send
from controller.domain.events import Event
from controller.domain.inputs import AuthorizeAnswered, SecurityNoticed, SignatureAnswered
from controller.domain.security.events import INVALID_MESSAGES
from controller.settings.catalog import (
    BASIC_AUTH_PASSWORD,
    HEARTBEAT_INTERVAL,
    MINIMUM_STATUS_DURATION,
    PING_INTERVAL,
    RETRY_RANDOM_RANGE,
    RETRY_REPEAT_TIMES,
    RETRY_WAIT_MINIMUM,
    SECURITY_PROFILE,
    Variable,
)
from controller.settings.settings import Settings
from controller.store.ports import Entry, Journal, StorageError

VERSIONS: Mapping[str, Version] = {one.subprotocol: one for one in (V16(), V201(), V21())}
"""Subprotocol -> version: the only place that knows all of them."""

STABLE_MS = 30_000
"""A connection that lasted this long starts the back-off over."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ClientState:
    """Snapshot for people. Instants in UTC ms. ``subprotocol`` and ``connected_since_ms`` only while
    connected; ``online``: registered, too. ``queue_length``: events that wait for delivery."""

    url: str
    subprotocol: str | None
    connected_since_ms: int | None
    registration: str | None
    online: bool
    last_error: str
    last_heartbeat_ms: int | None
    queue_length: int
    delivered: int
    dropped: int
    last_drop: str


class Client:
    """``run`` it for ever. All methods may be called at any time, connected or not."""

    def __init__(
        self,
        *,
        access: AccessPort,
        identity: StationIdentity,
        boot_reason: str,
        settings: Settings,
        journal: Journal,
        station: StationPort,
        clock: Clock,
        trace: FrameObserver | None = None,
        on_state: Callable[[], None] = lambda: None,
        random: Callable[[], float] = random_module.random,
        dated: Callable[[Entry], Event] = as_written,
    ) -> None:
        """``access`` is asked anew for every connection. ``boot_reason``: 2.0.1 BootReasonEnumType.

        ``on_state``: called when ``state`` changed. ``random``: uniform in [0, 1), for the back-off.
        ``dated``: the event of a journal entry with true timestamps.
        """
        self._access = access
        self._settings = settings
        self._clock = clock
        self._trace = trace
        self._on_state = on_state
        self._random = random
        self._delivery = Delivery(journal, settings, station.take, dated)
        self._standing = Standing(
            identity, boot_reason, settings, journal, station, clock, trace, self._delivery, on_state, access
        )
        self._schemas: dict[str, Schemas] = {}
        self._session: Session | None = None
        self._link: Link | None = None
        self._connected_since_ms: int | None = None
        self._reconnect = asyncio.Event()
        self._reconnect_reason = ""
        self._url = ""
        self._last_error = ""
        settings.on_change(self._settings_changed)

    # ------------------------------------------------------------------ what others ask

    @property
    def state(self) -> ClientState:
        """Counts the queue: not for every tick."""
        standing = self._standing
        status = standing.registration.status
        return ClientState(
            url=self._url,
            subprotocol=self._session.version.subprotocol if self._session else None,
            connected_since_ms=self._connected_since_ms,
            registration=status.value if status else None,
            online=self.online,
            last_error=self._last_error,
            last_heartbeat_ms=standing.heartbeat_utc_ms,
            queue_length=self._delivery.queue_length(),
            delivered=self._delivery.delivered,
            dropped=self._delivery.dropped,
            last_drop=self._delivery.last_drop,
        )

    @property
    def online(self) -> bool:
        return self._session is not None and self._session.online

    def happened(self, events: Sequence[Event]) -> None:
        """These are new entries of the journal."""
        if not self.online:
            self._standing.past_errors.note(events)
        self.wake()

    def wake(self) -> None:
        """There are new entries in the journal."""
        self._delivery.wake()

    def status_changed(self) -> None:
        """A view may have changed."""
        if self._session is not None:
            self._session.status_changed()

    async def authorize(self, ask: AskAuthorize) -> None:
        """Ask the CSMS about a token. The station gets ``AuthorizeAnswered``, without information when the
        CSMS cannot be asked or does not answer."""
        session, info = self._session, None
        if session is not None and session.online:
            version = session.version
            try:
                result = await session.call(version.authorize(ask.token, ask.evse_id))
                info = version.authorize_answer(result)
            except CsmsError as error:
                log.warning("Authorize failed: %s", error)
        self._standing.station.take(AuthorizeAnswered(ask.ask_id, info))

    async def sign(self, ask: AskSignature) -> None:
        """Send a signing request. The station gets ``SignatureAnswered``. Also before the boot is accepted:
        the CSMS may want the certificate first (white paper A00.FR.806)."""
        session, accepted = self._session, None
        if session is not None:
            try:
                result = await session.call(session.version.sign_certificate(ask.csr))
                accepted = result["status"] == "Accepted"
            except CallFailed as error:
                log.warning("SignCertificate failed: %s", error)
                accepted = False
            except CsmsError as error:
                log.warning("SignCertificate: %s", error)
        self._standing.station.take(SignatureAnswered(ask.job, accepted))

    def perform(self, send: Send) -> None:
        """Send a triggered message, after the answer to the trigger."""
        if self._session is None:
            log.warning("triggered %s not sent: not connected", send.trigger.kind.value)
        else:
            self._session.trigger(send.trigger)

    def after_answer(self, callback: Callable[[], None]) -> None:
        """Run ``callback`` when the request being handled was answered, at once when there is none: a reset
        must not come before its answer (16.CORE.127, B11.FR.02)."""
        if self._session is None:
            callback()
        else:
            self._session.after_answer(callback)

    async def drained(self, timeout_s: float) -> bool:
        """Wait until everything was delivered, at most ``timeout_s``. False: not (or not online)."""
        await wait_for(self._delivery.idle, round(timeout_s * 1000))
        return self._delivery.idle.is_set()

    async def reconnect(self, reason: str) -> None:
        """Leave the present connection, or the wait for the next, and connect now."""
        self._reconnect_reason = reason
        self._reconnect.set()

    # ------------------------------------------------------------------ the loop

    async def run(self) -> None:
        """For ever; cancel it to disconnect. Errors of connection and storage are told in ``state`` and
        the log; the next attempt follows after the back-off."""
        backoff = Backoff()
        while True:
            self._reconnect.clear()
            started_ms = self._clock.now().mono_ms
            try:
                await self._converse(await self._connect())
            except (CsmsError, StorageError) as error:
                self._last_error = str(error)
                log.warning("CSMS: %s", error)
                if isinstance(error, CsmsError):
                    self._access.failed(error)
                if isinstance(error, LinkClosed) and error.broken:
                    self._standing.station.take(SecurityNoticed(INVALID_MESSAGES, error.why))
            finally:
                self._on_state()
            if self._reconnect.is_set():
                log.info("CSMS: connecting again: %s", self._reconnect_reason)
                backoff = Backoff()
                continue
            backoff = backoff.held(self._clock.now().mono_ms - started_ms, STABLE_MS)
            backoff, delay_ms = backoff.next(self._backoff_settings(), self._random)
            await wait_for(self._reconnect, delay_ms)

    async def _connect(self) -> Link:
        endpoint = self._access.endpoint()
        self._url = endpoint.connection_url
        link = await connect(endpoint)
        self._access.opened(link.roots)
        return link

    async def _converse(self, link: Link) -> None:
        """Until the connection ends. Raises ``CsmsError`` or ``StorageError``."""
        standing = self._standing
        try:
            version = VERSIONS[link.subprotocol]
            rpc = Rpc(DIALECTS[link.subprotocol], self._schemas_of(link.subprotocol))
            session = Session(standing, link, version, rpc)
            self._link, self._session = link, session
            self._connected_since_ms = self._clock.now().utc_ms
            link.set_ping_interval(self._settings[PING_INTERVAL])
            self._on_state()
            conversation = asyncio.create_task(session.run(), name="csms session")
            leave = asyncio.create_task(self._reconnect.wait(), name="csms reconnect")
            try:
                await asyncio.wait({conversation, leave}, return_when=asyncio.FIRST_COMPLETED)
                if conversation.done():
                    conversation.result()
            finally:
                leave.cancel()
                conversation.cancel()
                await asyncio.gather(conversation, leave, return_exceptions=True)
        finally:
            self._link = self._session = None
            self._connected_since_ms = None
            await link.close(reason=self._reconnect_reason if self._reconnect.is_set() else "")

    def _schemas_of(self, subprotocol: str) -> Schemas:
        found = self._schemas.get(subprotocol)
        if found is None:
            found = self._schemas[subprotocol] = Schemas.installed(subprotocol)
        return found

    def _backoff_settings(self) -> BackoffSettings:
        return BackoffSettings(
            wait_minimum_s=self._settings[RETRY_WAIT_MINIMUM],
            random_range_s=self._settings[RETRY_RANDOM_RANGE],
            repeat_times=self._settings[RETRY_REPEAT_TIMES],
        )

    def _settings_changed(self, changed: tuple[Variable[Any], ...]) -> None:
        """Take changes into use without a restart."""
        session, link = self._session, self._link
        if session is None or link is None:
            return
        if HEARTBEAT_INTERVAL in changed or MINIMUM_STATUS_DURATION in changed:
            session.timing_changed()
        if PING_INTERVAL in changed:
            link.set_ping_interval(self._settings[PING_INTERVAL])
        # White paper A01 and A05, 2.0.1 A01.FR.02: answer, leave, come back the new way.
        if (BASIC_AUTH_PASSWORD in changed or SECURITY_PROFILE in changed) and self._access.stale():
            what = "security profile" if SECURITY_PROFILE in changed else "password"
            self._reconnect_reason = f"the {what} was changed"
            session.after_answer(self._reconnect.set)


__all__ = ["VERSIONS", "Client", "ClientState", "LinkError", "StationPort"]
