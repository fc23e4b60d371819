"""FTP and FTPS against a real server on loopback."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from controller.domain.tasks.transfers import TransferFault, parse_location
from controller.transfer import Options, TransferError, download, upload
from controller.transfer.run import Downloaded, Uploaded
from tests.support.file_servers import FtpFiles, authority, ftp_server, root_file, stranger

IMAGE = os.urandom(300_000)
QUICK = Options(connect_s=5, stall_s=5, keep_free_bytes=0)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    path = tmp_path / "home"
    (path / "logs").mkdir(parents=True)
    return path


@pytest.fixture
def server(home: Path) -> Iterator[FtpFiles]:
    with ftp_server(home) as book:
        yield book


def get(url: str, target: Path, options: Options = QUICK) -> Downloaded:
    return asyncio.run(download(parse_location(url), target, options))


def put(path: Path, url: str, options: Options = QUICK, name: str = "", resume: bool = False) -> Uploaded:
    return asyncio.run(upload(path, parse_location(url), options, name=name, resume=resume))


def refused(call: Any, *arguments: Any, **named: Any) -> TransferError:
    with pytest.raises(TransferError) as caught:
        call(*arguments, **named)
    return caught.value


def test_16_FW_07_a_file_arrives_over_ftp(server: FtpFiles, home: Path, tmp_path: Path) -> None:
    (home / "logs" / "a b.bin").write_bytes(IMAGE)
    got = get(server.url("/logs/a%20b.bin", "joule:post@"), tmp_path / "x")
    assert got.path.read_bytes() == IMAGE and got.resumed_at == 0
    assert any(one.startswith(("PASV", "EPSV")) for one in server.commands)
    assert not any(one.startswith(("PORT", "EPRT")) for one in server.commands)


def test_an_empty_file_is_a_file(server: FtpFiles, home: Path, tmp_path: Path) -> None:
    (home / "empty").write_bytes(b"")
    assert get(server.url("/empty", "joule:post@"), tmp_path / "x").size == 0
    assert (tmp_path / "x").read_bytes() == b""


def test_16_FW_07_wrong_credentials_are_permission_denied_and_not_shown(
    server: FtpFiles, tmp_path: Path
) -> None:
    error = refused(get, server.url("/x", "jouleuser:wrongsecret@"), tmp_path / "x")
    assert error.fault is TransferFault.PERMISSION_DENIED and "530" in str(error)
    assert "jouleuser" not in str(error) and "wrongsecret" not in str(error)


def test_16_FW_08_a_cut_download_goes_on_where_it_ended(server: FtpFiles, home: Path, tmp_path: Path) -> None:
    (home / "x").write_bytes(IMAGE)
    server.cut_after = [100_000]
    error = refused(get, server.url("/x", "joule:post@"), tmp_path / "x")
    assert error.fault is TransferFault.INTERRUPTED
    left = (tmp_path / "x.part").stat().st_size
    assert 0 < left < len(IMAGE)
    got = get(server.url("/x", "joule:post@"), tmp_path / "x")
    assert got.resumed_at == left
    assert got.path.read_bytes() == IMAGE


def test_16_FW_08_a_file_that_changed_meanwhile_is_fetched_whole(
    server: FtpFiles, home: Path, tmp_path: Path
) -> None:
    (home / "x").write_bytes(IMAGE)
    os.utime(home / "x", (1_000_000, 1_000_000))
    server.cut_after = [100_000]
    refused(get, server.url("/x", "joule:post@"), tmp_path / "x")
    newer = os.urandom(len(IMAGE))
    (home / "x").write_bytes(newer)
    assert get(server.url("/x", "joule:post@"), tmp_path / "x").resumed_at == 0
    assert (tmp_path / "x").read_bytes() == newer


@pytest.mark.parametrize("missing", ["REST", "SIZE", "MDTM"])
def test_16_FW_08_a_server_that_cannot_resume_sends_all_again(
    server: FtpFiles, home: Path, tmp_path: Path, missing: str
) -> None:
    (home / "x").write_bytes(IMAGE)
    server.refuse = {missing}
    server.cut_after = [100_000]
    refused(get, server.url("/x", "joule:post@"), tmp_path / "x")
    assert get(server.url("/x", "joule:post@"), tmp_path / "x").resumed_at == 0
    assert (tmp_path / "x").read_bytes() == IMAGE


def test_a_missing_file_and_a_forbidden_one(server: FtpFiles, home: Path, tmp_path: Path) -> None:
    error = refused(get, server.url("/none", "joule:post@"), tmp_path / "x")
    assert error.fault is TransferFault.NOT_FOUND
    assert not (tmp_path / "x").exists()


def test_limits_hold_for_ftp_too(server: FtpFiles, home: Path, tmp_path: Path) -> None:
    (home / "x").write_bytes(IMAGE)
    url = server.url("/x", "joule:post@")
    small = replace(QUICK, most_bytes=1000)
    assert refused(get, url, tmp_path / "x", small).fault is TransferFault.TOO_LARGE
    full = replace(QUICK, keep_free_bytes=1 << 60)
    assert refused(get, url, tmp_path / "x", full).fault is TransferFault.NO_SPACE
    server.refuse = {"SIZE"}
    assert refused(get, url, tmp_path / "x", small).fault is TransferFault.TOO_LARGE


# ---------------------------------------------------------------------- TLS


def test_16_FW_07_ftps_protects_both_connections(home: Path, tmp_path: Path) -> None:
    (home / "x").write_bytes(IMAGE)
    options = replace(QUICK, ca_files=(root_file(tmp_path),))
    with ftp_server(home, tls=authority()) as server:
        assert get(server.url("/x"), tmp_path / "x", options).path.read_bytes() == IMAGE
        put(tmp_path / "x", server.url("/logs/"), options, name="y")
        assert (home / "logs" / "y").read_bytes() == IMAGE
        assert server.protected == [True, True]
        assert server.commands.index("AUTH TLS") < server.commands.index("USER joule")
        assert "PROT P" in server.commands


def test_an_ftps_server_nobody_knows_hears_no_password(home: Path, tmp_path: Path) -> None:
    options = replace(QUICK, ca_files=(root_file(tmp_path),))
    with ftp_server(home, tls=stranger()) as server:
        error = refused(get, server.url("/x"), tmp_path / "x", options)
        assert error.fault is TransferFault.UNTRUSTED
        assert server.commands == ["AUTH TLS"]


def test_ftps_never_falls_back_to_ftp(server: FtpFiles, tmp_path: Path) -> None:
    url = server.url("/x").replace("ftp:", "ftps:")
    error = refused(get, url, tmp_path / "x")
    assert error.fault is TransferFault.NOT_SUPPORTED
    assert server.commands == ["AUTH TLS"]


# ---------------------------------------------------------------------- upload


@pytest.fixture
def log_file(tmp_path: Path) -> Path:
    path = tmp_path / "log.gz"
    path.write_bytes(IMAGE)
    return path


@pytest.mark.parametrize(
    ("path", "where"),
    [("/logs/", "logs/CP1.gz"), ("/logs", "logs/CP1.gz"), ("/logs/own.gz", "logs/own.gz"), ("/", "CP1.gz")],
)
def test_16_FW_11_an_upload_goes_to_a_directory_or_a_file(
    server: FtpFiles, home: Path, log_file: Path, path: str, where: str
) -> None:
    done = put(log_file, server.url(path), name="CP1.gz")
    assert (home / where).read_bytes() == IMAGE
    assert done.location.path == "/" + where


def test_16_SEC_28_a_cut_upload_goes_on_where_it_ended(server: FtpFiles, home: Path, log_file: Path) -> None:
    server.cut_after = [100_000]
    error = refused(put, log_file, server.url("/logs/"))
    assert error.fault is TransferFault.INTERRUPTED
    there = home / "logs" / "log.gz"
    left = there.stat().st_size
    assert 0 < left < len(IMAGE)
    put(log_file, server.url("/logs/"), resume=True)
    assert there.read_bytes() == IMAGE
    assert f"REST {left}" in server.commands


def test_16_SEC_28_where_an_upload_cannot_go_on_it_begins_anew(
    server: FtpFiles, home: Path, log_file: Path
) -> None:
    server.refuse = {"REST"}
    server.cut_after = [100_000]
    refused(put, log_file, server.url("/logs/"))
    put(log_file, server.url("/logs/"), resume=True)
    assert (home / "logs" / "log.gz").read_bytes() == IMAGE


def test_a_longer_file_that_is_there_already_is_replaced(
    server: FtpFiles, home: Path, log_file: Path
) -> None:
    (home / "logs" / "log.gz").write_bytes(IMAGE * 2)
    put(log_file, server.url("/logs/"), resume=True)
    assert (home / "logs" / "log.gz").read_bytes() == IMAGE


def test_16_SEC_29_an_upload_without_the_right_to_it_is_permission_denied(home: Path, log_file: Path) -> None:
    with ftp_server(home, perm="elr") as server:
        assert refused(put, log_file, server.url("/logs/")).fault is TransferFault.PERMISSION_DENIED


def test_16_SEC_29_a_server_without_stor_does_not_support_it(server: FtpFiles, log_file: Path) -> None:
    server.refuse = {"STOR"}
    assert refused(put, log_file, server.url("/logs/")).fault is TransferFault.NOT_SUPPORTED


# ---------------------------------------------------------------------- bad servers


def _talking(*replies: bytes) -> Any:
    """A server that says one thing after the other, whatever it hears."""
    listening = socket.create_server(("127.0.0.1", 0))

    def talk() -> None:
        connection, _ = listening.accept()
        with connection:
            for number, reply in enumerate(replies):
                if number and not connection.recv(4096):
                    return
                try:
                    connection.sendall(reply)
                except OSError:
                    return

    thread = threading.Thread(target=talk, daemon=True)
    thread.start()
    return listening, thread


READY = (
    b"220 hi\r\n",
    b"230 in\r\n",
    b"200 binary\r\n",
    b"213 " + b"9" * 5000 + b"\r\n",  # a size that is none
    b"500 no time\r\n",
)


@pytest.mark.parametrize(
    ("replies", "fault"),
    [
        ((b"",), TransferFault.INTERRUPTED),
        ((b"HTTP/1.1 400 Bad Request\r\n",), TransferFault.BAD_MESSAGE),
        ((b"421 busy\r\n",), TransferFault.INTERRUPTED),
        ((b"220-" + b"x" * 9000 + b"\r\n",), TransferFault.BAD_MESSAGE),
        ((b"220-go on\r\n" * 3000,), TransferFault.BAD_MESSAGE),
        ((b"220 hello\r\n", b"331 who\r\n", b"230 in\r\n", b"\xff\xfe\r\n"), TransferFault.BAD_MESSAGE),
        ((b"220 hi\r\n", b"230 in\r\n", b"500 what\r\n"), TransferFault.NOT_SUPPORTED),
        ((*READY, b"227 (127,0,0,1,9999,1)\r\n"), TransferFault.BAD_MESSAGE),
        ((*READY, b"227 (127,0,0,1," + b"9" * 5000 + b",1)\r\n"), TransferFault.BAD_MESSAGE),
        ((*READY, b"227 nonsense\r\n"), TransferFault.BAD_MESSAGE),
    ],
)
def test_a_server_that_breaks_the_protocol(
    tmp_path: Path, replies: tuple[bytes, ...], fault: TransferFault
) -> None:
    listening, thread = _talking(*replies)
    with listening:
        port = listening.getsockname()[1]
        error = refused(get, f"ftp://u:p@127.0.0.1:{port}/x", tmp_path / "x")
        thread.join(5)
    assert error.fault is fault, str(error)
    assert len(str(error)) < 500


def test_a_server_that_says_nothing_is_a_stall(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        options = replace(QUICK, stall_s=0.1)
        error = refused(get, f"ftp://u:p@127.0.0.1:{port}/x", tmp_path / "x", options)
    assert error.fault is TransferFault.INTERRUPTED and "0.1 s" in str(error)


def test_cancelling_an_upload_ends_it(server: FtpFiles, home: Path, tmp_path: Path) -> None:
    big = tmp_path / "big"
    big.write_bytes(bytes(20_000_000))

    async def main() -> None:
        task: asyncio.Task[Uploaded]
        task = asyncio.create_task(
            upload(big, parse_location(server.url("/logs/")), QUICK, lambda _done, _total: task.cancel())
        )
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert (home / "logs" / "big").stat().st_size < 20_000_000
