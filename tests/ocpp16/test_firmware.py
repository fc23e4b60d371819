"""Firmware updates as a CSMS sees them: real files over HTTP and FTP, real certificates and signatures."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import cache
from http.server import BaseHTTPRequestHandler
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from controller.domain import why
from controller.domain.commands import ChangeAvailability
from controller.domain.events import AvailabilityChanged, Event, FirmwareStatusChanged
from controller.domain.tasks.firmware import FINISHED
from controller.local.commands.status import render
from controller.local.exits import RESTART
from tests.support.cabin import Cabin
from tests.support.csms import CallError, FakeCsms, Received, error
from tests.support.file_servers import HttpFiles, Request, ftp_server, http_server, root_file
from tests.support.file_servers import authority as server_authority
from tests.support.firmware import Manufacturer, image
from tests.support.pki import root, rsa_key
from tests.support.virtual_time import run_virtual

IMAGE = image("2.0.0")


@cache
def maker() -> Manufacturer:
    return Manufacturer()


class Fleet:
    """A station in a cabin, its CSMS, and a server with firmware."""

    def __init__(self, cabin: Cabin, csms: FakeCsms, files: HttpFiles) -> None:
        self.cabin, self.csms, self.files = cabin, csms, files

    def at(self, seconds: float = 0) -> str:
        """A date-time, seconds from now."""
        at = datetime.fromtimestamp(self.cabin.clock.now().utc_ms / 1000 + seconds, UTC)
        return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")

    async def update(self, url: str | None = None, after_s: float = 0, **more: Any) -> dict[str, Any]:
        payload = {"location": url or self.files.url("/fw.bin"), "retrieveDate": self.at(after_s), **more}
        return await self.csms.call("UpdateFirmware", payload)

    async def update_signed(
        self,
        request_id: int = 42,
        after_s: float = 0,
        install_s: float | None = None,
        content: bytes = IMAGE,
        signer: Manufacturer | None = None,
        how: str = "ecdsa",
        url: str | None = None,
        **more: Any,
    ) -> str:
        """Returns the status of the answer. ``more``: fields of firmware, or retries and retryInterval."""
        by = signer or maker()
        numbers = {name: more.pop(name) for name in ("retries", "retryInterval") if name in more}
        firmware = {
            "location": url or self.files.url("/fw.bin"),
            "retrieveDateTime": self.at(after_s),
            "signingCertificate": by.signer.pem,
            "signature": by.sign(content, how),
            **more,
        }
        if install_s is not None:
            firmware["installDateTime"] = self.at(install_s)
        answer = await self.csms.call(
            "SignedUpdateFirmware", {"requestId": request_id, "firmware": firmware, **numbers}
        )
        return str(answer["status"])

    @property
    def messages(self) -> list[Received]:
        names = ("FirmwareStatusNotification", "SignedFirmwareStatusNotification")
        return [one for one in self.csms.received if one.action in names]

    @property
    def statuses(self) -> list[str]:
        return [one.payload["status"] for one in self.messages]

    async def until(self, status: str, count: int = 1, timeout_s: float = 300) -> None:
        await self.cabin.until(lambda: self.statuses.count(status) >= count, f"{status} is told", timeout_s)

    async def restarted(self) -> None:
        """The station ends by itself, as for a restart, and the service manager starts it again."""
        assert await self.cabin.ended(600) == RESTART
        self.cabin.start()

    def security(self) -> list[str]:
        types = [one.payload["type"] for one in self.csms.of("SecurityEventNotification")]
        return [type_ for type_ in types if "Firmware" in type_]

    def told_by_domain(self) -> list[str]:
        return [event.status.value for event in self.cabin.happened(FirmwareStatusChanged)]

    def left_on_disk(self) -> list[str]:
        return sorted(path.name for path in (self.cabin.directory / "firmware").glob("*.bin*"))


@asynccontextmanager
async def fleet(
    tmp_path: Path, evses: int = 1, content: bytes = IMAGE, files: HttpFiles | None = None, **options: Any
) -> AsyncIterator[Fleet]:
    with http_server(files or HttpFiles(modified="Thu, 01 Jan 2026 00:00:00 GMT")) as server:
        server.files.setdefault("/fw.bin", content)
        maker().install(tmp_path)
        async with (
            FakeCsms("ocpp1.6") as csms,
            Cabin.build(tmp_path, csms, "ocpp1.6", evses=evses, **options) as cabin,
        ):
            await cabin.online()
            yield Fleet(cabin, csms, server)


# ---------------------------------------------------------------------- plain


@pytest.mark.parametrize("evses", [1, 2])
def test_16_FW_01_16_FW_02_16_FW_04_16_FW_09_a_plain_update_from_request_to_new_version(
    tmp_path: Path, evses: int
) -> None:
    async def main() -> None:
        async with fleet(tmp_path, evses) as one:
            assert await one.update(after_s=60) == {}
            await one.cabin.sleep(55)
            assert one.statuses == [] and one.files.requests == [], "not before the retrieve date"
            await one.until("Installing")
            assert one.statuses == ["Downloading", "Downloaded", "Installing"]
            await one.restarted()
            await one.until("Installed")
            assert {message.action for message in one.messages} == {"FirmwareStatusNotification"}
            boots = [boot.payload["firmwareVersion"] for boot in one.csms.of("BootNotification")]
            assert boots == ["0.1.0", "2.0.0"]
            new_boot, installed = one.csms.of("BootNotification")[-1], one.messages[-1]
            assert one.csms.received.index(new_boot) < one.csms.received.index(installed)
            await one.cabin.delivered()
            assert one.security() == ["FirmwareUpdated"]
            assert one.left_on_disk() == []
            for evse_id in range(1, evses + 1):
                assert one.cabin.statuses(evse_id)[-1] == "Available"

    run_virtual(main())


def test_16_FW_01_the_answer_precedes_the_first_status(tmp_path: Path) -> None:
    async def main() -> None:
        async with fleet(tmp_path) as one:
            await one.update(one.files.url("/gone.bin"), retries=9)
            await one.until("Downloading")
            assert await one.update_signed() == "AcceptedCanceled"
            await one.until("Installing")
            frames = [frame.replace(" ", "") for frame in one.csms.frames]
            answers = [n for n, frame in enumerate(frames) if frame.startswith('<[3,"csms-')]
            plain = [n for n, frame in enumerate(frames) if '"FirmwareStatusNotification"' in frame]
            signed = [n for n, frame in enumerate(frames) if '"SignedFirmwareStatusNotification"' in frame]
            assert len(answers) == 2
            assert answers[0] < plain[0]
            assert answers[1] < signed[0]

    run_virtual(main())


def test_16_FW_09_a_version_that_is_rolled_back_is_a_failed_installation(tmp_path: Path) -> None:
    async def main() -> None:
        async with fleet(tmp_path, content=image("2.0.0", word="brick")) as one:
            await one.update()
            await one.restarted()
            await one.until("InstallationFailed")
            assert one.csms.of("BootNotification")[-1].payload["firmwareVersion"] == "0.1.0"
            await one.cabin.delivered()
            assert one.security() == []

    run_virtual(main())


def test_16_FW_02_a_status_that_the_csms_refuses_holds_no_transaction_up(tmp_path: Path) -> None:
    async def main() -> None:
        async with fleet(tmp_path, settings={"OCPPCommCtrlr.MessageAttempts[TransactionEvent]": 5}) as one:
            one.csms.always("FirmwareStatusNotification", error("InternalError"))
            await one.update(one.files.url("/nothing-here.bin"), retries=0)
            await one.until("DownloadFailed")
            await one.cabin.charging()
            await one.csms.wait("StartTransaction", timeout_s=5)
            assert one.statuses == ["Downloading", "DownloadFailed"], "once each"

    run_virtual(main())


def test_16_FW_02_failures_of_download_and_installation_are_told(tmp_path: Path) -> None:
    async def main() -> None:
        async with fleet(tmp_path) as one:
            one.files.files["/broken.bin"] = image("2.0.0", word="broken")
            await one.update(one.files.url("/nothing-here.bin"), retries=0)
            await one.until("DownloadFailed")
            await one.update(one.files.url("/broken.bin"))
            await one.until("InstallationFailed")
            assert one.statuses == [
                "Downloading",
                "DownloadFailed",
                "Downloading",
                "Downloaded",
                "Installing",
                "InstallationFailed",
            ]
            await one.cabin.until(lambda: one.left_on_disk() == [], "the files are gone")

    run_virtual(main())


@pytest.mark.parametrize(("retries", "attempts"), [(0, 1), (2, 3), (None, 4)])
def test_16_FW_03_retries_as_the_request_says_or_as_the_station_thinks(
    tmp_path: Path, retries: int | None, attempts: int
) -> None:
    async def main() -> None:
        async with fleet(tmp_path) as one:
            numbers = {} if retries is None else {"retries": retries, "retryInterval": 100}
            at_s: list[float] = []
            one.files.on_request = lambda _request: at_s.append(one.cabin.clock.now().mono_ms / 1000)
            await one.update(one.files.url("/gone.bin"), **numbers)
            await one.until("DownloadFailed", timeout_s=1000)
            assert len(one.files.requests) == attempts
            waits = [round(late - early) for early, late in pairwise(at_s)]
            assert all(abs(wait - (60 if retries is None else 100)) <= 2 for wait in waits)
            assert one.statuses == ["Downloading", "DownloadFailed"], "1.6 has no word for the pauses"

    run_virtual(main())


def test_16_FW_07_ftp_https_and_ftps_with_credentials(tmp_path: Path) -> None:
    async def main() -> None:
        ca_file = root_file(tmp_path)
        files = tmp_path / "ftp"
        files.mkdir()
        (files / "fw.bin").write_bytes(image("3.0.0", word="broken"))
        secret = HttpFiles(files={"/fw.bin": image("3.0.0", word="broken")}, user="fleet", password="s3cret")
        async with fleet(tmp_path, ca_file=ca_file) as one:
            keys = await one.csms.call("GetConfiguration", {"key": ["SupportedFileTransferProtocols"]})
            assert keys["configurationKey"][0]["value"] == "FTP,FTPS,HTTP,HTTPS"
            with (
                http_server(secret, tls=server_authority()) as https,
                ftp_server(files) as ftp,
                ftp_server(files, tls=server_authority()) as ftps,
            ):
                for number, url in enumerate(
                    (https.url("/fw.bin", "fleet:s3cret@"), ftp.url("/fw.bin"), ftps.url("/fw.bin")), 1
                ):
                    await one.update(url, retries=0)
                    await one.until("InstallationFailed", number)
            assert one.statuses.count("Downloaded") == 3
            await one.update("sftp://files/fw.bin", retries=5)
            await one.until("DownloadFailed")
            await one.update(one.files.url("/fw.bin").replace("http", "gopher"), retries=5)
            await one.until("DownloadFailed", 2)
            wrong = HttpFiles(files={"/fw.bin": IMAGE}, user="fleet", password="other")
            with http_server(wrong) as closed:
                await one.update(closed.url("/fw.bin", "fleet:s3cret@"), retries=0)
                await one.until("DownloadFailed", 3)

    run_virtual(main())


def test_16_FW_08_an_interrupted_download_goes_on_where_it_was_cut(tmp_path: Path) -> None:
    async def main() -> None:
        content = image("2.0.0", 1_000_000)
        async with fleet(tmp_path, content=content) as one:
            one.files.cut_after[:] = [400_000, 300_000]
            await one.update_signed(content=content, retries=3, retryInterval=5)
            await one.until("SignatureVerified")
            ranges = [request.headers.get("Range") for request in one.files.requests]
            assert ranges == [None, "bytes=400000-", "bytes=700000-"]

    run_virtual(main())


def test_16_FW_08_a_download_goes_on_over_a_restart_of_the_controller(tmp_path: Path) -> None:
    async def main() -> None:
        content = image("2.0.0", 1_000_000)
        async with fleet(tmp_path, content=content) as one:
            one.files.cut_after[:] = [600_000]
            await one.update_signed(content=content, retries=1, retryInterval=30)
            await one.until("DownloadPaused")
            await one.cabin.restart(reboot=True)
            await one.until("SignatureVerified")
            assert one.files.requests[-1].headers.get("Range") == "bytes=600000-"
            assert len(one.files.requests) == 2

    run_virtual(main())


# ---------------------------------------------------------------------- transactions


def test_16_FW_05_16_SEC_38_installation_waits_and_free_connectors_are_unavailable(tmp_path: Path) -> None:
    async def main() -> None:
        async with fleet(tmp_path, evses=2) as one:
            cabin = one.cabin
            await cabin.charging(1)
            await one.update_signed()
            await one.until("InstallScheduled")
            await cabin.until(lambda: cabin.statuses(2)[-1] == "Unavailable", "the free one is Unavailable")
            assert cabin.statuses(1)[-1] == "Charging"
            refused = await one.csms.call("RemoteStartTransaction", {"idTag": "04BB", "connectorId": 2})
            assert refused == {"status": "Rejected"}
            rows = why.reasons(cabin.station, 2, cabin.clock.now())
            assert "firmware update" in rows[0].value
            await cabin.plug(2)
            await cabin.swipe("04CC", 3)
            await cabin.sleep(30)
            assert one.statuses[-1] == "InstallScheduled"
            assert len(one.csms.of("StartTransaction")) == 1
            await cabin.restart(reboot=False)  # the wait survives it, and so does what it waits for
            await cabin.until(lambda: not cabin.station.evses[2].free(), "still held")
            await cabin.unplug(1)
            await one.until("Installing")
            await cabin.until(lambda: cabin.statuses(1)[-1] == "Unavailable", "and the one that became free")
            await one.restarted()
            await one.until("Installed")
            await cabin.until(lambda: cabin.statuses(1)[-1] == "Available", "available again")
            await cabin.until(lambda: cabin.statuses(2)[-1] == "Preparing", "with the plug that was left in")
            assert cabin.happened(AvailabilityChanged) == [], "never the operator's availability"

    run_virtual(main())


def test_16_SEC_38_what_the_operator_set_stays_over_the_update(tmp_path: Path) -> None:
    async def main() -> None:
        async with fleet(tmp_path, evses=2) as one:
            await one.csms.call("ChangeAvailability", {"connectorId": 2, "type": "Inoperative"})
            await one.update()
            await one.restarted()
            await one.until("Installed")
            await one.cabin.until(lambda: one.cabin.statuses(1)[-1] == "Available", "available again")
            assert one.cabin.statuses(2)[-1] == "Unavailable"
            assert [e.evse_id for e in one.cabin.happened(AvailabilityChanged)] == [2]
            assert one.cabin.app is not None
            one.cabin.app.inbox.take(ChangeAvailability(2, True))
            await one.cabin.until(lambda: one.cabin.statuses(2)[-1] == "Available", "by the operator's word")

    run_virtual(main())


# ---------------------------------------------------------------------- signed


@pytest.mark.parametrize("how", ["ecdsa", "schnorr"])
def test_16_SEC_34_16_SEC_35_16_SEC_36_16_SEC_37_16_SEC_39_every_step_of_a_signed_update(
    tmp_path: Path, how: str
) -> None:
    async def main() -> None:
        async with fleet(tmp_path) as one:
            one.files.cut_after[:] = [50_000]
            answer = await one.update_signed(
                7, after_s=30, install_s=120, how=how, retries=2, retryInterval=10
            )
            assert answer == "Accepted"
            await one.restarted()
            await one.until("Installed")
            assert one.statuses == [
                "DownloadScheduled",
                "Downloading",
                "DownloadPaused",
                "Downloading",
                "Downloaded",
                "SignatureVerified",
                "InstallScheduled",
                "Installing",
                "InstallRebooting",
                "Installed",
            ]
            assert {message.action for message in one.messages} == {"SignedFirmwareStatusNotification"}
            assert {message.payload["requestId"] for message in one.messages} == {7}
            await one.cabin.delivered()
            assert one.security() == ["FirmwareUpdated"]

    run_virtual(main())


def test_16_SEC_35_rsa_pss(tmp_path: Path) -> None:
    async def main() -> None:
        by = Manufacturer()
        by.signer = by.signing(key=rsa_key())
        async with fleet(tmp_path) as one:
            by.install(tmp_path)
            await one.cabin.restart()
            await one.cabin.online()
            assert await one.update_signed(signer=by, how="max") == "Accepted"
            await one.until("SignatureVerified")

    run_virtual(main())


def test_16_SEC_35_a_file_that_was_not_signed_is_not_installed(tmp_path: Path) -> None:
    async def main() -> None:
        async with fleet(tmp_path) as one:
            await one.update_signed(content=b"another file")
            await one.until("InvalidSignature")
            await one.update_signed(signature="")
            await one.until("InvalidSignature", 2)
            await one.cabin.delivered()
            assert one.security() == ["InvalidFirmwareSignature"] * 2
            assert "Installing" not in one.statuses
            await one.cabin.until(lambda: one.left_on_disk() == [], "the files are gone")

    run_virtual(main())


def test_16_SEC_33_certificates_are_checked_before_the_answer(tmp_path: Path) -> None:
    async def main() -> None:
        async with fleet(tmp_path) as one:
            stranger = Manufacturer(root("Stranger", "Stranger"))
            assert await one.update_signed(signer=stranger) == "InvalidCertificate"
            assert await one.update_signed(signingCertificate="no certificate") == "InvalidCertificate"
            revoked = Manufacturer(maker().root)
            maker().revoke(tmp_path, revoked.signer)
            assert await one.update_signed(signer=revoked) == "RevokedCertificate"
            await one.cabin.delivered()
            assert one.security() == ["InvalidFirmwareSigningCertificate"] * 3
            assert one.statuses == [] and one.files.requests == []
            assert await one.update_signed() == "Accepted"

    run_virtual(main())


def test_16_SEC_33_a_root_installed_by_the_csms_counts_until_it_is_deleted(tmp_path: Path) -> None:
    async def main() -> None:
        by = Manufacturer(root("Second Root", "Maker", may_sign=True))
        async with fleet(tmp_path, password="correct horse battery") as one:
            assert await one.update_signed(signer=by) == "InvalidCertificate"
            use = "ManufacturerRootCertificate"
            install = {"certificateType": use, "certificate": by.root.pem}
            assert await one.csms.call("InstallCertificate", install) == {"status": "Accepted"}
            assert await one.update_signed(signer=by, after_s=3600) == "Accepted"
            found = await one.csms.call("GetInstalledCertificateIds", {"certificateType": use})
            for hashes in found["certificateHashData"]:
                await one.csms.call("DeleteCertificate", {"certificateHashData": hashes})
            assert await one.update_signed(signer=by) == "InvalidCertificate"
            await one.cabin.sleep(1)
            assert one.statuses == ["DownloadScheduled"], "what was accepted goes on"

    run_virtual(main())


def test_16_SEC_37_the_install_date_is_kept_over_a_reboot(tmp_path: Path) -> None:
    async def main() -> None:
        async with fleet(tmp_path) as one:
            await one.update_signed(install_s=300)
            await one.until("InstallScheduled")
            await one.cabin.restart(reboot=True)
            await one.cabin.online()
            await one.cabin.sleep(200)
            assert one.statuses[-1] == "InstallScheduled"
            assert one.cabin.statuses(1)[-1] == "Available", "until then everybody may charge"
            await one.cabin.sleep(110)
            assert one.statuses[-1] in ("Installing", "InstallRebooting")

    run_virtual(main())


@pytest.mark.parametrize("what", ["changed", "gone"])
def test_16_SEC_34_a_file_that_changed_while_it_waited_is_not_installed(tmp_path: Path, what: str) -> None:
    async def main() -> None:
        async with fleet(tmp_path) as one:
            await one.update_signed(install_s=30)
            await one.until("InstallScheduled")
            (file,) = (tmp_path / "firmware").glob("*.bin")
            if what == "changed":
                file.write_bytes(image("6.6.6"))
            else:
                file.unlink()
            await one.until("InstallVerificationFailed")
            await one.cabin.until(lambda: one.cabin.statuses(1)[-1] == "Available", "available again")

    run_virtual(main())


def test_16_SEC_40_replacing_and_refusing(tmp_path: Path) -> None:
    async def main() -> None:
        async with fleet(tmp_path) as one:
            assert await one.update_signed(1, after_s=3600) == "Accepted"
            await one.until("DownloadScheduled")
            gone = one.files.url("/gone.bin")
            assert await one.update_signed(2, url=gone, retries=9, retryInterval=600) == "AcceptedCanceled"
            await one.until("DownloadPaused")
            assert await one.update_signed(3, install_s=3600) == "AcceptedCanceled"
            await one.until("InstallScheduled")
            assert await one.update_signed(4, install_s=3600, content=b"x") == "AcceptedCanceled"
            await one.until("InvalidSignature")
            assert await one.update_signed(5) == "Accepted", "a finished update is not cancelled"
            await one.until("Installing")
            assert await one.update_signed(6) == "Rejected"
            with pytest.raises(CallError) as refused:
                await one.update()
            assert refused.value.code == "GenericError"
            assert await one.csms.call("Reset", {"type": "Hard"}) == {"status": "Rejected"}
            await one.restarted()
            await one.until("Installed")
            assert one.messages[-1].payload["requestId"] == 5

    run_virtual(main())


def test_16_SEC_40_a_running_download_is_cut(tmp_path: Path) -> None:
    async def main() -> None:
        hold = threading.Event()
        async with fleet(tmp_path) as one:
            loop, begun = asyncio.get_running_loop(), asyncio.Event()

            def serve(request: Request) -> None:
                if request.path == "/slow.bin":
                    loop.call_soon_threadsafe(begun.set)
                    hold.wait(20)

            one.files.on_request = serve
            one.files.files["/slow.bin"] = IMAGE
            assert await one.update_signed(1, url=one.files.url("/slow.bin")) == "Accepted"
            # Virtual time stands still while a thread works: nothing here may wait for the clock.
            await begun.wait()
            assert await one.update_signed(2, after_s=1) == "AcceptedCanceled"
            await one.until("SignatureVerified")
            hold.set()
            assert [m.payload["requestId"] for m in one.messages].count(1) == 1
            assert one.messages[-1].payload["requestId"] == 2

    run_virtual(main())


def test_16_SEC_41_a_plain_update_is_not_supported_where_signatures_are_required(tmp_path: Path) -> None:
    async def main() -> None:
        async with fleet(tmp_path, settings={"JoulepostCtrlr.UnsignedFirmware": False}) as one:
            with pytest.raises(CallError) as refused:
                await one.update()
            assert refused.value.code == "NotSupported"
            await one.cabin.sleep(5)
            assert one.told_by_domain() == [] and one.files.requests == []
            assert await one.update_signed() == "Accepted"
            change = {"key": "UnsignedFirmware", "value": "true"}
            assert await one.csms.call("ChangeConfiguration", change) == {"status": "NotSupported"}

    run_virtual(main())


# ---------------------------------------------------------------------- triggers


def test_16_FW_06_16_TRIG_07_idle_only_when_asked_and_nothing_runs(tmp_path: Path) -> None:
    async def main() -> None:
        async with fleet(tmp_path) as one:

            async def triggered() -> str:
                before = len(one.messages)
                asked = {"requestedMessage": "FirmwareStatusNotification"}
                assert await one.csms.call("TriggerMessage", asked) == {"status": "Accepted"}
                await one.cabin.until(lambda: len(one.messages) > before, "the report")
                assert one.messages[-1].action == "FirmwareStatusNotification"
                return one.statuses[-1]

            assert await triggered() == "Idle"
            await one.update(one.files.url("/gone.bin"), retries=1, retryInterval=60)
            await one.until("Downloading")
            assert await triggered() == "Downloading"
            await one.until("DownloadFailed")
            assert await triggered() == "DownloadFailed"
            await one.update()
            await one.until("Installing")
            assert await triggered() == "Installing"
            await one.restarted()
            await one.until("Installed")
            assert await triggered() == "Idle"

    run_virtual(main())


def test_16_SEC_42_the_extended_trigger_gets_the_last_status_with_its_request(tmp_path: Path) -> None:
    async def main() -> None:
        async with fleet(tmp_path) as one:

            async def triggered() -> dict[str, Any]:
                before = len(one.messages)
                asked = {"requestedMessage": "FirmwareStatusNotification"}
                answer = await one.csms.call("ExtendedTriggerMessage", asked)
                assert answer == {"status": "Accepted"}
                await one.cabin.until(lambda: len(one.messages) > before, "the report")
                assert one.messages[-1].action == "SignedFirmwareStatusNotification"
                return one.messages[-1].payload

            assert await triggered() == {"status": "Idle"}
            await one.update_signed(9, install_s=60)
            await one.until("InstallScheduled")
            assert await triggered() == {"status": "InstallScheduled", "requestId": 9}
            await one.cabin.restart()
            await one.cabin.online()
            assert await triggered() == {"status": "InstallScheduled", "requestId": 9}
            await one.restarted()
            await one.until("Installed")
            assert await triggered() == {"status": "Idle"}

    run_virtual(main())


# ---------------------------------------------------------------------- power cuts, offline


STEPS = [
    "DownloadScheduled",
    "Downloading",
    "DownloadPaused",
    "Downloaded",
    "SignatureVerified",
    "InstallScheduled",
    "Installing",
    "InstallRebooting",
    "Installed",
]


@pytest.mark.parametrize("reboot", [False, True])
def test_16_SEC_34_a_power_cut_at_each_step_leaves_a_defined_state(tmp_path: Path, reboot: bool) -> None:
    """The cut comes when the status is on disk and nothing of what follows it has been done."""

    async def main() -> None:
        for step in STEPS:
            directory = tmp_path / step
            directory.mkdir()
            async with fleet(directory) as one:
                one.files.cut_after[:] = [50_000]
                await cut_at(one, step)
                await one.cabin.restart(reboot=reboot)
                for _ in range(300):
                    if one.cabin.station.firmware.status in FINISHED:
                        break
                    await going_on(one)
                await one.cabin.online()
                await one.cabin.delivered()
                told = one.told_by_domain()
                assert told[-1] in ("Installed", "InstallationFailed"), (step, told)
                if step != "Installing":
                    assert told[-1] == "Installed", (step, told)
                # A message whose answer was not yet noted is repeated with its id.
                once = list({message.id: message.payload["status"] for message in one.messages}.values())
                assert once == told, f"{step}: everything is told, once, in order"
                version = one.csms.of("BootNotification")[-1].payload["firmwareVersion"]
                assert (version == "2.0.0") == (told[-1] == "Installed"), step
                await one.cabin.until(lambda one=one: one.left_on_disk() == [], step)  # type: ignore[misc]

    run_virtual(main())


def test_16_FW_08_a_kill_in_the_middle_of_a_download_costs_only_the_rest(tmp_path: Path) -> None:
    async def main() -> None:
        content = image("2.0.0", 3_000_000)
        half = len(content) // 2
        hold = threading.Event()
        async with fleet(tmp_path, content=content) as one:
            loop, halfway = asyncio.get_running_loop(), asyncio.Event()

            def serve(_request: Request, handler: BaseHTTPRequestHandler) -> bool:
                """Half of the file, then nothing more."""
                one.files.answer = None
                handler.send_response(200)
                handler.send_header("Content-Length", str(len(content)))
                handler.send_header("Last-Modified", one.files.modified)
                handler.end_headers()
                handler.wfile.write(content[:half])
                handler.wfile.flush()
                loop.call_soon_threadsafe(halfway.set)
                hold.wait(20)
                return True

            one.files.answer = serve
            await one.update_signed(content=content)
            await halfway.wait()
            part = one.cabin.directory / "firmware" / "1.bin.part"
            while not part.exists() or not part.stat().st_size:  # sent is not yet read
                await asyncio.to_thread(time.sleep, 0.001)
            await one.cabin.restart()
            hold.set()
            await one.until("SignatureVerified")
            (resumed,) = [r.headers["Range"] for r in one.files.requests if "Range" in r.headers]
            assert 0 < int(resumed.removeprefix("bytes=").removesuffix("-")) <= half
            assert one.told_by_domain().count("Downloading") == 1

    run_virtual(main())


@pytest.mark.parametrize("reboot", [False, True])
def test_16_FW_02_16_SEC_34_a_power_cut_in_the_middle_of_an_installation_is_a_failed_one(
    tmp_path: Path, reboot: bool
) -> None:
    async def main() -> None:
        async with fleet(tmp_path, evses=2) as one:
            await one.update_signed(8)
            await one.until("Installing")
            await one.cabin.sleep(2)
            await one.cabin.restart(reboot=reboot)
            await one.until("InstallationFailed")
            assert one.messages[-1].payload["requestId"] == 8
            for evse_id in (1, 2):
                await one.cabin.until(
                    lambda n=evse_id: one.cabin.statuses(n)[-1] == "Available",  # type: ignore[misc]
                    "available again",
                )
            assert one.csms.of("BootNotification")[-1].payload["firmwareVersion"] == "0.1.0"
            assert await one.update_signed(9) == "Accepted", "and the CSMS may try again"
            await one.restarted()
            await one.until("Installed")

    run_virtual(main())


async def going_on(one: Fleet) -> bool:
    """A second passes; the restart into the new firmware may be in it (True)."""
    await one.cabin.sleep(1)
    serving = one.cabin._serving
    assert serving is not None
    if serving.done():
        await one.restarted()
        return True
    return False


async def cut_at(one: Fleet, step: str) -> None:
    """A signed update, until this status is journalled; nothing of its effects happens any more."""
    cut = False

    def watch() -> None:
        app = one.cabin.app
        assert app is not None

        def happened(events: Sequence[Event], _seq: int) -> None:
            nonlocal cut
            if any(isinstance(event, FirmwareStatusChanged) and event.status == step for event in events):
                app.inbox.on_effect = lambda _effect: None
                cut = True

        app.inbox.on_events.append(happened)

    watch()
    await one.update_signed(after_s=2, install_s=20, retries=2, retryInterval=2)
    for _ in range(300):
        if cut:
            return
        if await going_on(one):
            watch()
    raise AssertionError(f"{step} did not come: {one.told_by_domain()}")


def test_16_SEC_34_what_happened_offline_is_told_afterwards_in_order(tmp_path: Path) -> None:
    async def main() -> None:
        async with fleet(tmp_path) as one:
            await one.update_signed(after_s=60)
            await one.until("DownloadScheduled")
            await one.cabin.offline()
            await one.restarted()
            await one.cabin.sleep(30)
            await one.csms.up()
            await one.until("Installed")
            assert one.statuses == one.told_by_domain()

    run_virtual(main())


# ---------------------------------------------------------------------- for the technician


def test_the_status_of_an_update_and_the_cause_of_its_end_are_shown(tmp_path: Path) -> None:
    async def main() -> None:
        async with fleet(tmp_path) as one:
            app = one.cabin.app
            assert app is not None
            assert app.facade.status()["firmware"] is None
            await one.update("http://fleet:s3cret@localhost:9/fw.bin", retries=0)
            await one.until("DownloadFailed")
            shown = app.facade.status()["firmware"]
            assert shown["status"] == "DownloadFailed"
            assert "localhost:9" in shown["info"] and "s3cret" not in shown["info"]
            text = render(app.facade.status())
            assert "DownloadFailed since 2026-01-01 00:00 UTC: http://localhost:9/fw.bin" in text

    run_virtual(main())


# ---------------------------------------------------------------------- without an installer


def test_16_FW_01_a_station_without_installer_says_so(tmp_path: Path) -> None:
    async def main() -> None:
        async with fleet(tmp_path, installer="none") as one:
            for ask in (one.update, one.update_signed):
                with pytest.raises(CallError) as refused:
                    await ask()
                assert refused.value.code == "NotSupported"
            keys = await one.csms.call("GetConfiguration", {"key": ["SupportedFeatureProfiles"]})
            assert "FirmwareManagement" not in keys["configurationKey"][0]["value"]

    run_virtual(main())


def test_16_FW_01_with_an_installer_the_profile_is_listed(tmp_path: Path) -> None:
    async def main() -> None:
        async with fleet(tmp_path) as one:
            keys = await one.csms.call("GetConfiguration", {"key": ["SupportedFeatureProfiles"]})
            assert "FirmwareManagement" in keys["configurationKey"][0]["value"].split(",")

    run_virtual(main())
