"""TLS of security profiles 2 and 3 against real servers: those that alert, and those that just hang up."""

from __future__ import annotations

import asyncio
import ssl
import warnings
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
import trustme
from websockets.asyncio.server import ServerConnection

from controller.csms.anchor import verified_with
from controller.csms.errors import LinkError, LinkProblem
from controller.csms.link import Endpoint, connect
from controller.csms.tls import (
    SUITES_12,
    SUITES_13,
    BadTlsFile,
    handshake,
    valid_pair,
    valid_root_in,
    what_it_offers,
)
from tests.csms.sockets import csms, endpoint
from tests.support.tls import (
    ECDSA,
    RSA,
    authority,
    certificate,
    client_files,
    common_name_only,
    days,
    root_file,
    server_tls,
    tls_server,
)

NOW_MS = 1_767_225_600_000
PASSWORD = b"0123456789abcdef"
V11, V12, V13 = ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
WEAK = "ALL:@SECLEVEL=0"


async def stay(websocket: ServerConnection) -> None:
    await websocket.wait_closed()


def target(port: int, tmp_path: Path, **more: Any) -> Endpoint:
    values: dict[str, Any] = {
        "scheme": "wss",
        "ca_file": root_file(tmp_path),
        "security_profile": 2,
        "password": PASSWORD,
        **more,
    }
    return endpoint(port, **values)


async def failure(one: Endpoint) -> LinkError:
    with pytest.raises(LinkError) as caught:
        link = await connect(one)
        await link.close()
    return caught.value


async def against(alerting: bool, context: ssl.SSLContext, one: Callable[[int], Endpoint]) -> LinkError:
    """The failure with a server that sends its alert, or with one that does not."""
    if alerting:
        with tls_server(context) as (port, _faults):
            return await failure(one(port))
    async with csms(stay, tls=context) as port:
        return await failure(one(port))


# ---- what works


@pytest.mark.parametrize(
    ("context", "version", "suite"),
    [
        (lambda: server_tls(newest=V13), "TLSv1.3", "TLS_AES_256_GCM_SHA384"),
        (lambda: server_tls(newest=V12, ciphers="ALL"), "TLSv1.2", "AES256-GCM-SHA384"),
        *[
            (
                lambda suite=suite: server_tls(
                    certificate(key=ECDSA if "ECDSA" in suite else RSA), newest=V12, ciphers=suite
                ),
                "TLSv1.2",
                suite,
            )
            for suite in SUITES_12
        ],
    ],
    ids=["1.3", "1.2", *SUITES_12],
)
def test_16_SEC_09_16_SEC_10_the_required_suites_work_without_compression(
    context: Callable[[], ssl.SSLContext], version: str, suite: str, tmp_path: Path
) -> None:
    async def main() -> None:
        async with csms(stay, tls=context()) as port:
            link = await connect(target(port, tmp_path))
            secure = link._websocket.transport.get_extra_info("ssl_object")
            assert (secure.version(), secure.cipher()[0], secure.compression()) == (version, suite, None)
            await link.close()

    asyncio.run(main())


def test_16_SEC_10_nothing_but_the_four_suites_and_those_of_13_is_offered() -> None:
    context = handshake(()).context
    assert {cipher["name"] for cipher in context.get_ciphers()} == {*SUITES_12, *SUITES_13}
    assert context.options & ssl.OP_NO_COMPRESSION and context.options & ssl.OP_NO_RENEGOTIATION
    assert not context.options & 0x4, "no legacy renegotiation (RFC 5746)"
    assert context.minimum_version is V12
    assert context.verify_mode is ssl.CERT_REQUIRED and context.check_hostname


def test_16_SEC_08_a_certificate_with_the_host_in_its_common_name_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the white paper wants it (A00.FR.308, FR.510, FR.511): no subjectAltName."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        plain = loop.getaddrinfo

        async def at_home(host: Any, *rest: Any, **more: Any) -> Any:
            return await plain("127.0.0.1" if host == "csms.example.com" else host, *rest, **more)

        monkeypatch.setattr(loop, "getaddrinfo", at_home)
        async with csms(stay, tls=common_name_only("csms.example.com", tmp_path)) as port:
            link = await connect(target(port, tmp_path, host="csms.example.com"))
            await link.close()
        async with csms(stay, tls=common_name_only("other.example.com", tmp_path)) as port:
            error = await failure(target(port, tmp_path, host="csms.example.com"))
            assert error.problem is LinkProblem.TLS_WRONG_HOST
        both = authority().issue_cert("other.example.com", common_name="csms.example.com")
        async with csms(stay, tls=server_tls(both)) as port:
            error = await failure(target(port, tmp_path, host="csms.example.com"))
            assert error.problem is LinkProblem.TLS_WRONG_HOST, "where there is a dNSName, it decides"

    asyncio.run(main())


# ---- what does not


@pytest.mark.parametrize("alerting", [True, False], ids=["alerts", "hangs up"])
@pytest.mark.parametrize("newest", [ssl.TLSVersion.TLSv1, V11])
def test_16_SEC_09_a_server_older_than_12(tmp_path: Path, newest: ssl.TLSVersion, alerting: bool) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context = server_tls(ciphers=WEAK)
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = newest
        error = asyncio.run(against(alerting, context, lambda port: target(port, tmp_path)))
    assert error.problem is LinkProblem.TLS_VERSION
    assert error.found == ("TLSv1" if newest is ssl.TLSVersion.TLSv1 else "TLSv1.1")


@pytest.mark.parametrize("alerting", [True, False], ids=["alerts", "hangs up"])
@pytest.mark.parametrize("suite", ["AES128-SHA", "ECDHE-RSA-AES128-SHA", "AES128-SHA256", "NULL-SHA256"])
def test_16_SEC_10_a_server_with_weak_suites_only(tmp_path: Path, suite: str, alerting: bool) -> None:
    context = server_tls(newest=V12, ciphers=f"{suite}:@SECLEVEL=0")
    error = asyncio.run(against(alerting, context, lambda port: target(port, tmp_path)))
    assert error.problem is LinkProblem.TLS_SUITE and error.found == suite
    assert "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256" in error.expected


@pytest.mark.parametrize(
    ("leaf", "problem"),
    [
        (lambda: authority().issue_cert("127.0.0.1", not_before=days(-9), not_after=days(-1)), "DATE"),
        (lambda: authority().issue_cert("127.0.0.1", not_before=days(1), not_after=days(9)), "DATE"),
        (lambda: authority().issue_cert("csms.example.com"), "WRONG_HOST"),
        (lambda: certificate(ca="Somebody"), "UNTRUSTED"),
        (
            lambda: trustme.CA(parent_cert=authority("Somebody")).issue_cert("127.0.0.1"),
            "UNTRUSTED",
        ),
    ],
    ids=["expired", "not yet valid", "wrong host", "unknown root", "unknown intermediate"],
)
def test_16_SEC_08_certificates_that_are_not_good_enough(
    leaf: Callable[[], trustme.LeafCert], problem: str, tmp_path: Path
) -> None:
    context = server_tls(leaf())
    for alerting in (True, False):
        error = asyncio.run(against(alerting, context, lambda port: target(port, tmp_path)))
        assert error.problem is LinkProblem[f"TLS_{problem}"]
        assert "/" in error.where and PASSWORD.decode() not in str(error)


def test_16_SEC_08_a_self_signed_certificate(tmp_path: Path) -> None:
    ca = authority("Self")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    path = tmp_path / "self.pem"
    path.write_bytes(ca.private_key_pem.bytes() + ca.cert_pem.bytes())
    context.load_cert_chain(path)
    error = asyncio.run(against(True, context, lambda port: target(port, tmp_path)))
    assert error.problem is LinkProblem.TLS_UNTRUSTED and "self-signed" in str(error)


def test_a_server_that_is_no_tls_server_or_hangs_up_at_once_is_not_called_weak(tmp_path: Path) -> None:
    async def main() -> None:
        async with csms(stay) as port:  # plain websockets
            assert (await failure(target(port, tmp_path))).problem is LinkProblem.TLS_FAILED

        async def leave(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.transport.abort()

        server = await asyncio.start_server(leave, "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            assert await what_it_offers("127.0.0.1", port) is None
            assert (await failure(target(port, tmp_path))).problem is LinkProblem.TLS_FAILED

    asyncio.run(main())


# ---- roots installed at run time


def test_a_csms_with_the_old_root_is_verified_with_the_old_group(tmp_path: Path) -> None:
    """M05.FR.13: first the new root, then the one it replaced; at last what station.toml says."""

    async def main() -> None:
        new, old, own = (root_file(tmp_path, name) for name in ("New", "CSMS", "Own"))
        async with AsyncExitStack() as stack:
            ports = {
                name: await stack.enter_async_context(csms(stay, tls=server_tls(certificate(ca=name))))
                for name in ("New", "CSMS", "Own", "Nobody")
            }
            for name, roots in (("New", (new,)), ("CSMS", (old,)), ("Own", ())):
                link = await connect(target(ports[name], tmp_path, trust=((new,), (old,)), ca_file=own))
                assert link.roots == roots
                await link.close()
            error = await failure(target(ports["Nobody"], tmp_path, trust=((new,), (old,)), ca_file=own))
            assert error.problem is LinkProblem.TLS_UNTRUSTED and str(own) in str(error)

    asyncio.run(main())


def test_16_SEC_22_of_several_roots_the_one_that_was_used_is_known(tmp_path: Path) -> None:
    """Only that one is in use (M04.FR.06). The files may have text before the certificate."""

    async def main() -> None:
        files = tuple(root_file(tmp_path, name) for name in ("New", "CSMS", "Own"))
        files[1].write_text("Issuer-Key-SHA256: 00\n" + files[1].read_text())
        async with csms(stay, tls=server_tls(certificate(ca="CSMS"))) as port:
            link = await connect(target(port, tmp_path, trust=(files,)))
            assert link.roots == (files[1],)
            await link.close()

    asyncio.run(main())


def test_where_python_does_not_tell_the_root_it_is_one_of_them(tmp_path: Path) -> None:
    roots = (tmp_path / "a.pem", tmp_path / "b.pem")
    assert verified_with(object(), roots) == roots

    class Later:  # Python 3.13
        def get_verified_chain(self) -> list[bytes]:
            return [b"leaf", ssl.PEM_cert_to_DER_cert(root_file(tmp_path, "CSMS").read_text())]

    assert verified_with(Later(), (*roots, root_file(tmp_path, "CSMS"))) == (root_file(tmp_path, "CSMS"),)
    assert verified_with(Later(), roots) == roots


def test_a_new_root_that_the_old_one_signed_is_enough(tmp_path: Path) -> None:
    """White paper 7.1: the path ends at the new root, also when the old one is gone."""
    new = trustme.CA(parent_cert=authority())
    path = tmp_path / "new.pem"
    new.cert_pem.write_to_path(str(path))

    async def main() -> None:
        async with csms(stay, tls=server_tls(new.issue_cert("127.0.0.1"))) as port:
            link = await connect(target(port, tmp_path, ca_file=path))
            await link.close()

    asyncio.run(main())


# ---- client certificates


@pytest.mark.parametrize("newest", [V12, V13])
def test_16_SEC_11_the_client_certificate_is_used_and_no_password_is_sent(
    tmp_path: Path, newest: ssl.TLSVersion
) -> None:
    async def main() -> None:
        seen: list[tuple[Any, str | None]] = []

        async def look(websocket: ServerConnection) -> None:
            assert websocket.request is not None
            peer = websocket.transport.get_extra_info("ssl_object").getpeercert()
            seen.append((peer["subject"], websocket.request.headers.get("Authorization")))
            await websocket.wait_closed()

        chain, key = client_files(tmp_path, "Operator")
        context = server_tls(newest=newest, ciphers="ALL", clients="Operator")
        async with csms(look, tls=context) as port:
            link = await connect(target(port, tmp_path, security_profile=3, chain=chain, key=key))
            await link.close()
        ((subject, password),) = seen
        assert (("commonName", "SN-1"),) in subject and password is None

    asyncio.run(main())


@pytest.mark.parametrize("alerting", [True, False], ids=["alerts", "hangs up"])
@pytest.mark.parametrize("newest", [V12, V13])
@pytest.mark.parametrize("expired", [False, True])
def test_16_SEC_11_a_client_certificate_that_the_csms_refuses(
    tmp_path: Path, newest: ssl.TLSVersion, alerting: bool, expired: bool
) -> None:
    chain, key = client_files(tmp_path, "Operator" if expired else "Somebody", expired=expired)
    context = server_tls(newest=newest, ciphers="ALL", clients="Operator")
    error = asyncio.run(
        against(
            alerting, context, lambda port: target(port, tmp_path, security_profile=3, chain=chain, key=key)
        )
    )
    assert error.problem is LinkProblem.CLIENT_CERTIFICATE


@pytest.mark.parametrize("newest", [V12, V13])
def test_a_csms_that_demands_a_certificate_of_profile_2(tmp_path: Path, newest: ssl.TLSVersion) -> None:
    context = server_tls(newest=newest, ciphers="ALL", clients="Operator")
    error = asyncio.run(against(True, context, lambda port: target(port, tmp_path)))
    assert error.problem is LinkProblem.CLIENT_CERTIFICATE


def test_files_that_are_no_certificates_are_named(tmp_path: Path) -> None:
    chain, key = client_files(tmp_path)
    _, other_key = client_files(tmp_path, "Somebody")
    empty = tmp_path / "empty.pem"
    empty.write_text("nothing\n")
    for files in ((chain, other_key), (empty, key), (chain, empty), (tmp_path / "gone.pem", key)):
        with pytest.raises(BadTlsFile, match="expected a certificate chain and its unencrypted key"):
            handshake((), *files)
    for root in (empty, tmp_path / "gone.pem"):
        with pytest.raises(BadTlsFile, match=r"expected a readable file of PEM certificates"):
            handshake((root,))


def test_what_is_valid_now(tmp_path: Path) -> None:
    chain, key = client_files(tmp_path)
    old_chain, old_key = client_files(tmp_path, expired=True)
    now_ms = round(days(0).timestamp() * 1000)
    assert valid_pair(chain, key, now_ms) and valid_pair(old_chain, old_key, now_ms - 5 * 86_400_000)
    assert not valid_pair(old_chain, old_key, now_ms) and not valid_pair(chain, old_key, now_ms)
    assert not valid_pair(tmp_path / "gone", key, now_ms)
    assert valid_root_in(root_file(tmp_path), now_ms)
    assert not valid_root_in(root_file(tmp_path), now_ms + 10**15)
    assert not valid_root_in(key, now_ms)
