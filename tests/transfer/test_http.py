"""HTTP and HTTPS against a real server on loopback."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from controller.domain.tasks.transfers import TransferFault, parse_location
from controller.transfer import Options, TransferError, download, forget_download, upload
from controller.transfer.run import Downloaded, Uploaded
from tests.support.file_servers import HttpFiles, Request, authority, http_server, root_file, stranger

IMAGE = os.urandom(300_000)
QUICK = Options(connect_s=5, stall_s=5, keep_free_bytes=0)


@pytest.fixture
def server() -> Iterator[HttpFiles]:
    with http_server() as book:
        yield book


def get(url: str, target: Path, options: Options = QUICK) -> Downloaded:
    return asyncio.run(download(parse_location(url), target, options))


def put(path: Path, url: str, options: Options = QUICK, name: str = "") -> Uploaded:
    return asyncio.run(upload(path, parse_location(url), options, name=name))


def refused(call: Any, *arguments: Any) -> TransferError:
    with pytest.raises(TransferError) as caught:
        call(*arguments)
    return caught.value


# ---------------------------------------------------------------------- download


def test_16_FW_07_a_file_arrives_over_http_with_credentials_and_progress(
    server: HttpFiles, tmp_path: Path
) -> None:
    server.files["/a/image.bin"] = IMAGE
    server.user, server.password = "joule", "p@ss:wörd"
    told: list[tuple[int, int | None]] = []

    async def main() -> Downloaded:
        url = server.url("/a/image.bin", "joule:p%40ss%3Aw%C3%B6rd@")
        return await download(
            parse_location(url), tmp_path / "image.bin", QUICK, lambda *done: told.append(done)
        )

    got = asyncio.run(main())
    assert got == Downloaded(tmp_path / "image.bin", len(IMAGE), 0)
    assert got.path.read_bytes() == IMAGE
    assert told[-1] == (len(IMAGE), len(IMAGE)) and len(told) > 1
    assert [one.name for one in tmp_path.iterdir()] == ["image.bin"]
    assert got.path.stat().st_mode & 0o077 == 0


def test_16_FW_07_wrong_credentials_are_permission_denied_and_not_shown(
    server: HttpFiles, tmp_path: Path
) -> None:
    server.files["/x"] = IMAGE
    server.user, server.password = "joule", "post"
    error = refused(get, server.url("/x", "jouleuser:wrongsecret@"), tmp_path / "x")
    assert error.fault is TransferFault.PERMISSION_DENIED
    assert "401" in str(error) and "user and password" in str(error)
    assert "jouleuser" not in str(error) and "wrongsecret" not in str(error)


def test_16_FW_08_a_cut_download_goes_on_where_it_ended(server: HttpFiles, tmp_path: Path) -> None:
    server.files["/x"], server.etags["/x"] = IMAGE, '"v1"'
    server.cut_after = [100_000]
    target = tmp_path / "x"
    error = refused(get, server.url("/x"), target)
    assert error.fault is TransferFault.INTERRUPTED and "100000 of 300000" in str(error)
    assert not target.exists()
    got = get(server.url("/x", "new:password@"), target)
    assert got.resumed_at == 100_000
    assert target.read_bytes() == IMAGE
    assert server.requests[-1].headers["Range"] == "bytes=100000-"
    assert server.requests[-1].headers["If-Range"] == '"v1"'


def test_16_FW_08_the_date_is_a_validator_too(server: HttpFiles, tmp_path: Path) -> None:
    server.files["/x"], server.modified = IMAGE, "Thu, 01 Jan 2026 00:00:00 GMT"
    server.cut_after = [70_000]
    refused(get, server.url("/x"), tmp_path / "x")
    assert get(server.url("/x"), tmp_path / "x").resumed_at == 70_000
    assert (tmp_path / "x").read_bytes() == IMAGE


@pytest.mark.parametrize("etag", ["", 'W/"weak"'])
def test_16_FW_08_without_a_validator_a_download_begins_anew(
    server: HttpFiles, tmp_path: Path, etag: str
) -> None:
    server.files["/x"], server.etags["/x"] = IMAGE, etag
    server.cut_after = [100_000]
    refused(get, server.url("/x"), tmp_path / "x")
    assert get(server.url("/x"), tmp_path / "x").resumed_at == 0
    assert "Range" not in server.requests[-1].headers
    assert (tmp_path / "x").read_bytes() == IMAGE


def test_16_FW_08_a_file_that_changed_meanwhile_is_fetched_whole(server: HttpFiles, tmp_path: Path) -> None:
    server.files["/x"], server.etags["/x"] = IMAGE, '"v1"'
    server.cut_after = [100_000]
    refused(get, server.url("/x"), tmp_path / "x")
    newer = os.urandom(200_000)
    server.files["/x"], server.etags["/x"] = newer, '"v2"'
    assert get(server.url("/x"), tmp_path / "x").resumed_at == 0
    assert (tmp_path / "x").read_bytes() == newer


def test_16_FW_08_a_server_without_ranges_sends_all_again(server: HttpFiles, tmp_path: Path) -> None:
    server.files["/x"], server.etags["/x"], server.ranges = IMAGE, '"v1"', False
    server.cut_after = [100_000]
    refused(get, server.url("/x"), tmp_path / "x")
    assert get(server.url("/x"), tmp_path / "x").resumed_at == 0
    assert (tmp_path / "x").read_bytes() == IMAGE


def test_16_FW_08_a_complete_part_whose_rename_was_lost_is_fetched_again(
    server: HttpFiles, tmp_path: Path
) -> None:
    server.files["/x"], server.etags["/x"] = IMAGE, '"v1"'
    server.cut_after = [len(IMAGE) - 1]
    refused(get, server.url("/x"), tmp_path / "x")
    (tmp_path / "x.part").write_bytes(IMAGE)
    get(server.url("/x"), tmp_path / "x")
    assert (tmp_path / "x").read_bytes() == IMAGE


def test_a_part_of_another_source_is_not_gone_on_with(server: HttpFiles, tmp_path: Path) -> None:
    server.files.update({"/x": IMAGE, "/y": IMAGE[::-1]})
    server.etags.update({"/x": '"v1"', "/y": '"v1"'})
    server.cut_after = [100_000]
    refused(get, server.url("/x"), tmp_path / "image")
    assert get(server.url("/y"), tmp_path / "image").resumed_at == 0
    assert (tmp_path / "image").read_bytes() == IMAGE[::-1]


def test_giving_up_leaves_nothing_behind(server: HttpFiles, tmp_path: Path) -> None:
    server.files["/x"], server.etags["/x"] = IMAGE, '"v1"'
    server.cut_after = [1000]
    refused(get, server.url("/x"), tmp_path / "x")
    forget_download(tmp_path / "x")
    assert list(tmp_path.iterdir()) == []


def test_the_old_file_stays_until_the_new_one_is_complete(server: HttpFiles, tmp_path: Path) -> None:
    server.files["/x"] = IMAGE
    (tmp_path / "x").write_bytes(b"old")
    server.cut_after = [1000]
    refused(get, server.url("/x"), tmp_path / "x")
    assert (tmp_path / "x").read_bytes() == b"old"
    get(server.url("/x"), tmp_path / "x")
    assert (tmp_path / "x").read_bytes() == IMAGE


def _answering(status: int, headers: dict[str, str], body: bytes = b"") -> Any:
    def answer(_request: Request, handler: BaseHTTPRequestHandler) -> bool:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)
        handler.close_connection = True
        return True

    return answer


@pytest.mark.parametrize(
    ("status", "headers", "fault"),
    [
        (200, {"Content-Length": "-5"}, TransferFault.BAD_MESSAGE),
        (200, {"Content-Length": "five"}, TransferFault.BAD_MESSAGE),
        (200, {"Content-Length": "5, 6"}, TransferFault.BAD_MESSAGE),
        (200, {"Content-Length": "9" * 30}, TransferFault.BAD_MESSAGE),
        (200, {"Content-Length": "999999999999999"}, TransferFault.TOO_LARGE),
        (200, {"Content-Length": "50"}, TransferFault.INTERRUPTED),
        (200, {"Transfer-Encoding": "chunked"}, TransferFault.INTERRUPTED),
        (200, {"Content-Encoding": "gzip", "Content-Length": "5"}, TransferFault.BAD_MESSAGE),
        (206, {"Content-Range": "bytes 7-11/12", "Content-Length": "5"}, TransferFault.BAD_MESSAGE),
        (206, {"Content-Range": "rubbish", "Content-Length": "5"}, TransferFault.BAD_MESSAGE),
        (204, {}, TransferFault.BAD_MESSAGE),
        (301, {"Content-Length": "0"}, TransferFault.BAD_MESSAGE),
        (302, {"Location": "ftp://localhost/x"}, TransferFault.BAD_MESSAGE),
        (302, {"Location": "file:///etc/passwd"}, TransferFault.BAD_MESSAGE),
        (302, {"Location": "/again"}, TransferFault.BAD_MESSAGE),
        (403, {}, TransferFault.PERMISSION_DENIED),
        (404, {}, TransferFault.NOT_FOUND),
        (503, {}, TransferFault.INTERRUPTED),
    ],
)
def test_what_a_bad_answer_means(
    server: HttpFiles, tmp_path: Path, status: int, headers: dict[str, str], fault: TransferFault
) -> None:
    server.answer = _answering(status, headers, b"12345" if status in (200, 206) else b"")
    error = refused(get, server.url("/x"), tmp_path / "x")
    assert error.fault is fault, str(error)
    assert "http://localhost" in str(error) and ";" in str(error)
    assert not (tmp_path / "x").exists()


def test_what_speaks_no_http_is_named_so(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]

        def talk() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"220 this is a mail server\r\n")

        thread = threading.Thread(target=talk)
        thread.start()
        error = refused(get, f"http://127.0.0.1:{port}/x", tmp_path / "x")
        thread.join()
    assert error.fault is TransferFault.BAD_MESSAGE and "no HTTP" in str(error)


def test_a_file_larger_than_allowed_is_refused_before_and_while_it_comes(
    server: HttpFiles, tmp_path: Path
) -> None:
    server.files["/x"] = IMAGE
    small = Options(most_bytes=100_000, keep_free_bytes=0)
    error = refused(get, server.url("/x"), tmp_path / "x", small)
    assert error.fault is TransferFault.TOO_LARGE and "100000" in str(error)
    server.answer = _answering(200, {}, IMAGE)  # the length is not told
    assert refused(get, server.url("/x"), tmp_path / "x", small).fault is TransferFault.TOO_LARGE
    assert list(tmp_path.iterdir()) == []


def test_the_disk_is_not_filled(server: HttpFiles, tmp_path: Path) -> None:
    server.files["/x"] = IMAGE
    error = refused(get, server.url("/x"), tmp_path / "x", Options(keep_free_bytes=1 << 60))
    assert error.fault is TransferFault.NO_SPACE and "make room" in str(error)
    server.answer = _answering(200, {}, IMAGE)
    error = refused(get, server.url("/x"), tmp_path / "x", Options(keep_free_bytes=1 << 60))
    assert error.fault is TransferFault.NO_SPACE


def test_a_directory_that_is_not_there_is_named(server: HttpFiles, tmp_path: Path) -> None:
    server.files["/x"] = IMAGE
    error = refused(get, server.url("/x"), tmp_path / "missing" / "x")
    assert error.fault is TransferFault.NO_SPACE and "missing" in str(error)


def test_a_directory_is_no_file(server: HttpFiles, tmp_path: Path) -> None:
    assert refused(get, server.url("/x/"), tmp_path / "x").fault is TransferFault.BAD_LOCATION


def test_redirects_are_followed_with_credentials_for_the_same_server_only(
    server: HttpFiles, tmp_path: Path
) -> None:
    with http_server() as other:
        other.files["/there"] = IMAGE

        def answer(request: Request, handler: BaseHTTPRequestHandler) -> bool:
            target = {"/x": "/y?key=1", "/y?key=1": other.url("/there")}[request.path]
            return bool(_answering(302, {"Location": target, "Content-Length": "0"})(request, handler))

        server.answer = answer
        got = get(server.url("/x", "joule:post@"), tmp_path / "x")
        assert got.path.read_bytes() == IMAGE
        assert [("Authorization" in one.headers) for one in server.requests] == [True, True]
        assert "Authorization" not in other.requests[0].headers


def test_a_stall_ends_the_transfer(server: HttpFiles, tmp_path: Path) -> None:
    go_on = threading.Event()
    server.files["/x"] = IMAGE

    def answer(request: Request, handler: BaseHTTPRequestHandler) -> bool:
        handler.send_response(200)
        handler.send_header("Content-Length", "100")
        handler.end_headers()
        handler.wfile.write(b"12345")
        go_on.wait(10)
        return True

    server.answer = answer
    error = refused(get, server.url("/x"), tmp_path / "x", Options(stall_s=0.1, keep_free_bytes=0))
    go_on.set()
    assert error.fault is TransferFault.INTERRUPTED and "0.1 s" in str(error)


def test_all_together_takes_no_longer_than_allowed(server: HttpFiles, tmp_path: Path) -> None:
    go_on = threading.Event()
    server.on_request = lambda _request: bool(go_on.wait(10)) and None
    error = refused(get, server.url("/x"), tmp_path / "x", Options(whole_s=0.1, keep_free_bytes=0))
    go_on.set()
    assert error.fault is TransferFault.INTERRUPTED and "not done within 0.1 s" in str(error)


def test_cancelling_ends_a_transfer_that_waits_for_the_server(server: HttpFiles, tmp_path: Path) -> None:
    go_on = threading.Event()
    server.files["/x"] = IMAGE

    async def main() -> float:
        loop = asyncio.get_running_loop()
        asked = asyncio.Event()

        def on_request(_request: Request) -> None:
            loop.call_soon_threadsafe(asked.set)
            go_on.wait(20)

        server.on_request = on_request
        task = asyncio.create_task(download(parse_location(server.url("/x")), tmp_path / "x", QUICK))
        await asked.wait()
        begun = time.monotonic()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return time.monotonic() - begun

    took_s = asyncio.run(main())
    go_on.set()
    assert took_s < QUICK.stall_s / 2, "the thread was woken up, it did not wait for the time-out"


def test_cancelling_between_chunks_keeps_what_was_written(server: HttpFiles, tmp_path: Path) -> None:
    server.files["/x"], server.etags["/x"] = IMAGE * 100, '"v1"'

    async def main() -> None:
        task: asyncio.Task[Downloaded]

        def progress(done: int, _total: int | None) -> None:
            task.cancel()

        task = asyncio.create_task(
            download(parse_location(server.url("/x")), tmp_path / "x", QUICK, progress)
        )
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    left = (tmp_path / "x.part").stat().st_size
    assert 0 < left < len(IMAGE) * 100
    assert get(server.url("/x"), tmp_path / "x").resumed_at == left
    assert (tmp_path / "x").read_bytes() == IMAGE * 100


def test_nobody_listening_and_no_such_name(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as one:
        port = one.getsockname()[1]
    error = refused(get, f"http://127.0.0.1:{port}/x", tmp_path / "x")
    assert error.fault is TransferFault.UNREACHABLE and "refused" in str(error)
    error = refused(get, "http://nowhere.invalid/x", tmp_path / "x")
    assert error.fault is TransferFault.UNREACHABLE and "nowhere.invalid" in str(error)


# ---------------------------------------------------------------------- TLS


def test_16_FW_07_https_with_a_root_of_our_own(tmp_path: Path) -> None:
    with http_server(tls=authority()) as server:
        server.files["/x"] = IMAGE
        options = Options(ca_files=(root_file(tmp_path),), keep_free_bytes=0)
        assert get(server.url("/x"), tmp_path / "x", options).path.read_bytes() == IMAGE
        pem = authority().cert_pem.bytes().decode()
        get(server.url("/x"), tmp_path / "x", Options(ca_pem=pem, system_roots=False, keep_free_bytes=0))


def test_a_server_nobody_knows_gets_nothing(tmp_path: Path) -> None:
    with http_server(tls=stranger()) as server:
        options = Options(ca_files=(root_file(tmp_path),), keep_free_bytes=0)
        error = refused(get, server.url("/x", "joule:post@"), tmp_path / "x", options)
        assert error.fault is TransferFault.UNTRUSTED and "root certificate" in str(error)
        assert server.requests == []


def test_a_certificate_for_another_name_is_not_accepted(tmp_path: Path) -> None:
    with http_server(tls=authority()) as server:
        options = Options(ca_files=(root_file(tmp_path),), keep_free_bytes=0)
        url = server.url("/x").replace("localhost", "127.0.0.1")
        assert refused(get, url, tmp_path / "x", options).fault is TransferFault.UNTRUSTED


def test_https_at_a_port_without_tls(server: HttpFiles, tmp_path: Path) -> None:
    url = server.url("/x").replace("http:", "https:")
    error = refused(get, url, tmp_path / "x")
    assert error.fault is TransferFault.UNTRUSTED and "TLS" in str(error)


def test_roots_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    with http_server(tls=authority()) as server:
        options = Options(ca_files=(tmp_path / "none.pem",), keep_free_bytes=0)
        error = refused(get, server.url("/x"), tmp_path / "x", options)
        assert error.fault is TransferFault.UNTRUSTED and "none.pem" in str(error)


def test_a_redirect_never_leads_from_https_to_http(server: HttpFiles, tmp_path: Path) -> None:
    server.files["/x"] = IMAGE
    with http_server(tls=authority()) as safe:
        safe.answer = _answering(302, {"Location": server.url("/x"), "Content-Length": "0"})
        options = Options(ca_files=(root_file(tmp_path),), keep_free_bytes=0)
        error = refused(get, safe.url("/x"), tmp_path / "x", options)
    assert error.fault is TransferFault.UNTRUSTED and "from https to http" in str(error)
    assert server.requests == []


# ---------------------------------------------------------------------- upload


@pytest.fixture
def log_file(tmp_path: Path) -> Path:
    path = tmp_path / "log.gz"
    path.write_bytes(IMAGE)
    return path


def test_16_FW_11_an_upload_to_a_directory_is_a_put_under_the_files_name(
    server: HttpFiles, log_file: Path
) -> None:
    server.user, server.password = "joule", "post"
    done = put(log_file, server.url("/logs/", "joule:post@"), name="CP 1.gz")
    assert server.files["/logs/CP%201.gz"] == IMAGE
    assert str(done.location).endswith("/logs/CP%201.gz") and done.size == len(IMAGE)
    assert len(server.requests) == 1 and server.requests[0].headers["Content-Length"] == str(len(IMAGE))


def test_16_FW_11_an_upload_to_a_file_keeps_its_name_and_query(server: HttpFiles, log_file: Path) -> None:
    put(log_file, server.url("/bucket/key?sig=abc"))
    assert server.files["/bucket/key?sig=abc"] == IMAGE


def test_16_FW_11_where_put_does_not_exist_a_form_is_posted(server: HttpFiles, log_file: Path) -> None:
    """2.0.1 N01.FR.18, N01.FR.19."""
    server.put = False
    put(log_file, server.url("/upload/"), name='a"b.gz')
    assert server.files["/upload/a_b.gz"] == IMAGE
    assert [one.method for one in server.requests] == ["PUT", "POST"]
    assert server.requests[1].path == "/upload/"


@pytest.mark.parametrize(
    ("status", "fault"),
    [
        (400, TransferFault.BAD_MESSAGE),
        (401, TransferFault.PERMISSION_DENIED),
        (403, TransferFault.PERMISSION_DENIED),
        (404, TransferFault.NOT_FOUND),
        (405, TransferFault.NOT_SUPPORTED),
        (413, TransferFault.TOO_LARGE),
        (500, TransferFault.INTERRUPTED),
        (501, TransferFault.NOT_SUPPORTED),
        (303, TransferFault.BAD_MESSAGE),
    ],
)
def test_16_SEC_29_what_a_refused_upload_means(
    server: HttpFiles, log_file: Path, status: int, fault: TransferFault
) -> None:
    server.answer = _answering(status, {"Content-Length": "0"})
    assert refused(put, log_file, server.url("/logs/")).fault is fault


def test_an_upload_follows_a_redirect_with_its_body(server: HttpFiles, log_file: Path) -> None:
    with http_server() as other:
        server.answer = _answering(307, {"Location": other.url("/there"), "Content-Length": "0"})
        done = put(log_file, server.url("/logs/", "joule:post@"))
        assert other.files["/there"] == IMAGE
        assert done.location.port == other.port
        assert "Authorization" not in other.requests[0].headers


def test_a_server_that_refuses_before_it_has_read_all_is_heard(tmp_path: Path) -> None:
    big = tmp_path / "big"
    big.write_bytes(bytes(8_000_000))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]

        def talk() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(65536):
                    pass

        thread = threading.Thread(target=talk)
        thread.start()
        error = refused(put, big, f"http://127.0.0.1:{port}/x")
        thread.join()
    assert error.fault is TransferFault.TOO_LARGE


def test_an_upload_that_is_cut_is_interrupted(server: HttpFiles, log_file: Path) -> None:
    def answer(_request: Request, handler: BaseHTTPRequestHandler) -> bool:
        handler.hang_up()  # type: ignore[attr-defined]
        return True

    server.answer = answer
    error = refused(put, log_file, server.url("/logs/"))
    assert error.fault is TransferFault.INTERRUPTED and "broke" in str(error)


def test_a_file_that_is_not_there_is_named(server: HttpFiles, tmp_path: Path) -> None:
    error = refused(put, tmp_path / "none", server.url("/logs/"))
    assert error.fault is TransferFault.NO_SPACE and "none" in str(error)
