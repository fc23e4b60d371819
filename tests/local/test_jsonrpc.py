import asyncio
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from controller.local.jsonrpc import MAX_SUBSCRIPTIONS, AlreadyServed, LocalServer
from controller.local.messages import (
    FAILED,
    INTERNAL_ERROR,
    INVALID_PARAMS,
    INVALID_REQUEST,
    MAX_LINE_BYTES,
    METHOD_NOT_FOUND,
    PARSE_ERROR,
    REFUSED,
)
from controller.local.ports import Refused
from controller.local.sockets import PathTooLong


def add(a: int, b: int = 1) -> int:
    """Add two numbers."""
    return a + b


async def later(text: str | None = None) -> str:
    await asyncio.sleep(0)
    return text or "nothing"


def scale(factor: float, names: list[str]) -> float:
    return factor * len(names)


def refuse() -> None:
    raise Refused("read-only", "ReadOnly")


def lose() -> None:
    raise TimeoutError


def crash() -> None:
    raise RuntimeError("a bug")


def unspeakable() -> object:
    return object()


async def count(until: int = 3) -> AsyncIterator[int]:
    for number in range(until):
        yield number


METHODS: dict[str, Callable[..., Any]] = {
    "add": add,
    "later": later,
    "scale": scale,
    "refuse": refuse,
    "lose": lose,
    "crash": crash,
    "unspeakable": unspeakable,
}


async def talk(path: Path, *lines: bytes | dict[str, Any]) -> list[dict[str, Any]]:
    """Send all lines at once, return an answer for each request with an id."""
    reader, writer = await asyncio.open_unix_connection(path)
    for line in lines:
        writer.write(
            line if isinstance(line, bytes) else json.dumps({"jsonrpc": "2.0", **line}).encode() + b"\n"
        )
    writer.write_eof()
    answers = [json.loads(line) for line in (await asyncio.wait_for(reader.read(), 10)).splitlines()]
    writer.close()
    return answers


def serve_and(path: Path, *lines: bytes | dict[str, Any]) -> list[dict[str, Any]]:
    async def body() -> list[dict[str, Any]]:
        async with LocalServer(path, 0o660, METHODS, {"count": count}):
            return await talk(path, *lines)

    return asyncio.run(body())


def test_methods_are_called_by_name_and_by_position(tmp_path: Path) -> None:
    answers = serve_and(
        tmp_path / "s",
        {"id": 1, "method": "add", "params": {"a": 2, "b": 3}},
        {"id": "x", "method": "add", "params": [4]},
        {"id": 3, "method": "later"},
        {"id": 4, "method": "scale", "params": {"factor": 2, "names": ["a"]}},
    )
    assert [(one["id"], one["result"]) for one in answers] == [(1, 5), ("x", 5), (3, "nothing"), (4, 2)]


def test_a_notification_is_carried_out_and_not_answered(tmp_path: Path) -> None:
    answers = serve_and(tmp_path / "s", {"method": "add", "params": [1]}, {"id": 2, "method": "later"})
    assert [one["id"] for one in answers] == [2]


@pytest.mark.parametrize(
    ("request_", "code", "text"),
    [
        ({"method": "nope"}, METHOD_NOT_FOUND, "nope"),
        (
            {"method": "add"},
            INVALID_PARAMS,
            "missing a required argument: 'a'; parameters: a: int, b: int = 1",
        ),
        ({"method": "add", "params": {"c": 1}}, INVALID_PARAMS, "'a'"),
        ({"method": "add", "params": {"a": "1"}}, INVALID_PARAMS, "a: expected int, found '1'"),
        ({"method": "add", "params": {"a": True}}, INVALID_PARAMS, "a: expected int, found True"),
        ({"method": "add", "params": {"a": 1.5}}, INVALID_PARAMS, "a: expected int"),
        ({"method": "later", "params": {"text": 3}}, INVALID_PARAMS, "text: expected"),
        ({"method": "scale", "params": [1, {}]}, INVALID_PARAMS, "names: expected list"),
        ({"method": "refuse"}, REFUSED, "read-only"),
        ({"method": "lose"}, FAILED, "lose: TimeoutError"),
        ({"method": "crash"}, INTERNAL_ERROR, "crash failed: RuntimeError: a bug"),
        ({"method": "unspeakable"}, INTERNAL_ERROR, "not JSON"),
        ({"method": "subscribe"}, INVALID_PARAMS, "stream"),
        ({"method": "subscribe", "params": {"stream": "nope"}}, INVALID_PARAMS, "there are: count"),
        ({"method": "subscribe", "params": {"stream": "count", "until": "x"}}, INVALID_PARAMS, "until"),
        ({"method": "unsubscribe", "params": {"subscription": 9}}, INVALID_PARAMS, "no subscription 9"),
    ],
)
def test_errors_have_a_code_and_name_what_was_expected(
    tmp_path: Path, request_: dict[str, Any], code: int, text: str
) -> None:
    (answer,) = serve_and(tmp_path / "s", {"id": 1, **request_})
    assert answer["id"] == 1
    assert answer["error"]["code"] == code
    assert text in answer["error"]["message"]


def test_a_refusal_tells_its_reason(tmp_path: Path) -> None:
    (answer,) = serve_and(tmp_path / "s", {"id": 1, "method": "refuse"})
    assert answer["error"]["data"] == {"reason": "ReadOnly"}


def test_garbage_is_answered_and_the_connection_goes_on(tmp_path: Path) -> None:
    answers = serve_and(tmp_path / "s", b"garbage\n", b"\n", b'{"id": 8}\n', {"id": 2, "method": "later"})
    assert [answer.get("error", {}).get("code") for answer in answers] == [PARSE_ERROR, INVALID_REQUEST, None]
    assert [answer["id"] for answer in answers] == [None, 8, 2]


def test_a_line_beyond_the_bound_is_answered_and_hung_up(tmp_path: Path) -> None:
    async def body() -> list[dict[str, Any]]:
        async with LocalServer(tmp_path / "s", 0o660, METHODS):
            reader, writer = await asyncio.open_unix_connection(tmp_path / "s")
            writer.write(b"x" * (MAX_LINE_BYTES + 2))
            answer = json.loads(await asyncio.wait_for(reader.readline(), 10))
            with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
                await asyncio.wait_for(reader.readexactly(1), 10)
            writer.close()
            (other,) = await talk(tmp_path / "s", {"id": 1, "method": "later"})
            return [answer, other]

    answer, other = asyncio.run(body())
    assert answer["error"]["code"] == INVALID_REQUEST
    assert other["result"] == "nothing"


def test_a_stream_ends_with_a_notification(tmp_path: Path) -> None:
    async def body() -> list[dict[str, Any]]:
        async with LocalServer(tmp_path / "s", 0o660, METHODS, {"count": count}):
            reader, writer = await asyncio.open_unix_connection(tmp_path / "s")
            request = {
                "jsonrpc": "2.0",
                "id": 1,
                "method": "subscribe",
                "params": {"stream": "count", "until": 2},
            }
            writer.write(json.dumps(request).encode() + b"\n")
            lines = [json.loads(await asyncio.wait_for(reader.readline(), 10)) for _ in range(4)]
            writer.close()
            return lines

    answer, first, second, end = asyncio.run(body())
    assert answer["result"] == {"subscription": 1}
    assert [first["params"], second["params"]] == [
        {"subscription": 1, "item": 0},
        {"subscription": 1, "item": 1},
    ]
    assert end == {"jsonrpc": "2.0", "method": "end", "params": {"subscription": 1}}


def test_unsubscribe_and_hanging_up_end_the_generator(tmp_path: Path) -> None:
    ended: list[str] = []

    async def forever(name: str) -> AsyncIterator[int]:
        try:
            yield 0
            await asyncio.Event().wait()
        finally:
            ended.append(name)

    async def body() -> None:
        async with LocalServer(tmp_path / "s", 0o660, {}, {"forever": forever}):
            reader, writer = await asyncio.open_unix_connection(tmp_path / "s")
            for number, name in ((1, "one"), (2, "two")):
                params = {"stream": "forever", "name": name}
                writer.write(request(number, "subscribe", params))
            for _ in range(4):
                await asyncio.wait_for(reader.readline(), 10)
            writer.write(request(3, "unsubscribe", {"subscription": 1}))
            await asyncio.wait_for(reader.readline(), 10)
            await until(lambda: ended == ["one"])
            writer.close()
            await until(lambda: ended == ["one", "two"])

    def request(number: int, method: str, params: dict[str, Any]) -> bytes:
        return (
            json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": params}).encode() + b"\n"
        )

    asyncio.run(body())


async def until(condition: Any) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.001)


def test_subscriptions_of_one_connection_are_bounded(tmp_path: Path) -> None:
    async def silent() -> AsyncIterator[int]:
        await asyncio.Event().wait()
        yield 0

    async def body() -> list[dict[str, Any]]:
        async with LocalServer(tmp_path / "s", 0o660, {}, {"silent": silent}):
            lines = [
                {"id": number, "method": "subscribe", "params": {"stream": "silent"}}
                for number in range(MAX_SUBSCRIPTIONS + 1)
            ]
            return await talk(tmp_path / "s", *lines)

    answers = asyncio.run(body())
    assert ["result" in answer for answer in answers] == [True] * MAX_SUBSCRIPTIONS + [False]


def test_methods_lists_methods_and_streams_with_their_first_line(tmp_path: Path) -> None:
    (answer,) = serve_and(tmp_path / "s", {"id": 1, "method": "methods"})
    table = {row["name"]: row for row in answer["result"]}
    assert table["add"] == {
        "name": "add",
        "kind": "method",
        "params": {"a": "int", "b": "int"},
        "about": "Add two numbers.",
    }
    assert table["count"]["kind"] == "stream"


@pytest.mark.parametrize("mode", [0o600, 0o660])
def test_the_mode_of_the_file_is_exact_and_the_file_goes_with_the_server(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "run" / "s"

    async def body() -> int:
        async with LocalServer(path, mode, METHODS):
            return path.stat().st_mode

    assert stat.S_IMODE(asyncio.run(body())) == mode
    assert not path.exists()


def run(coroutine: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(coroutine)


def test_a_second_server_on_a_live_socket_is_refused_with_the_pid(tmp_path: Path) -> None:
    async def body() -> None:
        async with LocalServer(tmp_path / "s", 0o660, METHODS):
            with pytest.raises(AlreadyServed, match=rf"pid {os.getpid()}\)"):
                await LocalServer(tmp_path / "s", 0o660, METHODS).start()
            (answer,) = await talk(tmp_path / "s", {"id": 1, "method": "later"})
            assert answer["result"] == "nothing"

    run(body())


def test_the_socket_of_a_killed_server_is_replaced(tmp_path: Path) -> None:
    code = f"""
import asyncio
from pathlib import Path
from controller.local.jsonrpc import LocalServer
async def main():
    async with LocalServer(Path({str(tmp_path / "s")!r}), 0o660, {{}}):
        print("up", flush=True)
        await asyncio.Event().wait()
asyncio.run(main())
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"up\n"
        child.send_signal(signal.SIGKILL)
    assert stat.S_ISSOCK((tmp_path / "s").stat().st_mode)
    (answer,) = serve_and(tmp_path / "s", {"id": 1, "method": "later"})
    assert answer["result"] == "nothing"


def test_a_file_that_is_no_socket_is_never_removed(tmp_path: Path) -> None:
    path = tmp_path / "s"
    path.write_text("precious")
    with pytest.raises(FileExistsError, match="is not a socket"):
        run(LocalServer(path, 0o660, METHODS).start())
    assert path.read_text() == "precious"


def test_a_path_too_long_for_the_kernel_is_named(tmp_path: Path) -> None:
    with pytest.raises(PathTooLong, match="at most 107"):
        run(LocalServer(tmp_path / ("x" * 120) / "s", 0o660, METHODS).start())


def test_a_failed_start_leaves_the_lock_free(tmp_path: Path) -> None:
    path = tmp_path / "s"
    path.write_text("")
    with pytest.raises(FileExistsError):
        run(LocalServer(path, 0o660, METHODS).start())
    path.unlink()
    assert serve_and(path, {"id": 1, "method": "later"})


def test_a_peer_that_hangs_up_at_once_harms_nobody(tmp_path: Path) -> None:
    async def body() -> list[dict[str, Any]]:
        async with LocalServer(tmp_path / "s", 0o660, METHODS):
            for _ in range(5):
                peer = socket.socket(socket.AF_UNIX)
                peer.connect(str(tmp_path / "s"))
                peer.send(b'{"jsonrpc": "2.0", "id": 1, "method": "later"}\n{"half')
                peer.close()
            return await talk(tmp_path / "s", {"id": 1, "method": "later"})

    assert asyncio.run(body())[0]["result"] == "nothing"
