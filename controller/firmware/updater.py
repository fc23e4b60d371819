"""The effects of the firmware update, performed: files, certificates, signatures, the installer.

Owns: ``directory`` with the file of the update under way, and one task at a time for it; every effect is
answered with its input, whatever goes wrong.
Refuses to know: what comes next (``domain.tasks.firmware``).

The file of update 3 is ``3.bin``; while it comes, ``controller.transfer`` keeps what it needs to go on beside
it. Whatever else lies there is of updates that are over and removed at the start. The modules for transfers,
certificates and signatures are imported when the first of them is needed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from controller.clock import Clock
from controller.domain.commands import Status
from controller.domain.effects import (
    CheckSigningCertificate,
    ConfirmInstallation,
    DropFirmware,
    FetchFirmware,
    InstallFirmware,
    VerifyFirmware,
)
from controller.domain.inputs import (
    FirmwareFetched,
    FirmwareNotFetched,
    FirmwareVerified,
    Input,
    InstallationEnded,
    InstallOutcome,
    SigningCertificateChecked,
)
from controller.firmware.installer import Installed, Installer, Say

if TYPE_CHECKING:
    from controller.transfer import Options

FirmwareEffect = (
    CheckSigningCertificate
    | FetchFirmware
    | VerifyFirmware
    | InstallFirmware
    | ConfirmInstallation
    | DropFirmware
)


@dataclass(frozen=True, slots=True)
class Trust:
    """Asked anew for every request. ``manufacturer``: files of the roots that firmware may be signed under;
    ``revoked``: revocation lists; ``servers``: whom to trust at https and ftps, and the limits."""

    manufacturer: Callable[[], Sequence[Path]]
    revoked: Callable[[], Sequence[Path]]
    servers: Callable[[], Options]


_SAID = {
    InstallOutcome.INSTALLED: "installed",
    InstallOutcome.RESTART: "installed, runs after a restart of the controller:",
    InstallOutcome.REBOOT: "installed, runs after a restart of the machine:",
    InstallOutcome.FAILED: "not installed",
    InstallOutcome.UNVERIFIED: "not installed, the file is not what it should be",
    InstallOutcome.UNKNOWN: "the version that runs tells whether it was installed",
}


class Updater:
    """``start``: runs a coroutine for as long as the program lives. ``take``: the station's inbox."""

    def __init__(
        self,
        directory: Path,
        installer: Installer,
        trust: Trust,
        clock: Clock,
        start: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None] | None],
        take: Callable[[Input], object],
        say: Say,
    ) -> None:
        self._directory = directory
        self._installer = installer
        self._trust = trust
        self._clock = clock
        self._start = start
        self._take = take
        self._say = say
        self._work: dict[int, asyncio.Task[None]] = {}  # by update
        self._one_at_a_time = asyncio.Lock()
        """Of downloads: one that was cancelled may hold its thread for a while (a name server that does not
        answer), and whoever asks for one after the other must not take all threads of the program."""

    def tidy(self, update: int | None) -> None:
        """Remove what is not of the update under way (None = none is)."""
        keep = None if update is None else self._file(update).name
        try:
            for path in self._directory.glob("*.bin*"):
                if keep is None or not path.name.startswith(keep):
                    path.unlink(missing_ok=True)
        except OSError as error:
            self._say(f"firmware: {error.filename}: cannot be removed: {error.strerror}")

    def perform(self, effect: FirmwareEffect) -> None:
        match effect:
            case CheckSigningCertificate():
                self._start(self._check(effect))
            case FetchFirmware():
                self._begin(effect.update, self._fetch(effect))
            case VerifyFirmware():
                self._begin(effect.update, self._verify(effect))
            case InstallFirmware():
                self._begin(effect.update, self._install(effect))
            case ConfirmInstallation():
                self._begin(effect.update, self._confirm(effect))
            case DropFirmware():
                self._start(self._drop(effect.update, self._work.pop(effect.update, None)))

    def _file(self, update: int) -> Path:
        return self._directory / f"{update}.bin"

    def _begin(self, update: int, work: Coroutine[Any, Any, None]) -> None:
        task = self._start(work)
        if task is not None:
            self._work[update] = task

    # ------------------------------------------------------------------ one effect each

    async def _check(self, effect: CheckSigningCertificate) -> None:
        from controller.firmware.trust import check

        utc_ms = self._clock.now().utc_ms
        try:
            roots, lists = self._trust.manufacturer(), self._trust.revoked()
            status, why = await asyncio.to_thread(check, effect.certificate, roots, lists, utc_ms, self._say)
        except Exception as error:  # noqa: BLE001 - in doubt it is not good, and the CSMS waits for an answer
            status, why = Status.INVALID_CERTIFICATE, f"it cannot be checked: {error!r}"
        if why:
            self._say(f"firmware: the signing certificate is refused: {why}")
        self._take(SigningCertificateChecked(effect.number, status, why))

    async def _fetch(self, effect: FetchFirmware) -> None:
        from controller.domain.tasks.transfers import LocationError, parse_location
        from controller.transfer import TransferError, download

        try:
            location = parse_location(effect.location)
        except LocationError as error:
            self._take(FirmwareNotFetched(effect.update, str(error), final=error.fault.final))
            return
        file = self._file(effect.update)
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not file.exists():  # it is there when the program ended right after the download
                async with self._one_at_a_time:
                    await download(location, file, self._trust.servers())
            digest = await asyncio.to_thread(_digest, file)
        except TransferError as error:
            self._take(FirmwareNotFetched(effect.update, str(error), final=error.fault.final))
        except OSError as error:
            self._take(FirmwareNotFetched(effect.update, f"{file}: {error.strerror or error}"))
        except Exception as error:  # noqa: BLE001 - no answer would mean no update for ever
            self._take(FirmwareNotFetched(effect.update, f"the download broke off: {error!r}"))
        else:
            self._take(FirmwareFetched(effect.update, digest))

    async def _verify(self, effect: VerifyFirmware) -> None:
        from controller.firmware.signature import fault_of

        try:
            why = await asyncio.to_thread(
                fault_of, self._file(effect.update), effect.certificate, effect.signature, effect.digest
            )
        except Exception as error:  # noqa: BLE001 - what cannot be verified is not verified
            why = f"{self._file(effect.update)}: the signature cannot be checked: {error!r}"
        self._take(FirmwareVerified(effect.update, why))

    async def _install(self, effect: InstallFirmware) -> None:
        file = self._file(effect.update)
        try:
            digest = await asyncio.to_thread(_digest, file)
        except OSError as error:
            found = Installed(InstallOutcome.UNVERIFIED, info=f"{file}: {error.strerror or error}")
        else:
            if digest != effect.digest:
                found = Installed(
                    InstallOutcome.UNVERIFIED, info=f"{file}: the file has changed since it was downloaded"
                )
            else:
                found = await self._ask(self._installer.install(file))
        self._ended(effect.update, found)

    async def _confirm(self, effect: ConfirmInstallation) -> None:
        self._ended(effect.update, await self._ask(self._installer.confirm()))

    async def _ask(self, work: Coroutine[Any, Any, Installed]) -> Installed:
        """An installer that raises has failed: the station must not wait for it for ever."""
        try:
            return await work
        except Exception as error:  # noqa: BLE001 - whatever it is, it is told
            return Installed(InstallOutcome.FAILED, info=f"{type(error).__name__}: {error}")

    def _ended(self, update: int, found: Installed) -> None:
        named = f"firmware: update {update}: {_SAID[found.outcome]} {found.version}".rstrip()
        self._say(f"{named}: {found.info}" if found.info else named)
        self._take(InstallationEnded(update, found.outcome, found.version, found.info))

    async def _drop(self, update: int, work: asyncio.Task[None] | None) -> None:
        from controller.transfer import forget_download

        if work is not None and work is not asyncio.current_task() and not work.done():
            work.cancel()
            await asyncio.wait([work])
        file = self._file(update)
        try:
            forget_download(file)
            file.unlink(missing_ok=True)
        except OSError as error:
            self._say(f"firmware: {file}: cannot be removed: {error.strerror}")


def _digest(file: Path) -> str:
    from controller.firmware.signature import digest_of

    return digest_of(file)


__all__ = ["FirmwareEffect", "Trust", "Updater"]
