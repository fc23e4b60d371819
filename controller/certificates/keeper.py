"""Carries out what ``domain.security.certificates`` decides, and answers for certificates from memory.

Owns: the effects on the store, one at a time, in a thread of the loop's executor, so that a Pi Zero that
makes a key or verifies a chain goes on charging; the paths of what is installed. Implements
``ports.Certificates``.
Refuses to know: the rules, and the protocol.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

from controller.certificates.ports import ClientCertificate
from controller.certificates.store import Contents, Examined, Store, StoreFailed
from controller.certificates.x509 import BadCertificate
from controller.clock import Clock
from controller.domain.effects import (
    ExamineCertificate,
    MakeSigningRequest,
    RemoveCertificate,
    StoreCertificate,
)
from controller.domain.inputs import (
    CertificateExamined,
    CertificatesFound,
    CsmsVerified,
    Input,
    SigningRequestMade,
)
from controller.domain.security.certificate import CertificateUse, StoredCertificate
from controller.domain.security.certificates import CertificateManagement

T = TypeVar("T")

CertificateEffect = ExamineCertificate | StoreCertificate | RemoveCertificate | MakeSigningRequest


class CertificateKeeper:
    """``load`` once, before the first connection; then ``carry_out`` for each effect."""

    def __init__(
        self,
        directory: Path,
        management: CertificateManagement,
        take: Callable[[Input], object],
        clock: Clock,
        say: Callable[[str], None],
        owner_roots: Path | None = None,
    ) -> None:
        """``owner_roots``: the file of roots that station.toml names for the CSMS."""
        self._store = Store(directory, owner_roots)
        self._management = management
        self._take = take
        self._clock = clock
        self._say = say
        self._contents = Contents()
        self._said: frozenset[str] = frozenset()
        self._one_at_a_time = asyncio.Lock()

    # ------------------------------------------------------------------ work beside the loop

    async def load(self) -> None:
        """Look at the files and tell the station. Without files this costs nothing."""
        async with self._one_at_a_time:
            self._found(None, await self._read())

    async def carry_out(self, effect: CertificateEffect) -> None:
        """Do it and give the station its result; a failure is a result, too."""
        async with self._one_at_a_time:
            match effect:
                case ExamineCertificate():
                    await self._examine(effect)
                case StoreCertificate(use=CertificateUse.CLIENT):
                    await self._change(effect.job, partial(self._store.add_chain, effect.pem))
                case StoreCertificate():
                    await self._change(effect.job, partial(self._store.add_root, effect.use, effect.pem))
                case RemoveCertificate():
                    await self._change(effect.job, partial(self._remove, effect))
                case MakeSigningRequest():
                    await self._request(effect)

    async def _examine(self, effect: ExamineCertificate) -> None:
        try:
            seen: Examined = await _beside(partial(self._store.examine, effect.pem))
        except StoreFailed as error:
            self._say(f"certificates: {error}")
            self._found(effect.job, str(error))
            return
        self._take(
            CertificateExamined(
                effect.job, seen.chain, seen.fault, seen.key_held, seen.anchors, seen.owner_anchored
            )
        )

    async def _change(self, job: int, work: Callable[[], None]) -> None:
        fault = ""
        try:
            await _beside(work)
        except (StoreFailed, BadCertificate) as error:
            fault = str(error)
            self._say(f"certificates: {fault}")
        unread = await self._read()
        self._found(job, fault or unread)

    def _remove(self, effect: RemoveCertificate) -> None:
        for use in effect.uses:
            self._store.remove(use, effect.fingerprint)

    async def _request(self, effect: MakeSigningRequest) -> None:
        csr, fault = "", ""
        try:
            csr = await _beside(partial(self._store.new_request, effect.organization, effect.common_name))
        except (StoreFailed, BadCertificate) as error:
            fault = str(error)
            self._say(f"certificates: no signing request: {fault}")
        self._take(SigningRequestMade(effect.job, csr, fault))

    async def _read(self) -> str:
        """Returns why it failed, "" = it did not. What is not used is said once."""
        try:
            self._contents = Contents() if self._store.empty else await _beside(self._store.read)
        except StoreFailed as error:
            self._say(f"certificates: {error}")
            return str(error)
        for problem in self._contents.problems:
            if problem not in self._said:
                self._say(f"certificates: {problem}")
        self._said = frozenset(self._contents.problems)
        return ""

    def _found(self, job: int | None, fault: str) -> None:
        roots = [StoredCertificate(file.use, file.facts) for file in self._contents.roots]
        own = [StoredCertificate(CertificateUse.CLIENT, file.facts) for file in self._contents.clients]
        self._take(CertificatesFound((*roots, *own), job, fault, self._store.owner_roots is not None))

    # ------------------------------------------------------------------ ports.Certificates

    def client_certificates(self) -> Sequence[ClientCertificate]:
        files = {file.facts.fingerprint: file for file in self._contents.clients}
        return [
            ClientCertificate(
                files[one.fingerprint].path,
                files[one.fingerprint].key_path,
                one.fingerprint,
                one.facts.not_after_ms,
            )
            for one in self._management.clients(self._clock.now().utc_ms)
        ]

    def client_certificate(self) -> tuple[Path, Path] | None:
        best = next(iter(self.client_certificates()), None)
        return None if best is None else (best.chain, best.key)

    def central_roots(self) -> Sequence[Path]:
        return [file.path for file in self._contents.roots if file.use is CertificateUse.CSMS_ROOT]

    def trust(self) -> Sequence[Sequence[Path]]:
        paths = {
            file.facts.fingerprint: file.path
            for file in self._contents.roots
            if file.use is CertificateUse.CSMS_ROOT
        }
        return [[paths[one.fingerprint] for one in group] for group in self._management.trusted()]

    def manufacturer_roots(self) -> Sequence[Path]:
        return [file.path for file in self._contents.roots if file.use is CertificateUse.MANUFACTURER_ROOT]

    def connected(self, roots: Sequence[Path], client_chain: Path | None = None) -> None:
        names = {file.path: file.facts.fingerprint for file in self._contents.roots}
        chains = {file.path: file.facts.fingerprint for file in self._contents.clients}
        verified = tuple(names[path] for path in roots if path in names)
        self._take(CsmsVerified(verified, None if client_chain is None else chains.get(client_chain)))


async def _beside(work: Callable[[], T]) -> T:
    return await asyncio.get_running_loop().run_in_executor(None, _closed, work)


def _closed(work: Callable[[], T]) -> T:
    """Nothing that a certificate from outside sets off may end the program, and the command that it came with
    gets an answer. BaseException: a panic of the library's Rust is one."""
    try:
        return work()
    except (StoreFailed, BadCertificate):
        raise
    except BaseException as error:
        raise StoreFailed(f"{type(error).__name__}: {error}"[:200]) from error
