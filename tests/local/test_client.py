import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from controller.local.client import LocalClient, Unreachable
from controller.local.messages import INVALID_PARAMS, MAX_LINE_BYTES, RpcError
from tests.local.support import served_controller


@contextmanager
def answering(path: Path, *chunks: bytes) -> Iterator[None]:
    """A peer that answers the first request with ``chunks`` and hangs up when the client does."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()

    def serve() -> None:
        connection, _ = listener.accept()
        connection.recv(65536)
        try:
            for chunk in chunks:
                connection.sendall(chunk)
            if chunks:
                connection.shutdown(socket.SHUT_WR)
            while connection.recv(65536):
                pass
        except OSError:
            pass  # the client has hung up, which some tests are about
        connection.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield
    finally:
        thread.join(10)
        listener.close()


def test_calls_and_errors_over_a_real_socket(tmp_path: Path) -> None:
    with served_controller(tmp_path), LocalClient(tmp_path / "controller.sock") as client:
        assert client.call("status")["identity"] == "CP-1"
        with pytest.raises(RpcError, match="did you mean") as caught:
            client.call("settings.get", {"name": "nope"})
        assert caught.value.code == INVALID_PARAMS
        assert client.call("settings.get", {"name": "TxCtrlr.EVConnectionTimeOut"})["value"] == "60"


def test_a_stream_yields_until_the_server_goes(tmp_path: Path) -> None:
    with served_controller(tmp_path) as (controller, served):
        client = LocalClient(tmp_path / "controller.sock")
        items = client.stream("events")
        assert next(items)["topic"] == "station"

        def offer() -> None:
            controller.queues[0].offer("event", {"seq": 4})

        served.loop.call_soon_threadsafe(offer)
        assert next(items) == {"topic": "event", "data": {"seq": 4}, "lost": 0}
    with pytest.raises(Unreachable, match="closed the connection"):
        next(items)


def test_split_and_joined_chunks_are_put_together(tmp_path: Path) -> None:
    note = b'{"jsonrpc":"2.0","method":"item","params":{}}\n'
    with (
        answering(tmp_path / "s", note + b'{"jsonrpc":"2.0",', b'"id":1,"result":5}\n'),
        LocalClient(tmp_path / "s") as client,
    ):
        assert client.call("x") == 5


def test_silence_ends_after_the_timeout(tmp_path: Path) -> None:
    with answering(tmp_path / "s"), pytest.raises(Unreachable, match=r"not answered within 0\.05 s"):
        LocalClient(tmp_path / "s", timeout_s=0.05).call("x")


def test_a_flood_without_a_newline_is_bounded(tmp_path: Path) -> None:
    with (
        answering(tmp_path / "s", b"x" * (MAX_LINE_BYTES + 70_000)),
        pytest.raises(Unreachable, match="a line of more than"),
    ):
        LocalClient(tmp_path / "s").call("x")


def test_missing_directory_missing_socket_and_stale_socket_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match=r"controller is not running: no directory .*nope.* --dir"):
        LocalClient(tmp_path / "nope" / "controller.sock").call("status")
    with pytest.raises(Unreachable, match=r"bench is not running: no socket .*joulepost bench serve"):
        LocalClient(tmp_path / "bench.sock").call("status")
    stale = socket.socket(socket.AF_UNIX)
    stale.bind(str(tmp_path / "csms.sock"))
    stale.close()
    with pytest.raises(Unreachable, match="csms is not running: it left its socket behind"):
        LocalClient(tmp_path / "csms.sock").call("status")


def test_a_file_in_place_of_socket_or_directory_is_named(tmp_path: Path) -> None:
    (tmp_path / "controller.sock").write_text("")
    with pytest.raises(Unreachable, match="is not a socket"):
        LocalClient(tmp_path / "controller.sock").call("status")
    with pytest.raises(Unreachable, match="is not a directory"):
        LocalClient(tmp_path / "controller.sock" / "x.sock").call("status")


def test_a_path_beyond_107_bytes_is_named(tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match="at most 107"):
        LocalClient(tmp_path / ("y" * 110)).call("status")


def test_permission_denied_says_which_group_is_missing(tmp_path: Path) -> None:
    for parent in [tmp_path, *list(tmp_path.parents)[:2]]:
        parent.chmod(0o755)
    # Root is denied nothing, so as root the client becomes somebody else (after its imports, which the other
    # user may not be allowed to read).
    code = (
        "import os, sys\n"
        "from controller.local.client import LocalClient, Unreachable\n"
        "if os.getuid() == 0: os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "try: LocalClient(sys.argv[1]).call('status')\n"
        "except Unreachable as exc: print(exc)\n"
    )
    path = tmp_path / "controller.sock"
    with served_controller(tmp_path):
        if os.getuid() != 0:
            path.chmod(0)
        found = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=True)
    assert "permission denied: become a member of the socket's group" in found.stdout


def test_the_client_needs_no_event_loop() -> None:
    code = "import sys, controller.local.client; print('asyncio' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False"
