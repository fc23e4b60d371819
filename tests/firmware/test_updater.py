"""Every effect of the firmware update is answered, whatever goes wrong."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

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
from controller.firmware.installer import Installed
from controller.firmware.updater import FirmwareEffect, Trust, Updater
from controller.transfer import Options
from tests.support.file_servers import HttpFiles, http_server
from tests.support.firmware import Manufacturer, image
from tests.support.virtual_time import VirtualClock, run_virtual


class Exploding:
    """An installer that breaks the promise not to raise."""

    def running(self) -> str | None:
        return None

    async def install(self, file: Path) -> Installed:
        raise RuntimeError("boom")

    async def confirm(self) -> Installed:
        raise RuntimeError("boom")


class Bench:
    """An updater whose answers are kept in ``taken``."""

    def __init__(self, directory: Path, roots: Any = list) -> None:
        self.taken: list[Input] = []
        self.said: list[str] = []
        self.tasks: list[asyncio.Task[None]] = []
        self.directory = directory
        self.updater = Updater(
            directory,
            Exploding(),
            Trust(roots, list, Options),
            VirtualClock(asyncio.get_running_loop()),
            self._start,
            self.taken.append,
            self.said.append,
        )

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        self.tasks.append(asyncio.create_task(work))
        return self.tasks[-1]

    async def perform(self, effect: FirmwareEffect) -> Input | None:
        self.updater.perform(effect)
        await asyncio.gather(*self.tasks)
        self.tasks.clear()
        return self.taken.pop() if self.taken else None


def test_what_raises_is_answered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def explode(*_args: object, **_more: object) -> Any:
        raise RuntimeError("boom")

    async def main() -> None:
        bench = Bench(tmp_path, roots=explode)
        checked = await bench.perform(CheckSigningCertificate(7, "PEM"))
        assert isinstance(checked, SigningCertificateChecked)
        assert (checked.number, checked.status) == (7, Status.INVALID_CERTIFICATE)
        monkeypatch.setattr("controller.transfer.download", explode)
        failed = await bench.perform(FetchFirmware(1, "http://localhost/fw.bin"))
        assert isinstance(failed, FirmwareNotFetched)
        assert "boom" in failed.why and not failed.final
        monkeypatch.setattr("controller.firmware.signature.fault_of", explode)
        verified = await bench.perform(VerifyFirmware(1, "PEM", "c2ln", "00"))
        assert isinstance(verified, FirmwareVerified)
        assert verified.why is not None and "boom" in verified.why
        (tmp_path / "1.bin").write_bytes(b"")
        empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        for effect in (InstallFirmware(1, empty), ConfirmInstallation(1)):
            ended = await bench.perform(effect)
            assert isinstance(ended, InstallationEnded)
            assert (ended.outcome, ended.info) == (InstallOutcome.FAILED, "RuntimeError: boom")

    run_virtual(main())


def test_a_directory_that_cannot_be_made_is_an_attempt_that_failed(tmp_path: Path) -> None:
    async def main() -> None:
        (tmp_path / "file").write_bytes(b"")
        bench = Bench(tmp_path / "file" / "firmware")
        failed = await bench.perform(FetchFirmware(1, "http://localhost:9/fw.bin"))
        assert isinstance(failed, FirmwareNotFetched)
        assert "Not a directory" in failed.why

    run_virtual(main())


@pytest.mark.parametrize("url", ["", "no url", "sftp://h/f", "http://", "http://h:99999/f"])
def test_16_FW_03_a_location_that_can_never_be_fetched_is_final(tmp_path: Path, url: str) -> None:
    async def main() -> None:
        failed = await Bench(tmp_path).perform(FetchFirmware(1, url))
        assert isinstance(failed, FirmwareNotFetched)
        assert failed.final

    run_virtual(main())


def test_a_download_that_was_complete_before_a_restart_is_not_fetched_again(tmp_path: Path) -> None:
    async def main() -> None:
        with http_server(HttpFiles(files={"/fw.bin": image("2.0.0")})) as files:
            first = await Bench(tmp_path).perform(FetchFirmware(3, files.url("/fw.bin")))
            second = await Bench(tmp_path).perform(FetchFirmware(3, files.url("/fw.bin")))
            assert isinstance(first, FirmwareFetched) and first == second
            assert len(files.requests) == 1
            assert (tmp_path / "3.bin").read_bytes() == image("2.0.0")

    run_virtual(main())


def test_dropping_removes_all_that_belongs_to_it_and_tidying_all_that_does_not(tmp_path: Path) -> None:
    async def main() -> None:
        bench = Bench(tmp_path)
        mine = ["3.bin", "3.bin.part", "3.bin.part.json"]
        for name in [*mine, "2.bin", "13.bin", "simulated.json"]:
            (tmp_path / name).write_bytes(b"x")
        bench.updater.tidy(3)
        assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*mine, "simulated.json"])
        assert await bench.perform(DropFirmware(3)) is None
        assert [path.name for path in tmp_path.iterdir()] == ["simulated.json"]
        assert await bench.perform(DropFirmware(3)) is None, "twice does no harm"
        bench.updater.tidy(None)

    run_virtual(main())


def test_the_certificate_of_a_trusted_manufacturer_is_good(tmp_path: Path) -> None:
    async def main() -> None:
        maker = Manufacturer()
        (tmp_path / "root.pem").write_text(maker.root.pem)
        bench = Bench(tmp_path, roots=lambda: [tmp_path / "root.pem"])
        assert await bench.perform(CheckSigningCertificate(1, maker.signer.pem)) == SigningCertificateChecked(
            1, Status.ACCEPTED
        )
        bad = await bench.perform(CheckSigningCertificate(2, "PEM"))
        assert isinstance(bad, SigningCertificateChecked) and bad.status is Status.INVALID_CERTIFICATE
        assert any("is refused" in line for line in bench.said)

    run_virtual(main())


def test_16_SEC_36_what_is_verified_is_what_was_downloaded(tmp_path: Path) -> None:
    """A good file put in the place of the one that came, while its signature is checked, and taken away again
    before the installation, which compares with the download."""

    async def main() -> None:
        maker, good = Manufacturer(), image("2.0.0")
        bench = Bench(tmp_path)
        (tmp_path / "1.bin").write_bytes(good)
        effect = VerifyFirmware(1, maker.signer.pem, maker.sign(good), hashlib.sha256(b"evil").hexdigest())
        verified = await bench.perform(effect)
        assert isinstance(verified, FirmwareVerified)
        assert verified.why is not None and "changed" in verified.why
        effect = VerifyFirmware(1, maker.signer.pem, maker.sign(good), hashlib.sha256(good).hexdigest())
        assert await bench.perform(effect) == FirmwareVerified(1)

    run_virtual(main())


def test_requests_one_after_the_other_take_one_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A download that is cancelled holds its thread until the name server has answered or not; a hundred
    requests must not take the threads that make keys and find the CSMS's address."""
    running, most, begun = 0, 0, []
    answered = asyncio.Event()

    async def slow(location: object, _target: Path, _options: object) -> None:
        nonlocal running, most
        begun.append(str(location))
        running += 1
        most = max(most, running)
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            await answered.wait()
            raise
        finally:
            running -= 1

    monkeypatch.setattr("controller.transfer.download", slow)

    async def main() -> None:
        bench = Bench(tmp_path)
        for number in range(1, 101):
            bench.updater.perform(FetchFirmware(number, f"http://localhost/{number}"))
            await asyncio.sleep(0)
            bench.updater.perform(DropFirmware(number))
            await asyncio.sleep(0)
        bench.updater.perform(FetchFirmware(101, "http://localhost/101"))
        await asyncio.sleep(1)
        answered.set()
        await asyncio.sleep(1)
        assert most == 1 and begun == ["http://localhost/1", "http://localhost/101"]
        bench.updater.perform(DropFirmware(101))
        await asyncio.gather(*bench.tasks, return_exceptions=True)

    run_virtual(main())
