"""How the station gets in at the CSMS: security profile, password, certificates; and the way back.

Owns: what the next attempt uses; what may become of AuthorizationKey and SecurityProfile over the network
(1.6 security white paper A00, A01, A05, 7.2, 7.6); falling back from what does not work; the security events
of a connection.
Refuses to know: sockets (``link``), when to try (``client``), how certificates get here (``certificates``).

A new profile or password is *on trial* until the first message of the CSMS arrived over it; what worked
before is kept until then, in the same commit as the new value, so a restart in between forgets neither.

- Profile (A05.FR.08): ``NetworkProfileConnectionAttempts`` attempts with the new one, then as many with the
  old one, and so on. The first that works stays: the old one is either refused for good from then on, or is
  the present one again and the upgrade has to be asked for anew. Outside a trial nothing ever lowers it.
- Password (A01): only 401, 403 and their like count against it. After as many attempts the one before is
  tried once, and so on. A CSMS that takes the old one keeps the station online, which says so each time in
  log and security log, and begins every later connection with the new one.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from controller.certificates.ports import Certificates
from controller.clock import Clock
from controller.csms.errors import CsmsError, LinkClosed, LinkError, LinkProblem
from controller.csms.link import CLIENT_CERTIFICATE_PROFILE, PASSWORD_PROFILES, TLS_PROFILES, Endpoint
from controller.domain.security import events as event
from controller.settings.catalog import (
    BASIC_AUTH_PASSWORD,
    NETWORK_ATTEMPTS,
    ORGANIZATION_NAME,
    PASSWORD_BEFORE,
    PING_INTERVAL,
    SECURITY_PROFILE,
    SECURITY_PROFILE_BEFORE,
    Variable,
)
from controller.settings.kinds import ValueRefused
from controller.settings.settings import Settings
from controller.store.ports import StorageError

PASSWORD_LEAST_BYTES = 16
"""White paper 7.2: what AuthorizationKey has to hold before a profile may rely on it (A05.FR.02)."""

NO_PROFILE = -1
"""``SECURITY_PROFILE_BEFORE`` outside a trial."""

REFUSED_CODES = (1008, 3000, 3003)
"""Close codes by which a CSMS refuses credentials after the websocket was opened: policy violation (RFC 6455
7.4.1), unauthorized, forbidden (IANA registry of close codes)."""

_EVENTS: Mapping[LinkProblem, tuple[str, ...]] = {
    LinkProblem.UNAUTHORIZED: (event.FAILED_TO_AUTHENTICATE_AT_CSMS,),
    LinkProblem.FORBIDDEN: (event.FAILED_TO_AUTHENTICATE_AT_CSMS,),
    LinkProblem.CLIENT_CERTIFICATE: (event.FAILED_TO_AUTHENTICATE_AT_CSMS,),
    LinkProblem.TLS_UNTRUSTED: (event.INVALID_CSMS_CERTIFICATE, event.CSMS_FAILED_TO_AUTHENTICATE),
    LinkProblem.TLS_DATE: (event.INVALID_CSMS_CERTIFICATE, event.CSMS_FAILED_TO_AUTHENTICATE),
    LinkProblem.TLS_WRONG_HOST: (event.INVALID_CSMS_CERTIFICATE, event.CSMS_FAILED_TO_AUTHENTICATE),
    LinkProblem.TLS_VERSION: (event.INVALID_TLS_VERSION,),
    LinkProblem.TLS_SUITE: (event.INVALID_TLS_CIPHER_SUITE,),
}

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Address:
    """What station.toml says of the CSMS. ``secure_url``: for profiles 2 and 3, None = ``url`` with wss.
    ``ca_file``: trust these roots instead of the system's. ``chain``, ``key``: a client certificate that was
    put there by hand; one that was installed goes before it."""

    url: str
    identity: str
    versions: tuple[str, ...]
    secure_url: str | None = None
    ca_file: Path | None = None
    chain: Path | None = None
    key: Path | None = None

    def url_for(self, profile: int) -> str:
        """Same host, port and path with TLS: most central systems tell by the path, and a station that has to
        go elsewhere is told so by ``secure_url`` (A00.FR.006 allows a CSMS a port for each profile)."""
        if profile not in TLS_PROFILES:
            return self.url
        if self.secure_url is not None:
            return self.secure_url
        return urlunsplit(urlsplit(self.url)._replace(scheme="wss"))


class NoCertificates:
    """A ``Certificates`` of a station that has none."""

    def client_certificates(self) -> Sequence[Any]:
        return ()

    def client_certificate(self) -> tuple[Path, Path] | None:
        return None

    def central_roots(self) -> Sequence[Path]:
        return ()

    def trust(self) -> Sequence[Sequence[Path]]:
        return ()

    def manufacturer_roots(self) -> Sequence[Path]:
        return ()

    def connected(self, roots: Sequence[Path], client_chain: Path | None = None) -> None:
        return


@dataclass(frozen=True, slots=True)
class _Plan:
    """What one attempt uses."""

    endpoint: Endpoint
    old_password: bool = False

    @property
    def profile(self) -> int:
        return self.endpoint.security_profile

    def same_way(self, other: _Plan) -> bool:
        """Whether a change from one to the other is worth a new connection."""
        return replace(self.endpoint, ping_interval_s=0) == replace(other.endpoint, ping_interval_s=0)


class Access:
    """One for the life of the program. Satisfies ``session.AccessPort``."""

    def __init__(
        self,
        address: Address,
        settings: Settings,
        clock: Clock,
        notice: Callable[[str, str], object],
        certificates: Certificates | None = None,
    ) -> None:
        """``notice(type, info)``: where security events go. Takes over the guards of the two settings."""
        self._address = address
        self._settings = settings
        self._clock = clock
        self._notice = notice
        self._certificates: Certificates = certificates or NoCertificates()
        self._used: _Plan | None = None  # of the present or latest attempt
        self._worked = False  # the present connection
        self._attempts = 0  # of the trial of a profile
        self._refusals = 0  # of the new password, since the last success
        self._fallen = False  # the latest success was with the password before
        self._certificate_no = 0  # which client certificate is tried
        self._told: set[LinkProblem] = set()  # since a connection was made
        self._profile_known = settings[SECURITY_PROFILE]
        self._because = ""
        settings.guard(SECURITY_PROFILE, self._judge_profile)
        settings.guard(BASIC_AUTH_PASSWORD, self._judge_password)
        settings.on_change(self._changed)

    # ------------------------------------------------------------------ for people

    @property
    def state(self) -> Mapping[str, Any]:
        """``security_note``: what is not as it should be, "" = nothing."""
        before = self._settings[SECURITY_PROFILE_BEFORE]
        notes = []
        if before != NO_PROFILE:
            notes.append(f"on trial, goes back to profile {before} if it does not work")
        if self._settings[PASSWORD_BEFORE]:
            if self._fallen:
                notes.append("the CSMS refuses the new password and takes the one before")
            else:
                notes.append("the new password has not worked yet")
        return {"security_profile": self._settings[SECURITY_PROFILE], "security_note": "; ".join(notes)}

    @property
    def on_trial(self) -> bool:
        """Something new waits for its first success: give the CSMS a reason to speak."""
        return not self._worked and (
            self._settings[SECURITY_PROFILE_BEFORE] != NO_PROFILE or bool(self._settings[PASSWORD_BEFORE])
        )

    # ------------------------------------------------------------------ attempts

    def endpoint(self) -> Endpoint:
        """For the next attempt."""
        self._used, self._worked = self._plan(), False
        return self._used.endpoint

    def stale(self) -> bool:
        """The present connection is no longer made the way the settings say."""
        return self._used is not None and not self._plan().same_way(self._used)

    def opened(self, roots: tuple[Path, ...]) -> None:
        """The websocket is open; ``roots``: ``Link.roots``."""
        used = self._used
        self._told.clear()
        if used is not None:
            certified = used.profile == CLIENT_CERTIFICATE_PROFILE
            self._certificates.connected(roots, used.endpoint.chain if certified else None)

    def worked(self) -> None:
        """The CSMS has said something over the present connection."""
        used = self._used
        if used is None or self._worked:
            return
        self._worked = True
        self._attempts = self._refusals = self._certificate_no = 0
        values: dict[Variable[Any], Any] = {}
        if self._settings[SECURITY_PROFILE_BEFORE] != NO_PROFILE:
            values[SECURITY_PROFILE_BEFORE] = NO_PROFILE
            if used.profile == self._settings[SECURITY_PROFILE]:
                log.info("security profile %d works; lower ones are refused from now on", used.profile)
            else:
                self._because = ": no connection was made with it"
                values[SECURITY_PROFILE] = used.profile
        if self._settings[PASSWORD_BEFORE] and used.profile in PASSWORD_PROFILES:
            self._fallen = used.old_password
            if used.old_password:
                text = "the CSMS refuses the new password; connected with the one before"
                log.warning("%s", text)
                self._notice(event.FAILED_TO_AUTHENTICATE_AT_CSMS, text)
            else:
                values[PASSWORD_BEFORE] = b""
                log.info("the new password works")
        try:
            self._settings.assign_together(values)
        except StorageError as error:
            log.warning("what the connection proved is not kept: %s", error)
        self._because = ""

    def failed(self, error: CsmsError) -> None:
        """The attempt, or a connection over which the CSMS said nothing, came to its end."""
        used = self._used
        if used is None or self._worked:
            return
        problem = error.problem if isinstance(error, LinkError) else None
        if isinstance(error, LinkClosed) and error.code in REFUSED_CODES:
            problem = LinkProblem.UNAUTHORIZED
        if self._settings[SECURITY_PROFILE_BEFORE] != NO_PROFILE:
            self._attempts += 1
            log.warning("security profile %d is on trial, attempt %d", used.profile, self._attempts)
        if problem in (LinkProblem.UNAUTHORIZED, LinkProblem.FORBIDDEN):
            self._refusals += 1
        elif problem is LinkProblem.CLIENT_CERTIFICATE:
            self._certificate_no += 1
        if problem is not None and problem not in self._told:
            self._told.add(problem)
            found = error.found if isinstance(error, LinkError) else str(error)
            for type_ in _EVENTS.get(problem, ()):
                self._notice(type_, f"{used.endpoint.connection_url}: {found}")

    def _plan(self) -> _Plan:
        settings, address = self._settings, self._address
        profile = settings[SECURITY_PROFILE]
        before = settings[SECURITY_PROFILE_BEFORE]
        if before != NO_PROFILE and self._attempts // settings[NETWORK_ATTEMPTS] % 2:
            profile = before
        password, old = None, False
        if profile in PASSWORD_PROFILES:
            password = settings[BASIC_AUTH_PASSWORD] or None
            # Two at least: in step with a profile that changes at every attempt, one pair would never come.
            most = 2 if self._fallen else max(2, settings[NETWORK_ATTEMPTS])
            if settings[PASSWORD_BEFORE] and self._refusals % (most + 1) == most:
                password, old = settings[PASSWORD_BEFORE], True
        chain = key = None
        if profile == CLIENT_CERTIFICATE_PROFILE:
            pairs = self._pairs()
            if pairs:
                chain, key = pairs[self._certificate_no % len(pairs)]
        return _Plan(
            Endpoint(
                url=address.url_for(profile),
                identity=address.identity,
                subprotocols=address.versions,
                password=password,
                ca_file=address.ca_file,
                trust=tuple(tuple(group) for group in self._certificates.trust()),
                chain=chain,
                key=key,
                security_profile=profile,
                ping_interval_s=settings[PING_INTERVAL],
            ),
            old,
        )

    def _pairs(self) -> list[tuple[Path, Path]]:
        """Client certificates with their keys, the one to use first."""
        pairs = [(one.chain, one.key) for one in self._certificates.client_certificates()]
        if self._address.chain is not None and self._address.key is not None:
            pairs.append((self._address.chain, self._address.key))
        return pairs

    # ------------------------------------------------------------------ changes

    def _judge_profile(self, value: int, remote: bool) -> Mapping[Variable[Any], Any]:
        """A05, 7.6. The owner may set any profile, which then has no way back but the owner's."""
        if not remote:
            return {SECURITY_PROFILE_BEFORE: NO_PROFILE}
        now = self._settings[SECURITY_PROFILE]
        missing = self._missing(value, now)
        if missing:
            raise ValueRefused(f"found {value}, but {missing}")
        return {SECURITY_PROFILE_BEFORE: now}

    def _missing(self, value: int, now: int) -> str:
        """Why a profile cannot be taken, "" = it can."""
        from controller.csms.tls import valid_pair, valid_root_in

        utc_ms = self._clock.now().utc_ms
        if value <= now:  # A05.FR.01
            return f"{now} is in use, and it can only be raised"
        password = self._settings[BASIC_AUTH_PASSWORD]
        if value in PASSWORD_PROFILES and len(password) < PASSWORD_LEAST_BYTES:  # A05.FR.02
            return f"AuthorizationKey has less than {PASSWORD_LEAST_BYTES} bytes"
        if value in TLS_PROFILES:  # A05.FR.03
            roots = [root for group in self._certificates.trust() for root in group]
            roots += [self._address.ca_file] if self._address.ca_file else []
            # A CSMS that is verified with the system's roots today needs no other.
            verified = not roots and self._address.url_for(now).lower().startswith("wss:")
            if not verified and not any(valid_root_in(root, utc_ms) for root in roots):
                return "no valid CentralSystemRootCertificate is installed"
        certified = (
            value != CLIENT_CERTIFICATE_PROFILE
            or bool(self._certificates.client_certificates())  # valid now, or not among them
            or any(valid_pair(chain, key, utc_ms) for chain, key in self._pairs())
        )
        return "" if certified else "no valid ChargePointCertificate is installed"  # A05.FR.04

    def _judge_password(self, value: bytes, _remote: bool) -> Mapping[Variable[Any], Any]:
        """A01: the one that works now is kept until the new one has worked."""
        now = self._settings[BASIC_AUTH_PASSWORD]
        if value == now or self._settings[SECURITY_PROFILE] not in PASSWORD_PROFILES:
            return {}
        return {PASSWORD_BEFORE: self._settings[PASSWORD_BEFORE] or now}

    def _changed(self, changed: tuple[Variable[Any], ...]) -> None:
        """White paper 8: ReconfigurationOfSecurityParameters. Nobody is told what a key holds (A01.FR.12)."""
        if BASIC_AUTH_PASSWORD in changed:
            self._refusals, self._fallen = 0, False
            self._notice(event.RECONFIGURATION_OF_SECURITY_PARAMETERS, "AuthorizationKey was changed")
        if SECURITY_PROFILE in changed:
            self._attempts = 0
            was, self._profile_known = self._profile_known, self._settings[SECURITY_PROFILE]
            text = f"security profile {was} -> {self._profile_known}{self._because}"
            log.warning("%s", text)
            self._notice(event.RECONFIGURATION_OF_SECURITY_PARAMETERS, text)
        if ORGANIZATION_NAME in changed:
            name = self._settings[ORGANIZATION_NAME]
            self._notice(event.RECONFIGURATION_OF_SECURITY_PARAMETERS, f"CpoName was changed to {name!r}")
