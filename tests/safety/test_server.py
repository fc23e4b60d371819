import select
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.safety.permit import Permit
from controller.safety.server import MOST_CLIENTS, MOST_MESSAGES, PermitServer, ServerError
from controller.safety.wire import encode_permit

PERMIT = Permit(1, 5, 16_000, 10_000)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[PermitServer]:
    server = PermitServer(tmp_path)
    yield server
    server.close()


def connect(server: PermitServer) -> socket.socket:
    client = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    client.connect(str(server.path))
    client.setblocking(False)
    return client


def receive(server: PermitServer) -> list[Permit]:
    permits: list[Permit] = []
    server.receive(permits.append)
    return permits


def test_the_file_mode_decides_who_may(server: PermitServer) -> None:
    assert stat.S_IMODE(server.path.stat().st_mode) == 0o660


def test_permits_arrive_and_reports_leave(server: PermitServer) -> None:
    client = connect(server)
    assert server.receive(lambda permit: None), "a new client wants to know everything"
    client.send(encode_permit(PERMIT))
    assert receive(server) == [PERMIT]
    server.send([b"one", b"two"])
    assert (client.recv(100), client.recv(100)) == (b"one", b"two")


def test_nobody_there_costs_nothing(server: PermitServer) -> None:
    server.send([b"x"])
    assert receive(server) == [] and server.dropped == 0


def test_nonsense_is_counted_and_ignored(server: PermitServer) -> None:
    client = connect(server)
    server.receive(lambda permit: None)
    good = encode_permit(PERMIT)
    for message in (b"\0", b"x" * 5_000, good[:-1], good + b"\0", good[::-1]):
        client.send(message)
    client.send(good)
    assert receive(server) == [PERMIT] and server.malformed == 5 and server.clients == 1


def test_a_client_that_does_not_read_loses_reports_and_blocks_nobody(server: PermitServer) -> None:
    slow, quick = connect(server), connect(server)
    server.receive(lambda permit: None)
    server.receive(lambda permit: None)
    for index in range(5_000):
        server.send([index.to_bytes(4, "little") * 75])
        assert quick.recv(1_000)[:4] == index.to_bytes(4, "little")
    assert server.dropped > 0 and server.clients == 2
    assert slow.recv(1_000)


def test_a_flood_is_taken_in_portions(server: PermitServer) -> None:
    client = connect(server)
    server.receive(lambda permit: None)
    sent = 0
    try:
        while sent < 1_000:
            client.send(encode_permit(PERMIT))
            sent += 1
    except BlockingIOError:
        pass
    assert sent > MOST_MESSAGES
    assert len(receive(server)) == MOST_MESSAGES


def test_a_client_that_goes_away_is_forgotten(server: PermitServer) -> None:
    client = connect(server)
    server.receive(lambda permit: None)
    client.close()
    receive(server)
    assert server.clients == 0


def test_a_client_that_goes_away_before_a_report_is_forgotten(server: PermitServer) -> None:
    client = connect(server)
    server.receive(lambda permit: None)
    client.close()
    server.send([b"x"])
    assert server.clients == 0


def test_there_is_room_for_a_few(server: PermitServer) -> None:
    clients = [connect(server) for _ in range(MOST_CLIENTS)]
    for _ in range(MOST_CLIENTS):
        server.receive(lambda permit: None)
    assert server.clients == MOST_CLIENTS
    extra = connect(server)
    assert not server.receive(lambda permit: None)
    assert select.select([extra], [], [], 1)[0] and extra.recv(10) == b""
    assert server.clients == len(clients)


def test_a_leftover_of_a_killed_process_is_replaced(tmp_path: Path) -> None:
    leftover = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    leftover.bind(str(tmp_path / "safety.sock"))
    leftover.close()
    server = PermitServer(tmp_path)
    connect(server)
    server.close()
    assert not (tmp_path / "safety.sock").exists()


def test_two_processes_never_share_a_directory(server: PermitServer, tmp_path: Path) -> None:
    with pytest.raises(ServerError, match="another safety process"):
        PermitServer(tmp_path)
    connect(server)


def test_a_missing_directory_is_named(tmp_path: Path) -> None:
    with pytest.raises(ServerError, match=r"missing.*create it"):
        PermitServer(tmp_path / "missing")


def test_a_path_that_is_too_long_is_named(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 120)
    deep.mkdir()
    with pytest.raises(ServerError, match="expected at most 107"):
        PermitServer(deep)


def test_a_path_that_is_taken_by_a_directory_is_named(tmp_path: Path) -> None:
    (tmp_path / "safety.sock").mkdir()
    with pytest.raises(ServerError, match=r"safety\.sock"):
        PermitServer(tmp_path)
    assert (tmp_path / "safety.sock").is_dir()
