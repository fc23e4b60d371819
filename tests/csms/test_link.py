"""The websocket link against real servers: good, refusing, lying, half-open, vanishing."""

from __future__ import annotations

import asyncio
import base64
import datetime
import functools
import re
import socket
import ssl
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
import trustme
from websockets.asyncio.server import ServerConnection
from websockets.http11 import Request, Response

from controller.csms.errors import LinkClosed, LinkError, LinkProblem
from controller.csms.link import MAX_MESSAGE_BYTES, Endpoint, connect
from tests.csms.sockets import HalfOpen, Talk, accepted, csms, endpoint, raw_server
from tests.support.virtual_time import run_virtual

PASSWORD = b"very secret \x00\xff:password"


async def stay(websocket: ServerConnection) -> None:
    await websocket.wait_closed()


async def refused(target: Endpoint) -> LinkError:
    """The error of an attempt that must fail, checked for what every one must and must not say."""
    with pytest.raises(LinkError) as caught:
        await connect(target)
    text = str(caught.value)
    assert "found " in text and "expected " in text and "; " in text
    assert caught.value.where in text
    assert "secret" not in text and base64.b64encode(b"CP1:" + PASSWORD).decode() not in text
    return caught.value


# ---- the URL


@pytest.mark.parametrize(
    ("url", "identity", "expected"),
    [
        ("ws://csms.example.com/ocpp", "CP001", "ws://csms.example.com/ocpp/CP001"),
        ("wss://csms.example.com/ocppj", "RDAM 123", "wss://csms.example.com/ocppj/RDAM%20123"),
        ("wss://csms.example.com/ocppj", "RDAM|123", "wss://csms.example.com/ocppj/RDAM%7C123"),
        ("ws://csms.example.com:8080", "a/b?c#d%e", "ws://csms.example.com:8080/a%2Fb%3Fc%23d%25e"),
        ("ws://csms.example.com/ocpp/", "CP1", "ws://csms.example.com/ocpp/CP1"),
        ("ws://csms.example.com/ocpp?tenant=5", "Säule", "ws://csms.example.com/ocpp/S%C3%A4ule?tenant=5"),
        ("ws://[::1]:80/x", "CP1", "ws://[::1]:80/x/CP1"),
    ],
)
def test_16_CONN_01_connection_url(url: str, identity: str, expected: str) -> None:
    assert Endpoint(url, identity, ("ocpp1.6",)).connection_url == expected


def test_16_CONN_01_the_server_sees_the_encoded_identity() -> None:
    async def main() -> None:
        paths: list[str] = []

        async def handler(websocket: ServerConnection) -> None:
            assert websocket.request is not None
            paths.append(websocket.request.path)
            await websocket.wait_closed()

        async with csms(handler) as port:
            link = await connect(endpoint(port, identity="RDAM|123 €"))
            await link.close()
        assert paths == ["/ocpp/RDAM%7C123%20%E2%82%AC"]

    asyncio.run(main())


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"url": "http://host/ocpp"}, "scheme 'http'"),
        ({"url": "ws:///ocpp"}, "a host"),
        ({"url": "host:9000"}, "scheme 'host'"),
        ({"url": ""}, "scheme ''"),
        ({"url": "ws://host:99999/"}, "Port out of range"),
        ({"url": "ws://[::1/"}, "Invalid IPv6"),
        ({"url": "ws://user:secret@host/"}, "a user name"),
        ({"url": "ws://user:secret@host:77777/"}, "Port out of range"),
        ({"url": "ws://host/#fragment"}, "fragment"),
        ({"subprotocols": ()}, "no OCPP version"),
        ({"identity": ""}, "identity ''"),
        ({"identity": "a:b"}, "identity 'a:b'"),
        ({"identity": "x" * 49}, "1 to 48"),
        ({"identity": "a\r\nX: y"}, "printable"),
        ({"security_profile": 1}, "no password"),
        ({"security_profile": 2, "password": PASSWORD}, "expected wss"),
        ({"security_profile": 3}, "expected wss"),
        ({"security_profile": 3, "url": "wss://host/"}, "no client certificate"),
        ({"security_profile": 4}, "expected 0, 1, 2 or 3"),
        ({"url": "wss://host/", "ca_file": Path("/nowhere/ca.pem")}, "/nowhere/ca.pem"),
        ({"url": "wss://host/", "ca_file": Path(__file__)}, "test_link.py"),
    ],
)
def test_a_bad_endpoint_is_told_without_trying(changes: dict[str, Any], found: str) -> None:
    values = {"url": "ws://127.0.0.1:9/", "identity": "CP1", "subprotocols": ("ocpp1.6",)} | changes
    error = asyncio.run(refused(Endpoint(**values)))
    assert error.problem is LinkProblem.BAD_ENDPOINT and found in str(error)


def test_the_password_is_not_in_the_repr() -> None:
    assert "secret" not in repr(endpoint(1, password=PASSWORD))


# ---- versions


@pytest.mark.parametrize(
    "offered", [("ocpp2.1", "ocpp2.0.1", "ocpp1.6"), ("ocpp1.6", "ocpp2.0.1"), ("ocpp1.6",)]
)
def test_16_CONN_02_versions_are_offered_in_order_and_the_server_picks(offered: tuple[str, ...]) -> None:
    async def main() -> None:
        seen: list[str] = []

        def pick(websocket: ServerConnection, names: Any) -> Any:
            seen.extend(names)
            return names[-1]

        async with csms(stay, offered, select_subprotocol=pick) as port:
            link = await connect(endpoint(port, subprotocols=offered))
            assert link.subprotocol == offered[-1]
            await link.close()
        assert tuple(seen) == offered

    asyncio.run(main())


def test_16_CONN_03_no_subprotocol_in_the_answer_is_a_failure() -> None:
    async def main() -> None:
        closed: list[int | None] = []

        async def handler(websocket: ServerConnection) -> None:
            await websocket.wait_closed()
            closed.append(websocket.close_code)

        async with csms(handler, None) as port:
            error = await refused(endpoint(port))
            assert error.problem is LinkProblem.NO_SUBPROTOCOL and "ocpp2.0.1, ocpp1.6" in str(error)
        assert closed == [1002], "the socket was not used for OCPP"

    asyncio.run(main())


def test_16_CONN_02_a_version_that_was_not_offered_is_a_failure() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(accepted(await reader.readuntil(b"\r\n\r\n"), "ocpp1.5"))
        await reader.read()

    async def main() -> None:
        async with raw_server(talk) as port:
            assert (await refused(endpoint(port))).problem is LinkProblem.NO_SUBPROTOCOL

    asyncio.run(main())


# ---- Basic authentication and refusals


@pytest.mark.parametrize("password", [PASSWORD, bytes(range(20)), b"", b"plain", None])
def test_basic_authentication_carries_any_bytes(password: bytes | None) -> None:
    async def main() -> None:
        headers: list[str | None] = []

        async def handler(websocket: ServerConnection) -> None:
            assert websocket.request is not None
            headers.append(websocket.request.headers.get("Authorization"))
            await websocket.wait_closed()

        async with csms(handler) as port:
            link = await connect(endpoint(port, password=password))
            await link.close()
        if password is None:
            assert headers == [None]
        else:
            assert headers[0] is not None and headers[0].startswith("Basic ")
            assert base64.b64decode(headers[0][6:]) == b"CP1:" + password

    asyncio.run(main())


@pytest.mark.parametrize(
    ("status", "problem", "advice"),
    [
        (401, LinkProblem.UNAUTHORIZED, "check the password of CP1"),
        (403, LinkProblem.FORBIDDEN, "blocked"),
        (404, LinkProblem.UNKNOWN_IDENTITY, "knows the identity 'CP1'"),
        (429, LinkProblem.SERVER_ERROR, "tried again"),
        (500, LinkProblem.SERVER_ERROR, "tried again"),
        (503, LinkProblem.SERVER_ERROR, "tried again"),
        (200, LinkProblem.REFUSED_BY_HTTP, "check the URL"),
        (426, LinkProblem.REFUSED_BY_HTTP, "check the URL"),
    ],
)
def test_16_CONN_04_http_refusals(status: int, problem: LinkProblem, advice: str) -> None:
    def refuse(websocket: ServerConnection, request: Request) -> Response:
        return websocket.respond(HTTPStatus(status), "no\n")

    async def main() -> None:
        async with csms(stay, process_request=refuse) as port:
            error = await refused(endpoint(port, password=PASSWORD))
            assert error.problem is problem
            assert f"HTTP status {status}" in str(error) and advice in str(error)

    asyncio.run(main())


def test_401_without_a_password_says_that_one_is_missing() -> None:
    def refuse(websocket: ServerConnection, request: Request) -> Response:
        return websocket.respond(HTTPStatus.UNAUTHORIZED, "no\n")

    async def main() -> None:
        async with csms(stay, process_request=refuse) as port:
            assert "configure a password" in str(await refused(endpoint(port)))

    asyncio.run(main())


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirects_are_not_followed(status: int) -> None:
    async def main() -> None:
        visits: list[str | None] = []

        async def elsewhere(websocket: ServerConnection) -> None:
            visits.append(websocket.request.headers.get("Authorization") if websocket.request else None)

        async with csms(elsewhere) as other:

            def redirect(websocket: ServerConnection, request: Request) -> Response:
                response = websocket.respond(HTTPStatus(status), "")
                response.headers["Location"] = f"ws://who:secret@127.0.0.1:{other}/ocpp/CP1"
                return response

            async with csms(stay, process_request=redirect) as port:
                error = await refused(endpoint(port, password=PASSWORD))
        assert error.problem is LinkProblem.REDIRECTED and f"***@127.0.0.1:{other}" in str(error)
        assert visits == []

    asyncio.run(main())


# ---- networks that fail


@pytest.mark.parametrize("scheme", ["ws", "wss"])
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_nothing_listens(host: str, scheme: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        error = asyncio.run(refused(endpoint(port, host=host, scheme=scheme)))
    assert error.problem is LinkProblem.REFUSED and f"{scheme}://{host}:{port}/ocpp/CP1" in str(error)


def test_tls_to_a_server_that_hangs_up() -> None:
    async def main() -> None:
        async with raw_server(say(b"", read=False)) as port:
            error = await refused(endpoint(port, scheme="wss"))
            assert error.problem is LinkProblem.TLS_FAILED and "in the middle of the TLS handshake" in str(
                error
            )

    asyncio.run(main())


def test_host_name_unknown() -> None:
    error = asyncio.run(refused(endpoint(80, host="no-such-host.invalid")))
    assert error.problem is LinkProblem.NAME_UNKNOWN and "no-such-host.invalid" in str(error)


def say(answer: bytes | None, *, read: bool = True, hang_up: bool = True) -> Talk:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n") if read else b""
        writer.write(accepted(request) if answer is None else answer)
        await writer.drain()
        if not hang_up:
            await asyncio.Event().wait()

    return talk


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 101",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"\x15\x03\x01\x00\x02\x02\x0a",
        bytes(range(256)) * 100,
        b"A" * 200_000,
        b"HTTP/1.1 101 Switching Protocols\r\n" + b"X: y\r\n" * 10_000 + b"\r\n",
    ],
    ids=[
        "nothing",
        "status cut",
        "headers cut",
        "no accept",
        "no upgrade",
        "ssh",
        "tls",
        "noise",
        "long",
        "many",
    ],
)
@pytest.mark.parametrize("read", [True, False])
def test_what_is_no_websocket_server(answer: bytes, read: bool) -> None:
    async def main() -> None:
        async with raw_server(say(answer, read=read)) as port:
            error = await refused(endpoint(port, password=PASSWORD))
            assert error.problem is LinkProblem.NOT_A_WEBSOCKET

    asyncio.run(main())


@pytest.mark.parametrize(
    ("scheme", "answer"),
    [("ws", b""), ("ws", b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: webso"), ("wss", b"")],
)
def test_a_handshake_that_never_ends_is_given_up(scheme: str, answer: bytes) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        async with raw_server(say(answer, read=False, hang_up=False)) as port:
            start = loop.time()
            error = await refused(endpoint(port, scheme=scheme, open_timeout_s=15))
            assert loop.time() - start == pytest.approx(15, abs=0.1)
            assert error.problem is LinkProblem.TIMEOUT and "within 15 s" in str(error)

    run_virtual(main())


def test_giving_up_while_connecting_leaves_nothing_behind() -> None:
    async def main() -> None:
        gone = asyncio.Event()

        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            await reader.read()
            gone.set()

        async with raw_server(talk) as port:
            task = asyncio.create_task(connect(endpoint(port)))
            await asyncio.sleep(0.05)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            async with asyncio.timeout(5):
                await gone.wait()

    asyncio.run(main())


# ---- TLS


@functools.cache
def authority() -> trustme.CA:
    return trustme.CA()


def server_tls(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


@pytest.fixture
def ca_file(tmp_path: Path) -> Path:
    path = tmp_path / "ca.pem"
    authority().cert_pem.write_to_path(str(path))
    return path


def test_tls_with_a_trusted_root(ca_file: Path) -> None:
    async def main() -> None:
        async def echo(websocket: ServerConnection) -> None:
            async for message in websocket:
                await websocket.send(message)

        tls = server_tls(authority().issue_cert("127.0.0.1"))
        async with csms(echo, tls=tls) as port:
            target = endpoint(port, scheme="wss", ca_file=ca_file, security_profile=2, password=PASSWORD)
            link = await connect(target)
            await link.send("hello" * 10_000)
            assert await link.recv() == "hello" * 10_000
            await link.close()

    asyncio.run(main())


def days(count: int) -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=count)


@pytest.mark.parametrize(
    ("certificate", "problem", "advice"),
    [
        (
            lambda: authority().issue_cert("127.0.0.1", not_before=days(-10), not_after=days(-1)),
            LinkProblem.TLS_DATE,
            "date of this station",
        ),
        (
            lambda: authority().issue_cert("127.0.0.1", not_before=days(1), not_after=days(10)),
            LinkProblem.TLS_DATE,
            "date of this station",
        ),
        (lambda: authority().issue_cert("csms.example.com"), LinkProblem.TLS_WRONG_HOST, "somebody else's"),
        (lambda: trustme.CA().issue_cert("127.0.0.1"), LinkProblem.TLS_UNTRUSTED, "ca_file"),
    ],
    ids=["expired", "not yet valid", "wrong host", "unknown root"],
)
def test_certificates_that_do_not_fit(
    certificate: Callable[[], trustme.LeafCert], problem: LinkProblem, advice: str, ca_file: Path
) -> None:
    async def main() -> None:
        async with csms(stay, tls=server_tls(certificate())) as port:
            error = await refused(endpoint(port, scheme="wss", ca_file=ca_file, password=PASSWORD))
            assert error.problem is problem and advice in str(error)

    asyncio.run(main())


def test_without_ca_file_only_the_roots_of_the_system_count() -> None:
    async def main() -> None:
        async with csms(stay, tls=server_tls(authority().issue_cert("127.0.0.1"))) as port:
            error = await refused(endpoint(port, scheme="wss"))
            assert error.problem is LinkProblem.TLS_UNTRUSTED and "the system's root" in str(error)

    asyncio.run(main())


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_tls_older_than_12_is_refused(ca_file: Path) -> None:
    async def main() -> None:
        tls = server_tls(authority().issue_cert("127.0.0.1"))
        tls.set_ciphers("ALL:@SECLEVEL=0")
        tls.minimum_version = ssl.TLSVersion.TLSv1
        tls.maximum_version = ssl.TLSVersion.TLSv1_1
        async with csms(stay, tls=tls) as port:
            error = await refused(endpoint(port, scheme="wss", ca_file=ca_file))
            assert error.problem is LinkProblem.TLS_VERSION and "found TLSv1.1" in str(error)

    asyncio.run(main())


def test_tls_to_a_server_without_it(ca_file: Path) -> None:
    async def main() -> None:
        async with raw_server(say(b"HTTP/1.1 400 Bad Request\r\n\r\n", read=False)) as port:
            error = await refused(endpoint(port, scheme="wss", ca_file=ca_file))
            assert error.problem is LinkProblem.TLS_FAILED

    asyncio.run(main())


def test_no_tls_to_a_server_with_it() -> None:
    async def main() -> None:
        async with csms(stay, tls=server_tls(authority().issue_cert("127.0.0.1"))) as port:
            assert (await refused(endpoint(port))).problem is LinkProblem.NOT_A_WEBSOCKET

    asyncio.run(main())


# ---- the open connection


def test_frames_both_ways_and_a_friendly_end() -> None:
    async def main() -> None:
        closed: list[tuple[int | None, str | None]] = []

        async def echo(websocket: ServerConnection) -> None:
            async for message in websocket:
                await websocket.send(message)
            closed.append((websocket.close_code, websocket.close_reason))

        async with csms(echo) as port:
            link = await connect(endpoint(port))
            for text in ("", "Grün €", "x" * 300_000):
                await link.send(text)
                assert await link.recv() == text
            await link.close(reason="going for a restart " + "ü" * 100)
            with pytest.raises(LinkClosed, match="closed by this station: going for a restart"):
                await link.recv()
            with pytest.raises(LinkClosed):
                await link.send("too late")
            await link.close()
        code, reason = closed[0]
        assert code == 1000 and reason is not None and reason.startswith("going for a restart ü")

    asyncio.run(main())


def test_the_server_says_why_it_closes() -> None:
    async def main() -> None:
        async def bye(websocket: ServerConnection) -> None:
            await websocket.close(4001, "maintenance")

        async with csms(bye) as port:
            link = await connect(endpoint(port))
            with pytest.raises(
                LinkClosed, match=r"closed the connection with code 4001: maintenance"
            ) as caught:
                await link.recv()
            assert caught.value.code == 4001

    asyncio.run(main())


def after_handshake(data: bytes) -> Talk:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(accepted(await reader.readuntil(b"\r\n\r\n")) + data)
        await writer.drain()
        try:
            async with asyncio.timeout(1):
                await reader.read(1000)
        except TimeoutError:
            pass  # vanishes without having been told anything

    return talk


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", None),  # vanishes at once
        (b"\x81\x05he", None),  # in the middle of a frame
        (b"\x81\x04\xff\xfe\xfd\xfc", 1007),  # not UTF-8
        (b"\x81\xff\x00\x00\x00\x00\x00\x00\x00\x01", 1002),  # masked by a server
        (b"\x8f\x00", 1002),  # no such opcode
        (b"\xc1\x00", 1002),  # reserved bit
        (b"\x81\x7f" + (MAX_MESSAGE_BYTES + 1).to_bytes(8), 1009),  # too large
        (b"\x88\x02\x03\xe8", 1000),  # a proper end
        (b"\x88\x00", 1005),  # an end without a code
    ],
    ids=[
        "vanishes",
        "cut frame",
        "not utf-8",
        "masked",
        "opcode",
        "reserved",
        "too large",
        "end",
        "end, no code",
    ],
)
def test_every_end_is_a_link_closed(data: bytes, code: int | None) -> None:
    async def main() -> None:
        async with raw_server(after_handshake(data)) as port:
            link = await connect(endpoint(port))
            with pytest.raises(LinkClosed) as caught:
                async with asyncio.timeout(20):
                    await link.recv()
            assert caught.value.code == code and caught.value.why
            with pytest.raises(LinkClosed):
                await link.send("anybody there?")

    run_virtual(main())


def test_a_binary_message_stays_bytes() -> None:
    async def main() -> None:
        async def handler(websocket: ServerConnection) -> None:
            await websocket.send(b"\x00\x01")
            await websocket.wait_closed()

        async with csms(handler) as port:
            link = await connect(endpoint(port))
            assert await link.recv() == b"\x00\x01"
            await link.close()

    asyncio.run(main())


# ---- ping and pong


def test_16_CONN_20_a_missing_pong_ends_the_connection() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        server = HalfOpen(pongs=False)
        async with raw_server(server) as port:
            link = await connect(endpoint(port, ping_interval_s=54, pong_timeout_s=20))
            start = loop.time()
            with pytest.raises(LinkClosed, match=re.escape("sent no pong within 20 s")):
                await link.recv()
            assert loop.time() - start == pytest.approx(74, abs=0.5)
            assert len(server.pings) == 1

    run_virtual(main())


def test_pongs_keep_the_connection_for_a_day() -> None:
    async def main() -> None:
        server = HalfOpen(pongs=True)
        async with raw_server(server) as port:
            link = await connect(endpoint(port, ping_interval_s=300))
            reader = asyncio.create_task(link.recv())
            await asyncio.sleep(86_400)
            assert not reader.done() and len(server.pings) in (287, 288)
            reader.cancel()
            await asyncio.gather(reader, return_exceptions=True)
            link._cut("the test is over")

    run_virtual(main())


def test_16_CONN_19_interval_0_stops_pings_and_a_change_takes_effect_at_once() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        server = HalfOpen(pongs=True)
        async with raw_server(server) as port:
            link = await connect(endpoint(port, ping_interval_s=0))
            await asyncio.sleep(10_000)
            assert server.pings == []
            link.set_ping_interval(10)
            start = loop.time()
            await asyncio.sleep(35)
            assert [round(at - start) for at in server.pings] == [10, 20, 30]
            link.set_ping_interval(0)
            await asyncio.sleep(1_000)
            assert len(server.pings) == 3
            link._cut("the test is over")

    run_virtual(main())


def test_a_server_that_stops_reading_is_found_while_sending() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        async with raw_server(HalfOpen(reads=False)) as port:
            link = await connect(endpoint(port, send_timeout_s=30))
            start = loop.time()
            with pytest.raises(LinkClosed, match="has read nothing for 30 s"):
                for _ in range(1_000):
                    await link.send("x" * 100_000)
            assert loop.time() - start == pytest.approx(30, abs=1)
            with pytest.raises(LinkClosed, match="has read nothing"):
                await link.recv()

    run_virtual(main())


@pytest.mark.parametrize("full", [False, True])
def test_closing_never_hangs(full: bool) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        async with raw_server(HalfOpen(reads=False)) as port:
            link = await connect(endpoint(port, send_timeout_s=1_000))
            sender = asyncio.create_task(flood(link)) if full else None
            await asyncio.sleep(1)
            start = loop.time()
            await link.close()
            assert loop.time() - start <= 10.5
            if sender is not None:
                assert isinstance((await asyncio.gather(sender, return_exceptions=True))[0], LinkClosed)

    async def flood(link: Any) -> None:
        while True:
            await link.send("x" * 100_000)

    run_virtual(main())
